"""One close of a simulated brand: the kernels of the Spark chain, called one after the other on the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import BoolArray, IntArray
from ceasefire.config.brand import Capacity
from ceasefire.config.bundle import Brand
from ceasefire.config.units import instant_micros
from ceasefire.pipelines.decision_pass import CANDIDATE_COLUMNS, HELD_BACK, DecisionPass
from ceasefire.pipelines.features import features_of_batch
from ceasefire.pipelines.models import NO_CHAMPION
from ceasefire.pipelines.programs import Programs
from ceasefire.pipelines.settlement import Window, transactional_campaigns, window_of
from ceasefire.pipelines.simulated.history import Knowledge
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.simulation.journal import Journal, order_hashes, product_hashes
from ceasefire.simulation.world import Sends, no_sends
from ceasefire.vocabulary import EventType

_INSTANT = pa.timestamp("us", tz="UTC")
SAYING_NO = (EventType.UNSUBSCRIBED, EventType.COMPLAINED)
"""Of the events that forbid marketing whatever it is about, those that happen in the simulated world."""


@dataclass(frozen=True)
class Desk:
    """A brand's kernels and what they are told.

    Attributes:
        brand: what is declared.
        programs: it, compiled.
        models: every model that a campaign names.
    """

    brand: Brand
    programs: Programs
    models: tuple[ModelInUse, ...]

    def ready_at(self, close: datetime) -> int:
        """When a window is decided, microseconds UTC: what arrives later is news to its decisions."""
        return instant_micros(close) + self.brand.settings.decision_window.grace.micros

    def features(self, close: datetime, known: Knowledge) -> pa.RecordBatch:
        """Everybody's features as of a close."""
        histories = known.histories(self.programs.history_columns)
        return features_of_batch(self.programs, histories, close, instant_micros(close), self.programs.window_schema)

    def window(self, close: datetime, features: pa.RecordBatch, ledger: Ledger) -> tuple[Window, IntArray]:
        """All candidates of a close; and of each customer of the window the number in the world."""
        orders = features.column("own_order_count").to_numpy(zero_copy_only=False)
        means = features.column("own_mean_order_minor").fill_null(0.0).to_numpy(zero_copy_only=False)
        total = orders.sum()
        the_pass = DecisionPass(
            brand=self.brand,
            rules=self.programs.rules,
            ready_at=self.ready_at(close),
            brand_mean_order_minor=float(orders @ means / total) if total else float("nan"),
            models=self.models,
        )
        known = pc.index_in(features.column("customer_id"), value_set=ledger.customer_ids).to_numpy()
        arrays = dict(zip(features.schema.names, features.columns, strict=True))
        arrays |= ledger.sent_columns(known.astype(np.int64))
        arrays |= {name: pa.nulls(features.num_rows, kind) for name, kind in HELD_BACK.items()}
        arrays["on_lists"] = pa.nulls(features.num_rows, pa.list_(pa.string()))
        passed = the_pass.candidates(pa.RecordBatch.from_pydict(arrays))
        table = pa.Table.from_batches([passed])
        window = window_of(self.brand, the_pass.channels, close, table, tuple(CANDIDATE_COLUMNS), self.models)
        customers = pc.index_in(window.customer_ids, value_set=ledger.customer_ids).to_numpy().astype(np.int64)
        return window, customers


@dataclass
class Ledger:
    """What was decided and not withheld, in any order.

    Attributes:
        brand: whose campaigns and channels the numbers mean.
        customer_ids: (n,) pseudonyms, by the world's numbers.
        sends: all of them.
    """

    brand: Brand
    customer_ids: pa.Array
    sends: Sends

    def add(self, sends: Sends) -> None:
        """More was decided."""
        self.sends = together(self.sends, sends)

    def sent_columns(self, rows: IntArray) -> dict[str, pa.Array]:
        """`commitments.SENT_COLUMNS` of some customers; a list for each."""
        order = np.lexsort((self.sends.slot_at, self.sends.customer))
        sends = taken(self.sends, order)
        place = np.full(len(self.customer_ids), -1, np.int64)
        place[rows] = np.arange(len(rows))
        sends = taken(sends, place[sends.customer] >= 0)
        starts = pa.array(np.searchsorted(sends.customer, np.append(rows, len(self.customer_ids))).astype(np.int32))
        campaigns, channels = self.brand.campaigns, tuple(self.brand.settings.channels)
        campaign = pa.array(sends.campaign)
        texts = {
            "sent_campaign": pa.array([one.id for one in campaigns], pa.string()).take(campaign),
            "sent_channel": pa.array(channels, pa.string()).take(pa.array(sends.channel)),
            "sent_class": pa.array([str(one.class_) for one in campaigns], pa.string()).take(campaign),
            "sent_slot_at": pa.array(sends.slot_at).cast(_INSTANT),
            "sent_duration": pa.array([one.duration.text for one in campaigns], pa.string()).take(campaign),
        }
        return {name: pa.ListArray.from_arrays(starts, values) for name, values in texts.items()}


