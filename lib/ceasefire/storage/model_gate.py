"""The gate before a registered model is read: everything that could be another file, or code, is refused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ceasefire.errors import CeasefireError
from ceasefire.storage.registry import (
    LOADER,
    PARAMETERS,
    PROMOTED_HASHES,
    Registry,
    RegistryUnavailableError,
    artefacts,
    models,
    reachable,
    sha256_of,
)

MAX_FILES = 20
MAX_BYTES = 8 << 20
_DESCRIPTION = "MLmodel"
_FLAVOUR = "python_function"


class Refusal(StrEnum):
    """Why a registered model may not be used."""

    REGISTRY_UNAVAILABLE = "registry_unavailable"
    ARTEFACT_MISSING = "artefact_missing"
    NOT_PROMOTED = "not_promoted"
    UNSAFE_PATH = "unsafe_path"
    TOO_LARGE = "too_large"
    CHANGED_SINCE_PROMOTION = "changed_since_promotion"
    FOREIGN_LOADER = "foreign_loader"


class ModelRefusedError(CeasefireError):
    """Raised when a registered model may not be used; carries a code and says why."""

    def __init__(self, code: Refusal, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class Admitted:
    """The parameters of a version that passed, and their SHA-256."""

    parameters: bytes
    sha256: str


def admitted_parameters(registry: Registry, name: str, number: int) -> Admitted:
    """The parameters of a promoted version, once every one of its files is what it was when promoted.

    Raises:
        ModelRefusedError: the version may not be used, or cannot be had.
    """
    try:
        version = next((one for one in models(registry, name) if one.number == number), None)
        if version is None:
            raise ModelRefusedError(Refusal.ARTEFACT_MISSING, f"{name}/{number} is not in the registry any more")
        with reachable(registry) as client, tempfile.TemporaryDirectory() as scratch:
            folder = artefacts(registry, client, name, number, Path(scratch))
            return _admitted(folder, version.tags, f"{name}/{number}")
    except RegistryUnavailableError as error:
        raise ModelRefusedError(Refusal.REGISTRY_UNAVAILABLE, str(error)) from None


def _admitted(folder: Path, tags: Mapping[str, str], label: str) -> Admitted:
    if folder.is_symlink() or ".." in folder.parts:
        raise ModelRefusedError(Refusal.UNSAFE_PATH, f"the folder of {label} is a link, or leads upwards")
    if not folder.is_dir():
        raise ModelRefusedError(Refusal.ARTEFACT_MISSING, f"the files of {label} are gone")
    promoted = _promoted_hashes(tags, label)
    files = dict(_files(folder, label))
    # Looked at before anything is read: a link leads elsewhere, and a huge file fills the memory.
    if len(files) > MAX_FILES or any(path.stat().st_size > MAX_BYTES for path in files.values()):
        raise ModelRefusedError(
            Refusal.TOO_LARGE, f"{label}: more than {MAX_FILES} files, or one over {MAX_BYTES} bytes"
        )
    # Read once: what is hashed is what is used.
    contents = {name: path.read_bytes() for name, path in files.items()}
    found = {name: sha256_of(content) for name, content in contents.items()}
    changed = sorted(name for name in found.keys() | promoted.keys() if found.get(name) != promoted.get(name))
    if changed:
        text = f"{label}: not the files that were promoted: {', '.join(changed)}"
        raise ModelRefusedError(Refusal.CHANGED_SINCE_PROMOTION, text)
    _refuse_foreign(contents, label)
    return Admitted(contents[PARAMETERS], found[PARAMETERS])


def _promoted_hashes(tags: Mapping[str, str], label: str) -> dict[str, str]:
    try:
        read = json.loads(tags[PROMOTED_HASHES])
    except (KeyError, ValueError):
        read = None
    if not isinstance(read, dict) or not read:
        raise ModelRefusedError(Refusal.NOT_PROMOTED, f"{label} was never promoted by `ceasefire model promote`")
    return {str(name): str(value) for name, value in read.items()}


def _files(folder: Path, label: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()) or ".." in path.relative_to(folder).parts:
            raise ModelRefusedError(Refusal.UNSAFE_PATH, f"{label}: {name} is a link or no file")
        if path.is_file():
            yield name, path


def _refuse_foreign(contents: Mapping[str, bytes], label: str) -> None:
    flavours = _flavours(contents.get(_DESCRIPTION, b""))
    ours = flavours.get(_FLAVOUR)
    said = ""
    if set(flavours) != {_FLAVOUR} or not isinstance(ours, dict):
        said = f"its flavours are {', '.join(map(str, flavours)) or 'unreadable'}, not {_FLAVOUR} alone"
    elif ours.get("loader_module") != LOADER:
        said = f"its loader is {ours.get('loader_module')}, not {LOADER}"
    elif ours.get("code") is not None:
        said = "it brings code"
    elif ours.get("data") != PARAMETERS or PARAMETERS not in contents:
        said = f"its data is {ours.get('data')}, not {PARAMETERS}"
    if said:
        raise ModelRefusedError(Refusal.FOREIGN_LOADER, f"{label}: {said}")


def _flavours(description: bytes) -> dict[str, Any]:
    try:
        read = YAML(typ="safe", pure=True).load(description)
    except (YAMLError, ValueError, RecursionError):
        return {}
    flavours = read.get("flavors") if isinstance(read, dict) else None
    return flavours if isinstance(flavours, dict) else {}
