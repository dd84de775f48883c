from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.jar_lock import Jar
from ceasefire.runtime.jar_routes import fetch_by_ivy, fetch_by_maven

STORAGE = Jar("io.delta", "storage", "1.0", "0" * 64)


def fake_program(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_maven_is_asked_for_exactly_these_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools, folder = tmp_path / "tools", tmp_path / "into"
    tools.mkdir()
    folder.mkdir()
    fake_program(tools, "mvn", 'echo "$@" > asked; echo jar > storage-1.0.jar')
    monkeypatch.setenv("PATH", str(tools))

    fetch_by_maven([STORAGE], folder)

    project = ElementTree.parse(folder / "pom.xml").getroot()
    items = [[part.text for part in item] for item in project.iter("artifactItem")]
    assert items == [["io.delta", "storage", "1.0"]]
    assert [one.text for one in project.iter("outputDirectory")] == [str(folder)]
    assert (folder / "asked").read_text().split()[-1] == "dependency:copy"
    assert (folder / "storage-1.0.jar").exists()


def test_a_failing_maven_is_quoted_by_the_line_that_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(tmp_path, "mvn", "echo starting; echo '[ERROR] Could not resolve storage'; echo help; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EnvironmentMissingError, match=r"^\[ERROR\] Could not resolve storage$"):
        fetch_by_maven([STORAGE], tmp_path)


def test_a_silent_failure_gives_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(tmp_path, "mvn", "exit 7")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EnvironmentMissingError, match="ended with code 7"):
        fetch_by_maven([STORAGE], tmp_path)


def test_a_machine_without_maven_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EnvironmentMissingError, match="no mvn on PATH"):
        fetch_by_maven([STORAGE], tmp_path)


def test_ivy_without_java_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(EnvironmentMissingError, match="install a Java runtime"):
        fetch_by_ivy([STORAGE], tmp_path)
