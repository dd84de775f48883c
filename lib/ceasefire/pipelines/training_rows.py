"""What an uplift model learns from: what was known when each past campaign began, who was wanted, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from ceasefire.arrow import batch_of
from ceasefire.campaigns.treatments import audience_mask
from ceasefire.config.bundle import read_products
from ceasefire.config.campaigns import Campaign
from ceasefire.config.segments import RESIDUAL_SEGMENT
from ceasefire.config.units import instant_micros, instant_of
from ceasefire.errors import UsageError
from ceasefire.history.packing import packed_histories
from ceasefire.history.responses import is_machine_response, is_too_soon
from ceasefire.pipelines.decision_pass import listed_customers, rows_on_lists
from ceasefire.pipelines.features import features_of_batch, histories_for, history_lists
from ceasefire.pipelines.models import feature_definitions
from ceasefire.pipelines.persons import histories_as_of, merge_count, person_by_id, persons_as_of
from ceasefire.pipelines.workspace import BrandAtWork, Workspace
from ceasefire.segments.program import with_residual
from ceasefire.storage.lake import Lake, overwrite, read_table, rows_of
from ceasefire.tables import EVENTS, INGEST_BATCHES, TRAINING_ROWS, WINDOW_CLOSES
from ceasefire.time_zones import zone_named
from ceasefire.vocabulary import RESPONSES, EventType


@dataclass(frozen=True)
class PastCampaign:
    """One campaign that a model learns from.

    Attributes:
        campaign: as declared.
        as_of: its first local midnight.
        until: end of the time within which its outcome counts; not itself counted.
        through_batch: last ingest batch that had arrived by as_of.
    """

    campaign: Campaign
    as_of: datetime
    until: datetime
    through_batch: int


def past_campaigns(workspace: Workspace, model: str, now: datetime) -> list[PastCampaign]:
    """The campaigns that name a model, began on its first date or later, and have ended, with their outcomes' time.

    Raises:
        UsageError: brand.yaml declares no such model, or none of its campaigns has ended by `now`.
    """
    settings = workspace.brand.settings
    if model not in settings.models:
        known = ", ".join(settings.models) or "none is declared"
        raise UsageError(f"no model {model} in brand.yaml, allowed: {known}")
    zone = zone_named(settings.time_zone)
    arrivals = _arrivals(workspace.lake)
    past = []
    for campaign in workspace.brand.campaigns:
        if campaign.uplift is None or campaign.uplift.model != model:
            continue
        if campaign.active.from_ < settings.models[model].campaigns_from:
            continue
        as_of = datetime.combine(campaign.active.from_, time(), zone)
        end = datetime.combine(campaign.active.to + timedelta(days=1), time(), zone)
        until = as_of + timedelta(microseconds=campaign.outcome.within.micros)
        if max(end, until) <= now:
            past.append(PastCampaign(campaign, as_of, until, arrivals(as_of)))
    if not past:
        raise UsageError(
            f"nothing to learn from: no campaign of model {model} began on {settings.models[model].campaigns_from} or "
            f"later and had ended, with the time of its outcome, by {now.isoformat()}"
        )
    return past


def write_training_rows(workspace: Workspace, conf: Path, model: str, past: Sequence[PastCampaign]) -> pa.Table:
    """Make the rows of TRAINING_ROWS, write them, and give them back as they were written.

    The population of a campaign is every customer with an event before it began, and everybody it wanted. Features
    come from the code that serves decisions. What had not arrived by then was not known.
    """
    lake = workspace.lake
    # Campaigns that knew the same events, and the same ids for persons, are worked out in one pass.
    alike: dict[tuple[int, int], list[PastCampaign]] = {}
    for campaign in past:
        merges = merge_count(lake, campaign.as_of, campaign.through_batch)
        alike.setdefault((campaign.through_batch, merges), []).append(campaign)
    known = [_known_rows(workspace, model, alike[knowledge]) for knowledge in sorted(alike)]
    rows = known[0]
    for more in known[1:]:
        rows = rows.unionByName(more)
    outcomes = _outcomes(workspace, conf, past)
    joined = rows.join(outcomes, on=["campaign_id", "customer_id"], how="left").withColumns(
        {
            "outcome": F.col("outcome_count").isNotNull(),
            "outcome_minor": F.coalesce("outcome_minor", F.lit(0)).cast("bigint"),
        }
    )
    overwrite(lake, TRAINING_ROWS, joined.drop("outcome_count"))
    return read_table(lake, TRAINING_ROWS).toArrow()


def _arrivals(lake: Lake) -> Callable[[datetime], int]:
    """The last batch that had arrived by an instant: that of the last close before it, the first of all before any.

    Before the first close nothing is late, since a dump of the past loads whole.
    """
    closes = sorted((row["window_end"], row["through_batch"]) for row in rows_of(read_table(lake, WINDOW_CLOSES)))
    (loaded,) = rows_of(read_table(lake, INGEST_BATCHES).agg(F.max("ingest_batch").alias("newest")))

    def through(as_of: datetime) -> int:
        before = [batch for window_end, batch in closes if window_end <= as_of]
        if before:
            return int(before[-1])
        return int(closes[0][1] if closes else loaded["newest"])

    return through


def _known_rows(workspace: Workspace, model: str, past: Sequence[PastCampaign]) -> DataFrame:
    """The population of campaigns that knew the same events and merges, each as of its own beginning."""
    lake, at_work = workspace.lake, workspace.at_work
    as_of, through_batch = past[0].as_of, past[0].through_batch
    channels = tuple(workspace.brand.settings.channels)
    events = read_table(lake, EVENTS).where(F.col("ingest_batch") <= through_batch)
    packed = packed_histories(events, workspace.brand.settings.address_kinds)
    of_persons = histories_as_of(lake, packed, as_of, through_batch, channels)
    histories = histories_for(at_work.programs, of_persons)
    person_of = person_by_id(lake, as_of, through_batch)
    listed = lake.spark.createDataFrame(listed_customers(workspace.brand.bundle.lists, person_of))
    told = histories.join(listed, on="customer_id", how="left")
    return told.mapInArrow(known_when_they_began(at_work, model, past), from_arrow_schema(_KNOWN))


_KNOWN = pa.schema([one for one in TRAINING_ROWS.arrow_schema if one.name not in ("outcome", "outcome_minor")])


def known_when_they_began(
    at_work: BrandAtWork, model: str, past: Sequence[PastCampaign]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: histories with on_lists in; for each campaign its population, without outcomes."""
    inputs = tuple(feature_definitions(at_work.brand))

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            histories = history_lists(at_work.programs, batch)
            for one in past:
                yield _known_of_batch(at_work, model, inputs, one, histories)

    return work


