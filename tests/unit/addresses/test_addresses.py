from __future__ import annotations

import hashlib
import hmac

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.addresses import KINDS, AddressRules, address_key, is_region, normalised, read_anew
from ceasefire.vocabulary import AddressFault

US, NOWHERE = AddressRules("US"), AddressRules()
CASE_MATTERS = AddressRules("US", fold_local_part=False)
ANY_TEXT = st.text(max_size=40)


def fault(kind: str, text: str, rules: AddressRules = US) -> AddressFault | None:
    told = normalised(kind, text, rules)
    return told if isinstance(told, AddressFault) else None


@pytest.mark.parametrize(
    "spelling",
    [
        "amy@example.invalid",
        "AMY@Example.Invalid",
        "  amy@example.invalid\r\n",
        "\ufeffamy@example.invalid\u200b",
        "<amy@example.invalid>",
        "Amy <Amy@example.invalid>",
        '"Stone, Amy" < amy@example.invalid >',
        "mailto:amy@example.invalid",
        "MAILTO: amy@example.invalid?subject=Hello",
    ],
)
def test_spellings_of_one_mailbox_are_one_address(spelling: str) -> None:
    assert normalised("email", spelling, US) == "amy@example.invalid"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("amy@b.example", "amy@b.example"),
        ("amy@b.test", "amy@b.test"),
        ("amy+shoes.2@mail.example.com", "amy+shoes.2@mail.example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("JOSÉ@BÜCHER.example", "josé@xn--bcher-kva.example"),
        ("jose\u0301@xn--bcher-kva.example", "josé@xn--bcher-kva.example"),
        ("Zoë@BÜCHER.INVALID", "zoë@xn--bcher-kva.invalid"),
        ("test@test.com", "test@test.com"),
        ("nu@ll.example", "nu@ll.example"),
        ("mi@ss.ing", "mi@ss.ing"),
    ],
)
def test_an_ordinary_address_is_kept_in_small_letters_and_its_domain_as_the_wire_has_it(
    text: str, address: str
) -> None:
    assert normalised("email", text, US) == address


def test_a_brand_can_keep_the_capitals_before_the_at_sign_but_never_those_of_the_domain() -> None:
    assert normalised("email", "Amy@Example.COM", CASE_MATTERS) == "Amy@example.com"
    assert normalised("email", "Amy@Example.COM", CASE_MATTERS) != normalised("email", "amy@example.com", CASE_MATTERS)
    assert normalised("email", "Zoë@Example.COM", CASE_MATTERS) == "Zoë@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "amy",
        "amy@",
        "@example.com",
        "amy@example",
        "amy@localhost",
        "amy@shop.local",
        "amy@@example.com",
        "a my@example.com",
        "amy..b@example.com",
        "amy@-example.com",
        "amy@exam_ple.com",
        "amy@example.123",
        "amy@example.com, ben@example.com",
        "amy@example.com;ben@example.com",
        "<amy@example.com> <ben@example.com>",
        "amy@[127.0.0.1]",
        "\ud800@example.com",
        "amy@" + "x" * 64 + ".com",
        "x" * 5000 + "@example.com",
        "call me",
    ],
)
def test_what_no_library_accepts_is_no_email_address(text: str) -> None:
    assert fault("email", text) is AddressFault.MALFORMED


@pytest.mark.parametrize(
    "spelling",
    [
        "+12125550101",
        "+1 212 555 0101",
        "(212) 555-0101",
        "212.555.0101",
        "1-212-555-0101",
        "tel:+1-212-555-0101",
        "212-555-0101 ext. 12",
        "212-555-0101 x12",
        "\u202a+1 (212) 555\u201101\u00ad01\u202c",
        "2125550101.0",
        "+12125550101.00",
        "2125550101,0",
    ],
)
def test_spellings_of_one_number_are_one_number_in_the_brands_country(spelling: str) -> None:
    assert normalised("phone", spelling, US) == "+12125550101"


def test_a_number_of_another_country_needs_its_plus_and_then_no_region() -> None:
    assert normalised("phone", "+44 (0)20 7946 0000", US) == "+442079460000"
    assert normalised("phone", "+44 20 7946 0000", NOWHERE) == "+442079460000"
    assert normalised("phone", "00442079460000", AddressRules("DE")) == "+442079460000"
    assert normalised("phone", "06 12345678 ext. 5", AddressRules("IT")) == "+390612345678"
    assert fault("phone", "000010", AddressRules("DE")) is AddressFault.MALFORMED
    assert fault("phone", "(212) 555-0101", NOWHERE) is AddressFault.MALFORMED


@pytest.mark.parametrize(
    "text", ["call me", "123", "555-0101", "+1", "+", "+1 peter", "1-800-FLOWERS", "+1 212 555 0101 home", "2" * 2000]
)
def test_letters_and_what_is_too_short_or_too_long_is_no_phone_number(text: str) -> None:
    assert fault("phone", text) in (AddressFault.MALFORMED, AddressFault.PLACEHOLDER)
    assert fault("phone", text) is AddressFault.PLACEHOLDER if text == "+" else AddressFault.MALFORMED


