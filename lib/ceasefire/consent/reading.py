"""Statements on consent: of events by strict rules, of rows that are none by lenient ones."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from ceasefire.consent.broken_rows import PLAIN_VALUE_KEYS, VALUE_KEYS, Several, attributes_of
from ceasefire.consent.flags import flag_statement, without_nesting
from ceasefire.consent.terms import CAMPAIGN, EVERY_WORDS, TOPIC, ConsentTerms, Statement, says_every, united
from ceasefire.consent.words import EVERYTHING, Answer, Meaning, answer_of, folded, is_refused, meaning, words
from ceasefire.vocabulary import EVERY, PROFILES, EventType, MessageClass, RefusalKind, RejectReason

_MAX_NUMBER = 10**40
"""A larger number is no customer's: to write it out could take all memory."""
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

# Python takes five times as long to look a member up in its class.
_ERASURE_REQUESTED, _CONSENT_CHANGED, _OPTED_OUT = (
    EventType.ERASURE_REQUESTED,
    EventType.CONSENT_CHANGED,
    EventType.OPTED_OUT,
)
_MARKETING = MessageClass.MARKETING.value
_PURPOSES = frozenset((*(purpose.value for purpose in MessageClass), EVERY))
_FOLDED_PURPOSES = {folded(kind.value): kind.value for kind in MessageClass}
_OTHER_EVENTS = {folded(kind.value): kind for kind in EventType if kind not in SAYS_CONSENT}
_TYPE_KEYS = ("eventtype", "type", "event", "eventname")
_BOUNCE_KEYS = ("kind", "bouncetype", "type")
_STATUS_KEYS = ("status", "state", "action")
_STATUS_WORDS = frozenset(("unsubscribe", "out", "complain", "spam", "suppress", "blocklist"))
_SAID_ONCE = ("channel", "purpose", "topic", "scope", "campaignid")
_OF_ATTRIBUTES = ("purpose", "granted", "topic", "scope")
_SOFT_BOUNCES = ("soft", "transient", "temporary", "deferred", "delayed", "mailboxfull", "greylisted")
_PROFILE_WORDS = frozenset(
    ["customer", "contact", "profile", "preference", "user", "subscriber", "account", "member", "person"]
)
_PROFILE_CHANGES = frozenset(["update", "change", "create", "edited", "saved", "modified", "register"])
_ABOUT_MARKETING = frozenset(("unsubscribe", "complain", "spam"))


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
    scope_is_all = says_every(attributes.get("scope"))
    if is_answer:
        answer = attributes.get("granted")
        if answer not in ("true", "false"):
            reasons.add(RejectReason.OUT_OF_RANGE)
        granted = answer == "true"
        if granted and (channel in (None, EVERY) or purpose == EVERY or scope_is_all):
            # A yes to everything is not to be had in one row.
            reasons.add(RejectReason.MISSING_FIELD if channel is None else RejectReason.OUT_OF_RANGE)
    if scope_is_all:
        return Statement(purpose, EVERY, None, granted)
    topic, is_known = _topic(attributes, campaign_id, terms)
    if not is_known:
        reasons.add(RejectReason.OUT_OF_RANGE)
    return Statement(purpose, channel or EVERY, topic, granted)


def contradicts_yes(row: Mapping[str, Any], others: Mapping[str, Any], terms: ConsentTerms) -> bool:
    """Return whether a row that says yes says no, or narrows the yes, in another of its places.

    Args:
        row: a sound `consent_changed`, `granted` being true.
        others: its keys that the contract does not know.
        terms: of the brand.
    """
    attributes = row.get("attributes") or {}
    own = {"channel": row.get("channel"), "campaignid": row.get("campaign_id")}
    own |= {name: attributes.get(name) for name in _OF_ATTRIBUTES}
    for place in (attributes, others):
        flat = without_nesting(place)
        if flag_statement(flat, terms, is_profile=True) is not None:
            return True
        for key, value in flat.items():
            plain = folded(key.rpartition(".")[2])
            is_in_place = place is attributes and key in _OF_ATTRIBUTES
            if plain in _SAID_ONCE and not is_in_place and value not in (None, "", own[plain]):
                return True
            if not is_in_place and _says_no(plain, value):
                return True
    return False


def _says_no(plain: str, value: Any) -> bool:
    """Whether a key that answers the question of consent, besides a yes, clearly says no."""
    if plain in PLAIN_VALUE_KEYS:
        return answer_of(value) is Answer.NO
    return plain in VALUE_KEYS and is_refused(value)


