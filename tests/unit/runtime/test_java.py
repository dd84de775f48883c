from __future__ import annotations

from pathlib import Path

import pytest

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.java import find_java, require_java, version_in


def fake_java(folder: Path, says: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "17.0.1"', 17),
        ("command not found", None),
    ],
)
def test_the_feature_version_is_read_from_what_java_says(answer: str, version: int | None) -> None:
    assert version_in(answer) == version


def test_java_home_goes_before_path_as_in_sparks_launcher(tmp_path: Path) -> None:
    at_home = fake_java(tmp_path / "home", 'openjdk version "21.0.2"')
    on_path = fake_java(tmp_path / "path", 'openjdk version "17.0.2"')
    path = {"PATH": str(on_path.parent)}

    both = find_java({"JAVA_HOME": str(tmp_path / "home"), **path})
    only_path = find_java(path)

    assert both is not None
    assert (both.path, both.version) == (at_home, 21)
    assert only_path is not None
    assert (only_path.path, only_path.version) == (on_path, 17)


def test_a_machine_without_java_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissingError, match="there is no java on PATH; install a Java runtime of version 17"):
        require_java({"PATH": str(tmp_path)})


def test_a_java_home_without_java_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissingError, match=f"JAVA_HOME={tmp_path} holds no bin/java"):
        require_java({"JAVA_HOME": str(tmp_path)})


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2", "25.0.1"])
def test_a_java_that_spark_cannot_run_on_is_refused(tmp_path: Path, version: str) -> None:
    fake_java(tmp_path, f'openjdk version "{version}"')

    with pytest.raises(EnvironmentMissingError, match="Spark cannot run on Java"):
        require_java({"JAVA_HOME": str(tmp_path)})


def test_a_java_that_says_no_version_is_refused(tmp_path: Path) -> None:
    fake_java(tmp_path, "Segmentation fault")

    with pytest.raises(EnvironmentMissingError, match="of no readable version"):
        require_java({"JAVA_HOME": str(tmp_path)})
