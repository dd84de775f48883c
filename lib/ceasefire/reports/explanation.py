"""Why one customer got what she got: the pieces, and how they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ceasefire.config.units import MICROS_PER_MINOR, currency_exponent
from ceasefire.vocabulary import LossReason, Outcome, RevokedReason, UpliftSource, WithheldReason

WORDS: dict[str, str] = {
    LossReason.NOT_IN_AUDIENCE: "no campaign wants this customer",
    LossReason.OUTSIDE_DATES: "the campaign does not run on that day",
    LossReason.NO_CONSENT: "no consent for this channel",
    LossReason.ON_HOLD: "on hold: something that may be an opt-out waits for a person to look at it",
    LossReason.ON_SUPPRESSION_LIST: "on a suppression list",
    LossReason.NO_ADDRESS: "no address for this channel",
    LossReason.REENTRY_LIMIT: "was in this campaign too recently",
    LossReason.DURATION_LOCK: "still in the duration period of an earlier message",
    LossReason.UPLIFT_UNKNOWN: "the model reads something of this customer that is no number",
    LossReason.VALUE_NOT_POSITIVE: "not worth sending",
    LossReason.CAPACITY_FULL: "no room left on the channel or in the campaign",
    LossReason.LOST_TO_BETTER: "another message won",
    WithheldReason.CONSENT_WITHDRAWN: "consent was withdrawn",
    WithheldReason.UNSUBSCRIBED: "the customer unsubscribed",
    WithheldReason.COMPLAINED: "the customer complained",
    WithheldReason.BOUNCED: "the address bounced",
    WithheldReason.ERASED: "the customer asked to be erased",
    WithheldReason.PRODUCT_RETURNED: "what the message is about was returned",
    WithheldReason.CANCELLED_BY_EVENT: "an event made the message wrong",
    WithheldReason.EXPIRED: "its time had passed",
    WithheldReason.ADDRESS_REFUSED: "somebody with the same address said no, or mail to it bounced",
    WithheldReason.SAME_ADDRESS: "another message goes to the same address",
    WithheldReason.MERGED: "the customer turned out to be the same person as another one",
    WithheldReason.QUIET_HOURS: "no allowed hour was left where the customer is",
    WithheldReason.CAMPAIGN_STOPPED: "the campaign was taken out, or has ended, since the decision",
    WithheldReason.PAUSED: "the campaign or the channel was paused",
    WithheldReason.SHADOW: "release is in shadow mode: it would have gone",
    RevokedReason.CALLED_BACK: "a person called it back",
}
"""What each reason code means to a marketer. `no_address` is a code of both kinds, so its words must fit both."""


@dataclass(frozen=True)
class Membership:
    """A segment that held, and what its rule read."""

    segment_id: str
    name: str
    criteria: tuple[tuple[str, str], ...]
    """Each comparison that was true, and the values it read."""


@dataclass(frozen=True)
class Mover:
    """A feature that moved an uplift: its value, and by how many probability points against an average customer's."""

    feature: str
    value: str
    points: float


@dataclass(frozen=True)
class TransactionalDecision:
    """A decision of the same window on a transactional campaign, which competes with no other.

    Attributes:
        decision: the row of the ledger.
        fate: what became of the send since; none for silence.
        fate_reason: why it was withheld.
    """

    decision: dict[str, Any]
    fate: str
    fate_reason: str


@dataclass(frozen=True)
class MergedId:
    """Another id of the same person: its pseudonym, and since when the two are one."""

    customer_id: str
    merged_at: datetime


