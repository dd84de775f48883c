"""Which ids are one person, whatever was said in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ceasefire.identity.aliases import PERSONS_SCHEMA, persons, refused_merges
from ceasefire.tables import CUSTOMER_MERGES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Said = tuple[str, str, str, int]
"""Event key, id, id that it was merged into, minute."""


def table(said: list[Said]) -> pa.Table:
    rows = [
        {
            "event_key": key,
            "customer_id": old,
            "into_id": into,
            "merged_at": NOON + timedelta(minutes=minute),
            "ingest_batch": 0,
        }
        for key, old, into, minute in said
    ]
    return pa.Table.from_pylist(rows, schema=CUSTOMER_MERGES.arrow_schema)


def found(said: list[Said]) -> dict[str, tuple[str, int]]:
    """By id: the id that stands for it, and the minute from which it does."""
    return {
        row["customer_id"]: (row["person_id"], (row["merged_at"] - NOON) // timedelta(minutes=1))
        for row in persons(table(said)).to_pylist()
    }


def merged(*pairs: str) -> list[Said]:
    """Statements written `a>b`, one a minute."""
    return [(f"e{minute:02d}", *pair.split(">"), minute) for minute, pair in enumerate(pairs)]  # type: ignore[misc]


def refused(said: list[Said]) -> list[str]:
    return refused_merges(table(said))["event_key"].to_pylist()


def test_a_chain_ends_at_the_id_that_is_merged_into_nothing_from_the_last_statement_on_the_way() -> None:
    assert found(merged("a>b", "b>c", "d>b")) == {"a": ("c", 1), "b": ("c", 1), "d": ("c", 2)}
    # the way from the far end may be told first
    assert found(merged("b>c", "a>b")) == {"a": ("c", 1), "b": ("c", 0)}


def test_of_two_targets_the_first_stands_for_all_three() -> None:
    assert found(merged("a>b", "a>c")) == {"a": ("b", 0), "c": ("b", 1)}
    # unless one of them is merged into the other
    assert found(merged("a>b", "a>c", "b>c")) == {"a": ("c", 1), "b": ("c", 1)}
    assert refused(merged("a>b", "a>c", "b>c")) == []


def test_a_statement_that_closes_a_circle_is_refused() -> None:
    assert found(merged("a>b", "b>a")) == {"a": ("b", 0)}
    assert refused(merged("a>b", "b>a")) == ["e01"]
    assert found(merged("a>b", "b>c", "c>a")) == {"a": ("c", 1), "b": ("c", 1)}
    assert refused(merged("a>b", "b>c", "c>a")) == ["e02"]
    # and a way out of the circle is where the person is
    assert found(merged("a>b", "b>a", "a>c"))["b"] == ("c", 2)


def test_whoever_is_merged_into_himself_or_twice_is_nothing_new() -> None:
    assert found(merged("a>a")) == {}
    assert found(merged("a>b", "a>b", "b>b")) == {"a": ("b", 0)}
    assert refused(merged("a>b", "a>b", "b>b", "a>a")) == []


def test_without_merges_everybody_is_themselves() -> None:
    assert persons(table([])) == PERSONS_SCHEMA.empty_table()
    assert refused([]) == []


def test_at_one_instant_the_event_key_decides() -> None:
    assert found([("k2", "a", "b", 5), ("k1", "b", "a", 5)]) == {"b": ("a", 5)}


def test_a_long_chain_is_followed_to_its_end() -> None:
    chain = [(f"e{i:06d}", f"id{i}", f"id{i + 1}", i) for i in range(2000)]

    assert set(found(chain[::-1]).values()) == {("id2000", 1999)}


IDS = st.sampled_from("abcdefg")
SAID = st.lists(st.tuples(IDS, IDS, st.integers(0, 6)), max_size=12).map(
    lambda drawn: [(f"k{(number * 7) % 13:02d}", *rest) for number, rest in enumerate(drawn)]
)


def by_union_find(said: list[Said]) -> tuple[dict[frozenset[str], int], dict[str, frozenset[str]]]:
    """The minute from which each pair of ids is one person, and the ids of each id's person."""
    group = {name: frozenset([name]) for _, old, into, _ in said for name in (old, into)}
    since: dict[frozenset[str], int] = {}
    for _, old, into, minute in sorted(said, key=lambda row: (row[3], row[0])):
        if group[old] == group[into]:
            continue
        since |= {frozenset([x, y]): minute for x in group[old] for y in group[into]}
        both = group[old] | group[into]
        group |= dict.fromkeys(both, both)
    return since, group


@given(SAID, st.data())
def test_persons_are_those_of_union_find_and_the_order_of_rows_never_matters(
    said: list[Said], data: st.DataObject
) -> None:
    since, group = by_union_find(said)

    here = found(said)

    stands = {name: here.get(name, (name, 0))[0] for name in group}
    assert all(stands[x] == stands[y] for x in group for y in group[x])
    assert all(stands[name] in group[name] for name in group)
    assert here == {name: (stands[name], since[frozenset([name, stands[name]])]) for name in here}
    assert {name for name in group if name not in here} == set(stands.values())
    sources = {old for _, old, into, _ in said if old != into}
    for members in set(group.values()):
        ends = members - sources
        assert not ends or {stands[name] for name in members} <= ends
    shuffled = data.draw(st.permutations(said))
    assert persons(table(shuffled)) == persons(table(said))
    assert refused(shuffled) == refused(said)


@given(SAID)
def test_the_way_to_a_person_leads_over_statements_and_no_later_ones_than_needed(said: list[Said]) -> None:
    rows = {row["customer_id"]: row for row in persons(table(said)).to_pylist()}
    stated = {(frozenset([old, into]), NOON + timedelta(minutes=minute)) for _, old, into, minute in said}
    for row in rows.values():
        at, instants = row, []
        while at["customer_id"] != row["person_id"]:
            assert (frozenset([at["customer_id"], at["through_id"]]), at["through_at"]) in stated
            instants.append(at["through_at"])
            at = rows.get(at["through_id"], {"customer_id": at["through_id"]})
        assert row["merged_at"] == max(instants)


@given(SAID)
def test_only_statements_within_a_circle_are_refused_and_without_them_there_is_none(said: list[Said]) -> None:
    closing = set(refused(said))
    kept = [row for row in said if row[0] not in closing]
    assert refused(kept) == []
    assert by_union_find(kept)[0] == by_union_find(said)[0]
