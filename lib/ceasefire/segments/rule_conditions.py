"""The conditions of a rule in negation normal form: NOT is moved inward until it stands at single comparisons.

There it disappears: `NOT a > 5` is `a <= 5`, for whom either is unknown both are. What is left is made of AND and OR
alone, so whether a rule is TRUE follows from which of its criteria are, and no unknown needs to be carried upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from ceasefire.segments.rule_terms import Reading, Term, alike, features_of, kinds, literal_term, read_term
from ceasefire.segments.rule_tree import links, sql
from ceasefire.segments.steps import (
    AllOf,
    AnyOf,
    Comparison,
    Encoded,
    Holds,
    IsFalse,
    IsNull,
    IsTrue,
    OneOf,
    Operator,
    Step,
    TextComparison,
    TextOneOf,
    TextPrefix,
    TextTest,
)
from ceasefire.vocabulary import FeatureType

_SYMBOLS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
# Which of the three operators that run stands for a symbol, and whether negated.
_STANDS_FOR = {
    "=": (Operator.EQUAL, False),
    "<>": (Operator.EQUAL, True),
    "<": (Operator.LESS, False),
    ">=": (Operator.LESS, True),
    "<=": (Operator.LESS_OR_EQUAL, False),
    ">": (Operator.LESS_OR_EQUAL, True),
}


@dataclass(frozen=True)
class Criterion:
    """A single comparison of a rule, in the sense in which the rule asks for it: `NOT a > 5` appears as `a <= 5`.

    Attributes:
        text: normalised SQL.
        features: the names it reads, in reading order.
    """

    text: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class SignedAtom:
    """A step that compares, and whether the rule asks for its being false."""

    atom: int
    negated: bool


@dataclass
class Conditions:
    """The conditions of one rule while it is read, and the criteria met so far, in reading order."""

    reading: Reading
    criteria: dict[SignedAtom, Criterion] = field(default_factory=dict)


def read_condition(node: exp.Expr, negated: bool, conditions: Conditions) -> int | None:
    """The position of the mask of a condition, or of its negation; None after noting what is wrong with it."""
    match node:
        case exp.Paren():
            return read_condition(node.this, negated, conditions)
        case exp.Not():
            return read_condition(node.this, not negated, conditions)
        case exp.And() | exp.Or():
            parts = [read_condition(part, negated, conditions) for part in links(node)]
            return _joined(isinstance(node, exp.And) is not negated, parts, conditions)
        case exp.Boolean():
            return _joined(bool(node.this) is not negated, [], conditions)
        case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
            left, right = read_term(node.args["this"], conditions.reading), _right_side(node, conditions)
            return _compared(left, _SYMBOLS[type(node)], right, negated, conditions)
        case exp.Between():
            return _between(node, negated, conditions)
        case exp.In():
            return _among(node, negated, conditions)
        case exp.Like():
            return _prefixed(node, bool(node.args.get("negate")) is not negated, conditions)
        case exp.Is():
            return _is_null(node, negated, conditions)
        case _:
            return _holds(node, negated, conditions)


def _joined(is_and: bool, parts: Sequence[int | None], conditions: Conditions) -> int | None:
    steps = conditions.reading.steps
    masks = {part for part in parts if part is not None}
    if None in parts:
        return None
    nested: type[AllOf] | type[AnyOf] = AllOf if is_and else AnyOf
    flat: set[int] = set()
    for mask in masks:
        step = steps.steps[mask]
        flat.update(step.masks if isinstance(step, nested) else (mask,))
    everyone, nobody = steps.position(AllOf(())), steps.position(AnyOf(()))
    decisive, idle = (nobody, everyone) if is_and else (everyone, nobody)
    if decisive in flat:
        return decisive
    flat.discard(idle)
    return flat.pop() if len(flat) == 1 else steps.position(nested(tuple(sorted(flat))))


def _criterion(atom: Step, negated: bool, text: str, terms: Sequence[Term], conditions: Conditions) -> int | None:
    features = features_of(terms)
    if not features:
        conditions.reading.refuse("no feature in a comparison", text, "at least one feature on either side")
        return None
    steps = conditions.reading.steps
    signed = SignedAtom(steps.position(atom), negated)
    conditions.criteria.setdefault(signed, Criterion(text, features))
    return steps.position(IsFalse(signed.atom) if negated else IsTrue(signed.atom))


def _right_side(node: exp.Expr, conditions: Conditions) -> Term | None:
    right = node.args["expression"]
    if isinstance(right, exp.Null):
        conditions.reading.refuse("a comparison with NULL is never true", sql(node), "IS NULL or IS NOT NULL")
        return None
    return read_term(right, conditions.reading)


def _compared(left: Term | None, symbol: str, right: Term | None, negated: bool, conditions: Conditions) -> int | None:
    if left is None or right is None:
        return None
    if negated:
        symbol = _OPPOSITE[symbol]
    text = f"{left.text} {symbol} {right.text}"
    steps = conditions.reading.steps
    both = alike((left, right), steps)
    if both is None:
        what = "comparison of different types"
        conditions.reading.refuse(what, kinds([left, right]), "two numbers, two texts or two booleans")
        return None
    first, second = both
    if first.type is FeatureType.BOOLEAN and symbol not in ("=", "<>"):
        conditions.reading.refuse("booleans have no order", text, "= or <>")
        return None
    # One order of the two sides, constants last, so that a < b and b > a are one step.
    if first.constant is not None or (second.constant is None and first.place > second.place):
        first, second, symbol = second, first, _MIRRORED[symbol]
    operator, is_opposite = _STANDS_FOR[symbol]
    if isinstance(second.constant, bool):
        return _criterion(Holds(first.place), second.constant is is_opposite, text, both, conditions)
    return _criterion(_comparison(operator, first, second, conditions), is_opposite, text, both, conditions)


def _comparison(operator: Operator, first: Term, second: Term, conditions: Conditions) -> Step:
    if first.type is not FeatureType.TEXT:
        return Comparison(operator, first.place, second.place)
    if isinstance(second.constant, str) and first.features:
        return TextTest(operator, conditions.reading.steps.position(Encoded(first.place)), second.constant)
    return TextComparison(operator, first.place, second.place)


def _between(node: exp.Between, negated: bool, conditions: Conditions) -> int | None:
    term = read_term(node.this, conditions.reading)
    low, high = read_term(node.args["low"], conditions.reading), read_term(node.args["high"], conditions.reading)
    bounds = [
        _compared(term, ">=", low, negated, conditions),
        _compared(term, "<=", high, negated, conditions),
    ]
    return _joined(not negated, bounds, conditions)


def _among(node: exp.In, negated: bool, conditions: Conditions) -> int | None:
    reading = conditions.reading
    term = read_term(node.this, reading)
    read = [read_term(part, reading) for part in node.expressions]
    options = [option for option in read if option is not None]
    if term is None or len(options) < len(read):
        return None
    if not options or any(option.constant is None for option in options):
        reading.refuse("IN takes a list of literals", sql(node), "IN (1, 2) or IN ('a', 'b')")
        return None
    same = alike([term, *options], reading.steps)
    if same is None or term.type is FeatureType.BOOLEAN:
        reading.refuse("IN over different types or booleans", kinds([term, *options]), "numbers or texts, all alike")
        return None
    text = f"{term.text} {'NOT IN' if negated else 'IN'} ({', '.join(option.text for option in options)})"
    if len({option.constant for option in options}) == 1:
        return _compared(term, "=", options[0], negated, conditions)
    return _criterion(_one_of(same, conditions), negated, text, [term], conditions)


def _one_of(term_and_options: Sequence[Term], conditions: Conditions) -> Step:
    term, *options = term_and_options
    if term.type is FeatureType.TEXT:
        texts = sorted({option.constant for option in options if isinstance(option.constant, str)})
        return TextOneOf(conditions.reading.steps.position(Encoded(term.place)), tuple(texts))
    numbers = sorted({option.constant for option in options if isinstance(option.constant, int | float)})
    return OneOf(term.place, tuple(numbers))


def _prefixed(node: exp.Like, negated: bool, conditions: Conditions) -> int | None:
    reading = conditions.reading
    term, pattern = read_term(node.this, reading), node.expression
    if term is None:
        return None
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        reading.refuse("LIKE takes a quoted pattern", sql(node), "LIKE 'prefix%'")
        return None
    prefix = pattern.name.removesuffix("%")
    if not prefix or prefix == pattern.name or "%" in prefix or "_" in prefix:
        what = "LIKE takes one prefix, then %; an underscore stands for any letter"
        reading.refuse(what, sql(pattern), "LIKE 'prefix%', = for a whole text")
        return None
    if term.type is not FeatureType.TEXT:
        reading.refuse("LIKE on what is no text", kinds([term]), "a text feature")
        return None
    quoted = literal_term(pattern.name, FeatureType.TEXT, reading.steps).text
    text = f"{term.text} {'NOT LIKE' if negated else 'LIKE'} {quoted}"
    encoded = reading.steps.position(Encoded(term.place))
    return _criterion(TextPrefix(encoded, prefix), negated, text, [term], conditions)


def _is_null(node: exp.Is, negated: bool, conditions: Conditions) -> int | None:
    if not isinstance(node.expression, exp.Null):
        conditions.reading.refuse("IS takes NULL or NOT NULL", sql(node), "IS NULL, or the condition itself")
        return None
    term = read_term(node.this, conditions.reading)
    if term is None:
        return None
    text = f"{term.text} {'IS NOT NULL' if negated else 'IS NULL'}"
    return _criterion(IsNull(term.place), negated, text, [term], conditions)


def _holds(node: exp.Expr, negated: bool, conditions: Conditions) -> int | None:
    term = read_term(node, conditions.reading)
    if term is None:
        return None
    if term.type is not FeatureType.BOOLEAN:
        conditions.reading.refuse("no condition by itself", kinds([term]), "a comparison, or a boolean feature")
        return None
    text = f"NOT {term.text}" if negated else term.text
    return _criterion(Holds(term.place), negated, text, [term], conditions)
