"""Where a job finds things: one small YAML file, and the environment for what it leaves out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from ceasefire.config.kafka import KafkaSettings
from ceasefire.config.parsing import Lines, read_yaml, shown, where
from ceasefire.errors import ConfigurationError, Problem, UsageError

_KEYS = "root, conf, events, spark, tracking, prometheus, check_every, kafka"
_KAFKA_KEYS = "servers, events, queues, options"


class JobSettings(BaseSettings):
    """What one job of one brand is told. Each key can also come from the environment, as in CEASEFIRE_ROOT.

    Attributes:
        root: folder or URI that holds the tables of all brands.
        conf: the brand's folder.
        events: folder or file of events; read by ingest alone.
        spark: Spark settings that win over ours.
        tracking: address of an MLflow server; empty: models are registered under the root.
        prometheus: port on which figures are served for Prometheus; 0: on none.
        check_every: the rows of each so many days' window are checked before they are released; 0: of none.
        kafka: a broker whose topics are read or written; None: there is none.
        once: end when the input is drained instead of going on for ever.
        new_epoch: start over where a checkpoint is gone or broken.
        accept_gap: make due what is due now, although more time has passed than `max_gap` allows; for the clock alone.
    """

    model_config = SettingsConfigDict(env_prefix="CEASEFIRE_", frozen=True, extra="forbid")

    root: str
    conf: Path
    events: str = ""
    spark: dict[str, str] = {}
    tracking: str = ""
    prometheus: int = Field(default=0, ge=0, le=65535)
    check_every: int = Field(default=0, ge=0, le=1000)
    kafka: KafkaSettings | None = None
    once: bool = False
    new_epoch: bool = False
    accept_gap: bool = False


def settings_from_args(argv: Sequence[str] | None, job: str) -> JobSettings:
    """Settings from `--settings FILE [--once] [--new-epoch] [--accept-gap]`; `--conf` belongs to spark-submit.

    Raises:
        UsageError: the file cannot be read.
        ConfigurationError: with every problem of it.
    """
    parser = argparse.ArgumentParser(prog=job)
    parser.add_argument("--settings", type=Path, required=True, help="YAML file, as conf/base.yaml")
    parser.add_argument("--once", action="store_true", help="end when the input is drained")
    parser.add_argument("--new-epoch", action="store_true", help="start over if the checkpoint is gone or broken")
    parser.add_argument("--accept-gap", action="store_true", help="close what is due, whatever max_gap allows")
    arguments = parser.parse_args(argv)
    return read_settings(arguments.settings, arguments.once, arguments.new_epoch, arguments.accept_gap)


def read_settings(file: Path, once: bool, new_epoch: bool = False, accept_gap: bool = False) -> JobSettings:
    """Settings of a file.

    Raises:
        UsageError: the file cannot be read.
        ConfigurationError: with every problem of it.
    """
    try:
        data, lines, problems = read_yaml(file)
    except FileNotFoundError:
        raise UsageError(f"--settings {file}: there is no such file; conf/base.yaml is an example") from None
    if problems:
        raise ConfigurationError(problems)
    values: dict[str, Any] = data if isinstance(data, dict) else {}
    try:
        return JobSettings(**{**values, "once": once, "new_epoch": new_epoch, "accept_gap": accept_gap})
    except ValidationError as error:
        raise ConfigurationError(_problem(details, str(file), lines) for details in error.errors()) from None


def _problem(details: ErrorDetails, file: str, lines: Lines) -> Problem:
    path = details["loc"]
    said = details.get("ctx", {})
    # A key that is mistaken, and the options of a client, can hold secrets.
    is_telling = details["type"] not in ("missing", "extra_forbidden") and "options" not in path
    is_telling = is_telling and not isinstance(details["input"], dict)
    return Problem(
        where(file, lines, path),
        f"{'.'.join(str(part) for part in path)}: {said.get('what', details['msg'][:1].lower() + details['msg'][1:])}",
        shown(details["input"]) if is_telling else "",
        str(said.get("allowed", _KAFKA_KEYS if len(path) > 1 and path[0] == "kafka" else _KEYS)),
    )
