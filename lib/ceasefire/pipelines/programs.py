"""What a brand declares, compiled: features, rules, the schema of its window_features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from ceasefire.config.bundle import FEATURES_FILE, Brand, Draft
from ceasefire.config.features import Feature
from ceasefire.errors import ConfigurationError, Problem
from ceasefire.features.builtin import catalogue, catalogue_problems
from ceasefire.features.program import FeatureProgram, arrow_type, compile_features
from ceasefire.segments.expressions import ExpressionProgram, compile_expressions
from ceasefire.segments.program import RuleProgram, compile_rules
from ceasefire.segments.rule_problem import DECLARED_TWICE, UNKNOWN_FEATURE, RuleProblem
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


def compile_brand(brand: Brand) -> Programs:
    """The programs of a brand without problems."""
    base_features = catalogue(brand.settings, brand.campaigns, brand.features)
    derived = [(one.name, one.derived) for one in brand.features if one.derived is not None]
    types = _types(base_features, brand.features)
    expressions, wrong_expressions = compile_expressions(derived, types)
    rules, wrong_rules = compile_rules([(one.id, one.rule) for one in brand.segments], types)
    if expressions is None or rules is None:
        raise ConfigurationError(
            [
                *_located(brand.places, "features", wrong_expressions),
                *_located(brand.places, "segments", wrong_rules),
            ]
        )
    instant = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            pa.field("customer_id", pa.string()),
            pa.field("window_end", instant),
            *(pa.field(one.name, arrow_type(one)) for one in base_features),
            *(pa.field(name, pa.float64()) for name, _ in derived),
        ]
    )
    base = compile_features(base_features, brand.settings.machine_micros)
    return Programs(base, expressions, rules, types, schema, base.columns)


def rule_problems(draft: Draft) -> list[Problem]:
    """Everything that is wrong with features and rules as far as they could be read.

    A feature that is declared and has problems of its own is not also reported by the rules that read it; nor is,
    while brand.yaml has problems, a name that may be one of the features that come with a brand's channels.
    """
    problems: list[Problem] = []
    base_features: tuple[Feature, ...] = tuple(one for one in draft.features if one.derived is None)
    if draft.settings is not None:
        base_features = catalogue(draft.settings, draft.campaigns, draft.features)
        problems += [
            Problem(draft.places["features", name], f"{name}: {what}", got, allowed)
            for name, what, got, allowed in catalogue_problems(draft.settings, draft.campaigns, draft.features)
        ]
    types = _types(base_features, draft.features)
    derived = [(one.name, one.derived) for one in draft.features if one.derived is not None]
    _, wrong_expressions = compile_expressions(derived, types)
    _, wrong_rules = compile_rules([(one.id, one.rule) for one in draft.segments], types)
    for kind, wrong in (("features", wrong_expressions), ("segments", wrong_rules)):
        problems += _located(draft.places, kind, (one for one in wrong if not _follows_from_another(one, draft)))
    return problems


def _follows_from_another(problem: RuleProblem, draft: Draft) -> bool:
    if problem.what == DECLARED_TWICE:
        return True  # told by whoever read the file, with both places
    if problem.what != UNKNOWN_FEATURE:
        return False
    is_unread = draft.settings is None or FEATURES_FILE in draft.unreadable_files
    return is_unread or problem.got in draft.unreadable_features


def _types(base_features: Iterable[Feature], declared: Iterable[Feature]) -> dict[str, FeatureType]:
    derived = {one.name: FeatureType.REAL for one in declared if one.derived is not None}
    return {one.name: one.type for one in base_features} | derived


def _located(places: Mapping[tuple[str, str], str], kind: str, problems: Iterable[RuleProblem]) -> list[Problem]:
    return [Problem(places[kind, one.rule_id], f"{one.rule_id}: {one.what}", one.got, one.allowed) for one in problems]
