"""Scratch folders: private, one for each process, gone with the next start at the latest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ceasefire.runtime.scratch import scratch_folder, take_scratch

HOLDER = """
import sys
from pathlib import Path
from ceasefire.runtime.scratch import take_scratch
scratch = take_scratch(Path(sys.argv[1]))
(scratch.folder / "rows").write_text("peter@example.invalid", "utf-8")
print(scratch.folder, flush=True)
sys.stdin.read()
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def folders(parent: Path) -> set[Path]:
    return {one for one in parent.iterdir() if one.is_dir()}


def test_only_the_user_can_look_into_it_whatever_the_machine_lets_others_see(tmp_path: Path) -> None:
    parent = tmp_path / "cache" / "scratch"
    before = os.umask(0)
    try:
        scratch = take_scratch(parent)
    finally:
        os.umask(before)

    assert mode(parent) == mode(scratch.folder) == 0o700
    assert scratch.folder.name.startswith(f"{os.getpid()}-")
    scratch.remove()
    assert folders(parent) == set()


def test_a_start_removes_what_a_killed_process_left_and_nothing_of_one_that_lives(tmp_path: Path) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        dead, alive = (Path((one.stdout.readline() if one.stdout else "").strip()) for one in holders)
        holders[0].send_signal(signal.SIGKILL)
        holders[0].wait(60)
        assert (dead / "rows").exists()

        mine = take_scratch(tmp_path)

        assert folders(tmp_path) == {alive, mine.folder}
        assert (alive / "rows").exists()
        mine.remove()
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()


def test_folders_of_this_process_stay_apart(tmp_path: Path) -> None:
    first, second = take_scratch(tmp_path), take_scratch(tmp_path)

    assert folders(tmp_path) == {first.folder, second.folder}
    first.remove()
    second.remove()


def test_what_lies_there_and_is_no_folder_is_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    parent = tmp_path / "scratch"
    parent.mkdir()
    (parent / "link").symlink_to(elsewhere)
    (parent / "note").write_text("", "utf-8")

    take_scratch(parent).remove()

    assert {one.name for one in parent.iterdir()} == {"link", "note", ".lock"}
    assert elsewhere.exists()


def test_where_the_cache_cannot_be_written_it_is_as_private_among_the_temporary_files(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("", "utf-8")

    scratch = take_scratch(taken / "scratch")

    assert mode(scratch.folder) == 0o700
    assert scratch.folder.name.startswith(f"ceasefire-{os.getpid()}-")
    scratch.remove()
    assert not scratch.folder.exists()


def test_it_lies_in_the_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert scratch_folder() == tmp_path / "ceasefire" / "scratch"
