"""Gathers what one decision rests on, from the two logs: features are worked out again as they were known then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from ceasefire.config.segments import RESIDUAL_SEGMENT
from ceasefire.config.units import instant_micros
from ceasefire.errors import CheckFailedError, UsageError
from ceasefire.history.packing import packed_histories
from ceasefire.ids import customer_id
from ceasefire.pipelines.features import features_of_batch, histories_for, history_lists
from ceasefire.pipelines.memberships import shown_value, values_read
from ceasefire.pipelines.models import models_in_use
from ceasefire.pipelines.persons import histories_as_of, ids_of_person, ids_with, person_by_id, persons_then
from ceasefire.pipelines.workspace import BrandAtWork, Workspace, load_pinned_brand
from ceasefire.reports.explanation import Explanation, Membership, MergedId, Mover, TransactionalDecision
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.scoring.uplift_model import UpliftModel
from ceasefire.segments.program import with_residual
from ceasefire.storage.lake import Lake, read_table, rows_of
from ceasefire.tables import DECISION_RUNS, DECISIONS, EVENTS, REVOKED_SENDS, SEND_QUEUE, WITHHELD_SENDS
from ceasefire.vocabulary import WINDOW_LANE

SHOWN_MOVERS = 3


def explain(workspace: Workspace, natural_id: str, at: datetime | None) -> Explanation:
    """The newest decision on marketing for a customer, or the one in force at an instant, with all that led to it.

    A customer can be asked for under any id of the person: what was decided for the id that stood for it then counts.

    Raises:
        UsageError: nothing was ever decided for such a customer, or not by then.
    """
    lake = workspace.lake
    pseudonym = customer_id(workspace.at_work.key, natural_id)
    decision = _decision(lake, pseudonym, natural_id, at)
    (run,) = rows_of(read_table(lake, DECISION_RUNS).where(F.col("run_id") == decision["run_id"]))
    pinned = load_pinned_brand(run["bundle"], workspace.at_work.key)
    known = persons_then(lake, decision["window_end"], decision["through_batch"])
    features = _features(lake, pinned, ids_with(known, pseudonym), decision)
    fate, fate_reason = _fate(lake, decision)
    apart = [TransactionalDecision(other, *_fate(lake, other)) for other in _transactional(lake, decision)]
    settings = pinned.brand.settings
    return Explanation(
        customer=natural_id,
        zone=settings.time_zone,
        currency=settings.currency,
        decision=decision,
        memberships=tuple(_memberships(pinned, features)),
        movers=_movers(workspace, pinned, run["models"], features),
        fate=fate,
        fate_reason=fate_reason,
        transactional=tuple(apart),
        versions={
            "policy": run["policy"],
            "models": "; ".join(_model_text(one) for one in run["models"]) or "none, prior uplifts of the campaigns",
            "configuration": run["bundle_hash"],
            "program": run["code_version"],
            "time zones": f"tzdata {run['tzdata_version'] or 'not known'}",
            "events through batch": str(decision["through_batch"]),
            "decision": decision["decision_id"],
        },
        merged=_merged(known, decision["customer_id"]),
    )


def _decision(lake: Lake, pseudonym: str, natural_id: str, at: datetime | None) -> dict[str, Any]:
    ids = ids_of_person(lake, pseudonym)
    mine = read_table(lake, DECISIONS).where(F.col("customer_id").isin(ids) & (F.col("lane") == WINDOW_LANE))
    if at is not None:
        mine = mine.where(F.col("window_end") <= F.lit(at))
    if len(ids) > 1:
        decided = rows_of(mine.select("decision_id", "window_end", "through_batch", "customer_id"))
        chosen = decided_for(pseudonym, decided, partial(person_by_id, lake))
        mine = mine.where(F.col("decision_id").isin(chosen))
    newest = rows_of(mine.orderBy(F.desc("window_end")).limit(1))
    if not newest:
        by_then = f" by {at.isoformat()}" if at is not None else ""
        raise UsageError(
            f"nothing was decided for customer {natural_id!r} of brand {lake.brand}{by_then}; "
            "--customer takes the id that the events carry"
        )
    return _with_attributes(newest[0])


def _transactional(lake: Lake, decision: dict[str, Any]) -> list[dict[str, Any]]:
    """The decisions on transactional campaigns for the same customer in the same window, in the order of lanes."""
    mine = (F.col("customer_id") == decision["customer_id"]) & (F.col("window_end") == F.lit(decision["window_end"]))
    rows = rows_of(read_table(lake, DECISIONS).where(mine & (F.col("lane") != WINDOW_LANE)).orderBy("lane"))
    return [_with_attributes(row) for row in rows]


def _with_attributes(decision: dict[str, Any]) -> dict[str, Any]:
    """The row with the attributes of its treatment as a mapping."""
    treatment = decision["treatment"]
    named = treatment and {**treatment, "attributes": dict(treatment["attributes"])}
    return {**decision, "treatment": named}


def decided_for(
    pseudonym: str, decided: Iterable[dict[str, Any]], person_by_id: Callable[[datetime, int], Mapping[str, str]]
) -> list[str]:
    """Return the newest decision that was one for an id, or for the id that stood for it then; none if none was.

    Before a merge the other ids of a person were other customers.

    Args:
        pseudonym: the id.
        decided: decision_id, window_end, through_batch and customer_id of the decisions for any id of the person.
        person_by_id: the id that stands for each merged id, as of an instant, through a batch.
    """
    for row in sorted(decided, key=itemgetter("window_end"), reverse=True):
        person = person_by_id(row["window_end"], row["through_batch"]).get(pseudonym, pseudonym)
        if row["customer_id"] == person:
            return [row["decision_id"]]
    return []


def _merged(known: pa.Table, person: str) -> tuple[MergedId, ...]:
    of_person = known.filter(pc.equal(known["person_id"], person)).sort_by("merged_at").to_pylist()
    return tuple(MergedId(row["customer_id"], row["merged_at"]) for row in of_person)


def _features(lake: Lake, pinned: BrandAtWork, ids: list[str], decision: dict[str, Any]) -> pa.Table:
    as_of, through_batch = decision["window_end"], decision["through_batch"]
    channels = tuple(pinned.brand.settings.channels)
    known = F.col("customer_id").isin(ids) & (F.col("ingest_batch") <= through_batch)
    packed = packed_histories(read_table(lake, EVENTS).where(known), pinned.brand.settings.address_kinds)
    of_person = histories_as_of(lake, packed, as_of, through_batch, channels)
    histories = histories_for(pinned.programs, of_person).toArrow().combine_chunks().to_batches()
    programs, schema = pinned.programs, pinned.programs.window_schema
    rows = [
        features_of_batch(programs, history_lists(programs, batch), as_of, instant_micros(as_of), schema)
        for batch in histories
    ]
    return pa.Table.from_batches(rows, schema=schema)


def _memberships(pinned: BrandAtWork, features: pa.Table) -> list[Membership]:
    rules = pinned.programs.rules
    columns = {name: features[name] for name in rules.features}
    holds = with_residual(rules.memberships(columns, features.num_rows))[:, 0]
    names = {one.id: one.name for one in pinned.brand.segments}
    found = []
    for segment_id, is_in in zip((*rules.rule_ids, RESIDUAL_SEGMENT), holds.tolist(), strict=True):
        if not is_in:
            continue
        if segment_id == RESIDUAL_SEGMENT:
            found.append(Membership(segment_id, "In none of the declared segments", ()))
            continue
        truths = rules.criterion_truths(segment_id, columns, features.num_rows)
        true = [one for one, truth in zip(rules.criteria(segment_id), truths, strict=True) if truth[0] == 1]
        read = tuple((one.text, values_read(features, 0, one.features)) for one in true)
        found.append(Membership(segment_id, names[segment_id], read))
    return found


def _model_text(pin: dict[str, Any]) -> str:
    named = ModelInUse(pin["name"], pin["number"]).label
    return f"{named} (priors instead: {pin['detail']})" if pin["refusal"] else named


def _movers(
    workspace: Workspace, pinned: BrandAtWork, pins: list[dict[str, Any]], features: pa.Table
) -> dict[str, tuple[Mover, ...]]:
    """By campaign that a model spoke for: the features that moved its uplift most, from that of an average customer."""
    found: dict[str, tuple[Mover, ...]] = {}
    for pin in pins:
        try:
            (one,) = models_in_use(workspace, pinned.brand, [pin])
        except CheckFailedError:
            continue  # the decision stands, and says which model it was; its parts cannot be told any more
        if one.parameters is None:
            continue
        name, model = one.name, UpliftModel.from_bytes(one.parameters)
        columns = {each.name: features[each.name].combine_chunks() for each in model.inputs}
        inputs = model.standardised(columns, 1)[:, 0]
        for campaign in pinned.brand.campaigns:
            if (
                campaign.uplift is None
                or campaign.uplift.model != name
                or campaign.uplift.group not in model.group_codes
            ):
                continue
            moved = model.contributions(inputs, model.group_codes[campaign.uplift.group])
            largest = np.lexsort((np.arange(len(moved)), -np.abs(moved)))[:SHOWN_MOVERS].tolist()
            found[campaign.id] = tuple(
                Mover(model.inputs[i].name, shown_value(features[model.inputs[i].name][0].as_py()), float(moved[i]))
                for i in largest
            )
    return found


def _fate(lake: Lake, decision: dict[str, Any]) -> tuple[str, str]:
    if decision["treatment"] is None:
        return "", ""
    mine = F.col("send_id") == decision["treatment"]["send_id"]
    queued = rows_of(read_table(lake, SEND_QUEUE).where(mine).select("released_at"))
    if queued:
        fate = f"queued at {queued[0]['released_at'].isoformat()}"
        revoked = rows_of(read_table(lake, REVOKED_SENDS).where(mine).select("reason", "revoked_at"))
        if revoked:
            return f"{fate}, called back at {revoked[0]['revoked_at'].isoformat()}", revoked[0]["reason"]
        return fate, ""
    stopped = rows_of(read_table(lake, WITHHELD_SENDS).where(mine).select("reason", "caused_by"))
    if stopped:
        cause = f" by event {stopped[0]['caused_by']}" if stopped[0]["caused_by"] else ""
        return f"withheld{cause}", stopped[0]["reason"]
    return "waiting for its slot", ""
