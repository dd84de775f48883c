"""A window on the driver: all candidates settled under all capacities, and the rows of the ledger that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arbitration.lanes import Lanes, capacities_drawn_on, lanes_of, order_of_lanes
from ceasefire.arbitration.policies import (
    UNLIMITED,
    Settlement,
    greedy_order,
    priority_order,
    settle,
    silence_reason,
    tie_hashes,
)
from ceasefire.arrow import BoolArray, IntArray
from ceasefire.config.brand import Capacity
from ceasefire.config.bundle import Brand
from ceasefire.config.units import instant_micros
from ceasefire.ids import decision_id, send_id
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.tables import DECISIONS
from ceasefire.vocabulary import (
    WINDOW_LANE,
    LossReason,
    MessageClass,
    Outcome,
    Policy,
    UpliftSource,
    ValueBasis,
    transactional_lane,
)

_REASONS = tuple(LossReason)


@dataclass(frozen=True)
class Window:
    """The candidates of all customers at one close, flat.

    Attributes:
        brand: what the brand declares, as pinned.
        channels: what channel numbers mean.
        window_end: the close.
        customer_ids: (n,) ascending, so that nothing depends on how the pass was partitioned.
        time_zones: (n,) as customers' systems wrote them, null if unknown.
        starts: (n+1,) offsets into the columns.
        columns: of decision_pass.CANDIDATE_COLUMNS, each (m,).
        models: every model that a campaign names, as the pass used it.
    """

    brand: Brand
    channels: tuple[str, ...]
    window_end: datetime
    customer_ids: pa.Array
    time_zones: pa.Array
    starts: IntArray
    columns: Mapping[str, pa.Array]
    models: tuple[ModelInUse, ...] = ()

    @property
    def owner(self) -> IntArray:
        """(m,) index of each candidate's customer."""
        return np.repeat(np.arange(len(self.customer_ids)), np.diff(self.starts))

    @cached_property
    def is_transactional(self) -> BoolArray:
        """(m,) whether each candidate's campaign is transactional."""
        mask: BoolArray = transactional_campaigns(self.brand)[self.numbers("campaign")]
        return mask

    @cached_property
    def lanes(self) -> Lanes:
        """The rows of the ledger that the candidates compete for."""
        return lanes_of(self.owner, self.numbers("campaign"), self.is_transactional, len(self.customer_ids))

    def numbers(self, name: str) -> IntArray:
        """A whole-number column as (m,) integers."""
        values: IntArray = self.columns[name].cast(pa.int64()).to_numpy(zero_copy_only=False)
        return values


def transactional_campaigns(brand: Brand) -> BoolArray:
    """(campaigns,) which are transactional."""
    return np.array([campaign.class_ is MessageClass.TRANSACTIONAL for campaign in brand.campaigns], np.bool_)


def window_of(
    brand: Brand,
    channels: tuple[str, ...],
    window_end: datetime,
    passed: pa.Table,
    candidate_columns: Sequence[str],
    models: tuple[ModelInUse, ...] = (),
) -> Window:
    """The result of the pass, customers in ascending order."""
    ordered = passed.sort_by("customer_id").combine_chunks()
    counts = pc.list_value_length(ordered["campaign"]).to_numpy()
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    flat = {name: _whole(pc.list_flatten(ordered[name])) for name in candidate_columns}
    customer_ids, time_zones = _whole(ordered["customer_id"]), _whole(ordered["time_zone"])
    return Window(brand, channels, window_end, customer_ids, time_zones, starts, flat, models)


def settle_window(window: Window, policy: Policy) -> Settlement:
    """Who gets what; all policies see the same candidates, gates and capacities.

    Marketing is settled by the policy. Transactional campaigns are settled by their priority, whatever the policy.

    Returns:
        The settlement of the window's lanes; the first winners are those of everybody's marketing.
    """
    is_transactional = window.is_transactional
    order = _order_by(window, policy)
    if is_transactional.any():
        order = order_of_lanes(order, _order_by(window, Policy.PRIORITY), is_transactional)
    return settle(
        order,
        window.lanes.of_candidate,
        window.numbers("gate_reason").astype(np.int8),
        capacities_drawn_on(
            window.numbers("channel"), window.numbers("campaign"), is_transactional, len(window.channels)
        ),
        np.array([UNLIMITED if limit is None else limit.per_window for limit in _limits(window).values()], np.int64),
        window.lanes.count,
    )


