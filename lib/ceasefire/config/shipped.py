"""The folder `conf` that comes with the program: inside an installed package, or beside the sources."""

from __future__ import annotations

from pathlib import Path

import ceasefire


def shipped_conf() -> Path:
    """Where it is."""
    package = Path(ceasefire.__file__).parent
    places = (package / "conf", package.parents[1] / "conf")
    return next(place for place in places if place.is_dir())
