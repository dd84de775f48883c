"""What a batch tells of itself, for those who watch a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figures:
    """What one batch of a query came to.

    Attributes:
        lag_seconds: how far behind it was; what that means is the query's own to say. None: nothing to be behind of.
        counts: by what is counted and then by kind, as in {"withheld": {"expired": 2}}.
    """

    lag_seconds: float | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
