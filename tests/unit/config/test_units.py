from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from ceasefire.config.units import (
    LocalHours,
    currency_exponent,
    instant_micros,
    instant_of,
    money_micros,
    span_of,
)
from ceasefire.vocabulary import MessageClass
from unit.config.brand_texts import brand_of, with_change

HOUR = 3600 * 1_000_000


@pytest.mark.parametrize(
    ("text", "micros", "length", "in_days"),
    [
        ("30m", HOUR // 2, HOUR // 2, False),
        ("48h", 48 * HOUR, 48 * HOUR, False),
        ("2d", 48 * HOUR, 2, True),
        ("99999d", 99999 * 24 * HOUR, 99999, True),
    ],
)
def test_a_span_in_days_counts_days_and_any_other_instants(text: str, micros: int, length: int, in_days: bool) -> None:
    span = span_of(text)

    assert (span.micros, span.length, span.in_days, span.text) == (micros, length, in_days, text)


@pytest.mark.parametrize("text", ["", "d", "0d", "-1d", "1.5h", "1 h", "1w", "01d", "100000m", "1d\n", "\u0661d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="not a span of time"):
        span_of(text)


@pytest.mark.parametrize(
    ("text", "first", "end"), [("08:00-21:00", 8, 21), ("00:00-24:00", 0, 24), ("23:00-24:00", 23, 24)]
)
def test_hours_of_a_channel_are_whole_hours_of_one_day(text: str, first: int, end: int) -> None:
    brand = brand_of(with_change("brand.yaml", '"08:00-21:00"', f'"{text}"'))

    assert brand.settings.channels["email"].hours == LocalHours(first, end)


BY_ISO_4217 = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AUD BRL CAD CHF CNY CZK DKK EUR GBP HUF INR MXN NOK PLN SEK TRY TWD USD ZAR",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


@pytest.mark.parametrize(
    ("currency", "exponent"), [(one, exponent) for exponent, all_of in BY_ISO_4217.items() for one in all_of.split()]
)
def test_a_currency_has_as_many_decimals_as_the_standard_says(currency: str, exponent: int) -> None:
    assert currency_exponent(currency) == exponent


@pytest.mark.parametrize(
    ("amount", "currency", "micros"),
    [("0.002", "EUR", 200_000), ("4.00", "EUR", 400_000_000), ("7", "JPY", 7_000_000), ("0.000001", "KWD", 1_000)],
)
def test_money_is_counted_in_millionths_of_a_minor_unit(amount: str, currency: str, micros: int) -> None:
    assert money_micros(Decimal(amount), currency) == micros


@pytest.mark.parametrize("written", ['"0.1"', "0.1", "1e-1", '"0.100000"'])
def test_a_cost_means_the_same_however_it_is_written(written: str) -> None:
    brand = brand_of(with_change("brand.yaml", '"0.002"', written))

    assert brand.settings.cost_micros("email") == 10_000_000


def test_silence_of_a_customer_means_no_to_marketing_and_yes_to_the_rest() -> None:
    settings_of_brand = brand_of().settings

    assert not settings_of_brand.consent_by_default(MessageClass.MARKETING)
    assert settings_of_brand.consent_by_default(MessageClass.TRANSACTIONAL)


@pytest.mark.parametrize("written", ["2026-01-01", "'2026-01-01'"])
def test_a_date_may_stand_in_quotes(written: str) -> None:
    brand = brand_of(with_change("campaigns.yaml", "from: 2026-01-01", f"from: {written}"))

    assert brand.campaigns[0].active.from_ == date(2026, 1, 1)


MICROS = st.integers(instant_micros(datetime(1, 1, 2, tzinfo=UTC)), instant_micros(datetime(9999, 12, 30, tzinfo=UTC)))


@given(MICROS)
@settings(max_examples=100)
def test_an_instant_and_its_microseconds_are_one(micros: int) -> None:
    assert instant_micros(instant_of(micros)) == micros


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
@settings(max_examples=100)
def test_an_instant_of_any_offset_keeps_its_microsecond(wall: datetime, offset: int) -> None:
    instant = wall.replace(tzinfo=timezone(timedelta(minutes=offset)))

    assert instant_of(instant_micros(instant)) == instant


def test_the_first_microsecond_is_the_beginning_of_1970() -> None:
    assert instant_micros(datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == 1
    assert instant_micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
