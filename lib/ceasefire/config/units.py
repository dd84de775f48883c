"""Spans of time, money and clock times as configuration writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from ceasefire.config.parsing import refused
from ceasefire.time_zones import known_zones

MICROS_PER_HOUR = 3_600_000_000
MICROS_PER_DAY = 24 * MICROS_PER_HOUR
MICROS_PER_MINOR = 1_000_000
"""Values are integers in millionths of a minor unit, so that sums do not depend on their order."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
_EXPONENTS = {
    currency: exponent
    for exponent, currencies in ((0, _NO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for currency in currencies.split()
}
_SPAN = re.compile(r"([1-9][0-9]{0,4})(m|h|d)")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_HOURS = re.compile(r"([01][0-9]|2[0-4]):00-([01][0-9]|2[0-4]):00")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):00")
_SHORT_SPAN = re.compile(r"([1-9][0-9]{0,3})(s|m|h)")
_UNIT_MICROS = {
    "s": MICROS_PER_HOUR // 3600,
    "m": MICROS_PER_HOUR // 60,
    "h": MICROS_PER_HOUR,
    "d": MICROS_PER_DAY,
}


@dataclass(frozen=True)
class Span:
    """A length of time; written in days it can count local calendar dates, otherwise instants."""

    text: str
    count: int
    unit: str

    @property
    def micros(self) -> int:
        """The length in microseconds, a day being 24 hours."""
        return self.count * _UNIT_MICROS[self.unit]

    @property
    def length(self) -> int:
        """Days if it is written in days, else microseconds: how a duration period is counted."""
        return self.count if self.in_days else self.micros

    @property
    def in_days(self) -> bool:
        """Whether it is written in days."""
        return self.unit == "d"


@dataclass(frozen=True)
class LocalHours:
    """Hours of the local day in which a channel may send: first hour included, last hour not."""

    first: int
    end: int


def span_of(text: str) -> Span:
    """The span that a text of configuration says.

    Raises:
        PydanticCustomError: it is none.
    """
    return _span(text)


def instant_micros(instant: datetime) -> int:
    """Microseconds from 1970-01-01 UTC to an aware instant."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """The aware UTC instant that many microseconds after 1970-01-01 UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def currency_exponent(currency: str) -> int:
    """Decimals of a currency's minor unit by ISO 4217."""
    return _EXPONENTS.get(currency, 2)


def money_micros(amount: Decimal, currency: str) -> int:
    """An amount in major units as millionths of a minor unit."""
    return int((amount * 10 ** currency_exponent(currency) * MICROS_PER_MINOR).to_integral_value())


def converted_minor(minor: int, rate: Decimal, exponent: int, into_exponent: int) -> int:
    """An amount in minor units of another currency, exactly; halves of a minor unit away from zero.

    Args:
        minor: of a currency whose minor unit has `exponent` decimals.
        rate: what one unit of that currency is worth in units of ours, whose minor unit has `into_exponent` decimals.
    """
    numerator, denominator = rate.as_integer_ratio()
    whole: int = abs(minor) * numerator * 10**into_exponent
    parts: int = denominator * 10**exponent
    rounded = (2 * whole + parts) // (2 * parts)
    return -rounded if minor < 0 else rounded


def _span(value: Any) -> Span:
    if isinstance(value, Span):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refused("not a span of time", "a number and m, h or d, as in 30m, 48h, 7d")
    return Span(value, int(match[1]), match[2])


def _short_span(value: Any) -> Span:
    match = _SHORT_SPAN.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[1]) * _UNIT_MICROS[match[2]] > MICROS_PER_HOUR:
        raise refused("not a span of up to an hour", "a number and s, m or h, at most 1h, as in 3s")
    return Span(match[0], int(match[1]), match[2])


def _hours(value: Any) -> LocalHours:
    if isinstance(value, LocalHours):
        return value
    match = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[1]) >= int(match[2]):
        raise refused("not hours of one day", "whole hours, the first before the second, as in 08:00-21:00")
    return LocalHours(int(match[1]), int(match[2]))


def _clock_hour(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        raise refused("not a clock time", 'a whole hour in quotes, as in "06:00"')
    match = _CLOCK_TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refused("not a whole hour", 'a whole hour in quotes, as in "06:00"')
    return int(match[1])


def _money(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise refused("not an amount of money", 'a decimal text, as in "0.04"')
    text = str(value)
    try:
        amount = Decimal(text if "_" not in text else "")
    except InvalidOperation:
        raise refused("not an amount of money", 'a decimal text, as in "0.04"') from None
    if not amount.is_finite() or amount < 0 or amount > 10**9 or amount != round(amount, 6):
        raise refused("money out of range", "0 to a thousand million with at most six decimals")
    return amount


def _rate(value: Any) -> Decimal:
    text = value if isinstance(value, str) else ""
    if not _RATE.fullmatch(text) or not Decimal(text):
        raise refused("not a rate", 'a decimal text above 0 with at most nine decimals, as in "1.08"')
    return Decimal(text)


def _day(value: Any) -> date:
    # A number would be taken for seconds since 1970.
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise refused("no day of the calendar", "a date, as in 2026-03-01") from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise refused("not a date", "a date, as in 2026-03-01")
    return value


def _time_zone(value: Any) -> str:
    if not isinstance(value, str) or value not in known_zones():
        raise refused("unknown time zone", "an IANA name, as in Europe/Berlin")
    return value


def _text(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})


_AMOUNT: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,6})?$"}, {"type": "number", "minimum": 0}]
}

SpanOfTime = Annotated[Span, BeforeValidator(_span), _text(_SPAN)]
ShortSpan = Annotated[Span, BeforeValidator(_short_span), _text(_SHORT_SPAN)]
"""At most an hour, to the second."""
Hours = Annotated[LocalHours, BeforeValidator(_hours), _text(_HOURS)]
ClockHour = Annotated[int, BeforeValidator(_clock_hour), _text(_CLOCK_TIME)]
Money = Annotated[Decimal, BeforeValidator(_money), WithJsonSchema(_AMOUNT)]
Rate = Annotated[Decimal, BeforeValidator(_rate), _text(_RATE)]
Day = Annotated[date, BeforeValidator(_day), _text(_DAY)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
