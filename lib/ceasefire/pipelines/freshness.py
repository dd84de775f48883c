"""How far intake has come: what it has not seen may be an opt-out, so marketing waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from ceasefire.pipelines.workspace import Workspace
from ceasefire.storage.lake import is_empty, overwrite, read_table, remembered, rows_of
from ceasefire.tables import INTAKE_LOOKS

RECORD_EVERY = timedelta(minutes=5)


@dataclass
class IntakeLooks:
    """Puts on record that intake has seen everything that is there, at most every few minutes."""

    workspace: Workspace
    newest: datetime | None = None

    def record(self) -> None:
        """Say so as of now."""
        now = self.workspace.clock.now()
        if self.newest is None or now - self.newest >= RECORD_EVERY:
            row = pa.table({"source": ["events"], "looked_at": [now]}, schema=INTAKE_LOOKS.arrow_schema)
            overwrite(self.workspace.lake, INTAKE_LOOKS, row)
            self.newest = now


def behind_since(workspace: Workspace, now: datetime) -> datetime | None:
    """Return when intake had last seen everything, if that is longer ago than the brand allows; else None.

    Of a root on which intake has never said so, nothing is known.
    """
    lake = workspace.lake
    if is_empty(lake, INTAKE_LOOKS):
        return None
    rows = remembered(lake, "intake looks", [INTAKE_LOOKS], lambda: rows_of(read_table(lake, INTAKE_LOOKS)))
    newest = max((row["looked_at"] for row in rows), default=None)
    return newest if is_behind(newest, now, workspace.brand.settings.release.max_intake_lag.micros) else None


def is_behind(newest: datetime | None, now: datetime, allowed_micros: int) -> bool:
    """Whether intake saw everything longer ago than so many microseconds; not if it never said so."""
    return newest is not None and now - newest > timedelta(microseconds=allowed_micros)


def tell_behind(workspace: Workspace, now: datetime) -> None:
    """Put on record that marketing waits for intake, if it does."""
    since = behind_since(workspace, now)
    if since is not None:
        allowed = workspace.brand.settings.release.max_intake_lag.text
        says = (
            f"marketing waits: intake had last seen all events at {since.isoformat()}, allowed: {allowed} ago "
            "(release.max_intake_lag of brand.yaml); see that ingest_events runs, and what its log says"
        )
        workspace.notice({"event": "behind", "query": f"{workspace.lake.brand}_release_sends", "at": now, "says": says})
