"""Profile features: the latest setting of a name before as_of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ceasefire.arrow import IntArray
from ceasefire.features.packed import PackedLists
from ceasefire.features.selection import Selection, at_extreme, everything, largest, narrowed
from ceasefire.vocabulary import REFUSAL, WITHDRAWN

PROFILE_NAME = "profile_name"
PROFILE_VALUE = "profile_value"
PROFILE_AT = "profile_at"
PROFILE_COLUMNS = (PROFILE_NAME, PROFILE_VALUE, PROFILE_AT)


def latest_settings(
    history: pa.RecordBatch, entries: Sequence[tuple[str, ...]], as_of_micros: int
) -> list[tuple[pa.Array, pa.Array]]:
    """The value that stood under each entry just before as_of, and since when.

    Of several settings at one instant the larger text counts, by code points, and a removal least of all.

    Args:
        history: one row per customer, with the three profile columns.
        entries: names under which an entry can be set, each a group of which the latest setting counts.
        as_of_micros: epoch microseconds; a setting at or past it is not read.

    Returns:
        By entry a string array and one of epoch microseconds, one element per customer each, null if never set; of an
        entry that was removed the value alone is null.
    """
    settings = PackedLists(history, PROFILE_AT)
    texts = settings.elements(PROFILE_VALUE).cast(pa.string())
    instants = settings.whole(PROFILE_AT)
    codes, code_of_name = _name_codes(settings, tuple(name for names in entries for name in names))
    readable = narrowed(everything(settings), (instants < as_of_micros) & (codes >= 0))
    read = codes[readable.positions]
    occurring = set(np.unique(read).tolist())
    found = []
    for names in entries:
        wanted = [code_of_name[name] for name in names if code_of_name[name] in occurring]
        is_wanted = np.zeros(len(read), np.bool_)
        for code in wanted:
            is_wanted |= read == code
        of_entry = narrowed(readable, is_wanted)
        when = instants[of_entry.positions]
        latest = _largest_texts(at_extreme(of_entry, when, largest(of_entry, when)), texts)
        chosen = np.full(settings.customers, -1, dtype=np.int64)
        chosen[latest.present] = latest.positions[latest.firsts]
        places = pa.array(chosen, mask=chosen < 0)
        found.append((texts.take(places), pa.array(instants).take(places)))
    return found


def refused_topics(history: pa.RecordBatch, as_of_micros: int) -> pa.Array:
    """The topics and campaigns that each customer refused last before as_of, a line each in order; null for none.

    Few customers say so: each of their settings is looked at by itself.
    """
    settings = PackedLists(history, PROFILE_AT)
    names = settings.elements(PROFILE_NAME).cast(pa.string())
    instants = settings.whole(PROFILE_AT)
    is_refusal = pc.fill_null(pc.starts_with(names, REFUSAL), False).to_numpy(zero_copy_only=False)
    of_topics = narrowed(everything(settings), (instants < as_of_micros) & is_refusal)
    places = pa.array(of_topics.positions)
    texts = settings.elements(PROFILE_VALUE).cast(pa.string()).take(places).to_pylist()
    latest: dict[tuple[int, str], tuple[int, str]] = {}
    owners, when_set = of_topics.owners.tolist(), instants[of_topics.positions].tolist()
    for owner, name, when, text in zip(owners, names.take(places).to_pylist(), when_set, texts, strict=True):
        key = owner, name.removeprefix(REFUSAL)
        latest[key] = max(latest.get(key, (when, "")), (when, text or ""))
    refused: dict[int, list[str]] = {}
    for (owner, topic), (_, text) in sorted(latest.items()):
        if text == WITHDRAWN:
            refused.setdefault(owner, []).append(topic)
    lines: list[str | None] = [None] * settings.customers
    for owner, topics in refused.items():
        lines[owner] = "\n".join(topics)
    return pa.array(lines, pa.string())


def _name_codes(settings: PackedLists, names: tuple[str, ...]) -> tuple[IntArray, dict[str, int]]:
    """(m,) the number of each setting's name among the given ones, -1 for others; and the numbers."""
    known = tuple(dict.fromkeys(names))
    set_names = settings.elements(PROFILE_NAME).cast(pa.string())
    codes: IntArray = pc.fill_null(pc.index_in(set_names, value_set=pa.array(known, type=pa.string())), -1).to_numpy()
    return codes, {name: code for code, name in enumerate(known)}


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
