from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from ceasefire.errors import CheckFailedError, UsageError
from ceasefire.scoring.pyfunc_loader import _load_pyfunc
from ceasefire.storage.model_gate import MAX_BYTES, ModelRefusedError, Refusal, admitted_parameters
from ceasefire.storage.registry import (
    Registry,
    RegistryUnavailableError,
    champion,
    models,
    promote,
    reachable,
    register_model,
    registry_of,
    sha256_of,
)
from unit.scoring.test_uplift_model import MODEL

NAME = "ceasefire_corner_winter"
INPUTS = ("orders", "spend", "days")
SURE = {"qini_low": "0.012", "feature.orders": "d1"}


@dataclass(frozen=True)
class Shelf:
    """A registry with one promoted version, the folder of its files, and a copy of these to put back."""

    registry: Registry
    number: int
    files: Path
    spare: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    root = tmp_path_factory.mktemp("shelf")
    registry = registry_of(str(root), "")
    number = register_model(registry, NAME, MODEL.to_bytes(), INPUTS, SURE)
    promote(registry, NAME, number, None)
    (description,) = root.rglob("MLmodel")
    spare = tmp_path_factory.mktemp("spare") / "model"
    shutil.copytree(description.parent, spare)
    return Shelf(registry, number, description.parent, spare)


@pytest.fixture
def shelf(made: Shelf) -> Shelf:
    """The shelf with its files whole."""
    if made.files.is_symlink():
        made.files.unlink()
    shutil.rmtree(made.files, ignore_errors=True)
    shutil.copytree(made.spare, made.files)
    return made


def test_what_is_promoted_is_admitted_as_it_was_registered(shelf: Shelf) -> None:
    admitted = admitted_parameters(shelf.registry, NAME, shelf.number)

    assert admitted.parameters == MODEL.to_bytes()
    assert admitted.sha256 == sha256_of(MODEL.to_bytes())
    (one,) = [each for each in models(shelf.registry, NAME) if each.number == shelf.number]
    assert one.is_champion
    assert one.tags.items() >= SURE.items()
    assert one.created_at.tzinfo is not None


def test_an_artefact_holds_parameters_and_descriptions_and_no_code_and_mlflow_can_load_it(shelf: Shelf) -> None:
    names = {path.relative_to(shelf.files).as_posix() for path in shelf.files.rglob("*") if path.is_file()}
    frame = pd.DataFrame({"orders": [3.0], "spend": [70.0], "days": [2.0], "group": ["wide"]})

    assert names == {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "data/parameters.json"}
    found = _load_pyfunc(str(shelf.files / "data" / "parameters.json")).predict(frame)
    assert found.tolist() == MODEL.uplifts_of_frame(frame).tolist()


def _flip(files: Path) -> None:
    path = files / "data" / "parameters.json"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def _link(files: Path) -> None:
    path = files / "data" / "parameters.json"
    path.rename(files.parent / "elsewhere.json")
    path.symlink_to(files.parent / "elsewhere.json")


def _huge(files: Path) -> None:
    with (files / "huge").open("wb") as file:
        file.truncate(MAX_BYTES + 1)


def _many(files: Path) -> None:
    for number in range(20):
        (files / f"more-{number}").write_text("x")


def _link_of_folder(files: Path) -> None:
    files.rename(files.parent / "moved")
    files.symlink_to(files.parent / "moved")


@pytest.mark.parametrize(
    ("harm", "code", "says"),
    [
        (_flip, Refusal.CHANGED_SINCE_PROMOTION, "not the files that were promoted: data/parameters.json"),
        (lambda files: (files / "new.py").write_text("x"), Refusal.CHANGED_SINCE_PROMOTION, "new.py"),
        (lambda files: (files / "conda.yaml").unlink(), Refusal.CHANGED_SINCE_PROMOTION, "conda.yaml"),
        (_link, Refusal.UNSAFE_PATH, "data/parameters.json is a link"),
        (_link_of_folder, Refusal.UNSAFE_PATH, "is a link"),
        (_huge, Refusal.TOO_LARGE, "one over 8388608 bytes"),
        (_many, Refusal.TOO_LARGE, "more than 20 files"),
        (lambda files: shutil.rmtree(files), Refusal.ARTEFACT_MISSING, "are gone"),
    ],
    ids=["a flipped byte", "a file more", "a file fewer", "a link", "a linked folder", "huge", "many", "gone"],
)
def test_files_that_are_not_those_that_were_promoted_are_refused(
    harm: Callable[[Path], object], code: Refusal, says: str, shelf: Shelf
) -> None:
    shutil.rmtree(shelf.files.parent / "moved", ignore_errors=True)
    harm(shelf.files)

    with pytest.raises(ModelRefusedError, match=says) as refused:
        admitted_parameters(shelf.registry, NAME, shelf.number)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("loader_module: ceasefire.scoring.pyfunc_loader", "loader_module: os", "its loader is os"),
        ("code: null", "code: code", "it brings code"),
        ("data: data/parameters.json", "data: conda.yaml", "its data is conda.yaml"),
        ("flavors:\n", "flavors:\n  sklearn: {pickled_model: m.pkl}\n", "its flavours are sklearn"),
        ("flavors:\n", "flavors: !!python/object/apply:os.system [ls]\nx:\n", "its flavours are unreadable"),
    ],
    ids=["loader", "code", "data", "flavour", "tag"],
)
def test_a_description_that_asks_for_anything_but_our_loader_is_refused_though_it_was_promoted(
    old: str, new: str, says: str, shelf: Shelf
) -> None:
    # given a registry whose writer also wrote the hashes
    description = shelf.files / "MLmodel"
    text = description.read_text()
    assert old in text
    description.write_text(text.replace(old, new, 1))
    promote(shelf.registry, NAME, shelf.number, None)

    with pytest.raises(ModelRefusedError, match=says) as refused:
        admitted_parameters(shelf.registry, NAME, shelf.number)

    assert refused.value.code == Refusal.FOREIGN_LOADER
    description.write_text(text)
    promote(shelf.registry, NAME, shelf.number, None)


