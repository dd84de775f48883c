"""Consent: what a row says about being contacted, read by its own rules; `docs/consent.md` has them in plain words.

A yes counts only when its row is strictly right. A no counts as soon as a customer and the wish to be left alone can be
read, whatever else is wrong with the row, and where its extent cannot be read it is taken to be wider. Pure: values in,
values out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from ceasefire.vocabulary import EVERY, EventType, MessageClass, RefusalKind, RejectReason

TOPIC, CAMPAIGN = "topic/", "campaign/"
"""How a statement names the topic or the campaign that alone it is about."""

MAX_LENIENT_CHARS = 1 << 23
"""A broken row longer than that is not read as JSON any more, only searched at both ends."""

_SEARCHED_CHARS = 1 << 20
_EVERY_WORDS = frozenset(("*", "all", "any", "every", "everything", "allchannels", "everychannel"))
_YES = frozenset(("true", "1", "yes", "y", "on", "t", "granted", "optin", "optedin", "subscribed", "accepted", "allow"))
_NO = frozenset(("false", "0", "00", "0.0", "-1", "no", "n", "off", "f", "none", "never", "denied", "deny", "stop")) | {
    *("withdrawn", "withdraw", "revoked", "revoke", "optout", "optedout", "unsubscribed", "unsubscribe", "notgranted"),
    *("refused", "rejected", "declined", "blocked", "disallow", "removed"),
}
_SAYS_NO_BY_NAME = ("unsubscri", "optout", "optedout", "complain", "spam", "donotcontact", "suppress", "blocklist")
_SAYS_NO_WHOLE = frozenset(
    (
        "unsub",
        "unsubs",
        "stop",
        "stopall",
        "smsstop",
        "stopsms",
        "dnc",
        "abuse",
        "blacklisted",
        "nomarketing",
        "noemail",
    )
)
_ERASES_BY_NAME = ("erasure", "eraseme", "forgetme", "forgotten", "deletionrequest", "deleteme", "gdprdelete")
_ERASES_WHOLE = frozenset(("erase", "erased", "deletedata", "datadeletion", "deleterequest", "anonymize", "anonymise"))
_TAKES_BACK = ("undo", "revert", "cancel", "resub", "restor", "lifted", "failed")
_ABOUT_CONSENT = ("consent", "permission", "optin")
_TURNS_DOWN = ("withdr", "revok", "denied", "deni", "remov", "declin", "reject", "refus")
_LOOKS_LIKE = ("unsub", "optout", "optedout", "gdpr", "forget", "withdr", "revok", "complain", "consent", "permission")
_LOOKS_LIKE_TOO = (
    "suppress",
    "donot",
    "erase",
    "blacklist",
    "subscriptionend",
    "subscriptioncancel",
    "subscriptionoff",
)
_VALUE_KEYS = ("granted", "consent", "status", "state", "value", "action", "optin", "optedin", "subscribed")
# Python takes five times as long to look a member up in its class.
_ERASURE_REQUESTED, _CONSENT_CHANGED, _OPTED_OUT = (
    EventType.ERASURE_REQUESTED,
    EventType.CONSENT_CHANGED,
    EventType.OPTED_OUT,
)
_MARKETING = MessageClass.MARKETING.value
_PURPOSES = frozenset((*(purpose.value for purpose in MessageClass), EVERY))
_FLAGS_OF_NO = ("optout", "optedout", "unsubscribed", "donotcontact", "dnc", "suppressed", "nomarketing", "unsubscribe")
_FLAGS_OF_YES = (
    "marketingconsent",
    "acceptsmarketing",
    "marketingoptin",
    "optin",
    "optedin",
    "newsletter",
    "marketing",
)
_NO_CHANNEL = frozenset(("", "all", "any", "global", "marketing", "from", "is", "has", "customer", "user", "at"))
_FOUND_IN_TEXT = ("event_id", "brand", "customer_id", "event_type", "channel", "granted", "purpose", "topic")
_SOFT_BOUNCES = ("soft", "transient", "temporary", "deferred", "delayed", "mailboxfull", "greylisted")


class Statement(NamedTuple):
    """What somebody said on being contacted.

    Attributes:
        purpose: a `MessageClass`, or EVERY.
        channel: a channel of the brand, or EVERY.
        topic: `topic/<name>` or `campaign/<id>` that alone it is about; None: about all messages.
        granted: whether it is a yes.
    """

    purpose: str
    channel: str
    topic: str | None
    granted: bool


class Wish(NamedTuple):
    """A no that is read from a row which is no event as it stands.

    Attributes:
        customer: the natural id.
        event_type: `opted_out`, or `erasure_requested` where that is what is asked.
        statement: what it says.
        event_id: of the row, if it can be read.
        widened: why its extent was taken to be wider than it may have been meant.
    """

    customer: str
    event_type: EventType
    statement: Statement
    event_id: str | None
    widened: frozenset[RejectReason]


class Unclear(NamedTuple):
    """A row that names a customer and looks like an opt-out, and cannot be understood."""

    customer: str


@dataclass(frozen=True)
class ConsentTerms:
    """The names that a brand's statements on consent can use.

    Attributes:
        brand: rows of another brand say nothing about our customers.
        channels: channel by its id, its aliases and both of them folded.
        topics: topic by its name and that folded.
        campaigns: ids of campaigns.
    """

    brand: str
    channels: Mapping[str, str]
    topics: Mapping[str, str]
    campaigns: frozenset[str]

    @staticmethod
    def of(
        brand: str, channels: Mapping[str, Iterable[str]], topics: Iterable[str], campaigns: Iterable[str]
    ) -> ConsentTerms:
        """The terms of a brand, given the aliases of each channel."""
        names = {name: channel for channel, aliases in channels.items() for name in (*aliases, channel)}
        folded_channels = {folded(name): channel for name, channel in names.items()}
        topics = tuple(topics)
        return ConsentTerms(
            brand,
            folded_channels | names | {channel: channel for channel in channels},
            {folded(topic): topic for topic in topics} | {topic: topic for topic in topics},
            frozenset(campaigns),
        )

    def channel(self, text: str) -> str | None:
        """The brand's channel that a text names, EVERY if it says all of them, None if it names none."""
        known = self.channels.get(text) or self.channels.get(folded(text))
        return known or (EVERY if folded(text) in _EVERY_WORDS or text.strip() == EVERY else None)


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """A name as people mean it: without case, blanks and signs."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


class Answer(Enum):
    """What a value says to the question of consent."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def answer_of(value: Any) -> Answer:
    """Read a yes or no in any of its usual spellings.

    >>> answer_of("False"), answer_of(0), answer_of("Yes"), answer_of("perhaps")
    (<Answer.NO: 'no'>, <Answer.NO: 'no'>, <Answer.YES: 'yes'>, <Answer.UNKNOWN: 'unknown'>)
    """
    if value is None or isinstance(value, dict | list):
        return Answer.UNKNOWN
    text = str(value).strip().casefold()
    for words, answer in ((_NO, Answer.NO), (_YES, Answer.YES)):
        if text in words or folded(text) in words:
            return answer
    return Answer.UNKNOWN


