"""Any history, known to the decision or late, through decision and last gate: nobody is written to who said no."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.config.schedule import day_number
from ceasefire.config.units import instant_micros
from ceasefire.features.builtin import builtin_features
from ceasefire.features.program import compile_features
from ceasefire.ids import hash64
from ceasefire.release.gate import NEWS, REFUSAL, GateRules, PresentCampaign, Verdict, refused, ticks_of, verdict_on
from unit.features.packed_histories import Setting, pack
from unit.pipelines.shop import CLOSE, campaign, decided, shop

HOUR = timedelta(hours=1)
SLOT = CLOSE + 2 * HOUR
"""Eight in the morning in Berlin."""

SHOP = shop([campaign("news"), campaign("notice", **{"class": "transactional"})])
PROGRAM = compile_features(builtin_features(SHOP.brand.settings))
QUEUED = pa.schema(
    [
        *((name, pa.string()) for name in ("class", "channel", "campaign_id")),
        ("consent_at", pa.timestamp("us", "UTC")),
        ("news", pa.list_(NEWS)),
        ("refusals", pa.list_(REFUSAL)),
    ]
)
PURPOSE_OF = {"news": "marketing", "notice": "transactional"}
CONSENT_REASONS = {"consent_withdrawn", "unsubscribed", "complained", "erased"}


class Said(NamedTuple):
    """A statement, and whether it reached us only after the decision."""

    at: datetime
    purpose: str
    channel: str
    topic: str | None
    granted: bool
    is_late: bool
    event_type: str = "consent_changed"


INSTANTS = st.sampled_from(
    [CLOSE + hours * HOUR for hours in (-4, -3, -2, -1, 0, 1)] + [SLOT, SLOT + timedelta(microseconds=1), SLOT + HOUR]
)
PURPOSES = ("marketing", "transactional")
YES = st.builds(
    Said,
    INSTANTS,
    st.sampled_from(PURPOSES),
    st.sampled_from(("email", "sms")),
    st.none(),
    st.just(True),
    st.booleans(),
)
NO = st.builds(
    Said,
    INSTANTS,
    st.sampled_from((*PURPOSES, "*")),
    st.sampled_from(("email", "sms", "*")),
    st.none(),
    st.just(False),
    st.booleans(),
    st.sampled_from(("consent_changed", "unsubscribed", "complained", "opted_out", "erasure_requested")),
)
ON_TOPIC = st.builds(
    Said,
    INSTANTS,
    st.just("marketing"),
    st.just("email"),
    st.sampled_from(("campaign/news", "campaign/other")),
    st.booleans(),
    st.booleans(),
)
EARLY_YES = Said(CLOSE - 5 * HOUR, "marketing", "email", None, True, False)
HISTORIES = st.lists(st.one_of(YES, NO, ON_TOPIC), max_size=5).flatmap(
    lambda history: st.permutations([EARLY_YES, *history])
)


def may_contact(history: Sequence[Said], campaign_id: str, as_of: datetime) -> bool:
    """The newest word counts, a yes only once it has happened, and of several at one instant the no."""
    purpose = PURPOSE_OF[campaign_id]
    spoken = [said for said in history if not said.granted or said.at <= as_of]
    general = [s for s in spoken if s.topic is None and s.purpose in (purpose, "*") and s.channel in ("email", "*")]
    on_it = [s for s in spoken if s.topic == f"campaign/{campaign_id}" and s.purpose == purpose]
    newest = max((s.at for s in general), default=None)
    agrees = all(s.granted for s in general if s.at == newest) if general else purpose == "transactional"
    newest_on_it = max((s.at for s in on_it), default=None)
    return agrees and all(s.granted for s in on_it if s.at == newest_on_it)


def decided_sends(history: Sequence[Said]) -> list[dict[str, Any]]:
    """What is decided for a customer by whatever of a history was known by then."""
    known = [said for said in history if not said.is_late]
    entries = [
        Setting(
            "ada",
            f"consent/{said.purpose}/{said.channel}" if said.topic is None else f"refusal/{said.topic}",
            "granted" if said.granted else "withdrawn",
            instant_micros(said.at),
        )
        for said in known
    ]
    values = PROGRAM.values(pack(["ada"], settings=entries), instant_micros(CLOSE))
    facts = {name: values[name][0].as_py() for name in values if "consent" in name or name == "refused_topics"}
    rows = decided(SHOP, {"ada": {"is_new": "yes", **facts}}).to_pylist()
    return [row["treatment"] for row in rows if row["treatment"] is not None]


def verdict(sent: dict[str, Any], history: Sequence[Said], rules: GateRules) -> Verdict:
    """The gate's word on a decided message, given the history as it is known by now."""
    concerns = concerns_of(history)
    consent_at = sent["consent_at"]
    held = {"on_hold": False, "on_suppression_list": [], "merged_away": False}
    address = {"address": "a@b", "address_set_at": None}
    return verdict_on({**sent, "consent_at": consent_at, **address} | held | concerns, rules)


