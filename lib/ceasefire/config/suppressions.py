"""Suppression lists: files of ids and addresses that must not be contacted, read anew whenever they are needed.

They lie in `suppressions/` of the brand's folder and are no part of the bundle that a decision pins: what they say now
counts. A list that cannot be read holds everything back, since nobody knows whom it protects.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from ceasefire.addresses import EMAIL, KINDS, PHONE, PUSH_TOKEN, AddressRules, normalised, read_anew
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
_DIGEST = re.compile(r"[0-9a-f]{64}", re.I)
_PROBLEMS_TOLD = 20
_LONGEST_HEADER = 1000
_NAMES = {EMAIL: "an e-mail address", PHONE: "a phone number", PUSH_TOKEN: "a push token"}
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
    others. Hashed entries are compared with the normalised value and with the other spellings that tools hash.

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
    """The spellings of an id or an address that another tool may have hashed."""
    if column == CUSTOMER:
        return {text, text.strip()}
    address = normalised(column, text, rules)
    spellings = set() if isinstance(address, AddressFault) else {str(address)}
    if column == EMAIL:
        spellings.add(text.strip().lower())
    if column == PHONE:
        spellings |= {spelling.removeprefix("+") for spelling in spellings}
    return spellings


def _files(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """Name and content of each list, by name.

    Raises:
        CheckFailedError: there is anything that cannot be read, or that looks like a list and would not be.
    """
    inside, problems, files = folder / FOLDER, [], []
    try:
        paths = sorted(inside.iterdir())
    except FileNotFoundError:
        if folder.is_dir() and not inside.is_symlink():
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
    columns = next(csv.reader([first[:_LONGEST_HEADER]]), [])
    header = columns[0].strip().lower() if len(columns) == 1 else ""
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
        if _DIGEST.fullmatch(row.strip()):
            digests.add(bytes.fromhex(row.strip()))
        else:
            problems.append(Problem(f"{name}:{line}", "not a SHA-256", allowed="64 hexadecimal digits"))
    return digests, problems


def _listed_ids(name: str, rows: Iterable[str]) -> tuple[set[str], list[Problem]]:
    ids, problems = set(), []
    for line, row in enumerate(rows, start=2):
        if row.strip():
            ids |= {row, row.strip()}
        else:
            problems.append(Problem(f"{name}:{line}", "not a customer id", allowed="one id a line"))
    return ids, problems


def _listed_addresses(name: str, kind: str, rows: Iterable[str], rules: AddressRules) -> tuple[set[str], list[Problem]]:
    addresses, problems = set(), []
    for line, row in enumerate(rows, start=2):
        address = read_anew(kind, row, rules)
        if isinstance(address, AddressFault):
            # Not what stands there: it is personal.
            what = f"not {_NAMES[kind]}, {_SAID_OF[address]}"
            problems.append(Problem(f"{name}:{line}", what, allowed=_allowed(kind, rules)))
        else:
            addresses.add(address)
    return addresses, problems


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
