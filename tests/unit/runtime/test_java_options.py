from __future__ import annotations

import pytest

from ceasefire.runtime.session import java_options


def test_a_local_session_takes_the_collector_that_costs_least() -> None:
    assert "-XX:+UseSerialGC" in java_options("-Xss4m").split()
    assert java_options("-Xss4m").split()[-1] == "-Xss4m"


@pytest.mark.parametrize("collector", ["-XX:+UseG1GC", "-XX:+UseParallelGC", "-XX:+UseZGC"])
def test_a_collector_that_is_asked_for_is_the_only_one(collector: str) -> None:
    options = java_options(f"{collector} -Dx=y").split()

    assert [one for one in options if one.startswith("-XX:+Use")] == [collector]
