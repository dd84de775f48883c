"""Between the decision and the slot something happens, or becomes known: the message stays behind and says why."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from ceasefire.ids import hash64
from ceasefire.release.last_check import (
    flag_withheld,
    judging_instants,
    keep_open,
    keep_waiting,
    news_since,
    withhold_in_shadow,
)
from ceasefire.release.queue import cleared, withheld
from ceasefire.storage.lake import rows_of
from ceasefire.tables import CONTACTS_VAULT, DECISIONS, EVENTS, SEND_QUEUE, WITHHELD_SENDS
from frames import assert_same_rows
from scenario.windows import frame_of
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


def it(customer: str, what: str, at: datetime, batch: int = LATER, key: str = "e1", **facts: Any) -> Event:
    return {
        "event_key": key,
        "customer_id": customer,
        "event_type": what,
        "event_at": at,
        "ingest_batch": batch,
        "attributes": facts.pop("attributes", None),
        **facts,
    }


def consent(granted: bool, purpose: str = "marketing") -> list[tuple[str, str]]:
    return [("purpose", purpose), ("granted", "true" if granted else "false")]


def ledger(spark: SparkSession, rows: Mapping[str, Mapping[str, Any]]) -> DataFrame:
    return spark.createDataFrame(decided(SHOP, rows), schema=DECISIONS.schema)


def judged(
    spark: SparkSession,
    rows: Mapping[str, Mapping[str, Any]],
    events: Sequence[Event],
    ticks: Sequence[datetime] = (SLOT, SLOT + 2 * HOUR),
    contacts: Mapping[str, Mapping[str, str]] | None = None,
    now: datetime | None = None,
) -> DataFrame:
    """The sends of these customers with the last gate's verdict; everybody has every address unless said."""
    reachable = {name: {"email": f"{name}@example.com", "phone": f"+1 {name}"} for name in rows}
    known = reachable if contacts is None else contacts
    vault = frame_of(spark, CONTACTS_VAULT, [{"customer_id": name, **one} for name, one in known.items()])
    due = due_sends(spark, ledger(spark, rows), ticks, now)
    kinds = {name: SHOP.brand.settings.address_kind(name) for name in SHOP.brand.settings.channels}
    return flag_withheld(due, news_since(due, frame_of(spark, EVENTS, events)), vault, kinds)


def due_sends(
    spark: SparkSession, decisions: DataFrame, ticks: Sequence[datetime], now: datetime | None = None
) -> DataFrame:
    nothing_yet = frame_of(spark, SEND_QUEUE, []).selectExpr("send_id", "released_at AS judged_at")
    slots = [row["slot_at"] for row in rows_of(decisions.select("treatment.slot_at").dropna())]
    return keep_waiting(keep_open(decisions, nothing_yet, min(ticks), now), judging_instants(slots, ticks, now))


def assert_verdicts(flagged: DataFrame, expected: Sequence[tuple[str, str | None, str | None]]) -> None:
    assert_same_rows(flagged, expected, ["customer_id", "withheld_reason", "withheld_by"])


# A broken journey


def test_a_how_to_mail_is_withheld_when_its_coat_came_back_and_names_the_return(spark: SparkSession) -> None:
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

    flagged = judged(spark, four, events)

    assert_verdicts(
        flagged,
        [
            ("peter", "product_returned", "e1"),
            ("olga", "product_returned", "e2"),
            ("sam", "product_returned", "e3"),
            ("uma", None, None),
        ],
    )


def test_only_what_is_news_to_the_decision_and_has_happened_by_the_tick_counts(spark: SparkSession) -> None:
    # given returns that the decision knew, one at the very close, one at the very tick and one after it
    rows = dict.fromkeys(("knew", "at close", "at tick", "after tick"), COAT_BUYER)
    back = {"product_id": "coat", "order_id": "o1"}
    events = [
        it("knew", "return", CLOSE - HOUR, batch=KNOWN, key="e1", **back),
        it("at close", "return", CLOSE, batch=KNOWN, key="e2", **back),
        it("at tick", "return", SLOT, key="e3", **back),
        it("after tick", "return", SLOT + timedelta(microseconds=1), key="e4", **back),
    ]

    assert_verdicts(
        judged(spark, rows, events),
        [
            ("knew", None, None),
            ("at close", "product_returned", "e2"),
            ("at tick", "product_returned", "e3"),
            ("after tick", None, None),
        ],
    )


def test_a_birthday_offer_is_not_sent_to_who_ordered_meanwhile(spark: SparkSession) -> None:
    # given any order makes the offer wrong, whatever was bought, and nothing makes the how-to wrong but a return
    rows = {"eve": CHILD_OF_JUNE, "adam": COAT_BUYER}
    events = [it(name, "order", CLOSE + HOUR, order_id="o9", key=f"order of {name}") for name in rows]

    assert_verdicts(
        judged(spark, rows, events),
        [("eve", "cancelled_by_event", "order of eve"), ("adam", None, None)],
    )


