"""A model from the past to the decision, and back to the priors when something is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ceasefire.errors import CheckFailedError, UsageError
from ceasefire.ids import customer_id
from ceasefire.pipelines.explain import explain
from ceasefire.pipelines.features import close_window
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.models import models_in_use, registered_name, registry_for
from ceasefire.pipelines.run import run
from ceasefire.pipelines.training import Trained, train
from ceasefire.pipelines.training_rows import past_campaigns
from ceasefire.pipelines.workspace import Workspace, load_brand
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake, create_tables, read_table, rows_of
from ceasefire.storage.registry import promote, register_model
from ceasefire.tables import ALL_TABLES, DECISION_RUNS, DECISIONS, TRAINING_ROWS, WINDOW_CLOSES
from small_brand import BRAND, FIRST_CLOSE, WALL
from small_model import MODEL, add, write_brand_with_model, write_events_with_past

CAMPAIGN_START = datetime(2026, 2, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    workspace: Workspace
    conf: Path
    events: Path
    trained: Trained

    def windows(self, last: datetime) -> None:
        run(self.workspace, str(self.events), FIRST_CLOSE, last, lambda what: None, as_of_slot=True)


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop that has taken in its events, trained a model, and decided nothing yet."""
    folder = tmp_path_factory.mktemp("model")
    conf, events = write_brand_with_model(folder / "conf"), write_events_with_past(folder / "events")
    workspace = Workspace(Lake(spark, str(folder / "lake"), BRAND), load_brand(conf, {}), FixedClock(WALL))
    take_in(workspace, events)
    trained = train(workspace, conf, MODEL, FIRST_CLOSE - timedelta(days=1), lambda what: None)
    return Shop(workspace, conf, events, trained)


def test_training_rows_say_what_was_known_who_was_wanted_and_what_came_of_it(shop: Shop) -> None:
    # given SQL over the event files, which knows nothing of the program
    past = duckdb.sql(
        f"""
        WITH e AS (SELECT * FROM read_json('{shop.events}/past.jsonl', columns = {{customer_id: 'VARCHAR',
                   event_type: 'VARCHAR', event_at: 'TIMESTAMPTZ', product_id: 'VARCHAR', amount: 'DECIMAL(9,2)'}}))
        SELECT customer_id,
            CAST(count(*) FILTER (event_type = 'order' AND event_at < '2026-02-05T00:00:00Z'
                                  AND event_at >= '2026-01-29T00:00:00Z') AS DOUBLE),
            CAST(coalesce(sum(amount) FILTER (event_type = 'order' AND event_at < '2026-02-05T00:00:00Z'), 0) * 100
                 AS DOUBLE),
            CAST(right(customer_id, 3) AS INT) % 2 = 0,
            count(*) FILTER (product_id IN ('sledge', 'mittens') AND event_at >= '2026-02-05T00:00:00Z'
                             AND event_at < '2026-02-12T00:00:00Z') > 0
        FROM e GROUP BY customer_id
        """
    ).fetchall()
    key = shop.workspace.at_work.key
    expected = {customer_id(key, natural): tuple(rest) for natural, *rest in past}

    found = {
        row["customer_id"]: (row["inputs"][0], row["inputs"][1], row["treated"], row["outcome"])
        for row in rows_of(read_table(shop.workspace.lake, TRAINING_ROWS))
    }

    assert found == expected
    assert shop.trained.counts["sales"].treated == 120
    assert shop.trained.row_count == len(expected)


def test_what_had_not_arrived_when_a_campaign_began_is_not_known_to_training(
    spark: SparkSession, tmp_path: Path
) -> None:
    # given a window that was closed when the campaign began, and an order of before that arrives after it
    conf, events = write_brand_with_model(tmp_path / "conf"), write_events_with_past(tmp_path / "events")
    workspace = Workspace(Lake(spark, str(tmp_path / "lake"), BRAND), load_brand(conf, {}), FixedClock(WALL))
    closed = datetime(2026, 2, 4, 6, tzinfo=UTC)
    take_in(workspace, events)
    close_window(workspace, closed)
    late: list[dict[str, Any]] = []
    add(late, 1, "order", "02-03T11:00:00", order_id="late", amount="500.00")
    late[0]["event_id"] = "late"
    (events / "late.jsonl").write_text(json.dumps(late[0]) + "\n", "utf-8")
    take_in(workspace, events)

    # when the model is trained
    train(workspace, conf, MODEL, FIRST_CLOSE, lambda what: None)

    # then the order is in the log and in no training row
    mine = F.col("customer_id") == customer_id(workspace.at_work.key, "past-001")
    (row,) = rows_of(read_table(workspace.lake, TRAINING_ROWS).where(mine))
    assert row["inputs"][:2] == [0.0, 0.0]
    (close,) = rows_of(read_table(workspace.lake, WINDOW_CLOSES))
    assert row["through_batch"] == close["through_batch"]


