"""Each notebook run on the demo's data; what it shows is counted again by DuckDB over the files of the tables."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from matplotlib.image import imread
from pyspark.sql import SparkSession

from ceasefire.cli.main import exit_code_of
from ceasefire.errors import ConfigurationError
from ceasefire.pipelines.views import segment_changes, try_rule
from ceasefire.storage.lake import Lake, read_table
from ceasefire.tables import ALL_TABLES
from notebooks.cells import FOLDER, NOTEBOOKS, cells_of, run_cells

BRAND = "completejourney"
RULE = "order_count_90d >= 20 OR days_since_last_order IS NULL"


@pytest.fixture(scope="module")
def demo(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo has played two windows, in the session that is there."""
    folder = tmp_path_factory.mktemp("demo")
    assert exit_code_of(["demo", "--windows", "2", "--root", str(folder), "--json"]) == 0
    assert spark.sql("SELECT 1").count() == 1
    return folder


@pytest.fixture(scope="module")
def tables(spark: SparkSession, demo: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The newest rows of every table, for SQL that shares nothing with the program."""
    files = tmp_path_factory.mktemp("parquet")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in ALL_TABLES:
        path = files / table.name
        read_table(Lake(spark, str(demo), BRAND), table).write.parquet(str(path))
        connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM '{path}/*.parquet'")
    return connection


@pytest.fixture
def told(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The questions of notebooks answered; the folder for their plots."""
    answers = {"CONF": demo / "conf", "ROOT": demo, "PLOTS": tmp_path / "plots", "RULE": RULE}
    for name, answer in answers.items():
        monkeypatch.setenv(f"CEASEFIRE_{name}", str(answer))
    return tmp_path / "plots"


def assert_plots(folder: Path, count: int) -> None:
    """So many pictures, each with something on it."""
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == count
    for picture in pictures:
        pixels = imread(picture)[:, :, :3]
        inked = (pixels < 0.95).any(axis=2).mean()
        assert min(pixels.shape[:2]) > 100
        assert 0.01 < inked < 0.95


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(sql).fetchall())


