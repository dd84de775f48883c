"""YAML 1.2 with line numbers, and pydantic models that report every problem with the line it stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode
from ruamel.yaml.reader import ReaderError

from ceasefire.errors import Problem

MAX_FILE_BYTES = 1 << 20
MAX_DEPTH = 20
SHOWN_CHARS = 60

IDENTIFIER = r"^[a-z][a-z0-9_]{0,62}$"
CURRENCY = r"^[A-Z]{3}$"
COUNTRY = r"^[A-Z]{2}$"
LOCALE = r"^[a-z]{2}(-[A-Z]{2})?$"
CUSTOMER_KEY = r"^(env:[A-Z][A-Z0-9_]*|public:\S{8,})$"
CATEGORY = r"^[^\s/]+(/[^\s/]+)*$"
NOT_BLANK = r"\S"
_MEANT_BY = {
    IDENTIFIER: "small letters, digits and _, beginning with a letter, at most 63",
    CURRENCY: "three letters of ISO 4217, as in EUR",
    COUNTRY: "two capitals of ISO 3166, as in US",
    LOCALE: "a language, or a language and a country, as in en or pt-PT",
    CUSTOMER_KEY: "env:NAME of an environment variable, or public: and eight characters or more",
    CATEGORY: "names parted by /, as in ski/boots",
    NOT_BLANK: "text that is not blank",
}

Path = tuple[str | int, ...]
Lines = Mapping[Path, int]
Model = TypeVar("Model", bound=BaseModel)


class Declared(BaseModel):
    """A frozen piece of configuration; keys it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _refuse_not_yet(value: object) -> object:
    raise PydanticCustomError("not_supported_yet", "not supported yet")


NotYet = Annotated[Any, BeforeValidator(_refuse_not_yet), WithJsonSchema({"not": {}})]
"""A key that the configuration language has and this version does not act on: refused, never ignored."""


def refused(what: str, allowed: str = "") -> PydanticCustomError:
    """The error that a validator of ours raises: what is wrong, and what would be right."""
    return PydanticCustomError("refused", "{what}", {"what": what, "allowed": allowed})


class _PlainComposer(Composer):
    """Refuses, with its line, what no brand folder needs and what could keep the reader busy for ever."""

    def compose_document(self) -> Any:
        start = self.parser.peek_event()
        if start.version is not None or start.tags:
            self._refuse("directives are not supported, leave the line out")
        return super().compose_document()

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if isinstance(event, AliasEvent) or event.anchor is not None:
            self._refuse("anchors and aliases are not supported, write it out")
        if not isinstance(event, AliasEvent) and event.ctag is not None:
            self._refuse("tags are not supported, leave it out")
        if self.depth >= MAX_DEPTH:
            self._refuse(f"nested too deeply, {MAX_DEPTH} levels are allowed")
        is_key = isinstance(parent, MappingNode) and index is None
        if is_key and not isinstance(event, ScalarEvent):
            self._refuse("a key is text, not a list or further keys")
        if isinstance(event, ScalarEvent) and _has_half_a_character(event.value):
            self._refuse("half of a surrogate pair is no character")
        return super().compose_node(parent, index)

    def _refuse(self, what: str) -> None:
        raise ComposerError(None, None, what, self.parser.peek_event().start_mark)