def bounce_kind(attributes: Mapping[str, str | None] | None) -> RefusalKind:
    """Return what a bounce is: a complaint is a no; one that does not say that it is soft may be a hard one."""
    values = attributes or {}
    said = next((values[key] for key in ("kind", "bounce_type", "type") if values.get(key)), None)
    if said is not None and meaning(said) is Meaning.NO:
        return RefusalKind.NO
    is_soft = said is not None and any(folded(said).startswith(word) for word in _SOFT_BOUNCES)
    return RefusalKind.SOFT_BOUNCE if is_soft else RefusalKind.HARD_BOUNCE


def read_wish(row: Mapping[str, Any], terms: ConsentTerms) -> Wish | Unclear | None:
    """Return the no of a row that is no event; Unclear if it looks like one; None if it says nothing of the kind.

    Args:
        row: as far as it could be read; a key that is spelt otherwise than the contract has it is understood.
        terms: of the brand.
    """
    fields = _by_folded_key(row)
    customers = _customers(row)
    brand = _plain(fields.get("brand"))
    if not customers or (brand is not None and folded(brand) != folded(terms.brand)):
        return None
    attributes = attributes_of(fields.get("attributes"))
    others = {key: value for key, value in row.items() if folded(key) != "attributes"}
    facts = _Facts(_by_folded_key(attributes) | _by_folded_key(others), (attributes, others))
    event_id = _plain(fields.get("eventid"))
    found = _no_of(facts, terms)
    if found is None:
        return None
    if found is Answer.UNKNOWN or len(customers) > 1:
        # Of several customers nobody can tell who said it.
        return Unclear(customers[0])
    assert isinstance(found, _No)
    return Wish(customers[0], found.event_type, found.statement, event_id, found.widened)


class _Facts(NamedTuple):
    """What a row says.

    Attributes:
        by_key: values by folded key, those of the row itself before those of its attributes.
        places: the attributes and the row itself, as they are spelt.
    """

    by_key: Mapping[str, Any]
    places: tuple[Mapping[str, Any], Mapping[str, Any]]

    def all_of(self, plain: str) -> list[Any]:
        """The values under a key in both places, however it is spelt."""
        return [value for place in self.places for key, value in place.items() if folded(key) == plain]


class _No(NamedTuple):
    event_type: EventType
    statement: Statement
    widened: frozenset[RejectReason] = frozenset()


def _no_of(facts: _Facts, terms: ConsentTerms) -> _No | Answer | None:
    """The no that a row says; UNKNOWN if it may be one, None if it says none."""
    names = [said for key in _TYPE_KEYS for value in facts.all_of(key) if (said := _plain(value))]
    name = next((said for key in _TYPE_KEYS if (said := _plain(facts.by_key.get(key)))), "")
    kind = _OTHER_EVENTS.get(folded(name))
    is_profile = kind in PROFILES or _is_profile(name)
    flags: Statement | None = None
    for place in facts.places:
        flags = united(flags, flag_statement(without_nesting(place), terms, is_profile))
    if kind is not None:
        if kind is EventType.SEND_BOUNCED and _says_by_bounce(facts):
            flags = united(flags, _read_statement("complained", facts.by_key, terms, set()))
        return None if flags is None else _No(_OPTED_OUT, flags)
    meanings = {said: meaning(said) for said in names or [""]}
    if Meaning.ERASURE in meanings.values():
        return _No(_ERASURE_REQUESTED, Statement(EVERY, EVERY, None, False))
    refusing = next((said for said in meanings if meanings[said] is Meaning.NO), None) or _status_of_no(name, facts)
    answer = Answer.NO if refusing is not None else _answer_by_values(name, meanings[name], facts)
    if answer is Answer.NO and not (flags is not None and refusing is None and not _has_answers(facts)):
        widened: set[RejectReason] = set()
        statement = _read_statement(refusing or name, facts.by_key, terms, widened)
        return _No(_OPTED_OUT, statement, frozenset(widened))
    if flags is not None:
        return _No(_OPTED_OUT, flags)
    return Answer.UNKNOWN if answer is Answer.UNKNOWN else None


def _status_of_no(name: str, facts: _Facts) -> str | None:
    """The status that is a no by itself, whatever has it; of an event on consent its own rules decide."""
    if not name or meaning(name) is not Meaning.NOTHING:
        return None
    values = [value for key in _STATUS_KEYS for value in facts.all_of(key) if isinstance(value, str)]
    return next((text for text in values if _STATUS_WORDS & {*words(text)} and meaning(text) is Meaning.NO), None)


def _is_profile(name: str) -> bool:
    has = set(words(name))
    return bool(has & _PROFILE_WORDS and has & _PROFILE_CHANGES)


def _has_answers(facts: _Facts) -> bool:
    return any(key in facts.by_key for key in VALUE_KEYS)


