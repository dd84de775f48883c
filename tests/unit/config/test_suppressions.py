from __future__ import annotations

import hashlib
import hmac
import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.addresses import AddressRules
from ceasefire.config.suppressions import (
    SuppressionLists,
    read_suppressions,
    suppressed_mask,
)
from ceasefire.errors import CheckFailedError

KEY = b"corner-shop-key"
US, DE, IT = AddressRules("US"), AddressRules("DE"), AddressRules("IT")
CASE_MATTERS = AddressRules(None, fold_local_part=False)
HOLD = "nothing is decided or released until every suppression list can be read"
NOBODY = ("pseudonym", None, None, None, None)


def keyed(domain: str, text: str) -> str:
    return hmac.new(KEY, f"{domain}|{text}".encode(), hashlib.sha256).hexdigest()[:32]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def with_lists(folder: Path, **lists: str | bytes) -> Path:
    """A brand folder with these lists."""
    (folder / "suppressions").mkdir()
    for name, content in lists.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / "suppressions" / f"{name}.csv").write_bytes(data)
    return folder


def read(folder: Path, rules: AddressRules = US) -> SuppressionLists:
    return read_suppressions(folder, KEY, rules)


def refused(folder: Path, rules: AddressRules = US) -> list[str]:
    """What is said of lists that cannot be read, without what follows from it."""
    with pytest.raises(CheckFailedError) as failed:
        read(folder, rules)
    *said, last = str(failed.value).splitlines()
    assert last == HOLD
    return said


def held(lists: SuppressionLists, *rows: tuple[str | None, ...], rules: AddressRules = US) -> list[bool]:
    """Which rows of (customer_id, natural_id, email, phone, push_token) are on a list."""
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return list(suppressed_mask(lists, *columns, rules).tolist())


def customer(natural_id: str) -> tuple[str | None, ...]:
    return (None, natural_id, None, None, None)


def email(address: str | None) -> tuple[str | None, ...]:
    return ("pseudonym", None, address, None, None)


def phone(number: str | None) -> tuple[str | None, ...]:
    return ("pseudonym", None, None, number, None)


def test_a_brand_without_lists_holds_nobody_back(tmp_path: Path) -> None:
    for lists in (read(tmp_path), read(with_lists(tmp_path)), SuppressionLists()):
        assert lists.is_empty
        assert held(lists, NOBODY, email("amy@example.com")) == [False, False]


def test_a_listed_customer_is_held_back_by_pseudonym_and_by_natural_id(tmp_path: Path) -> None:
    lists = read(with_lists(tmp_path, legal="customer_id\npeter\n uma \npeter\n"))

    peter, uma, otto = (keyed("customer", name) for name in ("peter", "uma", "otto"))
    rows = [(who, None, None, None, None) for who in (peter, uma, otto, None)]
    assert held(lists, *rows) == [True, True, False, False]
    assert held(lists, (None, "uma", None, None, None), (None, "otto", None, None, None)) == [True, False]
    assert not lists.is_empty


@pytest.mark.parametrize(
    "entry",
    ["amy@example.com", "AMY@Example.com", " Amy <amy@example.com>", '"amy@example.com"', "mailto:amy@example.com"],
)
def test_a_listed_address_holds_its_mailbox_back_in_every_spelling(tmp_path: Path, entry: str) -> None:
    lists = read(with_lists(tmp_path, old=f"email\n{entry}\nben@example.com\n"))

    rows = [email(text) for text in ("amy@example.com", "Amy@EXAMPLE.com", "amy@example.org", "n/a", "", None)]
    assert held(lists, *rows) == [True, True, False, False, False, False]


def test_an_address_holds_its_own_mailbox_back_and_not_the_other_ways_to_its_owner(tmp_path: Path) -> None:
    lists = read(
        with_lists(tmp_path, old="email\namy@example.com\n", stop="phone\n(212) 555-0101\n", app="push_token\nT1\n")
    )

    assert held(
        lists,
        ("amy", None, None, "+1 212 555 0102", None),
        ("amy", None, "amy@example.com", "+1 212 555 0102", None),
        ("ben", None, None, "212-555-0101", None),
        ("cas", None, None, None, " T1"),
        ("dan", None, None, None, "t1"),
    ) == [False, True, True, True, False]


