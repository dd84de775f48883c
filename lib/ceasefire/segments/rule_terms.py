"""The terms of a rule: features, literals and arithmetic, each with its type, and the steps that work them out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ceasefire.segments.rule_problem import UNKNOWN_FEATURE, RuleProblem, shown
from ceasefire.segments.rule_tree import sql
from ceasefire.segments.steps import (
    Arithmetic,
    AsReal,
    Coalesce,
    Constant,
    FeatureValues,
    Literal,
    NullIf,
    StepList,
)
from ceasefire.vocabulary import FeatureType

LARGEST_INTEGER = 2**63 - 1
_INTEGER_DIGITS = 19
_NUMBERS = (FeatureType.INTEGER, FeatureType.REAL)
_OPERATORS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}


@dataclass(frozen=True)
class Term:
    """A part of a rule that has a value.

    Attributes:
        place: position of its step.
        type: what its values are.
        text: itself as normalised SQL.
        features: the names it reads, in reading order, each once.
        constant: its value if it is a literal.
    """

    place: int
    type: FeatureType
    text: str
    features: tuple[str, ...]
    constant: Constant | None = None

    @property
    def is_number(self) -> bool:
        """Whether it can be calculated with."""
        return self.type in _NUMBERS


@dataclass
class Reading:
    """One rule while it is read.

    Attributes:
        rule_id: whose text it is.
        types: the features that it may name.
        derived: those among them that other rules of this program calculate.
        steps: the program that it adds to.
        problems: what is wrong with it so far.
    """

    rule_id: str
    types: Mapping[str, FeatureType]
    steps: StepList
    derived: Mapping[str, Term] = field(default_factory=dict)
    problems: list[RuleProblem] = field(default_factory=list)

    def refuse(self, what: str, got: str, allowed: str = "") -> None:
        """Note a problem."""
        self.problems.append(RuleProblem(self.rule_id, what, shown(got), allowed))


def read_term(node: exp.Expr, reading: Reading) -> Term | None:
    """The term that this tree stands for, or None after noting what is wrong with it."""
    match node:
        case exp.Paren():
            return _in_brackets(read_term(node.this, reading))
        case exp.Column():
            return _feature(node.name, reading)
        case exp.Literal():
            if node.is_string:
                return literal_term(node.name, FeatureType.TEXT, reading.steps)
            return _number(node.name, "", reading)
        case exp.Boolean():
            return literal_term(bool(node.this), FeatureType.BOOLEAN, reading.steps)
        case exp.Null():
            reading.refuse("NULL is no value", "NULL", "IS NULL or IS NOT NULL")
        case exp.Neg(this=exp.Literal(is_string=False)):
            return _number(node.this.name, "-", reading)
        case exp.Neg():
            return _negated(node, reading)
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
            return _arithmetic(node, reading)
        case exp.Nullif():
            return _null_if(node, reading)
        case exp.Coalesce():
            return _coalesce(node, reading)
        case _:
            reading.refuse("a condition stands where a value is needed", sql(node), "a feature, literal or arithmetic")
    return None


def literal_term(value: Constant, kind: FeatureType, steps: StepList) -> Term:
    """A constant as a term."""
    if isinstance(value, str):
        text = "'" + value.replace("'", "''") + "'"
    else:
        text = repr(value).upper() if isinstance(value, bool) else repr(value)
    return Term(steps.position(Literal(value, kind)), kind, text, (), value)


def as_real(term: Term, steps: StepList) -> Term:
    """A number as a real number, so that 7 and 7.0 are one step."""
    if term.type is FeatureType.REAL:
        return term
    if term.constant is not None:
        return replace(literal_term(float(term.constant), FeatureType.REAL, steps), text=term.text)
    return replace(term, place=steps.position(AsReal(term.place)), type=FeatureType.REAL)


def alike(terms: Sequence[Term], steps: StepList) -> tuple[Term, ...] | None:
    """The terms as one type, whole numbers beside real ones as real; None if they are of different kinds."""
    if len({term.type for term in terms}) == 1:
        return tuple(terms)
    if all(term.is_number for term in terms):
        return tuple(as_real(term, steps) for term in terms)
    return None


def features_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """The names that terms read, in reading order, each once."""
    return tuple(dict.fromkeys(name for term in terms for name in term.features))


def kinds(terms: Sequence[Term]) -> str:
    """The terms with their types, for a message."""
    return ", ".join(f"{term.text} ({term.type})" for term in terms)


def _in_brackets(term: Term | None) -> Term | None:
    is_compound = term is not None and any(letter in term.text for letter in "+-*/ ") and term.constant is None
    return replace(term, text=f"({term.text})") if term is not None and is_compound else term


def _feature(name: str, reading: Reading) -> Term | None:
    if name in reading.derived:
        return replace(reading.derived[name], text=name)
    if name in reading.types:
        kind = reading.types[name]
        return Term(reading.steps.position(FeatureValues(name, kind)), kind, name, (name,))
    near = difflib.get_close_matches(name.lower(), reading.types, n=1)
    reading.refuse(UNKNOWN_FEATURE, name, f"did you mean {near[0]}?" if near else "a feature of features.yaml")
    return None


def _number(digits: str, sign: str, reading: Reading) -> Term | None:
    if digits.isdecimal():
        # The length is looked at first: Python refuses to convert thousands of digits.
        is_short = len(digits.lstrip("0")) <= _INTEGER_DIGITS
        if not is_short or not -LARGEST_INTEGER - 1 <= int(sign + digits) <= LARGEST_INTEGER:
            reading.refuse("whole number too large", sign + digits, f"at most {LARGEST_INTEGER}, or a real number")
            return None
        return literal_term(int(sign + digits), FeatureType.INTEGER, reading.steps)
    value = float(sign + digits)
    vanished = value == 0 and any(digit in "123456789" for digit in digits.lower().partition("e")[0])
    if math.isinf(value) or vanished:
        reading.refuse("number outside what a real number can hold", sign + digits, "between 1e-307 and 1e308 in size")
        return None
    return literal_term(value, FeatureType.REAL, reading.steps)


def _negated(node: exp.Neg, reading: Reading) -> Term | None:
    term = read_term(node.this, reading)
    if term is None or not _are_numbers([term], reading):
        return None
    zero = literal_term(0 if term.type is FeatureType.INTEGER else 0.0, term.type, reading.steps)
    place = reading.steps.position(Arithmetic("-", zero.place, term.place, term.type))
    return Term(place, term.type, f"-{term.text}" if not term.text.startswith("-") else f"- {term.text}", term.features)


def _arithmetic(node: exp.Expr, reading: Reading) -> Term | None:
    operator = _OPERATORS[type(node)]
    left, right = read_term(node.args["this"], reading), read_term(node.args["expression"], reading)
    if left is None or right is None or not _are_numbers([left, right], reading):
        return None
    both = (left, right)
    if operator == "/" or left.type is not right.type:
        both = (as_real(left, reading.steps), as_real(right, reading.steps))
    place = reading.steps.position(Arithmetic(operator, both[0].place, both[1].place, both[0].type))
    return Term(place, both[0].type, f"{left.text} {operator} {right.text}", features_of(both))


def _null_if(node: exp.Nullif, reading: Reading) -> Term | None:
    left, right = read_term(node.this, reading), read_term(node.expression, reading)
    if left is None or right is None:
        return None
    both = alike((left, right), reading.steps)
    if both is None:
        reading.refuse("NULLIF of different types", kinds([left, right]), "two terms of one type")
        return None
    place = reading.steps.position(NullIf(left.place, both[0].place, both[1].place, left.type))
    return Term(place, left.type, f"NULLIF({left.text}, {right.text})", features_of(both))


def _coalesce(node: exp.Coalesce, reading: Reading) -> Term | None:
    read = [read_term(part, reading) for part in (node.this, *node.expressions)]
    terms = [term for term in read if term is not None]
    if len(terms) < len(read):
        return None
    if len(terms) == 1:
        reading.refuse("COALESCE of one term", sql(node), "COALESCE(a, b)")
        return None
    same = alike(terms, reading.steps)
    if same is None:
        reading.refuse("COALESCE of different types", kinds(terms), "terms of one type")
        return None
    place = reading.steps.position(Coalesce(tuple(term.place for term in same), same[0].type))
    return Term(place, same[0].type, f"COALESCE({', '.join(term.text for term in terms)})", features_of(same))


def _are_numbers(terms: Sequence[Term], reading: Reading) -> bool:
    if all(term.is_number for term in terms):
        return True
    reading.refuse("arithmetic with what is no number", kinds(terms), "whole or real numbers")
    return False