def empty_ledger(brand: Brand, customer_ids: pa.Array) -> Ledger:
    """A brand that has never sent anything."""
    return Ledger(brand, customer_ids, no_sends())


def together(one: Sends, another: Sends) -> Sends:
    """All sends of both."""
    return Sends(*(np.concatenate([getattr(one, name), getattr(another, name)]) for name in Sends.__dataclass_fields__))


def taken(sends: Sends, positions: IntArray | BoolArray) -> Sends:
    """Some of the sends, by positions or a mask."""
    return Sends(*(getattr(sends, name)[positions] for name in Sends.__dataclass_fields__))


def in_turns(sends: Sends) -> list[Sends]:
    """The sends of a day in turns: the first slot of each customer, then the second, and so on.

    Only transactional messages come beside another one, so one turn is the rule. Of each turn the sends are in the
    order in which they are given.
    """
    by_slot = np.lexsort((sends.slot_at, sends.customer))
    customer = sends.customer[by_slot]
    turn = np.empty(len(sends), np.int64)
    turn[by_slot] = np.arange(len(sends)) - np.searchsorted(customer, customer)
    return [taken(sends, turn == number) for number in range(int(turn.max(initial=-1)) + 1)]


def sends_of(window: Window, chosen: IntArray, customers: IntArray) -> Sends:
    """Candidates of a window as sends."""
    about = {}
    for name in ("about_product", "about_order"):
        column = window.columns[name].fill_null(0)
        about[name] = column.to_numpy(zero_copy_only=False)[chosen]
    return Sends(
        customer=customers[window.owner[chosen]],
        campaign=window.numbers("campaign")[chosen],
        channel=window.numbers("channel")[chosen],
        slot_at=window.numbers("slot_at")[chosen],
        about_product=about["about_product"],
        about_order=about["about_order"],
    )


def may_go(brand: Brand, sends: Sends, close: int, ready_at: int, events: Journal) -> BoolArray:
    """The last check: (m,) whether nothing has become known since the decision that forbids a send.

    Every send is judged at its slot, by `release.due`'s rules for the events that happen in this world.

    Args:
        brand: what is declared.
        sends: decided at one close.
        close: microseconds UTC.
        ready_at: when it was decided.
        events: at least all that happened at or after the close or arrived after `ready_at`.
    """
    goes = np.ones(len(sends), np.bool_)
    news = events.take((events.at >= close) | (events.arrived > ready_at))
    order = np.argsort(news.customer, kind="stable")
    news = news.take(order)
    first = np.searchsorted(news.customer, sends.customer, side="left")
    count = np.searchsorted(news.customer, sends.customer, side="right") - first
    send = np.repeat(np.arange(len(sends)), count)
    event = np.repeat(first - np.cumsum(count) + count, count) + np.arange(len(send))
    in_time = (news.at[event] <= sends.slot_at[send]) & (news.arrived[event] <= sends.slot_at[send])
    send, event = send[in_time], event[in_time]
    kind = news.kind[event]
    # In this world customers speak of marketing alone when they say no.
    says_no = np.isin(kind, [one.code for one in SAYING_NO])
    says_no |= (kind == EventType.CONSENT_CHANGED.code) & (news.flag[event] == 0)
    forbids = says_no & ~transactional_campaigns(brand)[sends.campaign[send]]
    forbids |= kind == EventType.SEND_BOUNCED.code
    forbids &= news.channel[event] == sends.channel[send]
    product = np.where(news.product >= 0, product_hashes()[np.maximum(news.product, 0)], 0)
    hashes = order_hashes(np.where(product == 0, news.order, -1))
    same = product[event] == sends.about_product[send]
    same = np.where(product[event] == 0, hashes[event] == sends.about_order[send], same)
    same &= sends.about_product[send] != 0
    for number, campaign in enumerate(brand.campaigns):
        mine = sends.campaign[send] == number
        for on in campaign.cancel_on:
            forbids |= mine & (kind == on.event.code) & (same if on.same == "product" else True)
    goes[send[forbids]] = False
    return goes


def with_capacities(brand: Brand, per_window: Mapping[str, int] | None) -> Brand:
    """The brand with these capacities of its channels for marketing; None: without any."""
    channels = {
        name: one.model_copy(update={"capacity": None if per_window is None else Capacity(per_window=per_window[name])})
        for name, one in brand.settings.channels.items()
    }
    return replace(brand, settings=brand.settings.model_copy(update={"channels": channels}))


def without_models(brand: Brand) -> tuple[ModelInUse, ...]:
    """The campaigns' priors count."""
    return tuple(ModelInUse(name, refusal=NO_CHAMPION) for name in brand.settings.models)
