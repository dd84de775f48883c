"""From a closed window to the ledger: one pass, one settlement, the run's pins first and the decisions last."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from ceasefire.arbitration.ledger import commitments, freed
from ceasefire.config.bundle import Brand
from ceasefire.config.units import instant_micros
from ceasefire.errors import CheckFailedError
from ceasefire.identity.histories import under_persons
from ceasefire.ids import content_hash
from ceasefire.pipelines.decision_pass import CANDIDATE_COLUMNS, PASS_SCHEMA, DecisionPass, listed_customers
from ceasefire.pipelines.held_back import marked_as_held_back
from ceasefire.pipelines.memberships import Changes, membership_changes
from ceasefire.pipelines.models import models_in_use
from ceasefire.pipelines.persons import person_by_id, persons_as_of
from ceasefire.pipelines.quality import examine_window, is_checked
from ceasefire.pipelines.settlement import (
    Window,
    capacity_used,
    crossfire_count,
    decision_rows,
    losses,
    marketing_winners,
    settle_window,
    transactional_winners,
    value_of,
    window_of,
)
from ceasefire.pipelines.streams import Follower, start_follower
from ceasefire.pipelines.windows import decided_windows, epoch_minutes
from ceasefire.pipelines.workspace import BrandAtWork, Workspace, load_pinned_brand
from ceasefire.runtime.figures import Figures
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.storage.lake import (
    Lake,
    append_once,
    follow_table,
    overwrite,
    read_table,
    rows_of,
    table_version,
    together,
)
from ceasefire.tables import (
    DECISION_RUNS,
    DECISIONS,
    MEMBERSHIP_TRANSITIONS,
    MODEL_PIN,
    SEGMENT_MEMBERSHIPS,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
    WITHHELD_SENDS,
)
from ceasefire.time_zones import PACKAGE_VERSION
from ceasefire.vocabulary import Policy

SLACK = timedelta(days=3)
"""A slot lies up to a day behind its close, and a local date up to a day from UTC's."""


@dataclass(frozen=True)
class Pins:
    """What one window is decided from, the same at every repetition."""

    at_work: BrandAtWork
    ledger_version: int
    withheld_version: int
    models: tuple[ModelInUse, ...]
    is_examined: bool


def start_decide(workspace: Workspace, once: bool) -> Follower:
    """Follow the closed windows and decide each, in order."""

    return start_follower(workspace, follow_table(workspace.lake, WINDOW_CLOSES), "decide", decide_closed, once)


def decide_closed(workspace: Workspace, closes: DataFrame, batch_id: int) -> Figures | None:
    """Decide the windows of a batch of closes, in order.

    Returns:
        How long after the newest close it was decided, outcomes and losses by reason; None without a window to decide.
    """
    counts: dict[str, Counter[str]] = {"outcomes": Counter(), "losses": Counter()}
    decided = None
    for close in sorted(rows_of(closes), key=lambda row: row["window_end"]):
        run, is_new = decide_window(workspace, close)
        # After the commit, and again if it was not come to: a check decides nothing, it only holds the release.
        if run["is_examined"] and not is_checked(workspace.lake, close["window_end"]):
            examine_window(workspace, close["window_end"])
        if not is_new:
            continue
        decided = close["window_end"]
        sends = run["send_count"] + run["transactional_send_count"]
        counts["outcomes"].update(send=sends, silence=run["customer_count"] + run["transactional_count"] - sends)
        counts["losses"].update(dict(run["losses"]))
    return None if decided is None else Figures((workspace.clock.now() - decided).total_seconds(), counts)


