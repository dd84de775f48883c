"""What is heard as a no, and what is left alone, where rows name it in words of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unit.events.event_rows import parsed, reasons, row

Extent = tuple[str, str, str | None]
"""Purpose, channel and topic."""

EVERY_CHANNEL, BY_EMAIL = ("marketing", "*", None), ("marketing", "email", None)


def said(value: Any) -> Extent | None:
    """How far the no of a row goes; None if it says none."""
    statement = parsed(value).statement
    if statement is None or statement["granted"]:
        return None
    return statement["purpose"], statement["channel"], statement["topic"]


def is_silent(value: Any) -> bool:
    """Whether a row neither says no nor puts its customer on hold."""
    return said(value) is None and "unclear_opt_out" not in reasons(value)


def yes(attributes: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A consent with more attributes and keys."""
    return row(
        "consent_changed", **{**changes, "attributes": {"purpose": "marketing", "granted": True} | (attributes or {})}
    )


# Whose no it is


@pytest.mark.parametrize(
    ("text", "customer"),
    [
        (r'{"brand": "b", "event_type": "unsubscribed", "customer_id": "crm\/123"', "crm/123"),
        (r'{"brand": "b", "event_type": "unsubscribed", "customer_id": "jos\u00e9"', "josé"),
        ("customer_id: amy@example.com, event_type: unsubscribed", "amy@example.com"),
        ("customer_id: urn:shop:5; event_type: unsubscribed", "urn:shop:5"),
        ("customer_id=amy event_type=unsubscribed", "amy"),
        ('{"friend": {"customer_id": "bob"}, "customer_id": "amy", "event_type": "unsubscribed"', "amy"),
        ('{"customer_id": "amy", "event_type": "unsubscribed", "friend": {"customer_id": "bob"}', "amy"),
    ],
)
def test_a_no_in_a_broken_row_is_of_the_customer_whom_it_names(text: str, customer: str) -> None:
    assert parsed(text).natural_id == customer
    assert said(text) == EVERY_CHANNEL


@pytest.mark.parametrize("end", ["", "}"])
def test_a_no_of_one_of_two_customers_is_a_hold(end: str) -> None:
    text = '{"customer_id": "amy", "event_type": "unsubscribed", "customer_id": "bob"' + end

    assert reasons(text) == ["corrupt", "unclear_opt_out"]


def test_an_id_that_is_merged_into_is_known_with_blanks_around_it() -> None:
    assert parsed(row("customer_merged", attributes={"into": " customer-2 "})).attributes == (
        parsed(row("customer_merged")).attributes
    )
    assert reasons(row("customer_merged", attributes={"into": " "})) == ["missing_field"]


# Profiles that are broken

PROFILE = json.dumps(row("profile_changed", attributes={"accepts_marketing": False}))


@pytest.mark.parametrize(
    "text",
    [
        PROFILE + ",",
        PROFILE[:-1],
        PROFILE[:-2],
        PROFILE[:-1] + ",}",
        PROFILE.replace('"', "'").replace("false", "False"),
        f"[{PROFILE}]",
        f"\ufeff[{PROFILE}],",
        PROFILE.replace("false", 'false, "accepts_marketing": true'),
        PROFILE.replace("false", 'true, "accepts_marketing": false'),
    ],
)
def test_a_no_in_a_broken_profile_is_heard_from_its_own_instant(text: str) -> None:
    assert said(text) == EVERY_CHANNEL
    assert parsed(text).event_at == parsed(PROFILE).event_at


def test_a_byte_order_mark_before_a_row_is_no_part_of_it() -> None:
    assert parsed("\ufeff" + PROFILE) == parsed(PROFILE)
    assert reasons("\ufeff") == ["empty"]


# Profiles