def test_a_push_token_is_kept_as_it_stands_but_for_blanks_around_it() -> None:
    assert normalised("push_token", "\t eX:APA91b_Ab-1== \n", US) == "eX:APA91b_Ab-1=="
    assert normalised("push_token", "x" * 4096, US) == "x" * 4096
    assert fault("push_token", "token\ud800") is AddressFault.MALFORMED


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u00a0", "\ufeff", "\u200b \u200b"])
def test_blanks_are_no_address(kind: str, text: str) -> None:
    assert fault(kind, text) is AddressFault.BLANK


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        *("n/a", "N/A", " n / a ", "#N/A", "n.a.", "NA", "none", "None", "<none>", "NULL", "(null)", "nil", "NaN", "-"),
        *("--", "—", ".", "...", "?", "0", "000", "00-00", "unknown", "UNKNOWN.", "undefined", "test", "Test", "tbd"),
        *("no", "no e-mail", "not available", "xxx", "keine", "missing", "false", "empty"),
    ],
)
def test_a_placeholder_is_no_address_in_any_capitals_and_punctuation(kind: str, text: str) -> None:
    assert fault(kind, text) is AddressFault.PLACEHOLDER


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "none@none.com"),
        ("email", "NoEmail@NoEmail.com"),
        ("email", "Nobody <na@none.org>"),
        ("phone", "999-999-9999"),
        ("phone", "+1 000 000 0000"),
        ("phone", "1111111111"),
    ],
)
def test_an_address_that_stands_for_none_is_a_placeholder_too(kind: str, text: str) -> None:
    assert fault(kind, text) is AddressFault.PLACEHOLDER


def test_a_number_of_one_digit_that_a_country_gives_out_is_a_number() -> None:
    assert normalised("phone", "+7 777 777 7777", NOWHERE) == "+77777777777"


@given(
    st.sampled_from(KINDS),
    ANY_TEXT
    | st.emails()
    | st.builds("{}@{}.invalid".format, ANY_TEXT, st.text("aäßİK-.", max_size=8))
    | st.from_regex(r"\+?[0-9() -]{4,16}", fullmatch=True),
    st.sampled_from([US, NOWHERE, CASE_MATTERS, AddressRules("DE"), AddressRules("IT"), AddressRules("BR")]),
)
@settings(max_examples=500)
def test_normalising_twice_is_normalising_once(kind: str, text: str, rules: AddressRules) -> None:
    once = read_anew(kind, text, rules)

    if not isinstance(once, AddressFault):
        assert read_anew(kind, once, rules) == once
        # and other systems, whatever they are in, write it alike
        once.encode()
    assert normalised(kind, text, rules) == once


@given(st.emails(), st.sampled_from([US, CASE_MATTERS]))
@settings(max_examples=300)
def test_a_plain_address_is_what_the_library_makes_of_it(text: str, rules: AddressRules) -> None:
    try:
        told = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        assert normalised("email", text, rules) in (AddressFault.MALFORMED, AddressFault.PLACEHOLDER)
    else:
        local = told.local_part.casefold() if rules.fold_local_part else told.local_part
        assert normalised("email", text, rules) in (f"{local}@{told.ascii_domain}", AddressFault.PLACEHOLDER)


NUMBERS = st.builds(
    "+{}{}".format,
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)) | st.integers(1, 999),
    st.text("0123456789", min_size=3, max_size=13),
)


@given(NUMBERS)
@settings(max_examples=500)
def test_a_number_in_e164_is_what_the_library_makes_of_it(text: str) -> None:
    told = normalised("phone", text, NOWHERE)

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        assert told is AddressFault.MALFORMED
        return
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        assert told is AddressFault.MALFORMED
    elif len(set(str(number.national_number))) == 1 and not phonenumbers.is_valid_number(number):
        assert told is AddressFault.PLACEHOLDER
    else:
        read_again = phonenumbers.parse(e164, None)
        is_stable = phonenumbers.format_number(read_again, phonenumbers.PhoneNumberFormat.E164) == e164
        assert told == (e164 if is_stable else AddressFault.MALFORMED)


@given(st.sampled_from(KINDS), st.text())
def test_whatever_stands_there_is_an_address_or_has_a_reason(kind: str, text: str) -> None:
    told = normalised(kind, text, US)

    assert told
    assert isinstance(told, AddressFault) or not set(told[0] + told[-1]) & set(" \t\n\u200b\ufeff")


def test_an_address_is_known_by_a_keyed_hash_of_its_kind_and_text() -> None:
    expected = hmac.new(b"key", b"address|email|amy@example.com", hashlib.sha256).hexdigest()

    assert address_key(b"key", "email", "amy@example.com") == expected[:32]
    assert address_key(b"key", "push_token", "amy@example.com") != expected[:32]
    assert address_key(b"other", "email", "amy@example.com") != expected[:32]


def test_countries_are_those_of_iso_3166_that_have_phone_numbers() -> None:
    assert all(is_region(country) for country in ("US", "DE", "GB", "NO"))
    assert not any(is_region(text) for text in ("UK", "us", "", "USA", "001", "ZZ"))
