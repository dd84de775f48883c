"""Instants and amounts out of texts, exactly; or the reason why a text is none."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache
from typing import Any

from ceasefire.vocabulary import RejectReason

# Of more digits than any amount has: what has to be rounded to fit is not an exact number of the unit.
_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])
_FIRST_YEAR, _END_YEAR = 1970, 2200
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d++)?)?)"
    r"(?: ?([+-]\d\d(?::?[0-5]\d)?)|[Zz]| UTC)(?:\[[\w+/-]{1,64}\])?",
    re.ASCII,
)
"""An instant of RFC 3339, section 5.6, or as Java and warehouses write it: without seconds that are nought, a blank
before the offset, an offset without its colon or minutes, ` UTC`, or the name of a zone after the offset (RFC 9557),
which says nothing that the offset does not. Groups: the local time, and the offset unless it is UTC by name."""


def read_instant(text: str) -> datetime | RejectReason:
    """Return an instant in UTC, to the microsecond, or why the text is none; further decimals are cut off."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return RejectReason.BAD_TYPE
    local, offset = found.groups()
    try:
        instant = datetime.fromisoformat(local + (offset or "Z"))
        if instant.tzinfo is not UTC:
            instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return RejectReason.BAD_TYPE
    return instant if _FIRST_YEAR <= instant.year < _END_YEAR else RejectReason.OUT_OF_RANGE


def read_scaled(value: Any, decimals: int, limit: int, signed: bool) -> int | RejectReason | None:
    """Return a decimal number, given as text or number, as an integer of 10^-decimals, or why it is none.

    Args:
        value: of a row; null and the empty text are no number and no fault, and give None.
        decimals: of the unit.
        limit: the largest result, in amount.
        signed: whether it may be below 0.
    """
    if value is None or value == "":
        return None
    is_whole = type(value) is int
    scaled: int | RejectReason = value * 10**decimals if is_whole else _exactly_scaled(value, decimals, limit)
    if isinstance(scaled, RejectReason):
        return scaled
    return RejectReason.OUT_OF_RANGE if abs(scaled) > limit or (scaled < 0 and not signed) else scaled


def _exactly_scaled(value: Any, decimals: int, limit: int) -> int | RejectReason:
    # An underscore is Python's way to group digits, and nobody else's.
    if not isinstance(value, str | Decimal) or (isinstance(value, str) and "_" in value):
        return RejectReason.BAD_TYPE
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else value
    except InvalidOperation:
        return RejectReason.BAD_TYPE
    if not number.is_finite():
        return RejectReason.NON_FINITE
    # The exponent is looked at first: to scale 1e999999999 would take all memory.
    if number and number.adjusted() >= _digits(limit):
        return RejectReason.OUT_OF_RANGE
    try:
        shifted = number.scaleb(decimals, _EXACT)
    except Inexact:
        return RejectReason.TOO_MANY_DECIMALS
    scaled = int(shifted)
    return scaled if scaled == shifted else RejectReason.TOO_MANY_DECIMALS


@cache
def _digits(limit: int) -> int:
    return len(str(limit))
