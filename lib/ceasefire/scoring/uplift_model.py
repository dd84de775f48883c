"""An uplift model as data: what it reads, its weights, and what a message changes for a customer by it.

Two logistic regressions, of the treated and of those left alone, over the same inputs; each group of campaigns has
intercepts of its own, a calibrated mean, and keeps a share of each customer's deviation from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ceasefire.arrow import FloatArray, IntArray
from ceasefire.errors import CeasefireError

FORMAT = "ceasefire-uplift-1"
MAX_INPUTS = 2_000
MAX_GROUPS = 10_000


class ModelUnreadableError(CeasefireError):
    """Raised when bytes are no uplift model; says which part is wrong."""


@dataclass(frozen=True)
class ModelInput:
    """One feature that the model reads.

    Attributes:
        name: of the feature.
        definition: hash of how the feature was defined when the model was trained.
        low: smaller values count as this one.
        high: larger values count as this one.
        mean: of the clipped values; what a missing value counts as.
        scale: standard deviation of the clipped values, above 0.
        treated_weight: log-odds for each standard deviation, among the treated.
        control_weight: the same among those left alone.
    """

    name: str
    definition: str
    low: float
    high: float
    mean: float
    scale: float
    treated_weight: float
    control_weight: float


@dataclass(frozen=True)
class ModelGroup:
    """One pool of campaigns.

    Attributes:
        name: that campaigns refer to.
        treated_intercept: log-odds at the mean of all inputs, if treated.
        control_intercept: the same if left alone.
        centre: mean difference of both probabilities when trained.
        mean_uplift: calibrated mean, probability points.
        spread: share of a customer's deviation from the centre that is kept, from 0 to 1.
    """

    name: str
    treated_intercept: float
    control_intercept: float
    centre: float
    mean_uplift: float
    spread: float


@dataclass(frozen=True)
class UpliftModel:
    """The parameters of one model; its bytes are what the registry keeps and what executors get."""

    inputs: tuple[ModelInput, ...]
    groups: tuple[ModelGroup, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON; equal models have equal bytes."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, allow_nan=False).encode()

    @staticmethod
    def from_bytes(data: bytes) -> UpliftModel:
        """The model that these bytes hold.

        Raises:
            ModelUnreadableError: they hold none, or one with a number that is not finite.
        """
        try:
            read = json.loads(data)
        except (ValueError, RecursionError):
            raise ModelUnreadableError("the parameters are not JSON") from None
        if not isinstance(read, dict) or read.get("format") != FORMAT:
            raise ModelUnreadableError(f"the parameters are not of the format {FORMAT}")
        inputs = _parts(read, "inputs", ModelInput, MAX_INPUTS)
        groups = _parts(read, "groups", ModelGroup, MAX_GROUPS)
        if any(one.scale <= 0 or one.low > one.high for one in inputs):
            raise ModelUnreadableError("inputs: a scale must be above 0, and low not above high")
        if any(not 0 <= one.spread <= 1 for one in groups):
            raise ModelUnreadableError("groups: a spread must lie between 0 and 1")
        return UpliftModel(inputs, groups)

    @cached_property
    def group_codes(self) -> Mapping[str, int]:
        """Position of each group by its name."""
        return {one.name: code for code, one in enumerate(self.groups)}

    def standardised(self, columns: Mapping[str, pa.Array], row_count: int) -> FloatArray:
        """The inputs of n customers: clipped, centred, scaled; missing counts as the mean, NaN stays NaN.

        Shapes:
            columns  (n,) for each input's name
            returns  (k, n) for k inputs
        """
        standardised = np.empty((len(self.inputs), row_count), np.float64)
        for row, one in zip(standardised, self.inputs, strict=True):
            column = columns[one.name].cast(pa.float64())
            known = column.is_valid().to_numpy(zero_copy_only=False)
            values = column.fill_null(one.mean).to_numpy(zero_copy_only=False)
            # An infinite value is an error of its feature, not a large one.
            finite = np.where(np.isinf(values), np.nan, values)
            row[:] = np.where(known, (np.clip(finite, one.low, one.high) - one.mean) / one.scale, 0.0)
        return standardised

    def uplifts(self, standardised: FloatArray, group: IntArray, customer: IntArray) -> FloatArray:
        """What each of m messages changes, in probability points; NaN where an input of the customer is NaN.

        Weights are added feature by feature in the order of the inputs, so a customer's bits depend on nothing else
        in the batch.

        Shapes:
            standardised  (k, n) inputs of n customers
            group         (m,)   position in the groups
            customer      (m,)   column of the inputs
            returns       (m,)
        """
        treated, control = self._log_odds(standardised)
        of_group = self._groups
        raw = _probability(of_group[0][group] + treated[customer]) - _probability(
            of_group[1][group] + control[customer]
        )
        calibrated = of_group[3][group] + of_group[4][group] * (raw - of_group[2][group])
        bounded: FloatArray = np.clip(calibrated, -1.0, 1.0)
        return bounded

    def contributions(self, standardised: FloatArray, group: int) -> FloatArray:
        """How much each input moves the uplift of one customer away from that of one with average inputs.

        Exact: along the straight way from average inputs to the customer's each regression's probability moves by
        the integral of its slope, of which each input has the share of its part of the log-odds (Aumann and Shapley
        1974, Values of Non-Atomic Games; integrated gradients in closed form). Parts add up to the whole difference.

        Shapes:
            standardised  (k,) of one customer
            group         position in the groups
            returns       (k,) probability points
        """
        one = self.groups[group]
        parts = np.zeros(len(self.inputs), np.float64)
        for sign, intercept, weights in (
            (1.0, one.treated_intercept, [each.treated_weight for each in self.inputs]),
            (-1.0, one.control_intercept, [each.control_weight for each in self.inputs]),
        ):
            moved = np.array(weights) * standardised
            total = float(moved.sum())
            start = _probability(np.array([intercept]))[0]
            end = _probability(np.array([intercept + total]))[0]
            slope = (end - start) / total if abs(total) > 1e-12 else start * (1 - start)
            parts += sign * slope * moved
        return one.spread * parts

    def uplifts_of_frame(self, frame: pd.DataFrame) -> FloatArray:
        """The same for a pandas frame with the inputs as columns and a text column `group`; a group it lacks is NaN."""
        columns = {one.name: pa.array(frame[one.name].to_numpy(np.float64), from_pandas=True) for one in self.inputs}
        codes = np.array([self.group_codes.get(name, -1) for name in frame["group"]], np.int64)
        uplifts = self.uplifts(self.standardised(columns, len(frame)), np.maximum(codes, 0), np.arange(len(frame)))
        return np.where(codes < 0, np.nan, uplifts)

    @cached_property
    def _groups(self) -> FloatArray:
        """(5, g) the numbers of the groups: both intercepts, centre, mean, spread."""
        rows = [(g.treated_intercept, g.control_intercept, g.centre, g.mean_uplift, g.spread) for g in self.groups]
        return np.array(rows, np.float64).reshape(-1, 5).T.copy()

    def _log_odds(self, standardised: FloatArray) -> tuple[FloatArray, FloatArray]:
        treated, control = np.zeros(standardised.shape[1]), np.zeros(standardised.shape[1])
        for row, one in zip(standardised, self.inputs, strict=True):
            treated += one.treated_weight * row
            control += one.control_weight * row
        return treated, control


def _probability(log_odds: FloatArray) -> FloatArray:
    # Beyond these bounds the probability is 0 or 1 to the last bit, and the exponential would overflow.
    bounded = np.clip(log_odds, -700.0, 700.0)
    probability: FloatArray = 1.0 / (1.0 + np.exp(-bounded))
    return probability


def _parts(read: Mapping[str, Any], key: str, part: type[Any], most: int) -> tuple[Any, ...]:
    rows = read.get(key)
    if not isinstance(rows, list) or not 0 < len(rows) <= most:
        raise ModelUnreadableError(f"{key}: a list of 1 to {most} is needed")
    fields: Sequence[str] = list(part.__dataclass_fields__)
    for row in rows:
        if not isinstance(row, dict) or set(row) != set(fields):
            raise ModelUnreadableError(f"{key}: each needs just {', '.join(fields)}")
        for name in fields:
            is_text = part.__dataclass_fields__[name].type == "str"
            if is_text != isinstance(row[name], str) or not (is_text or _is_finite(row[name])):
                raise ModelUnreadableError(f"{key}: {name} is no {'text' if is_text else 'finite number'}")
    parts = tuple(part(**{name: row[name] for name in fields}) for row in rows)
    if len({one.name for one in parts}) < len(parts):
        raise ModelUnreadableError(f"{key}: a name stands twice")
    return parts


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
