"""The history of a person: those of all their ids as one, and of what they said on contact the stricter.

A no stands until the same person says yes later: under the same id at any time, under another id only once the two
were merged. Where two ids join, what one of them refuses is refused anew at that instant, so that whoever reads the
newest statement of the joined profile comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from ceasefire.tables import PACKED_EVENT, PROFILE_ENTRY
from ceasefire.vocabulary import EVERY, GRANTED, WITHDRAWN, MessageClass, consent_entry

Entry = tuple[datetime, str, str | None]
"""An entry of a profile: when it was set, its name, its value (None: removed)."""

Join = tuple[datetime, str, str]
"""When two ids became one person, and the two."""

CONSENT = "consent"
STATEMENTS = (f"{CONSENT}/", "refusal/")
"""How the names of entries begin that say whether a customer may be contacted."""

_HISTORIES = StructType(
    [
        StructField("customer_id", StringType()),
        StructField("events", ArrayType(PACKED_EVENT)),
        StructField("profile", ArrayType(PROFILE_ENTRY)),
    ]
)


def under_persons(rows: DataFrame, persons: DataFrame) -> DataFrame:
    """Return the same rows with the id that stands for the person as their customer_id, at the end of the columns.

    Args:
        rows: any rows with a customer_id.
        persons: `aliases.persons`.
    """
    others = [name for name in rows.columns if name != "customer_id"]
    named = rows.join(persons.select("customer_id", "person_id"), on="customer_id", how="left")
    return named.select(*others, F.coalesce("person_id", "customer_id").alias("customer_id"))


def merged_histories(
    histories: DataFrame, persons: DataFrame, channels: Sequence[str], is_small: bool = True
) -> DataFrame:
    """Return one history for each person: those of merged ids as one, everybody else's as it is.

    Only the histories of merged persons are shuffled; the others are read once more to leave those out.

    Args:
        histories: one row for each id: customer_id, events (PACKED_EVENT), profile (PROFILE_ENTRY).
        persons: `aliases.persons`, as of the instant as of which the histories are read.
        channels: of the brand; a refusal of every channel is one of each of them.
        is_small: whether persons may be sent to wherever histories lie.

    Returns:
        The same columns, each list in the order that packing gives it.
    """

    def sent(frame: DataFrame) -> DataFrame:
        return F.broadcast(frame) if is_small else frame

    histories = histories.select(*_HISTORIES.names)
    standing = persons.select(F.col("person_id").alias("customer_id"), "person_id").distinct()
    members = sent(persons.select("customer_id", "person_id").unionByName(standing))
    untouched = histories.join(members, on="customer_id", how="left_anti")
    joins = F.collect_list(F.struct("through_at", "customer_id", "through_id"))
    of_person = persons.groupBy("person_id").agg(joins.alias("joins"))
    of_ids = (
        histories.join(members, on="customer_id", how="inner")
        .groupBy("person_id")
        .agg(
            F.sort_array(F.flatten(F.collect_list("events"))).alias("events"),
            F.collect_list(F.struct("customer_id", "profile")).alias("profiles"),
        )
    )
    gathered = of_ids.join(sent(of_person), on="person_id", how="inner")
    merged = gathered.mapInArrow(joined_profiles(channels), _HISTORIES)
    return untouched.unionByName(merged)


def joined_profiles(
    channels: Sequence[str],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: person_id, events, profiles of each id, joins in; the person's history out."""
    told = tuple(channels)

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield joined_of_batch(batch, told)

    return work


def joined_of_batch(batch: pa.RecordBatch, channels: Sequence[str]) -> pa.RecordBatch:
    """Return customer_id, events and the joined profile of each person of a batch, person after person.

    Args:
        batch: person_id, events (as they are to be), profiles (a list of customer_id and profile, one for each id that
            has a history) and joins (a list of through_at, customer_id and through_id).
        channels: of the brand.
    """
    kinds = [to_arrow_type(column.dataType, timezone="UTC") for column in _HISTORIES.fields]
    fields = PROFILE_ENTRY.names
    told_by_ids, joins_of_person = batch.column("profiles").to_pylist(), batch.column("joins").to_pylist()
    joined = [
        joined_profile(
            {
                told["customer_id"]: [(entry["set_at"], entry["name"], entry["value"]) for entry in told["profile"]]
                for told in profiles
            },
            [(join["through_at"], join["customer_id"], join["through_id"]) for join in joins],
            channels,
        )
        for profiles, joins in zip(told_by_ids, joins_of_person, strict=True)
    ]
    rows = [[dict(zip(fields, entry, strict=True)) for entry in profile] for profile in joined]
    columns = [
        batch.column("person_id").cast(kinds[0]),
        batch.column("events").cast(kinds[1]),
        pa.array(rows, kinds[2]),
    ]
    return pa.RecordBatch.from_arrays(columns, names=_HISTORIES.names)


