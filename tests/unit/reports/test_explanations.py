from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ceasefire.reports.explanation import (
    WORDS,
    Explanation,
    Membership,
    MergedId,
    Mover,
    TransactionalDecision,
    explanation_lines,
    money,
    winner_first,
)
from ceasefire.vocabulary import LossReason, RevokedReason, WithheldReason

CLOSE, SLOT = datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 2, 18, tzinfo=UTC)
CENT = 1_000_000


def candidate(
    campaign: str, reason: LossReason | None, value_cents: int = 100, channel: str = "email"
) -> dict[str, Any]:
    return {
        "campaign_id": campaign,
        "channel": channel,
        "slot_at": SLOT,
        "uplift": 0.02,
        "uplift_source": "prior",
        "model": None,
        "model_refusal": None,
        "outcome_micros": 6000 * CENT,
        "value_basis": "own_mean_order",
        "cost_micros": CENT // 5,
        "value_micros": value_cents * CENT,
        "reason_code": None if reason is None else reason.value,
    }


CANDIDATES = [
    candidate("a_locked", LossReason.DURATION_LOCK, 500),
    candidate("b_better_paid", LossReason.LOST_TO_BETTER, 90),
    candidate("c_full", LossReason.CAPACITY_FULL, 300),
    candidate("d_winner", None, 120),
    candidate("e_worse_paid", LossReason.LOST_TO_BETTER, 80),
    candidate("b_better_paid", LossReason.NO_ADDRESS, 95, "sms"),
]
SEND: dict[str, Any] = {
    "window_end": CLOSE,
    "outcome": "send",
    "reason_code": None,
    "treatment": {
        "campaign_id": "d_winner",
        "channel": "email",
        "slot_at": SLOT,
        "variant_id": "warm",
        "template": "t-17",
    },
    "value_micros": 120 * CENT,
    "margin_micros": 30 * CENT,
    "runner_up": "b_better_paid/email",
    "candidates": CANDIDATES,
}
SILENCE = SEND | {"outcome": "silence", "reason_code": "duration_lock", "treatment": None, "candidates": CANDIDATES[:1]}


def local(instant: datetime) -> str:
    return instant.strftime("%a %H:%M")


def explanation(decision: dict[str, Any], **changes: Any) -> Explanation:
    given: dict[str, Any] = {
        "customer": "customer-07",
        "zone": "UTC",
        "currency": "EUR",
        "decision": decision,
        "memberships": (
            Membership("buyers", "Bought within a week", (("orders_7d > 0", "orders_7d = 2"),)),
            Membership("in_no_other_segment", "", ()),
        ),
        "fate": "queued",
        "fate_reason": "",
        "versions": {"configuration": "0aa0d6", "program": "0.1.0"},
    }
    return Explanation(**given | {"movers": {}} | changes)


def told(decision: dict[str, Any], **changes: Any) -> str:
    return "\n".join(explanation_lines(explanation(decision, **changes), local))


def test_a_send_reads_like_an_answer_to_why() -> None:
    assert told(SEND | {"candidates": CANDIDATES[1:2] + CANDIDATES[3:4]}).splitlines() == [
        "Customer customer-07, window closed Mon 06:00",
        "",
        "Send d_winner by email at Mon 18:00 (content warm, template t-17), worth 1.2000 EUR.",
        "Runner-up b_better_paid/email, 0.3000 EUR behind.",
        "Since then: queued.",
        "",
        "Segments (2)",
        "  buyers: Bought within a week",
        "      orders_7d > 0   [orders_7d = 2]",
        "  in_no_other_segment",
        "",
        "Candidates (2)",
        "  d_winner / email at Mon 18:00: WINS",
        "      uplift 0.0200 (prior) x 60.0000 EUR (own_mean_order) - 0.0020 EUR = 1.2000 EUR",
        "  b_better_paid / email at Mon 18:00: another message won (lost_to_better)",
        "      uplift 0.0200 (prior) x 60.0000 EUR (own_mean_order) - 0.0020 EUR = 0.9000 EUR",
        "",
        "Decided from",
        "  configuration: 0aa0d6",
        "  program: 0.1.0",
    ]


def test_transactional_messages_of_the_window_are_told_apart_from_what_won() -> None:
    # given a refund notice that went, whose push lost to its mail, and a shipping notice without consent
    refund = SEND | {
        "treatment": SEND["treatment"] | {"campaign_id": "refund", "variant_id": "plain", "template": "t-1"},
        "candidates": [
            candidate("refund", None, -1),
            candidate("refund", LossReason.LOST_TO_BETTER, 0, channel="push"),
        ],
    }
    shipping = SILENCE | {
        "reason_code": "no_consent",
        "candidates": [candidate("shipping", LossReason.NO_CONSENT)],
    }
    apart = (
        TransactionalDecision(refund, "withheld", "no_address"),
        TransactionalDecision(shipping, "", ""),
    )

    lines = told(SILENCE, fate="", transactional=apart).splitlines()

    start = lines.index("Transactional messages of this window, which compete with no other (2)")
    assert lines[2].startswith("Silence: ")
    assert lines[start : start + 5] == [
        "Transactional messages of this window, which compete with no other (2)",
        "  refund by email at Mon 18:00 (content plain, template t-1); since then: withheld: "
        f"{WORDS[WithheldReason.NO_ADDRESS]} (no_address)",
        "      not by push: another message won (lost_to_better)",
        f"  shipping: not sent, {WORDS[LossReason.NO_CONSENT]} (no_consent)",
        "",
    ]
    assert json.loads(json.dumps(explanation(SEND, transactional=apart).as_data(), default=str))["transactional"]


