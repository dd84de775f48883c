from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tzdata

from ceasefire.runtime.doctor import Finding, Machine, examine, fulfils

GIB = 1024**3


def machine_at(cache: Path) -> Machine:
    return Machine(
        python=(3, 11),
        requirements=("pyspark==4.2.0", "pandas<3,>=2.2"),
        installed={"pyspark": "4.2.0", "pandas": "2.3.3"}.get,
        memory_bytes=16 * GIB,
        free_bytes=lambda _folder: 50 * GIB,
        cache=cache,
        zone_folders=(),
    )


def found(name: str, findings: tuple[Finding, ...]) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def with_java(folder: Path, version: str = "17.0.15") -> dict[str, str]:
    program = folder / "java" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return {"JAVA_HOME": str(folder / "java")}


def test_a_machine_that_has_all_but_the_jars_lacks_only_these(tmp_path: Path) -> None:
    findings = examine(tmp_path / "lake", with_java(tmp_path), machine_at(tmp_path / "cache"))

    assert [finding.name for finding in findings if not finding.ok] == ["Delta jars"]
    assert all(finding.advice for finding in findings if not finding.ok)
    assert not any(finding.advice for finding in findings if finding.ok)


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    examine(tmp_path / "lake", {"PATH": ""}, machine_at(tmp_path / "cache"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("version", "ok"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_python_has_a_first_and_a_last_version(tmp_path: Path, version: tuple[int, int], ok: bool) -> None:
    findings = examine(None, {"PATH": ""}, replace(machine_at(tmp_path), python=version))

    assert found("Python", findings).ok is ok


def test_a_missing_java_and_an_old_one_are_told_apart(tmp_path: Path) -> None:
    missing = found("Java", examine(None, {"PATH": ""}, machine_at(tmp_path)))
    old = found("Java", examine(None, with_java(tmp_path, "11.0.2"), machine_at(tmp_path)))

    assert (missing.ok, missing.found) == (False, "none")
    assert (old.ok, old.found.split()[0]) == (False, "11")
    assert "17 to 21" in old.advice


def test_a_package_of_another_version_and_one_that_is_missing_are_named(tmp_path: Path) -> None:
    machine = replace(machine_at(tmp_path), installed={"pyspark": "4.2.1"}.get)

    findings = examine(None, {"PATH": ""}, machine)

    assert found("pyspark", findings).found == "4.2.1"
    assert "install pyspark==4.2.0" in found("pyspark", findings).advice
    assert found("pandas", findings).found == "none"


def test_a_program_that_is_not_installed_says_so(tmp_path: Path) -> None:
    findings = examine(None, {"PATH": ""}, replace(machine_at(tmp_path), requirements=()))

    assert "not installed" in found("packages", findings).found


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    root = found("root", examine(tmp_path / "file" / "lake", {"PATH": ""}, machine_at(tmp_path / "cache")))

    assert (root.ok, "cannot be written" in root.found) == (False, True)


def test_too_little_disk_and_memory_are_found_and_unknown_memory_is_let_pass(tmp_path: Path) -> None:
    poor = replace(machine_at(tmp_path), memory_bytes=GIB, free_bytes=lambda _folder: GIB)
    unknown = replace(machine_at(tmp_path), memory_bytes=None)

    findings = examine(None, {"PATH": ""}, poor)

    assert (found("memory", findings).ok, found("memory", findings).found) == (False, "1.0 GiB")
    assert not found("disk of the cache folder", findings).ok
    assert found("memory", examine(None, {"PATH": ""}, unknown)).ok


def with_java_of(folder: Path, release: bytes) -> dict[str, str]:
    environment = with_java(folder)
    zones = folder / "java" / "lib" / "tzdb.dat"
    zones.parent.mkdir()
    zones.write_bytes(
        b"\x01\x00\x04TZDB\x00\x01\x00" + bytes([len(release)]) + release + b"\x02[\x00\x0eAfrica/Abidjan"
    )
    return environment


def test_time_zones_of_three_releases_are_all_named_with_those_that_differ_from_what_counts(tmp_path: Path) -> None:
    (tmp_path / "tzdata.zi").write_text("# version 2019c\nR A 1916 o - Jun 14 23s 1 S\n")
    machine = replace(machine_at(tmp_path), zone_folders=(tmp_path / "none", tmp_path))

    zones = found("time zones", examine(None, with_java_of(tmp_path, b"2018e"), machine))

    assert zones.ok
    assert zones.found == (
        f"{tzdata.IANA_VERSION} of the package tzdata {tzdata.__version__}, which counts; system 2019c; Java 2018e"
    )
    assert zones.advice.startswith("of another release than the package: system, Java; ")


def test_time_zones_of_one_release_need_no_word_and_unknown_ones_are_called_so(tmp_path: Path) -> None:
    (tmp_path / "+VERSION").write_text(f"{tzdata.IANA_VERSION}\n")
    machine = replace(machine_at(tmp_path), zone_folders=(tmp_path,))

    same = found("time zones", examine(None, with_java_of(tmp_path, tzdata.IANA_VERSION.encode()), machine))
    unknown = found("time zones", examine(None, {"PATH": ""}, replace(machine, zone_folders=())))

    assert (same.ok, same.advice) == (unknown.ok, unknown.advice) == (True, "")
    assert unknown.found.endswith("; system unknown; Java unknown")


@pytest.mark.parametrize(
    ("version", "requirement", "ok"),
    [
        ("4.2.0", "pyspark==4.2.0", True),
        ("4.2", "pyspark==4.2.0", True),
        ("4.10", "pyspark>=4.2,<5", True),
        ("5.0.0", "pyspark>=4.2,<5", False),
        ("2.9.0.post0", "thing>=2.9", True),
        ("2026.6", "tzdata", True),
        ("2.3", "thing!=2.3.0", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, requirement: str, ok: bool) -> None:
    assert fulfils(version, requirement) is ok


def test_this_machine_is_examined_without_a_word_about_itself() -> None:
    findings = examine(None, {"PATH": ""})

    assert found("Python", findings).ok
    assert found("pyspark", findings).ok
    assert found("time zones", findings).ok
