"""Runs the steps of a program over one block of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import BoolArray
from ceasefire.segments.arithmetic import arithmetic, both_valid
from ceasefire.segments.feature_columns import ARROW_TYPES, Block, Vector, vector
from ceasefire.segments.steps import (
    AllOf,
    AnyOf,
    Arithmetic,
    AsReal,
    Coalesce,
    Comparison,
    Encoded,
    FeatureValues,
    Finite,
    Holds,
    IsFalse,
    IsNull,
    IsTrue,
    Literal,
    NullIf,
    OneOf,
    Operator,
    Step,
    TextComparison,
    TextOneOf,
    TextPrefix,
    TextTest,
)
from ceasefire.vocabulary import FeatureType

_ON_NUMBERS = {Operator.EQUAL: np.equal, Operator.LESS: np.less, Operator.LESS_OR_EQUAL: np.less_equal}
_ON_TEXTS = {Operator.EQUAL: pc.equal, Operator.LESS: pc.less, Operator.LESS_OR_EQUAL: pc.less_equal}

FEW = 8
"""Up to so many constants it is faster to compare with each than to look values up."""


@dataclass(frozen=True)
class _Codes:
    """A text column of n rows: position of each row's text in the d distinct ones; 0 where it is null."""

    codes: npt.NDArray[np.int32]
    valid: BoolArray | None
    distinct: pa.Array


@dataclass
class Results:
    """What the steps of a program gave for one block, by position.

    Attributes:
        vectors: number and boolean terms, and atoms with their unknowns.
        texts: text terms, as Arrow arrays, constants as Arrow scalars.
        codes: encoded texts.
        masks: (rows,) bool each.
    """

    vectors: dict[int, Vector] = field(default_factory=dict)
    texts: dict[int, Any] = field(default_factory=dict)
    codes: dict[int, _Codes] = field(default_factory=dict)
    masks: dict[int, BoolArray] = field(default_factory=dict)


def evaluate(steps: tuple[Step, ...], positions: Iterable[int], block: Block) -> Results:
    """The results of the steps at these positions, which must come in order and include what they rest on."""
    results = Results()
    for position in positions:
        _run(steps[position], position, block, results)
    return results


def _run(step: Step, position: int, block: Block, results: Results) -> None:
    vectors, masks = results.vectors, results.masks
    match step:
        case IsTrue():
            masks[position] = _over_rows(_true(vectors[step.atom]), block.rows)
        case IsFalse():
            masks[position] = _over_rows(_false(vectors[step.atom]), block.rows)
        case AllOf():
            masks[position] = _reduced(np.logical_and, [masks[mask] for mask in step.masks], block.rows)
        case AnyOf():
            masks[position] = _reduced(np.logical_or, [masks[mask] for mask in step.masks], block.rows)
        case FeatureValues(type=FeatureType.TEXT) | Literal(type=FeatureType.TEXT):
            results.texts[position] = _text(step, block)
        case NullIf(type=FeatureType.TEXT) | Coalesce(type=FeatureType.TEXT):
            results.texts[position] = _text_choice(step, results.texts)
        case Encoded():
            results.codes[position] = _encoded(results.texts[step.term])
        case IsNull() if step.term in results.texts:
            vectors[position] = Vector(_numpy(pc.is_null(results.texts[step.term])), None)
        case TextComparison():
            vectors[position] = _compared_texts(step, results.texts)
        case TextTest() | TextOneOf() | TextPrefix():
            vectors[position] = _tested(step, results.codes[step.encoded])
        case _:
            vectors[position] = _vector(step, block, vectors)


def _vector(step: Step, block: Block, vectors: dict[int, Vector]) -> Vector:
    match step:
        case FeatureValues():
            return vector(block.columns[step.name], step.type)
        case Literal():
            return Vector(np.array([step.value], dtype=ARROW_TYPES[step.type].to_pandas_dtype()), None)
        case AsReal():
            return Vector(vectors[step.term].values.astype(np.float64), vectors[step.term].valid)
        case Finite():
            term = vectors[step.term]
            finite = np.isfinite(term.values)
            return Vector(term.values, term.valid if finite.all() else both_valid(term.valid, finite))
        case Arithmetic():
            return arithmetic(step.operator, vectors[step.left], vectors[step.right])
        case NullIf():
            return _null_if(vectors[step.term], vectors[step.compared], vectors[step.right])
        case Coalesce():
            return _coalesced([vectors[term] for term in step.terms])
        case Comparison():
            left, right = vectors[step.left], vectors[step.right]
            return Vector(_ON_NUMBERS[step.operator](left.values, right.values), both_valid(left.valid, right.valid))
        case OneOf():
            return Vector(_among(vectors[step.term].values, step.values), vectors[step.term].valid)
        case IsNull():
            valid = vectors[step.term].valid
            return Vector(np.zeros(1, dtype=np.bool_) if valid is None else ~valid, None)
        case Holds():
            return vectors[step.term]
        case _:
            raise TypeError(f"no vector comes of {step}")


