"""The last gate: one decided send, all that is known of its customer and its mailbox by now, and the verdict. No Spark.

Consent is judged by everything that is known, a yes only if it has happened. Events that make a message wrong count
when they are news to its decision and have happened by the instant that it is judged as of.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import batch_of
from ceasefire.config.schedule import day_number, first_allowed, local_time
from ceasefire.config.units import LocalHours, instant_micros
from ceasefire.consent import CAMPAIGN
from ceasefire.time_zones import known_zones
from ceasefire.vocabulary import EVERY, EventType, MessageClass, RefusalKind, WithheldReason

Row = Mapping[str, Any]

_INSTANT = pa.timestamp("us", tz="UTC")

NEWS = pa.struct(
    [
        ("event_key", pa.string()),
        ("event_type", pa.string()),
        ("happened_at", _INSTANT),
        ("channel", pa.string()),
        ("product", pa.int64()),
        ("order", pa.int64()),
        ("purpose", pa.string()),
        ("topic", pa.string()),
        ("granted", pa.bool_()),
        ("time_zone", pa.string()),
    ]
)
"""An event that is news to a decision; product and order as hash64, purpose to granted of its statement on consent."""

REFUSAL = pa.struct(
    [
        ("event_key", pa.string()),
        ("kind", pa.string()),
        ("event_type", pa.string()),
        ("purpose", pa.string()),
        ("channel", pa.string()),
        ("topic", pa.string()),
        ("said_at", _INSTANT),
        ("is_own", pa.bool_()),
        ("of_other_id", pa.bool_()),
    ]
)
"""A row of contact_refusals that may concern a send: of its person (`is_own`), or of somebody at the same address.

`of_other_id`: of an id that was merged into the person's only since the decision.
"""

VERDICT = {
    "tick_at": _INSTANT,
    "withheld_reason": pa.string(),
    "withheld_by": pa.string(),
    "waits": pa.bool_(),
    "yes_at": _INSTANT,
    "local_date": pa.int32(),
}
"""What the gate adds to a send: the instant as of which it is judged, why it stays behind and by which event, whether
it waits for a later tick, the yes that it rests on, and the local date on which it goes, in days since 1970-01-01."""

REASON_OF_TYPE: Mapping[str, WithheldReason] = {
    EventType.UNSUBSCRIBED.value: WithheldReason.UNSUBSCRIBED,
    EventType.COMPLAINED.value: WithheldReason.COMPLAINED,
    EventType.ERASURE_REQUESTED.value: WithheldReason.ERASED,
}


@dataclass(frozen=True)
class PresentCampaign:
    """What the present configuration says of a campaign: local dates as day numbers, its channels, what it is about."""

    first_day: int
    last_day: int
    channels: frozenset[str]
    topics: frozenset[str]


@dataclass(frozen=True)
class GateRules:
    """What the gate goes by, the same for every send of a batch; plain values, sent to executors.

    Attributes:
        now: the present instant if the clock is live, microseconds UTC; None when ticks are replayed.
        ticks: of a replay, ascending, microseconds UTC.
        time_zone: of the brand.
        hours: allowed local hours of each channel.
        kinds: kind of address of each channel.
        soft_bounces: so many soft bounces within so many microseconds make an address a bad one.
        campaigns: of the present configuration, by id.
        is_paused: whether a campaign on a channel has to wait.
        is_behind: whether intake has not seen everything for too long, so that marketing waits.
    """

    now: int | None
    ticks: tuple[int, ...]
    time_zone: str
    hours: Mapping[str, LocalHours]
    kinds: Mapping[str, str]
    soft_bounces: tuple[int, int]
    campaigns: Mapping[str, PresentCampaign]
    is_paused: Callable[[str, str], bool]
    is_behind: bool = False


class Verdict(NamedTuple):
    """The gate's word on one send; VERDICT in order."""

    tick_at: int | None
    reason: WithheldReason | None = None
    caused_by: str | None = None
    waits: bool = False
    yes_at: int | None = None
    local_date: int | None = None