def marketing_winners(window: Window, settlement: Settlement) -> IntArray:
    """(n,) the candidate that wins the one message of each customer, or -1 for silence."""
    return settlement.winner[: len(window.customer_ids)]


def transactional_winners(window: Window, settlement: Settlement) -> IntArray:
    """(l - n,) the candidate that wins each transactional lane, or -1 for silence."""
    return settlement.winner[len(window.customer_ids) :]


def value_of(window: Window, settlement: Settlement) -> int:
    """Sum of the marketing winners' values, millionths of a minor unit: a transactional message need not pay."""
    winner = marketing_winners(window, settlement)
    return int(window.numbers("value_micros")[winner[winner >= 0]].sum())


def losses(settlement: Settlement) -> dict[str, int]:
    """Losing candidates by reason, in all lanes."""
    counts = np.bincount(settlement.reason[settlement.reason >= 0], minlength=len(_REASONS))
    return {reason.value: int(count) for reason, count in zip(_REASONS, counts, strict=True) if count}


def capacity_used(window: Window, settlement: Settlement) -> dict[str, int]:
    """Sends by channel, by channel of transactional messages, and by campaign, for those that have a capacity."""
    won = settlement.winner[settlement.winner >= 0]
    channel, campaign = window.numbers("channel")[won], window.numbers("campaign")[won]
    drawn = capacities_drawn_on(channel, campaign, window.is_transactional[won], len(window.channels))
    limits = _limits(window)
    used = np.bincount(drawn.ravel(), minlength=len(limits)).tolist()
    return {name: count for (name, limit), count in zip(limits.items(), used, strict=True) if limit is not None}


def crossfire_count(window: Window) -> int:
    """Customers whom two or more marketing campaigns want at this close, dates included."""
    apart = [_REASONS.index(LossReason.NOT_IN_AUDIENCE), _REASONS.index(LossReason.OUTSIDE_DATES)]
    wanting = ~np.isin(window.numbers("gate_reason"), apart) & ~window.is_transactional
    pairs = np.unique(np.stack([window.owner[wanting], window.numbers("campaign")[wanting]]), axis=1)
    return int((np.bincount(pairs[0], minlength=1) >= 2).sum())


def decision_rows(window: Window, settlement: Settlement, run_id: str, through_batch: int) -> pa.Table:
    """The rows of the ledger: one for each customer, in the order of their ids, then those of transactional lanes.

    A row holds the candidates that competed for it, so each candidate of the window stands in one row.
    """
    lanes = window.lanes
    count = lanes.count
    value = window.numbers("value_micros")
    silent = silence_reason(settlement.reason, value, lanes.of_candidate, count)
    sent = settlement.winner >= 0
    # Only a transactional message can go whose uplift is unknown: what it is worth is not known either.
    is_valued = sent & _taken(np.isfinite(window.columns["uplift"].to_numpy(zero_copy_only=False)), settlement.winner)
    winner_value = np.where(is_valued, _taken(value, settlement.winner), 0)
    runner_up = _runners_up(window, settlement)
    has_margin = is_valued & (runner_up >= 0)
    margin = np.where(has_margin, winner_value - _taken(value, runner_up), 0)
    end_micros = instant_micros(window.window_end)
    customer_ids = window.customer_ids.take(pa.array(lanes.customer))
    names = _lane_names(window)
    ids = [
        decision_id(window.brand.settings.brand, customer, lane, end_micros)
        for customer, lane in zip(customer_ids.to_pylist(), names.to_pylist(), strict=True)
    ]
    starts, candidates = window.starts, _candidates(window, settlement)
    if window.is_transactional.any():
        by_lane = np.argsort(lanes.of_candidate, kind="stable")
        starts = np.searchsorted(lanes.of_candidate[by_lane], np.arange(count + 1))
        candidates = candidates.take(pa.array(by_lane))
    columns = {
        "decision_id": pa.array(ids, pa.string()),
        "run_id": pa.repeat(run_id, count),
        "customer_id": customer_ids,
        "lane": names,
        "window_end": pa.repeat(pa.scalar(window.window_end, pa.timestamp("us", tz="UTC")), count),
        "through_batch": pa.repeat(pa.scalar(through_batch, pa.int64()), count),
        "outcome": _named(np.where(sent, 0, 1), (Outcome.SEND, Outcome.SILENCE)),
        "reason_code": _named(silent.reason, _REASONS),
        "treatment": _treatments(window, settlement.winner, ids),
        "value_micros": pa.array(winner_value),
        "margin_micros": pa.array(margin, mask=~has_margin),
        "runner_up": _runner_up_names(window, runner_up, sent),
        "candidates": pa.ListArray.from_arrays(pa.array(starts, pa.int32()), candidates),
    }
    return pa.table([columns[one.name].cast(one.type) for one in DECISIONS.arrow_schema], schema=DECISIONS.arrow_schema)


