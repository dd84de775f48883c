"""What a brand declares, compiled: features, rules, the schema of its window_features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from ceasefire.config.bundle import Brand
from ceasefire.errors import Problem
from ceasefire.features.builtin import catalogue, catalogue_problems
from ceasefire.features.program import FeatureProgram, arrow_type, compile_features, history_columns
from ceasefire.segments.expressions import ExpressionProgram, compile_expressions
from ceasefire.segments.program import RuleProgram, compile_rules
from ceasefire.segments.rule_problem import RuleProblem
from ceasefire.vocabulary import FeatureType


@dataclass(frozen=True)
class Programs:
    """The compiled brand; small, and sent to executors as it is.

    Attributes:
        base: features straight from histories.
        derived: features from other features.
        rules: segments.
        feature_types: of all features, built-in ones first, in the order of their columns.
        window_schema: of window_features.
        history_columns: the lists of a packed history that the base features read.
    """

    base: FeatureProgram
    derived: ExpressionProgram
    rules: RuleProgram
    feature_types: Mapping[str, FeatureType]
    window_schema: pa.Schema
    history_columns: tuple[str, ...]


def compile_brand(brand: Brand) -> tuple[Programs | None, list[Problem]]:
    """The programs of a brand, or None and every problem of its features and rules."""
    base_features = catalogue(brand.settings, brand.campaigns, brand.features)
    derived = [(one.name, one.derived) for one in brand.features if one.derived is not None]
    types = {one.name: one.type for one in base_features} | {name: FeatureType.REAL for name, _ in derived}
    expressions, wrong_expressions = compile_expressions(derived, types)
    rules, wrong_rules = compile_rules([(one.id, one.rule) for one in brand.segments], types)
    problems = [
        Problem(brand.places["features", name], f"{name}: {what}", got, allowed)
        for name, what, got, allowed in catalogue_problems(brand.settings, brand.campaigns, brand.features)
    ]
    problems += _located(brand, "features", wrong_expressions) + _located(brand, "segments", wrong_rules)
    if problems or expressions is None or rules is None:
        return None, problems
    instant = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            pa.field("customer_id", pa.string()),
            pa.field("window_end", instant),
            *(pa.field(one.name, arrow_type(one)) for one in base_features),
            *(pa.field(name, pa.float64()) for name, _ in derived),
        ]
    )
    read = history_columns(base_features)
    return Programs(compile_features(base_features), expressions, rules, types, schema, read), []


def _located(brand: Brand, kind: str, problems: Iterable[RuleProblem]) -> list[Problem]:
    return [
        Problem(brand.places[kind, one.rule_id], f"{one.rule_id}: {one.what}", one.got, one.allowed) for one in problems
    ]
