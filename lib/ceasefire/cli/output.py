"""How commands speak: results on stdout, progress and errors on stderr, and nothing on the way in a pipe."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from ceasefire.pipelines.quality import held_line
from ceasefire.pipelines.run import Progress

WIDE_TABLE_COLUMNS = 8
PIPE_COLUMNS = 160


def results() -> Console:
    """Where results go; as wide as the terminal, and in a pipe wide enough for every table."""
    width = None if sys.stdout.isatty() else PIPE_COLUMNS
    return Console(soft_wrap=True, highlight=False, width=width)


def program() -> str:
    """What to type to run this program again from here: its name if the shell finds it, else its path."""
    return "ceasefire" if shutil.which("ceasefire") else os.path.relpath(sys.argv[0])


@contextmanager
def progress(first: str) -> Iterator[Progress]:
    """Shows on a terminal what is being done; says nothing in a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _silent
        return
    with console.status(first) as status:
        yield lambda what: status.update(what)


def complain(text: str) -> None:
    """An error, as it is, on stderr."""
    print(text, file=sys.stderr)  # noqa: T201 - what commands say has its home here


def say_json(data: Any) -> None:
    """Data as JSON, instants in ISO 8601, for other programs."""
    print(json.dumps(data, default=_json_value, ensure_ascii=False, indent=2))  # noqa: T201


def say_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A small table; numbers to the right."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[number], int | float | Decimal) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    results().print(table)


def refusal_lines(windows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each window and model whose campaigns' priors counted instead, with the reason."""
    return [
        f"{window['window_end'].isoformat()}: model {model['name']} was not used, priors counted instead: "
        f"{model['detail']} ({model['refusal']})"
        for window in windows
        for model in window["models"]
        if model["refusal"]
    ]


def held_lines(results: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each critical expectation that does not hold, with what to do."""
    return [held_line(result) for result in results if result["is_critical"] and result["unexpected_count"]]


def hold_lines(on_hold: int, where: str) -> list[str]:
    """A line that says how many customers are on hold, if any are, and where to look.

    Args:
        on_hold: how many customers are on hold for marketing.
        where: the options that name the brand and its tables.
    """
    if not on_hold:
        return []
    customers = "1 customer is" if on_hold == 1 else f"{on_hold:,} customers are"
    return [f"{customers} on hold for marketing: ceasefire holds {where}"]


def repair_lines(repaired: Mapping[str, int], where: str) -> list[str]:
    """A line that says how many rows were taken in otherwise than they came, by reason, the most first; none without.

    Args:
        repaired: how many rows, by reason.
        where: the options that name the brand and its tables.
    """
    if not repaired:
        return []
    counts = ", ".join(f"{reason} {repaired[reason]:,}" for reason in sorted(repaired, key=lambda r: (-repaired[r], r)))
    return [f"taken in otherwise than they came: {counts}; `repairs` says it of each: ceasefire show events {where}"]


def broken_lines(identities: Sequence[dict[str, Any]], where: str) -> list[str]:
    """A line for each send because of which an identity does not hold, with what settles it."""
    return [
        f"{row['identity']}: found {row['found']:,}, {send_id} among them; its customer gets nothing until that is "
        f"settled: ceasefire revoke {send_id} {where}"
        for row in identities
        for send_id in row["send_ids"]
    ]


def say_records(rows: Sequence[dict[str, Any]]) -> None:
    """Rows as a table if it is narrow, else one column a line, a blank line between rows."""
    if rows and len(rows[0]) <= WIDE_TABLE_COLUMNS:
        names = list(rows[0])
        say_table("", names, [[row[name] for name in names] for row in rows])
        return
    console = results()
    for row in rows:
        width = max(len(name) for name in row)
        for name, value in row.items():
            console.print(f"{name:<{width}}  {_cell(value)}", markup=False)
        console.print()


def _silent(what: str) -> None:
    pass


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, default=_json_value, ensure_ascii=False)
    return str(value)


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
