"""Opens and clicks of scanners and prefetchers are told by their agents as they come in, and stay events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceasefire.events.contract import Contract
from unit.config.brand_texts import brand_of, with_change
from unit.events.event_rows import CONTRACT, parsed, row

PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"


def contract_of(machine_responses: str) -> Contract:
    brand = brand_of(with_change("brand.yaml", "", f"machine_responses: {machine_responses}"))
    return replace(CONTRACT, machine_agents=brand.settings.machine_agents)


GUARDED = contract_of("{agents: [GoogleImageProxy, barracuda]}")


def response(kind: str = "send_opened", /, **attributes: Any) -> dict[str, Any]:
    return row(kind, send_id="s1", attributes=attributes)


def test_an_open_by_the_image_proxy_of_a_mailbox_stays_an_event_and_says_why_it_is_no_response() -> None:
    # given Peter's mailbox fetches the pictures of a mail, and later he opens it on his phone
    fetched = parsed(response(user_agent=PROXY), GUARDED)
    opened = parsed(response(user_agent=PHONE), GUARDED)

    # then both are events with everything that they said, and only the first is marked
    assert (fetched.reasons, opened.reasons) == (set(), set())
    assert (fetched.event_type, fetched.send_id) == (opened.event_type, opened.send_id) == ("send_opened", "s1")
    assert (fetched.repairs, opened.repairs) == (["machine_response"], None)
    # and the agent itself is a pseudonym in the log, as ever
    assert fetched.attributes is not None
    assert "GoogleImageProxy" not in str(fetched.attributes["user_agent"])


@pytest.mark.parametrize("kind", ["send_opened", "send_clicked"])
@pytest.mark.parametrize("key", ["user_agent", "User-Agent", "userAgent", "agent", "AGENT"])
def test_an_agent_is_found_under_each_spelling_of_its_key_in_the_attributes_or_beside_them(kind: str, key: str) -> None:
    assert parsed(response(kind, **{key: "BARRACUDA Link Protect"}), GUARDED).repairs == ["machine_response"]
    assert parsed(row(kind, **{key: {"name": "Barracuda"}}), GUARDED).repairs == ["machine_response"]


@pytest.mark.parametrize("said", [True, 1, "true", "True", "1", "yes"])
def test_a_response_that_says_it_is_a_robots_is_a_machines_wherever_the_setting_is_there(said: Any) -> None:
    for setting in ("{}", "{agents: []}", "{agents: [barracuda]}"):
        assert parsed(response(is_bot=said), contract_of(setting)).repairs == ["machine_response"]


@pytest.mark.parametrize(
    "attributes",
    [{"is_bot": False}, {"is_bot": "no"}, {"is_bot": None}, {"user_agent": None}, {"user_agent": ""}, {"agent": PHONE},
     {"referrer_agent": "barracuda"}, {"note": "barracuda"}, {}],
)  # fmt: skip
def test_what_names_no_declared_agent_is_the_customers(attributes: dict[str, Any]) -> None:
    assert parsed(response(**attributes), GUARDED).repairs is None


@given(st.sampled_from(["send_opened", "send_clicked"]), st.text(max_size=9), st.text(max_size=9))
def test_a_declared_agent_is_found_wherever_it_stands_in_a_name(kind: str, before: str, after: str) -> None:
    assert parsed(response(kind, agent=f"{before}BarraCuda{after}"), GUARDED).repairs == ["machine_response"]


def test_nothing_is_a_machines_in_a_brand_that_declares_nothing() -> None:
    assert brand_of(with_change("brand.yaml", "", "")).settings.machine_agents is None
    assert parsed(response(user_agent=PROXY, is_bot=True)).repairs is None


def test_a_marked_response_keeps_what_else_had_to_be_repaired() -> None:
    found = parsed(response(user_agent=PROXY, email="nobody"), GUARDED)

    assert found.repairs == ["email_malformed", "machine_response"]


def test_a_no_counts_whoever_clicked_it() -> None:
    scanned = parsed(row("unsubscribed", attributes={"user_agent": "Barracuda", "is_bot": True}), GUARDED)

    assert scanned == parsed(row("unsubscribed", attributes={"user_agent": "Barracuda", "is_bot": True}))
    assert (scanned.is_opt_out, scanned.refusal, scanned.repairs) == (True, "no", None)


def test_a_response_that_is_no_event_is_rejected_as_ever() -> None:
    nowhere = parsed(row("send_opened", channel="fax", attributes={"is_bot": True}), GUARDED)

    assert [reason.value for reason in nowhere.reasons] == ["unknown_channel"]
    assert nowhere.repairs is None
