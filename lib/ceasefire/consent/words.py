"""Names of events, keys and values as words, and what they say of consent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Any

_READ_CHARS = 200
_SEGMENTED_CHARS = 40
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")

_FORMS: Mapping[str, str] = {
    "unsubscribe": "unsub unsubs unsubscribes unsubscribed unsubscribing unsubscription unsubscriptions",
    "subscribe": "subscribes subscribed",
    "subscription": "subscriptions",
    "resubscribe": "resub resubscribed",
    "opt": "opted opts opting",
    "out": "outs",
    "complain": "complains complained complaint complaints",
    "suppress": "suppresses suppressed suppression suppressions",
    "blocklist": "blocklisted blacklist blacklisted denylist denylisted",
    "object": "objected objection objections",
    "erase": "erases erased erasure erasures anonymize anonymized anonymise anonymised",
    "forget": "forgotten",
    "delete": "deletes deleted deletion deletions",
    "consent": "consents consented",
    "permission": "permissions",
    "withdraw": "withdraws withdrawn withdrew withdrawal",
    "revoke": "revokes revoked revocation",
    "remove": "removes removed removal",
    "deny": "denies denied denial",
    "decline": "declines declined",
    "reject": "rejects rejected rejection",
    "refuse": "refuses refused refusal",
    "grant": "grants granted",
    "accept": "accepts accepted accepting",
    "allow": "allows allowed",
    "agree": "agrees agreed",
    "receive": "receives received receiving",
    "confirm": "confirms confirmed confirmation",
    "request": "requests requested",
    "cancel": "cancels canceled cancelled cancellation",
    "end": "ends ended",
    "change": "changes changed",
    "update": "updates updated",
    "preference": "preferences",
    "fail": "fails failed failure",
    "lift": "lifts lifted",
    "restore": "restores restored",
    "revert": "reverts reverted",
    "undo": "undone",
    "view": "views viewed viewing",
    "show": "shows shown showed",
    "display": "displays displayed",
    "open": "opens opened",
    "visit": "visits visited",
    "email": "emails",
    "mail": "mails",
    "text": "texts texting",
    "call": "calls calling",
    "message": "messages messaging",
    "letter": "letters",
    "newsletter": "newsletters",
    "promotion": "promo promos promotions promotional",
    "communication": "communications",
    "contact": "contacts contacted contacting",
    "notification": "notifications",
    "mailing": "mailings",
    "customer": "customers",
    "user": "users",
    "subscriber": "subscribers",
    "report": "reports reported",
    "register": "registers registered registration",
    "create": "creates created",
    "add": "adds added",
    "mark": "marks marked",
    "flag": "flags flagged",
    "global": "globally",
    "cookie": "cookies",
    "location": "geolocation",
    "send": "sends sending",
    "market": "markets",
}
"""Other forms of a word."""

CHANNEL_WORDS = frozenset(
    [
        "email",
        "mail",
        "sms",
        "text",
        "push",
        "phone",
        "call",
        "message",
        "whatsapp",
        "viber",
        "telegram",
        "messenger",
        "rcs",
    ]
)
"""Channels as people name them, whether the brand has them or not."""
_SPAM = frozenset(("spam", "junk"))
_MARKETING = frozenset(
    [
        "marketing",
        "newsletter",
        "news",
        "promotion",
        "communication",
        "contact",
        "campaign",
        "commercial",
        "mailing",
        "bulk",
        "market",
        "send",
        "advertising",
        "ads",
        "list",
        "notification",
    ]
)
_WHO = frozenset(
    [
        "customer",
        "user",
        "subscriber",
        "member",
        "person",
        "profile",
        "recipient",
        "account",
        "lead",
        "client",
        "buyer",
        "consumer",
        "address",
        "data",
        "me",
        "my",
        "i",
        "us",
    ]
)
EVERYTHING = frozenset(["all", "any", "every", "everything", "global", "everyone"])
_FILLERS = frozenset(
    [
        "event",
        "receive",
        "request",
        "confirm",
        "complete",
        "completed",
        "done",
        "submit",
        "submitted",
        "new",
        "add",
        "create",
        "register",
        "set",
        "mark",
        "flag",
        "as",
        "is",
        "has",
        "have",
        "was",
        "been",
        "be",
        "to",
        "from",
        "of",
        "the",
        "by",
        "on",
        "in",
        "for",
        "and",
        "via",
        "at",
        "a",
        "an",
        "one",
        "click",
        "report",
        "feedback",
        "loop",
        "fbl",
        "gdpr",
        "personal",
        "right",
        "process",
        "processed",
        "keyword",
        "inbound",
        "reply",
        "hs",
    ]
)
_SENDERS = frozenset(
    [
        "webhook",
        "ses",
        "sns",
        "aws",
        "sendgrid",
        "mailgun",
        "postmark",
        "mandrill",
        "mailchimp",
        "klaviyo",
        "braze",
        "hubspot",
        "sparkpost",
        "brevo",
        "twilio",
        "shopify",
        "salesforce",
        "iterable",
        "customerio",
        "mailjet",
    ]
)
"""Systems that put their own name before that of an event."""
CONTEXT = CHANNEL_WORDS | _SPAM | _MARKETING | _WHO | EVERYTHING | _FILLERS | _SENDERS
"""Words that leave it open whether a no is one to being contacted; of any other, such as `product`, it is not."""

_NOES_OF_CONTACT = frozenset(["complain", "spam", "suppress", "blocklist", "object", "abuse", "stop"])
_WEAK_NOES = _NOES_OF_CONTACT | {"erase", "forget", "delete", "no"}
"""Noes that are one to being contacted only among words of contact."""
_TAKES_BACK = frozenset(
    [
        "undo",
        "revert",
        "cancel",
        "resubscribe",
        "restore",
        "lift",
        "fail",
        "unsuppress",
        "remove",
        "withdraw",
        "reject",
        "revoke",
        "decline",
        "deny",
        "refuse",
        "clear",
        "cleared",
        "not",
        "expired",
    ]
)
_DEPENDS = frozenset(["change", "update", "preference", "status", "toggle", "toggled"])
"""Such an event tells by its values what was said."""
_TURNS_DOWN = frozenset(["withdraw", "revoke", "deny", "remove", "decline", "reject", "refuse", "not"])
_AGREES = frozenset(["grant", "given", "accept", "confirm", "renew", "renewed", "allow", "agree", "opt", "request"])
_SEEN = frozenset(["view", "show", "display", "open", "visit", "impression", "rendered", "preview", "password"])
"""Something was looked at, whatever it was about."""
OF_DEVICES = frozenset(
    [
        "cookie",
        "cookies",
        "camera",
        "microphone",
        "location",
        "tracking",
        "analytics",
        "bluetooth",
        "device",
        "browser",
        "photo",
        "photos",
        "track",
    ]
)
_ENDS = frozenset(["end", "cancel", "off", "stopped", "remove", "withdraw", "revoke"])

# Names of things that are no words of consent but stand in one with them: they are needed to tell words apart.
_ALONE = frozenset(
    [
        "do",
        "not",
        "dnc",
        "doubleoptin",
        "password",
        "stopped",
        "off",
        "frequency",
        "marketing",
        "profile",
        "accept",
        "yes",
        "user",
        "self",
    ]
)
_STEMS: Mapping[str, str] = {
    **{
        word: word
        for words_ in (CONTEXT, _WEAK_NOES, _TAKES_BACK, _DEPENDS, _AGREES, _SEEN, OF_DEVICES, _ENDS, _ALONE)
        for word in words_
    },
    **{stem: stem for stem in _FORMS},
    **{form: stem for stem, forms in _FORMS.items() for form in forms.split()},
}


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in any way of writing it, each in its plain form.

    >>> words("HasOptedOutOfEmail"), words("UNSUBSCRIBE-ALL"), words("donotcontact"), words("nonstop_email")
    (('has', 'opt', 'out', 'of', 'email'), ('unsubscribe', 'all'), ('do', 'not', 'contact'), ('nonstop', 'email'))
    """
    found: list[str] = []
    for part in _PART.findall(name[:_READ_CHARS]):
        plain = part.casefold()
        known = _STEMS.get(plain)
        found.extend((known,) if known else _apart(plain) or (plain,))
    return tuple(_JOINED.sub("email", " ".join(found)).split())


