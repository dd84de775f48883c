"""The gates that a candidate passes before it competes, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ceasefire.arrow import BoolArray, CodeArray, IntArray
from ceasefire.errors import CheckFailedError
from ceasefire.vocabulary import LossReason

REASON_CODES: dict[LossReason, int] = {reason: code for code, reason in enumerate(LossReason)}

GATES: tuple[LossReason, ...] = (
    LossReason.NOT_IN_AUDIENCE,
    LossReason.OUTSIDE_DATES,
    LossReason.NO_CONSENT,
    LossReason.ON_HOLD,
    LossReason.ON_SUPPRESSION_LIST,
    LossReason.NO_ADDRESS,
    LossReason.REENTRY_LIMIT,
    LossReason.DURATION_LOCK,
    LossReason.UPLIFT_UNKNOWN,
    LossReason.VALUE_NOT_POSITIVE,
)


def first_closed_gate(open_masks: Mapping[LossReason, BoolArray]) -> CodeArray:
    """The reason of the first gate that is closed to each of m candidates, or -1 for those that pass all.

    Shapes:
        open_masks  (m,) for each of GATES: to whom it is open
        returns     (m,) index in tuple(LossReason), or -1

    Raises:
        CheckFailedError: a gate was not asked, which would let everybody through it, or something is no gate.
    """
    if set(open_masks) != set(GATES):
        got, allowed = ", ".join(sorted(open_masks)) or "none", ", ".join(GATES)
        raise CheckFailedError(f"gates: not all of them and only them were asked, got {got}, allowed: {allowed}")
    closed = np.stack([~open_masks[gate] for gate in GATES])
    code_of_gate = np.array([REASON_CODES[gate] for gate in GATES], np.int8)
    return np.where(closed.any(axis=0), code_of_gate[closed.argmax(axis=0)], np.int8(-1))


def open_to_transactional(is_open: BoolArray, is_marketing: BoolArray) -> BoolArray:
    """A gate that holds back marketing alone: what must be told need not pay, and is no advertisement.

    Shapes:
        is_open       (m,) to which candidates the gate would be open
        is_marketing  (m,)
        returns       (m,)
    """
    return is_open | ~is_marketing


def active_on(slot_dates: IntArray, first_dates: IntArray, last_dates: IntArray) -> BoolArray:
    """Whether each slot's local date is one of its campaign's, both ends included.

    Shapes:
        slot_dates   (m,) days since 1970-01-01
        first_dates  (m,) of the candidate's campaign
        last_dates   (m,) of the candidate's campaign
        returns      (m,)
    """
    return (first_dates <= slot_dates) & (slot_dates <= last_dates)
