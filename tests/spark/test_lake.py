from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, TimestampType

from ceasefire.errors import CheckFailedError, EnvironmentMissingError, UsageError
from ceasefire.storage.lake import (
    Lake,
    Write,
    append_batch,
    append_once,
    create_tables,
    merge_rows,
    overwrite,
    read_table,
    remembered,
    replace_where,
    rows_of,
    table_version,
    together,
)
from ceasefire.tables import DeltaTable, column, conform

VISITS = DeltaTable(
    name="visits",
    grain="one visit",
    columns=(
        column("visit_id", StringType(), "visit"),
        column("visit_at", TimestampType(), "UTC instant"),
        column("page_count", LongType(), "pages", nullable=True),
    ),
    keys=("visit_id",),
    append_only=False,
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def visits(*rows: tuple[str, int | None]) -> pa.Table:
    ids, pages = zip(*rows, strict=True)
    columns = {"visit_id": ids, "visit_at": [NOON] * len(rows), "page_count": pages}
    return pa.table(columns, schema=VISITS.arrow_schema)


def stored(lake: Lake, version: int | None = None) -> dict[str, Any]:
    rows = rows_of(read_table(lake, VISITS, version))
    assert {row["visit_at"] for row in rows} <= {NOON}
    return {row["visit_id"]: row["page_count"] for row in rows}


def test_a_write_that_is_repeated_is_done_once(spark: SparkSession, tmp_path: Path) -> None:
    seen: list[Write] = []
    lake = Lake(spark, f"{tmp_path}/root/", "corner", observe=seen.append)
    with pytest.raises(UsageError, match=r"no table visits in .*/root/corner"):
        read_table(lake, VISITS)
    create_tables(lake, [VISITS])
    create_tables(lake, [VISITS])
    assert (stored(lake), table_version(lake, VISITS)) == ({}, 0)

    # an append is known by table, step and number, that of a batch by its query's epoch too
    for _ in range(2):
        append_once(lake, VISITS, visits(("a", 1)), "visit", 0)
    append_once(lake, VISITS, visits(("b", None)), "other step", 0)
    for epoch in (0, 1, 1):
        append_batch(Lake(spark, lake.root, "corner", epoch=epoch), VISITS, visits((f"epoch {epoch}", 3)), "visit", 0)
    assert stored(lake) == {"a": 1, "b": None, "epoch 0": 3, "epoch 1": 3}
    assert [one.done for one in seen] == [False, True] * 3

    # a merge inserts what is new and updates what its condition says
    news = spark.createDataFrame(visits(("a", 5), ("b", 2), ("c", 2), ("d", 1)), schema=VISITS.schema)
    more_pages = F.col("new.page_count") > F.col("old.page_count")
    for _ in range(2):
        merge_rows(lake, VISITS, news, more_pages, {"page_count": F.col("new.page_count")})
    assert stored(lake) == {"a": 5, "b": None, "c": 2, "d": 1, "epoch 0": 3, "epoch 1": 3}

    # an overwrite replaces all, and what was there before can still be read
    before = table_version(lake, VISITS)
    overwrite(lake, VISITS, visits(("e", 1)))
    assert (stored(lake), len(stored(lake, before))) == ({"e": 1}, 6)

    # a version is the same where the disk can be asked and where Delta has to be, also behind a checkpoint of the log
    for number in range(10):
        append_once(lake, VISITS, visits((f"more {number}", 1)), "more", number)
    assert any(Path(lake.path(VISITS.name, "_delta_log")).glob("*.checkpoint.parquet"))
    asked_of_delta = table_version(replace(lake, root=f"file://{tmp_path}/root"), VISITS)
    assert table_version(lake, VISITS) == asked_of_delta == before + 11


class SlowerOnesLast(dict[tuple[str, str], tuple[tuple[int, ...], Any]]):
    """Answers, each of which is replaced at once by that of a query that had asked before."""

    def __setitem__(self, key: tuple[str, str], known: tuple[tuple[int, ...], Any]) -> None:
        super().__setitem__(key, (tuple(version - 1 for version in known[0]), "older"))


def test_a_question_is_asked_again_when_a_table_that_it_is_about_has_changed_and_else_not(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = Lake(spark, str(tmp_path), "corner")
    create_tables(lake, [VISITS, replace(VISITS, name="others")])
    asked: list[str] = []

    def count_again(where: Lake) -> int:
        asked.append(where.root)
        return read_table(where, VISITS).count()

    def count(where: Lake) -> int:
        return remembered(where, "count", [VISITS], partial(count_again, where))

    assert [count(lake), count(replace(lake, epoch=1)), len(asked)] == [0, 0, 1]
    append_once(lake, VISITS, visits(("a", 1)), "visit", 0)
    assert [count(lake), count(lake), len(asked)] == [1, 1, 2]
    append_once(lake, replace(VISITS, name="others"), visits(("a", 1)), "visit", 0)
    assert [count(lake), len(asked)] == [1, 2]
    spark.sql(f"DELETE FROM delta.`{lake.path(VISITS.name)}`")
    assert [count(lake), len(asked)] == [0, 3]

    # and a slower query that comes to an older answer meanwhile does not put it into the mouth of this one
    overtaken = replace(lake, answers=SlowerOnesLast())
    assert count(overtaken) == 0

    # where a version is no file of this machine, it would be no quicker to learn that nothing has changed
    elsewhere = replace(lake, root=f"file://{tmp_path}")
    assert [count(elsewhere), count(elsewhere), len(asked)] == [0, 0, 6]


def test_a_frame_that_does_not_fit_its_table_says_everything_at_once_and_a_root_that_cannot_be_written_too(
    spark: SparkSession, tmp_path: Path
) -> None:
    misfit = spark.createDataFrame([("a", "noon", 1)], "visit_id string, visit_at string, colour int")

    with pytest.raises(CheckFailedError) as caught:
        conform(misfit, VISITS)

    assert str(caught.value) == (
        "not fit for table 'visits' (one visit): visit_at: is string, declared timestamp; "
        "page_count: missing; colour: not declared"
    )
    shuffled = spark.createDataFrame(visits(("a", 1)), schema=VISITS.schema).select(
        "page_count", "visit_at", "visit_id"
    )
    assert conform(shuffled, VISITS).columns == ["visit_id", "visit_at", "page_count"]

    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentMissingError, match="choose another folder with --root"):
        create_tables(Lake(spark, str(tmp_path / "file"), "corner"), [VISITS])

    # a brand's further columns come with the rows that have them, and keep their type
    lake = Lake(spark, str(tmp_path / "root"), "corner")
    create_tables(lake, [VISITS])
    wider = VISITS.with_columns([column("city", StringType(), "city", nullable=True)])
    row = spark.createDataFrame(visits(("a", 1)), schema=VISITS.schema)
    replace_where(lake, wider, row.withColumn("city", F.lit("Kiel")), "visit_id = 'a'")
    replace_where(lake, VISITS, row.withColumn("visit_id", F.lit("b")), "visit_id = 'b'")
    assert {one["visit_id"]: one["city"] for one in rows_of(read_table(lake, wider))} == {"a": "Kiel", "b": None}
    numbered = VISITS.with_columns([column("city", LongType(), "city", nullable=True)])
    with pytest.raises(UsageError, match="declared anew with another type; give it a new name"):
        replace_where(lake, numbered, row.withColumn("city", F.lit(7).cast("bigint")), "visit_id = 'a'")


def test_tables_of_another_version_are_all_named_at_once(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(spark, str(tmp_path), "corner")
    pages = replace(VISITS, name="pages")
    create_tables(lake, [VISITS, pages])

    # given a version that wants a column more, and one that wants one of another type; fewer do no harm
    seconds = VISITS.with_columns([column("seconds", LongType(), "how long", nullable=True)])
    text = replace(pages, columns=(*pages.columns[:2], column("page_count", StringType(), "pages")))
    create_tables(lake, [replace(VISITS, columns=VISITS.columns[:2])])

    with pytest.raises(UsageError) as refused:
        create_tables(lake, [seconds, text])
    assert str(refused.value) == (
        f"the tables in {tmp_path}/corner are of another version of ceasefire (table visits: seconds: missing; "
        "table pages: page_count: is bigint, declared string); choose another folder with --root, or go on with that "
        "version"
    )


def test_whoever_makes_tables_at_the_same_time_finds_them_made(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(spark, str(tmp_path), "corner")
    tables = [replace(VISITS, name=f"visits_{one}") for one in range(4)]

    together([partial(create_tables, lake, tables)] * 4)

    for table in tables:
        assert (rows_of(read_table(lake, table)), table_version(lake, table)) == ([], 0)


def test_a_folder_that_a_killed_process_left_without_a_table_is_named(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corner" / "visits" / "_delta_log").mkdir(parents=True)
    monkeypatch.setattr("ceasefire.storage.lake.CREATION_ATTEMPTS", 2)

    with pytest.raises(UsageError, match=r"corner/visits is not empty and no table; remove it"):
        create_tables(Lake(spark, str(tmp_path), "corner"), [VISITS])


@pytest.mark.parametrize("columns", [("visit_at",), ()])
def test_of_a_file_only_the_extremes_of_declared_columns_are_kept(
    columns: tuple[str, ...], spark: SparkSession, tmp_path: Path
) -> None:
    lake = Lake(spark, str(tmp_path), "corner")
    narrow = replace(VISITS, skip_by=columns)
    create_tables(lake, [narrow])

    append_once(lake, narrow, spark.createDataFrame(visits(("a", 1)), schema=VISITS.schema), "visits", 0)

    lines = Path(lake.path(VISITS.name), "_delta_log", f"{1:020}.json").read_text(encoding="utf-8").splitlines()
    (added,) = (action["add"] for action in map(json.loads, lines) if "add" in action)
    kept = json.loads(added["stats"])
    assert kept["numRecords"] == 1
    assert set(kept.get("minValues", {})) == set(kept.get("maxValues", {})) == set(columns)
