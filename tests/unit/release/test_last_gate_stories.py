"""Between the decision and the slot something happens, or becomes known: the message stays behind and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from ceasefire.config.schedule import day_number
from ceasefire.config.units import instant_micros
from ceasefire.consent import CAMPAIGN
from ceasefire.ids import hash64
from ceasefire.release.gate import NEWS, REFUSAL, GateRules, PresentCampaign, judged, ticks_of
from unit.pipelines.shop import CLOSE, THROUGH_BATCH, campaign, decided, shop

HOUR = timedelta(hours=1)
SLOT = CLOSE + 2 * HOUR
"""Eight in the morning in Berlin."""
KNOWN, LATER = THROUGH_BATCH, THROUGH_BATCH + 1
"""Ingest batches: the last that the decision knew, and one that came after it."""

HOW_TO = campaign(
    "how_to",
    about={"event": "order_line", "category": "coats"},
    cancel_on=[{"event": "return", "same": "product"}],
)
BIRTHDAY = campaign(
    "birthday",
    audience={"any": ["has_birthday"]},
    cancel_on=[{"event": "order"}],
    channels=["sms"],
    value={"fixed": "9.00"},
)
REFUND = campaign("refund", audience={"any": ["browsed"]}, **{"class": "transactional"})
SHOP = shop([HOW_TO, BIRTHDAY, REFUND])

COAT_BUYER = {"is_new": "yes", "about_product_how_to": hash64("coat"), "about_order_how_to": hash64("o1")}
CHILD_OF_JUNE = {"has_birthday": "yes"}
SENDER_BACK = {"browsed": "yes", "marketing_consent_email": None}

Event = dict[str, Any]
Told = dict[str, tuple[str | None, str | None]]
"""By customer: why the message is withheld, and by which event; both None if it goes, `waits` if it waits."""


def it(customer: str, what: str, at: datetime, batch: int = LATER, key: str = "e1", **facts: Any) -> Event:
    return {"customer": customer, "event_key": key, "event_type": what, "at": at, "batch": batch, **facts}


def says(granted: bool, purpose: str = "marketing", channel: str = "email", topic: str | None = None) -> Event:
    return {"said": {"purpose": purpose, "channel": channel, "topic": topic, "granted": granted}}


def no(
    customer: str, what: str, at: datetime, batch: int = LATER, key: str = "e1", is_own: bool = True, **said: Any
) -> Event:
    """An opt-out of marketing by e-mail, unless it says otherwise."""
    return it(customer, what, at, batch, key, is_own=is_own, **says(False, **said))


def rules(ticks: Sequence[datetime], now: datetime | None, **changes: Any) -> GateRules:
    settings = SHOP.brand.settings
    present = {
        each.id: PresentCampaign(
            day_number(each.active.from_),
            day_number(each.active.to),
            frozenset(each.channels),
            frozenset((CAMPAIGN + each.id,)),
        )
        for each in SHOP.brand.campaigns
    }
    given: dict[str, Any] = {
        "now": None if now is None else instant_micros(now),
        "ticks": ticks_of(ticks),
        "time_zone": settings.time_zone,
        "hours": {name: one.hours for name, one in settings.channels.items()},
        "kinds": settings.address_kinds,
        "soft_bounces": (3, 7 * 24 * 3_600_000_000),
        "campaigns": present,
        "is_paused": lambda campaign_id, channel: False,
    }
    return GateRules(**(given | changes))


def sends_of(
    rows: Mapping[str, Mapping[str, Any]],
    events: Sequence[Event],
    contacts: Mapping[str, Mapping[str, str]] | None = None,
    **facts: Mapping[str, Any],
) -> pa.RecordBatch:
    """The decided messages with what concerns them; everybody has every address unless said."""
    found = []
    for row in decided(SHOP, rows).to_pylist():
        if row["treatment"] is None:
            continue
        customer, sent = row["customer_id"], row["treatment"]
        mine = [one for one in events if one["customer"] == customer]
        kind = SHOP.brand.settings.address_kind(sent["channel"])
        reachable = {"email": f"{customer}@example.com", "phone": f"+1 {customer}"}
        known = reachable if contacts is None else contacts.get(customer, {})
        found.append(
            sent
            | {
                "customer_id": customer,
                "as_of": row["window_end"],
                "consent_at": CLOSE - 30 * 24 * HOUR,
                "address": known.get(kind),
                "address_set_at": CLOSE - 30 * 24 * HOUR,
                "news": [news(one) for one in mine if one["at"] >= CLOSE or one["batch"] > KNOWN],
                "refusals": [refusal(one) for one in mine if is_refusal(one)],
                "on_hold": False,
                "on_suppression_list": [],
                "merged_away": False,
            }
            | {name: of_customer[customer] for name, of_customer in facts.items() if customer in of_customer}
        )
    kinds = {"news": pa.list_(NEWS), "refusals": pa.list_(REFUSAL), "on_suppression_list": pa.list_(pa.string())}
    instant = pa.timestamp("us", tz="UTC")
    arrays = {
        name: pa.array([one[name] for one in found], kinds.get(name, instant if name.endswith("_at") else None))
        for name in found[0]
    }
    return pa.RecordBatch.from_pydict(arrays)


def news(event: Event) -> dict[str, Any]:
    said = event.get("said", {})
    hashed = {name: hash64(event[f"{name}_id"]) for name in ("product", "order") if f"{name}_id" in event}
    return {"event_key": event["event_key"], "event_type": event["event_type"], "happened_at": event["at"]} | {
        **hashed,
        **said,
        "channel": said.get("channel", event.get("channel")),
        "time_zone": event.get("time_zone"),
    }


def is_refusal(event: Event) -> bool:
    said = event.get("said")
    is_about_topic = said is not None and said["topic"] is not None
    return event["event_type"] == "send_bounced" or is_about_topic or (said is not None and not said["granted"])


def refusal(event: Event) -> dict[str, Any]:
    is_bounce = event["event_type"] == "send_bounced"
    about = {"purpose": "*", "channel": event.get("channel"), "topic": None} if is_bounce else event["said"]
    return {
        "event_key": event["event_key"],
        "kind": event.get("kind", "hard_bounce") if is_bounce else "taken_back" if about["granted"] else "no",
        "event_type": event["event_type"],
        **{name: about[name] for name in ("purpose", "channel", "topic")},
        "said_at": event["at"],
        "is_own": event.get("is_own", True),
        "of_other_id": False,
    }


def verdicts(
    rows: Mapping[str, Mapping[str, Any]],
    events: Sequence[Event] = (),
    ticks: Sequence[datetime] = (SLOT, SLOT + 2 * HOUR),
    now: datetime | None = None,
    contacts: Mapping[str, Mapping[str, str]] | None = None,
    changes: Mapping[str, Any] | None = None,
    **facts: Mapping[str, Any],
) -> Told:
    sends = sends_of(rows, events, contacts, **facts)
    flagged = judged(sends, rules(ticks, now, **(changes or {}))).to_pylist()
    return {
        row["customer_id"]: ("waits", None) if row["waits"] else (row["withheld_reason"], row["withheld_by"])
        for row in flagged
    }


GOES = (None, None)


# A broken journey


def test_a_how_to_mail_is_withheld_when_its_coat_came_back_and_names_the_return() -> None:
    # given four customers are to read how to care for their coats
    four = dict.fromkeys(("peter", "olga", "sam", "uma"), COAT_BUYER)
    events = [
        # and Peter returned his an hour after the decision
        it("peter", "return", CLOSE + HOUR, key="e1", product_id="coat", order_id="o1"),
        # Olga returned hers before it, but nobody knew
        it("olga", "return", CLOSE - HOUR, batch=LATER, key="e2", product_id="coat", order_id="o1"),
        # Sam returned the whole order
        it("sam", "return", CLOSE + HOUR, key="e3", order_id="o1"),
        # and Uma returned the shoes of the same order, and some other order
        it("uma", "return", CLOSE + HOUR, key="e4", product_id="shoes", order_id="o1"),
        it("uma", "return", CLOSE + HOUR, key="e5", order_id="o2"),
    ]

    assert verdicts(four, events) == {
        "peter": ("product_returned", "e1"),
        "olga": ("product_returned", "e2"),
        "sam": ("product_returned", "e3"),
        "uma": GOES,
    }


def test_only_what_is_news_to_the_decision_and_has_happened_by_the_tick_counts() -> None:
    # given returns that the decision knew, one at the very close, one at the very tick and one after it
    rows = dict.fromkeys(("knew", "at close", "at tick", "after tick"), COAT_BUYER)
    back = {"product_id": "coat", "order_id": "o1"}
    events = [
        it("knew", "return", CLOSE - HOUR, batch=KNOWN, key="e1", **back),
        it("at close", "return", CLOSE, batch=KNOWN, key="e2", **back),
        it("at tick", "return", SLOT, key="e3", **back),
        it("after tick", "return", SLOT + timedelta(microseconds=1), key="e4", **back),
    ]

    assert verdicts(rows, events) == {
        "knew": GOES,
        "at close": ("product_returned", "e2"),
        "at tick": ("product_returned", "e3"),
        "after tick": GOES,
    }


def test_a_birthday_offer_is_not_sent_to_who_ordered_meanwhile() -> None:
    # given any order makes the offer wrong, whatever was bought, and nothing makes the how-to wrong but a return
    rows = {"eve": CHILD_OF_JUNE, "adam": COAT_BUYER}
    events = [it(name, "order", CLOSE + HOUR, order_id="o9", key=f"order of {name}") for name in rows]

    assert verdicts(rows, events) == {"eve": ("cancelled_by_event", "order of eve"), "adam": GOES}


# Consent, complaints, erasure


def test_a_consent_withdrawn_since_stops_messages_of_its_channel_and_purpose_alone() -> None:
    rows = {
        "said no": COAT_BUYER,
        "said no to sms": COAT_BUYER,
        "said no to refunds": COAT_BUYER,
        "wants refunds": SENDER_BACK,
        "no refunds either": SENDER_BACK,
    }
    events = [
        no("said no", "consent_changed", CLOSE + HOUR, key="e1"),
        no("said no to sms", "consent_changed", CLOSE + HOUR, key="e2", channel="sms"),
        no("said no to refunds", "consent_changed", CLOSE + HOUR, key="e3", purpose="transactional"),
        no("wants refunds", "consent_changed", CLOSE + HOUR, key="e4"),
        no("wants refunds", "unsubscribed", CLOSE + HOUR, key="e5"),
        no("no refunds either", "consent_changed", CLOSE + HOUR, key="e6", purpose="transactional"),
    ]

    assert verdicts(rows, events) == {
        "said no": ("consent_withdrawn", "e1"),
        "said no to sms": GOES,
        "said no to refunds": GOES,
        "wants refunds": GOES,
        "no refunds either": ("consent_withdrawn", "e6"),
    }


def test_one_no_to_everything_stops_every_channel_and_purpose() -> None:
    rows = {"adam": COAT_BUYER, "eve": CHILD_OF_JUNE, "rita": SENDER_BACK}
    events = [no(name, "opted_out", CLOSE + HOUR, purpose="*", channel="*") for name in rows]

    assert set(verdicts(rows, events).values()) == {("consent_withdrawn", "e1")}


def test_the_last_word_on_consent_counts_and_at_one_instant_it_is_no() -> None:
    rows = dict.fromkeys(("relented", "relented and left", "both at once", "said yes"), COAT_BUYER)
    yes = says(True)
    events = [
        no("relented", "unsubscribed", CLOSE, key="e1"),
        it("relented", "consent_changed", CLOSE + HOUR, key="e2", **yes),
        it("relented and left", "consent_changed", CLOSE, key="e3", **yes),
        no("relented and left", "consent_changed", CLOSE + HOUR, key="e4"),
        it("both at once", "consent_changed", CLOSE + HOUR, key="e5", **yes),
        no("both at once", "unsubscribed", CLOSE + HOUR, key="e6"),
        it("said yes", "consent_changed", CLOSE + HOUR, key="e7", **yes),
    ]

    assert verdicts(rows, events) == {
        "relented": GOES,
        "relented and left": ("consent_withdrawn", "e4"),
        "both at once": ("unsubscribed", "e6"),
        "said yes": GOES,
    }


def test_a_no_that_comes_late_counts_only_against_an_older_yes() -> None:
    # given everybody said yes a month before the decision, and these noes became known after it
    events = [
        no("before the yes", "unsubscribed", CLOSE - 40 * 24 * HOUR, key="e1"),
        no("at the yes", "unsubscribed", CLOSE - 30 * 24 * HOUR, key="e2"),
        no("after the yes", "unsubscribed", CLOSE - 20 * 24 * HOUR, key="e3"),
        no("without a yes", "unsubscribed", CLOSE - 40 * 24 * HOUR, key="e4"),
    ]
    rows = dict.fromkeys((one["customer"] for one in events), COAT_BUYER)

    assert verdicts(rows, events, consent_at={"without a yes": None}) == {
        "before the yes": GOES,
        "at the yes": ("unsubscribed", "e2"),
        "after the yes": ("unsubscribed", "e3"),
        "without a yes": ("unsubscribed", "e4"),
    }


def test_a_no_that_is_known_counts_also_where_a_replay_has_not_come_to_it_and_a_yes_does_not() -> None:
    # given a replay of a slot, after which one customer unsubscribed, and one took an earlier no back
    events = [
        no("left later", "unsubscribed", SLOT + HOUR, key="e1"),
        no("came back later", "unsubscribed", CLOSE + HOUR, key="e2"),
        it("came back later", "consent_changed", SLOT + HOUR, key="e3", **says(True)),
    ]
    rows = dict.fromkeys(("left later", "came back later"), COAT_BUYER)

    assert verdicts(rows, events) == {
        "left later": ("unsubscribed", "e1"),
        "came back later": ("unsubscribed", "e2"),
    }


def test_a_no_to_a_campaign_leaves_the_others_alone_and_only_a_yes_to_it_takes_it_back() -> None:
    rows = dict.fromkeys(("of this", "of another", "back in general", "back in this"), COAT_BUYER)
    this = {"topic": "campaign/how_to"}
    events = [
        no("of this", "unsubscribed", CLOSE + HOUR, key="e1", **this),
        no("of another", "unsubscribed", CLOSE + HOUR, key="e2", topic="campaign/birthday"),
        no("back in general", "unsubscribed", CLOSE, key="e3", **this),
        it("back in general", "consent_changed", CLOSE + HOUR, key="e4", **says(True)),
        no("back in this", "unsubscribed", CLOSE, key="e5", **this),
        it("back in this", "consent_changed", CLOSE + HOUR, key="e6", **says(True, **this)),
    ]

    assert verdicts(rows, events) == {
        "of this": ("unsubscribed", "e1"),
        "of another": GOES,
        "back in general": ("unsubscribed", "e3"),
        "back in this": GOES,
    }


@pytest.mark.parametrize(
    ("event", "reason", "said"),
    [
        ("unsubscribed", "unsubscribed", says(False)),
        ("complained", "complained", says(False)),
        ("send_bounced", "bounced", {"channel": "email"}),
        ("erasure_requested", "erased", says(False, purpose="*", channel="*")),
    ],
)
def test_what_a_customer_or_their_mailbox_says_stops_its_channel_and_erasure_all(
    event: str, reason: str, said: dict[str, Any]
) -> None:
    # given it was said of e-mail, and Eve's message is an SMS
    rows = {"adam": COAT_BUYER, "eve": CHILD_OF_JUNE}
    events = [it(name, event, CLOSE + HOUR, key=f"of {name}", **said) for name in rows]

    of_eve = (reason, "of eve") if event == "erasure_requested" else GOES
    assert verdicts(rows, events) == {"adam": (reason, "of adam"), "eve": of_eve}


def test_a_no_of_somebody_with_the_same_address_stops_marketing_and_no_other_mail() -> None:
    rows = {"bob": COAT_BUYER, "rita": SENDER_BACK}
    events = [no(name, "unsubscribed", CLOSE - HOUR, is_own=False) for name in rows]
    events += [no("rita", "erasure_requested", CLOSE - HOUR, key="e2", purpose="*", channel="*", is_own=False)]

    assert verdicts(rows, events) == {"bob": ("address_refused", "e1"), "rita": GOES}


def test_whoever_is_on_hold_or_on_a_suppression_list_gets_no_marketing() -> None:
    rows = dict.fromkeys(("held", "listed", "mailbox listed", "phone listed"), COAT_BUYER) | {"rita": SENDER_BACK}
    held = {"held": True, "rita": True}
    listed = {"listed": ["customer_id"], "mailbox listed": ["email"], "phone listed": ["phone"], "rita": ["email"]}

    assert verdicts(rows, on_hold=held, on_suppression_list=listed) == {
        "held": ("on_hold", None),
        "listed": ("on_suppression_list", None),
        "mailbox listed": ("on_suppression_list", None),
        "phone listed": GOES,
        "rita": GOES,
    }


def test_a_message_to_an_id_that_is_somebody_elses_now_stays_behind() -> None:
    assert verdicts({"old": COAT_BUYER}, merged_away={"old": True}) == {"old": ("merged", None)}


# Bounces


def test_a_bounce_holds_until_the_address_is_set_again_and_soft_ones_when_there_are_too_many() -> None:
    day = 24 * HOUR
    events = [
        it("bounced", "send_bounced", CLOSE - 2 * day, key="e1", channel="email"),
        it("confirmed", "send_bounced", CLOSE - 31 * day, key="e2", channel="email"),
        *(
            it("softly", "send_bounced", CLOSE - days * day, key=f"s{days}", channel="email", kind="soft_bounce")
            for days in (1, 2, 3)
        ),
        *(
            it("seldom", "send_bounced", CLOSE - days * day, key=f"t{days}", channel="email", kind="soft_bounce")
            for days in (1, 2, 9)
        ),
        it("by sms", "send_bounced", CLOSE - 2 * day, key="e3", channel="sms"),
    ]
    rows = dict.fromkeys(("bounced", "confirmed", "softly", "seldom", "by sms"), COAT_BUYER)

    assert verdicts(rows, events) == {
        "bounced": ("bounced", "e1"),
        "confirmed": GOES,
        "softly": ("bounced", "s1"),
        "seldom": GOES,
        "by sms": GOES,
    }


# Addresses, expiry, several causes


def test_of_two_causes_the_earliest_is_named_and_at_one_instant_the_smaller_key() -> None:
    back = {"product_id": "coat", "order_id": "o1"}
    rows = {"peter": COAT_BUYER, "olga": COAT_BUYER}
    events = [
        no("peter", "unsubscribed", CLOSE + HOUR, key="a"),
        it("peter", "return", CLOSE + HOUR / 2, key="z", **back),
        it("olga", "return", CLOSE + HOUR, key="b", **back),
        it("olga", "send_bounced", CLOSE + HOUR, key="c", channel="email"),
    ]

    assert verdicts(rows, events) == {"peter": ("product_returned", "z"), "olga": ("product_returned", "b")}


def test_nothing_goes_without_an_address_and_an_event_is_named_before_its_lack() -> None:
    rows = dict.fromkeys(("unknown", "phone only", "gone", "fine"), COAT_BUYER)
    contacts = {"phone only": {"phone": "+1"}, "fine": {"email": "f@example.com"}}
    events = [no("gone", "erasure_requested", CLOSE + HOUR, purpose="*", channel="*")]

    assert verdicts(rows, events, contacts=contacts) == {
        "unknown": ("no_address", None),
        "phone only": ("no_address", None),
        "gone": ("erased", "e1"),
        "fine": GOES,
    }


def test_a_send_that_is_found_after_its_time_is_expired_and_on_its_last_instant_not() -> None:
    # given an e-mail is good for 48 hours, and the clock stood still that long
    last_instant, too_late = SLOT + 48 * HOUR, SLOT + 48 * HOUR + timedelta(microseconds=1)

    assert verdicts({"a": COAT_BUYER}, ticks=[last_instant]) == {"a": GOES}
    assert verdicts({"a": COAT_BUYER}, ticks=[too_late]) == {"a": ("expired", None)}


# Hours, zones, campaigns


def test_whoever_moved_since_is_written_to_when_the_hour_is_allowed_where_they_are_now() -> None:
    # given it is eight in the morning in Berlin, and two at night in New York
    moved = it("wes", "profile_changed", CLOSE + HOUR, time_zone="America/New_York")
    ticks = [SLOT + hours * HOUR for hours in range(30)]
    at_eight_there = SLOT + 6 * HOUR

    (row,) = judged(sends_of({"wes": COAT_BUYER}, [moved]), rules(ticks, None)).to_pylist()
    assert (row["withheld_reason"], row["tick_at"]) == (None, at_eight_there)

    # and a clock that shows the present lets the message wait for that hour
    assert verdicts({"wes": COAT_BUYER}, [moved], now=SLOT + HOUR) == {"wes": ("waits", None)}
    assert verdicts({"wes": COAT_BUYER}, [moved], now=at_eight_there) == {"wes": GOES}


def test_a_message_that_expires_before_an_hour_is_allowed_is_withheld_at_once() -> None:
    soon = {"wes": SLOT + 2 * HOUR}
    moved = it("wes", "profile_changed", CLOSE + HOUR, time_zone="America/New_York")

    assert verdicts({"wes": COAT_BUYER}, [moved], now=SLOT, expires_at=soon) == {"wes": ("quiet_hours", None)}


def test_what_is_found_at_night_waits_for_the_morning() -> None:
    at_night, in_the_morning = SLOT + 15 * HOUR, SLOT + 24 * HOUR

    assert verdicts({"a": COAT_BUYER}, now=at_night) == {"a": ("waits", None)}
    assert verdicts({"a": COAT_BUYER}, now=in_the_morning) == {"a": GOES}


def test_a_campaign_that_was_taken_out_or_has_ended_or_left_the_channel_sends_nothing_more() -> None:
    today = day_number(SLOT.date())
    of_this = frozenset(("campaign/how_to",))
    channels = frozenset(("email",))

    def with_campaign(present: PresentCampaign | None) -> Told:
        campaigns = {} if present is None else {"how_to": present}
        return verdicts({"a": COAT_BUYER}, changes={"campaigns": campaigns})

    stopped = {"a": ("campaign_stopped", None)}
    assert with_campaign(None) == stopped
    assert with_campaign(PresentCampaign(today - 9, today - 1, channels, of_this)) == stopped
    assert with_campaign(PresentCampaign(today + 1, today + 9, channels, of_this)) == stopped
    assert with_campaign(PresentCampaign(today, today, frozenset(("sms",)), of_this)) == stopped
    assert with_campaign(PresentCampaign(today, today, channels, of_this)) == {"a": GOES}


def test_a_paused_message_waits_and_ends_as_paused_when_its_time_is_over() -> None:
    paused = {"is_paused": lambda campaign_id, channel: campaign_id == "how_to"}
    rows = {"a": COAT_BUYER, "eve": CHILD_OF_JUNE}

    assert verdicts(rows, now=SLOT + 3 * HOUR, changes=paused) == {"a": ("waits", None), "eve": GOES}
    assert verdicts({"a": COAT_BUYER}, now=SLOT + 49 * HOUR, changes=paused) == {"a": ("paused", None)}


def test_marketing_waits_while_intake_is_behind_and_other_mail_goes() -> None:
    behind = {"is_behind": True}

    assert verdicts({"a": COAT_BUYER, "rita": SENDER_BACK}, now=SLOT + 3 * HOUR, changes=behind) == {
        "a": ("waits", None),
        "rita": GOES,
    }


# Ticks


def test_a_send_is_judged_at_the_first_tick_at_or_after_its_slot_however_late_it_is_found() -> None:
    # given ticks before, at and after the slot, all found at once, and the coat came back between the later two
    ticks = [SLOT - HOUR, SLOT, SLOT + 3 * HOUR]
    events = [it("peter", "return", SLOT + HOUR, product_id="coat", order_id="o1")]

    flagged = judged(sends_of({"peter": COAT_BUYER, "eve": CHILD_OF_JUNE}, events), rules(ticks, None)).to_pylist()

    # then each is judged as of its own slot: e-mail at eight, SMS from ten
    found = {row["customer_id"]: (row["tick_at"], row["withheld_reason"]) for row in flagged}
    assert found == {"peter": (SLOT, None), "eve": (SLOT + 3 * HOUR, None)}


def test_a_send_that_a_live_clock_finds_late_is_judged_as_of_now() -> None:
    # given a decision that was made only after ticks had passed its slot, and a return after them
    ticks = [SLOT, SLOT + timedelta(minutes=15), SLOT + timedelta(minutes=45)]
    events = [it("peter", "return", SLOT + timedelta(minutes=30), product_id="coat", order_id="o1")]
    rows = {"peter": COAT_BUYER, "uma": COAT_BUYER}

    assert verdicts(rows, events, ticks, now=ticks[-1]) == {"peter": ("product_returned", "e1"), "uma": GOES}
    assert verdicts(rows, events, ticks) == {"peter": GOES, "uma": GOES}


def test_nothing_is_judged_before_its_slot() -> None:
    assert verdicts({"peter": COAT_BUYER}, ticks=[SLOT - timedelta(microseconds=1)]) == {"peter": ("waits", None)}