# Consent, complaints, erasure


def test_a_consent_withdrawn_since_stops_messages_of_its_channel_and_purpose_alone(spark: SparkSession) -> None:
    no = consent(granted=False)
    rows = {
        "said no": COAT_BUYER,
        "said no to sms": COAT_BUYER,
        "said no to refunds": COAT_BUYER,
        "wants refunds": SENDER_BACK,
        "no refunds either": SENDER_BACK,
    }
    events = [
        it("said no", "consent_changed", CLOSE + HOUR, key="e1", channel="email", attributes=no),
        it("said no to sms", "consent_changed", CLOSE + HOUR, key="e2", channel="sms", attributes=no),
        it(
            "said no to refunds",
            "consent_changed",
            CLOSE + HOUR,
            key="e3",
            channel="email",
            attributes=consent(False, "transactional"),
        ),
        it("wants refunds", "consent_changed", CLOSE + HOUR, key="e4", channel="email", attributes=no),
        it("wants refunds", "unsubscribed", CLOSE + HOUR, key="e5", channel="email"),
        it(
            "no refunds either",
            "consent_changed",
            CLOSE + HOUR,
            key="e6",
            channel="email",
            attributes=consent(False, "transactional"),
        ),
    ]

    assert_verdicts(
        judged(spark, rows, events),
        [
            ("said no", "consent_withdrawn", "e1"),
            ("said no to sms", None, None),
            ("said no to refunds", None, None),
            ("wants refunds", None, None),
            ("no refunds either", "consent_withdrawn", "e6"),
        ],
    )


def test_the_last_word_on_consent_counts_and_at_one_instant_it_is_no(spark: SparkSession) -> None:
    rows = dict.fromkeys(("relented", "relented and left", "both at once", "said yes"), COAT_BUYER)
    yes, no = consent(granted=True), consent(granted=False)
    events = [
        it("relented", "unsubscribed", CLOSE, key="e1", channel="email"),
        it("relented", "consent_changed", CLOSE + HOUR, key="e2", channel="email", attributes=yes),
        it("relented and left", "consent_changed", CLOSE, key="e3", channel="email", attributes=yes),
        it("relented and left", "consent_changed", CLOSE + HOUR, key="e4", channel="email", attributes=no),
        it("both at once", "consent_changed", CLOSE + HOUR, key="e5", channel="email", attributes=yes),
        it("both at once", "unsubscribed", CLOSE + HOUR, key="e6", channel="email"),
        it("said yes", "consent_changed", CLOSE + HOUR, key="e7", channel="email", attributes=yes),
    ]

    assert_verdicts(
        judged(spark, rows, events),
        [
            ("relented", None, None),
            ("relented and left", "consent_withdrawn", "e4"),
            ("both at once", "unsubscribed", "e6"),
            ("said yes", None, None),
        ],
    )


@pytest.mark.parametrize(
    ("event", "reason", "other_channel_stops"),
    [
        ("unsubscribed", "unsubscribed", False),
        ("complained", "complained", False),
        ("send_bounced", "bounced", False),
        ("erasure_requested", "erased", True),
    ],
)
def test_what_a_customer_or_their_mailbox_says_stops_its_channel_and_erasure_all(
    spark: SparkSession, event: str, reason: str, other_channel_stops: bool
) -> None:
    # given it was said of e-mail, and Eve's message is an SMS
    channel = None if event == "erasure_requested" else "email"
    rows = {"adam": COAT_BUYER, "eve": CHILD_OF_JUNE}
    events = [it(name, event, CLOSE + HOUR, key=f"of {name}", channel=channel) for name in rows]

    of_eve = ("eve", reason, "of eve") if other_channel_stops else ("eve", None, None)
    assert_verdicts(judged(spark, rows, events), [("adam", reason, "of adam"), of_eve])


# Addresses, expiry, several causes


def test_of_two_causes_the_earliest_is_named_and_at_one_instant_the_smaller_key(spark: SparkSession) -> None:
    back = {"product_id": "coat", "order_id": "o1"}
    rows = {"peter": COAT_BUYER, "olga": COAT_BUYER}
    events = [
        it("peter", "unsubscribed", CLOSE + HOUR, key="a", channel="email"),
        it("peter", "return", CLOSE + HOUR / 2, key="z", **back),
        it("olga", "return", CLOSE + HOUR, key="b", **back),
        it("olga", "send_bounced", CLOSE + HOUR, key="c", channel="email"),
    ]

    assert_verdicts(
        judged(spark, rows, events), [("peter", "product_returned", "z"), ("olga", "product_returned", "b")]
    )


