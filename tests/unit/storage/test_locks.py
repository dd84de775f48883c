"""One process for each query of a root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ceasefire.errors import AlreadyRunningError
from ceasefire.storage.locks import hold_query, require_free

HOLDER = """
import sys
from pathlib import Path
from ceasefire.storage.locks import hold_query
lock = hold_query(Path(sys.argv[1]), "decide")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_refused_with_the_query_the_place_and_the_process(tmp_path: Path) -> None:
    lock = hold_query(tmp_path, "decide")

    with pytest.raises(AlreadyRunningError) as refused:
        hold_query(tmp_path, "decide")

    assert f"decide of {tmp_path} runs already, in process {os.getpid()}" in str(refused.value)
    assert refused.value.exit_code == 2
    lock.release()


def test_queries_and_roots_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    held = [hold_query(tmp_path / root, query) for root in ("a", "b") for query in ("decide", "release_sends")]

    assert len(held) == 4


def test_whoever_lets_go_leaves_it_to_the_next(tmp_path: Path) -> None:
    hold_query(tmp_path, "decide").release()
    require_free(tmp_path)

    hold_query(tmp_path, "decide").release()


def test_a_query_that_is_held_is_told_before_anything_is_started(tmp_path: Path) -> None:
    require_free(tmp_path)
    lock = hold_query(tmp_path, "release_sends")

    with pytest.raises(AlreadyRunningError, match="release_sends"):
        require_free(tmp_path)
    lock.release()


def test_a_holder_that_is_killed_holds_nothing_any_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunningError, match=f"in process {holder.pid}"):
            hold_query(tmp_path, "decide")
        holder.kill()

    hold_query(tmp_path, "decide").release()


def test_a_root_that_is_no_folder_has_no_locks() -> None:
    assert hold_query(None, "decide").file is None
