"""Who entered and left which segment between two closes, as far as no comparison has to be looked up for it."""

from datetime import timedelta
from typing import Any

import pyarrow as pa

from ceasefire.config.segments import RESIDUAL_SEGMENT
from ceasefire.pipelines.memberships import Changes, membership_changes, shown_value, values_read
from ceasefire.pipelines.workspace import BrandAtWork, Workspace
from ceasefire.runtime.clock import FixedClock
from ceasefire.storage.lake import Lake
from ceasefire.tables import MEMBERSHIP_TRANSITIONS, SEGMENT_MEMBERSHIPS
from unit.pipelines.shop import CLOSE, FLAGS, campaign, customers, pass_over, passed_here, shop

NEXT_CLOSE = CLOSE + timedelta(days=1)
SHOP = shop([campaign("welcome")])
NOTHING_BEFORE = SEGMENT_MEMBERSHIPS.arrow_schema.empty_table()


def changes(at_work: BrandAtWork, before: pa.Table, rows: dict[str, Any], close: Any) -> Changes:
    # The tables are only asked for features of a close before, of which there is none or no need here.
    without_tables = Workspace(Lake(None, "nowhere", "shop"), at_work, FixedClock(close))  # type: ignore[arg-type]
    return membership_changes(
        without_tables, at_work, before, passed_here(pass_over(at_work), customers(at_work, rows)), close
    )


def moves(found: Changes) -> list[tuple[str, str, str]]:
    rows = found.transitions.to_pylist()
    return [(row["customer_id"], row["direction"], row["segment_id"]) for row in rows]


def test_at_the_first_close_everybody_enters_their_segments_and_nobody_is_in_none() -> None:
    rows = {"b": {}, "a": {"browsed": "yes", "is_new": "yes"}}

    first = changes(SHOP, NOTHING_BEFORE, rows, CLOSE)

    assert moves(first) == [("a", "enter", "browsed"), ("a", "enter", "is_new"), ("b", "enter", RESIDUAL_SEGMENT)]
    assert first.transitions.schema == MEMBERSHIP_TRANSITIONS.arrow_schema
    assert first.memberships.to_pylist() == [
        {
            "customer_id": "a",
            "window_end": CLOSE,
            # in the order of declaration
            "segments": [{"segment_id": "is_new", "entered_at": CLOSE}, {"segment_id": "browsed", "entered_at": CLOSE}],
        },
        {
            "customer_id": "b",
            "window_end": CLOSE,
            "segments": [{"segment_id": RESIDUAL_SEGMENT, "entered_at": CLOSE}],
        },
    ]


def test_whoever_stays_keeps_the_close_at_which_they_entered_and_makes_no_move() -> None:
    rows = {"b": {}, "c": {}}
    first = changes(SHOP, NOTHING_BEFORE, {"b": {}}, CLOSE)

    second = changes(SHOP, first.memberships, rows, NEXT_CLOSE)

    assert moves(second) == [("c", "enter", RESIDUAL_SEGMENT)]
    entered = {row["customer_id"]: row["segments"][0]["entered_at"] for row in second.memberships.to_pylist()}
    assert entered == {"b": CLOSE, "c": NEXT_CLOSE}
    assert set(second.memberships["window_end"].to_pylist()) == {NEXT_CLOSE}


def test_whoever_has_left_the_population_leaves_the_segment() -> None:
    first = changes(SHOP, NOTHING_BEFORE, {"a": {}, "b": {}}, CLOSE)

    second = changes(SHOP, first.memberships, {"b": {}}, NEXT_CLOSE)

    assert moves(second) == [("a", "leave", RESIDUAL_SEGMENT)]
    assert second.memberships["customer_id"].to_pylist() == ["b"]


def test_a_segment_that_is_no_longer_declared_is_left_by_all_who_were_in_it() -> None:
    first = changes(SHOP, NOTHING_BEFORE, {"a": {"is_new": "yes", "browsed": "yes"}}, CLOSE)
    fewer = [{"id": flag, "rule": f"{flag} = 'yes'"} for flag in FLAGS if flag != "browsed"]
    at_work = shop([campaign("welcome")], segments=fewer)

    second = changes(at_work, first.memberships, {"a": {"is_new": "yes", "browsed": "yes"}}, NEXT_CLOSE)

    assert second.transitions.to_pylist() == [
        {
            "customer_id": "a",
            "segment_id": "browsed",
            "direction": "leave",
            "window_end": NEXT_CLOSE,
            "criteria": [],
        }
    ]


def test_values_are_shown_as_a_person_reads_them() -> None:
    features = pa.table({"days": [7.0], "ratio": [1 / 3], "count": [3], "text": pa.array([None], pa.string())})

    assert values_read(features, 0, ["days", "ratio", "count"]) == "days = 7, ratio = 0.33, count = 3"
    assert values_read(features, 0, ["text"]) == "text = unknown"
    assert shown_value(100.0) == "100"
