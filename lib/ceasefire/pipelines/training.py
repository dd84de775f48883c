"""From past campaigns to a registered uplift model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from ceasefire.arrow import FloatArray, IntArray
from ceasefire.ids import hash64
from ceasefire.learning.uplift import ArmCounts, FittedUplift, TrainingRows, fit_uplift
from ceasefire.pipelines.models import feature_definitions, registered_name, registry_for
from ceasefire.pipelines.training_rows import past_campaigns, write_training_rows
from ceasefire.pipelines.workspace import Workspace
from ceasefire.scoring.uplift_model import ModelGroup, ModelInput, UpliftModel
from ceasefire.storage.lake import create_tables, read_table, rows_of, table_version
from ceasefire.storage.registry import register_model
from ceasefire.tables import EVENTS, TRAINING_ROWS

CAVEAT = "who was treated was chosen, not drawn by lot: differences may be due to the choice, and prove no effect"


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        model: as campaigns name it.
        number: its version in the registry.
        campaign_count: past campaigns that it learnt from.
        row_count: customers and campaigns.
        qini: area between the curve of incremental outcomes and the random line, outcomes for each row.
        qini_low: lower end of its interval.
        qini_high: upper end of its interval.
        counts: by group that was learnt.
        left_out: by group that keeps its prior, having too few outcomes.
    """

    model: str
    number: int
    campaign_count: int
    row_count: int
    qini: float
    qini_low: float
    qini_high: float
    counts: dict[str, ArmCounts]
    left_out: dict[str, ArmCounts]


def train(
    workspace: Workspace, conf: Path, model: str, now: datetime | None, progress: Callable[[str], None]
) -> Trained:
    """Train a declared model on the past, and register it; nothing uses it until it is promoted.

    Args:
        workspace: the brand at work.
        conf: its folder, for the lists of products.
        model: its name in brand.yaml.
        now: campaigns must have ended by then; None: the newest event.
        progress: told in a few words what is being done.

    Raises:
        UsageError: there is no such model, or no campaign to learn from.
        CheckFailedError: the past does not tell: nobody treated, nobody left alone, too few outcomes.
    """
    lake = workspace.lake
    create_tables(lake, [TRAINING_ROWS])
    if now is None:
        (newest,) = rows_of(read_table(lake, EVENTS).agg(F.max("event_at").alias("event_at")))
        now = newest["event_at"] or workspace.clock.now()
    progress(f"model {model}: what was known and what came of it")
    past = past_campaigns(workspace, model, now)
    rows = write_training_rows(workspace, conf, model, past)
    version = table_version(lake, TRAINING_ROWS)
    progress(f"model {model}: learning")
    definitions = feature_definitions(workspace.brand)
    group_names = sorted(set(rows["group_id"].to_pylist()))
    fitted = fit_uplift(
        learning_rows(rows, group_names, len(definitions)),
        group_names,
        workspace.brand.settings.models[model].min_outcomes,
    )
    progress(f"model {model}: registering")
    counts = {one.name: one.counts for one in fitted.groups}
    tags = {
        "training_table": TRAINING_ROWS.name,
        "training_table_version": str(version),
        "campaigns": ", ".join(one.campaign.id for one in past),
        "qini": f"{fitted.qini:.6f}",
        "qini_low": f"{fitted.qini_low:.6f}",
        "qini_high": f"{fitted.qini_high:.6f}",
        "caveat": CAVEAT,
        **{f"feature.{name}": definition for name, definition in definitions.items()},
        **{f"counts.{name}": _counts_text(one) for name, one in counts.items()},
        **{f"left_out.{name}": _counts_text(one) for name, one in fitted.left_out},
    }
    name = registered_name(workspace.brand.settings.brand, model)
    parameters = uplift_model(fitted, definitions).to_bytes()
    number = register_model(registry_for(workspace), name, parameters, list(definitions), tags)
    return Trained(
        model=model,
        number=number,
        campaign_count=len(past),
        row_count=rows.num_rows,
        qini=fitted.qini,
        qini_low=fitted.qini_low,
        qini_high=fitted.qini_high,
        counts=counts,
        left_out=dict(fitted.left_out),
    )


def learning_rows(rows: pa.Table, group_names: list[str], input_count: int) -> TrainingRows:
    """Rows of TRAINING_ROWS as arrays, with a NaN for what was not known."""
    values = pc.list_flatten(rows["inputs"]).combine_chunks().cast(pa.float64()).fill_null(np.nan)
    inputs: FloatArray = values.to_numpy(zero_copy_only=False).reshape(-1, input_count).T.copy()
    campaigns = sorted(set(rows["campaign_id"].to_pylist()))
    return TrainingRows(
        inputs=inputs,
        treated=rows["treated"].to_numpy().astype(np.bool_),
        outcome=rows["outcome"].to_numpy().astype(np.bool_),
        campaign=_positions(rows["campaign_id"], campaigns),
        group=_positions(rows["group_id"], group_names),
        customer=np.array([hash64(one) for one in rows["customer_id"].to_pylist()], np.int64),
    )


def uplift_model(fitted: FittedUplift, definitions: dict[str, str]) -> UpliftModel:
    """The fit as the parameters that decisions read; inputs without any weight are left out."""
    inputs = [
        ModelInput(name, definition, *(float(part[position]) for part in _parts(fitted)))
        for position, (name, definition) in enumerate(definitions.items())
        if fitted.treated_weights[position] or fitted.control_weights[position]
    ]
    groups = [
        ModelGroup(
            name=one.name,
            treated_intercept=one.intercept_treated,
            control_intercept=one.intercept_control,
            centre=one.centre,
            mean_uplift=one.mean_uplift,
            spread=one.spread,
        )
        for one in fitted.groups
    ]
    return UpliftModel(tuple(inputs), tuple(groups))


def _parts(fitted: FittedUplift) -> tuple[FloatArray, ...]:
    # In the order of the fields of a ModelInput.
    return fitted.low, fitted.high, fitted.mean, fitted.scale, fitted.treated_weights, fitted.control_weights


def _positions(texts: pa.ChunkedArray, known: list[str]) -> IntArray:
    found = pc.index_in(texts, value_set=pa.array(known, pa.string()))
    positions: IntArray = found.to_numpy().astype(np.int64)
    return positions


def _counts_text(counts: ArmCounts) -> str:
    treated = f"{counts.treated_outcomes} of {counts.treated} treated"
    return f"{treated}, {counts.control_outcomes} of {counts.control} untreated"
