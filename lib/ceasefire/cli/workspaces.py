"""From a command's options to a brand at work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ceasefire.errors import UsageError
from ceasefire.pipelines.pins import require_same_key
from ceasefire.pipelines.workspace import BrandAtWork, Workspace, load_brand, require_tables
from ceasefire.runtime.clock import WallClock
from ceasefire.runtime.session import local_session
from ceasefire.storage.lake import Lake


@contextmanager
def open_workspace(conf: Path, root: str) -> Iterator[Workspace]:
    """The brand of a folder on the tables that a run left under a root, for commands that only read.

    Raises:
        UsageError: there is nothing of this brand; said before Spark is started. Or the tables were made with another
            key of the pseudonyms.
    """
    at_work = load_brand(conf, os.environ)
    require_tables(root, at_work.brand.settings.brand)
    with session_for(at_work, root) as workspace:
        require_same_key(workspace)
        yield workspace


@contextmanager
def session_for(at_work: BrandAtWork, root: str, new_epoch: bool = False) -> Iterator[Workspace]:
    """A brand that is loaded already, with a session that ends with the command, unless it was there before."""
    with local_session("ceasefire", {}) as spark:
        lake = Lake(spark, root, at_work.brand.settings.brand)
        yield Workspace(lake, at_work, WallClock(), tracking_server(), new_epoch=new_epoch)


def tracking_server() -> str:
    """The address of the MLflow server that the environment names, or nothing."""
    return os.environ.get("CEASEFIRE_TRACKING", "")


def require_events(source: str) -> None:
    """Refuse early when there are no events.

    Raises:
        UsageError: nothing is at that path.
    """
    if "://" not in source and not Path(source).exists():
        raise UsageError(f"no events at {source}; --events names a folder of JSON-lines files, or one such file")


def instant(text: str | None, option: str) -> datetime | None:
    """An option that holds an instant.

    Raises:
        UsageError: it is no ISO 8601 instant with an offset.
    """
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise UsageError(f"{option} {text}: not an instant, allowed: ISO 8601 with an offset, as in 2017-12-04T11:00Z")
    return parsed
