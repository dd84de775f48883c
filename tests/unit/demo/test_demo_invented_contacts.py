"""Addresses and consents that we made up."""

from __future__ import annotations

import re
from collections import Counter

from ceasefire.demo.invented_contacts import invented_contact
from ceasefire.demo.source import Source

CONTACTS = {str(number): invented_contact(str(number)) for number in range(1, 5_001)}


def share(count: int) -> float:
    return count / len(CONTACTS)


def test_no_address_can_reach_anybody() -> None:
    for contact in CONTACTS.values():
        assert re.fullmatch(r"household-[0-9]+@example\.invalid", contact.addresses["email"])
        assert re.fullmatch(r"\+1-[2-9][0-9]{2}-555-01[0-9]{2}", contact.addresses.get("phone", "+1-200-555-0100"))


def test_no_two_households_share_an_address() -> None:
    held = Counter(address for contact in CONTACTS.values() for address in contact.addresses.values())
    assert set(held.values()) == {1}


def test_everybody_has_an_email_most_a_phone_and_half_a_push_token() -> None:
    held = Counter(kind for contact in CONTACTS.values() for kind in contact.addresses)
    assert held["email"] == len(CONTACTS)
    assert 0.77 < share(held["phone"]) < 0.83
    assert 0.47 < share(held["push_token"]) < 0.53


def test_email_is_granted_by_all_but_a_few_who_refuse() -> None:
    answers = Counter(contact.marketing_consent["email"] for contact in CONTACTS.values())
    assert 0.03 < share(answers[False]) < 0.07


def test_push_is_granted_by_whoever_has_a_token() -> None:
    for contact in CONTACTS.values():
        assert contact.marketing_consent.get("push", False) == ("push_token" in contact.addresses)


def test_a_third_never_said_anything_about_sms_whether_they_have_a_phone_or_not() -> None:
    silent = Counter("phone" in one.addresses for one in CONTACTS.values() if "sms" not in one.marketing_consent)
    assert 0.30 < share(silent.total()) < 0.37
    assert silent[True] > 0
    assert silent[False] > 0


def test_the_same_household_always_gets_the_same_contact() -> None:
    contact = invented_contact("906")
    assert contact == invented_contact("906")
    assert contact.addresses["phone"] == "+1-209-555-0106"


def test_all_ways_of_being_unreachable_by_sms_occur_in_the_packaged_data(packaged: Source) -> None:
    contacts = [invented_contact(household) for household in {line.household_id for line in packaged.lines}]
    ways = {("sms" in one.marketing_consent, "phone" in one.addresses) for one in contacts}
    assert ways == {(True, True), (True, False), (False, True), (False, False)}