def test_nothing_goes_without_an_address_and_an_event_is_named_before_its_lack(spark: SparkSession) -> None:
    rows = dict.fromkeys(("unknown", "phone only", "gone", "fine"), COAT_BUYER)
    contacts = {"phone only": {"phone": "+1"}, "fine": {"email": "f@example.com"}}
    events = [it("gone", "erasure_requested", CLOSE + HOUR)]

    assert_verdicts(
        judged(spark, rows, events, contacts=contacts),
        [
            ("unknown", "no_address", None),
            ("phone only", "no_address", None),
            ("gone", "erased", "e1"),
            ("fine", None, None),
        ],
    )


def test_a_send_that_is_found_after_its_time_is_expired_and_on_its_last_instant_not(spark: SparkSession) -> None:
    # given an e-mail is good for 48 hours, and the clock stood still that long
    last_instant, too_late = SLOT + 48 * HOUR, SLOT + 48 * HOUR + timedelta(microseconds=1)

    assert_verdicts(judged(spark, {"a": COAT_BUYER}, [], ticks=[last_instant]), [("a", None, None)])
    assert_verdicts(judged(spark, {"a": COAT_BUYER}, [], ticks=[too_late]), [("a", "expired", None)])


# Ticks and rows


def test_a_send_is_judged_at_the_first_tick_at_or_after_its_slot_however_late_it_is_found(spark: SparkSession) -> None:
    # given ticks before, at and after the slot, all found at once
    ticks = [SLOT - HOUR, SLOT, SLOT + 3 * HOUR]
    # and the coat came back between the later two
    events = [it("peter", "return", SLOT + HOUR, product_id="coat", order_id="o1")]

    flagged = judged(spark, {"peter": COAT_BUYER, "eve": CHILD_OF_JUNE}, events, ticks)

    # then each is judged as of its own slot: e-mail at eight, SMS from ten
    assert_same_rows(
        flagged,
        [("peter", SLOT, None), ("eve", SLOT + 3 * HOUR, None)],
        ["customer_id", "tick_at", "withheld_reason"],
    )


def test_a_send_that_a_live_clock_finds_late_is_judged_as_of_now_so_that_nobody_who_opted_out_hears_from_us(
    spark: SparkSession,
) -> None:
    # given a decision that was made only after ticks had passed its slot, and an opt-out after them
    ticks = [SLOT, SLOT + timedelta(minutes=15), SLOT + timedelta(minutes=45)]
    events = [it("peter", "unsubscribed", SLOT + timedelta(minutes=30), channel="email")]

    live = judged(spark, {"peter": COAT_BUYER, "uma": COAT_BUYER}, events, ticks, now=ticks[-1])
    replayed = judged(spark, {"peter": COAT_BUYER, "uma": COAT_BUYER}, events, ticks)

    assert_verdicts(live, [("peter", "unsubscribed", "e1"), ("uma", None, None)])
    assert_verdicts(replayed, [("peter", None, None), ("uma", None, None)])
    assert_same_rows(live, [("peter", ticks[-1]), ("uma", ticks[-1])], ["customer_id", "tick_at"])


def test_in_shadow_mode_what_may_go_is_withheld_too_and_says_that_it_would_have_gone(spark: SparkSession) -> None:
    events = [it("peter", "unsubscribed", CLOSE + HOUR, channel="email")]

    flagged = withhold_in_shadow(judged(spark, {"peter": COAT_BUYER, "uma": COAT_BUYER}, events))

    assert_verdicts(flagged, [("peter", "unsubscribed", "e1"), ("uma", "shadow_mode", None)])
    assert cleared(flagged).isEmpty()


def test_nothing_is_due_before_its_slot_or_out_of_silence(spark: SparkSession) -> None:
    decisions = ledger(spark, {"peter": COAT_BUYER, "silent": {}})

    assert due_sends(spark, decisions, [SLOT - timedelta(microseconds=1)]).isEmpty()
    assert_same_rows(due_sends(spark, decisions, [SLOT]), [("peter", CLOSE)], ["customer_id", "as_of"])


def test_what_may_go_is_queued_with_its_content_and_the_rest_is_withheld_with_its_cause(spark: SparkSession) -> None:
    rows = {"peter": COAT_BUYER, "uma": COAT_BUYER}
    events = [it("peter", "return", CLOSE + HOUR, product_id="coat", order_id="o1")]

    flagged = judged(spark, rows, events)

    assert_same_rows(
        cleared(flagged),
        [("uma", "email", "uma@example.com", "how_to-email", "de", SLOT, SLOT, SLOT + 48 * HOUR)],
        ["customer_id", "channel", "address", "template", "locale", "not_before_at", "released_at", "expires_at"],
    )
    assert_same_rows(
        withheld(flagged),
        [("peter", "email", "how_to", "product_returned", "e1", SLOT)],
        ["customer_id", "channel", "campaign_id", "reason", "caused_by", "withheld_at"],
    )
    assert [one.name for one in SEND_QUEUE.columns] == cleared(flagged).columns
    assert [one.name for one in WITHHELD_SENDS.columns] == withheld(flagged).columns
