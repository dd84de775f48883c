"""Who entered and left which segment at a close, and which comparison of its rule flipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from ceasefire.config.segments import RESIDUAL_SEGMENT
from ceasefire.pipelines.workspace import BrandAtWork, Workspace
from ceasefire.segments.program import RuleProgram
from ceasefire.storage.lake import read_table
from ceasefire.tables import MEMBERSHIP_TRANSITIONS, SEGMENT_MEMBERSHIPS, WINDOW_FEATURES

ENTER, LEAVE = "enter", "leave"


@dataclass(frozen=True)
class Changes:
    """Rows of segment_memberships and of membership_transitions."""

    memberships: pa.Table
    transitions: pa.Table


def membership_changes(
    workspace: Workspace, at_work: BrandAtWork, before: pa.Table, passed: pa.Table, window_end: datetime
) -> Changes:
    """What became of everybody's memberships between the close that was decided before and this one.

    Args:
        workspace: to read the features of both closes, for those who changed.
        at_work: the brand as pinned.
        before: segment_memberships.
        passed: the result of the decision pass.
        window_end: this close.
    """
    segment_ids = np.array([*at_work.programs.rules.rule_ids, RESIDUAL_SEGMENT], dtype=object)
    now = _pairs(passed, segment_ids)
    then = _earlier_pairs(before)
    both = now.merge(then, on=["customer_id", "segment_id"], how="outer", indicator="seen")
    both["entered_at"] = both["entered_at"].fillna(pd.Timestamp(window_end))
    both["position"] = both["segment_id"].map({name: place for place, name in enumerate(segment_ids)})
    held = both[both["seen"] != "right_only"].sort_values(["customer_id", "position"])
    changed = both[both["seen"] != "both"].sort_values(["customer_id", "segment_id"])
    previous = before["window_end"][0].as_py() if before.num_rows else None
    criteria = _flipped(workspace, at_work.programs.rules, changed, previous, window_end)
    return Changes(_membership_rows(held, window_end), _transition_rows(changed, criteria, window_end))


def _pairs(passed: pa.Table, segment_ids: np.ndarray[Any, Any]) -> pd.DataFrame:
    one = passed.select(["customer_id", "segments"]).combine_chunks()
    owner = pc.list_parent_indices(one["segments"]).combine_chunks()
    segment = pc.list_flatten(one["segments"]).to_numpy()
    customers = one["customer_id"].take(owner).to_pandas()
    return pd.DataFrame({"customer_id": customers, "segment_id": segment_ids[segment]})


def _earlier_pairs(before: pa.Table) -> pd.DataFrame:
    one = before.select(["customer_id", "segments"]).combine_chunks()
    owner = pc.list_parent_indices(one["segments"])
    flat = pc.list_flatten(one["segments"])
    return pd.DataFrame(
        {
            "customer_id": one["customer_id"].take(owner).to_pandas(),
            "segment_id": pc.struct_field(flat, "segment_id").to_pandas(),
            "entered_at": pc.struct_field(flat, "entered_at").to_pandas().astype("datetime64[us, UTC]"),
        }
    )


def _membership_rows(held: pd.DataFrame, window_end: datetime) -> pa.Table:
    customers, starts = np.unique(held["customer_id"].to_numpy(dtype=object), return_index=True)
    element = SEGMENT_MEMBERSHIPS.arrow_schema.field("segments").type.value_type
    fields = [
        pa.array(held["segment_id"], pa.string()),
        pa.array(held["entered_at"], pa.timestamp("us", tz="UTC")),
    ]
    offsets = pa.array([*starts, len(held)], pa.int32())
    segments = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(fields, fields=list(element)))
    ends = pa.repeat(pa.scalar(window_end, pa.timestamp("us", tz="UTC")), len(customers))
    columns = [pa.array(customers, pa.string()), ends, segments]
    schema = SEGMENT_MEMBERSHIPS.arrow_schema
    return pa.table([one.cast(field.type) for one, field in zip(columns, schema, strict=True)], schema=schema)


def _transition_rows(
    changed: pd.DataFrame, criteria: dict[tuple[str, str], list[dict[str, Any]]], window_end: datetime
) -> pa.Table:
    pairs = list(zip(changed["customer_id"], changed["segment_id"], strict=True))
    columns = {
        "customer_id": [customer for customer, _ in pairs],
        "segment_id": [segment for _, segment in pairs],
        "direction": [ENTER if seen == "left_only" else LEAVE for seen in changed["seen"]],
        "window_end": [window_end] * len(pairs),
        "criteria": [criteria.get(pair, []) for pair in pairs],
    }
    return pa.table(columns, schema=MEMBERSHIP_TRANSITIONS.arrow_schema)


def _flipped(
    workspace: Workspace, rules: RuleProgram, changed: pd.DataFrame, previous: datetime | None, window_end: datetime
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """For each customer and segment that changed: the comparisons whose truth did, with what they read."""
    declared = changed[changed["segment_id"].isin(rules.rule_ids)]
    if previous is None or declared.empty:
        return {}
    lake = workspace.lake
    customers = pa.table({"customer_id": pa.array(sorted(set(declared["customer_id"])), pa.string())})
    wanted = F.broadcast(lake.spark.createDataFrame(customers))
    closes = F.col("window_end").isin(previous, window_end)
    stored = read_table(lake, WINDOW_FEATURES)
    known = [name for name in rules.features if name in stored.columns]
    if len(known) < len(rules.features):
        return {}  # a rule that reads a feature declared since: there is no before to compare with
    rows = stored.where(closes).join(wanted, on="customer_id", how="left_semi")
    table = rows.select("customer_id", "window_end", *known).toArrow()
    then = table.filter(pc.equal(table["window_end"], pa.scalar(previous, table["window_end"].type)))
    now = table.filter(pc.equal(table["window_end"], pa.scalar(window_end, table["window_end"].type)))
    flipped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for segment_id, group in declared.groupby("segment_id"):
        flipped |= _flipped_in(rules, str(segment_id), set(group["customer_id"]), then, now)
    return flipped


def _flipped_in(
    rules: RuleProgram, segment_id: str, customers: Iterable[str], then: pa.Table, now: pa.Table
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    wanted = pa.array(sorted(customers), pa.string())
    positions = [pc.index_in(wanted, value_set=table["customer_id"].combine_chunks()) for table in (then, now)]
    seen_twice = pc.and_(positions[0].is_valid(), positions[1].is_valid())
    wanted = wanted.filter(seen_twice)
    old, new = (table.take(place.filter(seen_twice)) for table, place in zip((then, now), positions, strict=True))
    truths = [
        rules.criterion_truths(segment_id, {name: table[name] for name in rules.features}, len(wanted))
        for table in (old, new)
    ]
    flipped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number, criterion in enumerate(rules.criteria(segment_id)):
        for row in np.flatnonzero(truths[0][number] != truths[1][number]).tolist():
            change = {
                "criterion": criterion.text,
                "old_values": values_read(old, row, criterion.features),
                "new_values": values_read(new, row, criterion.features),
            }
            flipped.setdefault((wanted[row].as_py(), segment_id), []).append(change)
    return flipped


def values_read(features: pa.Table, row: int, names: Iterable[str]) -> str:
    """What a comparison reads of one customer, as text."""
    return ", ".join(f"{name} = {shown_value(features[name][row].as_py())}" for name in names)


def shown_value(value: Any) -> str:
    """A feature's value as a person reads it."""
    if value is None:
        return "unknown"
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
