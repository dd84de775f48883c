"""Take what names a person out of a row before anything of the row is kept.

Nobody can tell by looking whether a text is a name or a street. So a value stays as it is only where its key is known
to be harmless; every other text, and every longer number, is replaced by its keyed pseudonym.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from ceasefire.ids import customer_id, value_pseudonym
from ceasefire.vocabulary import ADDRESS_PRESENT

SHAPE_CHARS = 500

ADDRESSES = ("email", "phone", "push_token")

OTHER_CUSTOMER = "into"
"""The attribute of a merge that holds another customer's natural id."""

TELLING_CHARS = 5
"""A shorter text that equals the natural id is as likely a household's size, and tells nobody who it is."""

BUILT_IN_KEYS = frozenset(
    ("time_zone", "locale", "purpose", "granted", "topic", "scope", "kind", "type", "bounce_type")
)
"""The attributes that the program itself reads: where a customer lives by the clock, and what a statement is about."""

_NATURAL_IDS = (OTHER_CUSTOMER, "customer_id")
_NAMING = frozenset((*ADDRESSES, *_NATURAL_IDS))
# Of an address in an URL only the address goes. The look-behind lets a search start at a word's beginning alone: one
# word of a million letters would take hours otherwise.
_EMAIL = re.compile(r"(?<![^\s\"<>@/?&=,;:|()\[\]{}])[^\s\"<>@/?&=,;:|()\[\]{}]+(?:@|%40)[^\s\"<>@/?&=,;:|()\[\]{}]+")
# A phone number as people write it, or another run of digits: `_is_phone` tells them apart.
_DIGITS = re.compile(r"(?<![\w+])\+?\(?\d(?:[\s().\-/]{0,3}\d){6,}(?!\w)")
_NO_PHONE = re.compile(r"(\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d{4})([T\s]\d\d)?|\d+\.\d+|[1-9]\d*")
_CODED_FIELDS = frozenset(("category", "product_id", "order_id", "send_id"))
_ID_FIELDS = ("order_id", "send_id")
"""Of these nobody asks more than whether two are the same, so what might be a phone number can go."""
# Of a code, only these signs make a phone number out of digits: `2026-0001-0001` is an order.
_PHONE_SIGNS = ("+", "(", " ")
_CODE = re.compile(r"[^\W0][^@%+(\s]*")
_WORD = re.compile(r"[^\W0][\w.:/&#-]{0,63}|\*")
_NAMED_FIELDS = {
    "source": re.compile(r"[a-z][a-z0-9_.-]{0,62}"),
    "referrer": re.compile(r"[a-z][a-z0-9_-]{0,62}"),
    "campaign_id": _WORD,
    "channel": _WORD,
    "brand": _WORD,
    "event_type": _WORD,
    "currency": re.compile(r"[A-Za-z]{3}"),
}
"""Fields that hold one of a few words, and what such a word looks like."""
FIELDS = _CODED_FIELDS | _NAMED_FIELDS.keys()
"""The contract's texts that `Disguise.field` knows."""
_MEASURED_FIELDS = ("event_at", "quantity", "amount")
_MEASURE = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]{1,15}([Zz]|[+-]\d\d:?\d\d)?)?|-?(0|[1-9]\d{0,14})([.,]\d{1,6})?")
_SITE = re.compile(r"([a-z][a-z0-9+.-]*://)?[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(?=[/?#]|$)", re.IGNORECASE)
_KEY = re.compile(r"[^\W\d][\w.:/-]{0,62}")
_LONG_NUMBER = re.compile(r"\d{5}")
_SHORT_CHARS = 63
# Made once: json.dumps makes a new one for each value that it is given options for. What was JSON has no circles.
_CANONICAL = json.JSONEncoder(sort_keys=True, default=str, ensure_ascii=False, check_circular=False)
_KEPT_SIGNS = frozenset(string.punctuation + " ")


