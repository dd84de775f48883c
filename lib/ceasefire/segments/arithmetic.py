"""Arithmetic on vectors with SQL's nulls: what has no value as a number is null, never a wrapped or infinite one."""

from __future__ import annotations

import numpy as np

from ceasefire.arrow import BoolArray
from ceasefire.segments.feature_columns import Vector

LARGEST_PRODUCT = 2.0**63 * (1 - 2.0**-50)
"""Products of whole numbers at or above this size are null.

The size is judged in float64, whose rounding of both factors and of the product is far below this margin; so no
product that leaves int64 passes, and of those that would fit only the last 2**14 before the limit are lost.
"""


def arithmetic(operator: str, left: Vector, right: Vector) -> Vector:
    """One of + - * / of two vectors of one type; `/` takes real numbers only.

    Returns:
        float64 or int64 like the operands. Null where an operand is null, where a whole number leaves int64, and
        where a real result is not finite, which division by zero never is.
    """
    with np.errstate(all="ignore"):
        match operator:
            case "+":
                values = left.values + right.values
            case "-":
                values = left.values - right.values
            case "*":
                values = left.values * right.values
            case _:
                values = left.values / right.values
        exact = np.isfinite(values) if values.dtype == np.float64 else _stayed_whole(operator, left, right, values)
    valid = both_valid(left.valid, right.valid)
    return Vector(values, valid if exact.all() else both_valid(valid, exact))


def both_valid(left: BoolArray | None, right: BoolArray | None) -> BoolArray | None:
    """Where neither is null; None stands for a vector without nulls."""
    if left is None or right is None:
        return right if left is None else left
    return left & right


def _stayed_whole(operator: str, left: Vector, right: Vector, result: np.ndarray) -> BoolArray:
    # Hacker's Delight, 2-13: a sum overflowed if its sign differs from that of both terms.
    a, b = left.values, right.values
    if operator == "+":
        return np.asarray(((a ^ result) & (b ^ result)) >= 0)
    if operator == "-":
        return np.asarray(((a ^ b) & (a ^ result)) >= 0)
    return np.asarray(np.abs(a.astype(np.float64) * b.astype(np.float64)) < LARGEST_PRODUCT)
