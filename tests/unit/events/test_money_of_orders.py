"""Orders of less than nothing, and amounts in other currencies."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceasefire.config.units import converted_minor
from unit.events.event_rows import CONTRACT, parsed, row

WITH_RATES = replace(CONTRACT, rates={"USD": Decimal("0.925"), "JPY": Decimal("0.0061"), "KWD": Decimal("3.01")})


def read(event_type: str = "order", /, **changes: Any) -> tuple[str | None, int | None, list[str] | None]:
    event = parsed(row(event_type, **changes), WITH_RATES)
    assert event.reasons == set()
    return event.event_type, event.amount_minor, event.repairs


def test_an_order_of_less_than_nothing_is_a_return_of_that_amount() -> None:
    assert read(amount="-19.99") == ("return", 1999, ["negative_order"])
    assert read(amount="-0.00") == ("order", 0, None)


@pytest.mark.parametrize("event_type", ["order", "order_line", "return", "session_ended"])
def test_an_amount_in_a_currency_without_a_rate_is_unknown_and_its_event_stays(event_type: str) -> None:
    assert read(event_type, amount="250.00", currency="GBP") == (event_type, None, ["other_currency"])


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("10.00", "USD", 925), ("0.20", "USD", 19), ("1000", "JPY", 610), ("1.005", "KWD", 303), ("0.01", "usd", 1)],
)
def test_an_amount_in_a_currency_with_a_rate_is_converted(amount: str, currency: str, minor: int) -> None:
    assert read(amount=amount, currency=currency) == ("order", minor, ["converted_amount"])


def test_a_negative_order_in_another_currency_is_a_return_in_it() -> None:
    assert read(amount="-10.00", currency="USD") == ("return", 925, ["converted_amount", "negative_order"])
    assert read(amount="-10.00", currency="GBP") == ("return", None, ["negative_order", "other_currency"])
    assert read("session_ended", amount="-0.20", currency="USD") == ("session_ended", -19, ["converted_amount"])


def test_the_own_currency_in_small_letters_is_the_own_currency() -> None:
    assert read(currency=" eur ") == ("order", 1999, None)


def test_a_currency_without_an_amount_says_nothing() -> None:
    assert read("return", currency="GBP") == ("return", None, None)


@given(
    st.integers(-(10**15), 10**15),
    st.decimals("0.000000001", 10**9, places=9),
    st.sampled_from((0, 2, 3, 4)),
    st.sampled_from((0, 2, 3, 4)),
)
def test_conversion_is_exact_to_the_minor_unit(minor: int, rate: Decimal, exponent: int, into: int) -> None:
    exactly = Decimal(minor).scaleb(-exponent) * rate

    wanted = exactly.quantize(Decimal(1).scaleb(-into), ROUND_HALF_UP).scaleb(into)

    assert converted_minor(minor, rate, exponent, into) == int(wanted)