class Harmless(NamedTuple):
    """Return what may stay in the clear of a brand's rows.

    Attributes:
        keys: attributes and unknown keys whose values say what something is, and not who somebody is.
        words: sources, campaigns and channels that the brand names.
    """

    keys: frozenset[str]
    words: frozenset[str]


NOTHING_NAMED = Harmless(BUILT_IN_KEYS, frozenset())
"""Of a brand that names no attribute and no source."""


class Disguise(NamedTuple):
    """Takes natural ids, addresses and all that may be a name out of whatever is kept of one row.

    Attributes:
        key: the brand's key for pseudonyms.
        names: natural ids and addresses that the row gives as such, the longest first.
        harmless: what may stay.
    """

    key: bytes
    names: tuple[str, ...]
    harmless: Harmless = NOTHING_NAMED

    @staticmethod
    def of(row: Mapping[str, Any], key: bytes, harmless: Harmless = NOTHING_NAMED) -> Disguise:
        """The disguise for a row."""
        names = _names(row)
        ordered = tuple(sorted(names, key=lambda name: (-len(name), name)) if len(names) > 1 else names)
        return Disguise(key, ordered, harmless)

    def text(self, text: str) -> str:
        """A harmless text with a pseudonym for each name of the row, and for what looks like an address or a phone."""
        if len(text) <= _SHORT_CHARS and _is_plain(text):
            return self._unnamed(text) if self.names else text
        return _DIGITS.sub(self._phone, self._unnamed(text))

    def field(self, name: str, text: str) -> str:
        """The text of a field of the contract. Of a referrer only the site is kept."""
        # Nearly all are one word of no signs: then only the row's own names can be in it.
        if not _IS_PLAIN_FIELD[name](text):
            return self._telling_field(name, text)
        for known in self.names:
            if known in text:
                return self._unnamed(text)
        return text

    def _telling_field(self, name: str, text: str) -> str:
        if name in _CODED_FIELDS:
            text = self._unnamed(text)
            looks_like_phone = any(sign in text for sign in _PHONE_SIGNS) or name in _ID_FIELDS
            return _DIGITS.sub(self._phone, text) if looks_like_phone else text
        if text in self.harmless.words:
            return text
        site = _SITE.match(text) if name == "referrer" else None
        return self.text(site[0]) if site else value_pseudonym(self.key, text)

    def name(self, name: str) -> str:
        """A key; what may be a value in the place of a key becomes a pseudonym."""
        if name in ADDRESSES or name in self.harmless.keys:
            return name
        shown = self._unnamed(name)
        return shown if _is_key(shown) else value_pseudonym(self.key, name)

    def value(self, value: Any, name: str = "") -> str | None:
        """The value of a key as text: JSON of what is nested, of an address only that there is one."""
        text = plain_text(value)
        if text is None:
            return None
        if name in self.harmless.keys:
            return as_json(self.nested(value, name)) if isinstance(value, dict | list) else self.text(text)
        kind = name.casefold()
        if kind in ADDRESSES:
            return ADDRESS_PRESENT
        if kind in _NATURAL_IDS:
            natural_id = text.strip()
            return customer_id(self.key, natural_id) if natural_id else None
        if isinstance(value, dict | list):
            return as_json(self.nested(value))
        # A short number tells nobody who it is; a short text can be a name.
        is_short = isinstance(value, bool) or (not isinstance(value, str) and len(text) < TELLING_CHARS)
        return text if is_short else value_pseudonym(self.key, text)

    def nested(self, value: Any, name: str = "") -> Any:
        """A nested value with the same nesting; what stands in a list stands under the key of the list."""
        if not is_personal_key(name):
            if isinstance(value, dict):
                return {self.name(key): self.nested(inner, key) for key, inner in value.items()}
            if isinstance(value, list):
                return [self.nested(inner, name) for inner in value]
        return self.value(value, name)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A rejected row: of the contract's fields what can be nobody's name, all else as `nested` has it."""
        return {self.name(name): self._shown(name, value) for name, value in row.items()}

    def _shown(self, name: str, value: Any) -> Any:
        is_plain = isinstance(value, str | int | Decimal) and not isinstance(value, bool) and value != ""
        if is_plain and name in _MEASURED_FIELDS:
            return str(value) if _MEASURE.fullmatch(str(value)) else shape_of(str(value))
        if isinstance(value, str) and value and name in FIELDS:
            return self.field(name, value)
        return self.nested(value, name)

    def _unnamed(self, text: str) -> str:
        for name in self.names:
            if name in text:
                # Only whole words: digits of a natural id are bound to occur within longer numbers.
                text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", self._pseudonym, text)
        return _EMAIL.sub(self._pseudonym, text) if "@" in text or "%40" in text else text

    def _pseudonym(self, name: re.Match[str]) -> str:
        return customer_id(self.key, name[0])

    def _phone(self, digits: re.Match[str]) -> str:
        return digits[0] if _NO_PHONE.fullmatch(digits[0]) else value_pseudonym(self.key, digits[0])


def plain_text(value: Any) -> str | None:
    """A value of JSON as text; nothing and the empty text are the same."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_json(value) if isinstance(value, dict | list) else str(value)