def judge_batches(rules: GateRules) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for `mapInArrow`: sends with what concerns them in, without it and with VERDICT out."""

    def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield judged(batch, rules)

    return judge


FACTS = (
    *("channel", "class", "campaign_id", "slot_at", "expires_at", "consent_at", "time_zone", "about_product"),
    *("about_order", "cancel_on", "address", "address_set_at"),
)
"""Columns of a send that the gate reads besides CONCERNS."""

CONCERNS = ("news", "refusals", "on_hold", "on_suppression_list", "merged_away")
"""Columns of a send that only the gate reads."""


def judged(sends: pa.RecordBatch, rules: GateRules) -> pa.RecordBatch:
    """The sends with their verdicts.

    Args:
        sends: at least FACTS, of the treatment and of the vault, and CONCERNS: `news` (list of NEWS), `refusals` (list
            of REFUSAL), `on_hold`, `on_suppression_list`, and `merged_away`: the customer is another person's id now.
        rules: of the gate.

    Returns:
        The same rows without CONCERNS, with the columns of VERDICT.
    """
    verdicts = [verdict_on(send, rules) for send in sends.select([*FACTS, *CONCERNS]).to_pylist()]
    columns = {name: sends.column(name) for name in sends.schema.names if name not in CONCERNS}
    for place, (name, kind) in enumerate(VERDICT.items()):
        values = [verdict[place] for verdict in verdicts]
        if kind == _INSTANT:
            columns[name] = pa.array(values, pa.int64()).cast(kind)
        else:
            columns[name] = pa.array(
                [value and str(value) for value in values] if kind == pa.string() else values, kind
            )
    return batch_of(columns, with_answers(sends.schema, CONCERNS, VERDICT))


def with_answers(sends: pa.Schema, asked: Collection[str], answers: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema of sends without the columns that only the gate reads, and with its answers behind the others.

    Args:
        sends: as the gate takes them.
        asked: columns that only the gate reads.
        answers: VERDICT or REFUSED.
    """
    return pa.schema(
        [*(field for field in sends if field.name not in asked), *map(pa.field, answers, answers.values())]
    )


def verdict_on(send: Row, rules: GateRules) -> Verdict:
    """Judge one send.

    Args:
        send: a row as `judged` takes it, instants as aware datetimes.
        rules: of the gate.
    """
    zone = _zone(send, rules)
    base = rules.now if rules.now is not None else instant_micros(send["slot_at"])
    hours = rules.hours.get(send["channel"])
    target = base if hours is None else _first_allowed(base, zone, hours)
    at = _judging_instant(target, rules)
    # Whatever speaks against the send for good does so also while its hour has not come.
    as_of = at if at is not None else _judging_instant(base, rules)
    if as_of is None:
        return Verdict(None, waits=True)
    cause, yes_at = _cause(send, as_of, rules)
    date = day_number(local_time(as_of, zone).date())
    if cause is not None:
        reason, caused_by = cause
        return Verdict(as_of, reason, caused_by, False, yes_at, date)
    reason_of_state = _reason_of_state(send, as_of, date, rules)
    if reason_of_state is not None:
        return Verdict(as_of, reason_of_state, None, False, yes_at, date)
    expires_at = instant_micros(send["expires_at"])
    is_paused = rules.is_paused(send["campaign_id"], send["channel"])
    if as_of > expires_at:
        return Verdict(as_of, WithheldReason.PAUSED if is_paused else WithheldReason.EXPIRED, None, False, yes_at, date)
    if target > expires_at:
        return Verdict(as_of, WithheldReason.QUIET_HOURS, None, False, yes_at, date)
    waits_for_intake = rules.is_behind and send["class"] == MessageClass.MARKETING.value
    return Verdict(as_of, None, None, is_paused or waits_for_intake or at is None, yes_at, date)


SAID_SINCE = ("news", "refusals")
"""Columns of a queued send that only `refused` reads."""

REFUSED = {"reason": pa.string(), "caused_by": pa.string()}
"""Why a queued send must not go any more, and the event that says so; both null for all others."""


