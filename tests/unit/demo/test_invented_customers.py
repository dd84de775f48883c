"""The showcase's fortnight, played without Spark."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ceasefire.config.simulation import Simulation
from ceasefire.demo.invented_customers import Fortnight, copy_of_brand, fortnight, shipped_world
from ceasefire.events.contract import parse_row
from ceasefire.pipelines.simulated.policies import Played
from ceasefire.pipelines.workspace import BrandAtWork, load_brand

WINDOWS = 6


def few(count: int) -> Simulation:
    """The world of the program with so many customers."""
    world = shipped_world()
    return world.model_copy(update={"compared": world.compared.model_copy(update={"customers": count})})


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> BrandAtWork:
    folder = tmp_path_factory.mktemp("conf")
    copy_of_brand(folder)
    return load_brand(folder, {})


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("showcase") / "events"


@pytest.fixture(scope="module")
def played(at_work: BrandAtWork, inbox: Path) -> Fortnight:
    return fortnight(few(600), at_work, WINDOWS, inbox)


def lines_of(inbox: Path) -> dict[str, list[str]]:
    return {file.name: file.read_text("utf-8").splitlines() for file in sorted(inbox.iterdir())}


def test_it_begins_when_the_journeys_collide(played: Fortnight) -> None:
    assert played.closes[0] == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert shipped_world().start == date(2026, 11, 20)
    assert len(played.closes) == WINDOWS
    assert played.in_crossfire[played.closes[0]] > 20
    # without capacities, whoever two journeys want gets both
    assert sum(played.in_crossfire.values()) == played.figures[Played.JOURNEYS].doubled


def test_the_engine_sends_nobody_two_messages_a_day_and_nothing_that_was_known_to_be_wrong(played: Fortnight) -> None:
    engine, journeys = played.figures[Played.GREEDY], played.figures[Played.JOURNEYS]

    assert engine.sends == len(played.sent) > 300
    assert (engine.doubled, engine.broken_known, engine.over_capacity) == (0, 0, 0)
    assert engine.over_exposed < journeys.over_exposed
    assert engine.expected > journeys.expected
    assert played.figures[Played.ORACLE].negative == 0
    assert played.figures[Played.SILENCE].sends == 0


def test_every_line_is_an_event_of_the_showcase_and_each_file_holds_one_day(
    played: Fortnight, at_work: BrandAtWork, inbox: Path
) -> None:
    files = lines_of(inbox)

    assert len(files) == WINDOWS + 1
    assert all(not parse_row(line, at_work.contract).reasons for lines in files.values() for line in lines)
    for close, lines in zip(played.closes, list(files.values())[1:], strict=True):
        after = [datetime.fromisoformat(json.loads(line)["event_at"]) - close for line in lines]
        assert timedelta(0) <= min(after) <= max(after) < timedelta(days=1)
    delivered = [json.loads(line) for lines in files.values() for line in lines if '"send_delivered"' in line]
    assert len({one["event_id"] for one in delivered}) == len(played.sent)


def test_more_windows_leave_the_days_before_as_they_were(
    played: Fortnight, at_work: BrandAtWork, inbox: Path, tmp_path: Path
) -> None:
    before, again = lines_of(inbox), tmp_path / "events"
    shutil.copytree(inbox, again)

    longer = fortnight(few(600), at_work, WINDOWS + 1, again)

    after = lines_of(again)
    assert played.sent < longer.sent
    assert len(after) == len(before) + 1
    assert {name: after[name] for name in before} == before


def test_a_message_that_was_not_reckoned_with_is_found_and_so_is_one_that_is_missing(played: Fortnight) -> None:
    known = next(iter(played.sent))

    assert played.strangers(played.sent) == 0
    assert played.strangers((played.sent - {known}) | {"another"}) == 2