@pytest.mark.parametrize("header", ["sha256_email", "SHA256_EMAIL", '"sha256_email"', "\ufeffsha256_email"])
def test_a_hashed_address_is_compared_with_what_other_tools_hash(tmp_path: Path, header: str) -> None:
    listed = f"{sha256('amy@example.com')}\r\n{sha256('ben@example.com').upper()}\r\n"
    lists = read(with_lists(tmp_path, exported=f"{header}\r\n{listed}"))

    rows = [email(text) for text in ("Amy@Example.COM", "Ben <ben@example.com>", "cas@example.com")]
    assert held(lists, *rows) == [True, True, False]
    # they lowered the capitals that this brand keeps
    assert held(lists, *rows[:1], rules=CASE_MATTERS) == [True]


@pytest.mark.parametrize("rules", [US, CASE_MATTERS])
@pytest.mark.parametrize(
    ("hashed", "in_the_vault"),
    [
        ("amy@example.com", "Amy <Amy@Example.com>"),
        ("amy@example.com", "mailto:Amy@Example.com?subject=Hello"),
        ("amy@example.com", "\u200b<AMY@EXAMPLE.COM>\u00a0"),
        ("Amy@Example.com", "Amy <Amy@Example.com>"),
        ("Amy@example.com", "Amy@Example.com"),
        ("amy@bücher.example", "A <Amy@Bücher.example>"),
        ("Amy@Bücher.example", "A <Amy@Bücher.example>"),
        ("Amy@bücher.example", "Amy@BÜCHER.example"),
        ("amy@xn--bcher-kva.example", "A <Amy@Bücher.example>"),
        ("Amy@xn--bcher-kva.example", "Amy@Bücher.example"),
        ("amy@bücher.example", "Amy@XN--BCHER-KVA.example"),
        ("josé@bücher.example", "JOSE\u0301@bu\u0308cher.example"),
        ("jose\u0301@example.com", "Jose\u0301@Example.com"),
        ("amy@bücher.invalid", "Amy@xn--bcher-kva.invalid"),
    ],
)
def test_a_hashed_address_is_compared_with_every_usual_form_of_the_bare_address(
    tmp_path: Path, hashed: str, in_the_vault: str, rules: AddressRules
) -> None:
    lists = read(with_lists(tmp_path, exported=f"sha256_email\n{sha256(hashed)}\n"), rules)

    rows = [email(in_the_vault), email("ben@example.com"), email("Amy@example.org"), email("Amy")]
    assert held(lists, *rows, rules=rules) == [True, False, False, False]


@pytest.mark.parametrize(
    ("entry", "region", "held_back"),
    [
        ("4915123456789", DE, ["+4915123456789", "+494915123456789"]),
        ("33612345678", DE, ["+33612345678", "+4933612345678"]),
        ("436641234567", DE, ["+436641234567", "+49436641234567"]),
        ("436641234567", US, ["+436641234567"]),
        ("(49) 151 2345-6789", DE, ["+4915123456789"]),
        ("tel:49-151-23456789", DE, ["+4915123456789"]),
        ("\u200b4915123456789\u00a0", DE, ["+4915123456789"]),
        ("4915123456789.0", DE, ["+4915123456789", "+494915123456789"]),
        ("+4915123456789.0", DE, ["+4915123456789"]),
        ("015123456789.00", DE, ["+4915123456789"]),
        ("15123456789", DE, ["+4915123456789"]),
        ("12125550101", US, ["+12125550101"]),
        ("2125550101.0", US, ["+12125550101"]),
        ("612345678", IT, ["+390612345678", "+39612345678"]),
    ],
)
def test_a_number_without_its_plus_or_its_zero_is_held_back_in_each_reading(
    tmp_path: Path, entry: str, region: AddressRules, held_back: list[str]
) -> None:
    lists = read(with_lists(tmp_path, stop=f"phone\n{entry}\n"), region)

    rows = [phone(number) for number in (*held_back, "+4915123456780", "+12125550102", "+390612345670")]
    assert held(lists, *rows, rules=region) == [True] * len(held_back) + [False] * 3


def test_a_number_that_lost_its_plus_in_the_vault_is_held_back_too(tmp_path: Path) -> None:
    for entry in ("phone\n+4915123456789\n", f"sha256_phone\n{sha256('+4915123456789')}\n"):
        folder = tmp_path / entry[:5]
        folder.mkdir()
        lists = read(with_lists(folder, stop=entry), DE)

        rows = [phone(number) for number in ("4915123456789", "4915123456789.0", "0151 23456789", "0151 23456780")]
        assert held(lists, *rows, rules=DE) == [True, True, True, False]


