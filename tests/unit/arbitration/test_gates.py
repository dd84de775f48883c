import numpy as np
import pytest

from ceasefire.arbitration.gates import GATES, active_on, first_closed_gate
from ceasefire.errors import CheckFailedError
from ceasefire.vocabulary import LossReason


def masks(*closed: tuple[LossReason, ...]) -> dict[LossReason, np.ndarray]:
    """For each candidate the gates that are closed to it."""
    return {gate: np.array([gate not in one for one in closed], np.bool_) for gate in GATES}


def test_the_gates_are_asked_in_the_order_of_the_reasons() -> None:
    assert tuple(LossReason)[: len(GATES)] == GATES
    assert set(LossReason) - set(GATES) == {LossReason.CAPACITY_FULL, LossReason.LOST_TO_BETTER}


def test_a_losers_reason_is_the_first_gate_that_is_closed_to_it() -> None:
    codes = first_closed_gate(
        masks(
            (),
            (LossReason.DURATION_LOCK,),
            (LossReason.VALUE_NOT_POSITIVE, LossReason.NO_CONSENT, LossReason.DURATION_LOCK),
            tuple(GATES),
        )
    )

    reasons = [tuple(LossReason)[code] if code >= 0 else None for code in codes]
    assert reasons == [None, LossReason.DURATION_LOCK, LossReason.NO_CONSENT, LossReason.NOT_IN_AUDIENCE]
    assert codes.dtype == np.int8


def test_a_gate_that_was_forgotten_lets_nobody_through() -> None:
    without_consent = {gate: mask for gate, mask in masks(()).items() if gate is not LossReason.NO_CONSENT}

    with pytest.raises(CheckFailedError, match=r"allowed: .*no_consent"):
        first_closed_gate(without_consent)


def test_what_is_no_gate_cannot_be_asked() -> None:
    with pytest.raises(CheckFailedError, match=r"got .*capacity_full"):
        first_closed_gate(masks(()) | {LossReason.CAPACITY_FULL: np.array([True])})


def test_no_candidates_have_no_reasons() -> None:
    assert first_closed_gate(masks()).tolist() == []


def test_a_campaign_is_active_on_its_first_and_on_its_last_date() -> None:
    slot_dates = np.array([9, 10, 15, 20, 21])

    assert active_on(slot_dates, np.full(5, 10), np.full(5, 20)).tolist() == [False, True, True, True, False]
