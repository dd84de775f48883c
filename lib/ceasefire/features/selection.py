"""A part of the elements of all customers, and what can be said of it for each customer.

Every number here is a 64-bit integer, so that no order of additions shows in a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from ceasefire.arrow import BoolArray, IntArray
from ceasefire.features.packed import PackedLists


@dataclass(frozen=True)
class Selection:
    """m elements of some of the customers; the k customers that own any of them are present in it.

    Attributes:
        positions: (m,) index into the flat columns, ascending.
        owners: (m,) row of the customer, ascending.
    """

    positions: IntArray
    owners: IntArray

    @cached_property
    def firsts(self) -> IntArray:
        """(k,) where in the selection each present customer begins."""
        if not len(self.owners):
            return np.empty(0, dtype=np.int64)
        return np.concatenate(([0], np.flatnonzero(self.owners[1:] != self.owners[:-1]) + 1))

    @cached_property
    def present(self) -> IntArray:
        """(k,) the rows of the present customers, ascending."""
        return self.owners[self.firsts]

    @cached_property
    def counts(self) -> IntArray:
        """(k,) elements of each present customer, at least 1."""
        return np.diff(self.firsts, append=len(self.owners))


def everything(lists: PackedLists) -> Selection:
    """All elements of all customers."""
    return Selection(np.arange(len(lists.owners), dtype=np.int64), lists.owners)


def narrowed(selection: Selection, passes: BoolArray) -> Selection:
    """The elements that pass; `passes` is (m,)."""
    kept = np.flatnonzero(passes)
    if len(kept) == len(passes):
        return selection
    return Selection(selection.positions[kept], selection.owners[kept])


def sums(selection: Selection, values: IntArray) -> IntArray:
    """(k,) exact sums of `values` (m,), as long as a customer's sum fits into 64 bits."""
    return _reduced(np.add, selection, values)


def smallest(selection: Selection, values: IntArray) -> IntArray:
    """(k,) least of `values` (m,)."""
    return _reduced(np.minimum, selection, values)


def largest(selection: Selection, values: IntArray) -> IntArray:
    """(k,) greatest of `values` (m,)."""
    return _reduced(np.maximum, selection, values)


def at_extreme(selection: Selection, values: IntArray, extreme: IntArray) -> Selection:
    """The elements whose value (m,) is the extreme (k,) of their customer: at least one each, several in a tie."""
    return narrowed(selection, values == np.repeat(extreme, selection.counts))


def distinct_counts(selection: Selection, values: IntArray) -> IntArray:
    """(k,) how many different `values` (m,) each present customer has."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    # Dense codes leave room for the customer in the same 64 bits: one flat sort instead of a sort by two keys.
    encoded = pa.array(values).dictionary_encode()
    width = len(encoded.dictionary)
    customer = np.repeat(np.arange(len(selection.firsts), dtype=np.int64), selection.counts)
    pairs = np.sort(customer * width + encoded.indices.to_numpy())
    is_new = np.concatenate(([True], pairs[1:] != pairs[:-1]))
    # Sorting moves pairs within their customer only, so the customers still begin where they began.
    return np.add.reduceat(is_new, selection.firsts, dtype=np.int64)


def _reduced(ufunc: np.ufunc, selection: Selection, values: IntArray) -> IntArray:
    # reduceat has no notion of an empty group; only present customers are asked, so there is none.
    if not len(values):
        return np.empty(0, dtype=np.int64)
    reduced: IntArray = ufunc.reduceat(values, selection.firsts)
    return reduced
