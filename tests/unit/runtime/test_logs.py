from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ceasefire.runtime.logs import json_lines

RECORD = {"event": "batch", "query": "corner_decide", "rows": 3, "losses": {"kein_kanal_für_sie": 1}}


def test_each_record_is_one_line_of_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    write = json_lines(None)

    write(RECORD)
    write({"event": "started", "at": datetime(2026, 3, 2, tzinfo=UTC)})

    said = capsys.readouterr()
    assert said.out == ""
    assert [json.loads(line) for line in said.err.splitlines()] == [
        RECORD,
        {"event": "started", "at": "2026-03-02 00:00:00+00:00"},
    ]


def test_a_file_gets_them_instead_and_is_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "_logs" / "stream.jsonl"

    for _ in range(2):
        json_lines(file)(RECORD)

    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == [RECORD, RECORD]
    assert capsys.readouterr().err == ""
