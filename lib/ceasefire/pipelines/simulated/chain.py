"""A simulated world through the whole Spark chain: files in, windows closed, decisions, queues, back into the world.

It is the second of two speeds. What the kernels do alone (`simulated.days`) has to be what comes out here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from ceasefire.arrow import BoolArray
from ceasefire.config.units import instant_micros, instant_of
from ceasefire.ids import send_id
from ceasefire.pipelines.clock import tick_rows
from ceasefire.pipelines.decide import start_decide
from ceasefire.pipelines.features import start_features
from ceasefire.pipelines.ingest import start_ingest
from ceasefire.pipelines.release import start_release
from ceasefire.pipelines.settlement import decision_rows, settle_window
from ceasefire.pipelines.simulated.days import Day, Setting
from ceasefire.pipelines.simulated.inbox import Inbox
from ceasefire.pipelines.streams import Follower
from ceasefire.pipelines.windows import epoch_minutes
from ceasefire.pipelines.workspace import Workspace
from ceasefire.simulation.journal import Journal, joined
from ceasefire.simulation.world import NEVER, Sends, State, no_sends
from ceasefire.storage.lake import append_once, create_tables, read_table
from ceasefire.tables import ALL_TABLES, CLOCK_TICKS, DECISIONS, SEND_QUEUE
from ceasefire.vocabulary import WINDOW_LANE, MessageClass, Policy, transactional_lane

_KEY = ("customer", "at", "kind", "channel", "campaign")
"""What tells one event of a world from all others."""


_IN_ORDER = [("customer_id", "ascending"), ("lane", "ascending")]
_NAMED_BY = ["customer_id", "lane", "decision_id"]
_OF_THE_RUN = ["run_id", "through_batch"]
"""What rows of the ledger say of the run that wrote them."""


@dataclass(frozen=True)
class ChainDay:
    """One day as a ledger and its queues tell it.

    Attributes:
        decisions: the ledger's rows of its window, by customer and lane, without what names the run.
        sent: send_id of every message in the queues.
    """

    decisions: pa.Table
    sent: frozenset[str]


def chain_days(here: Setting, workspace: Workspace, inbox: Path, progress: Callable[[str], None]) -> Iterator[ChainDay]:
    """The days of a world, as a brand at work in Spark lives them.

    Args:
        here: a world in which nobody has sent anything yet (`days.beginning`); it is left as it is.
        workspace: the brand at work, with the capacities that are wanted; its tables are new.
        inbox: a new folder for the events.
        progress: told in a few words what is being done.
    """
    inbox.mkdir(parents=True)
    lake, world, count = workspace.lake, here.world, len(here.world.people)
    create_tables(lake, ALL_TABLES)
    state = here.state.first(count)
    mail = Inbox(world, here.known.texts, inbox, here.known.under_way)
    mail.write(mail.waiting.arrived < world.starts[here.first_day])
    followers = {
        "ingest": start_ingest(workspace, str(inbox), once=False),
        "features": start_features(workspace, once=False),
        "decide": start_decide(workspace, once=False),
        "release": start_release(workspace, once=False),
    }
    try:
        for number in range(here.first_day, here.first_day + here.parameters.compared.days):
            progress(f"day {number - here.first_day + 1} of {here.parameters.compared.days}")
            yield _day(here, workspace, mail, state, followers, number)
    finally:
        for follower in followers.values():
            follower.stop()


def as_told_by_kernels(here: Setting, day: Day) -> ChainDay:
    """What the ledger and the queues would say of a day that the kernels played by the policy `greedy`."""
    assert day.window is not None, "greedy looks at its candidates"
    window = day.window
    rows = decision_rows(window, settle_window(window, Policy.GREEDY), "", 0)
    ids = here.ledger.customer_ids.to_pylist()
    of_lane = {(row["customer_id"], row["lane"]): row["decision_id"] for row in rows.select(_NAMED_BY).to_pylist()}
    lanes = [
        transactional_lane(campaign.id) if campaign.class_ is MessageClass.TRANSACTIONAL else WINDOW_LANE
        for campaign in window.brand.campaigns
    ]
    facts = ("customer", "campaign", "channel", "slot_at")
    told = zip(*(getattr(day.sent, name).tolist() for name in facts), strict=True)
    sent = frozenset(
        send_id(of_lane[ids[who], lanes[campaign]], window.channels[channel], slot)
        for who, campaign, channel, slot in told
    )
    return ChainDay(rows.sort_by(_IN_ORDER).drop_columns(_OF_THE_RUN), sent)


def unequal_decisions(one: ChainDay, other: ChainDay) -> int:
    """How many lanes of customers are decided otherwise, or for other reasons, or sent something else."""
    mine, theirs = (
        {(row["customer_id"], row["lane"]): row for row in day.decisions.to_pylist()} for day in (one, other)
    )
    unequal = [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)]
    return len(unequal) + len(one.sent ^ other.sent)


def _day(
    here: Setting, workspace: Workspace, mail: Inbox, state: State, followers: dict[str, Follower], number: int
) -> ChainDay:
    lake, world = workspace.lake, here.world
    close = instant_of(int(world.starts[number]))
    ready_at = instant_micros(close) + workspace.brand.settings.decision_window.grace.micros
    mail.write(mail.waiting.arrived <= ready_at)
    followers["ingest"].drain()
    ticks = tick_rows([(instant_of(ready_at), close)], is_live=False)
    append_once(lake, CLOCK_TICKS, ticks, "close", epoch_minutes(close))
    followers["features"].drain()
    followers["decide"].drain()
    decisions = read_table(lake, DECISIONS).where(F.col("window_end") == F.lit(close)).toArrow()
    decisions = decisions.sort_by(_IN_ORDER).combine_chunks()
    decided, send_ids = _sends(here, decisions)
    before = mail.waiting
    coming, _ = world.day(state.first(len(world.people)), number, no_sends())
    mail.waiting = joined([before, coming])
    slot_of_customer = np.full(len(world.people), np.iinfo(np.int64).max)
    slot_of_customer[decided.customer] = NEVER
    # A transactional message can come beside another one; what lies between their slots must be known to the second.
    np.maximum.at(slot_of_customer, decided.customer, decided.slot_at)
    for place, slot in enumerate(np.unique(decided.slot_at).tolist()):
        # What follows a message depends on it, and is written when it is known.
        mail.write((mail.waiting.arrived <= slot) & (slot_of_customer[mail.waiting.customer] >= slot))
        followers["ingest"].drain()
        append_once(lake, CLOCK_TICKS, tick_rows([(instant_of(slot), None)], is_live=False), f"slot{place}", number)
        followers["release"].drain()
    queue = read_table(lake, SEND_QUEUE).select("send_id").toArrow()["send_id"]
    went = pc.is_in(pa.array(send_ids, pa.string()), value_set=queue.combine_chunks()).to_numpy(zero_copy_only=False)
    # As the kernels have it, the last that comes to a customer on a day is the one that is reacted to.
    by_slot = np.flatnonzero(went)[np.argsort(decided.slot_at[went], kind="stable")]
    sent = Sends(*(getattr(decided, name)[by_slot] for name in Sends.__dataclass_fields__))
    journal, _ = world.day(state, number, sent)
    written = coming.take(~_among(coming, mail.waiting))
    # Of the day as it turned out, what is not written yet; of the day as it would have been, nothing more.
    mail.waiting = joined([before.take(_among(before, mail.waiting)), journal.take(~_among(journal, written))])
    return ChainDay(decisions.drop_columns(_OF_THE_RUN), frozenset(np.array(send_ids, object)[went].tolist()))


def _sends(here: Setting, decisions: pa.Table) -> tuple[Sends, list[str]]:
    """The decided messages as the world takes them, and their send_ids."""
    brand = here.at_work.brand
    told = decisions.filter(pc.equal(decisions["outcome"], "send")).combine_chunks()
    treatment = told["treatment"].combine_chunks()

    def numbers(name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        column = pc.struct_field(treatment, name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        return np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False), np.int64)

    def index(texts: pa.Array, known: list[str] | pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        values = known if isinstance(known, pa.Array) else pa.array(known, pa.string())
        return np.asarray(pc.index_in(texts, value_set=values).to_numpy(zero_copy_only=False), np.int64)

    sends = Sends(
        customer=index(told["customer_id"].combine_chunks(), here.ledger.customer_ids),
        campaign=index(pc.struct_field(treatment, "campaign_id"), [one.id for one in brand.campaigns]),
        channel=index(pc.struct_field(treatment, "channel"), list(brand.settings.channels)),
        slot_at=numbers("slot_at"),
        about_product=numbers("about_product"),
        about_order=numbers("about_order"),
    )
    return sends, pc.struct_field(treatment, "send_id").to_pylist()


def _among(some: Journal, others: Journal) -> BoolArray:
    """(m,) which of some events stand among others."""
    known = set(zip(*(getattr(others, name).tolist() for name in _KEY), strict=True))
    rows = zip(*(getattr(some, name).tolist() for name in _KEY), strict=True)
    return np.fromiter((one in known for one in rows), np.bool_, len(some))