class _PlainConstructor(RoundTripConstructor):
    """Says on which line a date is none, or a number has too many digits."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from None


def _has_half_a_character(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else False


def parse_yaml(text: str, file: str) -> tuple[Any, Lines, list[Problem]]:
    """Plain Python values of a YAML text, the line of every key and item, and what is wrong with it as YAML."""
    size = len(text.encode(errors="replace"))
    if size > MAX_FILE_BYTES:
        return None, {}, [too_large(file, size, MAX_FILE_BYTES)]
    try:
        yaml = YAML(typ="rt")
        yaml.Composer, yaml.Constructor = _PlainComposer, _PlainConstructor
        document = yaml.load(text)
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        what = " ".join(str(error.problem or error.context or "not YAML").split())
        return None, {}, [Problem(f"{file}{line}", f"not valid YAML: {what}")]
    except ReaderError as error:
        lines_before = text.count("\n", 0, error.position)
        return None, {}, [Problem(f"{file}:{lines_before + 1}", "not valid YAML: a character that no text holds")]
    except YAMLError as error:
        return None, {}, [Problem(file, f"not valid YAML: {str(error).partition(chr(10))[0]}")]
    lines: dict[Path, int] = {(): 1}
    return _plain(document, (), lines), lines, []


def read_text(path: FilePath, name: str, at_most: int = MAX_FILE_BYTES) -> tuple[str, list[Problem]]:
    """The text of a file, or what is wrong with it; of a file that is too large nothing is read.

    Raises:
        FileNotFoundError: there is none.
    """
    try:
        size = path.stat().st_size
        if size > at_most:
            return "", [too_large(name, size, at_most)]
        return path.read_text("utf-8"), []
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        return "", [Problem(name, "cannot be read as UTF-8 text", shown(str(error)))]


def read_yaml(path: FilePath) -> tuple[Any, Lines, list[Problem]]:
    """What `parse_yaml` finds in a file that is called by its path, or what is wrong with the file.

    Raises:
        FileNotFoundError: there is none.
    """
    text, problems = read_text(path, str(path))
    return (None, {}, problems) if problems else parse_yaml(text, str(path))


def too_large(file: str, size: int, at_most: int) -> Problem:
    """The problem of a file that is larger than anybody needs."""
    return Problem(file, "file too large", f"{size} bytes", f"at most {at_most}")


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
        return None, [_problem(details, file, lines, at, model) for details in error.errors()]


def where(file: str, lines: Lines, path: Sequence[str | int]) -> str:
    """`file:line` of the nearest known ancestor of a path."""
    known = tuple(path)
    while known and known not in lines:
        known = known[:-1]
    return f"{file}:{lines.get(known, 1)}"


def shown(value: object) -> str:
    """A value as a message shows it: quoted, one line, shortened."""
    try:
        text = repr(str(value)) if isinstance(value, str | date) else repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        text = "a number of very many digits"
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def shown_unless_long(value: object) -> str:
    """A value as a message shows it; nothing of keys and values or a list, which stand at the place that is named."""
    return "" if isinstance(value, dict | list | tuple) and value else shown(value)


_WORDS = {"missing": ("missing", ""), "not_supported_yet": ("not supported yet", "leave it out")}
_KINDS = {
    "model_type": "keys and values",
    "dict_type": "keys and values",
    "tuple_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
}
_BOUNDS = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than_equal": "at most {le:g}",
    "string_too_short": "text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "too_short": "{min_length} or more",
}


def _problem(details: ErrorDetails, file: str, lines: Lines, at: Path, model: type[BaseModel]) -> Problem:
    location = (*at, *(part for part in details["loc"] if part != "[key]"))
    key = ".".join(str(part) for part in location if isinstance(part, str)) or "this file"
    place = where(file, lines, location)
    kind, context = details["type"], details.get("ctx", {})
    if kind in _WORDS:
        what, allowed = _WORDS[kind]
        got = shown(details["input"]) if kind == "not_supported_yet" else ""
        return Problem(place, f"{key}: {what}", got, allowed)
    got = shown_unless_long(details["input"])
    if kind == "extra_forbidden":
        known = _keys_at(model, details["loc"][:-1])
        near = get_close_matches(str(details["loc"][-1]), known, n=1)
        return Problem(place, f"{key}: unknown key", "", f"did you mean {near[0]}?" if near else ", ".join(known))
    if kind == "refused":
        return Problem(place, f"{key}: {context['what']}", got, str(context["allowed"]))
    return Problem(place, f"{key}: not allowed here", got, _allowed(kind, context) or str(details["msg"]))


def _allowed(kind: str, context: Mapping[str, Any]) -> str:
    """What would be right, in words."""
    if kind == "string_pattern_mismatch":
        return _MEANT_BY[context["pattern"]]
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    return _KINDS.get(kind) or str(context.get("expected", "")).replace("'", "")


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that may stand at a place, as a person writes them, without those that nothing acts on."""
    models = [model]
    for part in path:
        found = [field for one in models for name, field in one.model_fields.items() if part in (name, field.alias)]
        # What is no key of a model is a name of one's own, or a place in a list: below it stands the same model.
        models = [below for field in found for below in _models_in(field.annotation)] or models
    return [
        field.alias or name
        for one in models
        for name, field in one.model_fields.items()
        if not any(isinstance(mark, BeforeValidator) and mark.func is _refuse_not_yet for mark in field.metadata)
    ]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for part in get_args(annotation) for one in _models_in(part)]