def strict_statement(
    kind: EventType,
    channel: str | None,
    attributes: Mapping[str, str | None],
    campaign_id: str | None,
    terms: ConsentTerms,
    reasons: set[RejectReason],
) -> Statement | None:
    """Return the statement of an event that is right in all other respects; add to reasons why it is not.

    Args:
        kind: one of SAYS_CONSENT.
        channel: the brand's channel or EVERY, as `ConsentTerms.channel` reads it; None if the row names none.
        attributes: of the event.
        campaign_id: of the event.
        terms: of the brand.
        reasons: of the row; what stands there already is not looked at.
    """
    if kind is _ERASURE_REQUESTED:
        return Statement(EVERY, EVERY, None, False)
    granted = False
    said, is_answer = attributes.get("purpose"), kind is _CONSENT_CHANGED
    purpose = said or (EVERY if kind is _OPTED_OUT else _MARKETING)
    if purpose not in _PURPOSES or (is_answer and not said):
        reasons.add(RejectReason.OUT_OF_RANGE)
    if is_answer:
        answer = attributes.get("granted")
        if answer not in ("true", "false"):
            reasons.add(RejectReason.OUT_OF_RANGE)
        granted = answer == "true"
        if granted and (channel in (None, EVERY) or purpose == EVERY):
            # A yes to everything is not to be had in one row.
            reasons.add(RejectReason.MISSING_FIELD if channel is None else RejectReason.OUT_OF_RANGE)
    topic, is_known = _topic(attributes, campaign_id, terms)
    if not is_known:
        reasons.add(RejectReason.OUT_OF_RANGE)
    return Statement(purpose, channel or EVERY, topic, granted)