def test_a_number_with_its_plus_or_its_zero_has_one_reading(tmp_path: Path) -> None:
    lists = read(with_lists(tmp_path, stop="phone\n+33612345678\n0151 23456789\n004366412345678\n"), DE)

    rows = [phone(text) for text in ("+4933612345678", "+15123456789", "+4366412345678", "+4915123456789")]
    assert held(lists, *rows, rules=DE) == [False, False, True, True]


@pytest.mark.parametrize("hashed", ["+12125550101", "12125550101"])
def test_a_hashed_number_is_compared_with_and_without_its_plus(tmp_path: Path, hashed: str) -> None:
    lists = read(with_lists(tmp_path, exported=f"sha256_phone\n{sha256(hashed)}\n"))

    assert held(lists, phone("(212) 555-0101"), phone("+1 212 555 0102"), phone("call me")) == [True, False, False]


@pytest.mark.parametrize("entry", [" c1 ", "\u00a0c1\u00a0", "\u200bc1\ufeff", "\u2060\u202ac1\u202c", '"c1 "'])
def test_blanks_and_invisible_characters_around_a_listed_id_do_not_count(tmp_path: Path, entry: str) -> None:
    lists = read(with_lists(tmp_path, old=f"customer_id\n{entry}\n"))

    assert held(lists, customer("c1"), customer("c1\u200b"), customer("c2")) == [True, True, False]
    assert held(lists, (keyed("customer", "c1"), None, None, None, None)) == [True]


def test_blanks_and_invisible_characters_around_an_entry_count_in_no_list(tmp_path: Path) -> None:
    digest = sha256("c1")
    lists = read(
        with_lists(tmp_path, a=f"sha256_customer_id\n\u200b{digest}\u00a0\n", b="push_token\n\ufeffT1\u00a0\n")
    )

    rows = [customer("\u200bc1"), (None, None, None, None, "T1"), (None, None, None, None, "T2")]
    assert held(lists, *rows) == [True, True, False]


@pytest.mark.parametrize(
    "natural_id",
    [
        *("Peter Stone", "peter@example.com", "auth0|5f7c", "00123", "12E4", "1e10", "1.2.0", "#1001", "c1.0", "a=b"),
        *("Zoë", "c'1", "a/b:c", "-1", "1.5", "nano", "0", "x"),
    ],
)
def test_an_id_that_can_be_meant_is_taken_as_it_stands(tmp_path: Path, natural_id: str) -> None:
    lists = read(with_lists(tmp_path, old=f"customer_id\n{natural_id}\n"))

    assert held(lists, customer(natural_id), customer(f"{natural_id}0"), customer("1")) == [True, False, False]


def test_an_accent_is_one_character_or_two_in_one_and_the_same_id(tmp_path: Path) -> None:
    lists = read(with_lists(tmp_path, old="customer_id\nZoe\u0308\nJosé\n"))

    assert held(lists, customer("Zoë"), customer("Jose\u0301"), customer("Zoe")) == [True, True, False]


def test_an_id_that_a_program_wrote_as_a_decimal_is_listed_with_and_without_its_zero(tmp_path: Path) -> None:
    lists = read(with_lists(tmp_path, old="customer_id\n123.0\n"))

    assert held(lists, customer("123"), customer("123.0"), customer("1230"), customer("12")) == [
        True,
        True,
        False,
        False,
    ]


def test_a_pseudonym_or_a_digest_in_a_list_of_ids_counts_as_what_it_is(tmp_path: Path) -> None:
    amy = keyed("customer", "amy")
    lists = read(with_lists(tmp_path, old=f"customer_id\n{amy}\n{sha256('ben')}\n{'c' * 32}\n"))

    assert held(lists, (amy, None, None, None, None), customer("ben"), customer("c" * 32), customer("dan")) == [
        True,
        True,
        True,
        False,
    ]


