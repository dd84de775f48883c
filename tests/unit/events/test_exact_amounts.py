from __future__ import annotations

import json
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.events.contract import Contract
from unit.events.event_rows import CONTRACT, parsed, reasons, row

CENTS = st.integers(0, 10**15)


@given(CENTS)
@settings(max_examples=100)
def test_an_amount_in_text_is_counted_in_cents_exactly(cents: int) -> None:
    text = f"{cents // 100}.{cents % 100:02d}"

    assert parsed(row(amount=text)).amount_minor == cents == Decimal(text) * 100


@given(CENTS, st.integers(0, 60))
@settings(max_examples=60)
def test_an_amount_written_as_a_number_never_goes_through_a_double(cents: int, zeros: int) -> None:
    line = json.dumps(row(amount="?")).replace('"?"', f"{cents // 100}.{cents % 100:02d}{'0' * zeros}")

    assert parsed(line).amount_minor == cents


@given(st.decimals(min_value=0, max_value=10**9, places=6))
@settings(max_examples=100)
def test_an_amount_is_exact_or_refused_and_never_rounded(amount: Decimal) -> None:
    event = parsed(row(amount=str(amount)))

    if amount * 100 == int(amount * 100):
        assert event.amount_minor == int(amount * 100)
    else:
        assert reasons(row(amount=str(amount))) == ["too_many_decimals"]


def test_ten_dimes_are_a_dollar_although_no_double_is_a_dime() -> None:
    dimes = [parsed(row(amount="0.10")).amount_minor or 0 for _ in range(10)]

    assert sum(dimes) == 100
    # sum() itself makes up for it since Python 3.12
    assert list(accumulate([0.1] * 10))[-1] != 1


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0", 0),
        ("-0.00", 0),
        ("0e999999999", 0),
        ("0e-999999999", 0),
        (" 1.5 ", 150),
        ("+1.5", 150),
        ("1.5e1", 1500),
        ("1." + "0" * 500, 100),
        ("10000000000000", 10**15),
        (".5", 50),
        ("5.", 500),
    ],
)
def test_every_way_to_write_a_decimal_is_read(text: str, cents: int) -> None:
    event = parsed(row(amount=text))

    assert (event.reasons, event.amount_minor) == (set(), cents)


def test_the_largest_amount_is_ten_million_million_and_a_cent_more_is_refused() -> None:
    assert reasons(row(amount="10000000000000.01")) == ["out_of_range"]


@pytest.mark.parametrize(
    ("currency", "exponent", "good", "minor", "too_fine"),
    [("JPY", 0, "1500.0", 1500, "1500.5"), ("KWD", 3, "1.234", 1234, "1.2345"), ("CLF", 4, "1.2345", 12345, "1.23456")],
)
def test_a_currency_has_its_own_minor_unit(currency: str, exponent: int, good: str, minor: int, too_fine: str) -> None:
    contract = Contract("b", currency, exponent, CONTRACT.key, CONTRACT.terms)

    assert parsed(row(amount=good, currency=currency), contract).amount_minor == minor
    assert reasons(row(amount=too_fine), contract) == ["too_many_decimals"]


@pytest.mark.parametrize(("quantity", "milli"), [("1.0", 1000), (0.125, 125), (3, 3000), ("1e3", 1_000_000)])
def test_a_quantity_is_counted_in_thousandths(quantity: object, milli: int) -> None:
    assert parsed(row("order_line", quantity=quantity)).quantity_milli == milli
