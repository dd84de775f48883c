"""The key of the pseudonyms stays the one that the tables were made with."""

from __future__ import annotations

import hashlib
import hmac
import re

from ceasefire.ids import key_fingerprint
from ceasefire.pipelines.pins import key_problem
from unit.pipelines.shop import shop

SETTINGS = shop([]).brand.settings
KEYS = [f"key-number-{number}".encode() for number in range(1_000)]


def test_a_fingerprint_is_a_keyed_hash_that_tells_keys_apart_and_none_of_them() -> None:
    prints = [key_fingerprint(key) for key in KEYS]

    expected = [hmac.new(key, b"fingerprint|", hashlib.sha256).hexdigest()[:16] for key in KEYS]
    assert prints == expected
    assert len(set(prints)) == len(KEYS)
    assert not any(key.hex() in found or key.decode() in found for key, found in zip(KEYS, prints, strict=True))


def test_the_first_key_and_the_same_key_again_are_fine() -> None:
    assert key_problem(None, "aa", SETTINGS, "lake/shop") == ""
    assert key_problem("aa", "aa", SETTINGS, "lake/shop") == ""


def test_another_key_is_refused_with_both_fingerprints_and_what_to_do_and_never_with_the_key() -> None:
    problem = key_problem("aa11", "bb22", SETTINGS, "lake/shop")

    assert re.search(r"lake/shop .*fingerprint aa11.*fingerprint bb22.*opt-out.*--root", problem)
    assert "a-shop-for-tests" not in problem


def test_a_key_of_the_environment_is_refused_by_the_name_of_its_variable() -> None:
    of_environment = SETTINGS.model_copy(update={"customer_key": "env:SHOP_KEY"})

    assert "the environment variable SHOP_KEY" in key_problem("aa", "bb", of_environment, "lake/shop")