_JOINED = re.compile(r"\be mail\b")


@lru_cache(maxsize=4096)
def _apart(text: str) -> tuple[str, ...]:
    """The known words that a text without borders consists of; nothing if it consists of others."""
    if len(text) > _SEGMENTED_CHARS:
        return ()
    ways: list[tuple[str, ...] | None] = [(), *[None] * len(text)]
    for end in range(1, len(text) + 1):
        # From the longest word on: `unsubscribe` goes before `un` and `subscribe`.
        for start in range(end - 1):
            before, stem = ways[start], _STEMS.get(text[start:end])
            if before is not None and stem is not None:
                ways[end] = (*before, stem)
                break
    return ways[-1] or ()


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """A name as people mean it: without case, blanks and signs."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


class Answer(Enum):
    """What a value says to the question of consent."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


_TRUE = frozenset(["true", "yes", "y", "on", "t"])
_AGREED = frozenset(
    [
        "granted",
        "grant",
        "optin",
        "optedin",
        "subscribed",
        "subscribe",
        "resubscribed",
        "accepted",
        "accept",
        "accepts",
        "allow",
        "allowed",
        "agree",
        "agreed",
        "confirmed",
        "active",
        "enabled",
        "enable",
        "approved",
        "given",
        "doubleoptin",
        "singleoptin",
        "confirmedoptin",
    ]
)
FALSE = frozenset(["false", "no", "n", "off", "f", "none", "never"])
"""Folded values that say no, whatever the question is."""
_REFUSED = frozenset(
    [
        "denied",
        "deny",
        "stop",
        "withdrawn",
        "withdraw",
        "revoked",
        "revoke",
        "optout",
        "optedout",
        "unsubscribed",
        "unsubscribe",
        "refused",
        "rejected",
        "declined",
        "blocked",
        "disallow",
        "removed",
        "disallowed",
        "complained",
    ]
)
_NEGATES = frozenset(("not", "non", "never"))


