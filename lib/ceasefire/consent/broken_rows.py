"""Rows that are no JSON of the contract: what can be read of them all the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ceasefire.consent.flags import says_no
from ceasefire.consent.words import Answer, Meaning, answer_of, folded, meaning

MAX_LENIENT_CHARS = 1 << 23
"""A broken row longer than that is not read as JSON any more, only searched at both ends."""

MAX_ROWS_IN_LINE = 1_000
"""Of more rows in one line the last ones are read as one."""

PLAIN_VALUE_KEYS = ("granted", "consent", "optin", "optedin", "subscribed")
VALUE_KEYS = (*PLAIN_VALUE_KEYS, "status", "state", "value", "action")
"""Folded keys whose values answer the question of consent."""

_SEARCHED_CHARS = 1 << 20
_MAX_DEPTH = 32
_DIFFERS_UNREAD = frozenset(("channel", "purpose", "topic", "scope", "campaignid", "brand", "eventat"))
_AROUND = "\ufeff,; \t\r\n"
_WHOLE_WITH_DECIMALS = re.compile(r"^(-?[1-9]\d*)\.0+$")
_FIRST_KEY = re.compile(r"\{\s*\"[^\"\\]{1,100}\"\s*:")
_END = r"(?=\s*(?:[,;&|{}\[\]\r\n\"']|$)|\s+[\"']?[A-Za-z][\w.-]{0,100}[\"']?\s*[:=])"
_TOKEN = re.compile(
    r"(?P<open>[{\[])|(?P<close>[}\]])"
    r"|(?:\"(?P<key>(?:[^\"\\]|\\.){1,100})\"|'(?P<quoted>[^']{1,100})'|\b(?P<bare>[A-Za-z][\w.-]{0,100}))"
    r"\s{0,20}[:=]\s{0,20}"
    r"(?:\"(?P<text>(?:[^\"\\]|\\.){0,1000})\"|'(?P<single>[^']{0,1000})'"
    rf"|(?P<plain>[^\s,;&|{{}}\[\]\"'][^,;&|{{}}\[\]\r\n\"']{{0,999}}?){_END}"
    # A value without an end is passed over at once, since each key in it would be followed by as long a search.
    r"|(?P<endless>[^,;&|{}\[\]\r\n\"']{1000})|(?=[{\[]))"
    r"|(?P<string>\"(?:[^\"\\]|\\.){0,1000}\")(?=\s*[,}\]])"
)


class Several(tuple[Any, ...]):
    """Values that differ, under a key that names one customer."""


def read_broken(text: str) -> Iterator[dict[str, Any]]:
    """Yield what can be read of a line that is no row of the contract: the keys and values of each row in it.

    A line holds several where the end of one was lost. Of a key that stands twice the no counts; where that cannot be
    told, as of a channel, neither does. Of a customer that stands twice both are kept.
    """
    row = _as_object(text.strip(_AROUND))
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


def _as_object(text: str) -> dict[str, Any] | None:
    if len(text) > MAX_LENIENT_CHARS:
        return None
    try:
        row = json.loads(text, object_pairs_hook=strictest)
    except (ValueError, RecursionError):
        return None
    if isinstance(row, list) and len(row) == 1:
        row = row[0]
    return row if isinstance(row, dict) else None


_Pairs = list[tuple[str, Any]]


def _found_in(text: str) -> dict[str, Any]:
    """The keys and values in a text, in objects as far as its brackets tell."""
    root: _Pairs = []
    levels: list[tuple[str | None, _Pairs]] = [(None, root)]
    key: str | None = None
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind == "open":
            # What has no name, or lies too deep, belongs to what is around it.
            is_own = key is not None and len(levels) < _MAX_DEPTH
            levels.append((key, []) if is_own else (None, levels[-1][1]))
            key = None
        elif kind == "close" and len(levels) > 1:
            _close(levels)
        elif kind == "endless":
            key = None
        elif kind in ("key", "quoted", "bare"):
            key = _decoded(found[kind])
        elif kind in ("text", "single", "plain"):
            name = next(filter(None, (found["key"], found["quoted"], found["bare"])))
            value = _decoded(found[kind]) if kind == "text" else found[kind].strip()
            if kind == "plain":
                value = _WHOLE_WITH_DECIMALS.sub(r"\1", value)
            if kind != "plain" or value != "null":
                levels[-1][1].append((_decoded(name), value))
            key = None
    while len(levels) > 1:
        _close(levels)
    return _with_own_keys(strictest(root))


def _close(levels: list[tuple[str | None, _Pairs]]) -> None:
    key, pairs = levels.pop()
    if key is not None:
        levels[-1][1].append((key, strictest(pairs)))


def _decoded(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


_OWN_KEYS = ("event_id", "brand", "customer_id", "event_type", "event_at", "channel")


def _with_own_keys(row: dict[str, Any]) -> dict[str, Any]:
    """Where a bracket was lost, the row's own keys stand in one of its objects."""
    inner = [value for value in row.values() if isinstance(value, dict)]
    present = {folded(key) for key in row}
    lacking = [name for name in _OWN_KEYS if folded(name) not in present]
    lifted = [(name, each[name]) for name in lacking for each in inner if name in each]
    return row | strictest(lifted)


def strictest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of these keys and values in which of a key that stands twice the no counts."""
    row: dict[str, Any] = {}
    for key, value in pairs:
        row[key] = _stricter(key, row[key], value) if key in row and row[key] != value else value
    return row


def _stricter(key: str, first: Any, second: Any) -> Any:
    """The value that counts of two under one key; None if it is not to be had."""
    plain = folded(key)
    if plain == "customerid":
        return Several(dict.fromkeys((*_each(first), *_each(second))))
    if plain in _DIFFERS_UNREAD:
        return None
    if isinstance(first, dict) and isinstance(second, dict):
        shared = first.keys() & second.keys()
        both = strictest([*first.items(), *second.items()])
        return {key: value for key, value in both.items() if key in shared or folded(key) not in _DIFFERS_UNREAD}
    is_no = (
        (plain == "eventtype" and meaning(str(first)) in (Meaning.NO, Meaning.ERASURE))
        or (plain in VALUE_KEYS and answer_of(first) is Answer.NO)
        or says_no(key, first)
    )
    return first if is_no else second


def _each(value: Any) -> tuple[Any, ...]:
    """The values of a customer's key as texts; nothing of what names nobody."""
    if isinstance(value, Several):
        return value
    return () if value is None or isinstance(value, bool | dict | list) else (str(value).strip(),)


def attributes_of(value: Any) -> Mapping[str, Any]:
    """Attributes as they should be, written as a text within the text, or as a list of objects."""
    if isinstance(value, str):
        return next(read_broken(value))
    if isinstance(value, list):
        return strictest([pair for part in value if isinstance(part, Mapping) for pair in _pairs_of(part)])
    return value if isinstance(value, Mapping) else {}


def _pairs_of(part: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    named = next((part[key] for key in ("name", "key") if isinstance(part.get(key), str)), None)
    return part.items() if named is None or "value" not in part else ((named, part["value"]),)