@pytest.mark.parametrize(
    ("flags", "extent"),
    [
        *(({key: True}, EVERY_CHANNEL) for key in ("whatsapp_opt_out", "do_not_call", "unsubscribed_from_all")),
        *(({key: True}, EVERY_CHANNEL) for key in ("globally_unsubscribed", "optout", "opt_out_of_marketing")),
        *(({key: True}, BY_EMAIL) for key in ("hs_email_optout", "emailBlacklisted", "donotbulkemail", "emailoptout")),
        *(({"unsubscribed": at}, EVERY_CHANNEL) for at in ("2026-01-02", "02.01.2026", 1_767_312_000, "x", "perhaps")),
        *(({key: "2026-01-02"}, EVERY_CHANNEL) for key in ("unsubscribed_at", "unsubscribe_date", "opt_out_date")),
        *(({key: False}, EVERY_CHANNEL) for key in ("newsletter_subscribed", "buyer_accepts_marketing")),
        *(({key: "no"}, EVERY_CHANNEL) for key in ("newsletter_optin", "receives_newsletter")),
        *(({key: False}, BY_EMAIL) for key in ("marketing_email_consent", "accepts_email_marketing")),
        ({"email_marketing_consent": "not_subscribed"}, BY_EMAIL),
        ({"email_marketing_consent": {"state": "unsubscribed"}}, BY_EMAIL),
        ({"unsubscribed": {"email": True, "sms": False}}, BY_EMAIL),
        ({"unsubscribed": ["email"]}, BY_EMAIL),
        ({"opt_out": "email"}, BY_EMAIL),
        ({"opt_out": "all"}, EVERY_CHANNEL),
        ({"opt_out_status": "opted_out"}, EVERY_CHANNEL),
    ],
)
def test_a_flag_says_no_in_any_place_of_a_profile(flags: dict[str, Any], extent: Extent) -> None:
    in_attributes = row("profile_changed", attributes=flags)

    assert said(in_attributes) == said({**in_attributes, "amount": "n/a"}) == extent
    assert said(row("profile_changed", **flags)) == extent


@pytest.mark.parametrize(
    "flags",
    [
        {"fax_opt_out": True},
        {"post_opt_out": True},
        {"unsubscribed_at": "0000-00-00"},
        {"unsubscribed": "null"},
        {"unsubscribe": "https://shop.example/u"},
        {"unsubscribe_url": "x"},
        {"opt_out_status": "opted_in"},
        {"terms_consent": False},
        {"item_suppressed": True},
        {"push_permission": "denied"},
    ],
)
def test_what_is_no_flag_of_contact_says_nothing(flags: dict[str, Any]) -> None:
    assert is_silent(row("profile_changed", attributes=flags))
    assert is_silent(row("profile_changed", attributes=flags, amount="n/a"))


@pytest.mark.parametrize(
    ("attributes", "others", "extent"),
    [
        ({"email_opt_out": True}, {"sms_opt_out": True}, EVERY_CHANNEL),
        ({"email_opt_out": True}, {"email_opt_out": True}, BY_EMAIL),
        ({"unsubscribed": False}, {"unsubscribed": True}, EVERY_CHANNEL),
        ({"unsubscribed": True}, {"unsubscribed": False}, EVERY_CHANNEL),
    ],
)
def test_noes_in_both_places_of_a_row_are_united(
    attributes: dict[str, Any], others: dict[str, Any], extent: Extent
) -> None:
    for event_type in ("profile_changed", "order", "customer_updated"):
        both = row(event_type, attributes=attributes, **others)
        assert said(both) == said({**both, "amount": "n/a"}) == extent


# Other events


@pytest.mark.parametrize(
    ("flags", "extent"),
    [
        ({"unsubscribed": True}, EVERY_CHANNEL),
        ({"accepts_marketing": False}, EVERY_CHANNEL),
        ({"email_opt_out": 1}, BY_EMAIL),
    ],
)
def test_a_flag_is_heard_in_an_order_which_stays_one(flags: dict[str, Any], extent: Extent) -> None:
    order = parsed(row("order", attributes=flags))

    assert (order.event_type, order.amount_minor, order.reasons) == ("order", 1999, set())
    assert said(row("order", attributes=flags)) == said(row("order", attributes=flags, amount="n/a")) == extent


@pytest.mark.parametrize("flags", [{"warranty_opt_out": True}, {"marketing": False}, {"newsletter": "none"}])
def test_a_flag_of_something_else_in_an_order_says_nothing(flags: dict[str, Any]) -> None:
    assert is_silent(row("order", attributes=flags))
    assert is_silent(row("order", attributes=flags, amount="n/a"))


@pytest.mark.parametrize("kind", ["complaint", "spam", "unsubscribed", "Spam Complaint"])
def test_a_bounce_that_is_a_complaint_is_a_no(kind: str) -> None:
    assert said(row("send_bounced", attributes={"kind": kind})) == BY_EMAIL
    assert said(row("send_bounced", channel="fax", attributes={"kind": kind})) == EVERY_CHANNEL


@pytest.mark.parametrize(
    ("event", "extent"),
    [
        *(
            (row(event_type=name, attributes={"email_opt_out": True}), BY_EMAIL)
            for name in ("customer_updated", "contact.updated", "ProfileUpdate", "preferences_updated")
        ),
        (row(event_type="webhook", attributes={"type": "unsubscribe"}), EVERY_CHANNEL),
        (row(event_type="webhook", type="unsubscribe", channel="email"), BY_EMAIL),
        (row(event_type="email_event", attributes={"status": "unsubscribed"}), EVERY_CHANNEL),
    ],
)
def test_events_of_other_names_are_heard_with_the_extent_of_what_they_say(event: Any, extent: Extent) -> None:
    assert said(event) == extent


