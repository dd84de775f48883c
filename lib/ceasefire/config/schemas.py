"""JSON Schemas (2020-12) of the files that people write, for editors: from the models that read them.

What a key means is told by the tables of `conf/README.md`, so that there is one text to keep true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from ceasefire.config.brand import BrandSettings
from ceasefire.config.bundle import LISTED_FILES
from ceasefire.config.settings import JobSettings
from ceasefire.config.shipped import shipped_conf

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMES = ("brand", "features", "segments", "campaigns", "settings")

Schema = dict[str, Any]

_SECTION = re.compile(r"^## (?P<name>\w+)[.:]", re.MULTILINE)
_ROW = re.compile(r"^\| (?P<keys>`[^|]*) \| (?P<meaning>.*) \| [^|]* \|$", re.MULTILINE)
_OF_THE_COMMAND_LINE = ("once", "new_epoch", "accept_gap")


class _Generator(GenerateJsonSchema):
    # Defaults that are objects of ours have no place in a schema; the documentation names them.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"non-serializable-default"}  # noqa: RUF012 - as its base has it


def schema_of(name: str) -> Schema:
    """The schema of one kind of file.

    Args:
        name: one of NAMES.
    """
    lists: dict[str, type[BaseModel]] = dict(LISTED_FILES.values())
    models: dict[str, type[BaseModel]] = {"brand": BrandSettings, "settings": JobSettings, **lists}
    generated = TypeAdapter(models[name]).json_schema(by_alias=True, schema_generator=_Generator)
    definitions = generated.pop("$defs", {})
    for key in _OF_THE_COMMAND_LINE if name == "settings" else ():
        del generated["properties"][key]
    meanings = key_meanings()[name]
    for part in (generated, *definitions.values()):
        _refuse_other_keys(part)
    _describe(generated, definitions, "", meanings)
    del generated["title"]
    if name in lists:
        generated = {
            "type": "object",
            "properties": {name: {"type": "array", "items": generated}},
            "required": [name],
            "additionalProperties": False,
        }
    return {"$schema": DIALECT, "title": f"{name}.yaml of ceasefire", **generated, "$defs": definitions}


def key_meanings() -> dict[str, dict[str, str]]:
    """What `conf/README.md` says of each key, by file and by path: keys joined by dots, `*` for names of one's own."""
    text = (shipped_conf() / "README.md").read_text("utf-8")
    starts = list(_SECTION.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {
        start["name"]: {
            key: row["meaning"].replace("`", "")
            for row in _ROW.finditer(text, start.end(), end)
            for key in re.findall(r"`([^`]+)`", row["keys"])
        }
        for start, end in zip(starts, ends, strict=True)
    }


def _describe(part: Schema, definitions: Mapping[str, Schema], path: str, meanings: Mapping[str, str]) -> None:
    for key, value in part.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        for title in ("title", "default"):
            value.pop(title, None)
        if here in meanings:
            value["description"] = meanings[here]
        for target, below in _objects_in(value, definitions):
            _describe(target, definitions, here + below, meanings)


def _objects_in(value: Schema, definitions: Mapping[str, Schema]) -> list[tuple[Schema, str]]:
    """The objects that a value may be, or hold by names of one's own (`.*`) or in a list."""
    if "$ref" in value:
        return [(definitions[value["$ref"].rpartition("/")[2]], "")]
    found: list[tuple[Schema, str]] = []
    for choice in value.get("anyOf", ()):
        found += _objects_in(choice, definitions)
    for named in value.get("patternProperties", {}).values():
        found += [(target, ".*" + below) for target, below in _objects_in(named, definitions)]
    if isinstance(value.get("items"), dict):
        found += _objects_in(value["items"], definitions)
    return found


def _refuse_other_keys(part: Schema) -> None:
    """Names of one's own must look like names, wherever they stand."""
    for value in part.get("properties", {}).values():
        if "patternProperties" in value:
            value["additionalProperties"] = False
