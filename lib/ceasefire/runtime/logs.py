"""Records as lines of JSON, for machines that read logs."""

from __future__ import annotations

import json
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ceasefire.runtime.metrics import Record, Sink

_LARGEST_FILE = 10 * 1024 * 1024
_OLDER_FILES = 5


def json_lines(file: Path | None) -> Sink:
    """A sink that writes each record as one line of JSON: to a file that never grows beyond measure, or to stderr."""
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=_LARGEST_FILE, backupCount=_OLDER_FILES, encoding="utf-8")

    def write(record: Record) -> None:
        text = json.dumps(record, default=str, ensure_ascii=False)
        handler.handle(logging.LogRecord("ceasefire", logging.INFO, "", 0, text, None, None))

    return write