def _order_by(window: Window, policy: Policy) -> IntArray:
    """All candidates, best first by a policy."""
    campaigns = window.brand.campaigns
    campaign = window.numbers("campaign")
    tie = tie_hashes(window.customer_ids.to_pylist(), instant_micros(window.window_end))[window.owner]
    campaign_rank = _ranks([one.id for one in campaigns])[campaign]
    if policy is Policy.GREEDY:
        channel_rank = _ranks(window.channels)[window.numbers("channel")]
        return greedy_order(window.numbers("value_micros"), campaign_rank, channel_rank, tie)
    priority = np.array([one.priority for one in campaigns], np.int64)[campaign]
    return priority_order(priority, campaign_rank, window.numbers("channel_position"), tie)


def _limits(window: Window) -> dict[str, Capacity | None]:
    """Every capacity of the window by name, in the order of `capacities_drawn_on`; None: unlimited."""
    channels = window.brand.settings.channels
    return (
        {f"channel {name}": channels[name].capacity for name in window.channels}
        | {f"transactional channel {name}": channels[name].transactional_capacity for name in window.channels}
        | {f"campaign {campaign.id}": campaign.capacity for campaign in window.brand.campaigns}
    )


def _lane_names(window: Window) -> pa.Array:
    names = [*(transactional_lane(campaign.id) for campaign in window.brand.campaigns), WINDOW_LANE]
    # The lane of marketing has campaign -1, which is the last name.
    return pa.array(names, pa.string()).take(pa.array(window.lanes.campaign % len(names)))


def _taken(values: np.ndarray[tuple[int], np.dtype[Any]], positions: IntArray) -> np.ndarray[tuple[int], np.dtype[Any]]:
    """The values at positions; at -1 any, or nothing known where there are no values at all."""
    return values[positions] if len(values) else np.zeros(len(positions), values.dtype)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _ranks(names: Sequence[str]) -> IntArray:
    in_order = sorted(names)
    return np.array([in_order.index(name) for name in names], np.int64)


def _named(codes: IntArray | np.ndarray[tuple[int], np.dtype[np.int8]], names: Sequence[str]) -> pa.Array:
    """Codes as their texts, -1 as null."""
    positions = pa.array(codes.astype(np.int64), mask=codes < 0)
    return pa.array([str(name) for name in names], pa.string()).take(positions)


def _runners_up(window: Window, settlement: Settlement) -> IntArray:
    """(l,) the most valuable loser past the gates of each lane in which something is sent, else -1."""
    value, lane = window.numbers("value_micros"), window.lanes.of_candidate
    competed = np.flatnonzero((window.numbers("gate_reason") < 0) & (settlement.reason >= 0))
    in_order = competed[np.lexsort((competed, -value[competed], lane[competed]))]
    runners_up = np.full(window.lanes.count, -1, np.int64)
    lanes, first = np.unique(lane[in_order], return_index=True)
    runners_up[lanes] = in_order[first]
    return np.where(settlement.winner >= 0, runners_up, -1)


