"""Orders that are told in several states, and returns that take their amount from what they return."""

from __future__ import annotations

import numpy as np

from ceasefire.arrow import BoolArray, IntArray

_BOUNDLESS = np.iinfo(np.int64).max


def replaced_states(owners: IntArray, orders: IntArray, places: IntArray) -> BoolArray:
    """The orders that another state of the same order of the same customer comes after.

    Shapes, for m orders:
        owners   (m,) row of the customer
        orders   (m,) hash of the order
        places   (m,) place in time, unique
        returns  (m,)
    """
    in_order = np.lexsort((places, orders, owners))
    is_followed = np.zeros(len(in_order), dtype=np.bool_)
    is_followed[:-1] = _is_same(owners[in_order], orders[in_order])
    replaced = np.empty(len(in_order), dtype=np.bool_)
    replaced[in_order] = is_followed
    return replaced


def taken_by_returns(
    owners: IntArray,
    orders: IntArray,
    products: IntArray,
    is_order: BoolArray,
    is_return: BoolArray,
    amounts: IntArray,
    is_known: BoolArray,
    places: IntArray,
) -> tuple[IntArray, BoolArray]:
    """Amounts in which a return that states none takes what is left of its order.

    A return of a product takes from the order's lines of that product or, where none is told, from an order that itself
    names the product. A return without a product takes from the order or, where it is not told, from all its lines.
    Stated returns come off first, then those of products, then those of the whole, each in order of time: none takes
    what another one has taken, and the returns of products together no more than is left of the order. What a return
    takes from is unknown when an amount in it is; then the return's own amount stays unknown.

    Shapes, for m orders, order lines and returns, each order in one state:
        owners     (m,) row of the customer
        orders     (m,) hash of the order
        products   (m,) hash of the product; 0 for none
        is_order   (m,) whether it is an order; what is neither an order nor a return is a line
        is_return  (m,)
        amounts    (m,) minor units; 0 where unknown
        is_known   (m,) whether it states an amount
        places     (m,) place in time, unique
        returns    two of (m,): the amounts, 0 where unknown, and where they are known
    """
    order_of, line_of = _numbered(owners, orders), _numbered(owners, orders, products)
    is_line = ~is_order & ~is_return
    in_order = _worth(order_of, is_order, amounts, is_known)
    in_lines_of_order = _worth(order_of, is_line, amounts, is_known)
    in_line = _worth(line_of, is_line, amounts, is_known)
    in_order_of_product = _worth(line_of, is_order, amounts, is_known)
    has_order, has_line = _occurs(order_of, is_order), _occurs(line_of, is_line)
    stated = is_return & is_known
    order_left = _left(_either(has_order, in_order, in_lines_of_order), _sums(order_of, stated, amounts))
    line_left = _left(_either(has_line, in_line, in_order_of_product), _sums(line_of, stated, amounts))

    is_whole = products == 0
    of_whole, of_product = (left[at] for left, at in ((order_left[0], order_of), (line_left[0], line_of)))
    is_taker = is_return & ~is_known & np.where(is_whole, order_left[1][order_of], line_left[1][line_of])
    wants = np.where(is_whole, of_whole, of_product)
    # Of a line the first return wants all that is left, so that the others find nothing.
    by_line = np.lexsort((places, line_of, ~is_taker))
    wants[by_line[1:][_is_same(line_of[by_line], is_taker[by_line])]] = 0

    takers = np.flatnonzero(is_taker)
    takers = takers[np.lexsort((places[takers], is_whole[takers], order_of[takers]))]
    wanted, of_order = wants[takers], order_of[takers]
    wanted_so_far = np.cumsum(wanted)
    begins = np.searchsorted(of_order, of_order)
    wanted_so_far -= wanted_so_far[begins] - wanted[begins]
    bounds = np.where(order_left[1][of_order], order_left[0][of_order], _BOUNDLESS)
    taken = np.minimum(wanted_so_far, bounds) - np.minimum(wanted_so_far - wanted, bounds)
    settled, is_settled = amounts.copy(), is_known.copy()
    settled[takers], is_settled[takers] = taken, True
    return settled, is_settled


_Worth = tuple[IntArray, BoolArray]
"""By number of an order or a line: its minor units, and whether they are known."""


def _numbered(*keys: IntArray) -> IntArray:
    """(m,) the same number, from 0 on, for elements that are equal in all keys."""
    in_order = np.lexsort(keys)
    numbers = np.empty(len(in_order), dtype=np.int64)
    numbers[in_order] = np.concatenate(([0], np.cumsum(~_is_same(*(key[in_order] for key in keys)))))
    return numbers


def _is_same(*keys: IntArray | BoolArray) -> BoolArray:
    """(m-1,) whether an element is equal in all keys to the one before it; the first has none."""
    same: BoolArray = np.ones(max(len(keys[0]) - 1, 0), dtype=np.bool_)
    for key in keys:
        same &= key[1:] == key[:-1]
    return same


def _sums(numbers: IntArray, counts: BoolArray, amounts: IntArray) -> IntArray:
    sums = np.zeros(len(numbers), dtype=np.int64)
    np.add.at(sums, numbers[counts], amounts[counts])
    return sums


def _occurs(numbers: IntArray, counts: BoolArray) -> BoolArray:
    occurs = np.zeros(len(numbers), dtype=np.bool_)
    occurs[numbers[counts]] = True
    return occurs


def _worth(numbers: IntArray, counts: BoolArray, amounts: IntArray, is_known: BoolArray) -> _Worth:
    """The sums of those that count; known where there is one, and none is unknown."""
    is_whole = _occurs(numbers, counts) & ~_occurs(numbers, counts & ~is_known)
    return _sums(numbers, counts, amounts), is_whole


def _either(is_first: BoolArray, first: _Worth, second: _Worth) -> _Worth:
    return np.where(is_first, first[0], second[0]), np.where(is_first, first[1], second[1])


def _left(worth: _Worth, stated: IntArray) -> _Worth:
    return np.maximum(worth[0] - stated, 0), worth[1]
