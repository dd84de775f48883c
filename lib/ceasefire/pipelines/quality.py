"""The check of a window's rows, outside what commits them: its results are rows, and one page for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ceasefire.errors import CheckFailedError, UsageError
from ceasefire.pipelines.operators import count_on_hold
from ceasefire.pipelines.windows import decided_windows, epoch_minutes
from ceasefire.pipelines.workspace import Workspace
from ceasefire.quality.expectations import Expectation, checked_columns, expectations_of, unexpected_counts
from ceasefire.quality.page import quality_page
from ceasefire.quality.suites import suite_counts
from ceasefire.runtime.failures import cause_of
from ceasefire.storage.lake import Lake, append_once, read_table, remembered, rows_of
from ceasefire.tables import (
    DECISIONS,
    EVENTS,
    QUALITY_RESULTS,
    WINDOW_CLOSES,
    WINDOW_FEATURES,
    DeltaTable,
)

PAGE = "quality.html"
THE_CHECK = "check"
CAME_TO_ITS_END = "came to its end"
LONGEST_REASON = 400
CHECKED_TABLES = (EVENTS, WINDOW_FEATURES, DECISIONS)


def each(days: int) -> Callable[[datetime], bool]:
    """Whether a window is the one of so many that is checked; of 0, none is."""
    return lambda window_end: days > 0 and window_end.toordinal() % days == 0


def is_checked(lake: Lake, window_end: datetime) -> bool:
    """Whether a window has been checked."""
    return not read_table(lake, QUALITY_RESULTS).where(F.col("window_end") == F.lit(window_end)).isEmpty()


def check_window(workspace: Workspace, window_end: datetime) -> list[dict[str, Any]]:
    """Check what came in for a window, everybody's features and the decisions; the results are kept, and replace older.

    Every count is taken twice, by the native pass and by Great Expectations.

    Returns:
        The rows of quality_results.

    Raises:
        UsageError: the window is not decided.
        CheckFailedError: the two counts differ.
    """
    lake = workspace.lake
    closes = rows_of(read_table(lake, WINDOW_CLOSES).where(F.col("window_end") <= F.lit(window_end)))
    through = sorted((one["window_end"], one["through_batch"]) for one in closes)
    if not through or through[-1][0] != window_end:
        raise UsageError(f"the window of {window_end.isoformat()} was never closed")
    before = through[-2][1] if len(through) > 1 else -1
    here = F.col("window_end") == F.lit(window_end)
    rows = {
        EVENTS.name: read_table(lake, EVENTS).where(
            (F.col("ingest_batch") > before) & (F.col("ingest_batch") <= through[-1][1])
        ),
        WINDOW_FEATURES.name: read_table(lake, WINDOW_FEATURES).where(here),
        DECISIONS.name: read_table(lake, DECISIONS).where(here),
    }
    number = _next_number(lake, window_end)
    results = [one for table in CHECKED_TABLES for one in _check_table(workspace, table, rows[table.name])]
    results = [{"window_end": window_end, "check_number": number} | one for one in results]
    table = pa.Table.from_pylist(results, schema=QUALITY_RESULTS.arrow_schema)
    append_once(lake, QUALITY_RESULTS, table, f"check {epoch_minutes(window_end)}", number)
    write_quality_page(workspace)
    return results


def examine_window(workspace: Workspace, window_end: datetime) -> list[dict[str, Any]]:
    """Check a window as `check_window`; a check that cannot be taken to its end counts as failed and holds the window.

    Returns:
        The rows of quality_results; of a check that did not end, one that says why.

    Raises:
        UsageError: the window is not decided.
    """
    try:
        return check_window(workspace, window_end)
    except UsageError:
        raise
    except Exception as error:
        lake = workspace.lake
        number = _next_number(lake, window_end)
        results = [unended_check(window_end, number, error)]
        table = pa.Table.from_pylist(results, schema=QUALITY_RESULTS.arrow_schema)
        append_once(lake, QUALITY_RESULTS, table, f"check {epoch_minutes(window_end)}", number)
        return results


def unended_check(window_end: datetime, number: int, error: Exception) -> dict[str, Any]:
    """Return the row of quality_results of a check that an error ended.

    Args:
        window_end: the close.
        number: of the check.
        error: what was raised.
    """
    said = " ".join(str(cause_of(error)).split())
    return {
        "window_end": window_end,
        "check_number": number,
        "table_name": THE_CHECK,
        "expectation": CAME_TO_ITS_END,
        "reason": said[:LONGEST_REASON],
        "is_critical": True,
        "row_count": 0,
        "unexpected_count": 1,
    }


def newest_results(lake: Lake) -> DataFrame:
    """The rows of the newest check of each window."""
    of_window = Window.partitionBy("window_end")
    results = read_table(lake, QUALITY_RESULTS).withColumn("newest", F.max("check_number").over(of_window))
    return results.where(F.col("check_number") == F.col("newest")).drop("newest")


def held_windows(lake: Lake) -> list[datetime]:
    """The windows of which nothing may be released: something critical does not hold, or is yet to be checked."""
    examined = {one.window_end for one in decided_windows(lake) if one.is_examined}
    is_broken = remembered(lake, "broken windows", [QUALITY_RESULTS], lambda: _broken_windows(lake))
    return sorted(examined - is_broken.keys() | {window for window, broken in is_broken.items() if broken})


def failed_windows(lake: Lake) -> list[datetime]:
    """The held windows whose newest check failed; the others are yet to be checked."""
    is_broken = remembered(lake, "broken windows", [QUALITY_RESULTS], lambda: _broken_windows(lake))
    return sorted(window for window, broken in is_broken.items() if broken)


def mended_windows(lake: Lake) -> list[datetime]:
    """The windows of which a check failed once, and the newest one did not."""

    def ask() -> list[datetime]:
        is_broken = F.col("is_critical") & (F.col("unexpected_count") > 0)
        once = rows_of(read_table(lake, QUALITY_RESULTS).where(is_broken).select("window_end").distinct())
        return [row["window_end"] for row in once]

    failed_once = remembered(lake, "windows that failed once", [QUALITY_RESULTS], ask)
    return sorted(set(failed_once) - set(failed_windows(lake)))


def held_results(lake: Lake) -> list[dict[str, Any]]:
    """Why windows are held: the critical results that do not hold, and a row for each window that is not checked yet.

    Returns:
        Rows as of quality_results, by window; of a window that is not checked yet check_number is -1.
    """
    failed, held = failed_windows(lake), held_windows(lake)
    if not held:
        return []
    is_broken = F.col("is_critical") & (F.col("unexpected_count") > 0)
    rows = rows_of(newest_results(lake).where(F.col("window_end").isin(held) & is_broken))
    unchecked = [_unchecked(window) for window in held if window not in failed]
    return sorted([*rows, *unchecked], key=lambda row: (row["window_end"], row["table_name"], row["expectation"]))


def held_line(result: Mapping[str, Any]) -> str:
    """Say in one line why a window is held, and what to do.

    Args:
        result: a row of `held_results`.
    """
    if result["check_number"] < 0:
        why = "its rows are not checked yet; the next run does it, or `ceasefire check`"
    elif result["expectation"] == CAME_TO_ITS_END:
        why = f"its check did not come to its end: {result['reason']}; put it right, then `ceasefire check`"
    else:
        why = (
            f"{result['table_name']}: {result['expectation']}: {result['unexpected_count']:,} of "
            f"{result['row_count']:,} rows do not meet it ({result['reason']}); put it right, then `ceasefire check`"
        )
    return f"release of {result['window_end'].isoformat()} is held: {why}"


def held_counts(lake: Lake) -> dict[str, int]:
    """How many windows are held, by why: `failed` or `unchecked`; what is 0 is left out."""
    failed = len(failed_windows(lake))
    counts = {"failed": failed, "unchecked": len(held_windows(lake)) - failed}
    return {why: count for why, count in counts.items() if count > 0}


def _unchecked(window_end: datetime) -> dict[str, Any]:
    return {
        "window_end": window_end,
        "check_number": -1,
        "table_name": THE_CHECK,
        "expectation": CAME_TO_ITS_END,
        "reason": "not checked yet",
        "is_critical": True,
        "row_count": 0,
        "unexpected_count": 1,
    }


def _broken_windows(lake: Lake) -> dict[datetime, bool]:
    """Of each window that was checked, whether something critical does not hold."""
    is_broken = F.max(F.col("is_critical") & (F.col("unexpected_count") > 0)).alias("is_broken")
    rows = rows_of(newest_results(lake).groupBy("window_end").agg(is_broken))
    return {row["window_end"]: row["is_broken"] for row in rows}


def write_quality_page(workspace: Workspace) -> None:
    """Write the page beside the tables, where they are a folder of this machine."""
    folder = workspace.lake.local_folder
    if folder is None:
        return
    brand = workspace.brand.settings.brand
    results = rows_of(newest_results(workspace.lake))
    draft = folder / f".{PAGE}.draft"
    draft.write_text(quality_page(brand, results, count_on_hold(workspace.lake)), "utf-8")
    draft.replace(folder / PAGE)


def _check_table(workspace: Workspace, table: DeltaTable, rows: DataFrame) -> list[dict[str, Any]]:
    types = workspace.programs.feature_types
    expectations = expectations_of(table, types)
    frame = checked_columns(table, rows, types)
    row_count, counts = unexpected_counts(frame, expectations)
    by_suite = suite_counts(frame, expectations)
    if (row_count, counts) != by_suite:
        raise CheckFailedError(
            f"{table.name}: the native pass counts {_told(row_count, counts)}, Great Expectations {_told(*by_suite)}"
        )
    return [_result(one, row_count, counts[one.name]) for one in expectations]


def _result(expectation: Expectation, row_count: int, unexpected_count: int) -> dict[str, Any]:
    return {
        "table_name": expectation.table,
        "expectation": expectation.name,
        "reason": expectation.reason,
        "is_critical": expectation.is_critical,
        "row_count": row_count,
        "unexpected_count": unexpected_count,
    }


def _told(row_count: int, counts: dict[str, int]) -> str:
    return f"{row_count} rows, unexpected { ({name: count for name, count in counts.items() if count}) }"


def _next_number(lake: Lake, window_end: datetime) -> int:
    here = read_table(lake, QUALITY_RESULTS).where(F.col("window_end") == F.lit(window_end))
    (newest,) = rows_of(here.agg(F.max("check_number").alias("number")))
    return 0 if newest["number"] is None else newest["number"] + 1
