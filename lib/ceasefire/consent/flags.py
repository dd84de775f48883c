"""Keys such as `unsubscribed` or `accepts_marketing`, and the no that their values say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ceasefire.consent.terms import ConsentTerms, Statement, says_every
from ceasefire.consent.words import (
    CHANNEL_WORDS,
    CONTEXT,
    EVERYTHING,
    FALSE,
    OF_DEVICES,
    Answer,
    answer_of,
    folded,
    is_agreed,
    words,
)
from ceasefire.vocabulary import EVERY, MessageClass

_MAX_NESTING = 4
_NOT_OF_BRANDS = frozenset(["fax", "post", "postal"])
"""Channels that no brand writes to: a no to them is none to any of ours."""
_DETAILS = frozenset(
    [
        "count",
        "number",
        "rate",
        "score",
        "format",
        "reason",
        "source",
        "id",
        "ids",
        "url",
        "link",
        "token",
        "page",
        "method",
        "level",
        "ip",
    ]
)
"""A key with such a word tells something about a flag, and is none."""
_DATED = frozenset(["date", "time", "since", "state", "status", "value", "frequency", "by"])
_PHRASES_OF_NO = ("opt out", "unsubscribe", "do not", "dnc", "no marketing", "suppress", "blocklist")
_NEED_CONTEXT = ("do not", "suppress", "blocklist")
"""Of things that have nothing to do with contact these are as usual."""
_AGREES = frozenset(["accept", "allow", "allowed", "agree", "receive", "wants", "want"])
_SUBJECTS = frozenset(["marketing", "newsletter", "promotion", "communication"])
_NOTHING_SAID = frozenset(("", "null", "na", "nil", "nan", "undefined"))
_ADDRESS_SIGNS = ("://", "mailto:")


class _Flag(NamedTuple):
    """A key that may speak of consent.

    Attributes:
        key: as it is spelt.
        is_of_no: whether a yes to it is a no.
        rest: what else it names: a channel, say.
        needs_context: whether it is a flag only if all of that is known to be of contact.
        is_bare: it names a subject alone, which is a flag in profiles only.
    """

    key: str
    is_of_no: bool
    rest: frozenset[str]
    needs_context: bool
    is_bare: bool = False


def flag_statement(values: Mapping[str, Any], terms: ConsentTerms, is_profile: bool) -> Statement | None:
    """Return the no to marketing that keys such as `unsubscribed` or `accepts_marketing` say; None without one.

    Noes to several channels are one to all of them, since a row says one thing.

    Args:
        values: by key, without nesting (`without_nesting`).
        terms: of the brand.
        is_profile: in other events only keys of known words count.
    """
    refused: set[str] = set()
    for flag in _flags(tuple(values)):
        channel = _channel(flag, terms, is_profile)
        if channel is not None:
            refused |= _refused(flag, values[flag.key], channel, terms)
    if not refused:
        return None
    return Statement(MessageClass.MARKETING.value, refused.pop() if len(refused) == 1 else EVERY, None, False)


def says_no(key: str, value: Any) -> bool:
    """Return whether a key and its value look like a no to some channel."""
    return any(
        _confirms(value) if flag.is_of_no else answer_of(value) is Answer.NO
        for flag in _flags((key,))
        if not flag.is_bare
    )


def without_nesting(values: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Return the values of objects in objects under the keys on the way to each.

    >>> without_nesting({"email_consent": {"state": "unsubscribed"}})
    {'email_consent.state': 'unsubscribed'}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            if depth < _MAX_NESTING:
                flat |= without_nesting(value, f"{prefix}{key}.", depth + 1)
        else:
            flat[prefix + key] = value
    return flat


# Rows come in a few shapes.
@lru_cache(maxsize=1024)
def _flags(keys: tuple[str, ...]) -> tuple[_Flag, ...]:
    return tuple(flag for key in keys if (flag := _flag(key)) is not None)


def _flag(key: str) -> _Flag | None:
    said = words(key)
    has, spaced = frozenset(said), f" {' '.join(said)} "
    if has & _DETAILS or has & OF_DEVICES:
        return None
    for phrase in _PHRASES_OF_NO:
        if f" {phrase} " in spaced:
            rest = frozenset(spaced.replace(f" {phrase} ", " ").split())
            return _Flag(key, True, rest - _DATED, phrase in _NEED_CONTEXT)
    if " opt in " in spaced or has & {"consent", "subscribe"} or (has & _AGREES and has & _SUBJECTS):
        rest = has - {"opt", "in", "consent", "subscribe"} - _AGREES
        return _Flag(key, False, rest - _DATED, True)
    if "permission" in has and "push" not in has:
        return _Flag(key, False, has - {"permission"} - _DATED, True)
    if has & {"marketing", "newsletter"}:
        rest = has - {"marketing", "newsletter", "send", "is", "has", "frequency", "status", "state"}
        if rest <= CHANNEL_WORDS:
            return _Flag(key, False, rest, True, is_bare=True)
    return None


def _channel(flag: _Flag, terms: ConsentTerms, is_profile: bool) -> str | None:
    """The channel that a flag is about; None if it is no flag here."""
    if flag.is_bare and not is_profile:
        return None
    channels = {word: terms.channels.get(word) or terms.channels.get(f"{word}s") for word in flag.rest}
    named = {channel for channel in channels.values() if channel is not None}
    others = {word for word, channel in channels.items() if channel is None} - (CONTEXT - CHANNEL_WORDS)
    if others and others <= _NOT_OF_BRANDS:
        return None
    are_strange = not others <= CHANNEL_WORDS
    if others and (not flag.is_of_no or (are_strange and (flag.needs_context or not is_profile))):
        return None
    is_of_one = len(named) == 1 and not others and not flag.rest & EVERYTHING
    return named.pop() if is_of_one else EVERY


def _refused(flag: _Flag, value: Any, channel: str, terms: ConsentTerms) -> set[str]:
    if isinstance(value, list):
        return {said for each in value for said in _refused(flag, each, channel, terms)}
    if not flag.is_of_no:
        return {channel} if answer_of(value) is Answer.NO else set()
    if not _confirms(value):
        return set()
    named = terms.channel(value) if isinstance(value, str) else None
    return {channel if named is None or says_every(value) or channel != EVERY else named}


def _confirms(value: Any) -> bool:
    """Return whether a value confirms a flag such as `unsubscribed`: instants and words that nobody knows do."""
    if value is None or isinstance(value, bool | dict):
        return value is True
    if isinstance(value, list):
        return any(_confirms(each) for each in value)
    text = str(value).strip().casefold()
    plain = folded(text)
    is_zero = not plain.strip("0")
    is_taken_back = plain in FALSE or plain in _NOTHING_SAID or is_agreed(text) or text == "-1"
    return not (is_zero or is_taken_back or any(sign in text for sign in _ADDRESS_SIGNS))
