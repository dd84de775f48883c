"""What names a person is taken out of a row before anything of the row is kept."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ceasefire.ids import customer_id
from ceasefire.vocabulary import ADDRESS_PRESENT

SHAPE_CHARS = 500

ADDRESSES = ("email", "phone", "push_token")

OTHER_CUSTOMER = "into"
"""The attribute of a merge that holds another customer's natural id."""

TELLING_CHARS = 5
"""A shorter text that equals the natural id is as likely a household's size, and tells nobody who it is."""

_NATURAL_IDS = (OTHER_CUSTOMER, "customer_id")
_NAMING = frozenset((*ADDRESSES, *_NATURAL_IDS))
# Of an address in an URL only the address goes. The look-behind lets a search start at a word's beginning alone: one
# word of a million letters would take hours otherwise.
_EMAIL = re.compile(r"(?<![^\s\"<>@/?&=,;:|()\[\]{}])[^\s\"<>@/?&=,;:|()\[\]{}]+(?:@|%40)[^\s\"<>@/?&=,;:|()\[\]{}]+")
# Made once: json.dumps makes a new one for each value that it is given options for. What was JSON has no circles.
_CANONICAL = json.JSONEncoder(sort_keys=True, default=str, ensure_ascii=False, check_circular=False)
_KEPT_SIGNS = frozenset(string.punctuation + " ")


class Disguise(NamedTuple):
    """Takes the natural ids and addresses that one row names out of whatever is kept of that row.

    Attributes:
        key: the brand's key for pseudonyms.
        names: natural ids and addresses that the row gives as such, the longest first.
    """

    key: bytes
    names: tuple[str, ...]

    @staticmethod
    def of(row: Mapping[str, Any], key: bytes) -> Disguise:
        """The disguise for a row."""
        names = _names(row)
        return Disguise(key, tuple(sorted(names, key=lambda name: (-len(name), name)) if len(names) > 1 else names))

    def text(self, text: str) -> str:
        """A text with a pseudonym in the place of each name, and of all that looks like an address."""
        for name in self.names:
            if name in text:
                # Only whole words: digits of a natural id are bound to occur within longer numbers.
                text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", self._pseudonym, text)
        return _EMAIL.sub(self._pseudonym, text) if "@" in text or "%40" in text else text

    def value(self, value: Any, name: str = "") -> str | None:
        """The value of a key as text: JSON of what is nested, of an address only that there is one."""
        text = plain_text(value)
        kind = name.casefold()
        if text is None:
            return None
        if kind in ADDRESSES:
            return ADDRESS_PRESENT
        if kind in _NATURAL_IDS:
            return customer_id(self.key, text)
        return as_json(self.nested(value)) if isinstance(value, dict | list) else self.text(text)

    def nested(self, value: Any, name: str = "") -> Any:
        """A nested value with the same nesting."""
        if not _names_a_person(name):
            if isinstance(value, dict):
                return {self.text(key): self.nested(one, key) for key, one in value.items()}
            if isinstance(value, list):
                return [self.nested(one) for one in value]
        return self.value(value, name)

    def _pseudonym(self, name: re.Match[str]) -> str:
        return customer_id(self.key, name[0])


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


# Rows come in a few shapes.
@lru_cache(maxsize=256)
def _naming_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if _names_a_person(key))


def _names_a_person(key: str) -> bool:
    return key.casefold() in _NAMING
