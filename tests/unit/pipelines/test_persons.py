"""Which ids a question is about, and which decision answers it, once ids were merged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ceasefire.identity.aliases import persons
from ceasefire.pipelines.decision_pass import listed_customers
from ceasefire.pipelines.explain import decided_for
from ceasefire.pipelines.persons import counting, ids_with
from ceasefire.tables import CUSTOMER_MERGES

CLOSE = datetime(2026, 3, 2, 6, tzinfo=UTC)
NEXT_CLOSE = CLOSE + timedelta(days=1)
SECOND = timedelta(seconds=1)


def merges(*rows: tuple[str, str, datetime, int]) -> pa.Table:
    stated = [
        {"event_key": f"e{n}", "customer_id": old, "into_id": into, "merged_at": at, "ingest_batch": batch}
        for n, (old, into, at, batch) in enumerate(rows)
    ]
    return pa.Table.from_pylist(stated, schema=CUSTOMER_MERGES.arrow_schema)


def test_a_merge_counts_from_the_instant_after_it_once_it_has_arrived() -> None:
    known = merges(("a", "b", CLOSE - SECOND, 0), ("c", "d", CLOSE, 0), ("e", "f", CLOSE - SECOND, 1))

    assert counting(known, CLOSE, 0)["customer_id"].to_pylist() == ["a"]
    assert counting(known, CLOSE + SECOND, 0)["customer_id"].to_pylist() == ["a", "c"]
    assert counting(known, CLOSE, 1)["customer_id"].to_pylist() == ["a", "e"]


def test_any_id_of_a_person_leads_to_all_of_them_and_a_stranger_to_none_but_themselves() -> None:
    known = persons(merges(("a", "b", CLOSE, 0), ("b", "c", CLOSE, 0), ("x", "y", CLOSE, 0)))

    assert [ids_with(known, name) for name in ("a", "b", "c")] == [["a", "b", "c"]] * 3
    assert ids_with(known, "y") == ["x", "y"]
    assert ids_with(known, "z") == ["z"]


def test_whoever_lists_any_id_of_a_person_lists_the_person_once() -> None:
    listed = listed_customers({"club.csv": ("old", "new", "zoe"), "vip.csv": ("old",)}, {"old": "new"})

    assert listed.to_pylist() == [
        {"customer_id": "new", "on_lists": ["club.csv", "vip.csv"]},
        {"customer_id": "zoe", "on_lists": ["club.csv"]},
    ]


def decided(*rows: tuple[str, datetime]) -> list[dict[str, Any]]:
    return [
        {"decision_id": f"{customer}/{close:%d}", "window_end": close, "through_batch": 0, "customer_id": customer}
        for customer, close in rows
    ]


def test_a_decision_is_that_of_the_id_itself_until_it_was_merged_and_then_that_of_the_person() -> None:
    known = merges(("old", "new", CLOSE, 0))

    def person_by_id(as_of: datetime, through_batch: int) -> dict[str, str]:
        return {
            row["customer_id"]: row["person_id"] for row in persons(counting(known, as_of, through_batch)).to_pylist()
        }

    both = decided(("old", CLOSE), ("new", CLOSE), ("new", NEXT_CLOSE))
    assert decided_for("old", both, person_by_id) == decided_for("new", both, person_by_id) == ["new/03"]
    assert decided_for("old", both[:2], person_by_id) == ["old/02"]
    assert decided_for("new", both[:2], person_by_id) == ["new/02"]
    # what was decided for the other id before they were merged was decided for somebody else
    assert decided_for("new", both[:1], person_by_id) == []