# A yes that says something else besides


@pytest.mark.parametrize(
    "event",
    [yes(topic="ski"), yes({"Topic": "ski"}), yes(Channel="sms"), yes({"channel": "sms"}), yes({"scope": "all"})],
)
def test_a_yes_that_may_be_about_less_is_none(event: Any) -> None:
    assert reasons(event) == ["out_of_range"]


@pytest.mark.parametrize(
    ("event", "extent"),
    [
        (yes(granted=False), BY_EMAIL),
        (yes({"Granted": "no"}), BY_EMAIL),
        (yes(status="withdrawn"), BY_EMAIL),
        (yes(unsubscribed=True), EVERY_CHANNEL),
        (yes({"opt_out": True}), EVERY_CHANNEL),
    ],
)
def test_a_no_besides_a_yes_is_heard(event: Any, extent: Extent) -> None:
    assert said(event) == extent


def test_a_yes_that_says_the_same_twice_is_one() -> None:
    assert parsed(yes({"channel": "email", "source": "web"}, purpose="marketing")).reasons == set()


@pytest.mark.parametrize(
    "event",
    [
        *(
            yes({"granted": granted})
            for granted in (1.0, "1.0", "confirmed", "active", "double_opt_in", "accept", "agreed", "enabled")
        ),
        *(
            yes(besides, **fault)
            for besides in (
                {"state": "CA"},
                {"state": "NO"},
                {"status": "active"},
                {"action": "update"},
                {"value": "5"},
            )
            for fault in ({"channel": "fax"}, {"event_at": "2026-03-01T10:00:00"})
        ),
    ],
)
def test_a_faulty_yes_is_neither_a_yes_nor_a_no_nor_a_hold(event: Any) -> None:
    assert reasons(event)
    assert is_silent(event)


# No to everything


@pytest.mark.parametrize(
    ("event_type", "purpose"),
    [
        *((name, "marketing") for name in ("global_unsubscribe", "unsubscribe_all", "unsubscribe_everything")),
        ("opt_out_all_channels", "*"),
    ],
)
def test_a_no_to_everything_is_not_narrowed_by_a_topic_or_channel(event_type: str, purpose: str) -> None:
    assert said(row(event_type=event_type, channel="email", attributes={"topic": "ski"})) == (purpose, "*", None)


@pytest.mark.parametrize("scope", ["global", "all", "ALL"])
def test_a_scope_of_all_is_everything(scope: str) -> None:
    assert said(row("unsubscribed", attributes={"scope": scope, "topic": "ski"})) == EVERY_CHANNEL


def test_a_topic_and_a_campaign_at_once_mean_all_messages() -> None:
    both = row("unsubscribed", campaign_id="hello", attributes={"scope": "campaign", "topic": "ski"})

    assert said(both) == BY_EMAIL


# What is about something else


@pytest.mark.parametrize("attributes", [{}, {"status": "off"}])
@pytest.mark.parametrize(
    "event_type",
    [
        *("cookie_consent", "cookie_consent_denied", "push_permission_denied", "location_permission_revoked"),
        *("camera_permission_denied", "discount_granted", "wishlist_removed", "item_suppressed"),
        *("nonstop_email_opened", "forget_me_not_flowers_viewed", "product_complaint", "complaint_resolved"),
        *("warranty_complaint", "spam_filter_passed", "unsubscribe_page_viewed", "newsletter_offer_clicked"),
        *("subscription_offer_viewed", "consent_banner_shown", "gdpr_notice_viewed", "forget_device"),
        *("playlist_removed", "shopping_list_removed", "card_blocklisted", "BusStopViewed", "order_deletion_request"),
    ],
)
def test_an_event_about_something_else_is_silent(event_type: str, attributes: dict[str, Any]) -> None:
    assert is_silent(row(event_type=event_type, attributes=attributes))


@pytest.mark.parametrize(
    ("event_type", "attributes"),
    [
        *(
            (name, {})
            for name in ("suppression_removed", "blocklist_removed", "opt_out_removed", "objection_withdrawn")
        ),
        *((name, {}) for name in ("deletion_request_withdrawn", "erasure_rejected", "permission_requested")),
        ("opt_out_changed", {"opt_out": False}),
        ("email_opt_out_changed", {"value": "false"}),
    ],
)
def test_a_no_that_was_taken_back_is_none(event_type: str, attributes: dict[str, Any]) -> None:
    assert said(row(event_type=event_type, attributes=attributes)) is None
