"""Addresses in the one form in which they can be compared, or the reason why a text is no address.

Normalised addresses serve comparison alone. A message goes to the address as its owner wrote it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from email_validator import validate_email
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

from ceasefire.ids import address_key
from ceasefire.vocabulary import AddressFault

__all__ = [
    "BLANKS",
    "EMAIL",
    "KINDS",
    "PHONE",
    "PUSH_TOKEN",
    "AddressRules",
    "address_key",
    "is_region",
    "normalised",
    "other_readings",
    "read_anew",
    "spellings",
]

EMAIL, PHONE, PUSH_TOKEN = "email", "phone", "push_token"
KINDS = (EMAIL, PHONE, PUSH_TOKEN)

PLACEHOLDERS = frozenset(
    {
        *("empty", "false", "keine", "missing", "na", "nan", "nil", "no", "none", "null", "undefined", "unknown"),
        *("noemail", "nomail", "nonumber", "nophone", "notapplicable", "notavailable", "notgiven", "notprovided"),
        *("tbd", "test", "x", "xx", "xxx"),
    }
)
"""Words that people and programs write where there is no address: without punctuation and blanks, case-folded."""

_NO_ONES_MAILBOX = frozenset({"na", "nil", "noemail", "nomail", "none", "null", "unknown"})
_LONGEST_PLACEHOLDER = 32
_LONGEST_ADDRESS = 1000  # characters, its name included; a push token may be longer
BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
    # and what cannot be seen at all: joiners, marks of direction and of byte order
    "\xad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
"""Blanks around an id or an address, and characters that cannot be seen: they are never meant."""

_NOT_A_LETTER_OR_DIGIT = re.compile(r"[\W_]+")
_DISPLAY_FORM = re.compile(r"[^<>]*<([^<>]*)>")
# Nearly every address looks so; the library says the same of them and takes far longer.
_PLAIN_EMAIL = re.compile(
    r"(?P<local>[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@(?P<domain>(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+(?P<top>[a-z]{2,}))",
    re.I | re.A,
)
_PLAIN_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_CALLING_CODE_DIGITS = (1, 2, 3)
_LONGEST_PLAIN = 64  # so that no part of it can be too long
_NO_MAIL_BELOW = frozenset({"arpa", "local", "localhost", "onion"})
_OF_TESTS, _STANDS_FOR_IT = ".invalid", ".example"
_PUNYCODE = "xn--"
_PHONE_START = re.compile(r"[+\uff0b\d]")
_WHOLE_NUMBER = re.compile(r"(\+?[0-9]+)[.,]0+")
_PHONE_SCHEME = re.compile(r"\s*tel:", re.I)
_PHONE_EXTENSION = re.compile(r"(?:;.*|(?:\s*[,;]?\s*(?:extension|ext|x|#)[.:]?\s*[0-9]{1,7}\s*#?))\Z", re.I)


@dataclass(frozen=True)
class AddressRules:
    """How a brand reads addresses; a plain value, so that it can go to executors.

    Attributes:
        region: country (ISO 3166) of phone numbers without a country code; None: they are no addresses.
        fold_local_part: whether the part of an e-mail address before the @ is compared without regard to case.
    """

    region: str | None = None
    fold_local_part: bool = True


# Customers come in sessions, and the members of a household together.
@lru_cache(maxsize=1 << 16)
def normalised(kind: str, text: str, rules: AddressRules) -> str | AddressFault:
    """Return the form in which an address is compared, or why the text is none.

    - email: the address alone, without `mailto:` and the name in `Name <a@b>`; the domain in small letters and as
      ASCII (IDNA), the local part case-folded if the rules say so. Domains that RFC 2606 reserves for tests are fine.
    - phone: E.164, as in +12125550101; the number is possible, but may belong to nobody. An extension is left out.
    - push_token: as it stands, without blanks around it.

    Args:
        kind: one of KINDS.
        text: as the customer or a tool wrote it.
        rules: of the brand.
    """
    return read_anew(kind, text, rules)


def read_anew(kind: str, text: str, rules: AddressRules) -> str | AddressFault:
    """Return what `normalised` does without remembering it: for long lists, in which no address comes twice."""
    plain = _plain_email(text, rules) if kind == EMAIL else _plain_phone(text) if kind == PHONE else None
    if plain is not None:
        return plain
    address = text.strip(BLANKS)
    if not address:
        return AddressFault.BLANK
    if _is_placeholder(address):
        return AddressFault.PLACEHOLDER
    try:
        if kind == EMAIL:
            return _email(address, rules)
        if kind == PHONE:
            return _phone(address, rules)
        address.encode()
    except (ValueError, NumberParseException):
        return AddressFault.MALFORMED
    return address


def other_readings(kind: str, text: str, rules: AddressRules) -> set[str]:
    """Return what a phone number may also be if a spreadsheet took its `+` or its first zero; else nothing.

    Of 4915123456789 the country may be in front, whatever `normalised` makes of it. Without a region there is no other
    reading, since nobody knows whether the country is there. Numbers with a + or a zero in front have none either.

    Args:
        kind: one of KINDS.
        text: as the customer or a tool wrote it.
        rules: of the brand.
    """
    if kind != PHONE or rules.region is None or text.startswith("+"):
        return set()
    start = _PHONE_START.search(text)
    if start is None or not start[0].isdigit() or not int(start[0]):
        return set()
    before, number = text[: start.start()], text[start.start() :]
    international = read_anew(PHONE, f"{before}+{number}", rules)
    with_zero = read_anew(PHONE, f"{before}0{number}", rules)
    found = set() if isinstance(international, AddressFault) else {str(international)}
    # Only some countries keep the zero, and elsewhere it would make a number of one that is too short.
    if not isinstance(with_zero, AddressFault) and phonenumbers.is_valid_number(phonenumbers.parse(with_zero)):
        found.add(str(with_zero))
    return found


def spellings(kind: str, text: str, rules: AddressRules) -> set[str]:
    """Return the forms of an address that other tools hash, with the one that is compared.

    - email: the address alone, as it was written and in small letters, its domain in Unicode and in ASCII.
    - phone: E.164 with and without its +, in each reading.
    - push_token: without blanks around it.

    Args:
        kind: one of KINDS.
        text: as the customer or a tool wrote it.
        rules: of the brand.
    """
    if kind == EMAIL and len(text) <= _LONGEST_PLAIN and _PLAIN_EMAIL.fullmatch(text):
        local, _, domain = text.partition("@")
        return {text, text.lower(), f"{local}@{domain.lower()}"}
    if kind == PHONE and _plain_phone(text) is not None:
        return {text, text.removeprefix("+")}
    address = normalised(kind, text, rules)
    known = set() if isinstance(address, AddressFault) else {str(address)}
    if kind == EMAIL:
        return known | _email_spellings(text, known)
    if kind == PHONE:
        known |= other_readings(kind, text, rules)
        known |= {number.removeprefix("+") for number in known}
    return known


def is_region(text: str) -> bool:
    """Say whether phone numbers of a country, in two capitals of ISO 3166, can be read."""
    return text in phonenumbers.SUPPORTED_REGIONS


def _is_placeholder(address: str) -> bool:
    if len(address) > _LONGEST_PLACEHOLDER or "@" in address:
        return False
    word = _NOT_A_LETTER_OR_DIGIT.sub("", address).casefold()
    return word in PLACEHOLDERS or not word.strip("0")


def _plain_email(text: str, rules: AddressRules) -> str | None:
    """What `_email` makes of an address as most are, which need not be asked of the library; None: it has to be."""
    plain = _PLAIN_EMAIL.fullmatch(text) if len(text) <= _LONGEST_PLAIN else None
    if not plain or plain["top"].lower() in _NO_MAIL_BELOW or plain["local"].lower() in _NO_ONES_MAILBOX:
        return None
    return text.lower() if rules.fold_local_part else f"{plain['local']}@{plain['domain'].lower()}"


def _email(text: str, rules: AddressRules) -> str | AddressFault:
    """The address as the rules compare it.

    Raises:
        ValueError: the library does not accept it.
    """
    address = _bare_email(text)
    name, _, domain = address.casefold().rpartition("@")
    if name in _NO_ONES_MAILBOX and domain.count(".") == 1 and domain.partition(".")[0] in _NO_ONES_MAILBOX:
        return AddressFault.PLACEHOLDER
    if len(address) > _LONGEST_ADDRESS:
        return AddressFault.MALFORMED
    local, domain = _checked_email(address)
    if not rules.fold_local_part:
        return f"{local}@{domain}"
    # Folding can lengthen a text and bring in other characters, so the outcome is looked at again.
    local, domain = _checked_email(f"{_folded(local)}@{domain}")
    return f"{_folded(local)}@{domain}"


def _bare_email(text: str) -> str:
    """The address without the name of its owner and without what makes a link of it."""
    shown = _DISPLAY_FORM.fullmatch(text)
    address = shown[1].strip(BLANKS) if shown else text
    if address[:7].lower() == "mailto:":
        address = address[7:].partition("?")[0].strip(BLANKS)
    return address


def _email_spellings(text: str, known: set[str]) -> set[str]:
    """The bare address in the forms that differ from the one that is known, if the library accepts it."""
    bare = _bare_email(text.strip(BLANKS))
    local, _, domain = bare.rpartition("@")
    locals_, domains = {local, local.lower()}, {domain, domain.lower()}
    if bare.isascii() and _PUNYCODE not in domain.lower():
        return {f"{name}@{place}" for name in locals_ for place in domains}
    locals_ |= {unicodedata.normalize("NFC", name) for name in locals_}
    for address in known:
        local, _, domain = address.rpartition("@")
        locals_.add(local)
        domains |= {domain, ".".join(_in_unicode(label) for label in domain.split("."))}
    return {f"{name}@{place}" for name in locals_ for place in domains}


def _in_unicode(label: str) -> str:
    """A label of a domain that the library accepts, in the letters that its owner writes."""
    return label.removeprefix(_PUNYCODE).encode().decode("punycode") if label.startswith(_PUNYCODE) else label


def _checked_email(address: str) -> tuple[str, str]:
    """Local part and ASCII domain of an address that the library accepts.

    Raises:
        ValueError: it does not.
    """
    # The library refuses this domain, as nobody can be reached there, but tests and demos are made with it.
    of_tests = address[-len(_OF_TESTS) :].lower() == _OF_TESTS
    asked = address[: -len(_OF_TESTS)] + _STANDS_FOR_IT if of_tests else address
    told = validate_email(asked, check_deliverability=False, test_environment=True)
    domain = told.ascii_domain.lower()
    return told.local_part, domain.removesuffix(_STANDS_FOR_IT) + _OF_TESTS if of_tests else domain


def _folded(text: str) -> str:
    """Case-folded and composed, until doing so again changes nothing (Unicode, section 3.13)."""
    before, folded = "", text
    while folded != before:
        before, folded = folded, unicodedata.normalize("NFC", folded.casefold())
    return folded


def _plain_phone(text: str) -> str | None:
    """What `_phone` makes of a number that is E.164 already; None: the library has to be asked."""
    if not _PLAIN_PHONE.fullmatch(text):
        return None
    for digits in _CALLING_CODE_DIGITS:
        plan = _numbering_plan(int(text[1 : digits + 1]))
        if plan is not None:
            national = text[digits + 1 :]
            is_plain = len(national) in plan.lengths and national[0] != "0" and national.strip(national[0])
            return text if is_plain and not plan.is_prefixed(national) else None
    return None


@dataclass(frozen=True)
class _NumberingPlan:
    """How long national numbers are, and what may stand before them that is no part of them."""

    lengths: frozenset[int]
    prefix: re.Pattern[str] | None

    def is_prefixed(self, national: str) -> bool:
        return self.prefix is not None and self.prefix.match(national) is not None


@lru_cache(maxsize=1000)
def _numbering_plan(calling_code: int) -> _NumberingPlan | None:
    region = phonenumbers.region_code_for_country_code(calling_code)
    plan = (
        phonenumbers.PhoneMetadata.metadata_for_nongeo_region(calling_code)
        if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
        else phonenumbers.PhoneMetadata.metadata_for_region(region)
    )
    if plan is None or plan.general_desc is None:
        return None
    prefix = re.compile(plan.national_prefix_for_parsing) if plan.national_prefix_for_parsing else None
    return _NumberingPlan(frozenset(plan.general_desc.possible_length), prefix)


def _phone(text: str, rules: AddressRules) -> str | AddressFault:
    """The number as E.164.

    Raises:
        NumberParseException: it is none, or lacks the country that the rules do not name.
    """
    if len(text) > _LONGEST_ADDRESS or _has_letters(text):
        return AddressFault.MALFORMED
    # Spreadsheets and programs write a whole number so, whose zero the library would dial.
    whole = _WHOLE_NUMBER.fullmatch(text)
    number = phonenumbers.parse(whole[1] if whole else text, rules.region)
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return AddressFault.MALFORMED
    if _is_one_digit_repeated(number):
        return AddressFault.PLACEHOLDER
    e164 = _as_e164(number)
    # Zeros that no country dials are read as one thing here and as another there.
    is_stable = _plain_phone(e164) is not None or _as_e164(phonenumbers.parse(e164)) == e164
    return e164 if is_stable else AddressFault.MALFORMED


def _as_e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _has_letters(text: str) -> bool:
    # The library dials them, which suits 1-800-FLOWERS; of customers they are remarks.
    return any(letter.isalpha() for letter in _PHONE_EXTENSION.sub("", _PHONE_SCHEME.sub("", text, count=1)))


def _is_one_digit_repeated(number: PhoneNumber) -> bool:
    """Whether it is a number as 999-9999999, and no country gives it to anybody."""
    return len(set(str(number.national_number))) == 1 and not phonenumbers.is_valid_number(number)