def _runner_up_names(window: Window, runner_up: IntArray, sent: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pa.Array:
    campaign_ids = [one.id for one in window.brand.campaigns]
    campaign, channel = window.numbers("campaign"), window.numbers("channel")
    names = [
        f"{campaign_ids[campaign[one]]}/{window.channels[channel[one]]}" if one >= 0 else None
        for one in np.where(sent, runner_up, -1).tolist()
    ]
    return pa.array(names, pa.string())


def _candidates(window: Window, settlement: Settlement) -> pa.StructArray:
    campaigns = window.brand.campaigns
    campaign = window.numbers("campaign")
    in_use = {one.name: one for one in window.models}
    named = [None if one.uplift is None else in_use[one.uplift.model] for one in campaigns]
    uplift = window.columns["uplift"]
    columns = {
        "campaign_id": _named(campaign, [one.id for one in campaigns]),
        "variant_id": _variant_texts(window, np.arange(len(campaign)), [[v.id for v in c.variants] for c in campaigns]),
        "channel": _named(window.numbers("channel"), window.channels),
        "slot_at": window.columns["slot_at"],
        "uplift": pc.if_else(pc.is_finite(uplift), uplift, pa.scalar(None, uplift.type)),
        "uplift_source": _named(window.numbers("uplift_source"), tuple(UpliftSource)),
        "model": pa.array([one and one.label for one in named], pa.string()).take(pa.array(campaign)),
        "model_refusal": pa.array([one and one.refusal for one in named], pa.string()).take(pa.array(campaign)),
        "outcome_micros": window.columns["outcome_micros"],
        "value_basis": _named(window.numbers("value_basis"), tuple(ValueBasis)),
        "cost_micros": window.columns["cost_micros"],
        "value_micros": window.columns["value_micros"],
        "reason_code": _named(settlement.reason, _REASONS),
    }
    fields = list(DECISIONS.arrow_schema.field("candidates").type.value_type)
    return pa.StructArray.from_arrays([columns[one.name].cast(one.type) for one in fields], fields=fields)


def _treatments(window: Window, winner: IntArray, ids: Sequence[str]) -> pa.Array:
    campaigns, settings = window.brand.campaigns, window.brand.settings
    sent = np.flatnonzero(winner >= 0)
    chosen = winner[sent]
    campaign = window.numbers("campaign")[chosen]
    channel = window.numbers("channel")[chosen]
    slot_at = window.numbers("slot_at")[chosen]
    lasting = np.array([settings.channels[name].expires.micros for name in window.channels], np.int64)
    names = [window.channels[one] for one in channel.tolist()]
    columns = {
        "send_id": [
            send_id(ids[i], name, at) for i, name, at in zip(sent.tolist(), names, slot_at.tolist(), strict=True)
        ],
        "campaign_id": _named(campaign, [one.id for one in campaigns]),
        "variant_id": _variant_texts(window, chosen, [[v.id for v in c.variants] for c in campaigns]),
        "template": _variant_texts(window, chosen, [[v.template for v in c.variants] for c in campaigns]),
        "locale": _variant_texts(
            window, chosen, [[v.locale or settings.locale for v in c.variants] for c in campaigns]
        ),
        "attributes": [
            list(campaigns[c].variants[v].attributes.items())
            for c, v in zip(campaign.tolist(), window.numbers("variant")[chosen].tolist(), strict=True)
        ],
        "channel": names,
        "class": _named(campaign, [one.class_ for one in campaigns]),
        "slot_at": pa.array(slot_at),
        "expires_at": pa.array(slot_at + lasting[channel]),
        "duration": _named(campaign, [one.duration.text for one in campaigns]),
        "time_zone": window.time_zones.take(pa.array(window.owner[chosen])),
        "consent_at": window.columns["consent_at"].take(pa.array(chosen)),
        "about_product": window.columns["about_product"].take(pa.array(chosen)),
        "about_order": window.columns["about_order"].take(pa.array(chosen)),
        "cancel_on": [
            [{"event_type": on.event.value, "same_product": on.same == "product"} for on in campaigns[c].cancel_on]
            for c in campaign.tolist()
        ],
    }
    fields = list(DECISIONS.arrow_schema.field("treatment").type)
    arrays = [
        columns[one.name].cast(one.type)
        if isinstance(columns[one.name], pa.Array)
        else pa.array(columns[one.name], one.type)
        for one in fields
    ]
    positions = np.full(len(winner), -1, np.int64)
    positions[sent] = np.arange(len(sent))
    return pa.StructArray.from_arrays(arrays, fields=fields).take(pa.array(positions, mask=positions < 0))


def _variant_texts(window: Window, candidates: IntArray, texts: Sequence[Sequence[str]]) -> pa.Array:
    """A text of each candidate's variant, given those of every campaign's variants."""
    firsts = np.concatenate([[0], np.cumsum([len(one) for one in texts])]).astype(np.int64)
    flat = [text for one in texts for text in one]
    positions = firsts[window.numbers("campaign")[candidates]] + window.numbers("variant")[candidates]
    return _named(positions, flat)
