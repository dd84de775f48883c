"""Where models are registered: MLflow on sqlite and files beside the tables, or on a tracking server.

MLflow takes seconds to import, so only what needs it does.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ceasefire.errors import CheckFailedError, EnvironmentMissingError, UsageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
LOADER = "ceasefire.scoring.pyfunc_loader"
PARAMETERS = "data/parameters.json"
"""Where MLflow puts a model's data, inside the folder of its files."""
PROMOTED_HASHES = "promoted_sha256"
PROMOTION_OVERRIDE = "promotion_override"
_EXPERIMENT = "ceasefire"
_FOLDER, _ARTEFACTS = "_models", "artefacts"
_PASSWORD = re.compile(r"//[^/@\s]+@")
_QUIET = ("mlflow", "alembic", "sqlalchemy")
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    # What it would say on stdout, which belongs to the results of commands.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


class RegistryUnavailableError(EnvironmentMissingError):
    """Raised when the registry cannot be reached or read."""


@dataclass(frozen=True)
class Registry:
    """An MLflow registry.

    Attributes:
        tracking_uri: sqlite file or server.
        folder: where sqlite and artefacts lie; None with a server.
    """

    tracking_uri: str
    folder: Path | None


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a registered model."""

    name: str
    number: int
    is_champion: bool
    tags: Mapping[str, str]
    created_at: datetime


def registry_of(root: str, tracking: str) -> Registry:
    """The server at `tracking`; if that is empty, sqlite and artefacts under root/_models.

    Under a root that is no local folder there is none: asked for anything, it does not answer.
    """
    if tracking or "://" in root:
        return Registry(tracking, None)
    folder = Path(root).absolute() / _FOLDER
    return Registry(f"sqlite:///{folder}/mlflow.db", folder)


def register_model(
    registry: Registry, name: str, parameters: bytes, inputs: Sequence[str], tags: Mapping[str, str]
) -> int:
    """Register a new version of a model, as parameters and the name of our loader: no pickle, no code.

    Args:
        registry: where.
        name: of the registered model, made if need be.
        parameters: bytes of the model.
        inputs: features that it reads, for the signature.
        tags: what is recorded of the version.

    Returns:
        Its number.

    Raises:
        RegistryUnavailableError: the registry cannot be reached.
    """
    with reachable(registry, create=True) as client, tempfile.TemporaryDirectory() as scratch:
        import mlflow
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        data = Path(scratch) / Path(PARAMETERS).name
        data.write_bytes(parameters)
        columns: list[Any] = [*(ColSpec("double", one) for one in inputs), ColSpec("string", "group")]
        signature = ModelSignature(Schema(columns), Schema([ColSpec("double", "uplift")]))
        artifact = Path(scratch) / "model"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it would rather infer the signature from an example
            mlflow.pyfunc.save_model(
                str(artifact),
                loader_module=LOADER,
                data_path=str(data),
                signature=signature,
                # Said outright, since else a process is started that loads the model to find out.
                pip_requirements=["ceasefire"],
            )
        run = client.create_run(_experiment(registry, client))
        client.log_artifacts(run.info.run_id, str(artifact), "model")
        client.set_terminated(run.info.run_id)
        if not client.search_registered_models(filter_string=f"name = '{name}'"):
            client.create_registered_model(name)
        version = client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id, dict(tags))
        return int(version.version)


def models(registry: Registry, name: str) -> list[RegisteredModel]:
    """All versions of a registered model, newest first.

    Raises:
        RegistryUnavailableError: the registry cannot be reached.
    """
    if _is_empty(registry):
        return []
    with reachable(registry) as client:
        best = _champion(client, name)
        found = [
            RegisteredModel(
                name=name,
                number=int(one.version),
                is_champion=int(one.version) == best,
                tags=dict(one.tags),
                created_at=datetime.fromtimestamp(one.creation_timestamp / 1000, UTC),
            )
            for one in client.search_model_versions(f"name = '{name}'")
        ]
    return sorted(found, key=lambda one: -one.number)


def champion(registry: Registry, name: str) -> int | None:
    """The number of the version that windows are to use, if one is promoted.

    Raises:
        RegistryUnavailableError: the registry cannot be reached.
    """
    if _is_empty(registry):
        return None
    with reachable(registry) as client:
        return _champion(client, name)


def promote(registry: Registry, name: str, number: int, override: str | None) -> None:
    """Make a version the champion, and record the hash of each of its files as of now.

    Args:
        registry: where.
        name: of the registered model.
        number: of the version.
        override: why it may go though its Qini is not surely above 0; recorded.

    Raises:
        UsageError: there is no such version.
        CheckFailedError: the lower bound of its Qini is not above 0, and there is no override.
        RegistryUnavailableError: the registry cannot be reached.
    """
    known = {one.number: one for one in models(registry, name)}
    if number not in known:
        there = ", ".join(str(one) for one in sorted(known)) or "none is registered"
        raise UsageError(f"no version {number} of {name}, allowed: {there}")
    low = known[number].tags.get("qini_low", "not recorded")
    if not _is_above_zero(low) and not override:
        raise CheckFailedError(
            f"version {number} of {name}: the lower bound of its Qini is {low}, so it may be no better than chance; "
            'promote a better one, or say why this one may go: --override "…"'
        )
    with reachable(registry) as client, tempfile.TemporaryDirectory() as scratch:
        folder = artefacts(registry, client, name, number, Path(scratch))
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        hashes = {path.relative_to(folder).as_posix(): sha256_of(path.read_bytes()) for path in files}
        client.set_model_version_tag(name, str(number), PROMOTED_HASHES, json.dumps(hashes, sort_keys=True))
        client.set_model_version_tag(name, str(number), PROMOTION_OVERRIDE, override or "")
        client.set_registered_model_alias(name, CHAMPION, str(number))


@contextmanager
def reachable(registry: Registry, create: bool = False) -> Iterator[MlflowClient]:
    """A client whose every failure is an error of ours.

    Raises:
        RegistryUnavailableError: the registry cannot be reached or read.
    """
    if not registry.tracking_uri:
        raise RegistryUnavailableError("no model registry under this root; set CEASEFIRE_TRACKING to an MLflow server")
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if create and registry.folder is not None:
        registry.folder.mkdir(parents=True, exist_ok=True)
    for logger in _QUIET:
        logging.getLogger(logger).setLevel(logging.ERROR)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for logger in _QUIET:
        logging.getLogger(logger).setLevel(logging.ERROR)
    try:
        yield MlflowClient(registry.tracking_uri, registry.tracking_uri)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        said = _PASSWORD.sub("//", " ".join(str(error).split()))[:200]
        raise RegistryUnavailableError(
            f"the model registry at {_PASSWORD.sub('//', registry.tracking_uri)} does not answer: {said}; "
            "start it, or set CEASEFIRE_TRACKING to another"
        ) from None


def artefacts(registry: Registry, client: MlflowClient, name: str, number: int, scratch: Path) -> Path:
    """The folder of a version's files: beside the tables if they are kept there, else a copy in `scratch`."""
    source = client.get_model_version_download_uri(name, str(number))
    if registry.folder is not None:
        # MLflow keeps whole paths; a root that was moved or copied has its files under itself all the same.
        return registry.folder / _ARTEFACTS / unquote(source).rpartition(f"/{_ARTEFACTS}/")[2]
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(artifact_uri=source, dst_path=str(scratch), tracking_uri=registry.tracking_uri))


def sha256_of(content: bytes) -> str:
    """SHA-256 of a file's content in hex."""
    return hashlib.sha256(content).hexdigest()


def _experiment(registry: Registry, client: MlflowClient) -> str:
    found = client.get_experiment_by_name(_EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    # Said outright: by default artefacts land in the working folder.
    location = None if registry.folder is None else (registry.folder / _ARTEFACTS).as_uri()
    return str(client.create_experiment(_EXPERIMENT, location))


def _champion(client: MlflowClient, name: str) -> int | None:
    found = client.search_registered_models(filter_string=f"name = '{name}'")
    number = found[0].aliases.get(CHAMPION) if found else None
    return None if number is None else int(number)


def _is_empty(registry: Registry) -> bool:
    """Whether a local registry has never been written to; to look must not make one."""
    return registry.folder is not None and not (registry.folder / "mlflow.db").exists()


def _is_above_zero(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False