NOT_AN_ID = "not a customer id, "
A_COLUMN_MORE = "more than one value stands here"
A_SPREADSHEETS = "a formula, an error or a rounded number of a spreadsheet stands here"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("c1;Peter", A_COLUMN_MORE),
        ("c1;", A_COLUMN_MORE),
        (";c1", A_COLUMN_MORE),
        ("c1\tx", A_COLUMN_MORE),
        ('"c1,Peter"', A_COLUMN_MORE),
        ('"""c1"""', A_COLUMN_MORE),
        ("c1\x00", A_COLUMN_MORE),
        ('="00123"', A_SPREADSHEETS),
        ('"=""00123"""', A_SPREADSHEETS),
        ("=00123", A_SPREADSHEETS),
        ("'00123", A_SPREADSHEETS),
        ("1.23457E+11", A_SPREADSHEETS),
        ("1.23457e11", A_SPREADSHEETS),
        ('"1,23457E+11"', A_SPREADSHEETS),
        ("\u200b1E+11", A_SPREADSHEETS),
        ("12345678901234567.0", A_SPREADSHEETS),
        ("#N/A", A_SPREADSHEETS),
        ("#REF!", A_SPREADSHEETS),
        ("#NAME?", A_SPREADSHEETS),
        ("########", A_SPREADSHEETS),
        ("NULL", "a placeholder stands here"),
        ("nan", "a placeholder stands here"),
        ("None", "a placeholder stands here"),
        ("\u200b", "nothing stands here"),
        ("\u00a0", "nothing stands here"),
    ],
)
def test_an_id_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, entry: str, said: str) -> None:
    (problem,) = refused(with_lists(tmp_path, old=f"customer_id\nc0\n{entry}\nc2\n"))

    assert problem.startswith(f"suppressions/old.csv:3: {NOT_AN_ID}{said}, allowed: one id a line")
    assert "sha256_customer_id" in problem


@pytest.mark.parametrize("entry", ["T1;Peter", "T1\tx", '="T1"', "1.23457E+11", "#REF!"])
def test_a_push_token_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, entry: str) -> None:
    (problem,) = refused(with_lists(tmp_path, app=f"push_token\nT0\n{entry}\n"))

    assert problem.startswith("suppressions/app.csv:3: not a push token, ")


def test_a_push_token_may_be_the_subscription_of_a_browser(tmp_path: Path) -> None:
    subscription = '{"endpoint": "https://push.example/a", "keys": {"auth": "b"}}'
    quoted = subscription.replace('"', '""')
    lists = read(with_lists(tmp_path, app=f'push_token\n"{quoted}"\n'))

    assert held(lists, (None, None, None, None, subscription)) == [True]


def test_a_hashed_customer_id_is_compared_with_the_natural_id(tmp_path: Path) -> None:
    lists = read(with_lists(tmp_path, exported=f"sha256_customer_id\n{sha256('peter')}\n"))

    assert held(lists, ("x", "peter", None, None, None), ("x", "Peter", None, None, None)) == [True, False]
    assert not lists.is_empty


def test_all_lists_count_and_a_mark_of_a_spreadsheet_and_empty_last_lines_do_not(tmp_path: Path) -> None:
    lists = read(
        with_lists(tmp_path, a="email\namy@example.com\n\n\r\n", b=b"\xef\xbb\xbfemail\r\nben@example.com", c="email\n")
    )

    assert held(lists, email("amy@example.com"), email("ben@example.com"), email("cas@example.com")) == [
        True,
        True,
        False,
    ]


def test_a_list_is_read_anew_after_it_has_changed(tmp_path: Path) -> None:
    folder = with_lists(tmp_path, old="email\namy@example.com\n")
    before = read(folder)
    assert read(folder) is before

    (folder / "suppressions" / "old.csv").write_text("email\nben@example.com\n")

    assert held(read(folder), email("amy@example.com"), email("ben@example.com")) == [False, True]


