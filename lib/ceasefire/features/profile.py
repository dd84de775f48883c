"""Profile features: the latest setting of a name before as_of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import IntArray
from ceasefire.features.packed import PackedLists
from ceasefire.features.selection import Selection, at_extreme, everything, largest, narrowed

PROFILE_NAME = "profile_name"
PROFILE_VALUE = "profile_value"
PROFILE_AT = "profile_at"
PROFILE_COLUMNS = (PROFILE_NAME, PROFILE_VALUE, PROFILE_AT)


def latest_settings(history: pa.RecordBatch, names: Sequence[str], as_of_micros: int) -> dict[str, pa.Array]:
    """The value that stood under each name just before as_of.

    Of several settings at one instant the larger text counts, by code points, and a removal least of all.

    Args:
        history: one row per customer, with the three profile columns.
        names: names of profile entries, each once.
        as_of_micros: epoch microseconds; a setting at or past it is not read.

    Returns:
        By name a string array with one element per customer, null if never set or removed.
    """
    settings = PackedLists(history, PROFILE_AT)
    texts = settings.elements(PROFILE_VALUE).cast(pa.string())
    instants = settings.whole(PROFILE_AT)
    set_names = settings.elements(PROFILE_NAME).cast(pa.string())
    codes: IntArray = pc.fill_null(pc.index_in(set_names, value_set=pa.array(names, type=pa.string())), -1).to_numpy()
    readable = narrowed(everything(settings), (instants < as_of_micros) & (codes >= 0))
    values = {}
    for code, name in enumerate(names):
        of_name = narrowed(readable, codes[readable.positions] == code)
        when = instants[of_name.positions]
        latest = _largest_texts(at_extreme(of_name, when, largest(of_name, when)), texts)
        chosen = np.full(settings.customers, -1, dtype=np.int64)
        chosen[latest.present] = latest.positions[latest.firsts]
        values[name] = texts.take(pa.array(chosen, mask=chosen < 0))
    return values


def _largest_texts(selection: Selection, texts: pa.Array) -> Selection:
    # Texts are ranked for the customers with a tie only: ranking all of them costs more than everything else here.
    in_tie = np.repeat(selection.counts > 1, selection.counts)
    if not in_tie.any():
        return selection
    tied = texts.take(pa.array(selection.positions[in_tie]))
    places = pc.rank(tied, sort_keys="ascending", tiebreaker="dense").to_numpy().astype(np.int64)
    ranks = np.zeros(len(in_tie), dtype=np.int64)
    ranks[in_tie] = np.where(pc.is_valid(tied).to_numpy(zero_copy_only=False), places, 0)
    return at_extreme(selection, ranks, largest(selection, ranks))