def _among(values: npt.NDArray[Any], options: Sequence[int | float]) -> BoolArray:
    if len(options) > FEW:
        return np.isin(values, np.array(options))
    found = np.zeros(len(values), dtype=np.bool_)
    for option in options:
        np.logical_or(found, values == option, out=found)
    return found


def _true(atom: Vector) -> BoolArray:
    return atom.values if atom.valid is None else atom.values & atom.valid


def _false(atom: Vector) -> BoolArray:
    return ~atom.values if atom.valid is None else np.greater(atom.valid, atom.values)


def _over_rows(mask: BoolArray, rows: int) -> BoolArray:
    return mask if len(mask) == rows else np.broadcast_to(mask, rows)


def _reduced(both: np.ufunc, masks: list[BoolArray], rows: int) -> BoolArray:
    if not masks:
        return np.full(rows, both.identity, dtype=np.bool_)
    result: BoolArray = both(masks[0], masks[1])
    for mask in masks[2:]:
        both(result, mask, out=result)
    return result


def _null_if(term: Vector, compared: Vector, right: Vector) -> Vector:
    equal = compared.values == right.values
    known = both_valid(compared.valid, right.valid)
    return Vector(term.values, both_valid(term.valid, ~equal if known is None else ~(equal & known)))


def _coalesced(terms: list[Vector]) -> Vector:
    chosen = terms[0]
    for term in terms[1:]:
        if chosen.valid is None:
            return chosen
        values = np.where(chosen.valid, chosen.values, term.values)
        chosen = Vector(values, None if term.valid is None else chosen.valid | term.valid)
    return chosen


def _text(step: FeatureValues | Literal, block: Block) -> Any:
    return block.columns[step.name] if isinstance(step, FeatureValues) else pa.scalar(step.value, pa.string())


def _text_choice(step: NullIf | Coalesce, texts: dict[int, Any]) -> Any:
    if isinstance(step, Coalesce):
        return pc.coalesce(*(texts[term] for term in step.terms))
    equal = pc.equal(texts[step.compared], texts[step.right])
    return pc.if_else(pc.fill_null(equal, False), pa.scalar(None, pa.string()), texts[step.term])


def _encoded(texts: pa.Array) -> _Codes:
    encoded = texts.dictionary_encode()
    codes = vector(encoded.indices, FeatureType.INTEGER)
    return _Codes(codes.values, codes.valid, encoded.dictionary)


def _tested(step: TextTest | TextOneOf | TextPrefix, texts: _Codes) -> Vector:
    match step:
        case TextTest():
            passing = _ON_TEXTS[step.operator](texts.distinct, pa.scalar(step.value, pa.string()))
        case TextOneOf():
            passing = pc.is_in(texts.distinct, value_set=pa.array(step.values, pa.string()))
        case TextPrefix():
            passing = pc.starts_with(texts.distinct, pattern=step.prefix)
    passed = _numpy(passing)
    few = np.flatnonzero(passed)
    among = passed.take(texts.codes) if len(few) > FEW else _among(texts.codes, few.tolist())
    return Vector(among, texts.valid)


def _compared_texts(step: TextComparison, texts: dict[int, Any]) -> Vector:
    compared = _ON_TEXTS[step.operator](texts[step.left], texts[step.right])
    return Vector(_numpy(pc.fill_null(compared, False)), _numpy(pc.is_valid(compared)))


def _numpy(truths: Any) -> BoolArray:
    if isinstance(truths, pa.Scalar):
        return np.array([truths.as_py()], dtype=np.bool_)
    return np.asarray(truths.to_numpy(zero_copy_only=False), dtype=np.bool_)