def test_lists_travel_to_executors_and_hold_no_address(tmp_path: Path) -> None:
    lists = read(with_lists(tmp_path, a="email\namy@example.com\n", b="customer_id\npeter\n"))

    packed = pickle.dumps(lists)

    assert held(pickle.loads(packed), email("amy@example.com")) == [True]
    assert b"amy" not in packed
    assert b"peter" not in packed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "suppressions/old.csv:1: wrong header, got an empty file, allowed: one column, one of customer_id, email"),
        ("amy@example.com\nben@example.com\n", "suppressions/old.csv:1: wrong header, allowed: one column"),
        ("email,phone\na@b.com,1\n", "suppressions/old.csv:1: wrong header, got 'email,phone', allowed: one column"),
        ("email;phone\na@b.com;1\n", "suppressions/old.csv:1: wrong header, got 'email;phone', allowed: one column"),
        ("e_mail\na@b.com\n", "suppressions/old.csv:1: wrong header, allowed: one column"),
        ("x" * 200_000, "suppressions/old.csv:1: wrong header, allowed: one column"),
        ("email\na@b.com\nb@b.com,1\n", "suppressions/old.csv:3: not one column, got 2 columns"),
        ("email\na@b.com\nn/a\n", "suppressions/old.csv:3: not an e-mail address, a placeholder stands here"),
        ("email\na@b.com\n\nb@b.com\n", "suppressions/old.csv:3: not an e-mail address, nothing stands here"),
        ("email\r\na@b.com\r\nb\r\n", "suppressions/old.csv:3: not an e-mail address, what stands here is malformed"),
        ("phone\n+12125550101\n123\n", "suppressions/old.csv:3: not a phone number, what stands here is malformed"),
        ("phone\n4.91512E+12\n", "suppressions/old.csv:2: not a phone number, what stands here is malformed"),
        (
            "phone\n+12125550101;+12125550102\n",
            "suppressions/old.csv:2: not a phone number, more than one value stands here",
        ),
        ("phone\n=4915123456789\n9999999999999999\n", "suppressions/old.csv:3: not a phone number, what stands here"),
        ("push_token\nnull\n", "suppressions/old.csv:2: not a push token, a placeholder stands here"),
        (
            "customer_id\npeter\n  \n",
            "suppressions/old.csv:3: not a customer id, nothing stands here, allowed: one id a line",
        ),
        ("sha256_email\nabc\n", "suppressions/old.csv:2: not a SHA-256, allowed: 64 hexadecimal digits"),
        (f"sha256_phone\n{'g' * 64}\n", "suppressions/old.csv:2: not a SHA-256, allowed: 64 hexadecimal digits"),
        (b"email\na@b.com\n\xff@b.com\n", "suppressions/old.csv:3: not UTF-8 text, allowed: a file saved as CSV UTF-8"),
        ("email\na@b.com\n".encode("utf-16"), "suppressions/old.csv:1: not UTF-8 text"),
        ('customer_id\npeter\n"uma\notto\n"\n', "suppressions/old.csv:3: a quotation mark is not closed"),
        ('customer_id\npeter\n"uma\notto\n', "suppressions/old.csv:3: a quotation mark is not closed"),
        ("customer_id\n" + "uma\n" * 300_000 + "x" * 4_000_000 + "\n", "suppressions/old.csv: cannot be read as CSV"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    (problem,) = refused(with_lists(tmp_path, old=content))

    assert problem.startswith(said)


def test_a_refusal_says_nothing_of_what_stands_in_the_list(tmp_path: Path) -> None:
    said = refused(
        with_lists(tmp_path, a="email\namy..stone@example.com\n", b="amy.stone@example.com\n", c="phone\n555123\n")
    )

    assert len(said) == 3
    assert not any(secret in "\n".join(said) for secret in ("amy", "stone", "555123"))


def test_without_a_country_it_is_said_what_a_number_lacks(tmp_path: Path) -> None:
    (problem,) = refused(with_lists(tmp_path, stop="phone\n(212) 555-0101\n"), AddressRules())

    assert problem.endswith("allowed: a number that begins with + and its country, or `addresses.region` in brand.yaml")


def test_all_that_is_wrong_is_told_at_once_but_not_without_end(tmp_path: Path) -> None:
    said = refused(with_lists(tmp_path, a="email\n" + "no address\n" * 1000, b="email\nx\n"))

    assert said[0].startswith("suppressions/a.csv:2: ")
    assert said[-1] == "and 981 more"
    assert len(said) == 21


def test_what_looks_like_a_list_and_would_not_be_read_is_refused(tmp_path: Path) -> None:
    folder = with_lists(tmp_path, fine="email\namy@example.com\n")
    for name in ("old.txt", "old.csv.gz", "old.xlsx"):
        (folder / "suppressions" / name).write_text("email\nben@example.com\n")
    (folder / "suppressions" / "sub").mkdir()
    (folder / "suppressions" / "README.md").write_text("whom to ask")
    (folder / "suppressions" / ".gitkeep").touch()

    said = refused(folder)

    assert said == [
        f"suppressions/{name}: would not be read, allowed: files *.csv, and *.md for people"
        for name in ("old.csv.gz", "old.txt", "old.xlsx", "sub")
    ]


def test_a_list_in_capitals_is_read(tmp_path: Path) -> None:
    folder = with_lists(tmp_path)
    (folder / "suppressions" / "OLD.CSV").write_text("email\namy@example.com\n")

    assert held(read(folder), email("amy@example.com")) == [True]


def test_lists_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    # given a folder and a dangling link where files are expected
    folder = with_lists(tmp_path)
    (folder / "suppressions" / "folder.csv").mkdir()
    (folder / "suppressions" / "link.csv").symlink_to(tmp_path / "gone.csv")

    said = refused(folder)

    assert [problem.partition(":")[0] for problem in said] == ["suppressions/folder.csv", "suppressions/link.csv"]
    assert all("cannot be read" in problem for problem in said)


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    a_file, a_link, gone = tmp_path / "a_file", tmp_path / "a_link", tmp_path / "gone"
    a_file.mkdir()
    (a_file / "suppressions").write_text("email\n")
    a_link.mkdir()
    (a_link / "suppressions").symlink_to(tmp_path / "nowhere")

    for folder in (a_file, a_link, gone):
        (problem,) = refused(folder)
        assert problem.startswith("suppressions: cannot be listed")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "suppression",
            "Suppressions",
            "SUPPRESSIONS",
            "supression",
            "supressions",
            "suppressions ",
            "suppressions.old",
        ),
        *("suppression-lists", "suppression_list", "Supprssions", "suppressed"),
    ],
)
def test_a_folder_that_looks_like_the_one_of_the_lists_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "old.csv").write_text("email\namy@example.com\n")

    said = refused(tmp_path)

    assert said == [f"{name}: would not be read, allowed: lists in {tmp_path / 'suppressions'}/; move or rename it"]


