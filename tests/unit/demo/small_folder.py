"""One household, one line, one campaign and one redemption in the seven files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

SMALL_FILES = {
    "campaign_descriptions.csv.gz": "campaign_id,campaign_type,start_date,end_date\n1,Type A,2017-03-01,2017-03-31\n",
    "campaigns.csv.gz": "campaign_id,household_id\n1,70\n1,80\n",
    "coupon_redemptions.csv.gz": "household_id,coupon_upc,campaign_id,redemption_date\n70,500,1,2017-03-10\n",
    "coupons.csv.gz": "coupon_upc,product_id,campaign_id\n500,9,1\n",
    "demographics.csv.gz": (
        "household_id,age,income,home_ownership,marital_status,household_size,household_comp,kids_count\n"
        "70,45-54,35-49K,,Married,2,2 Adults No Kids,0\n"
    ),
    "products.csv.gz": "product_id,department,product_category\n9,SEAFOOD-PCKGD,SEAFOOD - FROZEN\n",
    "transactions_sample.csv.gz": (
        "household_id,basket_id,product_id,quantity,sales_value,transaction_timestamp\n"
        "70,1001,9,1.0,3.86,2017-03-05 19:06:53\n"
    ),
}

MakeFolder = Callable[[Mapping[str, str | None]], Path]
