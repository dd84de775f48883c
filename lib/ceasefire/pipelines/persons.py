"""Which ids are one person, as it was known: read from the statements that ids were merged.

The statements are read to the driver: they are few against customers (some hundred bytes each, so that a million of
them take a tenth of a gigabyte), and to follow chains takes all of them. A brand without any pays for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ceasefire.identity.aliases import persons, refused_merges
from ceasefire.identity.histories import merged_histories
from ceasefire.storage.lake import Lake, is_empty, read_table, remembered
from ceasefire.tables import CUSTOMER_MERGES

BROADCAST_IDS = 200_000
"""Up to so many merged ids, they go to wherever the rows of customers lie, and those are not shuffled."""


def persons_as_of(lake: Lake, as_of: datetime, through_batch: int) -> DataFrame | None:
    """Return `aliases.persons` by the merges before an instant that had arrived by a batch; None where there are none.

    Hinted for a broadcast as long as there are few.
    """
    return _frame(lake, persons_then(lake, as_of, through_batch))


def all_persons(lake: Lake) -> DataFrame | None:
    """Return `aliases.persons` by every merge that has arrived, whenever it happened; None where there are none."""
    return _frame(lake, persons(_merges(lake)))


def all_merged_ids(lake: Lake) -> list[str]:
    """Return the ids that another one stands for, by every merge that has arrived."""
    ids: list[str] = persons(_merges(lake))["customer_id"].to_pylist()
    return ids


def persons_then(lake: Lake, as_of: datetime, through_batch: int) -> pa.Table:
    """Return `aliases.persons` by the merges as in `persons_as_of`, on the driver; empty where there are none."""
    return persons(counting(_merges(lake), as_of, through_batch))


def person_by_id(lake: Lake, as_of: datetime, through_batch: int) -> dict[str, str]:
    """Return the id that stands for each merged id's person, by the merges as in `persons_as_of`."""
    known = persons_then(lake, as_of, through_batch)
    return dict(zip(known["customer_id"].to_pylist(), known["person_id"].to_pylist(), strict=True))


def joined_since(lake: Lake, judged: Iterable[tuple[datetime, int]]) -> DataFrame | None:
    """Return as_of and customer_id of the ids that joined a person since; None where nobody was ever merged.

    Args:
        lake: where.
        judged: instants as of which sends were judged, each with the last batch that was known then.
    """
    now = set(all_merged_ids(lake))
    if not now:
        return None
    rows: list[tuple[datetime, str]] = []
    for as_of, through_batch in sorted(set(judged)):
        then = set(person_by_id(lake, as_of, through_batch))
        rows += [(as_of, customer) for customer in sorted(now - then)]
    instants = pa.array([as_of for as_of, _ in rows], pa.timestamp("us", "UTC"))
    columns = [instants, pa.array([customer for _, customer in rows], pa.string())]
    return lake.spark.createDataFrame(pa.table(columns, names=["as_of", "customer_id"]))


def merge_count(lake: Lake, as_of: datetime, through_batch: int) -> int:
    """Return how many merges count as of an instant: of one batch, equal counts are of the same merges."""
    return int(counting(_merges(lake), as_of, through_batch).num_rows)


def histories_as_of(
    lake: Lake, histories: DataFrame, as_of: datetime, through_batch: int, channels: Sequence[str]
) -> DataFrame:
    """Return the histories of persons from those of ids, as `merged_histories`; the same frame where there are none."""
    known = persons_then(lake, as_of, through_batch)
    if not known.num_rows:
        return histories
    frame = lake.spark.createDataFrame(known)
    return merged_histories(histories, frame, channels, is_small=known.num_rows <= BROADCAST_IDS)


def refused(lake: Lake) -> list[str]:
    """Return the event keys of the merges that close a circle, and so do not count, oldest first."""
    keys: list[str] = refused_merges(_merges(lake))["event_key"].to_pylist()
    return keys


def ids_of_person(lake: Lake, pseudonym: str) -> list[str]:
    """Return all ids of an id's person by every merge that has arrived, in order; that id alone if it never merged."""
    return ids_with(persons(_merges(lake)), pseudonym)


def ids_with(known: pa.Table, pseudonym: str) -> list[str]:
    """Return all ids of an id's person, in order, itself included.

    Args:
        known: `aliases.persons`.
        pseudonym: any id.
    """
    own = known.filter(pc.equal(known["customer_id"], pseudonym))["person_id"].to_pylist()
    person = own[0] if own else pseudonym
    others = known.filter(pc.equal(known["person_id"], person))["customer_id"].to_pylist()
    return sorted({person, *others})


def counting(merges: pa.Table, as_of: datetime, through_batch: int) -> pa.Table:
    """Keep the statements of before an instant that had arrived by a batch; one at the very instant is not among them.

    Args:
        merges: rows of customer_merges.
        as_of: the instant.
        through_batch: the last ingest batch to know.
    """
    before = pc.less(merges["merged_at"], pa.scalar(as_of, merges.schema.field("merged_at").type))
    return merges.filter(pc.and_(before, pc.less_equal(merges["ingest_batch"], through_batch)))


def _frame(lake: Lake, known: pa.Table) -> DataFrame | None:
    if not known.num_rows:
        return None
    frame = lake.spark.createDataFrame(known)
    return F.broadcast(frame) if known.num_rows <= BROADCAST_IDS else frame


def _merges(lake: Lake) -> pa.Table:
    def read() -> pa.Table:
        if is_empty(lake, CUSTOMER_MERGES):
            return CUSTOMER_MERGES.arrow_schema.empty_table()
        return read_table(lake, CUSTOMER_MERGES).toArrow()

    return remembered(lake, "merges", [CUSTOMER_MERGES], read)
