"""The instructions of a compiled rule: plain values that name the earlier steps they work on by position.

Equal steps are one step: `StepList.position` returns the place of the one that is already there, so whatever
rules share (a column, a sum, a comparison, a whole clause) is worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ceasefire.vocabulary import FeatureType

Constant = int | float | str | bool


class Operator(StrEnum):
    """What is left of six comparisons once the negated ones are read as NOT of these."""

    EQUAL = "="
    LESS = "<"
    LESS_OR_EQUAL = "<="


@dataclass(frozen=True)
class FeatureValues:
    """The values of a feature; NaN counts as null."""

    name: str
    type: FeatureType


@dataclass(frozen=True)
class Literal:
    """A constant. The type is part of it, because 1, 1.0 and TRUE are equal in Python."""

    value: Constant
    type: FeatureType


@dataclass(frozen=True)
class AsReal:
    """Whole numbers as float64: exact up to 2**53, rounded to the nearest beyond."""

    term: int


@dataclass(frozen=True)
class Finite:
    """Real numbers with null for whatever is infinite."""

    term: int


@dataclass(frozen=True)
class Arithmetic:
    """One of + - * /. Whole numbers that leave int64, division by zero and infinite results are null."""

    operator: str
    left: int
    right: int
    type: FeatureType


@dataclass(frozen=True)
class NullIf:
    """The first term, null where it equals the second; `compared` is the first as the second's type."""

    term: int
    compared: int
    right: int
    type: FeatureType


@dataclass(frozen=True)
class Coalesce:
    """The first of the terms that is not null."""

    terms: tuple[int, ...]
    type: FeatureType


@dataclass(frozen=True)
class Encoded:
    """A text term as codes into its distinct texts, so that a test looks at each distinct text once."""

    term: int


@dataclass(frozen=True)
class Comparison:
    """Two numbers of one type, or two booleans, compared."""

    operator: Operator
    left: int
    right: int


@dataclass(frozen=True)
class OneOf:
    """A number among constants of its type."""

    term: int
    values: tuple[int | float, ...]


@dataclass(frozen=True)
class TextComparison:
    """Two text terms compared by their UTF-8 bytes."""

    operator: Operator
    left: int
    right: int


@dataclass(frozen=True)
class TextTest:
    """An encoded text compared with a constant by its UTF-8 bytes."""

    operator: Operator
    encoded: int
    value: str


@dataclass(frozen=True)
class TextOneOf:
    """An encoded text among constants."""

    encoded: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class TextPrefix:
    """An encoded text that starts with a prefix."""

    encoded: int
    prefix: str


@dataclass(frozen=True)
class IsNull:
    """A term that is null; never unknown."""

    term: int


@dataclass(frozen=True)
class Holds:
    """A boolean term as a condition."""

    term: int


@dataclass(frozen=True)
class IsTrue:
    """Rows for which an atom is true."""

    atom: int


@dataclass(frozen=True)
class IsFalse:
    """Rows for which an atom is false, and not merely unknown."""

    atom: int


@dataclass(frozen=True)
class AllOf:
    """Rows in every mask; all rows if there is none."""

    masks: tuple[int, ...]


@dataclass(frozen=True)
class AnyOf:
    """Rows in any mask; no rows if there is none."""

    masks: tuple[int, ...]


Term = FeatureValues | Literal | AsReal | Finite | Arithmetic | NullIf | Coalesce
Atom = Comparison | OneOf | TextComparison | TextTest | TextOneOf | TextPrefix | IsNull | Holds
Mask = IsTrue | IsFalse | AllOf | AnyOf
Step = Term | Encoded | Atom | Mask


@dataclass
class StepList:
    """The steps of a program under construction, each once, operands before their users."""

    steps: list[Step] = field(default_factory=list)
    places: dict[Step, int] = field(default_factory=dict)

    def position(self, step: Step) -> int:
        """Where this step stands, after adding it if it is new."""
        if step not in self.places:
            self.places[step] = len(self.steps)
            self.steps.append(step)
        return self.places[step]


def operands(step: Step) -> tuple[int, ...]:
    """The positions of the steps that a step works on."""
    match step:
        case FeatureValues() | Literal():
            return ()
        case AsReal() | Finite() | OneOf() | IsNull() | Holds() | Encoded():
            return (step.term,)
        case Arithmetic() | Comparison() | TextComparison():
            return (step.left, step.right)
        case NullIf():
            return (step.term, step.compared, step.right)
        case Coalesce():
            return step.terms
        case TextTest() | TextOneOf() | TextPrefix():
            return (step.encoded,)
        case IsTrue() | IsFalse():
            return (step.atom,)
        case AllOf() | AnyOf():
            return step.masks


def needed(steps: tuple[Step, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
    """The positions that the wanted ones rest on, themselves included, in order."""
    rests_on = set(wanted)
    for position in range(len(steps) - 1, -1, -1):
        if position in rests_on:
            rests_on.update(operands(steps[position]))
    return tuple(sorted(rests_on))
