"""What a person has to know of an error that came back through Spark: the cause, without the machinery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ceasefire import errors
from ceasefire.errors import (
    BrokenCheckpointError,
    CeasefireError,
    CheckFailedError,
    ConfigurationError,
    EnvironmentMissingError,
    Problem,
)

# As Python's tracebacks name our errors, in whatever text the JVM has wrapped them.
_OURS = re.compile(rf"^{re.escape(errors.__name__)}\.(?P<name>\w+): (?P<message>.*)")
# Lines that cannot belong to a message: what Spark, the JVM or a chained traceback say after it.
_AFTER_IT = re.compile(r"^\s*$|^ SQLSTATE: |^=== |^Traceback |^JVM stacktrace|^\s+at ")
_KAFKA_LOST = re.compile(r"Some data may have been lost because.*?Reason: (?P<reason>[^\n]*?)\.?\s*(\n|$)", re.DOTALL)
_KAFKA_FAILED = re.compile(r"org\.apache\.kafka\.[\w.]+\.(?P<what>\w+Exception: [^\n]*)")
# What Spark says of a checkpoint that it cannot read, as far as it names the file.
_BROKEN_CHECKPOINT = re.compile(
    r"Failed to read log file (?P<unread>\S+?)\.? Incomplete log file"
    r"|Checkpoint location (?P<without_metadata>\S+) is in an inconsistent state"
    r"|terminated with exception: (?P<gone>\S+/(?:sources|offsets|commits)/\S+) doesn't exist"
)
_INSIDE_CHECKPOINT = re.compile(r"/(?:sources/\d+|offsets|commits)/[^/]*$|/metadata$")
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(?P<module>\w+)")
_OTHER_PYTHON = re.compile(r"different version: (?P<worker>[\d.]*\d) than that in driver: (?P<driver>[\d.]*\d)")
# What Py4J says before it says what happened.
_PREAMBLE = re.compile(r"^An error occurred while calling .*\n: (?:[\w.$]+\.)?(?=\w+: |\w+$)", re.MULTILINE)
# What Spark says of a file that it could not read, whatever it wraps around that.
_UNREADABLE = re.compile(r"Encountered error while reading file (?P<file>\S.*?)\.(?=\s|$)")
_CAUSE = re.compile(r"^Caused by: (?:[\w.$]+\.)?(?P<what>[\w$]+)(?P<said>: [^\n]*)?$", re.MULTILINE)
_DAMAGE = re.compile(
    r"EOFException|Unexpected end|[Pp]remature|not a gzip|incorrect (header|data|length)|"
    r"invalid (block|stored|distance|code|literal|bit)|ZipException|DataFormatException|not BZip2|bad block|crc error|"
    r"CRC|Src size|[Cc]orrupt|URISyntaxException|too many (bytes|length)|stream (end|header)"
)
_PATH = re.compile(r"(?<![\w/])(?:[a-z][a-z0-9+.-]*:/{1,3}|/)[^\s/:,;'\")\]]+/[^\s:,;'\")\]]+")
# First lines that say nothing but that something went wrong below them.
_SAYS_NOTHING = re.compile(r"Exception thrown in awaitResult|Job aborted|Task failed while writing|^\w+(: )?$")
_NAMES_ITSELF = re.compile(r"\w+(Exception|Error): ")
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
    text = _all_said(error)
    return (
        _of_checkpoint(text)
        or _of_file(text)
        or _of_workers(text)
        or _of_kafka(text)
        or CeasefireError(_telling_cause(text) or _one_line(error, lines))
    )


@dataclass(frozen=True)
class UnreadableFile:
    """A file that stopped Spark.

    Attributes:
        file: its address, as Spark names it.
        why: the root of what went wrong, in one line.
        is_damaged: whether it is its content that cannot be read, so that it would be no better the next time.
    """

    file: str
    why: str
    is_damaged: bool


def unreadable_file(error: BaseException) -> UnreadableFile | None:
    """The file that Spark could not read, if that is what stopped it."""
    return _unreadable_in(_all_said(error))


def _all_said(error: BaseException) -> str:
    """All that is said of an error, the chain of Java's causes included, which PySpark keeps beside the message."""
    return f"{error}\n{getattr(error, '_stackTrace', '')}"


def _unreadable_in(text: str) -> UnreadableFile | None:
    found = _UNREADABLE.search(text)
    if found is None:
        return None
    causes = [cause["what"] + (cause["said"] or "") for cause in _CAUSE.finditer(text, found.end())]
    root = causes[-1] if causes else "File does not exist" if "does not exist" in text else "no reason given"
    return UnreadableFile(found["file"], _SQL_STATE.sub("", root).rstrip(". "), _DAMAGE.search(root) is not None)


def _of_file(text: str) -> CeasefireError | None:
    """A file that could not be read, if that is what stopped Spark."""
    unreadable = _unreadable_in(text)
    if unreadable is None:
        return None
    return CheckFailedError(
        f"{unreadable.file} cannot be read ({unreadable.why}); put a copy in its place that can be, and start again"
    )


def _telling_cause(text: str) -> str | None:
    """The deepest of Java's causes that names a path; the deepest of all where the first line says nothing."""
    if "Traceback (most recent call last):" in text:
        return None
    causes = [cause["what"] + (cause["said"] or "") for cause in _CAUSE.finditer(text)]
    first = _PREAMBLE.sub("", text).partition("\n")[0]
    if not causes or _PATH.search(first):
        return None
    with_path = [cause for cause in causes if _PATH.search(cause)]
    if with_path:
        return _SQL_STATE.sub("", with_path[-1])
    return _SQL_STATE.sub("", causes[-1]) if _SAYS_NOTHING.search(first) else None


def _of_workers(text: str) -> CeasefireError | None:
    """What a worker lacks, if that is what stopped Spark."""
    no_module = _NO_MODULE.search(text)
    if no_module:
        return EnvironmentMissingError(
            f"executors have no module {no_module['module']!r}; install all of requirements.lock there, and the "
            "package too or hand it over with --py-files dist/ceasefire.zip"
        )
    other = _OTHER_PYTHON.search(text)
    if other:
        return EnvironmentMissingError(
            f"executors run Python {other['worker']} and the driver {other['driver']}; "
            "name one that both have in PYSPARK_PYTHON"
        )
    return None


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


def _of_checkpoint(text: str) -> CeasefireError | None:
    """Which file of a checkpoint Spark cannot read, if that is what stopped it."""
    broken = _BROKEN_CHECKPOINT.search(text)
    if broken is None:
        return None
    without_metadata = broken["without_metadata"]
    file = f"{without_metadata}/metadata" if without_metadata else broken["unread"] or broken["gone"]
    what = "cannot be read" if broken["unread"] else "is gone"
    folder = _INSIDE_CHECKPOINT.sub("", file)
    return BrokenCheckpointError(
        f"its checkpoint is broken: {file} {what}; set the folder {folder} aside under another name and start the same "
        "command once with --new-epoch: all input is read again, and nothing is doubled"
    )


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
    lines = _PREAMBLE.sub("", "\n".join(lines)).splitlines()
    starts = [number for number, line in enumerate(lines) if "Traceback (most recent call last):" in line]
    ends = (line for line in lines[starts[-1] + 1 :] if line and not line[0].isspace()) if starts else iter(lines)
    kind, said = type(error).__name__, next(ends, "").strip()
    if starts:
        qualified, _, said = said.partition(": ")
        kind = qualified.rpartition(".")[2]
    said = _SQL_STATE.sub("", said)
    if not said:
        return kind
    return said if _NAMES_ITSELF.match(said) else f"{kind}: {said}"
