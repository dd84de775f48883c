"""Any history of statements, in any order of arrival, says of each purpose and channel what ten plain lines say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.config.brand import BrandSettings
from ceasefire.features.builtin import builtin_features
from ceasefire.features.program import compile_features
from unit.features.packed_histories import AS_OF, HOUR, Setting, pack

CHANNEL = {"cost": "0.01", "hours": "08:00-20:00", "expires": "12h"}
BRAND = BrandSettings.model_validate(
    {
        "brand": "shop",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "locale": "de",
        "customer_key": "public:for-the-tests",
        "decision_window": {"at": "06:00"},
        "channels": {"email": CHANNEL, "sms": CHANNEL, "letters": {**CHANNEL, "address": "phone"}},
    }
)
PROGRAM = compile_features(builtin_features(BRAND))
PURPOSES, CHANNELS = ("marketing", "transactional"), ("email", "sms", "letters")
TOPICS = ("topic/ski", "topic/golf", "campaign/spring")


class Said(NamedTuple):
    """A statement; of a topic, or of every topic if that is None."""

    at: int
    purpose: str
    channel: str
    topic: str | None
    granted: bool


Answers = dict[str, str | int | None]

# Few instants, some of them at and after the decision: much is said at once, and some is not to be read yet.
INSTANTS = st.integers(-6, 1).map(lambda hours: AS_OF + hours * HOUR)
YES = st.builds(Said, INSTANTS, st.sampled_from(PURPOSES), st.sampled_from(CHANNELS), st.none(), st.just(True))
NO = st.builds(
    Said, INSTANTS, st.sampled_from((*PURPOSES, "*")), st.sampled_from((*CHANNELS, "*")), st.none(), st.just(False)
)
ERASURE = st.builds(Said, INSTANTS, st.just("*"), st.just("*"), st.none(), st.just(False))
ON_TOPIC = st.builds(
    Said, INSTANTS, st.just("marketing"), st.sampled_from(CHANNELS), st.sampled_from(TOPICS), st.booleans()
)
HISTORIES = st.lists(st.one_of(YES, YES, NO, ERASURE, ON_TOPIC), max_size=8)


def oracle(history: Sequence[Said]) -> Answers:
    """What stands just before the decision: the newest statement that covers it, and at one instant the no."""
    answers: Answers = {}
    past = [said for said in history if said.at < AS_OF]
    for purpose in PURPOSES:
        for channel in CHANNELS:
            about_it = [s for s in past if s.topic is None and s.purpose in (purpose, "*")]
            covering = [s for s in about_it if s.channel in (channel, "*")]
            newest = max((s.at for s in covering), default=None)
            is_yes = all(s.granted for s in covering if s.at == newest)
            answers[f"{purpose}_consent_{channel}"] = ("granted" if is_yes else "withdrawn") if covering else None
            answers[f"{purpose}_consent_{channel}_at"] = newest
    on_topics = {t: max(((s.at, not s.granted) for s in past if s.topic == t), default=(0, False)) for t in TOPICS}
    answers["refused_topics"] = "\n".join(sorted(t for t, (_, is_no) in on_topics.items() if is_no)) or None
    return answers


def entry(customer: str, said: Said) -> Setting:
    """A statement as the history of its customer holds it."""
    name = f"consent/{said.purpose}/{said.channel}" if said.topic is None else f"refusal/{said.topic}"
    return Setting(customer, name, "granted" if said.granted else "withdrawn", said.at)


def answers_of(histories: Sequence[Sequence[Said]]) -> list[Answers]:
    """What the features say of customers with these histories."""
    names = [f"c{number}" for number in range(len(histories))]
    said = [entry(name, one) for name, history in zip(names, histories, strict=True) for one in history]
    noise = [Setting(name, "consent/marketing/fax", "granted", AS_OF - 1) for name in names[::2]]
    values = PROGRAM.values(pack(names, settings=[*noise, *said]), AS_OF)
    shown = [name for name in values if "_consent_" in name or name == "refused_topics"]
    columns = {name: values[name].to_pylist() for name in shown}
    return [{name: columns[name][place] for name in shown} for place in range(len(names))]


ORDERS = HISTORIES.flatmap(lambda history: st.tuples(st.just(history), st.permutations(history)))


# Ten customers at a time: 2,000 histories in all.
@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(ORDERS, min_size=10, max_size=10))
def test_any_history_says_what_the_newest_statement_says_in_any_order_of_arrival(
    orders: list[tuple[list[Said], list[Said]]],
) -> None:
    expected = [oracle(history) for history, _ in orders]

    assert answers_of([history for history, _ in orders]) == expected
    assert answers_of([arrived for _, arrived in orders]) == expected


def test_one_no_to_everything_reaches_each_channel_and_purpose_and_a_yes_after_it_its_own_alone() -> None:
    everything = Said(AS_OF - 2 * HOUR, "*", "*", None, False)
    yes = Said(AS_OF - HOUR, "marketing", "sms", None, True)

    (answers,) = answers_of([[yes, everything]])

    granted = [name for name, value in answers.items() if value == "granted"]
    withdrawn = [name for name, value in answers.items() if value == "withdrawn"]
    assert (granted, len(withdrawn)) == (["marketing_consent_sms"], 5)
