"""Consent: what a row says about being contacted, read by its own rules; `docs/consent.md` has them in plain words.

A yes counts only when its row is strictly right. A no counts as soon as a customer and the wish to be left alone can be
read, whatever else is wrong with the row, and where its extent cannot be read it is taken to be wider. Pure: values in,
values out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from ceasefire.vocabulary import EVERY, EventType, MessageClass, RefusalKind, RejectReason

TOPIC, CAMPAIGN = "topic/", "campaign/"
"""How a statement names the topic or the campaign that alone it is about."""

MAX_LENIENT_CHARS = 1 << 23
"""A broken row longer than that is not read as JSON any more, only searched at both ends."""

MAX_ROWS_IN_LINE = 1_000
"""Of more rows in one line the last ones are read as one."""

_SEARCHED_CHARS = 1 << 20
_EVERY_WORDS = frozenset(("*", "all", "any", "every", "everything", "allchannels", "everychannel"))
_YES = frozenset(("true", "1", "yes", "y", "on", "t", "granted", "optin", "optedin", "subscribed", "accepted", "allow"))
_NO = frozenset(("false", "0", "00", "0.0", "-1", "no", "n", "off", "f", "none", "never", "denied", "deny", "stop")) | {
    *("withdrawn", "withdraw", "revoked", "revoke", "optout", "optedout", "unsubscribed", "unsubscribe", "notgranted"),
    *("refused", "rejected", "declined", "blocked", "disallow", "removed"),
}
_SAYS_NO_BY_NAME = (
    *("unsubscri", "optout", "optedout", "complain", "spam", "suppress", "blocklist", "objection", "objected"),
    *("donotcontact", "donotemail", "donotmail", "donotcall", "donottext", "donotsend", "donotmarket"),
    *("stopmarketing", "stopemail", "stopmail", "stopcontact", "stopmessag", "stopsend"),
)
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
        "abusereport",
        "blacklisted",
        "nomarketing",
        "noemail",
    )
)
_ERASES_BY_NAME = (
    *("erasure", "eraseme", "forgetme", "beforgotten", "deletionrequest", "deleteme", "gdprdelete"),
    *("deletemydata", "erasemydata", "deletemyaccount"),
)
_ERASES_WHOLE = frozenset(
    ("erase", "erased", "forgotten", "deletedata", "datadeletion", "deleterequest", "anonymize", "anonymise")
)
_TAKES_BACK = ("undo", "revert", "cancel", "resub", "restor", "lifted", "failed", "notspam", "unsuppress")
_ABOUT_CONSENT = ("consent", "permission", "optin")
_TURNS_DOWN = ("withdr", "revok", "denied", "deni", "remov", "declin", "reject", "refus")
_AGREES = ("grant", "given", "accept", "confirm", "renew", "allow", "optin", "optedin")
_LOOKS_LIKE = (
    *("unsub", "gdpr", "forget", "donot", "erase", "blacklist", "subscriptionend", "subscriptioncancel"),
    *("subscriptionoff", "newslettercancel", "newsletterend", "newsletteroff", "removedfromlist", "listremov"),
    *("marketingwithdr", "marketingrevok", "accountdelet", "deleteaccount", "customerdelet"),
)
# Of a withdrawal alone nobody can tell whether it is one of money.
_LOOKS_LIKE_WHOLE = frozenset(("withdrawn", "revoked"))
_HARMLESS = "password"
_PLAIN_VALUE_KEYS = ("granted", "consent", "optin", "optedin", "subscribed")
_VALUE_KEYS = (*_PLAIN_VALUE_KEYS, "status", "state", "value", "action")
_TYPE_KEYS = ("eventtype", "type", "event")
_FLAGS_OF_NO = (
    *("optout", "optedout", "unsubscribed", "unsubscribe", "donotcontact", "dnc", "suppressed", "nomarketing"),
    *("donot", "hasoptedoutof", "optedoutof", "optoutof"),
)
# Python takes five times as long to look a member up in its class.
_ERASURE_REQUESTED, _CONSENT_CHANGED, _OPTED_OUT = (
    EventType.ERASURE_REQUESTED,
    EventType.CONSENT_CHANGED,
    EventType.OPTED_OUT,
)
_MARKETING = MessageClass.MARKETING.value
_PURPOSES = frozenset((*(purpose.value for purpose in MessageClass), EVERY))
_FLAGS_OF_YES = (
    "marketingconsent",
    "acceptsmarketing",
    "marketingoptin",
    "optin",
    "optedin",
    "newsletter",
    "marketing",
    "subscribed",
    "consent",
)
_NO_CHANNEL = frozenset(("", "all", "any", "global", "marketing", "from", "is", "has", "customer", "user", "at")) | {
    *("gdpr", "frequency", "sendmarketing"),
}
_SINCE = re.compile(r"\s*\d{4}-\d\d-\d\d")
_DIFFERS_UNREAD = frozenset(("channel", "purpose", "topic", "scope", "campaignid", "brand", "eventat"))
_FOUND_IN_TEXT = ("event_id", "brand", "customer_id", "event_type", "channel", "granted", "purpose", "topic")
_PROFILES = frozenset(("registered", "profilechanged"))
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
    """Return the no that a profile says by a key such as `unsubscribed` or `accepts_marketing`; None without one.

    Noes to several channels in one profile are one to all of them, since a row says one thing.
    """
    refused: set[str] = set()
    for key, is_flag_of_no, rest in _consent_keys(tuple(values)):
        channel = EVERY if rest in _NO_CHANNEL else terms.channels.get(rest)
        says = answer_of(values[key])
        if is_flag_of_no and rest == "at" and _SINCE.match(str(values[key])):
            says = Answer.YES
        if channel is not None and says is (Answer.YES if is_flag_of_no else Answer.NO):
            refused.add(channel)
    if not refused:
        return None
    return Statement(MessageClass.MARKETING.value, refused.pop() if len(refused) == 1 else EVERY, None, False)


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
    attributes = _attributes_of(fields.get("attributes"))
    facts = _by_folded_key(attributes) | {key: value for key, value in fields.items() if key != "attributes"}
    customer = _plain(fields.get("customerid"))
    brand = _plain(fields.get("brand"))
    if customer is None or (brand is not None and folded(brand) != folded(terms.brand)):
        return None
    name = next((folded(said) for key in _TYPE_KEYS if (said := _plain(facts.get(key)))), "")
    event_id = _plain(fields.get("eventid"))
    if name in _PROFILES:
        no = profile_statement({**fields, **attributes}, terms)
        return None if no is None else Wish(customer, EventType.OPTED_OUT, no, event_id, frozenset())
    answer = _answer_by_name(name, facts)
    if answer is Answer.UNKNOWN:
        return Unclear(customer)
    if answer is Answer.YES:
        return None
    widened: set[RejectReason] = set()
    erases = _says(name, _ERASES_BY_NAME, _ERASES_WHOLE)
    statement = Statement(EVERY, EVERY, None, False) if erases else _read_statement(name, facts, terms, widened)
    kind = EventType.ERASURE_REQUESTED if erases else EventType.OPTED_OUT
    return Wish(customer, kind, statement, event_id, frozenset(widened))


def read_broken(text: str) -> Iterator[dict[str, Any]]:
    """Yield what can be read of a line that is no row of the contract: the keys and values of each row in it.

    A line holds several where the end of one was lost. Of a key that stands twice the no counts; where that cannot be
    told, as of a channel, neither does.
    """
    row = _as_object(text)
    if row is not None:
        yield row
        return
    searched = text if len(text) <= 2 * _SEARCHED_CHARS else text[:_SEARCHED_CHARS] + text[-_SEARCHED_CHARS:]
    first = _FIRST_KEY.search(searched)
    again = () if first is None else islice(re.finditer(re.escape(first[0]), searched), MAX_ROWS_IN_LINE)
    starts = [found.start() for found in again]
    if len(starts) > 1:
        for start, end in zip(starts, (*starts[1:], len(searched)), strict=True):
            part = searched[start:end].rstrip(", \t\r\n]")
            yield _as_object(part) or _found_in(part)
    yield _found_in(searched)


_FIRST_KEY = re.compile(r"\{\s*\"[^\"\\]{1,100}\"\s*:")


def _as_object(text: str) -> dict[str, Any] | None:
    if len(text) > MAX_LENIENT_CHARS:
        return None
    try:
        row = json.loads(text, object_pairs_hook=_strictest)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _found_in(text: str) -> dict[str, Any]:
    return {name: found for name in _FOUND_IN_TEXT if (found := _searched(name, text)) is not None}


def _strictest(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in pairs:
        row[key] = _stricter(folded(key), row[key], value) if key in row and row[key] != value else value
    return row


def _stricter(plain: str, first: Any, second: Any) -> Any:
    """The value that counts of two under one key; None if it is not to be had."""
    if plain in _DIFFERS_UNREAD:
        return None
    if isinstance(first, dict) and isinstance(second, dict):
        shared = first.keys() & second.keys()
        both = _strictest([*first.items(), *second.items()])
        return {key: value for key, value in both.items() if key in shared or folded(key) not in _DIFFERS_UNREAD}
    says_no = (
        (plain == "eventtype" and _is_no_by_name(folded(str(first))))
        or (plain in _VALUE_KEYS and answer_of(first) is Answer.NO)
        or (plain in _FLAGS_OF_NO and answer_of(first) is Answer.YES)
    )
    return first if says_no else second


def _attributes_of(value: Any) -> Mapping[str, Any]:
    """Attributes as they should be, written as a text within the text, or as a list of objects."""
    if isinstance(value, str):
        return next(read_broken(value))
    if isinstance(value, list):
        return _strictest([pair for part in value if isinstance(part, Mapping) for pair in _pairs_of(part)])
    return value if isinstance(value, Mapping) else {}


def _pairs_of(part: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    named = next((part[key] for key in ("name", "key") if isinstance(part.get(key), str)), None)
    return part.items() if named is None or "value" not in part else ((named, part["value"]),)


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
    if name == "event_type":
        return next((value for value in found if _is_no_by_name(folded(value))), found[0] if found else None)
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
    if _HARMLESS in name:
        return Answer.YES
    if _is_no_by_name(name):
        takes_back = any(word in name for word in _TAKES_BACK) and not name.startswith("donot")
        return Answer.UNKNOWN if takes_back else Answer.NO
    # Without a type a status may be one of anything.
    said = [answer_of(facts[key]) for key in (_VALUE_KEYS if name else _PLAIN_VALUE_KEYS) if key in facts]
    if _flags_say_no(facts):
        return Answer.NO
    if any(word in name for word in _ABOUT_CONSENT):
        return _answer_on_consent(name, said)
    if not name and said:
        return Answer.NO if Answer.NO in said else Answer.UNKNOWN if Answer.UNKNOWN in said else Answer.YES
    if name in _LOOKS_LIKE_WHOLE or any(word in name for word in _LOOKS_LIKE):
        return Answer.NO if Answer.NO in said else Answer.UNKNOWN
    return Answer.NO if answer_of(facts.get("granted")) is Answer.NO else Answer.YES


def _answer_on_consent(name: str, said: Iterable[Answer]) -> Answer:
    answers = tuple(said)
    if Answer.NO in answers or any(word in name for word in _TURNS_DOWN):
        return Answer.NO
    if Answer.UNKNOWN in answers:
        return Answer.UNKNOWN
    return Answer.YES if answers or any(word in name for word in _AGREES) else Answer.UNKNOWN


def _is_no_by_name(name: str) -> bool:
    return _says(name, _SAYS_NO_BY_NAME, _SAYS_NO_WHOLE) or _says(name, _ERASES_BY_NAME, _ERASES_WHOLE)


def _flags_say_no(facts: Mapping[str, Any]) -> bool:
    return any(answer_of(facts.get(flag)) is Answer.YES for flag in _FLAGS_OF_NO)


def _says(name: str, parts: Iterable[str], whole: frozenset[str]) -> bool:
    return name in whole or any(part in name for part in parts)


def _read_statement(name: str, facts: Mapping[str, Any], terms: ConsentTerms, widened: set[RejectReason]) -> Statement:
    said = _plain(facts.get("channel"))
    says_all = name.startswith("global") or (name.endswith("all") and not name.endswith("call"))
    channel = EVERY if said is None or says_all else terms.channel(said)
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
