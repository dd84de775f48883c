"""The catalogue compiled: features that share a filter, a window or a number share the work.

A program has three layers, each entry of which stands once however many features rest on it: narrowings (which events
pass), reductions (one number per customer), outputs (a named column with its default).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import BoolArray
from ceasefire.config.features import EventFilter, Feature
from ceasefire.errors import UsageError
from ceasefire.features.narrowing import (
    BEFORE_AS_OF,
    CATEGORY_COLUMNS,
    EVENT_AT,
    ORDER,
    REGISTRATIONS,
    AtEarliest,
    AtLatest,
    Carrying,
    Criterion,
    Equal,
    Events,
    Narrowing,
    NewestStates,
    NotTooSoon,
    OfTypes,
    SinceRegistration,
    Within,
    selections,
)
from ceasefire.features.packed import PackedLists, require_columns
from ceasefire.features.profile import PROFILE_COLUMNS, latest_settings, refused_topics
from ceasefire.features.reduction import PerCustomer, Reduction, carrier, read_value, reduced
from ceasefire.ids import hash64
from ceasefire.vocabulary import (
    CONSENT,
    CONSENT_AT,
    EVERY,
    OF_A_SEND,
    REFUSED_TOPICS,
    RESPONSES,
    Aggregate,
    EventType,
    FeatureType,
    consent_entry,
)

Settings = dict[tuple[str, ...], tuple[pa.Array, pa.Array]]
"""By entry of the profile its value and since when it stands, of each customer."""

_TOPICS = (REFUSED_TOPICS,)
_ARROW_TYPES = {
    FeatureType.INTEGER: pa.int64(),
    FeatureType.REAL: pa.float64(),
    FeatureType.TEXT: pa.string(),
}


@dataclass(frozen=True)
class NumberOutput:
    """A feature over events: the reduction that it shows, and what stands where no event passed."""

    name: str
    reduction: int
    type: FeatureType
    default: int | float | None


@dataclass(frozen=True)
class ProfileOutput:
    """A feature over the profile: the entry that it shows, and what stands where there is none.

    Attributes:
        name: of the feature.
        entry: all names under which the entry can be set; of refused topics their pseudo entry alone.
        default: of a text.
        shows_instant: whether it shows since when the entry stands, and not its value.
    """

    name: str
    entry: tuple[str, ...]
    default: str | None
    shows_instant: bool = False


@dataclass(frozen=True)
class FeatureProgram:
    """Base features ready to be computed from packed histories; plain values, so it travels to workers.

    Attributes:
        narrowings: narrowing i makes step i + 1 of earlier steps; step 0 is every event before as_of.
        reductions: each over one step.
        outputs: one per feature, in declaration order.
    """

    narrowings: tuple[Narrowing, ...]
    reductions: tuple[Reduction, ...]
    outputs: tuple[NumberOutput | ProfileOutput, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The list columns of a history that the program reads, each once, always the same way round."""
        read = {EVENT_AT}
        read.update(column for narrowing in self.narrowings for column in narrowing.columns)
        read.update(column for reduction in self.reductions for column in reduction.columns)
        if self._entries:
            read.update(PROFILE_COLUMNS)
        return tuple(sorted(read))

    def values(self, history: pa.RecordBatch, as_of_micros: int) -> dict[str, pa.Array]:
        """The features of every customer of a batch, in declaration order.

        Windows are `[as_of - w, as_of)`; nothing at or past as_of is read. Neither the order of events nor what else
        is in the batch shows in a value. A first or last value at an instant with several is the smallest or the
        largest of them. Of the states of one order the newest counts.

        Args:
            history: one row per customer; `columns` at least.
            as_of_micros: epoch microseconds.

        Returns:
            By name an array with one element per row, typed as `arrow_type` says. Where nothing passed, or nothing
            that carries the value, the feature's default; without one 0 for count and distinct, else null.

        Raises:
            CheckFailedError: a column is missing, has nulls where none can be, or lists of another length.
        """
        require_columns(history, self.columns)
        events = Events(PackedLists(history, EVENT_AT), as_of_micros)
        steps = selections(self.narrowings, events)
        numbers = [reduced(reduction, events, steps) for reduction in self.reductions]
        settings = self._settings(history, as_of_micros)
        return {
            output.name: _setting(settings, output)
            if isinstance(output, ProfileOutput)
            else _number(numbers[output.reduction], output)
            for output in self.outputs
        }

    def has_events(self, history: pa.RecordBatch, as_of_micros: int) -> BoolArray:
        """(n,) the customers with any event before as_of: the population of a close.

        Raises:
            CheckFailedError: `event_at` is missing or has null elements.
        """
        require_columns(history, (EVENT_AT,))
        events = Events(PackedLists(history, EVENT_AT), as_of_micros)
        has_events = np.zeros(events.lists.customers, dtype=np.bool_)
        has_events[events.before_as_of().present] = True
        return has_events

    @property
    def _entries(self) -> tuple[tuple[str, ...], ...]:
        return tuple(dict.fromkeys(output.entry for output in self.outputs if isinstance(output, ProfileOutput)))

    def _settings(self, history: pa.RecordBatch, as_of_micros: int) -> Settings:
        entries = [entry for entry in self._entries if entry != _TOPICS]
        settings: Settings = {}
        if entries:
            settings |= zip(entries, latest_settings(history, entries, as_of_micros), strict=True)
        if _TOPICS in self._entries:
            topics = refused_topics(history, as_of_micros)
            settings[_TOPICS] = topics, pa.nulls(len(topics), pa.int64())
        return settings


