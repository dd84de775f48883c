"""Notebooks in Databricks' source format, cut into cells and run as Jupyter or Databricks would."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRST_LINE = "# Databricks notebook source"
SEPARATOR = "# COMMAND ----------"
FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        line: where it begins, from 1.
        text: its source.
    """

    line: int
    text: str

    @property
    def is_code(self) -> bool:
        """Whether anything in it is run."""
        return bool(ast.parse(self.text).body)

    @property
    def calls(self) -> list[str]:
        """The functions that it calls by name."""
        nodes = ast.walk(ast.parse(self.text))
        return [one.func.id for one in nodes if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]


def cells_of(notebook: Path) -> list[Cell]:
    """The cells, without the line that says what the file is."""
    first, *lines = notebook.read_text("utf-8").splitlines()
    assert first == FIRST_LINE, f"{notebook.name} begins with {first!r}"
    cells, start = [], 2
    for number, line in enumerate([*lines, SEPARATOR], start=2):
        if line == SEPARATOR:
            cells.append(Cell(start, "\n".join(lines[start - 2 : number - 2]).strip("\n")))
            start = number + 1
    return cells


def run_cells(notebook: Path) -> dict[str, Any]:
    """Run the cells in order in one scope, which is returned."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells_of(notebook):
        exec(compile(cell.text, f"{notebook.name}:{cell.line}", "exec"), scope)
    return scope