def _known_of_batch(
    at_work: BrandAtWork, model: str, inputs: Sequence[str], past: PastCampaign, batch: pa.RecordBatch
) -> pa.RecordBatch:
    programs, campaign = at_work.programs, past.campaign
    micros = instant_micros(past.as_of)
    # Everybody: whom a campaign wanted was known to it, even before any event.
    features = features_of_batch(programs, batch, past.as_of, micros, programs.window_schema, everybody=True)
    columns = {name: features.column(name) for name in programs.rules.features}
    memberships = with_residual(programs.rules.memberships(columns, batch.num_rows))
    segment_rows = dict(zip((*programs.rules.rule_ids, RESIDUAL_SEGMENT), memberships, strict=True))
    list_rows = rows_on_lists(batch.column("on_lists"), campaign.audience.lists)
    treated = audience_mask(campaign.audience, segment_rows, list_rows)
    in_population = programs.base.has_events(batch, micros) | treated
    rows = np.flatnonzero(in_population)
    n = len(rows)
    flat = np.empty((n, len(inputs)), np.float64)
    known = np.empty((n, len(inputs)), np.bool_)
    for position, name in enumerate(inputs):
        column = features.column(name).take(pa.array(rows)).cast(pa.float64())
        known[:, position] = column.is_valid().to_numpy(zero_copy_only=False)
        flat[:, position] = column.fill_null(0.0).to_numpy(zero_copy_only=False)
    values = pa.array(flat.ravel(), pa.float64(), mask=~known.ravel())
    assert campaign.uplift is not None, "a past campaign names its model"
    made = {
        "model": pa.repeat(model, n),
        "campaign_id": pa.repeat(campaign.id, n),
        "group_id": pa.repeat(campaign.uplift.group, n),
        "customer_id": batch.column("customer_id").take(pa.array(rows)),
        "began_at": pa.repeat(pa.scalar(past.as_of, pa.timestamp("us", tz="UTC")), n),
        "through_batch": pa.repeat(pa.scalar(past.through_batch, pa.int64()), n),
        "treated": pa.array(treated[rows]),
        "inputs": pa.ListArray.from_arrays(pa.array(np.arange(n + 1) * len(inputs), pa.int32()), values),
    }
    return batch_of(made, _KNOWN)


