"""What people read and what editors read, held against the models that decide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from ruamel.yaml import YAML

from ceasefire.cli.main import exit_code_of
from ceasefire.config.brand import BrandSettings
from ceasefire.config.bundle import LISTED_FILES
from ceasefire.config.parsing import parse_yaml
from ceasefire.config.schemas import NAMES, key_meanings, schema_of
from ceasefire.config.settings import JobSettings, read_settings
from unit.config.brand_texts import FILES, problems

CONF = Path(__file__).parents[3] / "conf"
README = (CONF / "README.md").read_text("utf-8")
BRANDS = sorted(one.name for one in (CONF / "brands").iterdir())


def section(name: str) -> str:
    return README.partition(f"\n## {name}")[2].partition("\n## ")[0]


def example(name: str) -> str:
    """The block of YAML in a section of the documentation."""
    (block,) = re.findall(r"```yaml\n(.*?)```", section(name), re.DOTALL)
    return str(block)


def texts(value: Any) -> Any:
    """Plain values with dates as the texts that they were written as."""
    if isinstance(value, dict):
        return {key: texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [texts(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def faults(name: str, text: str) -> list[str]:
    """What an editor would mark."""
    data = texts(YAML(typ="safe", pure=True).load(text))
    return [error.message for error in Draft202012Validator(schema_of(name)).iter_errors(data)]


def keys_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """The path of every key that a model takes and acts on."""
    for name, field in model.model_fields.items():
        if "_refuse_not_yet" in str(field.metadata) or name in ("once", "new_epoch", "accept_gap"):
            continue
        here = f"{path}{field.alias or name}"
        yield here
        below = [one for one in _models_in(field.annotation) if one is not model]
        of_own_names = "dict[" in str(field.annotation)
        for one in below:
            yield from keys_of(one, f"{here}.*." if of_own_names else f"{here}.")


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for part in getattr(annotation, "__args__", ()) for one in _models_in(part)]


MODELS: dict[str, type[BaseModel]] = {
    "brand": BrandSettings,
    "settings": JobSettings,
    **{name.removesuffix(".yaml"): model for name, (_, model) in LISTED_FILES.items()},
}


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_explained_in_the_section_of_its_file_and_stands_in_its_example(name: str) -> None:
    # what a message is about is a filter, as `from` of a feature is, and explained there
    keys = [key for key in keys_of(MODELS[name]) if not key.startswith("about.")]
    meanings, written = key_meanings()[name], example(name)

    def is_explained(key: str) -> bool:
        above, _, last = key.rpartition(".")
        return key in meanings or last in meanings.get(above, "") or any(one.startswith(f"{key}.") for one in meanings)

    def is_shown(key: str) -> bool:
        return re.search(rf"(^|[\s{{,]){re.escape(key.rpartition('.')[2])}:", written) is not None

    assert len(keys) > 2
    assert [key for key in keys if not is_explained(key)] == []
    assert [key for key in keys if not is_shown(key)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_key_that_is_explained_is_one(name: str) -> None:
    keys = set(keys_of(MODELS[name]))

    assert set(key_meanings()[name]) <= keys


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_each_file_is_right_by_the_schema_too(name: str) -> None:
    assert faults(name, example(name)) == []


def test_the_examples_together_are_a_brand_and_settings(tmp_path: Path) -> None:
    files = {f"{name}.yaml": example(name) for name in NAMES if name != "settings"}
    said = problems(files, {"audiences/vouchers.csv": ()})

    # only what examples name without declaring it
    assert all("unknown segment" in one or "unknown channel" in one or "missing list" in one for one in said), said
    (tmp_path / "settings.yaml").write_text(example("settings"), "utf-8")
    assert read_settings(tmp_path / "settings.yaml", once=True).prometheus == 9102


@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "settings"])
def test_an_editor_finds_nothing_wrong_with_the_brands_that_are_here(brand: str, name: str) -> None:
    assert faults(name, (CONF / "brands" / brand / f"{name}.yaml").read_text("utf-8")) == []


def test_an_editor_finds_nothing_wrong_with_the_settings_that_are_here() -> None:
    assert faults("settings", (CONF / "base.yaml").read_text("utf-8")) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_tells_what_keys_mean(name: str) -> None:
    schema = schema_of(name)

    Draft202012Validator.check_schema(schema)
    described = {
        one
        for one in key_meanings()[name].values()
        if one in json.dumps(schema, ensure_ascii=False).replace('\\"', '"')
    }
    assert described == set(key_meanings()[name].values())


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("brand.yaml", "locale: en", "locale: English"),
        ("brand.yaml", '"06:00"', '"06:30"'),
        ("brand.yaml", "48h", "2 days"),
        ("brand.yaml", '"0.002"', "cheap"),
        ("brand.yaml", "email:", "Email:"),
        ("brand.yaml", "locale: en", "locale: en\nholdout: 0.1"),
        ("features.yaml", "event: order", "event: ordr"),
        ("features.yaml", "count", "tally"),
        ("segments.yaml", "rule: orders > 0", "rool: orders > 0"),
        ("campaigns.yaml", "from: 2026-01-01", "from: January"),
        ("campaigns.yaml", "prior_uplift: 0.02", "prior_uplift: 2"),
    ],
)
def test_an_editor_marks_what_the_program_refuses(file: str, old: str, new: str) -> None:
    assert FILES[file].count(old) == 1
    spoiled = FILES[file].replace(old, new)

    assert faults(file.removesuffix(".yaml"), spoiled)
    assert problems(FILES | {file: spoiled})


def test_schemas_are_printed_one_by_one_or_written_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["schema", "campaigns"]) == 0
    assert json.loads(capsys.readouterr().out) == schema_of("campaigns")

    assert exit_code_of(["schema", "--out", str(tmp_path / "schemas")]) == 0
    written = {one.name: json.loads(one.read_text("utf-8")) for one in (tmp_path / "schemas").iterdir()}
    assert written == {f"{name}.schema.json": schema_of(name) for name in NAMES}
    assert capsys.readouterr().out.count("\n") == len(NAMES)


def test_a_schema_that_there_is_not_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["schema", "brnd"]) == 2
    assert exit_code_of(["schema"]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "no schema brnd, allowed: brand, features, segments, campaigns, settings",
        "name a schema (brand, features, segments, campaigns, settings), or --out DIR for all of them",
    ]


def test_the_reader_itself_takes_every_example() -> None:
    for name in NAMES:
        _, _, wrong = parse_yaml(example(name), name)
        assert wrong == []
