"""Suppression lists: files of ids and addresses that must not be contacted, read anew whenever they are needed.

They lie in `suppressions/` of the brand's folder and are no part of the bundle that a decision pins: what they say now
counts. A list that cannot be read holds everything back, since nobody knows whom it protects.
"""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from ceasefire.addresses import (
    BLANKS,
    EMAIL,
    KINDS,
    PHONE,
    PUSH_TOKEN,
    AddressRules,
    other_readings,
    read_anew,
    spellings,
)
from ceasefire.arrow import BoolArray
from ceasefire.config.bundle import MAX_LIST_BYTES
from ceasefire.config.parsing import shown, too_large
from ceasefire.errors import CheckFailedError, Problem
from ceasefire.ids import customer_id
from ceasefire.vocabulary import AddressFault

FOLDER = "suppressions"
CUSTOMER = "customer_id"
HASHED = "sha256_"
HEADERS = (CUSTOMER, *KINDS, *(f"{HASHED}{column}" for column in (CUSTOMER, EMAIL, PHONE)))

HashArray = npt.NDArray[np.bytes_]
"""(n,) of 32 bytes each, ascending, each once."""

_HASH = "S32"
_NO_HASHES: HashArray = np.empty(0, _HASH)
_DIGEST_DIGITS, _PSEUDONYM_DIGITS = 64, 32
_DIGEST = re.compile(rf"[0-9a-f]{{{_DIGEST_DIGITS}}}", re.I)
_PSEUDONYM = re.compile(rf"[0-9a-f]{{{_PSEUDONYM_DIGITS}}}")
_NO_ID = r"null|none|nan|nil|undefined|n/a|<na>"
# Nearly every id looks so, and there is nothing to find in it.
_PLAIN_ID = re.compile(rf"(?!(?:{_NO_ID})\Z)[\w@-]+", re.I | re.A)
_PLACEHOLDER = re.compile(_NO_ID, re.I)
_WHOLE_NUMBER = re.compile(r"([0-9]{1,15})\.0+")
_OF_A_SPREADSHEET = re.compile(
    r"[='].*|[+-]?[0-9]+[.,][0-9]+e[+-]?[0-9]+|[0-9]+e\+[0-9]+|[0-9]{16,}\.0+|#(?:n/a|nv|[a-z/0]+[!?]|#*)", re.I | re.S
)
_MORE_THAN_ONE = {
    CUSTOMER: re.compile(r'[;,"\x00-\x1f\x7f]'),
    PHONE: re.compile(r";\s*(?!ext=|isub=|phone-context=)\S", re.I),
    PUSH_TOKEN: re.compile(r"[;\x00-\x1f\x7f]"),
}
_AS_ALIKE = 0.85
_PROBLEMS_TOLD = 20
_LONGEST_HEADER = 1000
_NAMES = {CUSTOMER: "a customer id", EMAIL: "an e-mail address", PHONE: "a phone number", PUSH_TOKEN: "a push token"}
_SAID_OF = {
    AddressFault.BLANK: "nothing stands here",
    AddressFault.PLACEHOLDER: "a placeholder stands here",
    AddressFault.MALFORMED: "what stands here is malformed",
}


