from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.jar_lock import DELTA_LOCK, KAFKA_LOCK, Jar, locked_jars
from ceasefire.runtime.jar_routes import Route
from ceasefire.runtime.jars import jar_faults, jar_folder, verified_jars

CONTENTS = {"storage-1.0.jar": b"the storage", "kernel-1.0.jar": b"the kernel"}
JARS = tuple(
    Jar("io.delta", name.removesuffix("-1.0.jar"), "1.0", hashlib.sha256(content).hexdigest())
    for name, content in CONTENTS.items()
)


class Fetcher:
    """A route that drops given bytes and counts how often it was taken."""

    def __init__(self, contents: dict[str, bytes], meanwhile: Callable[[], object] = lambda: None) -> None:
        self.contents = contents
        self.meanwhile = meanwhile
        self.asked: list[list[str]] = []

    def __call__(self, jars: Sequence[Jar], folder: Path) -> None:
        self.asked.append([jar.file_name for jar in jars])
        self.meanwhile()
        for jar in jars:
            if jar.file_name in self.contents:
                (folder / jar.file_name).write_bytes(self.contents[jar.file_name])


def closed(jars: Sequence[Jar], folder: Path) -> None:
    raise EnvironmentMissingError("no network")


def kept(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.jar")}


def test_missing_jars_are_fetched_once_and_handed_on_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "jars"
    fetcher = Fetcher(CONTENTS)

    first = verified_jars(folder, JARS, [Route("fake", fetcher)])
    second = verified_jars(folder, JARS, [Route("fake", fetcher)])

    assert first == second == (folder / "storage-1.0.jar", folder / "kernel-1.0.jar")
    assert kept(folder) == CONTENTS
    assert len(fetcher.asked) == 1


def test_only_what_is_missing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "kernel-1.0.jar").write_bytes(CONTENTS["kernel-1.0.jar"])
    fetcher = Fetcher(CONTENTS)

    verified_jars(tmp_path, JARS, [Route("fake", fetcher)])

    assert fetcher.asked == [["storage-1.0.jar"]]


def test_files_dropped_in_by_hand_need_no_route(tmp_path: Path) -> None:
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)

    assert len(verified_jars(tmp_path, JARS, [Route("closed", closed)])) == 2


def test_the_next_route_brings_what_the_first_one_left_out(tmp_path: Path) -> None:
    half = Fetcher({"kernel-1.0.jar": CONTENTS["kernel-1.0.jar"]})
    rest = Fetcher(CONTENTS)

    verified_jars(tmp_path, JARS, [Route("closed", closed), Route("half", half), Route("rest", rest)])

    assert rest.asked == [["storage-1.0.jar"]]
    assert kept(tmp_path) == CONTENTS


def test_when_all_routes_fail_the_coordinates_the_reasons_and_the_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissingError) as raised:
        verified_jars(tmp_path, JARS, [Route("closed", closed), Route("empty-handed", Fetcher({}))])

    said = str(raised.value)
    assert "missing: io.delta:storage:1.0, io.delta:kernel:1.0" in said
    assert "closed: no network" in said
    assert f"put storage-1.0.jar, kernel-1.0.jar into {tmp_path}" in said
    assert raised.value.exit_code == 3


def test_wrong_bytes_from_a_route_are_refused_by_name_and_never_kept(tmp_path: Path) -> None:
    wrong = Fetcher(CONTENTS | {"kernel-1.0.jar": b"something else"})

    with pytest.raises(EnvironmentMissingError, match=r"wrong: kernel-1.0.jar is not io.delta:kernel:1.0.*refused"):
        verified_jars(tmp_path, JARS, [Route("wrong", wrong)])

    assert kept(tmp_path) == {"storage-1.0.jar": CONTENTS["storage-1.0.jar"]}


def test_a_file_that_was_exchanged_later_is_refused_and_not_overwritten(tmp_path: Path) -> None:
    fetcher = Fetcher(CONTENTS)
    verified_jars(tmp_path, JARS, [Route("fake", fetcher)])
    (tmp_path / "kernel-1.0.jar").write_bytes(b"exchanged")

    with pytest.raises(EnvironmentMissingError, match=r"kernel-1.0.jar is not io.delta:kernel:1.0"):
        verified_jars(tmp_path, JARS, [Route("fake", fetcher)])

    assert kept(tmp_path)["kernel-1.0.jar"] == b"exchanged"
    assert len(fetcher.asked) == 1