def compile_features(features: Sequence[Feature], machine_micros: int | None = None) -> FeatureProgram:
    """The program of a catalogue of base features.

    Args:
        features: none of them derived.
        machine_micros: less than that after the delivery of its send, a response is a machine's; None: none is.

    Raises:
        UsageError: a feature is derived from others, or a name stands twice; names all of them.
    """
    names = [feature.name for feature in features]
    wrong = [
        f"feature {feature.name} is derived, and not computed from histories"
        for feature in features
        if not feature.from_
    ]
    wrong += [f"feature {name} stands twice in the catalogue" for name in dict.fromkeys(names) if names.count(name) > 1]
    if wrong:
        raise UsageError("; ".join(wrong))
    narrowings: dict[Narrowing, int] = {}
    reductions: dict[Reduction, int] = {}
    outputs = tuple(
        _output(feature, feature.from_, narrowings, reductions, machine_micros)
        for feature in features
        if feature.from_ is not None
    )
    return FeatureProgram(tuple(narrowings), tuple(reductions), outputs)


def arrow_type(feature: Feature) -> pa.DataType:
    """The type of a feature's column."""
    return _ARROW_TYPES[feature.type]


def _output(
    feature: Feature,
    filter_: EventFilter,
    narrowings: dict[Narrowing, int],
    reductions: dict[Reduction, int],
    machine_micros: int | None,
) -> NumberOutput | ProfileOutput:
    if filter_.profile is not None:
        default = None if feature.default is None else str(feature.default)
        is_instant = filter_.profile.startswith(CONSENT_AT)
        return ProfileOutput(feature.name, _names_of(filter_.profile), default, is_instant)
    step = BEFORE_AS_OF
    if machine_micros is not None and RESPONSES.intersection(filter_.event):
        # Before the type, so that it is worked out once for all features that read responses.
        step = _interned(Narrowing(step, NotTooSoon(machine_micros)), narrowings)
    if EventType.ORDER in filter_.event:
        # Before all that a state may be chosen by: a state that was replaced is in no window and no category.
        step = _interned(Narrowing(step, NewestStates()), narrowings)
    value = None if feature.value is None else read_value(feature.value, EventType.RETURN in filter_.event)
    criteria = (
        *_of_filter(filter_, feature.value),
        *_of_window(feature, narrowings),
        *_of_aggregate(Aggregate(str(feature.aggregate)), value),
    )
    for criterion in criteria:
        step = _interned(Narrowing(step, criterion), narrowings)
    reduction = Reduction(step, Aggregate(str(feature.aggregate)), value)
    return NumberOutput(
        feature.name, reductions.setdefault(reduction, len(reductions)), feature.type, _default_number(feature)
    )


def _names_of(entry: str) -> tuple[str, ...]:
    """The names under which an entry can be set: a consent also by a statement on every purpose or every channel."""
    prefix, _, rest = entry.partition("/")
    purpose, _, channel = rest.partition("/")
    if f"{prefix}/" not in (CONSENT, CONSENT_AT) or not channel:
        return (entry,)
    return tuple(dict.fromkeys(consent_entry(said, on) for said in (purpose, EVERY) for on in (channel, EVERY)))


def _interned(narrowing: Narrowing, narrowings: dict[Narrowing, int]) -> int:
    return narrowings.setdefault(narrowing, len(narrowings) + 1)


def _of_filter(filter_: EventFilter, value: str | None) -> tuple[Criterion, ...]:
    types = set(filter_.event)
    if value == ORDER:
        types.difference_update(OF_A_SEND)
    # The type goes first in every chain: it is the cheapest cut, the deepest one, and the most widely shared.
    criteria: list[Criterion] = [OfTypes(tuple(sorted(event.code for event in types)))]
    if filter_.category is not None:
        criteria.append(Equal(CATEGORY_COLUMNS[filter_.category.count("/")], hash64(filter_.category)))
    for column in ("channel", "campaign", "source"):
        text = getattr(filter_, column)
        if text is not None:
            criteria.append(Equal(column, hash64(text)))
    return tuple(criteria)


def _of_window(feature: Feature, narrowings: dict[Narrowing, int]) -> tuple[Criterion, ...]:
    if feature.window_micros is not None:
        return (Within(feature.window_micros),)
    if feature.window == "since_registration":
        return (SinceRegistration(_interned(REGISTRATIONS, narrowings)),)
    return ()


def _of_aggregate(aggregate: Aggregate, value: str | None) -> tuple[Criterion, ...]:
    if value is None:
        return ()
    carrying = Carrying(carrier(value))
    match aggregate:
        case Aggregate.FIRST:
            return (carrying, AtEarliest())
        case Aggregate.LAST:
            return (carrying, AtLatest())
        case _:
            return (carrying,)


def _default_number(feature: Feature) -> int | float | None:
    if isinstance(feature.default, int | float):
        return float(feature.default) if feature.type is FeatureType.REAL else feature.default
    return 0 if feature.aggregate in (Aggregate.COUNT, Aggregate.DISTINCT) else None


def _number(result: PerCustomer, output: NumberOutput) -> pa.Array:
    type_ = _ARROW_TYPES[output.type]
    if output.default is None:
        return pa.array(result.numbers, type=type_, mask=result.missing)
    return pa.array(np.where(result.missing, output.default, result.numbers), type=type_)


def _setting(settings: Settings, output: ProfileOutput) -> pa.Array:
    value, since = settings[output.entry]
    if output.shows_instant:
        return since
    return value if output.default is None else pc.fill_null(value, output.default)