SAYS_CONSENT = frozenset(
    (
        EventType.CONSENT_CHANGED,
        EventType.UNSUBSCRIBED,
        EventType.COMPLAINED,
        EventType.OPTED_OUT,
        EventType.ERASURE_REQUESTED,
    )
)
"""Events that are statements on consent."""


def profile_statement(values: Mapping[str, Any], terms: ConsentTerms) -> Statement | None:
    """Return the no that a profile says by a key such as `unsubscribed` or `accepts_marketing`; None without one."""
    for key, is_flag_of_no, rest in _consent_keys(tuple(values)):
        channel = EVERY if rest in _NO_CHANNEL else terms.channels.get(rest)
        if channel is not None and answer_of(values[key]) is (Answer.YES if is_flag_of_no else Answer.NO):
            return Statement(MessageClass.MARKETING.value, channel, None, False)
    return None


# Profiles come in a few shapes.
@lru_cache(maxsize=1024)
def _consent_keys(keys: tuple[str, ...]) -> tuple[tuple[str, bool, str], ...]:
    """The keys that may speak of consent, whether a yes to them is a no, and what else they name: a channel, say."""
    found: dict[tuple[str, bool, str], None] = {}
    for key in keys:
        plain = folded(key)
        for flags, says_no in ((_FLAGS_OF_NO, True), (_FLAGS_OF_YES, False)):
            for flag in flags:
                if plain.endswith(flag):
                    found[key, says_no, plain.removesuffix(flag)] = None
                elif plain.startswith(flag):
                    found[key, says_no, plain.removeprefix(flag)] = None
    return tuple(found)


def bounce_kind(attributes: Mapping[str, str | None] | None) -> RefusalKind:
    """Return whether a bounce is a soft one; of one that does not say so it is not known that it is."""
    values = attributes or {}
    said = next((values[key] for key in ("kind", "bounce_type", "type") if values.get(key)), None)
    is_soft = said is not None and any(folded(said).startswith(word) for word in _SOFT_BOUNCES)
    return RefusalKind.SOFT_BOUNCE if is_soft else RefusalKind.HARD_BOUNCE


def read_wish(row: Mapping[str, Any], terms: ConsentTerms) -> Wish | Unclear | None:
    """Return the no of a row that is no event; Unclear if it looks like one; None if it says nothing of the kind.

    Args:
        row: as far as it could be read; a key that is spelt otherwise than the contract has it is understood.
        terms: of the brand.
    """
    fields = _by_folded_key(row)
    attributes = fields.get("attributes")
    facts = (_by_folded_key(attributes) if isinstance(attributes, Mapping) else {}) | {
        key: value for key, value in fields.items() if key != "attributes"
    }
    customer = _plain(fields.get("customerid"))
    brand = _plain(fields.get("brand"))
    if customer is None or (brand is not None and folded(brand) != folded(terms.brand)):
        return None
    name = folded(_plain(facts.get("eventtype")) or "")
    answer = _answer_by_name(name, facts)
    if answer is Answer.UNKNOWN:
        return Unclear(customer)
    if answer is Answer.YES:
        return None
    widened: set[RejectReason] = set()
    erases = _says(name, _ERASES_BY_NAME, _ERASES_WHOLE)
    statement = Statement(EVERY, EVERY, None, False) if erases else _read_statement(name, facts, terms, widened)
    kind = EventType.ERASURE_REQUESTED if erases else EventType.OPTED_OUT
    return Wish(customer, kind, statement, _plain(fields.get("eventid")), frozenset(widened))


def read_broken(text: str) -> dict[str, Any]:
    """Return what can be read of a row that is no JSON, or is none that the contract takes: its keys and values.

    Of a key that stands twice a no to `granted` counts, and of a channel that stands twice neither.
    """
    if len(text) <= MAX_LENIENT_CHARS:
        try:
            row = json.loads(text, object_pairs_hook=_strictest)
            if isinstance(row, dict):
                return row
        except (ValueError, RecursionError):
            pass
    searched = text if len(text) <= 2 * _SEARCHED_CHARS else text[:_SEARCHED_CHARS] + text[-_SEARCHED_CHARS:]
    return {name: found for name in _FOUND_IN_TEXT if (found := _searched(name, searched)) is not None}


