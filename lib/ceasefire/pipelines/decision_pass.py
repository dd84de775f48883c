"""The one Arrow pass of a decision: memberships, treatments, values and gates of each customer, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arbitration.commitments import Sends, locked, reentry_exhausted
from ceasefire.arbitration.gates import active_on, first_closed_gate, open_to_transactional
from ceasefire.arbitration.slots import local_dates, slots_of, zone_codes
from ceasefire.arrow import BoolArray, CodeArray, FloatArray, IntArray
from ceasefire.campaigns.treatments import Treatments, audience_mask, open_treatments
from ceasefire.config.bundle import Brand
from ceasefire.config.schedule import day_number
from ceasefire.config.segments import RESIDUAL_SEGMENT
from ceasefire.config.units import span_of
from ceasefire.features.builtin import derived_zone_feature
from ceasefire.scoring.chosen_uplifts import ModelInUse, chosen_uplifts
from ceasefire.scoring.uplift_model import UpliftModel
from ceasefire.scoring.values import candidate_values, outcome_micros
from ceasefire.segments.program import RuleProgram, with_residual
from ceasefire.vocabulary import GRANTED, TIME_ZONE, LossReason, MessageClass

Columns = Mapping[str, pa.Array]
Flat = Any
"""A numpy or Arrow array, one entry for each candidate."""

_INSTANT = pa.timestamp("us", tz="UTC")

CANDIDATE_COLUMNS: dict[str, pa.DataType] = {
    "campaign": pa.int32(),
    "channel": pa.int16(),
    "channel_position": pa.int16(),
    "variant": pa.int16(),
    "slot_at": pa.int64(),
    "uplift": pa.float64(),
    "uplift_source": pa.int8(),
    "outcome_micros": pa.int64(),
    "value_basis": pa.int8(),
    "cost_micros": pa.int64(),
    "value_micros": pa.int64(),
    "gate_reason": pa.int8(),
    "about_product": pa.int64(),
    "about_order": pa.int64(),
    "consent_at": pa.int64(),
}
"""Numbers that stand for what the brand declares, so that a million candidates fit the driver."""

HELD_BACK = {"on_hold": pa.bool_(), "on_suppression_list": pa.list_(pa.string())}
"""Marks of customers who get no marketing: true, and what a list names (`customer_id`, kinds of address); or null."""

PASS_SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string()),
        pa.field("segments", pa.list_(pa.int16())),
        pa.field("time_zone", pa.string()),
        *(pa.field(name, pa.list_(kind)) for name, kind in CANDIDATE_COLUMNS.items()),
    ]
)
"""One row for each customer; the candidate columns are lists of one length."""


@dataclass(frozen=True)
class DecisionPass:
    """What every batch of a window's pass is told.

    Attributes:
        brand: what the brand declares, as pinned.
        rules: its segments, compiled.
        ready_at: close + grace, microseconds UTC.
        brand_mean_order_minor: what an order is taken to be for a customer without one; NaN without any order.
        models: every model that a campaign names; parameters travel as bytes and are read once for each task.
    """

    brand: Brand
    rules: RuleProgram
    ready_at: int
    brand_mean_order_minor: float
    models: tuple[ModelInUse, ...] = ()

    @cached_property
    def _loaded(self) -> dict[str, UpliftModel]:
        used = ((one.name, one.parameters) for one in self.models)
        return {name: UpliftModel.from_bytes(data) for name, data in used if data is not None}

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """All channels of the brand, in the order that numbers them."""
        return tuple(self.brand.settings.channels)

    @cached_property
    def segment_ids(self) -> tuple[str, ...]:
        """All segments, the residual one last, in the order that numbers them."""
        return (*self.rules.rule_ids, RESIDUAL_SEGMENT)

    def batches(self) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """The function for `mapInArrow`."""
        return lambda batches: (self.candidates(batch) for batch in batches)

    def candidates(self, customers: pa.RecordBatch) -> pa.RecordBatch:
        """Memberships and valued, gated candidates of each customer.

        Args:
            customers: a row of window_features with the SENT_COLUMNS, `on_lists`, the audience lists that the
                customer is on, and the HELD_BACK columns.

        Returns:
            PASS_SCHEMA, in the order of the rows.
        """
        columns = {name: customers.column(name) for name in customers.schema.names}
        memberships = with_residual(self.rules.memberships(columns, customers.num_rows))
        derived = (columns[derived_zone_feature(source)] for source in self.brand.settings.time_zone_from)
        columns[TIME_ZONE] = pc.coalesce(columns[TIME_ZONE], *derived)
        treatments = self._treatments(memberships, columns)
        candidates = self._valued(treatments, columns)
        candidates["gate_reason"] = self._gate_reasons(treatments, candidates, columns)
        member, segment = np.nonzero(memberships.T)
        offsets = np.searchsorted(member, np.arange(customers.num_rows + 1))
        lists = [_lists(treatments.starts, candidates[name], kind) for name, kind in CANDIDATE_COLUMNS.items()]
        arrays = [customers.column("customer_id"), _lists(offsets, segment, pa.int16()), columns[TIME_ZONE], *lists]
        return pa.RecordBatch.from_arrays(arrays, schema=PASS_SCHEMA)

    def _treatments(self, memberships: BoolArray, columns: Columns) -> Treatments:
        campaigns = self.brand.campaigns
        segment_rows = dict(zip(self.segment_ids, memberships, strict=True))
        lists = {name for campaign in campaigns for name in campaign.audience.lists}
        list_rows = rows_on_lists(columns["on_lists"], lists)
        masks = [audience_mask(one.audience, segment_rows, list_rows) for one in campaigns]
        return open_treatments(campaigns, masks, columns["locale"], self.brand.settings.locale, self.channels)

    def _valued(self, treatments: Treatments, columns: Columns) -> dict[str, Flat]:
        campaigns, settings = self.brand.campaigns, self.brand.settings
        owner, campaign, channel = treatments.owner, treatments.campaign, treatments.channel
        # Many campaigns share few kinds of outcome; each kind is worked out once.
        kinds = list(dict.fromkeys(one.value for one in campaigns))
        kind = np.array([kinds.index(one.value) for one in campaigns], np.int64)[campaign]
        own_mean = _floats(columns["own_mean_order_minor"])
        worth = [outcome_micros(one, settings, own_mean, self.brand_mean_order_minor) for one in kinds]
        # Not stacked, since a brand may have no campaign yet.
        shape = (len(worth), len(own_mean))
        outcome = np.array([one for one, _ in worth], np.int64).reshape(shape)[kind, owner]
        basis = np.array([one for _, one in worth], np.int8).reshape(shape)[kind, owner]
        in_use = {one.name: one for one in self.models}
        uplift, source = chosen_uplifts(campaigns, in_use, self._loaded, campaign, owner, columns, len(own_mean))
        cost = np.array([settings.cost_micros(name) for name in self.channels], np.int64)[channel]
        zones = columns[TIME_ZONE]
        slots = [
            slots_of(self.ready_at, zones, settings.time_zone, settings.channels[name].hours) for name in self.channels
        ]
        return {
            "campaign": campaign,
            "channel": channel,
            "channel_position": treatments.channel_position,
            "variant": treatments.variant,
            "slot_at": np.stack(slots)[channel, owner],
            "uplift": uplift,
            "uplift_source": source,
            "outcome_micros": outcome,
            "value_basis": basis,
            "cost_micros": cost,
            "value_micros": candidate_values(uplift, outcome, cost),
            "about_product": self._about("product", treatments, columns),
            "about_order": self._about("order", treatments, columns),
            "consent_at": self._consents_at(treatments, columns),
        }

    def _about(self, what: str, treatments: Treatments, columns: Columns) -> pa.Array:
        """What each candidate's message is about, null for campaigns that are about nothing in particular."""
        parts = [
            (number, columns[f"about_{what}_{one.id}"])
            for number, one in enumerate(self.brand.campaigns)
            if one.about is not None
        ]
        about, known = np.zeros(len(treatments.owner), np.int64), np.zeros(len(treatments.owner), np.bool_)
        for number, column in parts:
            mine = treatments.campaign == number
            owners = treatments.owner[mine]
            about[mine] = column.fill_null(0).to_numpy(zero_copy_only=False)[owners]
            known[mine] = column.is_valid().to_numpy(zero_copy_only=False)[owners]
        return pa.array(about, mask=~known)

    def _gate_reasons(self, treatments: Treatments, candidates: dict[str, Flat], columns: Columns) -> CodeArray:
        campaigns, settings = self.brand.campaigns, self.brand.settings
        owner, campaign, channel = treatments.owner, treatments.campaign, treatments.channel
        zone_of_customer, zones = zone_codes(columns[TIME_ZONE], settings.time_zone)
        slot_at: IntArray = np.asarray(candidates["slot_at"])
        is_marketing = np.array([one.class_ is MessageClass.MARKETING for one in campaigns], np.bool_)[campaign]
        everybody = np.ones(len(owner), np.bool_)
        is_known, is_worth_it = np.isfinite(candidates["uplift"]), np.asarray(candidates["value_micros"]) > 0
        proposed = Sends(
            starts=treatments.starts,
            campaign=campaign,
            channel=channel,
            is_marketing=is_marketing,
            slot_at=slot_at,
            slot_date=local_dates(slot_at, zone_of_customer[owner], zones),
            duration=np.array([one.duration.length for one in campaigns], np.int64)[campaign],
            in_days=np.array([one.duration.in_days for one in campaigns], np.bool_)[campaign],
        )
        commitments = self._commitments(columns, zone_of_customer, zones)
        every = [one.reentry.every for one in campaigns]
        first_day = np.array([day_number(one.active.from_) for one in campaigns], np.int64)
        last_day = np.array([day_number(one.active.to) for one in campaigns], np.int64)
        exhausted = reentry_exhausted(
            proposed,
            commitments,
            np.array([one.reentry.max for one in campaigns], np.int64)[campaign],
            np.array([one.length for one in every], np.int64)[campaign],
            np.array([one.in_days for one in every], np.bool_)[campaign],
        )
        addressed = np.stack([columns[f"address_{name}"].is_valid().to_numpy(False) for name in self.channels])
        return first_closed_gate(
            {
                LossReason.NOT_IN_AUDIENCE: everybody,
                LossReason.OUTSIDE_DATES: active_on(proposed.slot_date, first_day[campaign], last_day[campaign]),
                LossReason.NO_CONSENT: self._consented(columns)[is_marketing.astype(np.int64), channel, owner]
                & ~self._refused(treatments, columns),
                LossReason.ON_HOLD: open_to_transactional(~_marked(columns["on_hold"])[owner], is_marketing),
                LossReason.ON_SUPPRESSION_LIST: open_to_transactional(
                    ~self._listed(columns)[channel, owner], is_marketing
                ),
                LossReason.NO_ADDRESS: addressed[channel, owner],
                LossReason.REENTRY_LIMIT: ~exhausted,
                LossReason.DURATION_LOCK: ~locked(proposed, commitments, settings.pressure.lock),
                LossReason.UPLIFT_UNKNOWN: open_to_transactional(is_known, is_marketing),
                LossReason.VALUE_NOT_POSITIVE: open_to_transactional(is_worth_it, is_marketing),
            }
        )

    def _consented(self, columns: Columns) -> BoolArray:
        """Whether each customer may be contacted: (purpose: 0 transactional, 1 marketing; channel; customer)."""
        return np.stack(
            [
                np.stack(
                    [
                        pc.equal(columns[f"{purpose.value}_consent_{name}"], GRANTED)
                        .fill_null(self.brand.settings.consent_by_default(purpose))
                        .to_numpy(zero_copy_only=False)
                        for name in self.channels
                    ]
                )
                for purpose in (MessageClass.TRANSACTIONAL, MessageClass.MARKETING)
            ]
        )

    def _refused(self, treatments: Treatments, columns: Columns) -> BoolArray:
        """(m,) candidates whose campaign, or a topic of it, the customer refused."""
        refused = columns["refused_topics"]
        is_refused = np.zeros(len(treatments.owner), np.bool_)
        for customer in pc.indices_nonzero(refused.is_valid()).to_pylist():
            topics = set(refused[customer].as_py().split("\n"))
            mine = slice(treatments.starts[customer], treatments.starts[customer + 1])
            is_refused[mine] = [
                not topics.isdisjoint(self.brand.campaigns[number].refusable)
                for number in treatments.campaign[mine].tolist()
            ]
        return is_refused

    def _listed(self, columns: Columns) -> BoolArray:
        """Whether a suppression list names each customer, or their mailbox: (channel; customer)."""
        kinds = self.brand.settings.address_kinds
        rows = rows_on_lists(columns["on_suppression_list"], {"customer_id", *kinds.values()})
        return np.stack([rows["customer_id"] | rows[kinds[channel]] for channel in self.channels])

    def _consents_at(self, treatments: Treatments, columns: Columns) -> pa.Array:
        """Since when the yes stands that each candidate rests on, microseconds UTC; null where it rests on none."""
        instants = np.zeros((2, len(self.channels), len(columns[TIME_ZONE])), np.int64)
        known = np.zeros(instants.shape, np.bool_)
        for number, purpose in enumerate((MessageClass.TRANSACTIONAL, MessageClass.MARKETING)):
            for place, channel in enumerate(self.channels):
                column = columns[f"{purpose.value}_consent_{channel}_at"]
                instants[number, place] = column.fill_null(0).to_numpy(zero_copy_only=False)
                known[number, place] = column.is_valid().to_numpy(zero_copy_only=False)
        classes = [campaign.class_ for campaign in self.brand.campaigns]
        purposes = np.array([class_ is MessageClass.MARKETING for class_ in classes], np.int64)
        places = purposes[treatments.campaign], treatments.channel, treatments.owner
        return pa.array(instants[places], mask=~known[places])

    def _commitments(self, columns: Columns, zone_of_customer: IntArray, zones: Sequence[str]) -> Sends:
        counts = pc.list_value_length(columns["sent_campaign"]).fill_null(0).to_numpy(zero_copy_only=False)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        owner = np.repeat(np.arange(len(counts)), counts)
        campaign_ids = [one.id for one in self.brand.campaigns]
        slot_at = (
            pc.list_flatten(columns["sent_slot_at"]).cast(_INSTANT).cast(pa.int64()).to_numpy(zero_copy_only=False)
        )
        durations = pc.list_flatten(columns["sent_duration"]).dictionary_encode()
        spans = [span_of(text) for text in durations.dictionary.to_pylist()]
        span = durations.indices.to_numpy(zero_copy_only=False)
        marketing = pc.equal(pc.list_flatten(columns["sent_class"]), MessageClass.MARKETING.value)
        return Sends(
            starts=starts,
            campaign=_positions(pc.list_flatten(columns["sent_campaign"]), campaign_ids),
            channel=_positions(pc.list_flatten(columns["sent_channel"]), self.channels),
            is_marketing=marketing.to_numpy(zero_copy_only=False),
            slot_at=slot_at,
            slot_date=local_dates(slot_at, zone_of_customer[owner], zones),
            duration=np.array([one.length for one in spans], np.int64)[span],
            in_days=np.array([one.in_days for one in spans], np.bool_)[span],
        )