def joined_profile(
    profiles: Mapping[str, Sequence[Entry]], joins: Iterable[Join], channels: Sequence[str]
) -> list[Entry]:
    """Return the entries of all ids of a person and, at each join, a withdrawal for all that either side refuses.

    A side refuses what the newest of its statements by then says no to, the wide ones included; of statements at one
    instant the no counts.

    Args:
        profiles: entries by id; an id without a history may be missing.
        joins: which ids became one, so that all of them hang together.
        channels: of the brand; a statement on every channel is one on each of these, and on those that entries name.

    Returns:
        In the order of packing: by instant, name and value, a removal first.
    """
    entries = [(owner, entry) for owner, told in profiles.items() for entry in told]
    statements = [
        (entry, owner) for owner, entry in entries if entry[1].startswith(STATEMENTS) and entry[2] is not None
    ]
    covered = _covered((name for (_, name, _), _ in statements), channels)
    person_of: dict[str, _Side] = {}
    withdrawals: set[Entry] = set()
    # At one instant statements come first: a yes at the instant of a join takes back what the same id refused.
    steps: list[tuple[datetime, bool, str, str, bool]] = [
        (at, False, owner, name, value != GRANTED) for (at, name, value), owner in statements
    ]
    steps += [(at, True, one, other, True) for at, one, other in joins]
    for at, is_join, subject, detail, is_no in sorted(steps):
        side = person_of.setdefault(subject, _Side({subject}))
        if not is_join:
            side.hear(covered[detail], at, is_no)
            continue
        other = person_of.setdefault(detail, _Side({detail}))
        refused = side.refused() | other.refused()
        withdrawals |= {(at, name, WITHDRAWN) for name in refused}
        small, large = sorted((side, other), key=_Side.size)
        large.join(small)
        large.hear(refused, at, True)
        person_of |= dict.fromkeys(small.ids, large)
    whole = [entry for _, entry in entries] + list(withdrawals)
    return sorted(whole, key=_in_order)


@dataclass
class _Side:
    """Ids that are one person by now, and what the newest statement on each purpose and channel, or topic, says.

    Attributes:
        ids: of the person.
        stands: by name of an entry that is about one purpose and channel, or one topic: since when, and whether a no.
    """

    ids: set[str]
    stands: dict[str, tuple[datetime, bool]] = field(default_factory=dict)

    def size(self) -> int:
        """Number of ids."""
        return len(self.ids)

    def hear(self, names: Iterable[str], at: datetime, is_no: bool) -> None:
        """Let a statement stand where no later one does; at one instant a no goes before a yes."""
        for name in names:
            self.stands[name] = max(self.stands.get(name, (at, is_no)), (at, is_no))

    def refused(self) -> set[str]:
        """Names under which a no stands."""
        return {name for name, (_, is_no) in self.stands.items() if is_no}

    def join(self, other: _Side) -> None:
        """Be one person with the ids of another side."""
        self.ids |= other.ids
        for name, (at, is_no) in other.stands.items():
            self.hear([name], at, is_no)


def _covered(names: Iterable[str], channels: Sequence[str]) -> dict[str, list[str]]:
    """Return by name of a statement the names of all that it is about, one purpose and channel each."""
    parts = {name: name.split("/") for name in names}
    consents = [(part[1], part[2]) for part in parts.values() if _is_consent(part)]
    purposes = sorted({*MessageClass, *(purpose for purpose, _ in consents)} - {EVERY})
    known = sorted({*channels, *(channel for _, channel in consents)} - {EVERY})
    return {
        name: [
            consent_entry(purpose, channel)
            for purpose in (purposes if part[1] == EVERY else [part[1]])
            for channel in (known if part[2] == EVERY else [part[2]])
        ]
        if _is_consent(part)
        else [name]
        for name, part in parts.items()
    }


def _is_consent(part: Sequence[str]) -> bool:
    return len(part) == 3 and part[0] == CONSENT


def _in_order(entry: Entry) -> tuple[datetime, str, bool, str]:
    set_at, name, value = entry
    return set_at, name, value is not None, value or ""