def test_a_promoted_model_decides_and_a_flipped_byte_brings_the_priors_back_with_the_reason(shop: Shop) -> None:
    lake, name = shop.workspace.lake, registered_name(BRAND, MODEL)
    registry = registry_for(shop.workspace)

    # given nothing promoted: the model is not asked
    (before,) = models_in_use(shop.workspace, shop.workspace.brand, None)
    assert (before.number, before.refusal) == (None, "no_champion")

    # when it is promoted, the next window uses it, and says so
    promote(registry, name, shop.trained.number, "small data")
    shop.windows(FIRST_CLOSE)
    clubs = candidates_of_club(lake, FIRST_CLOSE)
    assert {(one["uplift_source"], one["model"], one["model_refusal"]) for one in clubs} == {
        ("model", f"{MODEL}/{shop.trained.number}", None)
    }
    assert len({one["uplift"] for one in clubs}) > 1
    told = explain(shop.workspace, "customer-01", FIRST_CLOSE)
    assert told.versions["models"] == f"{MODEL}/{shop.trained.number}"
    assert 0 < len(told.movers["club"]) <= 3

    # and when one byte of its parameters is another one, the window after it uses the priors, and says why
    (parameters,) = Path(lake.root).rglob("parameters.json")
    whole = parameters.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 1
    parameters.write_bytes(flipped)
    second = FIRST_CLOSE + timedelta(days=1)
    shop.windows(second)
    clubs = candidates_of_club(lake, second)
    assert {(one["uplift_source"], one["model_refusal"], one["uplift"]) for one in clubs} == {
        ("prior_model_refused", "changed_since_promotion", 0.05)
    }
    (pin,) = rows_of(read_table(lake, DECISION_RUNS).where(F.col("window_end") == F.lit(second)))[0]["models"]
    assert pin["refusal"] == "changed_since_promotion"
    assert "parameters.json" in pin["detail"]

    # and a rerun of the first window, whose model cannot be had any more, stops and says so
    (run_row,) = rows_of(read_table(lake, DECISION_RUNS).where(F.col("window_end") == F.lit(FIRST_CLOSE)))
    with pytest.raises(CheckFailedError, match=f"begun with model {MODEL}/1, which can no longer be had"):
        models_in_use(shop.workspace, shop.workspace.brand, run_row["models"])
    # while the decision of then can still be explained
    assert explain(shop.workspace, "customer-01", FIRST_CLOSE).movers == {}
    # and whole again, it is what it was
    parameters.write_bytes(whole)
    (again,) = models_in_use(shop.workspace, shop.workspace.brand, run_row["models"])
    assert again.parameters == whole


def test_a_feature_that_is_defined_anew_under_its_old_name_makes_the_model_unusable(shop: Shop) -> None:
    promote(registry_for(shop.workspace), registered_name(BRAND, MODEL), shop.trained.number, "small data")
    settled = shop.workspace.brand
    anew = tuple(
        one.model_copy(update={"window": "14d"}) if one.name == "orders_7d" else one for one in settled.features
    )

    (found,) = models_in_use(shop.workspace, replace(settled, features=anew), None)

    assert (found.refusal, found.parameters) == ("feature_redefined", None)
    assert "orders_7d" in (found.detail or "")


def test_a_window_that_was_begun_with_a_version_keeps_it_when_the_alias_moves(shop: Shop) -> None:
    registry, name = registry_for(shop.workspace), registered_name(BRAND, MODEL)
    promote(registry, name, shop.trained.number, "small data")
    (begun,) = models_in_use(shop.workspace, shop.workspace.brand, None)
    other = register_model(registry, name, begun.parameters or b"", ["orders_7d"], {"qini_low": "0.1"})
    promote(registry, name, other, None)

    (again,) = models_in_use(shop.workspace, shop.workspace.brand, [vars(begun)])
    (next_window,) = models_in_use(shop.workspace, shop.workspace.brand, None)

    assert (again.number, next_window.number) == (begun.number, other)


def test_a_registry_that_does_not_answer_leaves_the_priors(shop: Shop) -> None:
    down = replace(shop.workspace, tracking="http://127.0.0.1:9")

    (found,) = models_in_use(down, shop.workspace.brand, None)

    assert (found.refusal, found.parameters) == ("registry_unavailable", None)
    assert "127.0.0.1:9" in (found.detail or "")


def test_a_model_without_past_campaigns_or_without_a_name_is_refused_with_what_there_is(shop: Shop) -> None:
    with pytest.raises(UsageError, match=r"no model summer in brand.yaml, allowed: winter"):
        past_campaigns(shop.workspace, "summer", FIRST_CLOSE)
    with pytest.raises(UsageError, match="no campaign of model winter began on 2026-02-01 or later and had ended"):
        past_campaigns(shop.workspace, MODEL, CAMPAIGN_START)


def take_in(workspace: Workspace, events: Path) -> None:
    create_tables(workspace.lake, ALL_TABLES)
    ingest = start_ingest(workspace, str(events), once=True)
    ingest.finish()


def candidates_of_club(lake: Lake, window_end: datetime) -> list[dict[str, Any]]:
    decisions = read_table(lake, DECISIONS).where(F.col("window_end") == F.lit(window_end))
    exploded = decisions.select(F.explode("candidates").alias("c")).select("c.*")
    return rows_of(exploded.where(F.col("campaign_id") == "club"))
