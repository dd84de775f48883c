"""A no is heard however it is written, a yes only when it is right, and what is neither harms nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ceasefire.events.contract import MAX_ROW_CHARS, ParsedRow
from ceasefire.ids import customer_id
from unit.events.event_rows import CONTRACT, parsed, reasons, row, without

CUSTOMER = customer_id(b"a key of tests", "customer-1")
EVERYWHERE = ("*", "*")

Extent = tuple[str, str]
"""Purpose and channel."""


def said(value: Any) -> Extent | None:
    """How far the no of a row goes; None if the row says none."""
    found = parsed(value)
    if found.statement is None or found.statement["granted"]:
        return None
    return found.statement["purpose"], found.statement["channel"]


def covers_marketing_by_email(extent: Extent | None) -> bool:
    return extent is not None and extent[0] in ("marketing", "*") and extent[1] in ("email", "*")


def expect_no(value: Any, is_repaired: bool) -> ParsedRow:
    """The row as an event that says no at least to marketing by e-mail, about all messages."""
    found = parsed(value)
    assert not found.reasons
    assert found.statement is not None
    assert covers_marketing_by_email(said(value))
    assert (found.statement["granted"], found.statement["topic"], found.refusal) == (False, None, "no")
    assert (found.customer_id, found.is_opt_out) == (CUSTOMER, True)
    assert found.event_key
    assert bool(found.repairs) is is_repaired
    return found


def consent(granted: Any = False, purpose: Any = "marketing", **changes: Any) -> dict[str, Any]:
    return row("consent_changed", attributes={"purpose": purpose, "granted": granted}, **changes)


def text_of(event_type: str = "unsubscribed", **changes: Any) -> str:
    return json.dumps(row(event_type, **changes))


def spliced(text: str, more: str) -> str:
    """A row with more keys behind its own, as text."""
    return f"{text[:-1]}, {more}}}"


# What is right needs no repair


@pytest.mark.parametrize(
    ("strict", "extent"),
    [
        (row("unsubscribed"), ("marketing", "email")),
        (row("unsubscribed", channel="EMAIL"), ("marketing", "email")),
        (row("unsubscribed", channel="E-Mail"), ("marketing", "email")),
        (row("unsubscribed", channel="Mail"), ("marketing", "email")),
        (row("unsubscribed", channel=" email "), ("marketing", "email")),
        (row("unsubscribed", channel="all"), ("marketing", "*")),
        (row("unsubscribed", channel="ALL"), ("marketing", "*")),
        (row("unsubscribed", channel="*"), ("marketing", "*")),
        (row("unsubscribed", channel=None), ("marketing", "*")),
        (row("unsubscribed", channel=""), ("marketing", "*")),
        (without("channel", "unsubscribed"), ("marketing", "*")),
        (row("unsubscribed", attributes={"purpose": "*"}), ("*", "email")),
        (row("unsubscribed", event_at="2199-01-01T00:00:00Z"), ("marketing", "email")),
        (row("unsubscribed", event_at="1971-01-01T00:00:00Z"), ("marketing", "email")),
        (row("complained"), ("marketing", "email")),
        (without("channel", "complained"), ("marketing", "*")),
        (row("opted_out"), EVERYWHERE),
        (row("opted_out", channel="mail", attributes={"purpose": "marketing"}), ("marketing", "email")),
        (row("erasure_requested"), EVERYWHERE),
        (row("erasure_requested", channel="email"), EVERYWHERE),
        (consent(), ("marketing", "email")),
        (consent("false"), ("marketing", "email")),
        (consent(channel="all"), ("marketing", "*")),
        (consent(channel=None), ("marketing", "*")),
        (consent(purpose="*"), ("*", "email")),
    ],
)
def test_a_no_that_is_right_is_an_event_of_its_own_type_and_not_repaired(
    strict: dict[str, Any], extent: Extent
) -> None:
    found = expect_no(strict, is_repaired=False)

    assert (found.event_type, said(strict)) == (strict["event_type"], extent)


# Types


@pytest.mark.parametrize(
    ("event_type", "extent"),
    [
        ("Unsubscribed", ("marketing", "email")),
        ("UNSUBSCRIBED", ("marketing", "email")),
        (" unsubscribed ", ("marketing", "email")),
        ("UnsubscribeAll", ("marketing", "*")),
        ("global_unsubscribe", ("marketing", "*")),
        ("unsubscribe", ("marketing", "email")),
        ("list-unsubscribe", ("marketing", "email")),
        ("email.unsubscribed", ("marketing", "email")),
        ("one_click_unsubscribe", ("marketing", "email")),
        ("unsub", ("marketing", "email")),
        ("opt_out", ("*", "email")),
        ("OPT-OUT", ("*", "email")),
        ("OptedOut", ("*", "email")),
        ("sms opt out", ("*", "email")),
        ("stop", ("*", "email")),
        ("STOP", ("*", "email")),
        ("STOP ALL", EVERYWHERE),
        ("stop_marketing", ("*", "email")),
        ("spam_report", ("marketing", "email")),
        ("marked as spam", ("marketing", "email")),
        ("Complaint", ("marketing", "email")),
        ("abuse_report", ("*", "email")),
        ("DoNotContact", ("*", "email")),
        ("do-not-email", ("*", "email")),
        ("do_not_call", ("*", "email")),
        ("dnc", ("*", "email")),
        ("suppressed", ("*", "email")),
        ("blacklisted", ("*", "email")),
        ("consent.withdrawn", ("*", "email")),
        ("ConsentRevoked", ("*", "email")),
        ("withdraw_consent", ("*", "email")),
        ("consent_denied", ("*", "email")),
        ("permission_removed", ("*", "email")),
        ("opt-in revoked", ("*", "email")),
        ("marketing_objection", ("*", "email")),
        ("erasure_request", EVERYWHERE),
        ("ErasureRequested", EVERYWHERE),
        ("right_to_be_forgotten", EVERYWHERE),
        ("delete_my_data", EVERYWHERE),
        ("gdpr.delete", EVERYWHERE),
        ("Account-Deletion-Request", EVERYWHERE),
    ],
)
def test_an_opt_out_is_known_by_its_type_in_any_spelling(event_type: str, extent: Extent) -> None:
    found = expect_no(row("unsubscribed", event_type=event_type), is_repaired=True)

    assert said(row("unsubscribed", event_type=event_type)) == extent
    is_erasure = any(word in event_type.lower() for word in ("eras", "forgotten", "delet"))
    assert found.event_type == ("erasure_requested" if is_erasure else "opted_out")
    assert found.repairs == ["unknown_event_type"]


# Values


@pytest.mark.parametrize("channel", ["unknown", "fax", "email,sms", ["email", "sms"], [], {"name": "sms"}, 0, True])
def test_a_channel_that_cannot_be_understood_is_every_channel(channel: Any) -> None:
    expect_no(row("unsubscribed", channel=channel), is_repaired=True)
    expect_no(consent(channel=channel), is_repaired=True)

    assert said(row("unsubscribed", channel=channel)) == said(consent(channel=channel)) == ("marketing", "*")


@pytest.mark.parametrize(
    "granted",
    [
        *("False", "FALSE ", 0, "0", 0.0, "0.0", -1, "no", "No", "N", "n", "off", "OFF", "f", "none", "never", "stop"),
        *("denied", "withdrawn", "revoked", "opt-out", "opted_out", "unsubscribed", "not granted", "refused"),
    ],
)
def test_a_withdrawal_is_read_in_any_spelling_of_no(granted: Any) -> None:
    expect_no(consent(granted), is_repaired=True)

    assert said(consent(granted)) == ("marketing", "email")
    assert said({**without("attributes", "consent_changed"), "granted": granted}) == ("*", "email")


@pytest.mark.parametrize("purpose", ["Marketing", "MARKETING", " marketing "])
def test_a_purpose_is_known_in_any_spelling(purpose: str) -> None:
    for refusal in (consent(purpose=purpose), row("unsubscribed", attributes={"purpose": purpose})):
        expect_no(refusal, is_repaired=True)
        assert said(refusal) == ("marketing", "email")


@pytest.mark.parametrize("purpose", ["unknown", "newsletter", "all", "ALL", None, "", 1, ["marketing"]])
def test_a_withdrawal_of_a_purpose_that_cannot_be_understood_is_of_every_purpose(purpose: Any) -> None:
    expect_no(consent(purpose=purpose), is_repaired=True)

    assert said(consent(purpose=purpose)) == ("*", "email")


def test_a_withdrawal_without_its_purpose_is_of_every_purpose() -> None:
    assert said(row("consent_changed", attributes={"granted": "no"})) == ("*", "email")


@pytest.mark.parametrize(
    "attributes",
    [
        ["marketing", {"granted": False}],
        [{"purpose": "marketing"}, {"granted": "no"}],
        [{"name": "granted", "value": "false"}],
        [{"key": "purpose", "value": "marketing"}, {"key": "granted", "value": 0}],
        '{"purpose": "marketing", "granted": "false"}',
        '{"purpose": "marketing", "granted": false',
        "granted=no",
        {"purpose": "marketing", "granted": False, "more": {"a": 1}},
    ],
)
def test_attributes_of_another_shape_are_read_all_the_same(attributes: Any) -> None:
    expect_no(row("consent_changed", attributes=attributes), is_repaired=True)


# Whatever else is wrong with the row


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "n/a"},
        {"amount": "-3"},
        {"category": "a//b"},
        {"attributes": {"note": "x" * 5_000}},
        {"attributes": ["a"]},
        {"attributes": "a"},
        {"event_id": None},
        {"event_id": 5.5},
        {"event_id": ["e1"]},
        {"brand": None},
        {"brand": "B"},
        {"campaign_id": 7.5},
        {"order_id": {"a": 1}},
        {"note": "\ud800"},
    ],
)
def test_nothing_else_that_is_wrong_with_a_row_makes_its_no_unheard(changes: dict[str, Any]) -> None:
    found = expect_no(row("unsubscribed", **changes), is_repaired=True)

    assert said(row("unsubscribed", **changes)) == ("marketing", "email")
    assert found.event_at is not None


@pytest.mark.parametrize(
    "event_at",
    [
        *(None, "", "2026-03-01T10:00:00", "2026-03-01 10:00:00", "2026-03-01", "yesterday", 1_772_359_200, 1.5),
        *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30T10:00:00Z", [1], {"at": 1}, True),
    ],
)
def test_an_opt_out_of_no_readable_instant_counts_from_its_arrival(event_at: Any) -> None:
    assert expect_no(row("unsubscribed", event_at=event_at), is_repaired=True).event_at is None


@pytest.mark.parametrize("name", ["event_id", "brand", "event_at"])
def test_an_opt_out_may_lack_a_key(name: str) -> None:
    assert expect_no(without(name, "unsubscribed"), is_repaired=True).repairs == ["missing_field"]


def test_a_customer_is_known_as_a_number_and_with_blanks_around_it() -> None:
    of_number = parsed(row("opted_out", customer_id=17))
    assert (of_number.natural_id, of_number.customer_id) == ("17", customer_id(CONTRACT.key, "17"))
    assert parsed(row("opted_out", customer_id=" customer-1 ", amount="n/a")).customer_id == CUSTOMER


@pytest.mark.parametrize(
    "keys",
    [
        ("eventId", "Brand", "customerId", "eventType", "eventAt", "Channel"),
        ("EventId", "Brand", "CustomerId", "EventType", "EventAt", "Channel"),
        ("EVENT_ID", "BRAND", "CUSTOMER_ID", "EVENT_TYPE", "EVENT_AT", "CHANNEL"),
        ("event-id", "brand", "customer-id", "event-type", "event-at", "channel"),
        ("event_id", "brand", "customer_id", "type", "event_at", "channel"),
        ("event_id", "brand", "customer_id", "event", "event_at", "channel"),
    ],
)
def test_keys_are_known_in_any_spelling(keys: tuple[str, ...]) -> None:
    renamed = dict(zip(keys, ("e1", "b", "customer-1", "unsubscribed", "2026-03-01T10:00Z", "email"), strict=True))

    expect_no(renamed, is_repaired=True)
    assert said(renamed) == ("marketing", "email")


# Text that is no row


UNSUBSCRIBED, BROWSED, AGREED = text_of(), text_of("browse"), text_of("consent_changed")
WITHDRAWN = json.dumps(consent())


@pytest.mark.parametrize(
    "text",
    [
        spliced(UNSUBSCRIBED, '"amount": NaN'),
        spliced(UNSUBSCRIBED, '"amount": -Infinity'),
        spliced(UNSUBSCRIBED, '"note": False'),
        UNSUBSCRIBED[:-1] + ",}",
        UNSUBSCRIBED.replace('"', "'"),
        UNSUBSCRIBED + ",",
        UNSUBSCRIBED + " and more",
        "\ufeff" + UNSUBSCRIBED[:-1],
        f"[{UNSUBSCRIBED}]",
        "brand: b, customer_id: customer-1, event_type: unsubscribed",
        *(UNSUBSCRIBED[:-cut] for cut in (1, 5, 10, 40)),
        WITHDRAWN[:-1],
        WITHDRAWN[:-2],
        # keys that stand twice
        spliced(UNSUBSCRIBED, '"channel": "sms"'),
        spliced(UNSUBSCRIBED, '"channel": "email"'),
        spliced(UNSUBSCRIBED, '"brand": "another"'),
        spliced(UNSUBSCRIBED, '"event_type": "browse"'),
        spliced(BROWSED, '"event_type": "unsubscribed"'),
        spliced(UNSUBSCRIBED, '"attributes": {"topic": "ski"}, "attributes": {}'),
        spliced(UNSUBSCRIBED, '"attributes": {}, "attributes": {"topic": "ski"}'),
        spliced(UNSUBSCRIBED, '"attributes": {"purpose": "marketing", "purpose": "transactional"}'),
        WITHDRAWN.replace("false", 'true, "granted": false'),
        WITHDRAWN.replace("false", 'false, "granted": true'),
        spliced(WITHDRAWN, '"attributes": {"a": "b"}'),
        # rows between which a line break was lost
        UNSUBSCRIBED + BROWSED,
        BROWSED + UNSUBSCRIBED,
        AGREED + UNSUBSCRIBED,
        UNSUBSCRIBED + AGREED,
        AGREED + " , " + WITHDRAWN,
        BROWSED[:70] + UNSUBSCRIBED,
        f"[{BROWSED}, {UNSUBSCRIBED}]",
        # too deep, and too long
        spliced(UNSUBSCRIBED, '"x": ' + "[" * 50 + "]" * 50),
        spliced(UNSUBSCRIBED, '"x": ' + "[" * 100_000 + "]" * 100_000),
        '{"x": ' + "[" * 100_000 + "]" * 100_000 + ", " + UNSUBSCRIBED[1:],
        spliced(UNSUBSCRIBED, f'"x": "{"x" * MAX_ROW_CHARS}"'),
        f'{{"x": "{"x" * MAX_ROW_CHARS}", {UNSUBSCRIBED[1:]}',
        f'{{"x": "{"x" * 10 * MAX_ROW_CHARS}", {UNSUBSCRIBED[1:]}',
        UNSUBSCRIBED[:-1] + ', "x": "' + "x" * 10 * MAX_ROW_CHARS,
    ],
    ids=lambda text: f"{text[:20]}…{text[-20:]}",
)
def test_a_no_is_heard_in_text_that_is_no_row(text: str) -> None:
    expect_no(text, is_repaired=True)


def test_of_two_rows_in_one_line_the_no_is_of_the_customer_who_said_it() -> None:
    other = text_of("consent_changed", customer_id="other", event_at="2026-04-01T12:00:00Z")

    for line in (other + UNSUBSCRIBED, UNSUBSCRIBED + other, other[:150] + UNSUBSCRIBED):
        found = expect_no(line, is_repaired=True)
        assert found.event_at in (None, parsed(UNSUBSCRIBED).event_at)


def test_of_an_instant_that_stands_twice_neither_counts() -> None:
    assert parsed(spliced(UNSUBSCRIBED, '"event_at": "2025-01-01T00:00:00Z"')).event_at is None


# Profiles


@pytest.mark.parametrize(
    ("attributes", "channel"),
    [
        ({"unsubscribed": "true"}, "*"),
        ({"unsubscribed": 1}, "*"),
        ({"unsubscribed_at": "2026-01-01"}, "*"),
        ({"opt_out": "yes"}, "*"),
        ({"email_opt_out": "true"}, "email"),
        ({"mailOptOut": True}, "email"),
        ({"HasOptedOutOfEmail": "true"}, "email"),
        ({"do_not_email": True}, "email"),
        ({"doNotContact": "Y"}, "*"),
        ({"accepts_marketing": "false"}, "*"),
        ({"marketing_consent": "no"}, "*"),
        ({"email_marketing_consent": "withdrawn"}, "email"),
        ({"gdpr_consent": "false"}, "*"),
        ({"emailOptIn": False}, "email"),
        ({"subscribed": "no"}, "*"),
        ({"newsletter": "no"}, "*"),
        ({"newsletter_frequency": "never"}, "*"),
        ({"email_opt_out": "true", "sms_opt_out": "true"}, "*"),
    ],
)
def test_a_profile_says_no_by_a_flag_also_in_a_broken_row(attributes: dict[str, Any], channel: str) -> None:
    for event_type in ("registered", "profile_changed"):
        sound = row(event_type, attributes=attributes)

        assert parsed(sound).reasons == set()
        assert said(sound) == said({**sound, "amount": "n/a"}) == ("marketing", channel)


@pytest.mark.parametrize(
    "attributes",
    [
        {"newsletter": "weekly"},
        {"newsletter": "fashion, no shoes"},
        {"newsletter_format": "none"},
        {"unsubscribed": "false"},
        {"unsubscribed": 0},
        {"unsubscribed_at": None},
        {"unsubscribed_at": ""},
        {"accepts_marketing": "true"},
        {"email_opt_out": "no"},
        {"marketing_score": 0},
        {"fax_opt_out": "true"},
        {"cookie_consent": "no"},
        {"status": "off"},
    ],
)
def test_what_else_a_profile_says_is_no_statement(attributes: dict[str, Any]) -> None:
    assert parsed(row("profile_changed", attributes=attributes)).statement is None
    assert reasons(row("profile_changed", attributes=attributes, amount="n/a")) == ["bad_type"]


# What nobody can understand


@pytest.mark.parametrize(
    "unclear",
    [
        *(consent(granted) for granted in (None, "", "perhaps", "null", "n/a", "?", [], 7)),
        row("consent_changed", attributes=None),
        row("consent_changed", attributes=["marketing", False]),
        row("consent_changed", attributes="by phone"),
        *(WITHDRAWN[:-cut] for cut in (7, 20, 40, 60)),
        row(event_type="consent_expired"),
        row(event_type="undo_unsubscribe"),
        row(event_type="unsubscribe_failed"),
        row(event_type="gdpr_request"),
        row(event_type="subscription_cancelled"),
        row(event_type="newsletter_ended"),
        row(event_type="removed_from_list"),
        row(event_type="account_deleted"),
        row(event_type="do_not_disturb"),
        row(event_type="suppression_lifted"),
        row(event_type="withdrawn"),
    ],
)
def test_what_looks_like_an_opt_out_and_is_not_understood_puts_its_customer_on_hold(unclear: Any) -> None:
    found = parsed(unclear)

    assert "unclear_opt_out" in {reason.value for reason in found.reasons}
    assert (found.customer_id, found.event_type, found.statement) == (CUSTOMER, None, None)


# What must not count


@pytest.mark.parametrize(
    "event",
    [
        *(row(what, brand="another") for what in ("unsubscribed", "opted_out", "erasure_requested", "UnsubscribeAll")),
        consent("perhaps", brand="another"),
        # a yes that is not right
        *(consent(granted) for granted in ("True", "TRUE", "1", 1, "yes", "Y", "on", "granted")),
        *(consent(True, purpose) for purpose in ("Marketing", "all", "*", "", None, "newsletter")),
        *(consent(True, channel=channel) for channel in ("all", "*", "fax", "", None, ["email"])),
        *(consent(True, event_at=at) for at in (None, "2026-03-01T10:00:00", "soon", 1_772_359_200)),
        *(consent(True, **changes) for changes in ({"amount": "n/a"}, {"event_id": None}, {"customer_id": 1.5})),
        row("consent_changed", attributes={"purpose": "marketing", "granted": True, "topic": "golf"}),
        row("consent_changed", attributes={"purpose": "marketing", "granted": True, "note": "x" * 5_000}),
        AGREED[:-1],
        AGREED + AGREED,
        *(
            row(event_type=what)
            for what in ("opt_in", "OptIn", "opted_in", "subscribed", "resubscribed", "consent_granted")
        ),
        *(row(event_type=what, amount="n/a") for what in ("opt-in", "consent.given", "permission_granted")),
        row(event_type="consent_updated", attributes={"granted": "yes"}),
        # what is about something else
        row(event_type="subscription_renewed"),
        row(event_type="password_forgotten"),
        row(event_type="forgot_password"),
        row(event_type="cash_withdrawal"),
        row(event_type="token_revoked"),
        row(event_type="cookie_consent_accepted"),
        row("order", amount="n/a", attributes={"status": "off", "state": "no"}),
        row("order", amount="n/a", marketing=False),
        row("browse", category=None),
        row("browse", category="marketing/unsubscribed", event_at=None),
        row("send_bounced", channel="fax"),
        *(without("event_type", what) | {"attributes": {"status": "shipped", "value": 0}} for what in ("order",)),
        without("event_type", "order") | {"attributes": {"action": "removed"}},
        without("customer_id", "unsubscribed"),
        row("unsubscribed", customer_id=["customer-1"]),
        BROWSED[:-5],
        BROWSED + BROWSED,
        "unsubscribed",
        "",
    ],
)
def test_what_is_no_opt_out_is_neither_an_event_nor_a_hold(event: Any) -> None:
    found = parsed(event)

    assert found.reasons
    assert "unclear_opt_out" not in {reason.value for reason in found.reasons}
    assert (found.statement, found.refusal, found.customer_id) == (None, None, None)


def test_a_yes_to_come_is_left_for_the_clock_to_judge() -> None:
    found = parsed(consent(True, event_at="2199-01-01T00:00:00Z"))

    assert not found.reasons
    assert (found.is_opt_out, found.refusal) == (False, None)
    assert found.statement == {"purpose": "marketing", "channel": "email", "topic": None, "granted": True}


# Topics and campaigns


def test_a_no_to_a_topic_or_campaign_is_about_it_alone_and_to_an_unknown_one_about_all() -> None:
    def topic_of(value: dict[str, Any]) -> Any:
        found = parsed(value)
        assert found.statement is not None
        return found.statement["topic"], found.repairs

    assert topic_of(row("unsubscribed", attributes={"topic": "ski"})) == ("topic/ski", None)
    assert topic_of(row("unsubscribed", attributes={"topic": "SKI"})) == ("topic/ski", None)
    assert topic_of(row("unsubscribed", attributes={"topic": "ski"}, amount="n/a")) == ("topic/ski", ["bad_type"])
    of_campaign = row("unsubscribed", campaign_id="hello", attributes={"scope": "campaign"})
    assert topic_of(of_campaign) == ("campaign/hello", None)
    assert topic_of({**of_campaign, "campaign_id": "gone"}) == (None, ["out_of_range"])
    assert topic_of(row("unsubscribed", attributes={"topic": "golf"})) == (None, ["out_of_range"])
    # and a campaign that is only named is not all that is meant
    assert topic_of(row("unsubscribed", campaign_id="hello")) == (None, None)


# Keys of events


def test_two_noes_under_one_event_id_are_two_events_and_one_that_comes_again_is_the_same() -> None:
    by_email, by_sms = parsed(row("unsubscribed")), parsed(row("unsubscribed", channel="sms"))
    repaired = parsed(row("unsubscribed", channel="fax"))

    assert len({by_email.event_key, by_sms.event_key, repaired.event_key, parsed(row("order")).event_key}) == 4
    assert parsed(row("unsubscribed")).event_key == by_email.event_key
    assert parsed(row("unsubscribed", channel="fax")).event_key == repaired.event_key