def as_json(value: Any) -> str:
    """Canonical JSON; decimals as text, so that none goes through a double.

    Raises:
        ValueError: it is too large, or too deep, to be written.
    """
    return _CANONICAL.encode(value)


def shape_of(text: str) -> str:
    """The first characters of a text that could not be read, letters as a and digits as 9: nothing personal is left."""
    return "".join("9" if sign.isdigit() else sign if sign in _KEPT_SIGNS else "a" for sign in text[:SHAPE_CHARS])


def _names(row: Mapping[str, Any]) -> set[str]:
    # Deeper ones are hidden where they stand; to look for each of them everywhere could take quadratic time.
    attributes = row.get("attributes")
    places = (row, attributes) if isinstance(attributes, dict) else (row,)
    names = set()
    for place in places:
        for key in _naming_keys(tuple(place)):
            value = place[key]
            text = value if type(value) is str else plain_text(value)
            if text is not None and len(text) >= TELLING_CHARS:
                names.add(text)
    return names


# The same few words come again and again.
@lru_cache(maxsize=4096)
def _is_plain(text: str) -> bool:
    has_phone = any(not _NO_PHONE.fullmatch(digits[0]) for digits in _DIGITS.finditer(text))
    return "@" not in text and "%40" not in text and not has_phone


def _word(pattern: re.Pattern[str]) -> Callable[[str], object]:
    if pattern is _WORD:
        return lru_cache(maxsize=4096)(pattern.fullmatch)
    return lru_cache(maxsize=4096)(lambda text: pattern.fullmatch(text) is not None and _is_plain(text))


_is_code = lru_cache(maxsize=4096)(_CODE.fullmatch)
_IS_PLAIN_FIELD: Mapping[str, Callable[[str], object]] = {
    **{name: _word(pattern) for name, pattern in _NAMED_FIELDS.items()},
    "category": _is_code,
    "product_id": _is_code,
    # Of these hardly any comes twice.
    "order_id": _CODE.fullmatch,
    "send_id": _CODE.fullmatch,
}
"""Whether a field's text can be nobody's name, unless the row itself gives it as one."""


def _is_key(name: str) -> bool:
    return len(name) <= _SHORT_CHARS and _is_short_key(name)


@lru_cache(maxsize=4096)
def _is_short_key(name: str) -> bool:
    return _KEY.fullmatch(name) is not None and _LONG_NUMBER.search(name) is None


# Rows come in a few shapes.
@lru_cache(maxsize=256)
def _naming_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if is_personal_key(key))


def is_personal_key(key: str) -> bool:
    """Whether a key says that its value is an address or a natural id, which stay in the vault whatever is declared."""
    return key.casefold() in _NAMING
