"""Derived features: arithmetic over other features, and over one another, as one program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

import numpy as np
import pyarrow as pa
from sqlglot import exp

from ceasefire.segments.evaluation import evaluate
from ceasefire.segments.feature_columns import Columns, blocks
from ceasefire.segments.program import features_read
from ceasefire.segments.rule_problem import DECLARED_TWICE, RuleProblem, shown
from ceasefire.segments.rule_terms import Reading, Term, as_real, kinds, read_term
from ceasefire.segments.rule_tree import rule_tree
from ceasefire.segments.steps import FeatureValues, Finite, Step, StepList, needed
from ceasefire.vocabulary import FeatureType


@dataclass(frozen=True)
class ExpressionProgram:
    """Derived features compiled together; plain values, so that it travels to the workers in a few kilobytes.

    Attributes:
        names: the derived features, as declared.
        steps: what is worked out, each distinct thing once.
        roots: for each derived feature the position of its values.
    """

    names: tuple[str, ...]
    steps: tuple[Step, ...]
    roots: tuple[int, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The features that must be there beforehand, sorted; no derived ones."""
        return tuple(sorted(features_read(self.steps)))

    def values(self, columns: Columns, rows: int) -> dict[str, pa.Array]:
        """The derived features.

        Args:
            columns: the features that are read, each of `rows` values; an Arrow type that its feature can have.
            rows: number of customers.

        Returns:
            By name a float64 array of `rows` values, null where there is none and never NaN or infinite.

        Raises:
            ValueError: a column is missing, has another length or another type.
        """
        values = np.zeros((len(self.roots), rows), dtype=np.float64)
        missing = np.zeros((len(self.roots), rows), dtype=np.bool_)
        positions = needed(self.steps, self.roots)
        for block in blocks(columns, features_read(self.steps), rows):
            vectors = evaluate(self.steps, positions, block).vectors
            at = slice(block.start, block.start + block.rows)
            for row, root in enumerate(self.roots):
                values[row, at] = vectors[root].values
                valid = vectors[root].valid
                missing[row, at] = False if valid is None else ~valid
        return {name: pa.array(values[row], mask=missing[row]) for row, name in enumerate(self.names)}


def compile_expressions(
    derived: Sequence[tuple[str, str]], types: Mapping[str, FeatureType]
) -> tuple[ExpressionProgram | None, list[RuleProblem]]:
    """Compile derived features into one program.

    Args:
        derived: name and text of each, in any order; they may name one another, but not in a circle.
        types: the other features that they may name. A name that is derived here is real, whatever stands there.

    Returns:
        The program, or None and every problem of every text. Never raises on account of a text.
    """
    problems: list[RuleProblem] = []
    trees: dict[str, exp.Expr | None] = {}
    for name, text in derived:
        if name in trees:
            problems.append(RuleProblem(name, DECLARED_TWICE, name, "each name once"))
        trees[name], wrong = rule_tree(name, text)
        problems += wrong
    uses = {name: _derived_names(tree, trees) for name, tree in trees.items()}
    circles = _circles(uses)
    problems += [_circular(circle) for circle in circles]
    in_circles = {name for circle in circles for name in circle}
    order = TopologicalSorter({name: () if name in in_circles else used for name, used in uses.items()}).static_order()

    steps = StepList()
    # Whatever rests on a circle or on a wrong text is still read, so that all problems are told at once.
    known = {name: _stand_in(name, steps) for name in in_circles}
    names_and_types = {**types, **dict.fromkeys(trees, FeatureType.REAL)}
    for name in order:
        tree = trees[name]
        reading = Reading(name, names_and_types, steps, known)
        term = None if tree is None else _numeric(tree, reading)
        problems += reading.problems
        known[name] = _stand_in(name, steps) if term is None else term
    if problems:
        return None, problems
    return ExpressionProgram(tuple(trees), tuple(steps.steps), tuple(known[name].place for name in trees)), []


def _derived_names(tree: exp.Expr | None, derived: Mapping[str, object]) -> tuple[str, ...]:
    if tree is None:
        return ()
    return tuple(dict.fromkeys(column.name for column in tree.find_all(exp.Column) if column.name in derived))


def _circles(uses: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """For each name that rests on itself, unless a circle before has it, the shortest way back to it."""
    circles: list[tuple[str, ...]] = []
    for name in uses:
        if any(name in circle for circle in circles):
            continue
        ways: dict[str, tuple[str, ...]] = {used: (name, used) for used in uses[name]}
        waiting = list(ways)
        while waiting and name not in ways:
            current = waiting.pop(0)
            for used in uses[current]:
                if used not in ways:
                    ways[used] = (*ways[current], used)
                    waiting.append(used)
        if name in ways:
            circles.append(ways[name][:-1])
    return circles


def _circular(circle: tuple[str, ...]) -> RuleProblem:
    way = " -> ".join((*circle, circle[0]))
    return RuleProblem(circle[0], "derived features rest on one another in a circle", shown(way), "no way back")


def _numeric(tree: exp.Expr, reading: Reading) -> Term | None:
    term = read_term(tree, reading)
    if term is None:
        return None
    if not term.is_number:
        reading.refuse("a derived feature is a number", kinds([term]), "arithmetic over features")
        return None
    if not term.features:
        reading.refuse("no feature in a derived feature", term.text, "arithmetic over features")
        return None
    real = as_real(term, reading.steps)
    return replace(real, place=reading.steps.position(Finite(real.place)))


def _stand_in(name: str, steps: StepList) -> Term:
    return Term(steps.position(FeatureValues(name, FeatureType.REAL)), FeatureType.REAL, name, (name,))
