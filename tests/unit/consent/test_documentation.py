"""What is told to a data-protection officer, held against the codes and the files that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ceasefire.vocabulary import EventType, LossReason, RejectReason, WithheldReason

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "consent.md").read_text("utf-8")
NAMED = {name for line in PAGE.splitlines() for name in re.findall(r"`([^`]+)`", line)}
ON_CONSENT = (
    *(RejectReason.UNCLEAR_OPT_OUT, RejectReason.UNKNOWN_CHANNEL, RejectReason.OUT_OF_RANGE),
    *(RejectReason.FUTURE, RejectReason.TOO_LATE),
)


def rows_of(section: str) -> set[str]:
    """The codes in the first column of a section's table."""
    return set(re.findall(r"^\| `(\w+)` \|", PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0], re.MULTILINE))


def test_every_reason_of_the_last_check_is_explained_and_no_other() -> None:
    assert rows_of("The last check") == {reason.value for reason in WithheldReason}


@pytest.mark.parametrize("reason", ON_CONSENT)
def test_every_reason_against_a_row_that_concerns_consent_is_told(reason: RejectReason) -> None:
    assert reason.value in NAMED


def test_every_event_that_is_a_statement_and_every_hold_of_a_close_is_told() -> None:
    statements = {EventType.CONSENT_CHANGED, EventType.UNSUBSCRIBED, EventType.COMPLAINED, EventType.OPTED_OUT}
    of_a_close = {LossReason.NO_CONSENT, LossReason.ON_HOLD, LossReason.ON_SUPPRESSION_LIST, LossReason.NO_ADDRESS}
    told = {*statements, EventType.ERASURE_REQUESTED, EventType.CUSTOMER_MERGED, *of_a_close}

    assert {code.value for code in told} <= NAMED


def test_every_file_that_is_named_exists() -> None:
    files = {name for name in NAMED if re.fullmatch(r"[\w.-]+(/[\w.-]+)+\.(py|md)", name)}

    assert len(files) > 15
    assert [name for name in sorted(files) if not (REPOSITORY / name).is_file()] == []


def test_every_test_of_consent_is_named() -> None:
    tests = {path.relative_to(REPOSITORY).as_posix() for path in Path(__file__).parent.glob("test_*.py")}

    assert tests <= NAMED


@pytest.mark.parametrize("page", ["README.md", "conf/README.md"])
def test_whoever_reads_another_page_finds_this_one(page: str) -> None:
    assert re.search(r"\]\((\.\./)?docs/consent\.md\)", (REPOSITORY / page).read_text("utf-8"))
