"""The Java that Spark would start: where it is, and whether its version will do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ceasefire.errors import EnvironmentMissingError

OLDEST = 17
NEWEST = 21
ADVICE = (
    f"install a Java runtime of version {OLDEST} to {NEWEST} (for example the package openjdk-{OLDEST}-jre-headless) "
    "and put it on PATH, or point JAVA_HOME at it"
)

_SECONDS_TO_ANSWER = 30
# The file begins with a mark, its own name, and the releases that it holds.
_TIME_ZONE_RELEASE = re.compile(rb"\x01\x00\x04TZDB\x00\x01\x00.(\d{4}[a-z]+)", re.DOTALL)
_RELEASE_WITHIN_BYTES = 64
_VERSION = re.compile(r'version "(?P<first>\d+)(?:\.(?P<second>\d+))?')


@dataclass(frozen=True)
class Java:
    """A Java that is there.

    Attributes:
        path: the program.
        version: its feature version (17, 21; 8 for what calls itself 1.8), or None when it does not say.
    """

    path: Path
    version: int | None

    @property
    def will_do(self) -> bool:
        """Whether Spark runs on it."""
        return self.version is not None and OLDEST <= self.version <= NEWEST

    def __str__(self) -> str:
        """`17 at /usr/bin/java`."""
        return f"{self.version if self.version is not None else 'of no readable version'} at {self.path}"


def find_java(environment: Mapping[str, str]) -> Java | None:
    """The Java that Spark's launcher would take, by its own rule: `JAVA_HOME` if set, else `PATH`.

    Args:
        environment: the variables of the process that will start Spark.

    Returns:
        None when there is no such program.
    """
    home = environment.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environment.get("PATH", ""))
    if program is None or not Path(program).is_file():
        return None
    try:
        answer = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Java(Path(program), None)
    return Java(Path(program), version_in(answer.stderr + answer.stdout))


def version_in(answer: str) -> int | None:
    """The feature version in what `java -version` prints, or None.

    >>> version_in('openjdk version "17.0.15" 2025-04-15'), version_in('java version "1.8.0_402"')
    (17, 8)
    """
    match = _VERSION.search(answer)
    if match is None:
        return None
    first, second = int(match["first"]), int(match["second"] or 0)
    return second if first == 1 else first


def time_zone_release(environment: Mapping[str, str]) -> str | None:
    """The release of the time zones of the Java that Spark's launcher would take, as in 2025a; None if unknown."""
    java = find_java(environment)
    if java is None:
        return None
    database = java.path.resolve().parent.parent / "lib" / "tzdb.dat"
    try:
        with database.open("rb") as content:
            match = _TIME_ZONE_RELEASE.match(content.read(_RELEASE_WITHIN_BYTES))
    except OSError:
        return None
    return None if match is None else match[1].decode("ascii")


def require_java(environment: Mapping[str, str]) -> Java:
    """The Java that Spark will run on.

    Raises:
        EnvironmentMissingError: when there is none, or its version will not do; says what to install.
    """
    java = find_java(environment)
    if java is None:
        home = environment.get("JAVA_HOME")
        where = f"JAVA_HOME={home} holds no bin/java" if home else "there is no java on PATH"
        raise EnvironmentMissingError(f"Spark needs Java: {where}; {ADVICE}")
    if not java.will_do:
        raise EnvironmentMissingError(f"Spark cannot run on Java {java}; {ADVICE}")
    return java
