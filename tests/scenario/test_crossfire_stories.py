"""Several campaigns want one customer on one day: one of them writes, and the others say why not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ceasefire.pipelines.workspace import load_brand
from ceasefire.tables import WITHHELD_SENDS
from frames import assert_same_rows
from scenario.windows import candidates_of, decisions_after, decisions_of, frame_of
from unit.pipelines.shop import CHANNELS, campaign, shop

SHOWCASE = load_brand(Path(__file__).parents[2] / "conf" / "brands" / "showcase", {})
FLASH_SALE_DAY = datetime(2026, 11, 27, 11, tzinfo=UTC)
"""Six in the morning in New York."""
DAY = timedelta(days=1)
AN_ORDER_IS_A_HUNDRED_DOLLARS = 10_000.0

PETER = {
    "days_since_registration": 3.0,
    "handbag_browse_count_since_registration": 2,
    "birthday_week": "yes",
    "marketing_consent_ad_audience": None,
}
"""Registered three days ago, looked at handbags, birthday this week; never agreed to advertisements."""

NEW, BIRTHDAY = {"is_new": "yes"}, {"has_birthday": "yes"}
WELCOME = campaign("welcome", priority=10)
BIRTHDAY_OFFER = campaign(
    "birthday", audience={"any": ["has_birthday"]}, value={"share_of_order": 0.30}, priority=20, duration="3d"
)


def test_peter_gets_one_of_the_four_messages_that_want_him_and_the_others_say_why_not(spark: SparkSession) -> None:
    # when welcome, birthday, holiday and flash sale all want Peter on one morning
    decisions = decisions_of(
        spark, SHOWCASE, {"peter": PETER}, FLASH_SALE_DAY, brand_mean_order_minor=AN_ORDER_IS_A_HUNDRED_DOLLARS
    )

    # then his birthday wins, at eight in New York
    assert_same_rows(
        decisions,
        [("peter", "send", None, "birthday", "email", FLASH_SALE_DAY + timedelta(hours=2), "birthday/sms")],
        [
            "customer_id",
            "outcome",
            "reason_code",
            "treatment.campaign_id",
            "treatment.channel",
            "treatment.slot_at",
            "runner_up",
        ],
    )
    # and each way in which another could have reached him has its reason
    assert_same_rows(
        candidates_of(decisions),
        [
            ("new_customer", "email", 7_800_000, "lost_to_better"),
            ("new_customer", "push", 7_900_000, "lost_to_better"),
            ("birthday", "email", 29_800_000, None),
            ("birthday", "sms", 26_000_000, "lost_to_better"),
            ("holiday", "email", 7_800_000, "lost_to_better"),
            ("flash_sale", "push", 3_650_000, "lost_to_better"),
            ("flash_sale", "email", 3_550_000, "lost_to_better"),
            ("flash_sale", "ad_audience", 1_750_000, "no_consent"),
        ],
        ["campaign_id", "channel", "value_micros", "reason_code"],
    )


def test_on_the_day_after_his_birthday_mail_peter_is_left_alone_and_each_campaign_says_why(spark: SparkSession) -> None:
    # given Peter got the birthday mail, which asks for five quiet days
    friday = decisions_of(
        spark, SHOWCASE, {"peter": PETER}, FLASH_SALE_DAY, brand_mean_order_minor=AN_ORDER_IS_A_HUNDRED_DOLLARS
    )

    saturday = decisions_after(spark, SHOWCASE, {"peter": PETER}, FLASH_SALE_DAY + DAY, friday)

    assert_same_rows(saturday, [("peter", "silence", "duration_lock")], ["customer_id", "outcome", "reason_code"])
    assert_same_rows(
        candidates_of(saturday).where("channel = 'email'"),
        [
            ("new_customer", "duration_lock"),
            ("birthday", "reentry_limit"),
            ("holiday", "duration_lock"),
            ("flash_sale", "duration_lock"),
        ],
        ["campaign_id", "reason_code"],
    )


def test_a_refund_notice_goes_out_in_the_quiet_days_and_needs_no_marketing_consent(spark: SparkSession) -> None:
    # given Peter got the birthday mail, then unsubscribed and sent something back
    friday = decisions_of(
        spark, SHOWCASE, {"peter": PETER}, FLASH_SALE_DAY, brand_mean_order_minor=AN_ORDER_IS_A_HUNDRED_DOLLARS
    )
    returned = PETER | {"return_count_24h": 1, "marketing_consent_email": "withdrawn"}

    saturday = decisions_after(spark, SHOWCASE, {"peter": returned}, FLASH_SALE_DAY + DAY, friday)

    assert_same_rows(
        saturday,
        [
            ("window", "duration_lock", None, None),
            ("transactional/refund_notice", None, "refund_notice", "transactional"),
        ],
        ["lane", "reason_code", "treatment.campaign_id", "treatment.class"],
    )


def test_a_refund_notice_and_a_birthday_mail_reach_peter_on_one_day(spark: SparkSession) -> None:
    returned = PETER | {"return_count_24h": 1}

    decisions = decisions_of(
        spark, SHOWCASE, {"peter": returned}, FLASH_SALE_DAY, brand_mean_order_minor=AN_ORDER_IS_A_HUNDRED_DOLLARS
    )

    assert_same_rows(
        decisions,
        [
            ("window", "birthday", "email", 29_800_000),
            ("transactional/refund_notice", "refund_notice", "email", -200_000),
        ],
        ["lane", "treatment.campaign_id", "treatment.channel", "value_micros"],
    )
    assert_same_rows(
        candidates_of(decisions).where("campaign_id = 'refund_notice'"),
        [("email", None), ("push", "lost_to_better")],
        ["channel", "reason_code"],
    )


def test_a_and_b_are_open_for_the_same_two_campaigns_and_each_gets_the_better_one(spark: SparkSession) -> None:
    # given A, who orders for 200 euros, and B, who orders for 5, both new and both with a birthday
    rows = {
        "A": NEW | BIRTHDAY | {"own_mean_order_minor": 20_000.0},
        "B": NEW | BIRTHDAY | {"own_mean_order_minor": 500.0},
    }

    decisions = decisions_of(spark, shop([WELCOME, BIRTHDAY_OFFER]), rows)

    assert_same_rows(
        candidates_of(decisions),
        [
            ("A", "birthday", 59_800_000, None),
            ("A", "welcome", 3_800_000, "lost_to_better"),
            ("B", "birthday", 1_300_000, "lost_to_better"),
            ("B", "welcome", 3_800_000, None),
        ],
        ["customer_id", "campaign_id", "value_micros", "reason_code"],
    )


def test_a_sends_last_quiet_day_is_closed_and_the_next_is_open(spark: SparkSession) -> None:
    # given a birthday mail with three quiet days, sent on a Monday
    at_work = shop([WELCOME, BIRTHDAY_OFFER])
    monday = datetime(2026, 6, 1, 4, tzinfo=UTC)
    buyer = BIRTHDAY | {"own_mean_order_minor": 20_000.0}
    sent = decisions_of(spark, at_work, {"a": buyer}, monday)

    # when a is new too, on Wednesday and on Thursday
    on_wednesday = decisions_after(spark, at_work, {"a": NEW}, monday + 2 * DAY, sent)
    on_thursday = decisions_after(spark, at_work, {"a": NEW}, monday + 3 * DAY, sent)

    columns = ["outcome", "reason_code", "treatment.campaign_id"]
    assert_same_rows(on_wednesday, [("silence", "duration_lock", None)], columns)
    assert_same_rows(on_thursday, [("send", None, "welcome")], columns)


def test_a_send_that_was_withheld_keeps_nobody_out(spark: SparkSession) -> None:
    at_work = shop([WELCOME, BIRTHDAY_OFFER])
    monday = datetime(2026, 6, 1, 4, tzinfo=UTC)
    sent = decisions_of(spark, at_work, {"a": BIRTHDAY | {"own_mean_order_minor": 20_000.0}}, monday)
    # given the birthday mail was stopped at the last gate
    (send_id,) = [row["send_id"] for row in sent.select("treatment.send_id").collect()]
    withheld = frame_of(spark, WITHHELD_SENDS, [{"send_id": send_id}])

    on_tuesday = decisions_after(spark, at_work, {"a": NEW}, monday + DAY, sent, withheld)

    assert_same_rows(on_tuesday, [("send", "welcome")], ["outcome", "treatment.campaign_id"])


@pytest.mark.parametrize(
    ("policy", "served", "left_out"), [("priority", "small", "large"), ("greedy", "large", "small")]
)
def test_the_last_sms_goes_to_the_first_campaign_or_to_the_best_customer(
    spark: SparkSession, policy: str, served: str, left_out: str
) -> None:
    # given room for one SMS, and the smaller customer in the campaign with the better priority
    worth = {"value": {"share_of_order": 0.30}, "channels": ["sms"]}
    offers = [campaign("first", priority=1, **worth)]
    offers.append(campaign("second", priority=2, audience={"any": ["browsed"]}, **worth))
    channels = CHANNELS | {"sms": CHANNELS["sms"] | {"capacity": {"per_window": 1}}}
    rows: dict[str, Any] = {
        "small": NEW | {"own_mean_order_minor": 2_000.0},
        "large": {"browsed": "yes", "own_mean_order_minor": 90_000.0},
    }

    decisions = decisions_of(spark, shop(offers, channels=channels), rows, policy=policy)

    assert_same_rows(
        decisions,
        [(served, "send", None), (left_out, "silence", "capacity_full")],
        ["customer_id", "outcome", "reason_code"],
    )


def test_a_customer_on_two_audience_lists_is_wanted_by_both_campaigns(spark: SparkSession) -> None:
    vip, local = "audiences/vip.csv", "audiences/local.csv"
    offers = [campaign(name, audience={"list": f"audiences/{name}.csv"}) for name in ("vip", "local")]
    at_work = shop(offers, lists={vip: ["a", "b", "not a customer yet"], local: ["a"]})

    decisions = decisions_of(spark, at_work, {"a": {}, "b": {}, "c": {}})

    assert_same_rows(
        candidates_of(decisions),
        [("a", "local", None), ("a", "vip", "lost_to_better"), ("b", "vip", None)],
        ["customer_id", "campaign_id", "reason_code"],
    )


def test_nothing_is_sent_when_nothing_is_worth_sending(spark: SparkSession) -> None:
    # given a campaign that keeps people from buying, and one whose SMS costs more than it brings
    harmful = campaign("harmful", prior_uplift=-0.01)
    dear = campaign("dear", channels=["sms"], value={"fixed": "3.99"})

    decisions = decisions_of(spark, shop([harmful, dear]), {"a": NEW})

    assert_same_rows(decisions, [("a", "silence", "value_not_positive", 0)], [
        "customer_id", "outcome", "reason_code", "value_micros",
    ])  # fmt: skip
    assert_same_rows(
        candidates_of(decisions),
        [("harmful", -4_200_000, "value_not_positive"), ("dear", -10_000, "value_not_positive")],
        ["campaign_id", "value_micros", "reason_code"],
    )


def test_nobody_falls_between_the_cracks(spark: SparkSession) -> None:
    # given customers whom each gate stops, and one in no audience at all
    june_1 = datetime(2026, 6, 1, 6, tzinfo=UTC)
    over = campaign("over", audience={"any": ["browsed"]}, active={"from": "2026-01-01", "to": "2026-05-31"})
    at_work = shop([WELCOME, BIRTHDAY_OFFER, over])
    rows: dict[str, Any] = {
        "sent": NEW,
        "in no audience": {},
        "too late": {"browsed": "yes"},
        "refused": NEW | {"marketing_consent_email": "withdrawn"},
        "unreachable": NEW | {"address_email": None},
        "not worth it": BIRTHDAY | {"own_mean_order_minor": 10.0},
    }
    earlier = decisions_of(spark, at_work, {"welcomed": NEW, "quiet": BIRTHDAY | {"own_mean_order_minor": 9e4}})
    rows |= {"welcomed": NEW, "quiet": NEW}

    decisions = decisions_after(spark, at_work, rows, june_1 + DAY - timedelta(hours=2), earlier)

    assert_same_rows(
        decisions,
        [
            ("sent", "send", None),
            ("in no audience", "silence", "not_in_audience"),
            ("too late", "silence", "outside_dates"),
            ("refused", "silence", "no_consent"),
            ("unreachable", "silence", "no_address"),
            ("not worth it", "silence", "value_not_positive"),
            ("welcomed", "silence", "reentry_limit"),
            ("quiet", "silence", "duration_lock"),
        ],
        ["customer_id", "outcome", "reason_code"],
    )


def test_ties_fall_alike_however_customers_are_partitioned(spark: SparkSession) -> None:
    # given forty customers who are all worth the same, and room for ten of each message
    few = {"capacity": {"per_window": 10}}
    at_work = shop([WELCOME | few, BIRTHDAY_OFFER | few])
    names = [f"customer {number}" for number in range(40)]
    row = NEW | BIRTHDAY | {"own_mean_order_minor": 1000.0}

    in_one = decisions_of(spark, at_work, dict.fromkeys(names, row), partitions=1).toArrow()
    in_seven = decisions_of(spark, at_work, dict.fromkeys(reversed(names), row), partitions=7).toArrow()

    assert in_one.equals(in_seven)
    assert in_one["outcome"].to_pylist().count("send") == 20