def test_promotion_needs_a_lower_bound_above_zero_or_a_reason_that_is_recorded(shelf: Shelf) -> None:
    unsure = register_model(shelf.registry, NAME, MODEL.to_bytes(), INPUTS, {"qini_low": "-0.004"})
    unsaid = register_model(shelf.registry, NAME, MODEL.to_bytes(), INPUTS, {})

    with pytest.raises(CheckFailedError, match=r"lower bound of its Qini is -0\.004"):
        promote(shelf.registry, NAME, unsure, None)
    with pytest.raises(CheckFailedError, match="lower bound of its Qini is not recorded"):
        promote(shelf.registry, NAME, unsaid, None)
    with pytest.raises(ModelRefusedError, match="was never promoted"):
        admitted_parameters(shelf.registry, NAME, unsure)
    assert champion(shelf.registry, NAME) == shelf.number

    promote(shelf.registry, NAME, unsure, "we want to see it at work")

    assert champion(shelf.registry, NAME) == unsure
    newest = {one.number: one.tags for one in models(shelf.registry, NAME)}
    assert newest[unsure]["promotion_override"] == "we want to see it at work"
    # and without the alias there is no champion any more
    with reachable(shelf.registry) as client:
        client.delete_registered_model_alias(NAME, "champion")
    assert champion(shelf.registry, NAME) is None
    promote(shelf.registry, NAME, shelf.number, None)
    assert champion(shelf.registry, NAME) == shelf.number


def test_a_root_that_is_copied_has_its_models_with_it(shelf: Shelf, tmp_path: Path) -> None:
    assert shelf.registry.folder is not None
    shutil.copytree(shelf.registry.folder.parent, tmp_path / "copy")
    _flip(shelf.files)

    admitted = admitted_parameters(registry_of(str(tmp_path / "copy"), ""), NAME, shelf.number)

    assert admitted.parameters == MODEL.to_bytes()


def test_a_version_that_is_not_there_is_named_with_those_that_are(shelf: Shelf) -> None:
    with pytest.raises(UsageError, match=rf"no version 99 of {NAME}, allowed: 1"):
        promote(shelf.registry, NAME, 99, None)
    with pytest.raises(ModelRefusedError, match="is not in the registry any more"):
        admitted_parameters(shelf.registry, NAME, 99)


def test_to_look_into_a_registry_that_was_never_written_to_makes_none(tmp_path: Path) -> None:
    registry = registry_of(str(tmp_path), "")

    assert (models(registry, NAME), champion(registry, NAME)) == ([], None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("root", "tracking", "says"),
    [
        ("lake", "http://somebody:secret@127.0.0.1:9", r"at http://127\.0\.0\.1:9 does not answer"),
        ("s3://bucket/lake", "", "no model registry under this root; set CEASEFIRE_TRACKING"),
    ],
)
def test_a_registry_that_cannot_be_reached_is_an_error_of_ours_without_its_password(
    root: str, tracking: str, says: str
) -> None:
    with pytest.raises(RegistryUnavailableError, match=says) as error:
        champion(registry_of(root, tracking), NAME)

    assert "secret" not in str(error.value)


def test_a_database_that_is_none_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "_models").mkdir()
    (tmp_path / "_models" / "mlflow.db").write_bytes(b"no database" * 100)

    with pytest.raises(RegistryUnavailableError, match="does not answer"):
        models(registry_of(str(tmp_path), ""), NAME)


def test_no_command_imports_mlflow_before_it_needs_it() -> None:
    asked = "import json, sys, ceasefire.cli.main, ceasefire.pipelines.decide; print(json.dumps(sorted(sys.modules)))"

    loaded = json.loads(subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout)

    assert not {"mlflow", "sklearn", "sqlalchemy"} & set(loaded)
