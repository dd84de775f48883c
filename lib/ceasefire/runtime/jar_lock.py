"""Which jars belong to this program, to the byte: the reading of the lock files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

DELTA_LOCK = Path(__file__).with_name("jars.lock")
KAFKA_LOCK = Path(__file__).with_name("kafka.lock")
"""Wanted only where settings name a broker."""


@dataclass(frozen=True)
class Jar:
    """One file that Spark is handed.

    Attributes:
        group, artifact, version: its coordinates.
        sha256: of its bytes, in lower-case hexadecimal.
    """

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinates(self) -> str:
        """`group:artifact:version`."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        """The name under which repositories serve it and the cache keeps it."""
        return f"{self.artifact}-{self.version}.jar"

    def is_in(self, file: Path) -> bool:
        """Whether the file holds exactly this jar's bytes.

        Raises:
            OSError: when it cannot be read.
        """
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256


def locked_jars(*locks: Path) -> tuple[Jar, ...]:
    """The jars of lock files, in their order; those of Delta if none is named."""
    texts = (lock.read_text(encoding="utf-8") for lock in locks or (DELTA_LOCK,))
    lines = (line.split() for text in texts for line in text.splitlines() if not line.startswith("#"))
    return tuple(_jar(coordinates, sha256) for coordinates, sha256 in lines)


def _jar(coordinates: str, sha256: str) -> Jar:
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256)
