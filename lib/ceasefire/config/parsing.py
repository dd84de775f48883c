"""YAML 1.2 with line numbers, and pydantic models that report every problem with the line it stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ceasefire.errors import Problem

MAX_FILE_CHARS = 1 << 20
SHOWN_CHARS = 60

Path = tuple[str | int, ...]
Lines = Mapping[Path, int]
Model = TypeVar("Model", bound=BaseModel)


class Declared(BaseModel):
    """A frozen piece of configuration; keys it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _refuse_not_yet(value: object) -> object:
    raise PydanticCustomError("not_supported_yet", "not supported yet")


NotYet = Annotated[Any, BeforeValidator(_refuse_not_yet)]
"""A key that the configuration language has and this version does not act on: refused, never ignored."""


def refused(what: str, allowed: str = "") -> PydanticCustomError:
    """The error that a validator of ours raises: what is wrong, and what would be right."""
    return PydanticCustomError("refused", "{what}", {"what": what, "allowed": allowed})


def parse_yaml(text: str, file: str) -> tuple[Any, Lines, list[Problem]]:
    """Plain Python values of a YAML text, the line of every key and item, and what is wrong with it as YAML."""
    if len(text) > MAX_FILE_CHARS:
        problem = Problem(file, "file too large", f"{len(text)} characters", f"at most {MAX_FILE_CHARS}")
        return None, {}, [problem]
    try:
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        what = " ".join(str(error.problem or error.context or "not YAML").split())
        return None, {}, [Problem(f"{file}{line}", f"not valid YAML: {what}")]
    except (YAMLError, RecursionError, ValueError) as error:
        return None, {}, [Problem(file, f"not valid YAML: {str(error).splitlines()[0]}")]
    lines: dict[Path, int] = {(): 1}
    return _plain(document, (), lines), lines, []


def _plain(node: Any, path: Path, lines: dict[Path, int]) -> Any:
    if isinstance(node, CommentedMap):
        for key in node:
            lines[(*path, key)] = node.lc.key(key)[0] + 1 if node.lc.data and key in node.lc.data else lines[path]
        return {key: _plain(value, (*path, key), lines) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        for position in range(len(node)):
            lines[(*path, position)] = node.lc.item(position)[0] + 1
        return [_plain(value, (*path, position), lines) for position, value in enumerate(node)]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node)
    if isinstance(node, datetime | date):
        return node
    return str(node)


def parse_model(
    model: type[Model], data: Any, file: str, lines: Lines, at: Path = ()
) -> tuple[Model | None, list[Problem]]:
    """The model read from data, or every problem with it; `at` is where in the file the data stand."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, [_problem(details, file, lines, at) for details in error.errors()]


def where(file: str, lines: Lines, path: Sequence[str | int]) -> str:
    """`file:line` of the nearest known ancestor of a path."""
    known = tuple(path)
    while known and known not in lines:
        known = known[:-1]
    return f"{file}:{lines.get(known, 1)}"


def shown(value: object) -> str:
    """A value as a message shows it: quoted, one line, shortened."""
    text = repr(str(value)) if isinstance(value, str | date) else repr(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


_WORDS = {
    "missing": ("missing", ""),
    "extra_forbidden": ("unknown key", "the keys in the documentation of this file"),
    "not_supported_yet": ("not supported yet", "leave it out"),
}


def _problem(details: ErrorDetails, file: str, lines: Lines, at: Path) -> Problem:
    location = (*at, *(part for part in details["loc"] if not str(part).startswith("function-")))
    key = ".".join(str(part) for part in location if isinstance(part, str)) or "this file"
    place = where(file, lines, location)
    kind, context = details["type"], details.get("ctx", {})
    if kind in _WORDS:
        what, allowed = _WORDS[kind]
        got = shown(details["input"]) if kind == "not_supported_yet" else ""
        return Problem(place, f"{key}: {what}", got, allowed)
    if kind == "refused":
        return Problem(place, f"{key}: {context['what']}", shown(details["input"]), str(context["allowed"]))
    allowed = str(context.get("expected", details["msg"]))
    return Problem(place, f"{key}: not allowed here", shown(details["input"]), allowed)
