"""The ways by which a jar can reach this machine.

No registry's address stands here: each client uses its own defaults, and what its user set up for it
(`DEFAULT_ARTIFACT_REPOSITORY` for Ivy, mirrors in the settings for Maven).
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.jar_lock import Jar
from ceasefire.runtime.java import require_java

# The jars come to a few megabytes; a client that takes longer is waiting for a network that is not there.
_PATIENCE_SECONDS = 300
# What the jars depend on, Spark has, or the lock names: as globs, so that not even their poms are asked for. A glob
# that covers a jar that is asked for would leave out that jar, too; the finer ones are for when "org.*:*" does.
_NOT_ASKED_FOR = (
    *("org.*:*", "com.*:*", "jakarta.*:*", "javax.*:*", "at.*:*"),
    *("org.apache.spark:spark-sql-kafka*", "org.apache.spark:spark-t*", "org.apache.kafka:*", "org.apache.commons:*"),
    *("org.apache.hadoop:*", "org.scala*:*", "org.slf4j:*", "org.lz4:*", "org.xerial*:*"),
)


@dataclass(frozen=True)
class Route:
    """One way to get jars.

    Attributes:
        name: what the user calls it.
        fetch: puts the given jars into the given empty folder under their `file_name`s. It may leave some
            out, and promises nothing about their bytes. Raises EnvironmentMissingError with the reason
            when the route as a whole is closed.
    """

    name: str
    fetch: Callable[[Sequence[Jar], Path], None]


def fetch_by_ivy(jars: Sequence[Jar], folder: Path) -> None:
    """Fetch by the Ivy inside Spark, with all of its files in `folder`.

    The JVM's home is moved into the folder as well: Ivy trusts a local Maven repository, and when that holds
    a pom without its jar it gives up instead of looking further.

    Raises:
        EnvironmentMissingError: when Java is missing or Spark's launcher fails; says what it said.
    """
    require_java(os.environ)
    # Each jar of a group that others of ours depend on goes alone: Ivy settles on one version of an artifact, and that
    # can be one that is named by a dependency and served by nobody.
    alone = [[jar] for jar in jars if jar.group.startswith("org.")]
    for batch in (*alone, [jar for jar in jars if not jar.group.startswith("org.")]):
        if batch:
            _resolve(batch, folder)


def _resolve(jars: Sequence[Jar], folder: Path) -> None:
    spark_home = _spark_home()
    nothing_to_do = folder / "nothing_to_do.py"
    nothing_to_do.touch()
    ivy = folder / "ivy"
    home = folder / "home"
    options = os.environ.get("SPARK_SUBMIT_OPTS", "")
    environment = dict(os.environ) | {
        "SPARK_HOME": str(spark_home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": f'{options} "-Duser.home={home}"'.strip(),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
    command = [
        str(spark_home / "bin" / "spark-submit"),
        *("--master", "local[1]"),
        *("--packages", ",".join(jar.coordinates for jar in jars)),
        *("--exclude-packages", ",".join(_not_asked_for(jars))),
        *("--conf", f"spark.jars.ivy={ivy}"),
        str(nothing_to_do),
    ]
    try:
        _run(command, environment, folder)
    finally:
        for jar in jars:
            fetched = ivy / "jars" / f"{jar.group}_{jar.file_name}"
            if fetched.is_file():
                fetched.replace(folder / jar.file_name)


def _not_asked_for(jars: Sequence[Jar]) -> tuple[str, ...]:
    wanted = [f"{jar.group}:{jar.artifact}" for jar in jars]
    return tuple(glob for glob in _NOT_ASKED_FOR if not fnmatch.filter(wanted, glob))


def fetch_by_maven(jars: Sequence[Jar], folder: Path) -> None:
    """Fetch by the user's own Maven, with its settings and its local repository.

    Raises:
        EnvironmentMissingError: when there is no `mvn`, or it fails; says what it said.
    """
    program = shutil.which("mvn")
    if program is None:
        raise EnvironmentMissingError("there is no mvn on PATH")
    pom = folder / "pom.xml"
    pom.write_text(_pom(jars, folder), encoding="utf-8")
    plain = ("--batch-mode", "--quiet", "-Dstyle.color=never")
    _run([program, *plain, "--file", str(pom), "dependency:copy"], os.environ, folder)


ROUTES = (Route("Spark's Ivy", fetch_by_ivy), Route("Maven", fetch_by_maven))


def _spark_home() -> Path:
    """The folder of the installed pyspark, without importing it."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise EnvironmentMissingError("pyspark is not installed")
    return Path(spec.origin).parent


def _run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
    """Run a client in `folder` until it ends, with all it started.

    Raises:
        EnvironmentMissingError: when it cannot start, fails or is too slow; carries its last telling line.
    """
    # A temporary file and not a pipe: a grandchild that survives would keep a pipe open for ever.
    said = folder / "said.txt"
    with said.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentMissingError(f"{command[0]} does not start: {error.strerror}") from error
        try:
            code = process.wait(timeout=_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise EnvironmentMissingError(f"no answer in {_PATIENCE_SECONDS} seconds") from None
        finally:
            # Launchers are scripts: whoever interrupts them must take the JVM along.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code != 0:
        reason = _telling_line(said.read_text(encoding="utf-8", errors="replace"))
        raise EnvironmentMissingError(reason or f"ended with code {code}")


def _telling_line(text: str) -> str:
    """The first line that speaks of a failure, else the last line; empty when nothing was said."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    signs = ("not found", "failed", "error", "unresolved", "refused", "timed out")
    telling = (line for line in lines if any(sign in line.lower() for sign in signs))
    return next(telling, lines[-1] if lines else "")


def _pom(jars: Sequence[Jar], folder: Path) -> str:
    """A project that does nothing but copy these jars, and not what they depend on, into `folder`."""
    items = "".join(
        f"<artifactItem><groupId>{jar.group}</groupId><artifactId>{jar.artifact}</artifactId>"
        f"<version>{jar.version}</version></artifactItem>"
        for jar in jars
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>local</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>"
        "<build><plugins><plugin>"
        "<groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId>"
        f"<configuration><outputDirectory>{escape(str(folder))}</outputDirectory>"
        f"<artifactItems>{items}</artifactItems></configuration>"
        "</plugin></plugins></build></project>\n"
    )