def _strictest(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in pairs:
        if key in row and row[key] != value:
            plain = folded(key)
            if plain == "channel":
                value = None
            elif plain in _VALUE_KEYS and answer_of(row[key]) is Answer.NO:
                value = row[key]
        row[key] = value
    return row


@lru_cache(maxsize=64)
def _pattern(name: str) -> re.Pattern[str]:
    key = "[ _-]?".join(name.split("_"))
    return re.compile(
        rf"[\"']?\b{key}\b[\"']?\s*[:=]\s*(?:\"((?:[^\"\\]|\\.){{1,1000}})\"|'([^']{{1,1000}})'|([\w.+-]{{1,1000}}))",
        re.I,
    )


def _searched(name: str, text: str) -> str | None:
    found = [next(filter(None, groups)) for groups in _pattern(name).findall(text)]
    if name == "granted":
        return next((value for value in found if answer_of(value) is Answer.NO), found[0] if found else None)
    return found[0] if found and (name != "channel" or len(set(found)) == 1) else None


def _by_folded_key(row: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in row.items():
        # A key as the contract spells it goes before others of the same sound.
        plain = folded(key)
        if plain not in fields or key.islower():
            fields[plain] = value
    return fields


def _plain(value: Any) -> str | None:
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None
    text = str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text if 0 < len(text) <= 1_000 and "\x00" not in text else None


def _answer_by_name(name: str, facts: Mapping[str, Any]) -> Answer:
    """What a row says, by its type first and by its values then; YES also for whatever is no statement at all."""
    takes_back = any(word in name for word in _TAKES_BACK) and not name.startswith(("donot", "notgranted"))
    if _says(name, _SAYS_NO_BY_NAME, _SAYS_NO_WHOLE) or _says(name, _ERASES_BY_NAME, _ERASES_WHOLE):
        return Answer.UNKNOWN if takes_back else Answer.NO
    said = [answer_of(facts[key]) for key in _VALUE_KEYS if key in facts]
    if any(word in name for word in _ABOUT_CONSENT) or not name:
        if Answer.NO in said or (name and any(word in name for word in _TURNS_DOWN)):
            return Answer.NO
        if _flags_say_no(facts):
            return Answer.NO
        if name or said:
            return Answer.YES if said and Answer.UNKNOWN not in said else Answer.UNKNOWN
        return Answer.YES
    if _flags_say_no(facts):
        return Answer.NO
    if any(word in name for word in (*_LOOKS_LIKE, *_LOOKS_LIKE_TOO)):
        return Answer.NO if Answer.NO in said else Answer.UNKNOWN
    return Answer.NO if answer_of(facts.get("granted")) is Answer.NO else Answer.YES


def _flags_say_no(facts: Mapping[str, Any]) -> bool:
    return any(answer_of(facts.get(flag)) is Answer.YES for flag in _FLAGS_OF_NO)


def _says(name: str, parts: Iterable[str], whole: frozenset[str]) -> bool:
    return name in whole or any(part in name for part in parts)


def _read_statement(name: str, facts: Mapping[str, Any], terms: ConsentTerms, widened: set[RejectReason]) -> Statement:
    said = _plain(facts.get("channel"))
    channel = EVERY if said is None else terms.channel(said)
    if channel is None:
        widened.add(RejectReason.UNKNOWN_CHANNEL)
        channel = EVERY
    is_about_marketing = "unsub" in name or "complain" in name or "spam" in name
    purpose_text = _plain(facts.get("purpose"))
    known = {folded(kind.value): kind.value for kind in MessageClass}
    purpose = EVERY if purpose_text is None else known.get(folded(purpose_text), EVERY)
    if purpose == EVERY and is_about_marketing and folded(purpose_text or "") not in _EVERY_WORDS:
        purpose = MessageClass.MARKETING.value
    texts = {key: _plain(facts.get(key)) for key in ("topic", "scope")}
    topic, is_known = _topic(texts, _plain(facts.get("campaignid")), terms)
    if not is_known:
        widened.add(RejectReason.OUT_OF_RANGE)
    return Statement(purpose, channel, topic, False)


def _topic(
    attributes: Mapping[str, str | None], campaign_id: str | None, terms: ConsentTerms
) -> tuple[str | None, bool]:
    """The topic or campaign that alone a statement is about, and whether the brand knows it."""
    if said := attributes.get("topic"):
        topic = terms.topics.get(said) or terms.topics.get(folded(said))
        return (None, False) if topic is None else (TOPIC + topic, True)
    if folded(attributes.get("scope") or "") == "campaign":
        return (CAMPAIGN + campaign_id, True) if campaign_id in terms.campaigns else (None, False)
    return None, True
