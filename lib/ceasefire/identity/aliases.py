"""Which ids are one person: statements that two ids were merged, followed to their ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from ceasefire.arrow import BoolArray, IntArray

INSTANT = pa.timestamp("us", tz="UTC")
PERSONS_SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string()),
        pa.field("person_id", pa.string()),
        pa.field("merged_at", INSTANT),
        pa.field("through_id", pa.string()),
        pa.field("through_at", INSTANT),
    ]
)
"""One id that another one stands for: that one, the instant from which the two are one person, and the id next to it
on the way there, with the instant from which those two are."""

_STATEMENT = ("event_key", "customer_id", "into_id", "merged_at")


@dataclass(frozen=True)
class _Merges:
    """Statements in the order in which they are taken, self merges left out, ids as codes.

    Shapes, for m statements on n ids:
        rows           (m,) the statements, oldest first
        ids            (n,) the ids
        source, target (m,) codes
        is_needed      (m,) whether a statement joins two ids that those before it do not make one person
    """

    rows: pa.Table
    ids: pa.Array
    source: IntArray
    target: IntArray
    is_needed: BoolArray


def persons(merges: pa.Table) -> pa.Table:
    """Return the id that stands for each person, for every other id of that person.

    Statements are taken by (merged_at, event_key); one on two ids that are one person by then adds nothing. The id
    that stands for a person is the one that was merged into no other; of several the one that another was merged into
    first. Where a circle leaves none, the statements that close it do not count. The order of the rows never matters.

    Args:
        merges: event_key, customer_id, into_id, merged_at: one row for each statement.

    Returns:
        PERSONS_SCHEMA, one row for each id that occurs and does not stand for itself, by customer_id.
    """
    known = _read(merges)
    if not len(known.ids):
        return PERSONS_SCHEMA.empty_table()
    person = _standing_ids(known)
    through, own_rank, last_rank = _ways(known, person)
    others = np.flatnonzero(person != np.arange(len(person)))
    instants = known.rows["merged_at"].combine_chunks()
    columns = [
        known.ids.take(pa.array(others)),
        known.ids.take(pa.array(person[others])),
        instants.take(pa.array(last_rank[others])),
        known.ids.take(pa.array(through[others])),
        instants.take(pa.array(own_rank[others])),
    ]
    table = pa.table([column.cast(field.type) for column, field in zip(columns, PERSONS_SCHEMA, strict=True)],
                     schema=PERSONS_SCHEMA)  # fmt: skip
    return table.sort_by("customer_id")


def refused_merges(merges: pa.Table) -> pa.Table:
    """Return the statements that close a circle, and so do not count: event_key, customer_id, into_id, merged_at.

    Args:
        merges: as `persons` takes them.
    """
    known = _read(merges)
    n = len(known.ids)
    if not n:
        return known.rows
    _, circle = connected_components(_graph(known.source, known.target, n), directed=True, connection="strong")
    closes = ~known.is_needed & (circle[known.source] == circle[known.target])
    return known.rows.filter(pa.array(closes))


def _read(merges: pa.Table) -> _Merges:
    rows = merges.select(list(_STATEMENT))
    rows = rows.filter(pc.not_equal(rows["customer_id"], rows["into_id"]))
    rows = rows.sort_by([(name, "ascending") for name in ("merged_at", "event_key", "customer_id", "into_id")])
    m = rows.num_rows
    both = pa.chunked_array([*rows["customer_id"].chunks, *rows["into_id"].chunks], pa.string()).combine_chunks()
    encoded = both.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    source, target = codes[:m], codes[m:]
    return _Merges(rows, encoded.dictionary, source, target, _needed(source, target, len(encoded.dictionary)))


def _needed(source: IntArray, target: IntArray, n: int) -> BoolArray:
    """Return (m,) which statements a minimum spanning forest by their order is made of: those union-find would take."""
    low, high = np.minimum(source, target), np.maximum(source, target)
    # Of statements on the same two ids the first; scipy would add them up.
    _, firsts = np.unique(low * n + high, return_index=True)
    # An edge that weighs nothing is none to scipy.
    forest = minimum_spanning_tree(_graph(low[firsts], high[firsts], n, firsts + 1))
    is_needed = np.zeros(len(source), np.bool_)
    is_needed[forest.data.astype(np.int64) - 1] = True
    return is_needed


def _standing_ids(known: _Merges) -> IntArray:
    """Return (n,) the code of the id that stands for each id's person."""
    n = len(known.ids)
    _, component = connected_components(_graph(known.source, known.target, n), directed=False)
    is_end = np.bincount(known.source, minlength=n) == 0
    is_end_of_needed = np.bincount(known.source[known.is_needed], minlength=n) == 0
    has_end = np.zeros(n, np.bool_)
    has_end[component[is_end]] = True
    may_stand = np.flatnonzero(np.where(has_end[component], is_end, is_end_of_needed))
    named_first = np.full(n, len(known.source), np.int64)
    np.minimum.at(named_first, known.target, np.arange(len(known.target)))
    in_order = may_stand[np.lexsort((named_first[may_stand], component[may_stand]))]
    components, firsts = np.unique(component[in_order], return_index=True)
    standing = np.empty(len(components), np.int64)
    standing[components] = in_order[firsts]
    person: IntArray = standing[component]
    return person


def _ways(known: _Merges, person: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Follow the needed statements from each id to the one that stands for its person.

    Returns:
        (n,) the next id on the way, the statement that leads there, and the last one of the whole way; the ids that
        stand for themselves are their own next, by no statement (-1).
    """
    n = len(person)
    ranks = np.flatnonzero(known.is_needed)
    source, target = known.source[ranks], known.target[ranks]
    standing = np.unique(person)
    # One search finds the ways of all persons, from an extra node that is next to each.
    graph = _graph(np.append(source, standing), np.append(target, np.full(len(standing), n)), n + 1)
    _, towards = breadth_first_order(graph, n, directed=False)
    following = towards[:n].astype(np.int64)
    following[standing] = standing
    child = np.where(following[source] == target, source, target)
    own = np.full(n, -1, np.int64)
    own[child] = ranks
    last, reached = own.copy(), following
    # Each round doubles the part of the way that is known.
    while not np.array_equal(reached, person):
        last, reached = np.maximum(last, last[reached]), reached[reached]
    return following, own, last


def _graph(source: IntArray, target: IntArray, n: int, weights: IntArray | None = None) -> coo_array:
    values = np.ones(len(source)) if weights is None else weights.astype(np.float64)
    return coo_array((values, (source, target)), shape=(n, n)).tocsr()
