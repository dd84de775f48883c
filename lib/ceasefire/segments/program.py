"""All rules of a brand as one program over feature columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ceasefire.arrow import BoolArray
from ceasefire.segments.evaluation import evaluate
from ceasefire.segments.feature_columns import Columns, Vector, blocks
from ceasefire.segments.rule_conditions import Conditions, Criterion, SignedAtom, read_condition
from ceasefire.segments.rule_problem import DECLARED_TWICE, RuleProblem
from ceasefire.segments.rule_terms import Reading
from ceasefire.segments.rule_tree import rule_tree
from ceasefire.segments.steps import FeatureValues, Step, StepList, needed
from ceasefire.vocabulary import FeatureType

TruthArray = npt.NDArray[np.int8]


@dataclass(frozen=True)
class RuleProgram:
    """Rules compiled together; plain values, so that it travels to the workers in a few kilobytes.

    Attributes:
        rule_ids: the rules, in the order of the rows of `memberships`.
        steps: what is worked out, each distinct thing once.
        roots: for each rule the position of its mask.
        atoms: for each rule its criteria as steps, in reading order.
        criteria_of_rules: for each rule its criteria as text, in the same order.
    """

    rule_ids: tuple[str, ...]
    steps: tuple[Step, ...]
    roots: tuple[int, ...]
    atoms: tuple[tuple[SignedAtom, ...], ...]
    criteria_of_rules: tuple[tuple[Criterion, ...], ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The features that the rules read, sorted."""
        return tuple(sorted(features_read(self.steps)))

    def memberships(self, columns: Columns, rows: int) -> BoolArray:
        """Who is in which segment.

        Args:
            columns: the features, each of `rows` values; an Arrow type that its feature can have.
            rows: number of customers.

        Returns:
            (rules, rows): True where SQL says that the rule is TRUE, and neither FALSE nor unknown.

        Raises:
            ValueError: a column is missing, has another length or another type.
        """
        members = np.empty((len(self.roots), rows), dtype=np.bool_)
        positions = needed(self.steps, self.roots)
        for block in blocks(columns, features_read(self.steps), rows):
            masks = evaluate(self.steps, positions, block).masks
            for rule, root in enumerate(self.roots):
                members[rule, block.start : block.start + block.rows] = masks[root]
        return members

    def criteria(self, rule_id: str) -> tuple[Criterion, ...]:
        """The distinct comparisons of a rule, in reading order; none for a rule that is TRUE or FALSE.

        Raises:
            KeyError: there is no such rule.
        """
        return self.criteria_of_rules[self._place(rule_id)]

    def criterion_truths(self, rule_id: str, columns: Columns, rows: int) -> TruthArray:
        """Which criteria of a rule hold for whom: why somebody is in, and what flipped.

        Args:
            rule_id: the rule.
            columns: as for `memberships`; only what this rule reads is needed.
            rows: number of customers.

        Returns:
            (criteria, rows): 1 where a criterion is true, 0 where it is false, -1 where it is unknown. Since no
            criterion is negated, a membership is gained only when one becomes 1 and lost only when one ceases to be.

        Raises:
            KeyError: there is no such rule.
            ValueError: a column is missing, has another length or another type.
        """
        signed = self.atoms[self._place(rule_id)]
        truths = np.empty((len(signed), rows), dtype=np.int8)
        positions = needed(self.steps, tuple(one.atom for one in signed))
        for block in blocks(columns, features_read(tuple(self.steps[place] for place in positions)), rows):
            vectors = evaluate(self.steps, positions, block).vectors
            for row, one in enumerate(signed):
                truths[row, block.start : block.start + block.rows] = _truths(vectors[one.atom], one.negated)
        return truths

    def _place(self, rule_id: str) -> int:
        if rule_id not in self.rule_ids:
            raise KeyError(rule_id)
        return self.rule_ids.index(rule_id)


def compile_rules(
    rules: Sequence[tuple[str, str]], types: Mapping[str, FeatureType]
) -> tuple[RuleProgram | None, list[RuleProblem]]:
    """Compile rules into one program.

    Args:
        rules: id and text of each.
        types: the features that a rule may name.

    Returns:
        The program, or None and every problem of every rule. Never raises on account of a text.
    """
    steps = StepList()
    problems: list[RuleProblem] = []
    seen: dict[str, tuple[int | None, Conditions]] = {}
    for rule_id, text in rules:
        if rule_id in seen:
            problems.append(RuleProblem(rule_id, DECLARED_TWICE, rule_id, "each id once"))
        conditions = Conditions(Reading(rule_id, types, steps))
        tree, wrong = rule_tree(rule_id, text)
        seen[rule_id] = (None if tree is None else read_condition(tree, False, conditions), conditions)
        problems += [*wrong, *conditions.reading.problems]
    roots = [root for root, _ in seen.values() if root is not None]
    if problems:
        return None, problems
    criteria = [conditions.criteria for _, conditions in seen.values()]
    program = RuleProgram(
        rule_ids=tuple(seen),
        steps=tuple(steps.steps),
        roots=tuple(roots),
        atoms=tuple(tuple(one) for one in criteria),
        criteria_of_rules=tuple(tuple(one.values()) for one in criteria),
    )
    return program, []


def with_residual(memberships: BoolArray) -> BoolArray:
    """The memberships with one more row: the built-in segment of whoever is in no other, so that nobody is left out.

    Shapes, for s segments and n customers:
        memberships  (s, n)
        returns      (s + 1, n), with at least one True in every column
    """
    return np.vstack([memberships, ~memberships.any(axis=0)])


def features_read(steps: tuple[Step, ...]) -> dict[str, FeatureType]:
    """The features among steps, with their types."""
    return {step.name: step.type for step in steps if isinstance(step, FeatureValues)}


def _truths(atom: Vector, negated: bool) -> TruthArray:
    asked = ~atom.values if negated else atom.values
    truths: TruthArray = asked.astype(np.int8)
    return truths if atom.valid is None else np.where(atom.valid, truths, np.int8(-1))
