"""The same expectations as suites of Great Expectations: a second opinion that shares nothing with ours."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from ceasefire.errors import CheckFailedError
from ceasefire.quality.expectations import Expectation, Kind

_NAME = "name"


def suite_counts(frame: DataFrame, expectations: Sequence[Expectation]) -> tuple[int, dict[str, int]]:
    """How many rows there are, and for each expectation, by name, how many do not meet it.

    Raises:
        CheckFailedError: Great Expectations could not tell.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gx = _great_expectations()
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment, unused-ignore]
        source = context.data_sources.add_spark("spark", persist=False)
        whole = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("whole")
        suite = gx.ExpectationSuite("window", expectations=[_of_gx(gx.expectations, one) for one in expectations])
        kept = frame.persist()
        try:
            row_count = kept.count()
            if not row_count:  # of nothing it says nothing
                return 0, dict.fromkeys((one.name for one in expectations), 0)
            # The counts alone: for examples of what does not hold it asks once more for each expectation.
            outcome = whole.get_batch({"dataframe": kept}).validate(
                suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0}
            )
        finally:
            kept.unpersist()
    counts: dict[str, int] = {}
    # They come back in an order of their own.
    for result in outcome.results:
        config = result.expectation_config
        name, count = (config.meta or {})[_NAME] if config else "", result.result.get("unexpected_count")
        if count is None:
            table = expectations[0].table
            raise CheckFailedError(f"Great Expectations could not check {table}: {name}: {_why(result)}")
        counts[name] = int(count)
    return row_count, counts


def _of_gx(kinds: Any, one: Expectation) -> Any:
    column, meta = one.columns[0], {_NAME: one.name}
    if one.kind is Kind.NOT_NULL:
        return kinds.ExpectColumnValuesToNotBeNull(column=column, meta=meta)
    if one.kind is Kind.UNIQUE and len(one.columns) == 1:
        return kinds.ExpectColumnValuesToBeUnique(column=column, meta=meta)
    if one.kind is Kind.UNIQUE:
        return kinds.ExpectCompoundColumnsToBeUnique(
            column_list=list(one.columns), ignore_row_if="any_value_is_missing", meta=meta
        )
    if one.kind is Kind.ONE_OF:
        return kinds.ExpectColumnValuesToBeInSet(column=column, value_set=list(one.allowed), meta=meta)
    return kinds.ExpectColumnValuesToBeBetween(column=column, min_value=one.least, max_value=one.most, meta=meta)


def _why(result: Any) -> str:
    """The first line of what went wrong inside."""
    told = [one for one in result.exception_info.values() if isinstance(one, dict)]
    messages = [str(one.get("exception_message", "")) for one in told] or [str(result.exception_info)]
    return messages[0].splitlines()[0]


def _great_expectations() -> Any:
    """The library, which takes ten seconds to import, counts its users over the network unless told not to, and talks.

    On the way it imports Spark's own client, which takes a main module without a file (of `python -c`, say) for a run
    of its doctests, and ends the process.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    main = sys.modules["__main__"]
    has_no_file = not hasattr(main, "__file__")
    if has_no_file:
        main.__file__ = ""
    try:
        import great_expectations
    finally:
        if has_no_file:
            del main.__file__
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return great_expectations
