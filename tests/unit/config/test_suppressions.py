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
US = AddressRules("US")
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
    assert held(lists, *rows[:1], rules=AddressRules(None, fold_local_part=False)) == [True]


@pytest.mark.parametrize("hashed", ["+12125550101", "12125550101"])
def test_a_hashed_number_is_compared_with_and_without_its_plus(tmp_path: Path, hashed: str) -> None:
    lists = read(with_lists(tmp_path, exported=f"sha256_phone\n{sha256(hashed)}\n"))

    assert held(lists, phone("(212) 555-0101"), phone("+1 212 555 0102"), phone("call me")) == [True, False, False]


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
        ("push_token\nnull\n", "suppressions/old.csv:2: not a push token, a placeholder stands here"),
        ("customer_id\npeter\n  \n", "suppressions/old.csv:3: not a customer id, allowed: one id a line"),
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
