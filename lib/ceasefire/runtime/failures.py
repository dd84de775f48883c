"""What a person has to know of an error that came back through Spark: the cause, without the machinery."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ceasefire import errors
from ceasefire.errors import CeasefireError, CheckFailedError, ConfigurationError, EnvironmentMissingError, Problem

# As Python's tracebacks name our errors, in whatever text the JVM has wrapped them.
_OURS = re.compile(rf"^{re.escape(errors.__name__)}\.(?P<name>\w+): (?P<message>.*)")
# Lines that cannot belong to a message: what Spark, the JVM or a chained traceback say after it.
_AFTER_IT = re.compile(r"^\s*$|^ SQLSTATE: |^=== |^Traceback |^JVM stacktrace|^\s+at ")
_KAFKA_LOST = re.compile(r"Some data may have been lost because.*?Reason: (?P<reason>[^\n]*?)\.?\s*(\n|$)", re.DOTALL)
_KAFKA_FAILED = re.compile(r"org\.apache\.kafka\.[\w.]+\.(?P<what>\w+Exception: [^\n]*)")
_SQL_STATE = re.compile(r"\s*SQLSTATE: \w+;?\s*$")


def cause_of(error: BaseException) -> CeasefireError:
    """The error of ours at the root of what Spark raised, else the root's own words in one line.

    An error that was raised in a worker or in a micro-batch comes back as text inside Spark's; it is built
    again from that text, so its class and exit code are what they were.

    Args:
        error: whatever was raised.

    Returns:
        The very error when it, or what it was raised from, is ours; else a new one, without a stack trace.
    """
    for link in _chain(error):
        if isinstance(link, CeasefireError):
            return link
    lines = str(error).splitlines()
    for number in range(len(lines) - 1, -1, -1):
        match = _OURS.match(lines[number])
        kind = getattr(errors, match["name"], None) if match else None
        if match and isinstance(kind, type) and issubclass(kind, CeasefireError):
            return _rebuilt(kind, [match["message"], *_until_it_ends(lines[number + 1 :])])
    return _of_kafka(str(error)) or CeasefireError(_one_line(error, lines))


def _of_kafka(text: str) -> CeasefireError | None:
    """What a client of Kafka met, if that is what stopped Spark."""
    lost = _KAFKA_LOST.search(text)
    if lost:
        return CheckFailedError(
            f"Kafka deleted messages that were never read ({lost['reason']}); keep messages longer in that topic, "
            "and to go on with those that are left, remove _checkpoints/ingest_events and start ingest with --new-epoch"
        )
    failures = [_SQL_STATE.sub("", one["what"]).rstrip(". ") for one in _KAFKA_FAILED.finditer(text)]
    if failures:
        return EnvironmentMissingError(
            f"Kafka cannot be used ({failures[-1]}); see that its broker runs, can be reached from here, and lets "
            "clients in by the kafka.options of the settings"
        )
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it was raised from, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def _until_it_ends(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if _AFTER_IT.match(line):
            return
        yield line


def _rebuilt(kind: type[CeasefireError], lines: list[str]) -> CeasefireError:
    if issubclass(kind, ConfigurationError):
        return ConfigurationError(Problem("", line) for line in lines)
    return kind("\n".join(lines))


def _one_line(error: BaseException, lines: list[str]) -> str:
    """`KeyError: 'x'`: what ended the last traceback within the text, else the first line of the text."""
    starts = [number for number, line in enumerate(lines) if "Traceback (most recent call last):" in line]
    ends = (line for line in lines[starts[-1] + 1 :] if line and not line[0].isspace()) if starts else iter(lines)
    kind, said = type(error).__name__, next(ends, "").strip()
    if starts:
        qualified, _, said = said.partition(": ")
        kind = qualified.rpartition(".")[2]
    said = _SQL_STATE.sub("", said)
    return f"{kind}: {said}" if said else kind
