"""Runs the small brand and kills itself right after the first write to a table that it has not died after before."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ceasefire.runtime.session import local_session
from ceasefire.storage.lake import Write
from small_brand import run_small_brand

ONE_WRITE_AT_A_TIME = threading.Lock()
"""Held during each write: a death must not fall into the middle of another one, which would then be no death's own."""


def main(folder: Path, deaths: Path) -> None:
    """Run, or die on the way; `deaths` remembers the tables."""

    def die_once(write: Write) -> None:
        if not write.done:
            ONE_WRITE_AT_A_TIME.acquire()
            return
        died_at = json.loads(deaths.read_text("utf-8"))
        if write.table not in died_at:
            deaths.write_text(json.dumps([*died_at, write.table]), "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        ONE_WRITE_AT_A_TIME.release()

    with local_session("mortal", {}) as spark:
        run_small_brand(spark, folder, die_once)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
