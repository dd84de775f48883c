"""Addresses and consents of the demo's households: all invented, and none can reach anybody.

The data name no person. Mail goes to the reserved top-level domain `.invalid` (RFC 2606), phones are numbers of
North America's range for fiction (555-0100 to 555-0199), push tokens are plain text.
"""

from __future__ import annotations

from dataclasses import dataclass

from ceasefire.ids import content_hash

_SALT = "completejourney-contacts-1"
_PHONE_PER_MILLE = 800
_PUSH_PER_MILLE = 500
_EMAIL_REFUSED_PER_MILLE = 50
_SMS_ANSWERED_PER_MILLE = 667
_FICTION_NUMBERS_PER_AREA = 100
_FIRST_AREA, _AREAS = 200, 800


@dataclass(frozen=True)
class InventedContact:
    """How a household could be reached, and what it said about marketing.

    Attributes:
        addresses: text by `email`, `phone`, `push_token`; only those it has.
        marketing_consent: granted or refused by channel; a channel on which it said nothing is not in it.
    """

    addresses: dict[str, str]
    marketing_consent: dict[str, bool]


def invented_contact(household_id: str) -> InventedContact:
    """The contact that we made up for a household; the same household always gets the same.

    Everybody has an email address. Whether there is more, and what was answered, are separate draws by hash: an
    SMS consent without a phone and a phone without an SMS consent both occur.

    Args:
        household_id: a whole number as text; below 80,000 no two households share a phone.
    """
    addresses = {"email": f"household-{household_id}@example.invalid"}
    consent = {"email": not _drawn(household_id, "email refused", _EMAIL_REFUSED_PER_MILLE)}
    if _drawn(household_id, "phone", _PHONE_PER_MILLE):
        addresses["phone"] = _fictitious_phone(int(household_id))
    if _drawn(household_id, "sms answered", _SMS_ANSWERED_PER_MILLE):
        consent["sms"] = True
    if _drawn(household_id, "push", _PUSH_PER_MILLE):
        addresses["push_token"] = f"push-{household_id}-{content_hash(f'{_SALT}|push token|{household_id}')[:12]}"
        consent["push"] = True
    return InventedContact(addresses, consent)


def _fictitious_phone(number: int) -> str:
    area = _FIRST_AREA + number // _FICTION_NUMBERS_PER_AREA % _AREAS
    return f"+1-{area}-555-01{number % _FICTION_NUMBERS_PER_AREA:02d}"


def _drawn(household_id: str, what: str, per_mille: int) -> bool:
    return int(content_hash(f"{_SALT}|{what}|{household_id}")[:12], 16) % 1000 < per_mille