def decide_window(workspace: Workspace, close: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Decide for every customer of a closed window; a window that is decided stays as it is.

    Args:
        workspace: the brand at work.
        close: a row of window_closes.

    Returns:
        The row of decision_runs, and whether the window was not decided before.

    Raises:
        CheckFailedError: the features of the window are not all there.
    """
    lake, window_end = workspace.lake, close["window_end"]
    here = F.col("window_end") == F.lit(window_end)
    is_begun = any(one.window_end == window_end for one in decided_windows(lake))
    run = rows_of(read_table(lake, DECISION_RUNS).where(here)) if is_begun else []
    if run and not read_table(lake, DECISIONS).where(here).isEmpty():
        return run[0], False
    pins = _pins(workspace, window_end, run)
    (window, passed), before = together(
        (lambda: _candidates(workspace, close, pins), read_table(lake, SEGMENT_MEMBERSHIPS).toArrow)
    )
    policy = pins.at_work.brand.settings.policy.default
    settled = {one: settle_window(window, one) for one in Policy}
    run_id = content_hash(f"{lake.brand}|{window_end.isoformat()}")[:32]
    settlement = settled[policy]
    decisions = decision_rows(window, settlement, run_id, close["through_batch"])
    row = {
        "run_id": run_id,
        "window_end": window_end,
        "through_batch": close["through_batch"],
        "ledger_version": pins.ledger_version,
        "withheld_version": pins.withheld_version,
        "bundle_hash": pins.at_work.brand.bundle.hash,
        "bundle": pins.at_work.brand.bundle.text,
        "code_version": version("ceasefire"),
        "tzdata_version": PACKAGE_VERSION,
        "models": [{name: getattr(one, name) for name in MODEL_PIN.names} for one in pins.models],
        "is_examined": pins.is_examined,
        "policy": policy.value,
        "customer_count": len(window.customer_ids),
        "send_count": int((marketing_winners(window, settlement) >= 0).sum()),
        "transactional_count": len(transactional_winners(window, settlement)),
        "transactional_send_count": int((transactional_winners(window, settlement) >= 0).sum()),
        "value_micros": value_of(window, settlement),
        "value_by_policy": [(one.value, value_of(window, settled[one])) for one in Policy],
        "crossfire_count": crossfire_count(window),
        "losses": list(losses(settlement).items()),
        "capacity_used": list(capacity_used(window, settlement).items()),
    }
    number = epoch_minutes(window_end)
    _, changes = together(
        (
            lambda: append_once(lake, DECISION_RUNS, _one_row(row), "decide", number),
            lambda: membership_changes(workspace, pins.at_work, before, passed, window_end),
        )
    )
    _write_memberships(lake, before, changes, window_end)
    append_once(lake, DECISIONS, decisions, "decide", number)
    return row, True


def _one_row(row: dict[str, Any]) -> pa.Table:
    return pa.table({name: [value] for name, value in row.items()}, schema=DECISION_RUNS.arrow_schema)


def _pins(workspace: Workspace, window_end: datetime, run: list[dict[str, Any]]) -> Pins:
    if not run:
        ledger, withheld, models = together(
            (
                lambda: table_version(workspace.lake, DECISIONS),
                lambda: table_version(workspace.lake, WITHHELD_SENDS),
                lambda: models_in_use(workspace, workspace.brand, None),
            )
        )
        return Pins(workspace.at_work, ledger, withheld, models, workspace.is_examined(window_end))
    pinned = run[0]
    at_work = workspace.at_work
    if pinned["bundle_hash"] != at_work.brand.bundle.hash:
        at_work = load_pinned_brand(pinned["bundle"], at_work.key)
    models = models_in_use(workspace, at_work.brand, pinned["models"])
    return Pins(at_work, pinned["ledger_version"], pinned["withheld_version"], models, pinned["is_examined"])


def _candidates(workspace: Workspace, close: dict[str, Any], pins: Pins) -> tuple[Window, pa.Table]:
    lake, window_end, at_work = workspace.lake, close["window_end"], pins.at_work
    brand = at_work.brand
    mean = close["mean_order_minor"]
    the_pass = DecisionPass(
        brand=brand,
        rules=at_work.programs.rules,
        ready_at=instant_micros(window_end) + brand.settings.decision_window.grace.micros,
        brand_mean_order_minor=float("nan") if mean is None else mean,
        models=pins.models,
    )
    features = read_table(lake, WINDOW_FEATURES).where(F.col("window_end") == F.lit(window_end))
    persons = persons_as_of(lake, window_end, close["through_batch"])
    ledger = read_table(lake, DECISIONS, pins.ledger_version)
    sent = commitments(
        ledger if persons is None else under_persons(ledger, persons),
        freed(read_table(lake, WITHHELD_SENDS, pins.withheld_version), brand.settings.release.mode == "shadow"),
        since=window_end - _reach(brand),
        before=window_end,
    )
    known = features.select("customer_id", *at_work.programs.feature_types)
    person_of = {} if persons is None else person_by_id(lake, window_end, close["through_batch"])
    listed = lake.spark.createDataFrame(listed_customers(brand.bundle.lists, person_of))
    customers = known.join(sent, on="customer_id", how="left").join(listed, on="customer_id", how="left")
    customers = marked_as_held_back(workspace, customers)
    work, schema = the_pass.batches(), from_arrow_schema(PASS_SCHEMA)
    passed = customers.mapInArrow(work, schema).toArrow()
    if passed.num_rows != close["customer_count"]:
        raise CheckFailedError(
            f"window of {window_end.isoformat()}: {WINDOW_CLOSES.name} counts {close['customer_count']} customers, "
            f"{WINDOW_FEATURES.name} has {passed.num_rows}; nothing is decided from half of them"
        )
    window = window_of(brand, the_pass.channels, window_end, passed, tuple(CANDIDATE_COLUMNS), pins.models)
    return window, passed


def _reach(brand: Brand) -> timedelta:
    """How far back a send can still lock or count, whatever was configured when it was decided: no less than a year."""
    spans = [span.micros for one in brand.campaigns for span in (one.duration, one.reentry.every)]
    return max(timedelta(days=366), timedelta(microseconds=max(spans, default=0))) + SLACK


def _write_memberships(lake: Lake, before: pa.Table, changes: Changes, window_end: datetime) -> None:
    if before.num_rows and before["window_end"][0].as_py() >= window_end:
        return
    if changes.transitions.num_rows:
        append_once(lake, MEMBERSHIP_TRANSITIONS, changes.transitions, "decide", epoch_minutes(window_end))
    overwrite(lake, SEGMENT_MEMBERSHIPS, changes.memberships)
