"""Send slots: whole hours of the customer's own clock inside a channel's hours, and their local dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from ceasefire.arrow import IntArray
from ceasefire.config.schedule import day_number, local_time, next_slot
from ceasefire.config.units import LocalHours
from ceasefire.time_zones import known_zones


def slots_of(ready_at: int, zones: pa.Array | Sequence[str | None], fallback: str, hours: LocalHours) -> IntArray:
    """Each customer's next slot on a channel, worked out once for each distinct zone.

    Shapes, for n customers:
        zones    (n,) IANA names; null or unknown: the fallback
        returns  (n,) microseconds UTC
    """
    zone_of_row, names = zone_codes(zones, fallback)
    slot_of_zone = np.array([next_slot(ready_at, name, hours) for name in names], np.int64)
    return slot_of_zone[zone_of_row]


def possible_slots(ready_at: int, channels: Iterable[LocalHours]) -> list[int]:
    """Every instant that may be a customer's next slot on one of these channels, wherever they live, ascending.

    Few: zones lie whole quarters of an hour apart. All in microseconds UTC.
    """
    return sorted({next_slot(ready_at, zone, hours) for hours in set(channels) for zone in known_zones()})


def zone_codes(zones: pa.Array | Sequence[str | None], fallback: str) -> tuple[IntArray, tuple[str, ...]]:
    """Each row's zone as an index in the distinct ones; a null or unknown name stands for the fallback.

    Shapes, for n rows with z distinct zones:
        zones    (n,) names as customers' systems wrote them
        returns  (n,) index in the names; (z,) known IANA names
    """
    encoded = (zones if isinstance(zones, pa.Array) else pa.array(zones, pa.string())).dictionary_encode()
    known = known_zones()
    # One more entry than there are names, for rows that have none.
    read_as = [name if name in known else fallback for name in [*encoded.dictionary.to_pylist(), None]]
    names = tuple(dict.fromkeys(read_as))
    code_of_text = np.array([names.index(name) for name in read_as], np.int64)
    return code_of_text[encoded.indices.fill_null(len(read_as) - 1).to_numpy(zero_copy_only=False)], names


def local_dates(instants: IntArray, zone_of_row: IntArray, zones: Sequence[str]) -> IntArray:
    """The local calendar date of each instant, worked out once for each distinct zone and instant.

    Shapes:
        instants     (m,) microseconds UTC
        zone_of_row  (m,) index in the zones
        zones        known IANA names
        returns      (m,) days since 1970-01-01
    """
    in_order = np.lexsort((instants, zone_of_row))
    sorted_instants, sorted_zones = instants[in_order], zone_of_row[in_order]
    is_new = np.ones(len(instants), np.bool_)
    is_new[1:] = (np.diff(sorted_instants) != 0) | (np.diff(sorted_zones) != 0)
    distinct = [
        day_number(local_time(instant, zones[zone]).date())
        for instant, zone in zip(sorted_instants[is_new].tolist(), sorted_zones[is_new].tolist(), strict=True)
    ]
    dates = np.empty(len(instants), np.int64)
    dates[in_order] = np.array(distinct, np.int64)[np.cumsum(is_new) - 1]
    return dates
