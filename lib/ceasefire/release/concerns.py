"""What concerns a due send, gathered beside it: news, refusals, holds, its address; for the gate to judge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, from_arrow_type
from pyspark.sql.types import StructType

from ceasefire.release.gate import NEWS, REFUSAL
from ceasefire.vocabulary import TIME_ZONE, RefusalKind

ArrowFunction = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

PUNCTUAL_MICROS = 3_600_000_000
"""A message that went so short a time after its slot counts as of its slot: ticks come a little late."""

_REFUSAL_LIST = f"array<{from_arrow_type(REFUSAL).simpleString()}>"


def with_persons(rows: DataFrame, persons: DataFrame | None) -> DataFrame:
    """Add person_id: the id that stands for the person of customer_id.

    Args:
        rows: any rows with a customer_id.
        persons: customer_id and person_id of every merged id; None where nobody was merged.
    """
    if persons is None:
        return rows.withColumn("person_id", F.col("customer_id"))
    known = persons.select("customer_id", "person_id")
    joined = rows.join(known, on="customer_id", how="left")
    return joined.withColumn("person_id", F.coalesce("person_id", "customer_id"))


def with_addresses(
    sends: DataFrame, vault: DataFrame, persons: DataFrame | None, address_kinds: Mapping[str, str]
) -> DataFrame:
    """Add address, address_set_at and address_key: the newest of the send's kind that any id of its person has.

    Args:
        sends: due sends with person_id, each once.
        vault: rows of contacts_vault.
        persons: as `with_persons` takes it.
        address_kinds: kind of address of each channel.
    """
    kinds = sorted(set(address_kinds.values()))
    settings = [
        F.when(
            F.col(kind).isNotNull(),
            F.struct(
                F.col(f"{kind}_set_at").alias("set_at"), F.col(kind).alias("text"), F.col(f"{kind}_key").alias("key")
            ),
        ).alias(f"of_{kind}")
        for kind in kinds
    ]
    contacts = with_persons(vault.select("customer_id", *settings), persons)
    if persons is not None:
        contacts = contacts.groupBy("person_id").agg(*(F.max(f"of_{kind}").alias(f"of_{kind}") for kind in kinds))
    joined = sends.join(contacts.drop("customer_id"), on="person_id", how="left")
    address = F.coalesce(
        *(F.when(F.col("channel") == channel, F.col(f"of_{kind}")) for channel, kind in address_kinds.items())
    )
    parts = {"address": "text", "address_set_at": "set_at", "address_key": "key"}
    return joined.withColumns({name: address[part] for name, part in parts.items()}).drop(
        *(f"of_{kind}" for kind in kinds)
    )


def news_of(sends: DataFrame, events: DataFrame, persons: DataFrame | None) -> DataFrame:
    """The events that each send has to be checked against: send_id and `news`, a list of gate.NEWS.

    Args:
        sends: sends with person_id, and as_of and through_batch as of which each was judged before.
        events: rows of the log, at least all that are news to one of them.
        persons: as `with_persons` takes it.

    Returns:
        One row for each send with news: events of its person that happened at or after as_of, or arrived after
        through_batch.
    """
    statement = F.col("statement")
    facts = events.select(
        "customer_id",
        "event_key",
        "event_type",
        F.col("event_at").alias("happened_at"),
        F.col("ingest_batch").alias("arrived_with"),
        F.coalesce(statement["channel"], F.col("channel")).alias("channel"),
        F.when(F.col("product_id").isNotNull(), F.xxhash64("product_id")).alias("product"),
        F.when(F.col("order_id").isNotNull(), F.xxhash64("order_id")).alias("order"),
        statement["purpose"].alias("purpose"),
        statement["topic"].alias("topic"),
        statement["granted"].alias("granted"),
        F.element_at("attributes", F.lit(TIME_ZONE)).alias("time_zone"),
    )
    facts = with_persons(facts, persons).drop("customer_id")
    keys = sends.select("send_id", "person_id", "as_of", "through_batch")
    is_news = (F.col("happened_at") >= F.col("as_of")) | (F.col("arrived_with") > F.col("through_batch"))
    joined = keys.join(facts, on="person_id", how="inner").where(is_news)
    return joined.groupBy("send_id").agg(F.collect_list(F.struct(*NEWS.names)).alias("news"))


def refusals_of(
    sends: DataFrame,
    refusals: DataFrame,
    addresses: DataFrame,
    persons: DataFrame | None,
    joined_since: DataFrame | None,
    address_kinds: Mapping[str, str],
) -> DataFrame:
    """What was said against contacting each send's person or address: send_id and `refusals`, a list of gate.REFUSAL.

    Args:
        sends: sends with person_id, address_key and as_of.
        refusals: rows of contact_refusals.
        addresses: rows of customer_addresses.
        persons: as `with_persons` takes it.
        joined_since: as_of and customer_id of ids that joined a person since that decision; None where none did.
        address_kinds: kind of address of each channel.

    Returns:
        One row for each send with any.
    """
    said = with_persons(refusals, persons).withColumnRenamed("channel", "on_channel")
    keys = sends.select("send_id", "person_id", "as_of", "channel", "address_key")
    own = keys.drop("address_key", "channel").join(said, on="person_id", how="inner").withColumn("is_own", F.lit(True))
    kind_of_send = F.coalesce(*(F.when(F.col("channel") == name, F.lit(kind)) for name, kind in address_kinds.items()))
    mailboxes = keys.where(F.col("address_key").isNotNull()).withColumn("kind_of_address", kind_of_send)
    holders = with_persons(addresses.select("customer_id", "kind", "address_key", "set_at"), persons).select(
        F.col("kind").alias("kind_of_address"), "address_key", F.col("person_id").alias("holder_id"), "set_at"
    )
    shared = mailboxes.join(holders, on=["kind_of_address", "address_key"], how="inner")
    shared = shared.where(F.col("holder_id") != F.col("person_id"))
    since = shared.groupBy("send_id", "as_of", "holder_id").agg(F.min("set_at").alias("held_since"))
    of_others = since.join(said, F.col("holder_id") == F.col("person_id"), how="inner")
    # A no of somebody holds for every address that they have or had; a bounce only for one that they had by then.
    is_of_address = (F.col("kind") == RefusalKind.NO.value) | (F.col("said_at") >= F.col("held_since"))
    others = of_others.where(is_of_address).withColumn("is_own", F.lit(False))
    columns = ("send_id", "as_of", "customer_id", "is_own", *_SAID)
    both = reduce(DataFrame.unionByName, (frame.select(*columns) for frame in (own, others)))
    if joined_since is None:
        marked = both.withColumn("of_other_id", F.lit(False))
    else:
        news = joined_since.withColumn("of_other_id", F.lit(True))
        marked = both.join(news, on=["as_of", "customer_id"], how="left").fillna(False, ["of_other_id"])
    told = marked.withColumnRenamed("on_channel", "channel")
    return told.groupBy("send_id").agg(F.collect_list(F.struct(*REFUSAL.names)).alias("refusals"))


_SAID = ("event_key", "kind", "event_type", "purpose", "on_channel", "topic", "said_at")


def with_concerns(
    sends: DataFrame,
    news: DataFrame,
    refusals: DataFrame | None,
    held: DataFrame | None,
    suppressed: DataFrame | None,
    persons: DataFrame | None,
) -> DataFrame:
    """Add the gate's CONCERNS to sends.

    Args:
        sends: due sends with person_id.
        news: `news_of`.
        refusals: `refusals_of`; None where nobody ever refused anything.
        held: customer_id of customers on hold; None where there are none.
        suppressed: customer_id and `listed`, what of the customer a suppression list names; None without lists.
        persons: as `with_persons` takes it.
    """
    told = sends.join(news, on="send_id", how="left")
    told = _joined(told, refusals, "refusals", _REFUSAL_LIST)
    told = _marked(told, held, persons, "on_hold")
    told = _listed(told, suppressed, persons)
    return told.withColumn("merged_away", F.col("person_id") != F.col("customer_id"))


def answered(
    sends: DataFrame, judge: ArrowFunction, asked: Collection[str], answers: Mapping[str, pa.DataType]
) -> DataFrame:
    """Return the sends as the gate hands them on: without the columns that only it reads, with its answers.

    Args:
        sends: as the gate takes them.
        judge: `gate.judge_batches` or `gate.judge_queued`.
        asked: columns that only the gate reads: CONCERNS or SAID_SINCE.
        answers: VERDICT or REFUSED.
    """
    kept = [field for field in sends.schema.fields if field.name not in asked]
    added = from_arrow_schema(pa.schema(list(answers.items())))
    return sends.mapInArrow(judge, StructType([*kept, *added.fields]))


def _joined(sends: DataFrame, lists: DataFrame | None, name: str, kind: str) -> DataFrame:
    if lists is None:
        return sends.withColumn(name, F.lit(None).cast(kind))
    return sends.join(lists, on="send_id", how="left")


def _marked(sends: DataFrame, customers: DataFrame | None, persons: DataFrame | None, name: str) -> DataFrame:
    if customers is None:
        return sends.withColumn(name, F.lit(False))
    marks = with_persons(customers.select("customer_id"), persons).select("person_id").distinct()
    joined = sends.join(marks.withColumn(name, F.lit(True)), on="person_id", how="left")
    return joined.fillna(False, [name])


def _listed(sends: DataFrame, suppressed: DataFrame | None, persons: DataFrame | None) -> DataFrame:
    if suppressed is None:
        return sends.withColumn("on_suppression_list", F.lit(None).cast("array<string>"))
    listed = F.flatten(F.collect_list("listed")).alias("on_suppression_list")
    marks = with_persons(suppressed, persons).groupBy("person_id").agg(listed)
    return sends.join(marks, on="person_id", how="left")


def flag_rivals(judged: DataFrame, queued: DataFrame, lock: str) -> DataFrame:
    """Withhold what must not go beside another message: one a day and person, one copy an address and window.

    Args:
        judged: sends with the gate's verdict, each once.
        queued: of recent sends that went and were not called back: person_id, class, channel, released_at,
            not_before_at, local_day, duration, address_key, window_end.
        lock: whom a duration period excludes: all, channel or none.

    Returns:
        The same rows; of rivals for one person the newest decision goes, of those for one address the first by its id.
    """
    is_marketing = F.col("class") == "marketing"
    may_go = F.col("withheld_reason").isNull() & ~F.col("waits") & is_marketing
    earlier = queued.where(is_marketing)
    met = (
        judged.where(may_go)
        .select("send_id", "person_id", "channel", "tick_at", "local_date")
        .alias("s")
        .join(earlier.alias("q"), on="person_id", how="inner")
        .where(_excludes(lock))
        .select("s.send_id")
        .distinct()
        .withColumn("met", F.lit(True))
    )
    copies = judged.where(may_go).select("send_id", "address_key", F.col("as_of").alias("window_end"))
    copied = copies.join(earlier.select("address_key", "window_end").distinct(), on=["address_key", "window_end"])
    told = judged.join(met, on="send_id", how="left").join(
        copied.select("send_id").withColumn("copied", F.lit(True)), on="send_id", how="left"
    )
    told = told.withColumn("withheld_reason", _reason_of_rival(may_go, F.col("met"), "duration_lock"))
    told = told.withColumn("withheld_reason", _reason_of_rival(may_go, F.col("copied"), "same_address"))
    of_person = _window("person_id", may_go).orderBy(F.desc("as_of"), "tick_at", "send_id")
    told = told.withColumn(
        "withheld_reason", _reason_of_rival(may_go, F.row_number().over(of_person) > 1, "duration_lock")
    )
    of_address = _window("address_key", may_go, "as_of").orderBy("send_id")
    is_copy = F.col("address_key").isNotNull() & (F.row_number().over(of_address) > 1)
    told = told.withColumn("withheld_reason", _reason_of_rival(may_go, is_copy, "same_address"))
    return told.drop("met", "copied")


def _window(key: str, may_go: Column, *more: str) -> WindowSpec:
    return Window.partitionBy(may_go, key, *more)


def _excludes(lock: str) -> Column:
    """An earlier message q went on the same local date as s would, or its duration period covers s."""
    days = F.col("s.local_date") - F.col("q.local_day")
    number = F.regexp_extract("q.duration", r"^(\d+)", 1).cast("bigint")
    unit = F.substring("q.duration", -1, 1)
    is_punctual = F.unix_micros("q.released_at") - F.unix_micros("q.not_before_at") < PUNCTUAL_MICROS
    went_at = F.when(is_punctual, F.col("q.not_before_at")).otherwise(F.col("q.released_at"))
    micros = F.unix_micros("s.tick_at") - F.unix_micros(went_at)
    span = number * F.when(unit == "h", F.lit(3_600_000_000)).otherwise(F.lit(60_000_000))
    covers = F.when(unit == "d", (days >= 0) & (days < number)).otherwise((micros >= 0) & (micros < span))
    if lock == "none":
        return days == 0
    return (days == 0) | (covers & (F.lit(lock == "all") | (F.col("s.channel") == F.col("q.channel"))))


def _reason_of_rival(may_go: Column, is_met: Column, reason: str) -> Column:
    return F.when(may_go & F.coalesce(is_met, F.lit(False)), F.lit(reason)).otherwise(F.col("withheld_reason"))