def tuples(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(frame.itertuples(index=False, name=None))


def test_what_happened_in_a_window(tables: duckdb.DuckDBPyConnection, told: Path) -> None:
    scope = run_cells(FOLDER / "what_happened_in_a_window.py")

    newest = "window_end = (SELECT max(window_end) FROM decisions)"
    wanted = f"""
        SELECT len(list_distinct([c.campaign_id FOR c IN candidates
                                  IF coalesce(c.reason_code, '') NOT IN ('not_in_audience', 'outside_dates')])) AS n
        FROM decisions WHERE {newest}
    """
    before = dict(rows(tables, f"SELECT n, count(*) FROM ({wanted}) GROUP BY n"))
    after = dict(rows(tables, f"SELECT if(outcome = 'send', 1, 0), count(*) FROM decisions WHERE {newest} GROUP BY 1"))
    shown = scope["before_and_after"].set_index("messages")
    assert {n: count for n, count in shown["every_campaign_on_its_own"].items() if count} == before
    assert {n: count for n, count in shown["decided"].items() if count} == after
    assert max(before) > 1 >= max(after)
    # the runs have counted the crossfire themselves
    (crossfire,) = rows(tables, f"SELECT crossfire_count FROM decision_runs WHERE {newest}")
    assert sum(count for n, count in before.items() if n > 1) == crossfire[0]

    lost = f"SELECT unnest(candidates) AS c FROM decisions WHERE {newest}"
    sql = f"SELECT c.campaign_id, c.reason_code, count(*) FROM ({lost}) WHERE c.reason_code IS NOT NULL GROUP BY 1, 2"
    assert tuples(scope["lost"]) == rows(tables, sql)

    sends = f"""
        SELECT treatment.send_id AS id, treatment.channel AS channel, treatment.slot_at AS slot
        FROM decisions WHERE {newest} AND outcome = 'send'
    """
    fates = {
        "decided": f"SELECT channel, count(*) FROM ({sends}) GROUP BY 1",
        "queued": f"SELECT s.channel, count(*) FROM ({sends}) s JOIN send_queue q ON q.send_id = s.id GROUP BY 1",
        "withheld": f"SELECT s.channel, count(*) FROM ({sends}) s JOIN withheld_sends w ON w.send_id = s.id GROUP BY 1",
    }
    for fate, sql in fates.items():
        by_channel = dict(zip(scope["queued"]["channel"], scope["queued"][fate], strict=True))
        assert {channel: count for channel, count in by_channel.items() if count} == dict(rows(tables, sql))
    by_hour = rows(
        tables,
        f"SELECT timezone('America/New_York', slot), channel, count(*) FROM ({sends}) GROUP BY 1, 2",
    )
    assert tuples(scope["hours"]) == [(pd.Timestamp(at), channel, count) for at, channel, count in by_hour]
    assert_plots(told, 4)


def test_explore_segments(tables: duckdb.DuckDBPyConnection, told: Path) -> None:
    scope = run_cells(FOLDER / "explore_segments.py")

    members = "SELECT customer_id, unnest(segments).segment_id AS segment_id FROM segment_memberships"
    assert tuples(scope["sizes"]) == rows(tables, f"SELECT segment_id, count(*) FROM ({members}) GROUP BY 1")
    overlap = f"""
        WITH m AS ({members}), n AS (SELECT segment_id, count(*) AS size FROM m GROUP BY 1)
        SELECT a.segment_id, b.segment_id, count(*) / (any_value(x.size) + any_value(y.size) - count(*))
        FROM m a JOIN m b USING (customer_id) JOIN n x ON x.segment_id = a.segment_id
        JOIN n y ON y.segment_id = b.segment_id GROUP BY 1, 2
    """
    shown = scope["overlaps"]
    assert {(one, other): share for one, other, share in rows(tables, overlap)} == pytest.approx(
        {(one, other): shown.loc[one, other] for one in shown.index for other in shown.columns if shown.loc[one, other]}
    )

    newest = "window_end = (SELECT max(window_end) FROM decisions)"
    tried = f"SELECT customer_id FROM window_features WHERE {newest} AND ({RULE})"
    assert [(one,) for one in scope["members"]["customer_id"]] == rows(tables, tried) != []
    assert_plots(told, 2)


def test_who_came_and_went_adds_up_to_the_transitions(tables: duckdb.DuckDBPyConnection, told: Path) -> None:
    scope = run_cells(FOLDER / "explore_segments.py")

    changes = segment_changes(scope["workspace"].lake, scope["window"])
    counted = changes.groupby(["segment_id", "direction"], as_index=False)["customers"].sum()
    newest = "window_end = (SELECT max(window_end) FROM decisions)"
    sql = f"SELECT segment_id, direction, count(*) FROM membership_transitions WHERE {newest} GROUP BY 1, 2"
    assert tuples(counted) == rows(tables, sql) != []


def test_why_this_message(
    spark: SparkSession,
    demo: Path,
    tables: duckdb.DuckDBPyConnection,
    told: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # given a customer who got something in the newest window
    sql = """
        SELECT v.natural_id, d.treatment.campaign_id, d.customer_id, len(d.candidates)
        FROM decisions d JOIN contacts_vault v USING (customer_id)
        WHERE d.outcome = 'send' AND d.window_end = (SELECT max(window_end) FROM decisions)
        ORDER BY len(d.candidates) DESC, v.natural_id LIMIT 1
    """
    ((natural_id, campaign, pseudonym, candidate_count),) = tables.execute(sql).fetchall()
    monkeypatch.setenv("CEASEFIRE_CUSTOMER", natural_id)

    scope = run_cells(FOLDER / "why_this_message.py")

    shown = capsys.readouterr().out
    assert f"Send {campaign} by" in shown
    assert len(scope["explanation"].decision["candidates"]) == candidate_count
    did = tables.execute("SELECT count(*) FROM events WHERE customer_id = ?", [pseudonym]).fetchall()[0][0]
    got = tables.execute("SELECT count(*) FROM send_queue WHERE customer_id = ?", [pseudonym]).fetchall()[0][0]
    assert scope["history"]["kind"].isin(["queued"]).sum() == got > 0
    assert (~scope["history"]["kind"].isin(["queued", "withheld"])).sum() == did
    assert_plots(told, 2)


def test_a_rule_that_is_none_is_refused_with_all_its_problems(told: Path) -> None:
    scope = run_cells(FOLDER / "what_happened_in_a_window.py")

    with pytest.raises(ConfigurationError) as refused:
        try_rule(scope["workspace"], scope["window"], "oder_count_90d > 3 AND never_heard_of = 'x'")

    assert [line.partition(",")[0] for line in str(refused.value).splitlines()] == ["the rule: unknown feature"] * 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.stem)
def test_a_notebook_is_short_cells_of_library_calls_with_its_questions_at_the_top(notebook: Path) -> None:
    cells = cells_of(notebook)
    code = [cell for cell in cells if cell.is_code]

    assert "# MAGIC %md" in cells[0].text
    assert all(len(cell.text.splitlines()) <= 40 for cell in cells)
    assert [cell.line for cell in code if "ask" in cell.calls] == [code[0].line]
    for cell in code:
        for node in ast.walk(ast.parse(cell.text)):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While | ast.Lambda)
            if isinstance(node, ast.ImportFrom | ast.Import):
                assert isinstance(node, ast.ImportFrom)
                assert str(node.module).startswith("ceasefire.")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.stem)
def test_without_its_tables_a_notebook_run_as_a_script_says_one_sentence(
    notebook: Path, demo: Path, tmp_path: Path
) -> None:
    where = {"CEASEFIRE_CONF": str(demo / "conf"), "CEASEFIRE_ROOT": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, str(notebook)], env=os.environ | where, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr == f"no tables of brand {BRAND} in {tmp_path}; has `ceasefire run` been here?\n"
    assert done.stdout == ""