def listed_customers(lists: Mapping[str, Sequence[str]], person_of: Mapping[str, str] | None = None) -> pa.Table:
    """One row for each customer on any audience list: customer_id, on_lists; also when there is no list at all.

    Args:
        lists: the ids on each list.
        person_of: the id that stands for the person, by merged id; whoever lists one of a person's ids lists them.
    """
    lists_of: dict[str, list[str]] = {}
    for name, customers in lists.items():
        for customer in dict.fromkeys((person_of or {}).get(listed, listed) for listed in customers):
            lists_of.setdefault(customer, []).append(name)
    # Not grouped by Arrow, whose groups of nothing are columns without a chunk, and those Spark cannot take.
    columns = [pa.array(lists_of, pa.string()), pa.array(lists_of.values(), pa.list_(pa.string()))]
    return pa.table(columns, names=["customer_id", "on_lists"])


def rows_on_lists(on_lists: pa.Array, names: Iterable[str]) -> dict[str, BoolArray]:
    """(n,) for each named list: who of n customers is on it, given the lists of each (null: on none)."""
    owner = pc.list_parent_indices(on_lists).to_numpy(zero_copy_only=False)
    entries = pc.list_flatten(on_lists)
    rows = {}
    for name in names:
        mask = np.zeros(len(on_lists), np.bool_)
        mask[owner[pc.equal(entries, name).to_numpy(zero_copy_only=False)]] = True
        rows[name] = mask
    return rows


def _marked(column: pa.Array) -> BoolArray:
    """(n,) where a column is true."""
    marks: BoolArray = column.fill_null(False).to_numpy(zero_copy_only=False)
    return marks


def _positions(texts: pa.Array, known: Sequence[str]) -> IntArray:
    """Position of each text among the known ones, -1 for any other."""
    found = pc.index_in(texts, value_set=pa.array(known, pa.string()))
    positions: IntArray = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return positions


def _floats(column: pa.Array) -> FloatArray:
    values: FloatArray = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return values


def _lists(starts: IntArray, flat: Flat, kind: pa.DataType) -> pa.ListArray:
    values = flat if isinstance(flat, pa.Array) else pa.array(flat)
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), values.cast(kind))
