"""What people look at in a notebook: small pandas frames from the tables, each a fact in rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from ceasefire.errors import ConfigurationError, Problem, UsageError
from ceasefire.pipelines.persons import ids_of_person
from ceasefire.pipelines.workspace import Workspace
from ceasefire.segments.program import RuleProgram, compile_rules
from ceasefire.storage.lake import Lake, read_table, rows_of
from ceasefire.tables import (
    DECISIONS,
    EVENTS,
    MEMBERSHIP_TRANSITIONS,
    SEGMENT_MEMBERSHIPS,
    SEND_QUEUE,
    WINDOW_FEATURES,
    WITHHELD_SENDS,
    DeltaTable,
)
from ceasefire.time_zones import zone_named
from ceasefire.vocabulary import WINDOW_LANE, LossReason

TRIED = "tried"
_WANTS_NOBODY = (LossReason.NOT_IN_AUDIENCE.value, LossReason.OUTSIDE_DATES.value)


def newest_window(lake: Lake) -> datetime:
    """The newest close that was decided.

    Raises:
        UsageError: there is no table, or nothing in it.
    """
    (newest,) = rows_of(read_table(lake, DECISIONS).agg(F.max("window_end").alias("window_end")))
    if newest["window_end"] is None:
        raise UsageError(f"no window is decided in {lake.path()}; `ceasefire run` decides them")
    close: datetime = newest["window_end"]
    return close


def crossfire(lake: Lake, window_end: datetime) -> pd.DataFrame:
    """Customers of a window by how many marketing messages they would get, each campaign on its own, and do get.

    Returns:
        messages, every_campaign_on_its_own, decided: one row for each number of messages.
    """
    wanting = F.filter("candidates", lambda one: ~F.coalesce(one["reason_code"].isin(*_WANTS_NOBODY), F.lit(False)))
    wanted_by = F.size(F.array_distinct(F.transform(wanting, lambda one: one["campaign_id"])))
    gets = F.when(F.col("outcome") == "send", 1).otherwise(0)
    counts = [
        _decisions(lake, window_end)
        .where(F.col("lane") == WINDOW_LANE)
        .groupBy(number.alias("messages"))
        .agg(F.count("*").alias(name))
        .toPandas()
        for number, name in ((wanted_by, "every_campaign_on_its_own"), (gets, "decided"))
    ]
    both = counts[0].merge(counts[1], on="messages", how="outer").fillna(0)
    return both.astype("int64").sort_values("messages", ignore_index=True)


def losses(lake: Lake, window_end: datetime) -> pd.DataFrame:
    """Why candidates of a window lost.

    Returns:
        campaign_id, reason_code, candidates: one row for each campaign and reason, the most first.
    """
    lost = _candidates(lake, window_end).where(F.col("reason_code").isNotNull())
    counted = lost.groupBy("campaign_id", "reason_code").agg(F.count("*").alias("candidates")).toPandas()
    return counted.sort_values(
        ["candidates", "campaign_id", "reason_code"], ascending=[False, True, True], ignore_index=True
    )


def queues(workspace: Workspace, window_end: datetime) -> pd.DataFrame:
    """What a window put into each channel, and what became of it.

    Returns:
        channel, capacity for marketing (missing where there is none), decided, transactional (of the decided, those
        that draw on no such capacity), queued, withheld: one row for each channel.
    """
    lake, channels = workspace.lake, workspace.brand.settings.channels
    sends = _decisions(lake, window_end).where(F.col("outcome") == "send")
    sends = sends.select(
        "lane", F.col("treatment.send_id").alias("send_id"), F.col("treatment.channel").alias("channel")
    )
    counts = {
        "decided": _by_channel(sends),
        "transactional": _by_channel(sends.where(F.col("lane") != WINDOW_LANE)),
        "queued": _by_channel(sends.join(read_table(lake, SEND_QUEUE).select("send_id"), on="send_id")),
        "withheld": _by_channel(sends.join(read_table(lake, WITHHELD_SENDS).select("send_id"), on="send_id")),
    }
    rows = [
        {
            "channel": name,
            "capacity": None if channel.capacity is None else channel.capacity.per_window,
            **{what: of_channel.get(name, 0) for what, of_channel in counts.items()},
        }
        for name, channel in channels.items()
    ]
    return pd.DataFrame(rows).astype({"capacity": "Int64"})


def sends_by_hour(workspace: Workspace, window_end: datetime) -> pd.DataFrame:
    """When the sends of a window go.

    Returns:
        local_hour (by the brand's clock), channel, sends: one row for each hour and channel in which some go.
    """
    sends = _decisions(workspace.lake, window_end).where(F.col("outcome") == "send")
    counted = sends.groupBy("treatment.slot_at", "treatment.channel").agg(F.count("*").alias("sends"))
    zone = zone_named(workspace.brand.settings.time_zone)
    rows = [
        (row["slot_at"].astimezone(zone).replace(tzinfo=None), row["channel"], row["sends"]) for row in rows_of(counted)
    ]
    frame = pd.DataFrame(rows, columns=["local_hour", "channel", "sends"])
    return frame.sort_values(["local_hour", "channel"], ignore_index=True)


def segment_sizes(lake: Lake) -> pd.DataFrame:
    """How many customers each segment holds since the newest close.

    Returns:
        segment_id, customers: the largest first.
    """
    counted = _memberships(lake).groupBy("segment_id").agg(F.count("*").alias("customers")).toPandas()
    return counted.sort_values(["customers", "segment_id"], ascending=[False, True], ignore_index=True)


def segment_overlaps(lake: Lake) -> pd.DataFrame:
    """How much segments are the same: of those in either, the share in both (Jaccard's index).

    Returns:
        a square frame, segments by segments, 0 to 1.
    """
    one = _memberships(lake)
    other = one.select("customer_id", F.col("segment_id").alias("other_id"))
    pairs = one.join(other, on="customer_id").groupBy("segment_id", "other_id").agg(F.count("*").alias("both"))
    square = pairs.toPandas().pivot(index="segment_id", columns="other_id", values="both").fillna(0)
    sizes = pd.Series({name: square.loc[name, name] for name in square.index}, dtype="float64")
    either = sizes.to_numpy()[:, None] + sizes.to_numpy()[None, :] - square.to_numpy()
    shares = pd.DataFrame(square.to_numpy() / either, index=list(square.index), columns=list(square.columns))
    return shares.rename_axis(index="segment_id")


def segment_changes(lake: Lake, window_end: datetime) -> pd.DataFrame:
    """Who came into a segment and went out of it at a close, and by which comparison of its rule.

    Returns:
        segment_id, direction, criterion (empty where none flipped), customers: the most first.
    """
    changes = read_table(lake, MEMBERSHIP_TRANSITIONS).where(F.col("window_end") == F.lit(window_end))
    criterion = F.coalesce(F.element_at(F.transform("criteria", lambda one: one["criterion"]), 1), F.lit(""))
    first = F.when(F.size("criteria") > 0, criterion).otherwise(F.lit(""))
    counted = (
        changes.groupBy("segment_id", "direction", first.alias("criterion"))
        .agg(F.countDistinct("customer_id").alias("customers"))
        .toPandas()
    )
    keys = ["customers", "segment_id", "direction", "criterion"]
    return counted.sort_values(keys, ascending=[False, True, True, True], ignore_index=True)


def try_rule(workspace: Workspace, window_end: datetime, rule: str) -> pd.DataFrame:
    """Who a rule would hold at a close, by the program that decides; nothing is written.

    Returns:
        customer_id and the features that the rule reads: one row for each member.

    Raises:
        ConfigurationError: the rule is none, with every problem of it.
    """
    program, wrong = compile_rules([(TRIED, rule)], workspace.at_work.programs.feature_types)
    if program is None:
        raise ConfigurationError(Problem("", f"the rule: {one.what}", one.got, one.allowed) for one in wrong)
    rows = read_table(workspace.lake, WINDOW_FEATURES).where(F.col("window_end") == F.lit(window_end))
    read = [F.col(name) for name in program.features]
    holds = rule_holds(program, workspace.at_work.programs.window_schema)
    members = rows.where(holds(*read))
    return members.select("customer_id", *read).orderBy("customer_id").toPandas()


def rule_holds(program: RuleProgram, schema: pa.Schema) -> Any:
    """A program of one rule as a pandas function of Spark: of its features' columns, in their order, to true or false.

    pandas holds whole numbers with gaps as floats, so numbers beyond 2^53 are not told apart here.
    """
    types = [schema.field(name).type for name in program.features]

    @pandas_udf("boolean")  # type: ignore[call-overload, untyped-decorator, unused-ignore]
    def holds(*columns: pd.Series) -> pd.Series:
        values = {
            name: pa.array(column, type=kind, from_pandas=True)
            for name, kind, column in zip(program.features, types, columns, strict=True)
        }
        return pd.Series(program.memberships(values, len(columns[0]))[0])

    return holds


def timeline(workspace: Workspace, pseudonym: str) -> pd.DataFrame:
    """What a customer did and what was sent to them, in order of time, under all ids of the person.

    Returns:
        at (UTC), kind (an event's type, `queued` or `withheld`), what (its category or campaign).
    """
    lake = workspace.lake
    ids = ids_of_person(lake, pseudonym)
    parts = [
        _happened(lake, EVENTS, ids, "event_at", F.col("event_type"), "category"),
        _happened(lake, SEND_QUEUE, ids, "not_before_at", F.lit("queued"), "campaign_id"),
        _happened(lake, WITHHELD_SENDS, ids, "withheld_at", F.lit("withheld"), "campaign_id"),
    ]
    frame = parts[0].unionByName(parts[1]).unionByName(parts[2]).toPandas()
    return frame.sort_values(["at", "kind", "what"], ignore_index=True)


def _happened(lake: Lake, table: DeltaTable, ids: list[str], at: str, kind: Column, what: str) -> DataFrame:
    mine = read_table(lake, table).where(F.col("customer_id").isin(ids))
    return mine.select(F.col(at).alias("at"), kind.alias("kind"), F.coalesce(F.col(what), F.lit("")).alias("what"))


def _decisions(lake: Lake, window_end: datetime) -> DataFrame:
    return read_table(lake, DECISIONS).where(F.col("window_end") == F.lit(window_end))


def _candidates(lake: Lake, window_end: datetime) -> DataFrame:
    return _decisions(lake, window_end).select(F.explode("candidates").alias("one")).select("one.*")


def _memberships(lake: Lake) -> DataFrame:
    rows = read_table(lake, SEGMENT_MEMBERSHIPS).select("customer_id", F.explode("segments").alias("one"))
    return rows.select("customer_id", "one.segment_id")


def _by_channel(sends: DataFrame) -> dict[str, int]:
    return {row["channel"]: row["count"] for row in rows_of(sends.groupBy("channel").count())}
