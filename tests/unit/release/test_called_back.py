"""A no that becomes known after the queue calls back what it covers; the gate's own rules say what that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ceasefire.config.units import instant_micros
from ceasefire.release.gate import NEWS, REFUSAL, refused

RELEASED = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = RELEASED + 5 * HOUR
AGREED = RELEASED - 30 * 24 * HOUR
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("send_id", "class", "channel", "campaign_id")),
        ("consent_at", pa.timestamp("us", "UTC")),
        ("news", pa.list_(NEWS)),
        ("refusals", pa.list_(REFUSAL)),
    ]
)
TOPICS = {"club": frozenset(("campaign/club", "topic/wine"))}


def no(key: str, said_at: datetime = RELEASED + HOUR, **facts: Any) -> dict[str, Any]:
    usual = {"kind": "no", "event_type": "unsubscribed", "purpose": "marketing", "channel": "*", "topic": None}
    return {"event_key": key, **usual, "said_at": said_at, "is_own": True, "of_other_id": False, **facts}


def yes(said_at: datetime, channel: str = "email") -> dict[str, Any]:
    said = {"purpose": "marketing", "channel": channel, "topic": None, "granted": True}
    return {"event_key": "yes", "event_type": "consent_changed", "happened_at": said_at, **said}


def queued(
    send_id: str,
    *refusals: dict[str, Any],
    news: tuple[dict[str, Any], ...] = (),
    campaign: str = "thanks",
    channel: str = "email",
    message_class: str = "marketing",
    consent_at: datetime | None = AGREED,
) -> dict[str, Any]:
    return {
        "send_id": send_id,
        "class": message_class,
        "channel": channel,
        "campaign_id": campaign,
        "consent_at": consent_at,
        "news": list(news),
        "refusals": list(refusals),
    }


def called_back(*sends: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By send: why, and by which event."""
    rows = refused(pa.RecordBatch.from_pylist(list(sends), SCHEMA), instant_micros(NOW), TOPICS).to_pylist()
    return {row["send_id"]: (row["reason"], row["caused_by"]) for row in rows}


def test_a_no_calls_back_what_it_covers_and_the_earliest_says_why() -> None:
    twice = no("e2", RELEASED + 2 * HOUR), no("e1", event_type="complained")

    assert called_back(
        queued("by mail", *twice),
        queued("by text", no("e3", channel="email"), channel="sms"),
        queued("a notice", no("e4"), message_class="transactional"),
        queued("erased", no("e5", event_type="erasure_requested", purpose="*"), message_class="transactional"),
        queued("nothing said"),
    ) == {"by mail": ("complained", "e1"), "erased": ("erased", "e5")}


def test_a_no_to_a_topic_calls_back_the_campaigns_that_have_it() -> None:
    wine, thanks = no("e1", topic="topic/wine"), no("e2", topic="campaign/thanks")

    assert called_back(
        queued("of the club", wine, thanks, campaign="club"),
        queued("thanks", wine, thanks),
        queued("thanks for wine", wine),
    ) == {"of the club": ("unsubscribed", "e1"), "thanks": ("unsubscribed", "e2")}


def test_a_yes_after_the_no_lets_the_message_go_and_one_to_come_or_at_the_same_instant_does_not() -> None:
    refusal = no("e1", RELEASED + HOUR)

    assert called_back(
        queued("agreed again", refusal, news=(yes(RELEASED + 2 * HOUR),)),
        queued("agreed before", refusal, news=(yes(RELEASED),)),
        queued("agreed at once", refusal, news=(yes(RELEASED + HOUR),)),
        queued("agreed to texts", refusal, news=(yes(RELEASED + 2 * HOUR, "sms"),)),
        queued("will agree", refusal, news=(yes(NOW + HOUR),)),
    ) == dict.fromkeys(("agreed before", "agreed at once", "agreed to texts", "will agree"), ("unsubscribed", "e1"))


def test_a_topic_that_was_taken_back_calls_nothing_back() -> None:
    refusal = no("e1", topic="topic/wine")
    again = no("e2", RELEASED + 2 * HOUR, kind="taken_back", topic="topic/wine")

    assert called_back(queued("wine", refusal, again, campaign="club")) == {}


def test_a_no_of_before_the_yes_that_a_message_rests_on_calls_nothing_back_however_late_it_comes() -> None:
    assert called_back(
        queued("older", no("e1", AGREED - HOUR)),
        queued("at the yes", no("e2", AGREED)),
        queued("without a yes", no("e3", AGREED - HOUR), consent_at=None),
        queued("of an id that joined", no("e4", AGREED - HOUR, of_other_id=True)),
    ) == dict.fromkeys(("at the yes",), ("unsubscribed", "e2")) | {
        "without a yes": ("unsubscribed", "e3"),
        "of an id that joined": ("unsubscribed", "e4"),
    }


def test_the_no_of_somebody_with_the_same_address_calls_marketing_back_and_no_notice() -> None:
    twin = no("e1", is_own=False, purpose="*")

    assert called_back(
        queued("an offer", twin),
        queued("a notice", twin, message_class="transactional"),
        queued("of a topic", no("e2", is_own=False, topic="topic/wine"), campaign="club"),
    ) == {"an offer": ("address_refused", "e1")}


def test_a_bounce_calls_nothing_back_since_what_bounces_has_gone() -> None:
    bounce = no("e1", kind="hard_bounce", event_type="send_bounced", purpose="*", channel="email")

    assert called_back(queued("gone", bounce)) == {}
