"""How a job ends before its query is up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceasefire.pipelines.jobs import work_in_job

SETTINGS = Path(__file__).parents[3] / "conf" / "base.yaml"


def test_a_job_that_is_interrupted_while_it_starts_says_so_by_its_exit_code_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ceasefire.pipelines.jobs.load_brand", interrupted)

    with pytest.raises(SystemExit, match="130"):
        work_in_job("decide", ["--settings", str(SETTINGS)], lambda workspace, settings: None)
    assert capfd.readouterr() == ("", "")