@dataclass(frozen=True)
class SuppressionLists:
    """Everybody who is on a suppression list; plain values without any address, so that they can go to executors.

    Attributes:
        customers: pseudonyms of listed ids, as ASCII; no digests of hashed ids among them.
        digests: SHA-256 of ids and addresses, listed in plain or hashed, by `customer_id`, `email`, `phone` and
            `push_token`; for what is read from CONTACTS_VAULT.
    """

    customers: HashArray = field(default_factory=_NO_HASHES.copy)
    digests: Mapping[str, HashArray] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is listed, so that nothing need be looked up."""
        return not any(len(hashes) for hashes in self.digests.values())


def read_suppressions(folder: Path, key: bytes, rules: AddressRules) -> SuppressionLists:
    """Read the lists in `suppressions/*.csv` of a brand's folder; without that folder nobody is listed.

    A list that has not changed since the last reading is not parsed again.

    Args:
        folder: of the brand.
        key: of the brand's pseudonyms.
        rules: how the brand reads addresses.

    Raises:
        CheckFailedError: a list cannot be read, or a row of it; nothing may be decided or released then.
    """
    return _lists_of(_files(folder), key, rules)


def suppressed_mask(
    lists: SuppressionLists,
    customer_ids: pa.Array,
    natural_ids: pa.Array,
    email: pa.Array,
    phone: pa.Array,
    push_token: pa.Array,
    rules: AddressRules,
) -> BoolArray:
    """Which of n rows are on a list, by the customer or by any of the addresses that are given.

    An address counts for the mailbox, not for the person: give the address that a send goes to, and null for the
    others. Entries are compared with every form that an id or an address may have in a list or under a hash.

    Shapes:
        customer_ids, natural_ids  (n,) texts; null: not asked
        email, phone, push_token   (n,) as they stand in CONTACTS_VAULT; null: not asked
        returns                    (n,)
    """
    mask = _among(lists.customers, _ascii(customer_ids))
    columns = {CUSTOMER: natural_ids, EMAIL: email, PHONE: phone, PUSH_TOKEN: push_token}
    for column, texts in columns.items():
        digests = lists.digests.get(column, _NO_HASHES)
        if not len(digests) or texts.null_count == len(texts):
            continue
        rows, hashed = [], []
        for row, text in enumerate(texts.to_pylist()):
            if text is not None:
                spellings = _spellings(column, text, rules)
                rows += [row] * len(spellings)
                hashed += [_digest(spelling) for spelling in spellings]
        found = _among(digests, np.array(hashed, _HASH))
        mask[np.array(rows, np.int64)[found]] = True
    return mask


def _spellings(column: str, text: str, rules: AddressRules) -> set[str]:
    """The spellings of an id or an address that a list may have, or another tool may have hashed."""
    return _id_forms(text) if column == CUSTOMER else spellings(column, text, rules)


def _id_forms(text: str) -> set[str]:
    """An id as events carry it, without what cannot be seen around it, and as a whole number if it is one."""
    bare = text.strip(BLANKS)
    forms = {text.strip(), bare}
    if not bare.isascii():
        forms.add(unicodedata.normalize("NFC", bare))
    whole = _WHOLE_NUMBER.fullmatch(bare)
    if whole:
        forms.add(whole[1])
    return forms


def _files(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """Name and content of each list, by name.

    Raises:
        CheckFailedError: there is anything that cannot be read, or that looks like a list and would not be.
    """
    inside, problems, files = folder / FOLDER, [], []
    try:
        problems += _strays(folder)
        paths = sorted(inside.iterdir())
    except FileNotFoundError:
        if folder.is_dir() and not inside.is_symlink():
            if problems:
                raise _unreadable(problems) from None
            return ()
        raise _unreadable([Problem(FOLDER, "cannot be listed", allowed=f"a folder {inside}")]) from None
    except OSError as error:
        raise _unreadable([Problem(FOLDER, "cannot be listed", shown(error.strerror), "a folder of lists")]) from None
    for path in paths:
        name = f"{FOLDER}/{path.name}"
        if path.name.startswith(".") or path.suffix.lower() == ".md":
            continue
        if path.suffix.lower() != ".csv":
            problems.append(Problem(name, "would not be read", allowed="files *.csv, and *.md for people"))
            continue
        try:
            size = path.stat().st_size
            if size > MAX_LIST_BYTES:
                problems.append(too_large(name, size, MAX_LIST_BYTES))
            else:
                files.append((name, path.read_bytes()))
        except OSError as error:
            problems.append(Problem(name, "cannot be read", shown(error.strerror)))
    if problems:
        raise _unreadable(problems)
    return tuple(files)


def _strays(folder: Path) -> list[Problem]:
    """Files and folders beside a brand's suppression lists that look like such lists and would not be read.

    Raises:
        OSError: the folder cannot be listed.
    """
    return [
        Problem(path.name, "would not be read", allowed=f"lists in {folder / FOLDER}/; move or rename it")
        for path in sorted(folder.iterdir())
        if path.name != FOLDER
        and not path.name.startswith(".")
        and path.suffix.lower() != ".md"
        and (_resembles_the_folder(path.name) or _begins_as_a_list(path))
    ]


def _resembles_the_folder(name: str) -> bool:
    word = name.casefold()
    return "suppress" in word or bool(get_close_matches(word.partition(".")[0], [FOLDER], cutoff=_AS_ALIKE))


def _begins_as_a_list(path: Path) -> bool:
    if path.suffix.lower() != ".csv":
        return False
    try:
        with path.open("rb") as file:
            first = file.readline(_LONGEST_HEADER)
    except OSError:
        return False
    # Spreadsheets of some countries part columns with a semicolon.
    return _columns(first.decode("utf-8-sig", "replace").replace(";", ","))[0] in HEADERS


def _columns(first: str) -> list[str]:
    """The names of the columns in the first line of a list."""
    columns = next(csv.reader([re.split(r"[\r\n]", first[:_LONGEST_HEADER])[0]]), [])
    return [column.strip().lower() for column in columns] or [""]


# A release comes every few minutes, a new list every few days.
@lru_cache(maxsize=2)
def _lists_of(files: tuple[tuple[str, bytes], ...], key: bytes, rules: AddressRules) -> SuppressionLists:
    customers: set[str] = set()
    digests: dict[str, set[bytes]] = {column: set() for column in (CUSTOMER, *KINDS)}
    problems: list[Problem] = []
    for name, data in files:
        header, rows, wrong = _rows(name, data)
        if wrong:
            problems += wrong
        elif header.startswith(HASHED):
            found, wrong = _listed_digests(name, rows)
            digests[header.removeprefix(HASHED)] |= found
            problems += wrong
        elif header == CUSTOMER:
            ids, wrong = _listed_ids(name, rows)
            customers |= {customer_id(key, natural_id) for natural_id in ids}
            digests[CUSTOMER] |= {_digest(natural_id) for natural_id in ids}
            # Whoever copies from our tables or from another tool may have these instead of ids.
            pseudonyms, hashed = _hashes_among(ids)
            customers |= pseudonyms
            digests[CUSTOMER] |= {bytes.fromhex(digest) for digest in hashed}
            problems += wrong
        else:
            addresses, wrong = _listed_addresses(name, header, rows, rules)
            digests[header] |= {_digest(address) for address in addresses}
            problems += wrong
    if problems:
        raise _unreadable(problems)
    return SuppressionLists(
        _hashes(customers),
        {column: _hashes(hashed) for column, hashed in digests.items()},
    )


def _rows(name: str, data: bytes) -> tuple[str, list[str], list[Problem]]:
    """The header of a list, its rows (row i stands in line i + 2), and what is wrong with it as one column."""
    try:
        # Spreadsheets begin a UTF-8 file with a mark.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(re.split(rb"\r\n|\r|\n", data[: error.start]))
        return "", [], [Problem(f"{name}:{line}", "not UTF-8 text", allowed="a file saved as CSV UTF-8")]
    first, _, rest = text.replace("\r\n", "\n").replace("\r", "\n").partition("\n")
    columns = _columns(first)
    header = columns[0] if len(columns) == 1 else ""
    if header not in HEADERS:
        # Without a header an id or an address stands here, which is nobody's business.
        named = any(known in first.lower() for known in HEADERS)
        got = (shown(first) if named else "") if text else "an empty file"
        return "", [], [Problem(f"{name}:1", "wrong header", got, f"one column, one of {', '.join(HEADERS)}")]
    body = rest.rstrip("\n")
    if not body:
        return header, [], []
    too_wide: list[Problem] = []

    def refuse(row: pa_csv.InvalidRow) -> str:
        too_wide.append(Problem(f"{name}:{row.number + 1}", "not one column", f"{row.actual_columns} columns"))
        return "skip"

    try:
        table = pa_csv.read_csv(
            pa.BufferReader(body.encode()),
            pa_csv.ReadOptions(use_threads=False, column_names=[header]),
            pa_csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=refuse),
            pa_csv.ConvertOptions(column_types={header: pa.string()}, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        return header, [], [Problem(name, "cannot be read as CSV", shown(str(error)))]
    rows: list[str] = table.column(0).to_pylist()
    if not too_wide and len(rows) != body.count("\n") + 1:
        broken = next((number for number, row in enumerate(rows, start=2) if "\n" in row), 2)
        return header, [], [Problem(f"{name}:{broken}", "a quotation mark is not closed", allowed="one entry a line")]
    return header, rows, too_wide


def _listed_digests(name: str, rows: Iterable[str]) -> tuple[set[bytes], list[Problem]]:
    digests, problems = set(), []
    for line, row in enumerate(rows, start=2):
        entry = row if len(row) == _DIGEST_DIGITS else row.strip(BLANKS)
        if _DIGEST.fullmatch(entry):
            digests.add(bytes.fromhex(entry))
        else:
            problems.append(Problem(f"{name}:{line}", "not a SHA-256", allowed="64 hexadecimal digits"))
    return digests, problems


def _listed_ids(name: str, rows: Iterable[str]) -> tuple[set[str], list[Problem]]:
    ids, problems = set(), []
    for line, row in enumerate(rows, start=2):
        if _PLAIN_ID.fullmatch(row):
            ids.add(row)
            continue
        entry = row.strip(BLANKS)
        said = _not_meant(CUSTOMER, entry)
        if not entry:
            said = _SAID_OF[AddressFault.BLANK]
        elif _PLACEHOLDER.fullmatch(entry):
            said = _SAID_OF[AddressFault.PLACEHOLDER]
        if said:
            problems.append(
                _no_entry(name, line, CUSTOMER, said, f"one id a line, or its hash under {HASHED}{CUSTOMER}")
            )
        else:
            ids |= _id_forms(row)
    return ids, problems


def _hashes_among(ids: set[str]) -> tuple[set[str], set[str]]:
    """The pseudonyms and the digests, in hex, among listed ids."""
    # Lists are long and such rows rare: of most lists the lengths tell that there are none.
    if set(map(len, ids)).isdisjoint((_PSEUDONYM_DIGITS, _DIGEST_DIGITS)):
        return set(), set()
    return set(filter(_PSEUDONYM.fullmatch, ids)), set(filter(_DIGEST.fullmatch, ids))


def _listed_addresses(name: str, kind: str, rows: Iterable[str], rules: AddressRules) -> tuple[set[str], list[Problem]]:
    addresses, problems = set(), []
    for line, row in enumerate(rows, start=2):
        address = read_anew(kind, row, rules)
        is_fault = isinstance(address, AddressFault)
        if not is_fault and (kind == EMAIL or (kind == PHONE and address == row)):
            # The library accepts all of it, and it can be read in one way.
            addresses.add(address)
            continue
        readings = other_readings(kind, row, rules) | (set() if is_fault else {address})
        said = _not_meant(kind, row.strip(BLANKS))
        if isinstance(address, AddressFault) and not readings:
            said = said or _SAID_OF[address]
        if said:
            problems.append(_no_entry(name, line, kind, said, _allowed(kind, rules)))
        else:
            addresses |= readings
    return addresses, problems


def _not_meant(header: str, entry: str) -> str:
    """Why an entry can name nobody, though it is a text like any other; empty: it can."""
    if header in (CUSTOMER, PUSH_TOKEN) and _OF_A_SPREADSHEET.fullmatch(entry):
        return "a formula, an error or a rounded number of a spreadsheet stands here"
    if header in _MORE_THAN_ONE and _MORE_THAN_ONE[header].search(entry):
        return "more than one value stands here"
    return ""


def _no_entry(name: str, line: int, header: str, said: str, allowed: str) -> Problem:
    # Not what stands there: it is personal.
    return Problem(f"{name}:{line}", f"not {_NAMES[header]}, {said}", allowed=allowed)


def _allowed(kind: str, rules: AddressRules) -> str:
    if kind == PHONE and rules.region is None:
        return "a number that begins with + and its country, or `addresses.region` in brand.yaml"
    return f"{_NAMES[kind]} in each line"


def _unreadable(problems: list[Problem]) -> CheckFailedError:
    told = [str(problem) for problem in problems[:_PROBLEMS_TOLD]]
    if len(problems) > _PROBLEMS_TOLD:
        told.append(f"and {len(problems) - _PROBLEMS_TOLD} more")
    return CheckFailedError(
        "\n".join([*told, "nothing is decided or released until every suppression list can be read"])
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _hashes(values: set[str] | set[bytes]) -> HashArray:
    hashes: HashArray = np.sort(np.array(list(values), _HASH))
    return hashes


def _ascii(texts: pa.Array) -> HashArray:
    """(n,) pseudonyms; null becomes what no pseudonym is."""
    return np.array(texts.fill_null("").to_pylist(), _HASH)


def _among(listed: HashArray, asked: HashArray) -> BoolArray:
    """(n,): which of the asked are listed."""
    if not len(listed):
        return np.zeros(len(asked), np.bool_)
    places = np.minimum(np.searchsorted(listed, asked), len(listed) - 1)
    found: BoolArray = listed[places] == asked
    return found
