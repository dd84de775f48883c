"""Plots where people would rather look than read; each takes one tidy frame and says its units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ceasefire.config.units import MICROS_PER_MINOR, currency_exponent
from ceasefire.reports.explanation import WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUIET, LOUD, GOOD = "#b8bec8", "#d1495b", "#2e7d5b"
MOST_ROWS = 15


def crossfire_plot(frame: pd.DataFrame) -> Figure:
    """Messages for each customer before and after, from `views.crossfire`."""
    figure, axes = _canvas(8, 4)
    places = range(len(frame))
    alone, together = frame["every_campaign_on_its_own"], frame["decided"]
    axes.bar([one - 0.2 for one in places], alone, 0.4, color=LOUD, label="each campaign on its own")
    axes.bar([one + 0.2 for one in places], together, 0.4, color=GOOD, label="decided together")
    axes.set_xticks(list(places), [str(one) for one in frame["messages"]])
    axes.set(xlabel="messages for one customer", ylabel="customers", title="Crossfire, before and after")
    axes.legend(frameon=False)
    return figure


def losses_plot(frame: pd.DataFrame) -> Figure:
    """Losing candidates by reason, from `views.losses`."""
    by_reason = frame.groupby("reason_code")["candidates"].sum().sort_values()
    figure, axes = _canvas(9, 0.5 * len(by_reason) + 1.4)
    bars = axes.barh([WORDS.get(str(code), str(code)) for code in by_reason.index], by_reason.to_numpy(), color=QUIET)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set(xlabel="candidates", title="Why candidates lost")
    return figure


def queues_plot(frame: pd.DataFrame) -> Figure:
    """How full each channel is, from `views.queues`."""
    figure, axes = _canvas(8, 0.6 * len(frame) + 1.4)
    places = list(range(len(frame)))
    capacity = frame["capacity"].astype("Float64").fillna(0).to_numpy(dtype="float64")
    axes.barh(places, capacity, 0.7, color=QUIET, label="capacity")
    axes.barh(places, frame["queued"], 0.4, color=GOOD, label="queued")
    axes.barh(places, frame["withheld"], 0.4, left=frame["queued"], color=LOUD, label="withheld")
    axes.set_yticks(places, list(frame["channel"]))
    axes.set(xlabel="sends of this window", title="Queues")
    axes.legend(frameon=False)
    return figure


def hours_plot(frame: pd.DataFrame) -> Figure:
    """When sends go, from `views.sends_by_hour`."""
    table = frame.pivot(index="local_hour", columns="channel", values="sends").fillna(0).sort_index()
    figure, axes = _canvas(8, 3.6)
    names = [f"{one:%a %H:%M}" for one in table.index]
    below = pd.Series(0.0, index=table.index)
    for channel in table.columns:
        axes.bar(names, table[channel], bottom=below, label=str(channel))
        below = below + table[channel]
    axes.set(xlabel="hour of the brand's clock", ylabel="sends", title="When they go")
    axes.tick_params(axis="x", rotation=60)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def sizes_plot(frame: pd.DataFrame) -> Figure:
    """The largest segments, from `views.segment_sizes`."""
    largest = frame.head(MOST_ROWS).iloc[::-1]
    figure, axes = _canvas(8, 0.35 * len(largest) + 1.4)
    bars = axes.barh(largest["segment_id"], largest["customers"], color=QUIET)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set(xlabel="customers", title=f"Segments, the {len(largest)} largest of {len(frame)}")
    return figure


def overlaps_plot(frame: pd.DataFrame) -> Figure:
    """How much segments are the same, from `views.segment_overlaps`."""
    size = 0.35 * len(frame) + 2.5
    figure, axes = _canvas(size + 1, size)
    picture = axes.imshow(frame.to_numpy(), cmap="Greens", vmin=0, vmax=1)
    axes.set_xticks(range(len(frame)), [str(one) for one in frame.columns], rotation=90)
    axes.set_yticks(range(len(frame)), [str(one) for one in frame.index])
    axes.set(title="Overlap: in both, of those in either")
    figure.colorbar(picture, ax=axes, shrink=0.7)
    return figure


def candidates_plot(candidates: Sequence[Mapping[str, Any]], currency: str) -> Figure:
    """What each candidate of a decision was worth for the customer, in units of the currency, the winner marked."""
    micros_per_unit = MICROS_PER_MINOR * 10 ** currency_exponent(currency)
    ranked = sorted(candidates, key=lambda one: one["value_micros"])[-MOST_ROWS:]
    figure, axes = _canvas(9, 0.4 * len(ranked) + 1.4)
    names = [f"{one['campaign_id']} · {one['channel']}" for one in ranked]
    values = [one["value_micros"] / micros_per_unit for one in ranked]
    reasons = [one["reason_code"] for one in ranked]
    bars = axes.barh(range(len(ranked)), values, color=[GOOD if reason is None else QUIET for reason in reasons])
    said = ["chosen" if reason is None else WORDS.get(reason, reason) for reason in reasons]
    axes.bar_label(bars, labels=said, padding=3, fontsize=8)
    axes.set_yticks(range(len(ranked)), names)
    axes.margins(x=0.45)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set(xlabel=f"expected gain of sending, {currency}", title="What each message was worth")
    return figure


def timeline_plot(frame: pd.DataFrame) -> Figure:
    """What a customer did and was sent, from `views.timeline`."""
    kinds = list(dict.fromkeys(frame["kind"]))
    figure, axes = _canvas(10, 0.35 * len(kinds) + 1.6)
    colors = {"queued": GOOD, "withheld": LOUD}
    for place, kind in enumerate(kinds):
        these = frame[frame["kind"] == kind]
        axes.scatter(these["at"], [place] * len(these), color=colors.get(kind, QUIET), s=28)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set(xlabel="UTC", title="What happened, and what was sent")
    figure.autofmt_xdate()
    return figure


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    # Slow to import, and wanted by nobody but notebooks.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
