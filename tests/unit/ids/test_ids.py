from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire import ids

KEY = b"a key of tests"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What Spark 4.2 says to SELECT xxhash64('…').
        ("", -7444071767201028348),
        ("a", -8582455328737087284),
        ("Spark", -4294468057691064905),
        ("ski/boots", 504076485058100235),
        ("Žižkov 東京 🎿", -3894836746236382671),
    ],
)
def test_the_hash_of_a_text_on_the_driver_is_the_one_that_spark_gives(text: str, expected: int) -> None:
    assert ids.hash64(text) == expected


@given(TEXT)
@settings(max_examples=50)
def test_a_hash_fits_a_signed_column_of_64_bits(text: str) -> None:
    assert -(2**63) <= ids.hash64(text) < 2**63


@given(TEXT)
@settings(max_examples=50)
def test_one_text_has_unrelated_ids_for_its_uses(text: str) -> None:
    used_as = {
        ids.customer_id(KEY, text),
        ids.event_key(KEY, text),
        ids.payload_hash(KEY, text.encode()),
        ids.address_key(KEY, "email", text),
        ids.address_key(KEY, "phone", text),
    }

    assert len(used_as) == 5
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in used_as)


@pytest.mark.parametrize("key", [KEY, b"", b"k" * 64, b"k" * 65, bytes(range(256))])
def test_a_pseudonym_is_the_beginning_of_an_hmac_under_the_brands_key_however_long(key: bytes) -> None:
    expected = hmac.new(key, b"customer|Zo\xc3\xab", hashlib.sha256).hexdigest()

    assert ids.customer_id(key, "Zoë") == expected[:32]
    assert ids.customer_id(b"another key", "Zoë") != expected[:32]


def test_a_decision_is_known_by_brand_customer_lane_and_window_alone() -> None:
    expected = hashlib.sha256(b"corner|00ff|window|1772366400000000").hexdigest()[:32]

    assert ids.decision_id("corner", "00ff", "window", 1_772_366_400_000_000) == expected


def test_a_send_is_known_by_decision_channel_and_slot() -> None:
    expected = hashlib.sha256(b"d1|email|1772366400000000").hexdigest()[:32]

    assert ids.send_id("d1", "email", 1_772_366_400_000_000) == expected


def test_a_bundle_is_known_by_all_of_the_hash_of_its_text() -> None:
    assert ids.content_hash("ü") == hashlib.sha256(b"\xc3\xbc").hexdigest()