def answer_of(value: Any) -> Answer:
    """Read a yes or no in any of its usual spellings.

    >>> answer_of("False"), answer_of(0), answer_of("Yes"), answer_of("perhaps")
    (<Answer.NO: 'no'>, <Answer.NO: 'no'>, <Answer.YES: 'yes'>, <Answer.UNKNOWN: 'unknown'>)
    """
    if value is None or isinstance(value, dict | list | tuple):
        return Answer.UNKNOWN
    if is_refused(value):
        return Answer.NO
    if is_agreed(value):
        return Answer.YES
    number, plain = _number(value), folded(str(value))
    if plain in _TRUE or number == 1:
        return Answer.YES
    return Answer.NO if plain in FALSE or number in (0, -1) else Answer.UNKNOWN


def is_refused(value: Any) -> bool:
    """Whether a value says by a word of its own that somebody refused, as `withdrawn` does and `no` does not."""
    if not isinstance(value, str):
        return False
    plain, first = folded(value), words(value)[:1]
    is_negated = bool(first) and first[0] in _NEGATES and plain.removeprefix(first[0]) in _AGREED
    return plain in _REFUSED or is_negated


def is_agreed(value: Any) -> bool:
    """Whether a value says by a word of its own that somebody agreed, as `subscribed` does and `yes` does not."""
    return isinstance(value, str) and folded(value) in _AGREED


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value).strip()) if not isinstance(value, bool) else Decimal(value)
    except InvalidOperation:
        return None


class Meaning(Enum):
    """What the name of an event says."""

    NO = "no"
    ERASURE = "erasure"
    UNCLEAR = "unclear"
    AS_VALUES = "as_values"
    """Something about a no changed."""
    ON_CONSENT = "on_consent"
    AGREES = "agrees"
    """About consent, and no no by itself."""
    NOTHING = "nothing"
    HARMLESS = "harmless"
    """About something else, whatever its values are."""


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning:
    """Return what the name of an event says, from its words.

    >>> meaning("UnsubscribeAll"), meaning("product_complaint"), meaning("suppression_removed")
    (<Meaning.NO: 'no'>, <Meaning.NOTHING: 'nothing'>, <Meaning.UNCLEAR: 'unclear'>)
    """
    said = words(name)
    has, spaced = frozenset(said), f" {' '.join(said)} "
    is_on_consent = bool(has & {"consent", "permission"}) or " opt in " in spaced
    if has & _SEEN or (is_on_consent and (has & OF_DEVICES or {"permission", "push"} <= has)):
        return Meaning.HARMLESS
    if is_on_consent:
        return _meaning_on_consent(has)
    others = has - CONTEXT - _WEAK_NOES - _TAKES_BACK - _DEPENDS - {"opt", "out", "unsubscribe", "do", "dnc"}
    no = _no_by_words(has, spaced, bool(others))
    if no is not None:
        takes_back = has & _TAKES_BACK - ({"not"} if " do not " in spaced else set())
        return Meaning.UNCLEAR if takes_back else Meaning.AS_VALUES if has & _DEPENDS else no
    return Meaning.UNCLEAR if _looks_like_no(has, spaced, bool(others - _ENDS)) else Meaning.NOTHING


def _meaning_on_consent(has: frozenset[str]) -> Meaning:
    if has & _TURNS_DOWN:
        return Meaning.NO
    is_plain = has <= CONTEXT | _DEPENDS | {"consent", "permission", "opt", "in", "expired"}
    return Meaning.ON_CONSENT if is_plain and not has & _AGREES else Meaning.AGREES


def _no_by_words(has: frozenset[str], spaced: str, says_more: bool) -> Meaning | None:
    if not says_more:
        asks_deletion = "delete" in has and bool(has & {"request", "data", "me", "my", "gdpr"})
        is_forgotten = "forget" in has and "not" not in has
        if "erase" in has or asks_deletion or is_forgotten:
            return Meaning.ERASURE
        if has & _NOES_OF_CONTACT:
            return Meaning.NO
        if spaced.startswith(" no ") and has & (CHANNEL_WORDS | _MARKETING):
            return Meaning.NO
    contacting = set(spaced.partition(" do not ")[2].split()) & (CHANNEL_WORDS | _MARKETING)
    is_no = "unsubscribe" in has or " opt out " in spaced or "dnc" in has or contacting
    return Meaning.NO if is_no else None


def _looks_like_no(has: frozenset[str], spaced: str, says_more: bool) -> bool:
    if " do not " in spaced or (has <= {"withdraw", "revoke"} and bool(has)):
        return True
    if has & {"subscription", "newsletter"} and has & _ENDS:
        return True
    if says_more:
        return False
    ends_list = "list" in has and has & _ENDS
    ends_marketing = "marketing" in has and has & {"withdraw", "revoke"}
    ends_account = "delete" in has and has & {"account", "customer", "user"}
    return bool(ends_list or ends_marketing or ends_account or "gdpr" in has)
