"""What a brand knows of a simulated world at a moment: its events packed as `customer_history` packs the log's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ceasefire.arrow import BoolArray, IntArray
from ceasefire.ids import hash64
from ceasefire.simulation.journal import (
    Journal,
    Texts,
    Told,
    events,
    joined,
    order_hashes,
    product_hashes,
)
from ceasefire.simulation.population import CATEGORIES
from ceasefire.vocabulary import ADDRESS_PRESENT, GRANTED, WITHDRAWN, EventType, MessageClass, consent_entry

_WITH_AMOUNT = [one.code for one in (EventType.ORDER, EventType.ORDER_LINE, EventType.RETURN, EventType.SESSION_ENDED)]
_LEVELS = 3
_UNITS = 1_000
_NO_EVENT = np.empty(0, np.int64)
_INSTANT = pa.timestamp("us", tz="UTC")

Columns = dict[str, IntArray]


@dataclass
class Knowledge:
    """Events that have arrived, customer after customer.

    Attributes:
        customer_ids: (n,) pseudonyms, by the world's numbers.
        texts: what numbers stand for.
        told: what customers say of themselves.
        under_way: what has happened and is not known yet.
    """

    customer_ids: pa.Array
    texts: Texts
    told: Told
    under_way: Journal = field(default_factory=lambda: events(_NO_EVENT, _NO_EVENT, EventType.BROWSE))
    _facts: Columns = field(default_factory=dict)
    _settings: Columns = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._codes = _Codes.of(self.texts)
        if not self._facts:
            self._facts = self._codes.facts(self.under_way, self.told)
            self._settings = self._codes.settings(self.under_way, self.told)

    def happened(self, journal: Journal) -> None:
        """More has happened; none of it is known before it arrives."""
        self.under_way = joined([self.under_way, journal])

    def arrive(self, until: int) -> Journal:
        """Take in what has arrived by an instant, in microseconds UTC, and return it."""
        here = self.under_way.arrived <= until
        news, self.under_way = self.under_way.take(here), self.under_way.take(~here)
        self._facts = _merged(self._facts, self._codes.facts(news, self.told))
        self._settings = _merged(self._settings, self._codes.settings(news, self.told))
        return news

    def histories(self, columns: Sequence[str]) -> pa.RecordBatch:
        """One row for each customer: customer_id, and list columns of a packed history."""
        count = len(self.customer_ids)
        fact_starts = _starts(self._facts["customer"], count)
        setting_starts = _starts(self._settings["customer"], count)
        arrays = {"customer_id": self.customer_ids}
        for name in columns:
            if name.startswith("profile_"):
                arrays[name] = pa.ListArray.from_arrays(setting_starts, self._setting(name))
            else:
                arrays[name] = pa.ListArray.from_arrays(fact_starts, self._fact(name))
        return pa.RecordBatch.from_pydict(arrays)

    def first(self, count: int, customer_ids: pa.Array) -> Knowledge:
        """What is known of the first so many customers, a copy."""
        told = Told(
            self.told.zone[:count], self.told.locale[:count], self.told.source[:count], self.told.addressed[:count]
        )
        facts, settings = (
            {name: values[part["customer"] < count] for name, values in part.items()}
            for part in (self._facts, self._settings)
        )
        under_way = self.under_way.take(self.under_way.customer < count)
        return Knowledge(customer_ids, self.texts, told, under_way, facts, settings)

    def _fact(self, name: str) -> pa.Array:
        values = self._facts[name]
        if name == "event_at":
            return pa.array(values).cast(_INSTANT)
        if name == "type":
            return pa.array(values.astype(np.int16))
        if name == "amount_minor":
            return pa.array(values, mask=~np.isin(self._facts["type"], _WITH_AMOUNT))
        if name == "quantity_milli":
            return pa.array(values, mask=values == 0)
        return pa.array(values)

    def _setting(self, name: str) -> pa.Array:
        if name == "profile_at":
            return pa.array(self._settings["set_at"]).cast(_INSTANT)
        names = self._codes.names if name == "profile_name" else self._codes.values
        return pa.array(names, pa.string()).take(pa.array(self._settings[name]))


@dataclass(frozen=True)
class _Codes:
    """Tables from a journal's numbers to the hashes and texts of a packed history."""

    categories: IntArray
    campaigns: IntArray
    channels: IntArray
    sources: IntArray
    names: tuple[str, ...]
    values: tuple[str, ...]
    addresses: tuple[str, ...]
    zones: int
    locales: int

    @staticmethod
    def of(texts: Texts) -> _Codes:
        levels = np.zeros((_LEVELS, len(CATEGORIES) + 1), np.int64)
        for number, path in enumerate(CATEGORIES):
            parts = path.split("/")
            for level in range(len(parts)):
                levels[level, number] = hash64("/".join(parts[: level + 1]))
        consents = [consent_entry(MessageClass.MARKETING, one) for one in texts.channels]
        # Two channels can share one kind of address.
        names = (*consents, *dict.fromkeys(texts.addresses), "time_zone", "locale", "birthday_week")
        values = (GRANTED, WITHDRAWN, ADDRESS_PRESENT, "yes", "no", *texts.zones, *texts.locales)
        return _Codes(
            categories=levels,
            campaigns=_hashes(texts.campaigns),
            channels=_hashes(texts.channels),
            sources=_hashes(texts.sources),
            names=names,
            values=values,
            addresses=tuple(texts.addresses),
            zones=values.index(texts.zones[0]),
            locales=values.index(texts.locales[0]),
        )

    def facts(self, journal: Journal, told: Told) -> Columns:
        """The events as columns of PACKED_EVENT."""
        kind = journal.kind
        is_browse = kind == EventType.BROWSE.code
        return {
            "customer": journal.customer,
            "event_at": journal.at,
            "type": kind,
            **{f"category_{level + 1}": self.categories[level][journal.category] for level in range(_LEVELS)},
            "product": np.where(journal.product >= 0, product_hashes()[np.maximum(journal.product, 0)], 0),
            "order": order_hashes(journal.order),
            "campaign": self.campaigns[journal.campaign],
            "channel": self.channels[journal.channel],
            "source": np.where(is_browse, self.sources[told.source[journal.customer]], 0),
            "quantity_milli": np.where(kind == EventType.ORDER_LINE.code, _UNITS, 0),
            "amount_minor": journal.amount,
        }

    def settings(self, journal: Journal, told: Told) -> Columns:
        """What the events say of the profile, as (customer, set_at, profile_name, profile_value)."""
        parts: list[tuple[BoolArray, IntArray | int, IntArray | int]] = []
        kind, who = journal.kind, journal.customer
        consent = (kind == EventType.CONSENT_CHANGED.code) | (kind == EventType.UNSUBSCRIBED.code)
        said = np.where(journal.flag == 1, self.values.index(GRANTED), self.values.index(WITHDRAWN))
        parts.append((consent, journal.channel, said))
        birthday = np.where(journal.flag == 1, self.values.index("yes"), self.values.index("no"))
        is_profile = kind == EventType.PROFILE_CHANGED.code
        parts.append((is_profile, self.names.index("birthday_week"), birthday))
        registered = kind == EventType.REGISTERED.code
        for address in dict.fromkeys(self.addresses):
            reaching = [number for number, one in enumerate(self.addresses) if one == address]
            addressed = registered & told.addressed[who][:, reaching].any(axis=1)
            parts.append((addressed, self.names.index(address), self.values.index(ADDRESS_PRESENT)))
        parts.append((registered, self.names.index("time_zone"), self.zones + told.zone[who]))
        parts.append((registered, self.names.index("locale"), self.locales + told.locale[who]))
        found: dict[str, list[IntArray]] = {"customer": [], "set_at": [], "profile_name": [], "profile_value": []}
        for mask, name, value in parts:
            found["customer"].append(who[mask])
            found["set_at"].append(journal.at[mask])
            found["profile_name"].append(np.broadcast_to(np.asarray(name), len(mask))[mask])
            found["profile_value"].append(np.broadcast_to(np.asarray(value), len(mask))[mask])
        return {name: np.concatenate(values).astype(np.int64) for name, values in found.items()}


def _hashes(texts: Sequence[str]) -> IntArray:
    """hash64 of each text, and 0 at the end, where -1 leads."""
    return np.array([*(hash64(one) for one in texts), 0], np.int64)


def _merged(old: Columns, new: Columns) -> Columns:
    """Both, customer after customer."""
    order = np.argsort(new["customer"], kind="stable")
    place = np.searchsorted(old["customer"], new["customer"][order], side="right")
    return {name: np.insert(values, place, new[name][order]) for name, values in old.items()}


def _starts(customer: IntArray, count: int) -> pa.Array:
    return pa.array(np.searchsorted(customer, np.arange(count + 1)).astype(np.int32))
