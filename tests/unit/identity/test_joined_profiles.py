"""Of what the ids of a person said on contact, the stricter counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import ArrayType

from ceasefire.identity.histories import Entry, joined_of_batch, joined_profile
from ceasefire.tables import PACKED_EVENT, PROFILE_ENTRY

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANNELS = ("email", "sms")
YES, NO = "granted", "withdrawn"

Said = tuple[int, str, str | None]
Joined = tuple[int, str, str]


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def profile(said: dict[str, list[Said]], joined: list[Joined]) -> list[Entry]:
    return joined_profile(
        {owner: [(at(minute), name, value) for minute, name, value in told] for owner, told in said.items()},
        [(at(minute), one, other) for minute, one, other in joined],
        CHANNELS,
    )


def stands(entries: list[Entry], purpose: str, channel: str) -> str | None:
    """What the newest entry on a purpose and a channel says; at one instant a no."""
    names = {f"consent/{p}/{c}" for p, c in product((purpose, "*"), (channel, "*"))}
    return max([(when, value) for when, name, value in entries if name in names and value], default=(NOON, None))[1]


def email(entries: list[Entry]) -> str | None:
    return stands(entries, "marketing", "email")


MAIL, TEXT = "consent/marketing/email", "consent/marketing/sms"


def test_a_no_of_the_old_id_stands_against_a_later_yes_of_the_other_until_a_yes_after_the_merge() -> None:
    said: dict[str, list[Said]] = {"old": [(0, MAIL, YES), (1, MAIL, NO)], "new": [(2, MAIL, YES)]}

    assert email(profile(said, [(5, "old", "new")])) == NO
    assert email(profile(said | {"new": [(2, MAIL, YES), (6, MAIL, YES)]}, [(5, "old", "new")])) == YES
    # whichever id says it
    assert email(profile(said | {"old": [*said["old"], (6, MAIL, YES)]}, [(5, "old", "new")])) == YES
    # and not at the very instant, unless it takes back the no of the same id
    assert email(profile(said | {"new": [(5, MAIL, YES)]}, [(5, "old", "new")])) == NO
    assert email(profile(said | {"old": [*said["old"], (5, MAIL, YES)]}, [(5, "old", "new")])) == YES


def test_a_no_of_the_id_that_stays_counts_as_much() -> None:
    assert email(profile({"new": [(1, MAIL, NO)], "old": [(2, MAIL, YES)]}, [(5, "old", "new")])) == NO


def test_what_was_never_said_is_no_no_and_what_was_taken_back_before_is_none() -> None:
    said: dict[str, list[Said]] = {"old": [(0, MAIL, NO), (1, MAIL, YES)], "new": [(0, TEXT, YES)]}
    entries = profile(said, [(5, "old", "new")])

    assert (email(entries), stands(entries, "marketing", "sms")) == (YES, YES)
    assert len(entries) == 3


def test_a_no_to_everything_closes_what_the_other_id_allowed_but_not_what_the_same_id_allowed_since() -> None:
    said: dict[str, list[Said]] = {
        "old": [(1, "consent/*/*", NO), (2, MAIL, YES)],
        "new": [(3, "consent/marketing/*", YES)],
    }
    entries = profile(said, [(5, "old", "new")])

    assert email(entries) == YES
    assert stands(entries, "marketing", "sms") == NO
    assert stands(entries, "transactional", "email") == NO


def test_a_narrow_no_stands_against_a_wide_yes_of_the_other_id() -> None:
    entries = profile({"old": [(1, MAIL, NO)], "new": [(3, "consent/*/*", YES)]}, [(5, "old", "new")])

    assert email(entries) == NO
    assert stands(entries, "marketing", "sms") == YES


def test_in_a_chain_a_yes_lifts_the_no_of_those_who_are_one_person_by_then() -> None:
    said: dict[str, list[Said]] = {"a": [(0, MAIL, NO)], "b": [(2, MAIL, YES)], "c": [(3, MAIL, YES)]}

    # a and b are one when b says yes
    assert email(profile(said, [(1, "a", "b"), (4, "b", "c")])) == YES
    # and here they are not yet
    assert email(profile(said, [(4, "a", "b"), (5, "b", "c")])) == NO
    # an id between them need not have a history
    assert email(profile({"a": said["a"], "c": said["c"]}, [(1, "a", "b"), (4, "b", "c")])) == NO


def test_a_topic_that_either_refuses_is_refused() -> None:
    entries = profile({"old": [(1, "refusal/topic/news", NO)], "new": [(2, "refusal/topic/news", YES)]},
                      [(5, "old", "new")])  # fmt: skip
    assert entries[-1] == (at(5), "refusal/topic/news", NO)


def test_other_attributes_stay_as_they_were_told_in_the_order_of_packing() -> None:
    said: dict[str, list[Said]] = {"old": [(1, "city", "Kiel"), (0, "city", None)], "new": [(0, "city", "Bonn")]}

    assert profile(said, [(5, "old", "new")]) == [
        (at(0), "city", None),
        (at(0), "city", "Bonn"),
        (at(1), "city", "Kiel"),
    ]


def test_a_batch_keeps_the_events_and_holds_each_person_for_themselves() -> None:
    nothing = {"set_at": at(0), "name": "city", "value": None}
    refused = {"set_at": at(1), "name": MAIL, "value": NO}
    granted = {"set_at": at(2), "name": MAIL, "value": YES}
    one = {"customer_id": "old", "profile": [nothing, refused]}, {"customer_id": "new", "profile": [granted]}
    join = {"through_at": at(5), "customer_id": "old", "through_id": "new"}
    event = dict.fromkeys(PACKED_EVENT.names) | {"event_at": at(0), "type": 1}
    batch = pa.RecordBatch.from_pydict(
        {
            "person_id": ["new", "zed"],
            "events": pa.array([[event], []], to_arrow_type(ArrayType(PACKED_EVENT), timezone="UTC")),
            "profiles": pa.array([list(one), [{"customer_id": "zed", "profile": [granted]}]]),
            "joins": pa.array([[join], [join | {"customer_id": "ann", "through_id": "zed"}]]),
        }
    )

    joined = joined_of_batch(batch, CHANNELS)

    assert joined.schema.field("profile").type == to_arrow_type(ArrayType(PROFILE_ENTRY), timezone="UTC")
    assert joined.to_pylist() == [
        {
            "customer_id": "new",
            "events": [event],
            "profile": [nothing, refused, granted, {"set_at": at(5), "name": MAIL, "value": NO}],
        },
        {"customer_id": "zed", "events": [], "profile": [granted]},
    ]


IDS = "abcd"
NAMES = [f"consent/{p}/{c}" for p, c in product(("marketing", "transactional", "*"), ("email", "sms", "*"))]
STATEMENTS = st.lists(
    st.tuples(st.sampled_from(IDS), st.integers(0, 8), st.sampled_from(NAMES), st.sampled_from([YES, NO])), max_size=12
)
TREES = st.permutations(IDS).flatmap(
    lambda ids: st.tuples(
        *(st.tuples(st.integers(0, 8), st.just(ids[k]), st.sampled_from(ids[:k])) for k in range(1, len(ids)))
    )
)


def is_refused(statements: list[tuple[str, int, str, str]], joined: tuple[Joined, ...], names: set[str]) -> bool:
    """Some id said no, and no yes came later from it or from an id that it was one person with before."""

    def are_one(x: str, y: str, before: int) -> bool:
        reached = {x}
        for _ in IDS:
            reached |= {z for m, *pair in joined if m < before and reached & set(pair) for z in pair}
        return y in reached

    said = [(who, when, value) for who, when, name, value in statements if name in names]
    return any(
        not any(value == YES and when > then and are_one(who, by, when) for by, when, value in said)
        for who, then, refusal in said
        if refusal == NO
    )


@given(STATEMENTS, TREES)
@settings(max_examples=500)
def test_a_no_stands_until_the_same_person_says_yes_later(
    statements: list[tuple[str, int, str, str]], joined: tuple[Joined, ...]
) -> None:
    said: dict[str, list[Said]] = {}
    for who, when, name, value in statements:
        said.setdefault(who, []).append((when, name, value))

    entries = profile(said, list(joined))

    for purpose, channel in product(("marketing", "transactional"), CHANNELS):
        names = {f"consent/{p}/{c}" for p, c in product((purpose, "*"), (channel, "*"))}
        told = any(name in names for _, _, name, _ in statements)
        expected = NO if is_refused(statements, joined, names) else YES if told else None
        assert stands(entries, purpose, channel) == expected
    assert profile({who: told[::-1] for who, told in reversed(said.items())}, list(joined)[::-1]) == entries