def concerns_of(history: Sequence[Said]) -> dict[str, Any]:
    """What a history comes to beside a message of it."""
    events = [(f"e{number}", said, said.at >= CLOSE or said.is_late) for number, said in enumerate(history)]
    news = [
        {"event_key": key, "event_type": said.event_type, "happened_at": said.at, "product": None, "order": None}
        | {"channel": said.channel, "purpose": said.purpose, "topic": said.topic, "granted": said.granted}
        | {"time_zone": None}
        for key, said, is_news in events
        if is_news
    ]
    refusals = [
        {"event_key": key, "kind": "taken_back" if said.granted else "no", "event_type": said.event_type}
        | {"channel": said.channel, "purpose": said.purpose, "topic": said.topic, "said_at": said.at}
        | {"is_own": True, "of_other_id": False}
        for key, said, _ in events
        if said.topic is not None or not said.granted
    ]
    return {"news": news, "refusals": refusals}


def rules(now: datetime | None = None, is_paused: bool = False) -> GateRules:
    of_brand = SHOP.brand.settings
    present = {
        each.id: PresentCampaign(
            day_number(each.active.from_),
            day_number(each.active.to),
            frozenset(each.channels),
            frozenset((f"campaign/{each.id}",)),
        )
        for each in SHOP.brand.campaigns
    }
    return GateRules(
        now=None if now is None else instant_micros(now),
        ticks=ticks_of([SLOT]),
        time_zone=of_brand.time_zone,
        hours={name: channel.hours for name, channel in of_brand.channels.items()},
        kinds=of_brand.address_kinds,
        soft_bounces=(3, 1),
        campaigns=present,
        is_paused=lambda campaign_id, channel: is_paused,
    )


@pytest.mark.parametrize("is_live", [False, True])
@settings(max_examples=200, derandomize=True, deadline=None)
@given(history=HISTORIES)
def test_what_goes_is_what_everything_known_allows_however_late_it_came(is_live: bool, history: list[Said]) -> None:
    sends = decided_sends(history)

    known_then = [said for said in history if not said.is_late and said.at < CLOSE]
    expected = {name for name in PURPOSE_OF if may_contact(known_then, name, CLOSE)}
    assert {sent["campaign_id"] for sent in sends} == expected
    for sent in sends:
        found = verdict(sent, history, rules(SLOT if is_live else None))
        allowed = may_contact(history, sent["campaign_id"], SLOT)

        # no message goes against a no, and none is held where the last word is yes
        assert found.reason is None or found.reason.value in CONSENT_REASONS
        assert not found.waits
        if found.reason is None:
            assert allowed
        else:
            assert not allowed
            cause = history[int(str(found.caused_by).removeprefix("e"))]
            assert not cause.granted


def is_called_back(sent: dict[str, Any], history: Sequence[Said], now: datetime) -> bool:
    """The word on a queued message whose queue row rests on the early yes, given what came since."""
    facts = {"class": "marketing", "channel": "email", "campaign_id": sent["campaign_id"], "consent_at": EARLY_YES.at}
    queued = pa.RecordBatch.from_pylist([facts | concerns_of(history)], schema=QUEUED)
    return refused(queued, instant_micros(now), {}).num_rows == 1


def test_of_a_thousand_withdrawals_none_is_queued_or_handed_over_after_it_became_known() -> None:
    sent = {row["campaign_id"]: row for row in decided_sends([EARLY_YES])}["news"]
    quarters = [SLOT + timedelta(minutes=number) for number in range(0, 480, 15)]
    met = {"not decided": 0, "withheld": 0, "called back": 0, "handed over before": 0}
    for number in range(1_000):
        said_at, arrives, resumes, rests = (
            timedelta(seconds=hash64(f"{what}-{number}") % span)
            for what, span in (("said", 21_600), ("arrives", 7_200), ("resumes", 10_800), ("rests", 7_200))
        )
        said_at = CLOSE - 2 * HOUR + said_at
        known_at = said_at + arrives
        no = Said(said_at, "*" if number % 3 else "marketing", "email", None, False, known_at >= CLOSE, "unsubscribed")
        if known_at < CLOSE:
            assert "news" not in {row["campaign_id"] for row in decided_sends([EARLY_YES, no])}
            met["not decided"] += 1
            continue
        fate, handed_over_at = "", None
        # the campaign is paused until some moment, and what is queued then rests before the provider takes it
        for tick in quarters:
            known = [EARLY_YES, no] if known_at <= tick else [EARLY_YES]
            if handed_over_at is None:
                found = verdict(sent, known, rules(tick, is_paused=tick < SLOT + resumes))
                assert found.reason is None or known_at <= tick
                if found.reason is not None:
                    fate = "withheld"
                elif not found.waits:
                    assert known_at > tick
                    handed_over_at = tick + rests
            elif tick > handed_over_at:
                # what came between the last tick and the provider's hand is nothing that anybody knew
                assert known_at > tick - timedelta(minutes=15)
                fate = "handed over before"
            elif is_called_back(sent, known, tick):
                assert known_at <= tick
                fate = "called back"
            if fate:
                break
        met[fate] += 1

    assert sum(met.values()) == 1_000
    assert min(met.values()) > 50
