"""The start of the JVM behind a session, without its chatter and with its last words when it fails."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from pyspark import SparkConf
from pyspark.errors import PySparkRuntimeError
from pyspark.java_gateway import launch_gateway

from ceasefire.errors import EnvironmentMissingError

if TYPE_CHECKING:
    from py4j.java_gateway import JavaGateway

_LAST_WORDS = 20
# What a JVM says about itself, to nobody: the incubator modules that Spark's launcher adds, the deprecated
# calls of its libraries, the options it found in the environment. No option of Java silences these.
_CHATTER = ("WARNING: ", "Picked up ", "NOTE: Picked up ")


def start_jvm(conf: SparkConf) -> JavaGateway:
    """Start the JVM of a session; what it and its workers write goes to our stderr, less its talk about itself.

    Its stdout too: there a JVM says why it cannot start, and ours belongs to the program's results.

    Args:
        conf: all that has to be known before the JVM starts: memory, jars, options.

    Raises:
        EnvironmentMissingError: when it does not come up; carries its last lines, which Spark would lose.
    """
    reader, writer = os.pipe()
    ear = _Ear(os.fdopen(reader, "rb"))
    ear.start()
    launch: Callable[..., JavaGateway] = launch_gateway
    try:
        with os.fdopen(writer, "wb") as mouth:
            gateway = launch(conf, popen_kwargs={"stdout": mouth, "stderr": mouth})
    except PySparkRuntimeError as error:
        ear.join()
        said = "\n".join(ear.last_words) or "it said nothing"
        raise EnvironmentMissingError(f"Spark's JVM did not start:\n{said}") from error
    ear.pass_on()
    return gateway


class _Ear(threading.Thread):
    """Listens to the JVM for as long as it speaks.

    Nothing is passed on until the JVM is up: until then its words are the reason of a failure, if it fails.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(name="jvm-output", daemon=True)
        self.last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._stream = stream
        self._is_up = threading.Event()

    def pass_on(self) -> None:
        """From now on, what comes goes to stderr."""
        self._is_up.set()

    def run(self) -> None:
        """Listen until the last process that can write has ended."""
        with self._stream:
            for raw in self._stream:
                line = raw.decode("utf-8", errors="replace")
                if line.startswith(_CHATTER):
                    continue
                if self._is_up.is_set():
                    # A stderr that has been closed takes no more; the JVM must still be heard, or it would block.
                    with suppress(OSError, ValueError):
                        sys.stderr.write(line)
                else:
                    self.last_words.append(line.rstrip())
