"""Responses that come too soon after the delivery of their send to be a person's."""

from __future__ import annotations

import numpy as np

from ceasefire.arrow import BoolArray, IntArray


def too_soon(owners: IntArray, sends: IntArray, instants: IntArray, is_delivery: BoolArray, micros: int) -> BoolArray:
    """The responses in [delivered, delivered + micros) of any delivery of the same send to the same customer.

    Shapes, for m deliveries and responses in any order:
        owners       (m,) row of the customer
        sends        (m,) hash of the send; 0 for none, which is the same as no other
        instants     (m,) microseconds
        is_delivery  (m,) whether it is a delivery, and not a response
        returns      (m,) never true of a delivery
    """
    # Of the deliveries up to a response the latest is the nearest; at one instant the delivery comes first.
    in_order = np.lexsort((~is_delivery, instants, sends, owners))
    places = np.arange(len(in_order))
    latest = np.maximum.accumulate(np.where(is_delivery[in_order], places, 0))
    delivery = in_order[latest]
    is_of_it = is_delivery[delivery] & (owners[delivery] == owners[in_order]) & (sends[delivery] == sends[in_order])
    is_soon = instants[in_order] - instants[delivery] < micros
    found = np.zeros(len(in_order), dtype=np.bool_)
    found[in_order] = is_of_it & is_soon & ~is_delivery[in_order] & (sends[in_order] != 0)
    return found