def test_a_folder_that_looks_like_it_is_refused_beside_the_right_one_too(tmp_path: Path) -> None:
    (with_lists(tmp_path, old="email\namy@example.com\n") / "Suppressions").mkdir()

    (problem,) = refused(tmp_path)

    assert problem.startswith("Suppressions: would not be read")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("suppressions.csv", "anything"),
        ("suppression-list.xlsx", "anything"),
        ("old.csv", "email\namy@example.com\n"),
        ("old.CSV", "\ufeffPhone\r\n+12125550101\r\n"),
        ("stop.csv", '"sha256_email"'),
        ("mac.csv", "email\ramy@example.com\r"),
        ("wide.csv", "email;name\namy@example.com;Amy\n"),
        ("ids.csv", "customer_id\npeter\n"),
    ],
)
def test_a_list_beside_the_folder_is_refused_by_name(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    (problem,) = refused(tmp_path)

    assert problem.startswith(f"{name}: would not be read, allowed: lists in ")


def test_what_else_a_brand_folder_holds_is_nobodys_list(tmp_path: Path) -> None:
    for name in ("brand.yaml", "suppressions.md", ".suppressions.swp", "notes.csv", "impressions.txt", "sessions"):
        (tmp_path / name).write_text("what,ever\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "prices.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("audiences", "products", "folder.csv"):
        (tmp_path / name).mkdir()
    (tmp_path / "audiences" / "regulars.csv").write_text("customer_id\npeter\n")

    assert read(tmp_path).is_empty


ENTRIES = st.sampled_from(["amy", "ben", "cas", "dan"])


@given(st.sets(ENTRIES), st.sets(ENTRIES), st.lists(st.tuples(ENTRIES, st.booleans()), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_a_row_is_held_exactly_if_it_is_listed_in_plain_or_hashed(
    tmp_path_factory: pytest.TempPathFactory, plain: set[str], hashed: set[str], rows: list[tuple[str, bool]]
) -> None:
    lists = read(
        with_lists(
            tmp_path_factory.mktemp("brand"),
            plain="email\n" + "".join(f"{name}@example.com\n" for name in sorted(plain)),
            hashed="sha256_email\n" + "".join(f"{sha256(f'{name}@example.com')}\n" for name in sorted(hashed)),
        )
    )

    told = held(lists, *(email(f"{name.upper() if loud else name}@example.com") for name, loud in rows))

    assert told == [name in plain | hashed for name, _ in rows]


def test_a_hundred_thousand_entries_are_held_and_their_neighbours_are_not(tmp_path: Path) -> None:
    entries = [f"c{number}@example.com" for number in range(100_000)]
    lists = read(with_lists(tmp_path, old="email\n" + "\n".join(entries)))

    assert held(lists, email(entries[0]), email(entries[-1]), email("c100000@example.com")) == [True, True, False]