def _says_by_bounce(facts: _Facts) -> bool:
    return any(
        isinstance(value, str) and meaning(value) is Meaning.NO for key in _BOUNCE_KEYS for value in facts.all_of(key)
    )


def _answer_by_values(name: str, said_by_name: Meaning, facts: _Facts) -> Answer:
    """What a row of no clear type says by its values; YES also for whatever is no statement at all."""
    if said_by_name is Meaning.HARMLESS or ("grant" in words(name) and said_by_name is Meaning.NOTHING):
        return Answer.YES
    granted = [answer_of(value) for value in facts.all_of("granted")]
    if Answer.NO in granted:
        return Answer.NO
    if Answer.YES in granted:
        values = [(key, value) for key in VALUE_KEYS for value in facts.all_of(key)]
        return Answer.NO if any(_says_no(key, value) for key, value in values) else Answer.YES
    # Without a type a status may be one of anything.
    keys = VALUE_KEYS if name else PLAIN_VALUE_KEYS
    said = [answer_of(value) for key in keys for value in facts.all_of(key)]
    if said_by_name is Meaning.UNCLEAR:
        return Answer.NO if Answer.NO in said else Answer.UNKNOWN
    if said_by_name is Meaning.AS_VALUES:
        # That a no was set to yes is one; what else became of it is not known.
        return Answer.NO if Answer.YES in said else Answer.UNKNOWN
    if said_by_name is Meaning.ON_CONSENT or said_by_name is Meaning.AGREES or (not name and said):
        if Answer.NO in said:
            return Answer.NO
        is_open = not said and said_by_name is Meaning.ON_CONSENT
        return Answer.UNKNOWN if Answer.UNKNOWN in said or is_open else Answer.YES
    return Answer.YES


def _read_statement(name: str, facts: Mapping[str, Any], terms: ConsentTerms, widened: set[RejectReason]) -> Statement:
    said = _plain(facts.get("channel"))
    named = set(words(name))
    says_all = bool(named & EVERYTHING) or says_every(_plain(facts.get("scope")))
    channel = EVERY if said is None or says_all else terms.channel(said)
    if channel is None:
        widened.add(RejectReason.UNKNOWN_CHANNEL)
        channel = EVERY
    purpose_text = _plain(facts.get("purpose"))
    purpose = EVERY if purpose_text is None else _FOLDED_PURPOSES.get(folded(purpose_text), EVERY)
    if purpose == EVERY and named & _ABOUT_MARKETING and folded(purpose_text or "") not in EVERY_WORDS:
        purpose = _MARKETING
    if says_all:
        return Statement(purpose, EVERY, None, False)
    texts = {key: _plain(facts.get(key)) for key in ("topic", "scope")}
    topic, is_known = _topic(texts, _plain(facts.get("campaignid")), terms)
    if not is_known:
        widened.add(RejectReason.OUT_OF_RANGE)
    return Statement(purpose, channel, topic, False)


def _topic(
    attributes: Mapping[str, str | None], campaign_id: str | None, terms: ConsentTerms
) -> tuple[str | None, bool]:
    """The topic or campaign that alone a statement is about, and whether the brand knows it."""
    is_of_campaign = folded(attributes.get("scope") or "") == "campaign"
    if said := attributes.get("topic"):
        topic = terms.topics.get(said) or terms.topics.get(folded(said))
        # Of both at once nobody can tell which is meant.
        return (None, False) if topic is None or is_of_campaign else (TOPIC + topic, True)
    if is_of_campaign:
        return (CAMPAIGN + campaign_id, True) if campaign_id in terms.campaigns else (None, False)
    return None, True


def _by_folded_key(row: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in row.items():
        # A key as the contract spells it goes before others of the same sound.
        plain = folded(key)
        if plain not in fields or key.islower():
            fields[plain] = value
    return fields


def _customers(row: Mapping[str, Any]) -> list[str]:
    """The customers that a row names, each once."""
    named: dict[str, None] = {}
    for key, value in row.items():
        if folded(key) == "customerid":
            for each in value if isinstance(value, Several) else (value,):
                customer = _plain(_whole(each))
                if customer is not None:
                    named[customer] = None
    return list(named)


def _whole(value: Any) -> Any:
    """A number that is whole as an integer, so that `1001.0` and `1e3` name whom they are meant to name."""
    if isinstance(value, float | Decimal) and -_MAX_NUMBER < value < _MAX_NUMBER and value == int(value):
        return int(value)
    return value


def _plain(value: Any) -> str | None:
    if isinstance(value, bool | dict | list | tuple) or value is None:
        return None
    text = str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        return None
    return text if 0 < len(text) <= 1_000 and "\x00" not in text else None