@dataclass(frozen=True)
class Explanation:
    """One decision on marketing with all that led to it.

    Attributes:
        customer: the natural id that was asked for.
        zone: in which instants are shown.
        decision: the row of the ledger.
        memberships: segments that held at the close.
        movers: by campaign that a model spoke for, what moved its uplift most.
        fate: what became of the send since: queued, withheld, waiting; none for silence.
        fate_reason: why it was withheld.
        versions: what it was decided from.
        transactional: what was decided of transactional campaigns that want the customer in the same window.
        merged: the other ids of the person, as known then; it was decided for all of them at once.
    """

    customer: str
    zone: str
    currency: str
    decision: dict[str, Any]
    memberships: tuple[Membership, ...]
    movers: Mapping[str, tuple[Mover, ...]]
    fate: str
    fate_reason: str
    versions: dict[str, str]
    transactional: tuple[TransactionalDecision, ...] = ()
    merged: tuple[MergedId, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The same as plain values, for `--json`."""
        return asdict(self)


def explanation_lines(explanation: Explanation, local: Any) -> Iterator[str]:
    """The explanation as lines of text; `local` turns an instant into the text of the brand's clock."""
    decision = explanation.decision
    yield f"Customer {explanation.customer}, window closed {local(decision['window_end'])}"
    if explanation.merged:
        count = len(explanation.merged) + 1
        yield f"One person under {count} ids, decided as {decision['customer_id']}; merged into it were:"
        for other in explanation.merged:
            yield f"  {other.customer_id} {local(other.merged_at)}"
    yield ""
    yield from _outcome_lines(explanation, local)
    yield ""
    if explanation.transactional:
        yield f"Transactional messages of this window, which compete with no other ({len(explanation.transactional)})"
        for apart in explanation.transactional:
            yield from _transactional_lines(apart, local)
        yield ""
    yield f"Segments ({len(explanation.memberships)})"
    for one in explanation.memberships:
        yield f"  {one.segment_id}" + (f": {one.name}" if one.name else "")
        for criterion, values in one.criteria:
            yield f"      {criterion}   [{values}]"
    yield ""
    yield from _candidate_lines(explanation, local)
    yield ""
    yield "Decided from"
    for name, value in explanation.versions.items():
        yield f"  {name}: {value}"


def money(micros: int, currency: str) -> str:
    """Millionths of a minor unit as an amount of the currency, with two decimals more than its minor unit has."""
    exponent = currency_exponent(currency)
    amount = Decimal(micros) / MICROS_PER_MINOR / 10**exponent
    return f"{amount:,.{exponent + 2}f} {currency}"


def winner_first(candidates: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The winner, then the losers by how far they got and how much they were worth."""
    order = {reason.value: place for place, reason in enumerate(LossReason)}
    last = len(order)
    return sorted(
        candidates,
        key=lambda one: (
            -order.get(one["reason_code"] or "", last),
            -one["value_micros"],
            one["campaign_id"],
            one["channel"],
        ),
    )


def _outcome_lines(explanation: Explanation, local: Any) -> Iterator[str]:
    decision, currency = explanation.decision, explanation.currency
    if decision["outcome"] == Outcome.SILENCE.value:
        reason = decision["reason_code"]
        yield f"Silence: {WORDS[reason]} ({reason})."
        return
    treatment = decision["treatment"]
    yield (
        f"Send {treatment['campaign_id']} by {treatment['channel']} at {local(treatment['slot_at'])} "
        f"(content {treatment['variant_id']}, template {treatment['template']}), "
        f"worth {money(decision['value_micros'], currency)}."
    )
    if decision["runner_up"] is None:
        yield "Nothing else could have been sent."
    else:
        yield f"Runner-up {decision['runner_up']}, {money(decision['margin_micros'], currency)} behind."
    yield f"Since then: {_fate_text(explanation.fate, explanation.fate_reason)}."


def _transactional_lines(apart: TransactionalDecision, local: Any) -> Iterator[str]:
    decision = apart.decision
    if decision["outcome"] == Outcome.SILENCE.value:
        reason = decision["reason_code"]
        yield f"  {_campaign_of(decision)}: not sent, {WORDS[reason]} ({reason})"
        return
    treatment = decision["treatment"]
    yield (
        f"  {treatment['campaign_id']} by {treatment['channel']} at {local(treatment['slot_at'])} "
        f"(content {treatment['variant_id']}, template {treatment['template']}); "
        f"since then: {_fate_text(apart.fate, apart.fate_reason)}"
    )
    for one in winner_first(decision["candidates"])[1:]:
        yield f"      not by {one['channel']}: {WORDS[one['reason_code']]} ({one['reason_code']})"


def _campaign_of(decision: Mapping[str, Any]) -> str:
    campaign: str = decision["candidates"][0]["campaign_id"]
    return campaign


def _fate_text(fate: str, reason: str) -> str:
    return f"{fate}: {WORDS[reason]} ({reason})" if reason else fate


def _candidate_lines(explanation: Explanation, local: Any) -> Iterator[str]:
    candidates, currency = explanation.decision["candidates"] or [], explanation.currency
    yield f"Candidates ({len(candidates)})"
    for one in winner_first(candidates):
        verdict = "WINS" if one["reason_code"] is None else f"{WORDS[one['reason_code']]} ({one['reason_code']})"
        yield f"  {one['campaign_id']} / {one['channel']} at {local(one['slot_at'])}: {verdict}"
        uplift = "unknown" if one["uplift"] is None else f"{one['uplift']:.4f}"
        yield (
            f"      uplift {uplift} ({_source_text(one)}) x {money(one['outcome_micros'], currency)} "
            f"({one['value_basis']}) - {money(one['cost_micros'], currency)} = {money(one['value_micros'], currency)}"
        )
        if one["uplift_source"] == UpliftSource.MODEL.value:
            for mover in explanation.movers.get(one["campaign_id"], ()):
                yield f"          {mover.points:+.4f} from {mover.feature} = {mover.value}"


def _source_text(candidate: Mapping[str, Any]) -> str:
    if candidate["uplift_source"] == UpliftSource.MODEL.value:
        return f"model {candidate['model']}"
    refusal = f": {candidate['model_refusal']}" if candidate["model_refusal"] else ""
    return f"{candidate['uplift_source']}{refusal}"
