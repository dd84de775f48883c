"""Gzipped CSV files row by row, each field read as what its column holds, each failure with file, line and column."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from ceasefire.errors import Problem

_SHOWN_PER_FILE = 10
_SMALLEST_POWER, _LARGEST_POWER = -30, 11
_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_SCIENTIFIC = re.compile(r"[1-9](\.[0-9]{1,17})?e\+[0-9]{2}")

Row = TypeVar("Row")


class BadValueError(Exception):
    """Raised when a field of a row cannot be read."""

    def __init__(self, column: str, got: str, allowed: str) -> None:
        super().__init__(column, got, allowed)
        self.column, self.got, self.allowed = column, got, allowed


@dataclass(frozen=True)
class Fields:
    """The fields of one row by column; each reading raises BadValueError with its column when it fails."""

    positions: Mapping[str, int]
    values: list[str]

    def text(self, column: str) -> str:
        """The field without space around it."""
        return self.values[self.positions[column]].strip()

    def whole_number(self, column: str) -> str:
        """An id: the digits of a whole number, in one spelling."""
        # R wrote some round ids as 9e+05; with few digits that text is exact, and joins need one spelling.
        text = self.text(column)
        if _SCIENTIFIC.fullmatch(text):
            number = Decimal(text)
            text = format(number.to_integral_value(), "f") if number == number.to_integral_value() else text
        if not _WHOLE_NUMBER.fullmatch(text):
            raise BadValueError(column, text, "a whole number")
        return text

    def decimal(self, column: str) -> Decimal:
        """A finite number, exactly as written."""
        try:
            number = Decimal(self.text(column))
        except InvalidOperation:
            number = Decimal("NaN")
        # Far outside this range the plain digits of a number would fill the memory.
        if not number.is_finite() or not _SMALLEST_POWER <= number.adjusted() <= _LARGEST_POWER:
            raise BadValueError(column, self.text(column), "a decimal number")
        return number

    def day(self, column: str) -> date:
        """A calendar date."""
        try:
            return date.fromisoformat(self.text(column))
        except ValueError:
            raise BadValueError(column, self.text(column), "a date as in 2017-12-31") from None

    def stamp(self, column: str) -> datetime:
        """An instant, written without an offset and meant in UTC."""
        text = self.text(column)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        # Other ISO forms would pass too: a date alone, or an offset that contradicts UTC.
        if at is None or len(text) != len("2017-12-31 23:59:59") or at.tzinfo is not None:
            raise BadValueError(column, text, "a time in UTC as in 2017-12-31 23:59:59")
        return at.replace(tzinfo=UTC)


def read_rows(
    path: Path, columns: tuple[str, ...], parse: Callable[[Fields], Row], problems: list[Problem]
) -> tuple[Row, ...]:
    """All rows of a file that could be parsed; what is wrong with the others, or with the file, joins `problems`."""
    rows: list[Row] = []
    wrong: list[Problem] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            records = csv.reader(text)
            header = next(records, [])
            missing = _missing_columns(path, header, columns)
            problems += missing
            positions = {column: position for position, column in enumerate(header)}
            for values in records if not missing else ():
                place = f"{path.name}:{records.line_num}"
                if len(values) != len(header):
                    wrong.append(Problem(place, "wrong number of fields", str(len(values)), str(len(header))))
                    continue
                try:
                    rows.append(parse(Fields(positions, values)))
                except BadValueError as error:
                    wrong.append(Problem(place, f"{error.column} cannot be read", repr(error.got), error.allowed))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        problems.append(_unreadable(path, error))
        return ()
    problems += first_of(path.name, wrong)
    return tuple(rows)


def _missing_columns(path: Path, header: list[str], columns: tuple[str, ...]) -> list[Problem]:
    return [
        Problem(path.name, f"missing column {column}", ",".join(header) or "an empty file", ",".join(columns))
        for column in columns
        if column not in header
    ]


def _unreadable(path: Path, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem(path.name, "missing file", allowed=f"a file {path.name} in {path.parent}")
    return Problem(path.name, "cannot be read as gzipped CSV in UTF-8", str(error))


def first_of(name: str, wrong: list[Problem]) -> list[Problem]:
    """The first few problems of a file, and how many more there are."""
    more = len(wrong) - _SHOWN_PER_FILE
    return wrong[:_SHOWN_PER_FILE] + ([Problem(name, f"{more} more rows like these")] if more > 0 else [])
