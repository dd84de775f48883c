"""Mistakes that people make, each a folder: what it changes of a good brand, and all that is then said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ceasefire.cli.main import exit_code_of

FOLDER = Path(__file__).with_name("bad_brands")
GOOD = FOLDER / "_good"
MISTAKES = sorted(one.name for one in FOLDER.iterdir() if one != GOOD)


def test_there_are_at_least_forty_and_what_they_start_from_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(MISTAKES) >= 40
    assert exit_code_of(["validate", "--conf", str(GOOD)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed_and_nothing_else_is(
    mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brand = shutil.copytree(GOOD, tmp_path / "brand")
    shutil.copytree(FOLDER / mistake, brand, dirs_exist_ok=True)

    code = exit_code_of(["validate", "--conf", str(brand)])

    said = capsys.readouterr()
    assert said.err == (FOLDER / mistake / "expected.txt").read_text("utf-8")
    assert (code, said.out) == (2, "")