def test_a_new_lock_file_voids_what_was_verified_under_the_old_one(tmp_path: Path) -> None:
    verified_jars(tmp_path, JARS, [Route("fake", Fetcher(CONTENTS))])
    rebuilt = tuple(Jar(jar.group, jar.artifact, jar.version, "0" * 64) for jar in JARS)

    with pytest.raises(EnvironmentMissingError, match="its sha256 is not 0000"):
        verified_jars(tmp_path, rebuilt, [Route("closed", closed)])


def test_a_deleted_jar_is_fetched_again(tmp_path: Path) -> None:
    fetcher = Fetcher(CONTENTS)
    verified_jars(tmp_path, JARS, [Route("fake", fetcher)])
    (tmp_path / "kernel-1.0.jar").unlink()

    verified_jars(tmp_path, JARS, [Route("fake", fetcher)])

    assert fetcher.asked[1:] == [["kernel-1.0.jar"]]


def test_an_unreadable_stamp_only_costs_a_second_look(tmp_path: Path) -> None:
    fetcher = Fetcher(CONTENTS)
    verified_jars(tmp_path, JARS, [Route("fake", fetcher)])
    (tmp_path / "verified.json").write_text("[1, 2")

    assert len(verified_jars(tmp_path, JARS, [Route("fake", fetcher)])) == 2
    assert len(fetcher.asked) == 1


def test_of_many_callers_one_fetches_and_all_get_the_jars(tmp_path: Path) -> None:
    all_started = threading.Barrier(4)
    fetcher = Fetcher(CONTENTS)

    def ask() -> tuple[Path, ...]:
        all_started.wait()
        return verified_jars(tmp_path, JARS, [Route("fake", fetcher)])

    with ThreadPoolExecutor(4) as callers:
        answers = [answer.result() for answer in [callers.submit(ask) for _ in range(4)]]

    assert set(answers) == {(tmp_path / "storage-1.0.jar", tmp_path / "kernel-1.0.jar")}
    assert len(fetcher.asked) == 1
    assert kept(tmp_path) == CONTENTS


def test_nobody_sees_half_a_fetch(tmp_path: Path) -> None:
    seen: list[dict[str, bytes]] = []
    fetcher = Fetcher(CONTENTS, meanwhile=lambda: seen.append(kept(tmp_path)))

    verified_jars(tmp_path, JARS, [Route("fake", fetcher)])

    assert seen == [{}]
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_dir()) == []


def test_what_a_killed_fetch_left_behind_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".fetch-killed" / "ivy").mkdir(parents=True)

    verified_jars(tmp_path, JARS, [Route("fake", Fetcher(CONTENTS))])

    assert not (tmp_path / ".fetch-killed").exists()


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EnvironmentMissingError, match=f"cannot be kept in {tmp_path}/file/jars.*XDG_CACHE_HOME"):
        verified_jars(tmp_path / "file" / "jars", JARS, [Route("fake", Fetcher(CONTENTS))])


def test_faults_are_found_by_every_byte_whatever_the_stamp_says(tmp_path: Path) -> None:
    verified_jars(tmp_path, JARS, [Route("fake", Fetcher(CONTENTS))])
    kernel = tmp_path / "kernel-1.0.jar"
    before = kernel.stat()
    kernel.write_bytes(b"THE KERNEL")
    os.utime(kernel, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert len(jar_faults(tmp_path, JARS)) == 1
    assert jar_faults(tmp_path / "nowhere", JARS) == (
        "io.delta:storage:1.0 is missing",
        "io.delta:kernel:1.0 is missing",
    )


def test_the_lock_names_seven_jars_with_whole_hashes() -> None:
    jars = locked_jars()

    assert len({jar.coordinates for jar in jars}) == 7
    assert {jar.group for jar in jars} == {"io.delta", "io.unitycatalog"}
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) for jar in jars)
    assert jars[0].file_name == "delta-spark_4.2_2.13-4.4.0.jar"


def test_kafkas_jars_are_locked_apart_and_follow_deltas() -> None:
    both = locked_jars(DELTA_LOCK, KAFKA_LOCK)

    assert both[:7] == locked_jars()
    assert {jar.group for jar in both[7:]} == {"org.apache.spark", "org.apache.kafka", "org.apache.commons"}
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) for jar in both)


def test_what_is_verified_stays_verified_for_those_who_need_less(tmp_path: Path) -> None:
    verified_jars(tmp_path, JARS, [Route("fake", Fetcher(CONTENTS))])
    stamp = (tmp_path / "verified.json").stat().st_mtime_ns

    verified_jars(tmp_path, JARS[:1], [Route("closed", closed)])

    assert (tmp_path / "verified.json").stat().st_mtime_ns == stamp


def test_the_jars_lie_in_the_cache_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert jar_folder() == tmp_path / "ceasefire" / "jars"