def persons_of_campaigns(lake: Lake, past: Sequence[PastCampaign]) -> DataFrame | None:
    """Return the merged ids that each campaign knew of: campaign_id, customer_id, person_id; None for none at all."""
    found: DataFrame | None = None
    for campaign in past:
        persons = persons_as_of(lake, campaign.as_of, campaign.through_batch)
        if persons is None:
            continue
        known = persons.select(F.lit(campaign.campaign.id).alias("campaign_id"), "customer_id", "person_id")
        found = known if found is None else found.unionByName(known)
    return found


def asked_events(past: Sequence[PastCampaign], machine_micros: int | None) -> pa.Table:
    """Which events are looked at for a campaign: its outcomes, and deliveries by which a response can be a machine's.

    Args:
        past: the campaigns.
        machine_micros: less than that after the delivery of its send, a response is a machine's; None: none is.

    Returns:
        campaign_id, event_type, begins_at, ends_at (not itself included), of_products (only those about the campaign's
        products), of_campaign (only those that name it) and is_outcome.
    """
    asked: list[dict[str, Any]] = []
    for one in past:
        outcome = one.campaign.outcome
        of_outcome = {
            "campaign_id": one.campaign.id,
            "event_type": outcome.event.value,
            "begins_at": one.as_of,
            "ends_at": one.until,
            "of_products": outcome.products is not None,
            # An outcome that somebody else attributed counts for the campaign that it names alone.
            "of_campaign": outcome.event is EventType.CONVERTED,
            "is_outcome": True,
        }
        asked.append(of_outcome)
        if machine_micros is not None and outcome.event in RESPONSES:
            of_delivery = {
                "event_type": EventType.SEND_DELIVERED.value,
                "begins_at": instant_of(instant_micros(one.as_of) - machine_micros),
                "of_products": False,
                "is_outcome": False,
            }
            asked.append(of_outcome | of_delivery)
    return pa.Table.from_pylist(asked, _ASKED)


_ASKED = pa.schema(
    [
        pa.field("campaign_id", pa.string()),
        pa.field("event_type", pa.string()),
        pa.field("begins_at", pa.timestamp("us", tz="UTC")),
        pa.field("ends_at", pa.timestamp("us", tz="UTC")),
        pa.field("of_products", pa.bool_()),
        pa.field("of_campaign", pa.bool_()),
        pa.field("is_outcome", pa.bool_()),
    ]
)


def _outcomes(workspace: Workspace, conf: Path, past: Sequence[PastCampaign]) -> DataFrame:
    """Customers and campaigns whose outcome happened: campaign_id, customer_id, outcome_count, outcome_minor."""
    spark, bundle = workspace.lake.spark, workspace.brand.bundle
    machine_micros = workspace.brand.settings.machine_micros
    products: list[tuple[str, str]] = []
    for one in past:
        if one.campaign.outcome.products is not None:
            listed = read_products(conf, bundle, one.campaign.outcome.products)
            products += [(one.campaign.id, product) for product in dict.fromkeys(listed)]
    wanted = pa.table(
        {
            "campaign_id": pa.array([campaign for campaign, _ in products], pa.string()),
            "product_id": pa.array([product for _, product in products], pa.string()),
        }
    )
    asked = F.broadcast(spark.createDataFrame(asked_events(past, machine_micros)))
    counting = read_table(workspace.lake, EVENTS).where(~is_machine_response())
    events = counting.select(
        "customer_id",
        "event_type",
        "event_at",
        "send_id",
        "product_id",
        "amount_minor",
        F.col("campaign_id").alias("said_campaign"),
    )
    happened = events.join(asked, on="event_type", how="inner").where(
        (F.col("event_at") >= F.col("begins_at")) & (F.col("event_at") < F.col("ends_at"))
    )
    attributed = happened.where(~F.col("of_campaign") | (F.col("said_campaign") == F.col("campaign_id")))
    any_product = attributed.where(~F.col("of_products"))
    of_products = attributed.where("of_products").join(
        spark.createDataFrame(wanted), on=["campaign_id", "product_id"], how="left_semi"
    )
    outcomes = any_product.unionByName(of_products)
    persons = persons_of_campaigns(workspace.lake, past)
    if persons is not None:
        # As they were known when the campaign began: who was merged later was a customer of their own to it.
        outcomes = outcomes.join(persons, on=["campaign_id", "customer_id"], how="left").withColumn(
            "customer_id", F.coalesce("person_id", "customer_id")
        )
    if machine_micros is not None:
        judged = outcomes.withColumn("is_too_soon", is_too_soon(machine_micros, "campaign_id", "customer_id"))
        outcomes = judged.where(F.col("is_outcome") & ~F.col("is_too_soon"))
    return outcomes.groupBy("campaign_id", "customer_id").agg(
        F.count("*").alias("outcome_count"), F.sum("amount_minor").alias("outcome_minor")
    )
