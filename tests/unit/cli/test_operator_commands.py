"""What a person reads who pauses, resolves, calls back or erases, and what is refused before Spark is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceasefire.cli.main import exit_code_of
from ceasefire.cli.operators import advice_lines, erasure_lines, pause_lines
from ceasefire.cli.output import hold_lines, repair_lines
from ceasefire.pipelines.operators import Erased, Paused
from ceasefire.vocabulary import OperatorAction
from small_brand import write_brand

WHERE = "--conf conf --root lake"
PAUSE, RESUME = OperatorAction.PAUSE, OperatorAction.RESUME


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pause", "birthdy"], "no campaign or channel birthdy, allowed: all, campaigns club, how_to, thanks"),
        (["resume", "channel/fax"], "no channel fax, allowed: email, sms"),
        (["pause", "thanks"], "no tables of brand corner"),
        (["holds"], "no tables of brand corner"),
        (["holds", "--resolve", "all"], "--resolve all: name the customer with --customer"),
        (["revoke"], "name what is called back: SEND_ID, --campaign ID or --customer ID, one of them"),
        (["revoke", "s1", "--campaign", "thanks"], "SEND_ID, --campaign ID or --customer ID, one of them"),
        (["revoke", "s1"], "no tables of brand corner"),
        (["erase"], "Missing option '--customer'"),
        (["erase", "--customer", "peter"], "no tables of brand corner"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_work_is_said_before_spark_is_started(
    arguments: list[str], says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    brand = write_brand(tmp_path / "brand")

    code = exit_code_of([*arguments, "--conf", str(brand), "--root", str(tmp_path / "lake")])

    said = capfd.readouterr()
    assert (code, said.out) == (2, "")
    assert says in said.err
    assert not (tmp_path / "lake").exists()


def test_a_campaign_that_is_called_as_a_channel_is_refused_with_both_ways_to_say_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    brand = write_brand(tmp_path / "brand")
    campaigns = brand / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text("utf-8").replace("id: club", "id: sms"), "utf-8")

    code = exit_code_of(["pause", "sms", "--conf", str(brand), "--root", str(tmp_path)])

    assert code == 2
    assert capfd.readouterr().err == "sms is a campaign and a channel; say campaign/sms or channel/sms\n"


def test_who_pauses_a_campaign_reads_how_to_call_back_what_is_queued_and_what_else_is_paused() -> None:
    lines = pause_lines(PAUSE, Paused("campaign/club", True, ("campaign/club", "channel/sms")), WHERE)

    assert lines == [
        "campaign/club is paused from the next tick or run on: its sends wait until they expire.",
        "Sends that are queued already are not held; this calls them back: "
        "ceasefire revoke --campaign club --conf conf --root lake",
        "Paused now: campaign/club, channel/sms.",
    ]


@pytest.mark.parametrize(
    ("action", "paused", "first"),
    [
        (PAUSE, Paused("all", True, ("all",)), "Everything is paused from the next tick or run on"),
        (PAUSE, Paused("all", False, ("all",)), "Everything was paused already."),
        (RESUME, Paused("all", False, ()), "Everything was not paused."),
        (RESUME, Paused("channel/sms", True, ("all",)), "channel/sms goes on from the next tick or run on"),
    ],
)
def test_a_pause_says_whether_it_changed_anything(action: OperatorAction, paused: Paused, first: str) -> None:
    lines = pause_lines(action, paused, WHERE)

    assert lines[0].startswith(first)
    assert lines[-1] == f"Paused now: {', '.join(paused.paused) or 'nothing'}."


@pytest.mark.parametrize(
    ("on_hold", "lines"),
    [
        (0, []),
        (1, ["1 customer is on hold for marketing: ceasefire holds --conf conf --root lake"]),
        (1_203, ["1,203 customers are on hold for marketing: ceasefire holds --conf conf --root lake"]),
    ],
)
def test_a_run_says_how_many_customers_are_on_hold_and_where_to_look(on_hold: int, lines: list[str]) -> None:
    assert hold_lines(on_hold, WHERE) == lines


@pytest.mark.parametrize(
    ("repaired", "lines"),
    [
        ({}, []),
        (
            {"email_placeholder": 1, "phone_malformed": 1200, "bad_type": 1},
            [
                "taken in otherwise than they came: phone_malformed 1,200, bad_type 1, email_placeholder 1; `repairs` "
                f"says it of each: ceasefire show events {WHERE}"
            ],
        ),
    ],
)
def test_a_run_says_what_it_repaired_and_how_often(repaired: dict[str, int], lines: list[str]) -> None:
    assert repair_lines(repaired, WHERE) == lines


def test_who_lists_holds_reads_what_to_do_in_both_cases() -> None:
    text = "\n".join(advice_lines(WHERE, 2))

    assert text.startswith("2 customers on hold for marketing.")
    assert "it is an opt-out: send it in again" in text
    assert "it is none: resolve the hold" in text
    assert "holds --resolve HOLD_ID --conf conf --root lake" in text
    assert "holds --resolve all --customer ID --conf conf --root lake" in text


def test_an_erasure_is_told_in_counts_and_says_what_it_does_not_reach() -> None:
    lines = erasure_lines(Erased(ids=2, vault_rows=1, revoked=3, addresses=1_024, is_new=True))

    assert lines[:4] == [
        "Contacts deleted: 1",
        "Queued sends called back: 3",
        "Addresses removed from the queue and its files: 1,024",
        "Merged ids of the same person, all erased: 2",
    ]
    assert (
        lines[-1] == "Older versions of the tables, their files and topics of Kafka are not rewritten by this command."
    )


def test_an_erasure_that_finds_nothing_asks_to_check_the_id() -> None:
    nothing = Erased(ids=1, vault_rows=0, revoked=0, addresses=0, is_new=True)

    assert any("check the id" in line for line in erasure_lines(nothing))


def test_an_erasure_that_is_repeated_says_that_it_had_been_done() -> None:
    again = Erased(ids=1, vault_rows=0, revoked=0, addresses=0, is_new=False)

    assert "Nothing was left to erase: it had been done before." in erasure_lines(again)
    assert not any("check the id" in line for line in erasure_lines(again))
