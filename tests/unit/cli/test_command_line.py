"""What a user reads when something is wrong: one line a problem, the right exit code, no stack trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ceasefire.cli.main import exit_code_of
from ceasefire.errors import CheckFailedError
from ceasefire.storage.lake import Lake
from small_brand import FILES, write_brand, write_events

HOSTILE_RULES = {
    "a call into the JVM": "reflect('java.lang.System','exit',7)",
    "a subquery": "orders_7d > (SELECT 1)",
    "a comment": "orders_7d > 1 -- AND FALSE",
    "brackets that do not belong together": "1=1) or (1=1",
    "nesting 5,000 deep": "(" * 4_900 + "orders_7d > 1" + ")" * 4_900,
    "a second statement": "orders_7d > 1; DROP TABLE events",
}


def with_rule(folder: Path, rule: str) -> Path:
    write_brand(folder)
    segments = {"segments": [{"id": "buyers", "rule": rule}, {"id": "coat_owners", "rule": "coats_bought > 0"}]}
    # JSON is YAML, and quotes whatever the rule says.
    (folder / "segments.yaml").write_text(json.dumps(segments), "utf-8")
    return folder


@pytest.mark.parametrize("rule", HOSTILE_RULES.values(), ids=HOSTILE_RULES.keys())
def test_a_hostile_rule_is_refused_with_its_file_and_line(
    rule: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = exit_code_of(["validate", "--conf", str(with_rule(tmp_path / "brand", rule))])

    said = capfd.readouterr()
    assert code == 2
    assert said.out == ""
    assert [line for line in said.err.splitlines() if line.startswith("segments.yaml:1: ")]
    assert "Traceback" not in said.err
    assert "Exception" not in said.err


def test_all_problems_of_a_folder_are_reported_together_each_with_its_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write_brand(tmp_path / "brand")
    (folder / "brand.yaml").write_text(FILES["brand.yaml"].replace("EUR", "euro") + "holdout: {universal: 0.02}\n")
    (folder / "features.yaml").write_text(
        FILES["features.yaml"].replace("aggregate: count, window: 7d", "aggregate: median")
    )
    (folder / "campaigns.yaml").write_text(FILES["campaigns.yaml"].replace("any: [buyers]", "any: [nobody]"))

    code = exit_code_of(["validate", "--conf", str(folder)])

    said = capfd.readouterr().err
    assert code == 2
    for start in ("brand.yaml:3: currency", "brand.yaml:12: holdout: not supported yet", "features.yaml:3: orders_7d"):
        assert start in said
    assert "campaigns.yaml:3: thanks: audience names an unknown segment, got 'nobody'" in said


def test_a_good_folder_is_called_fine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = exit_code_of(["validate", "--conf", str(write_brand(tmp_path / "brand"))])

    assert code == 0
    assert "fine. Brand corner: 3 features, 3 segments, 3 campaigns." in capfd.readouterr().out


def test_a_suppression_list_that_cannot_be_read_is_found_before_it_holds_anything_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_brand(tmp_path / "brand")
    (folder / "suppressions").mkdir()
    (folder / "suppressions" / "old.csv").write_text("email\nanna@example.com\nanna\n")

    code = exit_code_of(["validate", "--conf", str(folder)])

    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert said.err.startswith("suppressions/old.csv:3: not an e-mail address, what stands here is malformed")


@pytest.mark.parametrize("name", ["suppression", "Suppressions"])
def test_a_folder_of_suppression_lists_under_a_wrong_name_is_not_called_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = write_brand(tmp_path / "brand")
    (folder / name).mkdir()
    (folder / name / "old.csv").write_text("email\nanna@example.com\n")

    code = exit_code_of(["validate", "--conf", str(folder)])

    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert said.err.startswith(f"{name}: would not be read, allowed: lists in ")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["validate", "--conf", "nowhere"], 2, "no brand folder at nowhere"),
        (["run", "--conf", "{brand}", "--root", "{tmp}/lake", "--events", "nowhere"], 2, "no events at nowhere"),
        (["run", "--conf", "nowhere", "--root", "{tmp}/lake", "--events", "{tmp}"], 2, "no brand folder at nowhere"),
        (
            ["run", "--conf", "{brand}", "--root", "{tmp}/lake", "--events", "{tmp}", "--from", "yesterday"],
            2,
            "--from yesterday: not an instant",
        ),
        (["demo", "--data", "{tmp}"], 2, "campaigns.csv"),
        (["demo", "--brand", "acme"], 2, "--brand: got acme, allowed: completejourney, showcase"),
        (["demo", "--brand", "showcase", "--data", "{tmp}"], 2, "--data: showcase invents its customers"),
        (["demo", "--brand", "showcase", "--root", "/proc/nowhere"], 3, "cannot write to /proc/nowhere"),
        (["demo", "--root", "/proc/nowhere"], 3, "cannot write to /proc/nowhere"),
        (["show", "secrets", "--conf", "{brand}", "--root", "{tmp}"], 2, "no table secrets, allowed: ingest_batches"),
        (["conquer"], 2, "No such command 'conquer'"),
        (["demo", "--windows", "0"], 2, "--windows"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_what_cannot_work_is_said_in_one_breath(
    arguments: list[str], code: int, says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    brand = write_brand(tmp_path / "brand")
    filled = [one.format(brand=brand, tmp=tmp_path) for one in arguments]

    given = exit_code_of(filled)

    said = capfd.readouterr()
    assert (given, said.out) == (code, "")
    assert says in said.err
    assert "Traceback" not in said.err


def test_two_demos_do_not_share_a_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "completejourney").mkdir()

    assert exit_code_of(["demo", "--brand", "showcase", "--root", str(tmp_path)]) == 2
    assert "completejourney was played there; choose another folder for showcase" in capfd.readouterr().err


OFFLINE_MAVEN = "<settings><offline>true</offline></settings>"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PATH": "/nonexistent"}, ["Java", "17"]),
        (
            {
                "PATH": os.environ["PATH"],
                "XDG_CACHE_HOME": "{tmp}/cache",
                # Nobody listens there, and Maven is told to stay at home.
                "DEFAULT_ARTIFACT_REPOSITORY": "http://127.0.0.1:9/",
                "MAVEN_OPTS": "-Duser.home={tmp}",
            },
            ["io.delta:delta-spark_4.2_2.13:4.4.0", "{tmp}/cache/ceasefire/jars"],
        ),
    ],
    ids=["no Java", "no jars"],
)
def test_a_machine_that_lacks_something_is_told_what_to_do(
    environment: dict[str, str], says: list[str], tmp_path: Path
) -> None:
    brand, events = write_brand(tmp_path / "brand"), write_events(tmp_path / "events")
    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text(OFFLINE_MAVEN)
    filled = {name: value.format(tmp=tmp_path) for name, value in environment.items()}
    command = [
        sys.executable,
        "-m",
        "ceasefire.cli.main",
        "run",
        "--conf",
        str(brand),
        "--root",
        str(tmp_path / "lake"),
    ]

    done = subprocess.run(
        [*command, "--events", str(events)],
        env={"HOME": str(tmp_path), **filled},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    for part in says:
        assert part.format(tmp=tmp_path) in done.stderr
    assert "Traceback" not in done.stderr
    assert "\tat " not in done.stderr


def test_a_relative_root_names_the_folder_it_names_in_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    no_session: Any = None

    assert Lake(no_session, "lake", "corner").path("events") == f"{tmp_path}/lake/corner/events"
    assert Lake(no_session, "s3://bucket/lake", "corner").path("events") == "s3://bucket/lake/corner/events"


def interrupted(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def interrupted_and_not_well_ended(*arguments: object, **options: object) -> None:
    try:
        raise KeyboardInterrupt
    finally:
        raise CheckFailedError("a query did not end")


@pytest.mark.parametrize("work", [interrupted, interrupted_and_not_well_ended])
def test_who_interrupts_a_command_reads_that_it_goes_on_and_no_script_takes_it_for_done(
    work: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ceasefire.cli.main.examine", work)

    assert exit_code_of(["doctor"]) == 130
    assert capfd.readouterr().err == "interrupted; the same command goes on where this one stopped\n"