def test_the_winner_comes_first_and_the_losers_by_how_far_they_got() -> None:
    assert [f"{one['campaign_id']}/{one['channel']}" for one in winner_first(CANDIDATES)] == [
        "d_winner/email",
        "b_better_paid/email",
        "e_worse_paid/email",
        "c_full/email",
        "a_locked/email",
        "b_better_paid/sms",
    ]


def test_the_order_of_an_explanation_does_not_depend_on_the_order_of_the_row() -> None:
    assert told(SEND) == told(SEND | {"candidates": CANDIDATES[::-1]})


def test_each_loser_is_told_with_words_and_code() -> None:
    text = told(SEND)

    for one in CANDIDATES:
        if one["reason_code"] is not None:
            assert f"{WORDS[one['reason_code']]} ({one['reason_code']})" in text
    assert text.count("WINS") == 1


@pytest.mark.parametrize("code", [*LossReason, *WithheldReason, *RevokedReason])
def test_every_reason_has_words_of_its_own(code: str) -> None:
    assert WORDS[code]
    assert [other for other, words in WORDS.items() if words == WORDS[code]] == [code]


def test_who_has_no_address_is_not_told_that_there_was_one_before() -> None:
    assert "no address for this channel (no_address)" in told(SEND)


def test_silence_says_why_and_names_no_message() -> None:
    text = told(SILENCE, fate="")

    assert "Silence: still in the duration period of an earlier message (duration_lock)." in text
    assert "Send " not in text
    assert "Since then" not in text


def test_silence_of_a_customer_whom_nobody_wants_has_no_candidates() -> None:
    text = told(SILENCE | {"reason_code": "not_in_audience", "candidates": None}, memberships=())

    assert "Silence: no campaign wants this customer (not_in_audience)." in text
    assert "Candidates (0)" in text
    assert "Segments (0)" in text


def test_a_send_without_a_rival_says_so() -> None:
    assert "Nothing else could have been sent." in told(SEND | {"runner_up": None, "margin_micros": None})


def test_a_withheld_send_says_what_stopped_it() -> None:
    text = told(SEND, fate="withheld", fate_reason="product_returned")

    assert "Since then: withheld: what the message is about was returned (product_returned)." in text


@pytest.mark.parametrize(
    ("micros", "currency", "text"),
    [
        (120 * CENT, "EUR", "1.2000 EUR"),
        (-CENT // 2, "EUR", "-0.0050 EUR"),
        (123_456_789 * CENT, "EUR", "1,234,567.8900 EUR"),
        (150 * CENT, "JPY", "150.00 JPY"),
        (1_500 * CENT, "KWD", "1.50000 KWD"),
        (9_007_199_254_740_993 * CENT, "EUR", "90,071,992,547,409.9300 EUR"),
    ],
)
def test_money_is_shown_in_the_units_of_its_currency(micros: int, currency: str, text: str) -> None:
    assert money(micros, currency) == text


def test_amounts_of_an_explanation_are_in_the_units_of_the_brands_currency() -> None:
    assert "worth 120.00 JPY." in told(SEND, currency="JPY")


def test_an_explanation_can_be_written_as_data() -> None:
    data = json.loads(json.dumps(explanation(SEND).as_data(), default=str))

    assert data["decision"]["treatment"]["campaign_id"] == "d_winner"
    assert data["memberships"][0]["criteria"] == [["orders_7d > 0", "orders_7d = 2"]]


def test_an_uplift_of_a_model_names_it_and_what_moved_it() -> None:
    by_model = CANDIDATES[3] | {"uplift_source": "model", "model": "coupons/3"}
    movers = {"d_winner": (Mover("order_count_90d", "12", 0.031), Mover("days_since_last_order", "unknown", -0.004))}

    lines = told(SEND | {"candidates": [by_model]}, movers=movers).splitlines()

    start = next(place for place, line in enumerate(lines) if "uplift" in line)
    assert lines[start].strip().startswith("uplift 0.0200 (model coupons/3) x ")
    assert [line.strip() for line in lines[start + 1 : start + 3]] == [
        "+0.0310 from order_count_90d = 12",
        "-0.0040 from days_since_last_order = unknown",
    ]


def test_a_prior_that_stands_in_for_a_model_says_why() -> None:
    refused = CANDIDATES[3] | {
        "uplift_source": "prior_model_refused",
        "model": "coupons/3",
        "model_refusal": "changed_since_promotion",
    }

    assert "(prior_model_refused: changed_since_promotion)" in told(SEND | {"candidates": [refused]})


def test_an_uplift_that_the_model_could_not_say_is_unknown() -> None:
    unknown = candidate("d_winner", LossReason.UPLIFT_UNKNOWN) | {"uplift": None, "uplift_source": "model"}

    assert "uplift unknown" in told(SEND | {"candidates": [unknown]})


def test_a_person_of_several_ids_is_told_as_one() -> None:
    decision = SEND | {"customer_id": "5e1f"}
    lines = list(explanation_lines(explanation(decision, merged=(MergedId("0a0b", CLOSE),)), local))

    assert lines[:3] == [
        "Customer customer-07, window closed Mon 06:00",
        "One person under 2 ids, decided as 5e1f; merged into it were:",
        "  0a0b Mon 06:00",
    ]
