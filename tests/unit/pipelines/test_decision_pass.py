"""One pass over customers: who is in which segment, what is open to them, and the gate that closed the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.config.segments import RESIDUAL_SEGMENT
from ceasefire.ids import hash64
from ceasefire.pipelines.decision_pass import PASS_SCHEMA, listed_customers
from unit.pipelines.shop import (
    CHANNELS,
    Sent,
    campaign,
    customers,
    decided,
    losers,
    messages,
    pass_over,
    passed_here,
    shop,
    treatment,
)

NEW = {"is_new": "yes"}
SLOT = datetime(2026, 6, 1, 6, tzinfo=UTC)
"""The first whole hour inside the hours of e-mail after the close, eight in Berlin."""
DAY = timedelta(days=1)
WELCOME = campaign("welcome")


def only_reason(row: dict[str, Any], **changed: Any) -> str:
    """What becomes of a new customer with these facts in a shop that has one campaign."""
    (message,) = messages(decided(shop([WELCOME | changed.pop("campaign", {})], **changed), {"a": NEW | row})).values()
    return message


# Segments


def test_every_customer_is_in_a_segment_and_those_in_no_other_in_the_built_in_one() -> None:
    at_work = shop([WELCOME])
    the_pass = pass_over(at_work)

    passed = passed_here(the_pass, customers(at_work, {"a": {"is_new": "yes", "browsed": "yes"}, "b": {}, "c": NEW}))

    segments = [[the_pass.segment_ids[one] for one in row] for row in passed["segments"].to_pylist()]
    assert segments == [["is_new", "browsed"], [RESIDUAL_SEGMENT], ["is_new"]]


def test_a_campaign_may_want_whoever_is_in_no_segment() -> None:
    leftovers = campaign("leftovers", audience={"any": [RESIDUAL_SEGMENT]})

    assert messages(decided(shop([leftovers]), {"a": NEW, "b": {}})) == {
        "a": "(not_in_audience)",
        "b": "leftovers/email",
    }


def test_a_customer_on_an_audience_list_is_wanted_and_others_are_not() -> None:
    listed = campaign("listed", audience={"list": "audiences/vip.csv"})
    at_work = shop([listed], lists={"audiences/vip.csv": ["a"], "audiences/other.csv": ["b"]})
    rows = {"a": {"on_lists": ["audiences/vip.csv"]}, "b": {"on_lists": ["audiences/other.csv"]}, "c": {}}

    assert messages(decided(at_work, rows)) == {
        "a": "listed/email",
        "b": "(not_in_audience)",
        "c": "(not_in_audience)",
    }


def test_a_customer_on_the_list_to_leave_out_is_not_wanted_whoever_else_wants_them() -> None:
    audience = {"list": "audiences/vip.csv", "not_list": "audiences/staff.csv"}
    lists = {"audiences/vip.csv": ["a", "b"], "audiences/staff.csv": ["b", "c"]}
    at_work = shop([campaign("perks", audience=audience)], lists=lists)
    rows = {name: {"on_lists": [file for file, listed in lists.items() if name in listed]} for name in "abc"}

    assert messages(decided(at_work, rows)) == {
        "a": "perks/email",
        "b": "(not_in_audience)",
        "c": "(not_in_audience)",
    }


def test_a_customer_on_any_list_has_one_row_and_without_lists_there_is_none() -> None:
    two = listed_customers({"audiences/vip.csv": ("a", "b"), "audiences/local.csv": ("a",)})

    assert two.to_pylist() == [
        {"customer_id": "a", "on_lists": ["audiences/vip.csv", "audiences/local.csv"]},
        {"customer_id": "b", "on_lists": ["audiences/vip.csv"]},
    ]
    assert listed_customers({}).schema == two.schema
    assert listed_customers({}).num_rows == 0


# Consent and address


def test_whoever_said_nothing_gets_marketing_only_from_a_brand_that_allows_it_by_default() -> None:
    silent = {"marketing_consent_email": None}

    assert only_reason(silent) == "(no_consent)"
    assert only_reason(silent, consent_default={"marketing": "allow"}) == "welcome/email"


def test_a_withdrawn_consent_counts_whatever_the_default() -> None:
    withdrawn = {"marketing_consent_email": "withdrawn"}

    assert only_reason(withdrawn, consent_default={"marketing": "allow"}) == "(no_consent)"


def test_consent_to_one_channel_opens_no_other() -> None:
    both = campaign("both", channels=["sms", "email"])

    decisions = decided(shop([both]), {"a": NEW | {"marketing_consent_sms": None}})

    assert messages(decisions) == {"a": "both/email"}
    assert losers(decisions, "a") == {"both/sms": "no_consent"}


def test_a_transactional_message_asks_for_its_own_consent_and_not_for_that_to_marketing() -> None:
    no_marketing = {"marketing_consent_email": "withdrawn"}
    refund = {"class": "transactional"}

    assert only_reason(no_marketing, campaign=refund) == "welcome/email"
    assert only_reason(no_marketing | {"transactional_consent_email": "withdrawn"}, campaign=refund) == "(no_consent)"
    assert only_reason({}, campaign=refund, consent_default={"transactional": "deny"}) == "(no_consent)"


def test_a_channel_is_closed_to_whoever_has_no_address_for_it() -> None:
    assert only_reason({"address_email": None}) == "(no_address)"


def test_two_channels_that_share_a_kind_of_address_are_reached_through_it() -> None:
    channels = CHANNELS | {"ad": {"cost": "0.01", "hours": "08:00-12:00", "expires": "3d", "address": "email"}}
    at_work = shop([campaign("seen", channels=["ad"])], channels=channels)

    (feature,) = [one for one in at_work.programs.base.outputs if one.name == "address_ad"]

    assert feature.entry == ("email",)
    assert messages(decided(at_work, {"a": NEW, "b": NEW | {"address_ad": None}})) == {
        "a": "seen/ad",
        "b": "(no_address)",
    }


# Commitments


@pytest.mark.parametrize(
    ("days_ago", "message"),
    [(0, "(duration_lock)"), (4, "(duration_lock)"), (5, "welcome/email"), (6, "welcome/email")],
)
def test_a_send_locks_the_last_day_of_its_duration_and_leaves_the_next_open(days_ago: int, message: str) -> None:
    assert only_reason({"sent": [Sent("other", SLOT - days_ago * DAY, "5d")]}) == message


def test_a_duration_in_days_counts_the_customers_own_dates_and_one_in_hours_instants() -> None:
    # given a message at eight in the evening, 12 hours before the slot, on the date before
    last_night = SLOT - timedelta(hours=12)

    assert only_reason({"sent": [Sent("other", last_night, "1d")]}) == "welcome/email"
    assert only_reason({"sent": [Sent("other", last_night, "24h")]}) == "(duration_lock)"
    assert only_reason({"sent": [Sent("other", last_night, "12h")]}) == "welcome/email"


def test_a_send_of_a_campaign_and_a_channel_that_are_no_longer_configured_still_locks() -> None:
    assert only_reason({"sent": [Sent("forgotten", SLOT - DAY, "5d", channel="fax")]}) == "(duration_lock)"


def test_a_transactional_send_locks_nobody() -> None:
    assert only_reason({"sent": [Sent("refund", SLOT - DAY, "5d", class_="transactional")]}) == "welcome/email"


def test_a_transactional_message_is_locked_by_nothing() -> None:
    locked_in = {"sent": [Sent("other", SLOT - DAY, "5d")]}

    assert only_reason(locked_in, campaign={"class": "transactional"}) == "welcome/email"


def test_a_lock_of_one_channel_leaves_the_others_open() -> None:
    both = campaign("both", channels=["email", "sms"], value={"fixed": "10.00"})
    by_email = NEW | {"sent": [Sent("other", SLOT - DAY, "5d", channel="email")]}

    decisions = decided(shop([both], pressure={"lock": "channel"}), {"a": by_email})

    assert messages(decisions) == {"a": "both/sms"}
    assert losers(decisions, "a") == {"both/email": "duration_lock"}


def test_a_brand_without_locks_writes_every_day() -> None:
    assert only_reason({"sent": [Sent("other", SLOT - DAY, "5d")]}, pressure={"lock": "none"}) == "welcome/email"


def test_a_loop_back_into_a_campaign_ends_at_its_limit() -> None:
    twice_a_month = {"reentry": {"max": 2, "every": "30d"}}
    once = [Sent("welcome", SLOT - 20 * DAY, "1d")]
    twice = [*once, Sent("welcome", SLOT - 10 * DAY, "1d")]
    long_ago = [*once, Sent("welcome", SLOT - 30 * DAY, "1d")]

    assert only_reason({"sent": once}, campaign=twice_a_month) == "welcome/email"
    assert only_reason({"sent": twice}, campaign=twice_a_month) == "(reentry_limit)"
    assert only_reason({"sent": long_ago}, campaign=twice_a_month) == "welcome/email"


def test_a_customer_without_commitments_and_one_whose_list_is_empty_are_alike() -> None:
    at_work = shop([WELCOME])
    told = customers(at_work, {"a": NEW | {"sent": None}, "b": NEW | {"sent": []}})

    passed = passed_here(pass_over(at_work), told).drop_columns(["customer_id"]).to_pylist()

    assert passed[0] == passed[1]


def test_a_customer_of_no_known_zone_is_written_to_by_the_clock_of_their_phone_before_that_of_their_country() -> None:
    told = {"time_zone_phone": "Asia/Tokyo", "time_zone_country": "Asia/Kolkata"}
    rows = {
        "own": NEW | told | {"time_zone": "Europe/Berlin"},
        "phone": NEW | told,
        "country": NEW | {"time_zone_country": "Asia/Kolkata"},
        "neither": NEW,
    }

    decisions = decided(shop([WELCOME], time_zone_from=["phone", "country"]), rows)

    assert {name: treatment(decisions, name)["time_zone"] for name in rows} == {
        "own": "Europe/Berlin",
        "phone": "Asia/Tokyo",
        "country": "Asia/Kolkata",
        "neither": None,
    }
    assert {name: treatment(decisions, name)["slot_at"] for name in rows} == {
        "own": SLOT,
        "phone": datetime(2026, 6, 1, 5, tzinfo=UTC),
        "country": datetime(2026, 6, 1, 4, 30, tzinfo=UTC),
        "neither": SLOT,
    }


# Dates, worth, content


def test_a_campaign_begins_and_ends_by_the_date_that_the_customer_reads() -> None:
    # given it is the first of June in Berlin and, until the slot there, still the thirty-first of May in Honolulu
    june = campaign("june", active={"from": "2026-06-01", "to": "2026-06-30"})
    may = campaign("may", active={"from": "2026-05-01", "to": "2026-05-31"})
    evening = CHANNELS | {"email": CHANNELS["email"] | {"hours": "00:00-24:00"}}
    rows = {"berlin": NEW, "honolulu": NEW | {"time_zone": "Pacific/Honolulu"}, "odd": NEW | {"time_zone": "Mars/Mons"}}

    assert messages(decided(shop([june, may], channels=evening), rows)) == {
        "berlin": "june/email",
        "honolulu": "may/email",
        "odd": "june/email",
    }


def test_a_slot_is_a_whole_hour_inside_the_channels_hours_of_the_customers_own_day() -> None:
    rows = {"berlin": NEW, "tokyo": NEW | {"time_zone": "Asia/Tokyo"}, "kolkata": NEW | {"time_zone": "Asia/Kolkata"}}

    decisions = decided(shop([WELCOME]), rows)

    assert {name: treatment(decisions, name)["slot_at"] for name in rows} == {
        "berlin": SLOT,
        "tokyo": datetime(2026, 6, 1, 5, tzinfo=UTC),
        "kolkata": datetime(2026, 6, 1, 4, 30, tzinfo=UTC),
    }


def test_a_message_that_harms_or_costs_more_than_it_brings_is_never_sent() -> None:
    assert only_reason({}, campaign={"prior_uplift": -0.01}) == "(value_not_positive)"
    assert only_reason({}, campaign={"value": {"fixed": "0.20"}}) == "(value_not_positive)"
    assert only_reason({}, campaign={"value": {"fixed": "0.21"}}) == "welcome/email"


def test_an_order_is_worth_the_customers_own_mean_else_the_brands_else_nothing() -> None:
    at_work = shop([campaign("share", value={"share_of_order": 0.5}, prior_uplift=0.1)])
    rows = {"buyer": NEW | {"own_mean_order_minor": 8000.0}, "stranger": NEW}

    def worth(brand_mean: float) -> list[tuple[str, int]]:
        decisions = decided(at_work, rows, brand_mean_order_minor=brand_mean)
        candidates = [row["candidates"][0] for row in decisions.to_pylist()]
        return [(one["value_basis"], one["value_micros"]) for one in candidates]

    # An e-mail costs 0.2 cents.
    assert worth(2000.0) == [("own_mean_order", 399_800_000), ("brand_mean_order", 99_800_000)]
    assert worth(float("nan")) == [("own_mean_order", 399_800_000), ("brand_mean_order", -200_000)]


@pytest.mark.parametrize(
    ("locale", "content"),
    [
        ("pt-PT", "brief_pt"),
        ("pt_pt", "brief_pt"),
        ("pt-BR", "brief"),
        ("pt", "brief"),
        ("fr", "letter"),
        (None, "letter"),
    ],
)
def test_a_customer_reads_the_same_article_in_their_own_language_if_there_is_one(locale: str, content: str) -> None:
    article = campaign(
        "article",
        variants=[
            {"id": "letter", "channel": "email", "locale": "de", "template": "a"},
            {"id": "brief", "channel": "email", "locale": "pt", "template": "b"},
            {"id": "brief_pt", "channel": "email", "locale": "pt-PT", "template": "c"},
        ],
    )

    sent = treatment(decided(shop([article]), {"a": NEW | {"locale": locale}}), "a")

    assert sent["variant_id"] == content


def test_a_message_says_which_product_and_order_it_is_about_and_others_are_about_nothing() -> None:
    how_to = campaign("how_to", about={"event": "order_line", "category": "coats"}, prior_uplift=0.02)
    told = customers(
        at_work := shop([WELCOME, how_to]),
        {"a": NEW | {"about_product_how_to": hash64("coat"), "about_order_how_to": hash64("o1")}, "b": NEW},
    )

    passed = passed_here(pass_over(at_work), told)

    assert passed["about_product"].to_pylist() == [[None, hash64("coat")], [None, None]]
    assert passed["about_order"].to_pylist() == [[None, hash64("o1")], [None, None]]


# Whole batches


def test_a_batch_without_customers_has_no_candidates() -> None:
    at_work = shop([WELCOME])

    passed = passed_here(pass_over(at_work), customers(at_work, {}))

    assert passed.schema == PASS_SCHEMA
    assert passed.num_rows == 0


def test_a_brand_without_segments_can_write_to_everybody() -> None:
    everybody = campaign("everybody", audience={"any": [RESIDUAL_SEGMENT]})

    assert messages(decided(shop([everybody], segments=[]), {"a": {}})) == {"a": "everybody/email"}


@given(st.data())
@settings(max_examples=30)
def test_a_customers_candidates_do_not_depend_on_who_else_is_in_the_batch(data: st.DataObject) -> None:
    # given nine customers of three zones, some of them new, some locked, some on a list
    at_work = shop(
        [WELCOME, campaign("listed", audience={"list": "audiences/vip.csv"}, channels=["sms", "email"])],
        lists={"audiences/vip.csv": []},
    )
    told = customers(
        at_work,
        {
            f"c{number}": {
                "is_new": "yes" if number % 2 else None,
                "time_zone": ["Asia/Tokyo", None, "America/New_York"][number % 3],
                "sent": [Sent("other", SLOT - number * DAY, "4d")] if number % 4 else None,
                "on_lists": ["audiences/vip.csv"] if number % 3 == 0 else None,
            }
            for number in range(9)
        },
    )
    whole = {row["customer_id"]: row for row in passed_here(pass_over(at_work), told).to_pylist()}

    # when some of them, in any order, make a batch
    some = data.draw(st.lists(st.integers(0, 8), unique=True))
    part = passed_here(pass_over(at_work), told.take(pa.array(some, pa.int64()))).to_pylist()

    assert part == [whole[f"c{number}"] for number in some]