def judge_queued(
    now: int, topics: Mapping[str, Collection[str]]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for `mapInArrow`: queued sends in, those that a no forbids out, with REFUSED.

    Args:
        now: the present instant, microseconds UTC.
        topics: what can be refused of each campaign, as statements name it.
    """

    def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield refused(batch, now, topics)

    return judge


def refused(sends: pa.RecordBatch, now: int, topics: Mapping[str, Collection[str]]) -> pa.RecordBatch:
    """Keep the queued sends that a no forbids by now, with REFUSED; of several noes the earliest says why.

    Args:
        sends: `class`, `channel`, `campaign_id`, `consent_at`, and `news` and `refusals` since it was released.
        now: the present instant, microseconds UTC.
        topics: what can be refused of each campaign, as statements name it.
    """
    words: list[tuple[str | None, str | None]] = []
    for send in sends.select(["class", "channel", "campaign_id", "consent_at", *SAID_SINCE]).to_pylist():
        campaign = send["campaign_id"]
        noes, _ = _noes(send, _happened(send, now), now, topics.get(campaign, (CAMPAIGN + campaign,)))
        _, event_key, reason = min(noes, default=(0, None, None))
        words.append((None if reason is None else reason.value, event_key))
    columns = {name: sends.column(name) for name in sends.schema.names if name not in SAID_SINCE}
    columns |= {
        name: pa.array([word[place] for word in words], kind) for place, (name, kind) in enumerate(REFUSED.items())
    }
    schema = with_answers(sends.schema, SAID_SINCE, REFUSED)
    return batch_of(columns, schema).filter(pc.is_valid(columns["reason"]))


def _zone(send: Row, rules: GateRules) -> str:
    moved = [(fact["happened_at"], fact["time_zone"]) for fact in send["news"] or () if fact["time_zone"]]
    zone = max(moved)[1] if moved else send["time_zone"]
    return zone if zone in known_zones() else rules.time_zone


@lru_cache(maxsize=1 << 14)
def _first_allowed(instant: int, zone: str, hours: LocalHours) -> int:
    return first_allowed(instant, zone, hours)


def _judging_instant(target: int, rules: GateRules) -> int | None:
    """As of when a send is judged that may go from an instant on; None if no tick has come as far."""
    if rules.now is not None:
        return rules.now if target <= rules.now else None
    place = bisect_left(rules.ticks, target)
    return rules.ticks[place] if place < len(rules.ticks) else None


Cause = tuple[int, str, WithheldReason]
"""When an event happened that forbids a send, its key, and the reason."""


def _cause(send: Row, as_of: int, rules: GateRules) -> tuple[tuple[WithheldReason, str | None] | None, int | None]:
    """The earliest event that forbids the send and its reason, and the yes that the send rests on otherwise."""
    news = _happened(send, as_of)
    causes, yes_at = _noes(send, news, as_of, _topics_of(send, rules))
    causes += [
        (instant_micros(refusal["said_at"]), refusal["event_key"], WithheldReason.BOUNCED)
        for refusal in send["refusals"] or ()
        if _bounced(refusal, send, as_of, rules)
    ]
    causes += [
        (instant_micros(fact["happened_at"]), fact["event_key"], _reason_of_cancelling(fact))
        for fact in news
        if _cancels(fact, send)
    ]
    if causes:
        _, event_key, reason = min(causes)
        return (reason, event_key), yes_at
    soft = _soft_bounce(send, as_of, rules)
    return None if soft is None else (WithheldReason.BOUNCED, soft), yes_at


def _happened(send: Row, as_of: int) -> list[Row]:
    """The news of a send that has happened by an instant."""
    return [fact for fact in send["news"] or () if instant_micros(fact["happened_at"]) <= as_of]


def _noes(send: Row, news: Sequence[Row], as_of: int, topics: Collection[str]) -> tuple[list[Cause], int | None]:
    """The noes that forbid the send, and the yes that it rests on.

    Args:
        send: `class`, `channel`, `consent_at` and `refusals`.
        news: `_happened`.
        as_of: a yes counts if it has happened by this instant, a no in any case.
        topics: what can be refused of its campaign.
    """
    yes_at = None if send["consent_at"] is None else instant_micros(send["consent_at"])
    for fact in news:
        if fact["granted"] and fact["topic"] is None and _covers(fact, send):
            said_at = instant_micros(fact["happened_at"])
            yes_at = said_at if yes_at is None else max(yes_at, said_at)
    refusals = send["refusals"] or ()
    taken_back: dict[str, int] = {}
    for yes in refusals:
        said_at = instant_micros(yes["said_at"])
        if yes["kind"] == RefusalKind.TAKEN_BACK.value and yes["is_own"] and said_at <= as_of and _covers(yes, send):
            taken_back[yes["topic"]] = max(taken_back.get(yes["topic"], said_at), said_at)
    return [
        (instant_micros(no["said_at"]), no["event_key"], _reason_of_no(no))
        for no in refusals
        if _is_no_to(no, send, topics, yes_at, taken_back)
    ], yes_at


def _reason_of_no(no: Row) -> WithheldReason:
    if not no["is_own"]:
        return WithheldReason.ADDRESS_REFUSED
    return REASON_OF_TYPE.get(no["event_type"], WithheldReason.CONSENT_WITHDRAWN)


def _covers(said: Row, send: Row) -> bool:
    """A statement on consent is about the send's purpose and channel."""
    on_channel = said["channel"] in (None, EVERY, send["channel"])
    return said["purpose"] in (EVERY, send["class"]) and on_channel


def _is_no_to(
    refusal: Row, send: Row, topics: Collection[str], yes_at: int | None, taken_back: Mapping[str, int]
) -> bool:
    if refusal["kind"] != RefusalKind.NO.value or not _covers(refusal, send):
        return False
    said_at = instant_micros(refusal["said_at"])
    if refusal["topic"] is not None:
        # Only a yes to the same topic takes back a no to it.
        is_about_it = bool(refusal["is_own"]) and refusal["topic"] in topics
        return is_about_it and said_at >= taken_back.get(refusal["topic"], said_at)
    if not refusal["is_own"] and send["class"] != MessageClass.MARKETING.value:
        return False
    # At one instant the no counts.
    return bool(refusal["of_other_id"]) or yes_at is None or said_at >= yes_at


def _bounced(refusal: Row, send: Row, as_of: int, rules: GateRules) -> bool:
    """The mailbox refused mail for good since its address was set last."""
    return refusal["kind"] == RefusalKind.HARD_BOUNCE.value and _is_of_mailbox(refusal, send, as_of, rules)


def _is_of_mailbox(refusal: Row, send: Row, as_of: int, rules: GateRules) -> bool:
    # No word of a person: what bounces after a message has gone does not stop it where the past is replayed.
    if instant_micros(refusal["said_at"]) > as_of:
        return False
    same_kind = rules.kinds.get(refusal["channel"]) == rules.kinds.get(send["channel"])
    since = send["address_set_at"]
    return same_kind and (since is None or refusal["said_at"] >= since)


def _soft_bounce(send: Row, as_of: int, rules: GateRules) -> str | None:
    """The event with which soft bounces became too many in too short a time."""
    most, span = rules.soft_bounces
    soft: list[tuple[int, str]] = sorted(
        (instant_micros(refusal["said_at"]), refusal["event_key"])
        for refusal in send["refusals"] or ()
        if refusal["kind"] == RefusalKind.SOFT_BOUNCE.value and _is_of_mailbox(refusal, send, as_of, rules)
    )
    for first, last in zip(soft, soft[most - 1 :], strict=False):
        if last[0] - first[0] <= span:
            return last[1]
    return None


def _cancels(fact: Row, send: Row) -> bool:
    """The campaign says that this event makes its message wrong.

    About the same product means: an event that names the product, or names no product but the order it came with.
    """
    for cancel in send["cancel_on"] or ():
        if cancel["event_type"] == fact["event_type"]:
            if not cancel["same_product"]:
                return True
            if fact["product"] is not None:
                if fact["product"] == send["about_product"]:
                    return True
            elif fact["order"] is not None and fact["order"] == send["about_order"]:
                return True
    return False


def _reason_of_cancelling(fact: Row) -> WithheldReason:
    if fact["event_type"] == EventType.RETURN.value:
        return WithheldReason.PRODUCT_RETURNED
    return REASON_OF_TYPE.get(fact["event_type"], WithheldReason.CANCELLED_BY_EVENT)


def _topics_of(send: Row, rules: GateRules) -> frozenset[str]:
    campaign = rules.campaigns.get(send["campaign_id"])
    return frozenset((CAMPAIGN + send["campaign_id"],)) if campaign is None else campaign.topics


def _reason_of_state(send: Row, as_of: int, date: int, rules: GateRules) -> WithheldReason | None:
    """Why the send may not go that no single event is to blame for."""
    is_marketing = send["class"] == MessageClass.MARKETING.value
    campaign = rules.campaigns.get(send["campaign_id"])
    checks: Sequence[tuple[bool, WithheldReason]] = (
        (bool(send["merged_away"]), WithheldReason.MERGED),
        (is_marketing and bool(send["on_hold"]), WithheldReason.ON_HOLD),
        (
            is_marketing
            and not {"customer_id", rules.kinds.get(send["channel"])}.isdisjoint(send["on_suppression_list"] or ()),
            WithheldReason.ON_SUPPRESSION_LIST,
        ),
        (not send["address"], WithheldReason.NO_ADDRESS),
        (
            campaign is None
            or send["channel"] not in campaign.channels
            or not campaign.first_day <= date <= campaign.last_day,
            WithheldReason.CAMPAIGN_STOPPED,
        ),
    )
    return next((reason for forbids, reason in checks if forbids), None)


def ticks_of(ticks: Iterable[datetime]) -> tuple[int, ...]:
    """The ticks of a replay as GateRules has them."""
    return tuple(sorted(instant_micros(tick) for tick in ticks))
