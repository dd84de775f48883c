from __future__ import annotations

import math
import pickle
from typing import Any

import pyarrow as pa
import pytest

from ceasefire.pipelines.decision_pass import CANDIDATE_COLUMNS, DecisionPass
from ceasefire.pipelines.settlement import decision_rows, settle_window, window_of
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.scoring.uplift_model import ModelGroup, ModelInput, UpliftModel
from ceasefire.vocabulary import Policy
from unit.pipelines.shop import CLOSE, campaign, customers, pass_over, shop

ORDERS = {
    "name": "orders",
    "unit": "orders",
    "description": "Orders ever.",
    "from": {"event": "order"},
    "aggregate": "sum",
    "value": "quantity",
}
FEATURES = [
    {"name": "is_new", "unit": "answer", "description": "Yes or nothing.", "from": {"profile": "is_new"}},
    ORDERS,
]
MODEL = UpliftModel(
    (ModelInput("orders", "d", 0.0, 100.0, 10.0, 5.0, 0.6, 0.0),),
    (ModelGroup("wide", -1.0, -1.0, 0.0, 0.01, 1.0),),
)
USED = ModelInUse("coupons", 3, "sha", MODEL.to_bytes())
REFUSED = ModelInUse("coupons", 3, refusal="changed_since_promotion", detail="one file is another one")
NEVER = ModelInUse("coupons", refusal="no_champion", detail="no version is promoted")


def decided(
    model: ModelInUse, rows: dict[str, dict[str, Any]], group: str = "wide", batch_size: int = 1000
) -> dict[str, dict[str, Any]]:
    """The only candidate of each customer, for a campaign that names the model."""
    at_work = shop(
        [campaign("offer", uplift={"model": "coupons", "group": group})],
        features=FEATURES,
        segments=[{"id": "is_new", "rule": "is_new = 'yes'"}],
        models={"coupons": {"campaigns_from": "2026-01-01"}},
    )
    told = customers(at_work, {name: {"is_new": "yes"} | row for name, row in rows.items()})
    bare = pass_over(at_work, CLOSE)
    the_pass = DecisionPass(bare.brand, bare.rules, bare.ready_at, bare.brand_mean_order_minor, (model,))
    # Each batch as a task of its own gets it: pickled, the model read anew.
    batches = told.combine_chunks().to_batches(max_chunksize=batch_size)
    passed = pa.Table.from_batches([pickle.loads(pickle.dumps(the_pass)).candidates(one) for one in batches])
    window = window_of(at_work.brand, the_pass.channels, CLOSE, passed, tuple(CANDIDATE_COLUMNS), (model,))
    ledger = decision_rows(window, settle_window(window, Policy.GREEDY), "run", 7).to_pylist()
    return {row["customer_id"]: row["candidates"][0] for row in ledger}


def test_customers_of_one_campaign_get_uplifts_of_their_own_from_the_model_it_names() -> None:
    found = decided(USED, {"keen": {"orders": 20.0}, "average": {"orders": 10.0}, "cool": {"orders": 0.0}})

    assert {(one["uplift_source"], one["model"], one["model_refusal"]) for one in found.values()} == {
        ("model", "coupons/3", None)
    }
    assert found["average"]["uplift"] == pytest.approx(0.01)
    keen = 0.01 + 1 / (1 + math.exp(1.0 - 1.2)) - 1 / (1 + math.exp(1.0))
    assert found["keen"]["uplift"] == pytest.approx(keen)
    assert found["keen"]["reason_code"] is None
    # and whom the message would keep from buying is left alone
    assert found["cool"]["uplift"] < 0
    assert found["cool"]["reason_code"] == "value_not_positive"


@pytest.mark.parametrize(
    ("model", "group", "source", "label", "refusal"),
    [
        (REFUSED, "wide", "prior_model_refused", "coupons/3", "changed_since_promotion"),
        (NEVER, "wide", "prior_no_champion", "coupons", "no_champion"),
        (USED, "narrow", "prior_group_not_learnt", "coupons/3", None),
    ],
)
def test_without_a_model_that_may_speak_the_prior_counts_and_the_candidate_says_why(
    model: ModelInUse, group: str, source: str, label: str, refusal: str | None
) -> None:
    found = decided(model, {"keen": {"orders": 20.0}}, group)["keen"]

    assert (found["uplift"], found["uplift_source"]) == (0.01, source)
    assert (found["model"], found["model_refusal"]) == (label, refusal)
    assert found["reason_code"] is None


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_customer_whose_feature_is_no_number_has_that_reason_and_nobody_else(broken: float) -> None:
    found = decided(USED, {"broken": {"orders": broken}, "keen": {"orders": 20.0}})

    assert (found["broken"]["reason_code"], found["broken"]["uplift"]) == ("uplift_unknown", None)
    assert found["keen"]["reason_code"] is None


def test_into_how_many_batches_and_tasks_customers_are_cut_changes_no_bit_of_an_uplift() -> None:
    rows = {f"c{number:03d}": {"orders": number * 0.37} for number in range(200)}

    at_once = decided(USED, rows)

    for size in (1, 7, 64):
        cut = decided(USED, rows, batch_size=size)
        assert [one["uplift"].hex() for one in cut.values()] == [one["uplift"].hex() for one in at_once.values()]
