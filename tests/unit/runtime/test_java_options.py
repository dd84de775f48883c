from __future__ import annotations

from pathlib import Path

import pytest

from ceasefire.runtime.session import java_options


def test_a_local_session_takes_the_collector_that_costs_least() -> None:
    assert "-XX:+UseSerialGC" in java_options("-Xss4m").split()
    assert java_options("-Xss4m").split()[-1] == "-Xss4m"


def test_a_heap_starts_with_room_and_whoever_starts_it_may_say_otherwise() -> None:
    options = java_options("-XX:MetaspaceSize=64m -Xms300m").split()

    assert "-XX:InitialRAMPercentage=12.5" in options
    # Of an option that is given twice, Java takes the last.
    assert [one for one in options if "MetaspaceSize" in one][-1] == "-XX:MetaspaceSize=64m"
    assert options[-1] == "-Xms300m"


def test_java_waits_before_it_compiles_for_speed_and_whoever_starts_it_may_say_otherwise() -> None:
    options = java_options("-XX:Tier4InvocationThreshold=5000").split()
    said = [one for one in options if "Tier4InvocationThreshold" in one]

    # Of an option that is given twice, Java takes the last.
    assert [int(one.partition("=")[2]) for one in said] == [40_000, 5_000]


@pytest.mark.parametrize("collector", ["-XX:+UseG1GC", "-XX:+UseParallelGC", "-XX:+UseZGC"])
def test_a_collector_that_is_asked_for_is_the_only_one(collector: str) -> None:
    options = java_options(f"{collector} -Dx=y").split()

    assert [one for one in options if one.startswith("-XX:+Use")] == [collector]


def test_temporary_files_go_where_they_are_told_to_also_if_its_name_has_a_space() -> None:
    assert '"-Djava.io.tmpdir=/home/Peter Pan/scratch"' in java_options("", Path("/home/Peter Pan/scratch"))
    assert "tmpdir" not in java_options("")
