"""How a stream shows itself on a terminal: one line, always the newest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ceasefire.runtime.metrics import Record

WORDS = {"ingest_events": "events", "build_features": "features", "decide": "decisions", "release_sends": "release"}


@dataclass
class StreamStatus:
    """What the batches of a brand's queries have come to so far."""

    brand: str
    counts: Counter[str] = field(default_factory=Counter)
    lags: dict[str, float] = field(default_factory=dict)
    waits: str = ""
    held: int = 0

    def take(self, record: Record) -> None:
        """Add what a batch came to, or note that the clock waits or goes on."""
        if record["event"] in ("waiting", "going_on"):
            self.waits = record["says"]
        if record["event"] != "batch":
            return
        query = record["query"].removeprefix(f"{self.brand}_")
        if record["lag_seconds"] is not None:
            self.lags[query] = record["lag_seconds"]
        if query == "release_sends":
            self.held = sum(record.get("held", {}).values())
        for counted in ("intake", "outcomes"):
            self.counts.update(record.get(counted, {}))
        for counted in ("queued", "withheld"):
            self.counts[counted] += sum(record.get(counted, {}).values())

    def line(self, now: datetime, close: datetime, zone_text: str) -> str:
        """`events 1,204 (2 rejected) · …`, how far behind each query is, and when the next window closes.

        What a person has to see to stands first: why the clock waits, and how many windows are held.

        Args:
            now: the present instant.
            close: the next close.
            zone_text: the close as the brand's clock shows it.
        """
        count = self.counts
        behind = {word: timedelta(seconds=self.lags[query]) for query, word in WORDS.items() if query in self.lags}
        lags = ", ".join(f"{word} {_span(lag)}" for word, lag in behind.items())
        parts = [
            f"events {count['events']:,} ({count['quarantined']:,} rejected)",
            f"decided {count['send']:,} sends, {count['silence']:,} silent",
            f"queued {count['queued']:,}, withheld {count['withheld']:,}",
            f"behind: {lags or 'nothing yet'}",
            f"next close {zone_text}, in {_span(close - now)}",
        ]
        if self.held:
            parts.insert(0, f"{self.held:,} windows held by their check (`ceasefire check`)")
        if self.waits:
            parts.insert(0, self.waits)
        return " · ".join(parts)


def _span(span: timedelta) -> str:
    """A span in the two units that matter: `3 h 12 min`, `2 d 4 h`, `45 s`."""
    seconds = max(int(span.total_seconds()), 0)
    units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
    first = next((place for place, (_, size) in enumerate(units) if seconds >= size), len(units) - 1)
    texts = []
    for name, size in units[first : first + 2]:
        texts.append(f"{seconds // size} {name}")
        seconds %= size
    return " ".join(texts)
