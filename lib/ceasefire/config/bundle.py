"""A brand folder as one value: the texts that were read, and what they declare.

A bundle is what `decision_runs` pins, so a decision can be repeated after the files have changed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ceasefire.config.brand import BrandSettings
from ceasefire.config.campaigns import Campaign
from ceasefire.config.features import Feature
from ceasefire.config.parsing import Lines, parse_model, parse_yaml, read_text, shown, shown_unless_long, where
from ceasefire.config.segments import RESIDUAL_SEGMENT, Segment
from ceasefire.errors import ConfigurationError, Problem, UsageError
from ceasefire.ids import content_hash, customer_id

BRAND_FILE = "brand.yaml"
MAX_LIST_BYTES = 256 << 20
"""A list is as long as an audience is; some ten million ids are an audience, more are a mistake."""
FEATURES_FILE = "features.yaml"
SEGMENTS_FILE = "segments.yaml"
LISTED_FILES: dict[str, tuple[str, type[BaseModel]]] = {
    FEATURES_FILE: ("features", Feature),
    SEGMENTS_FILE: ("segments", Segment),
    "campaigns.yaml": ("campaigns", Campaign),
}


@dataclass(frozen=True)
class Bundle:
    """The texts of a brand folder; audience lists hold pseudonyms, never natural ids.

    Attributes:
        texts: YAML text by file name.
        lists: pseudonyms by list file, sorted, each once.
        products: SHA-256 by list of products. No decision reads these lists, which can be long; training does.
    """

    texts: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    products: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """Canonical JSON of the bundle."""
        lists = {name: list(ids) for name, ids in self.lists.items()}
        parts: dict[str, Any] = {"texts": dict(self.texts), "lists": lists}
        # Left out when empty, so that the name of a bundle without product lists is what it always was.
        return json.dumps(parts | ({"products": dict(self.products)} if self.products else {}), sort_keys=True)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the text."""
        return content_hash(self.text)

    @staticmethod
    def from_text(text: str) -> Bundle:
        """The bundle whose text this is."""
        data = json.loads(text)
        lists = {name: tuple(ids) for name, ids in data["lists"].items()}
        return Bundle(data["texts"], lists, data.get("products", {}))


@dataclass(frozen=True)
class Brand:
    """Everything one brand declares, checked."""

    settings: BrandSettings
    features: tuple[Feature, ...]
    segments: tuple[Segment, ...]
    campaigns: tuple[Campaign, ...]
    bundle: Bundle
    places: Mapping[tuple[str, str], str]
    """`file:line` of each declared item, by (list name, id)."""


@dataclass(frozen=True)
class Draft:
    """What could be read of a brand; with problems elsewhere, so that they can all be told at once.

    Attributes:
        settings: None when brand.yaml has problems.
        unreadable_features: names of features that are declared and have problems.
        unreadable_files: files of which no item could be read.
    """

    settings: BrandSettings | None
    features: tuple[Feature, ...]
    segments: tuple[Segment, ...]
    campaigns: tuple[Campaign, ...]
    unreadable_features: frozenset[str]
    unreadable_files: frozenset[str]
    places: Mapping[tuple[str, str], str]


def read_bundle(folder: Path, environment: Mapping[str, str]) -> tuple[Bundle, list[Problem]]:
    """The texts of a folder, its lists turned into pseudonyms with the brand's key, and what could not be read.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"no brand folder at {folder}; --conf names a folder with {BRAND_FILE} in it")
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    for name in (BRAND_FILE, *LISTED_FILES):
        try:
            text, wrong = read_text(folder / name, name)
        except FileNotFoundError:
            text, wrong = "", [Problem(name, "missing file", allowed=f"a file {name} in {folder}")]
        problems.extend(wrong)
        if not wrong:
            texts[name] = text
    natural_ids: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("audiences/*.csv")):
        ids, wrong = _read_list(path, path.relative_to(folder).as_posix(), "customer_id")
        natural_ids[path.relative_to(folder).as_posix()] = ids
        problems.extend(wrong)
    products: dict[str, str] = {}
    for path in sorted(folder.glob("products/*.csv")):
        name = path.relative_to(folder).as_posix()
        ids, wrong = _read_list(path, name, "product_id")
        products[name] = content_hash("\n".join(ids))
        problems.extend(wrong)
    key, wrong = _customer_key(texts.get(BRAND_FILE, ""), environment)
    problems.extend(wrong)
    lists = {name: tuple(sorted({customer_id(key, one) for one in ids})) for name, ids in natural_ids.items()}
    return Bundle(texts, lists, products), problems


def read_products(folder: Path, bundle: Bundle, name: str) -> tuple[str, ...]:
    """The products of a list, as they were when the bundle was read.

    Raises:
        UsageError: the list is gone, or has changed since.
    """
    ids, problems = _read_list(folder / name, name, "product_id")
    if problems or content_hash("\n".join(ids)) != bundle.products[name]:
        raise UsageError(f"{folder / name}: changed since it was read; start the command again")
    return ids


def parse_bundle(bundle: Bundle) -> tuple[Brand | None, list[Problem]]:
    """What a bundle declares, or None and everything that is wrong with it; rules are checked by who compiles them."""
    draft, problems = read_draft(bundle)
    if draft.settings is None or problems:
        return None, problems
    return Brand(draft.settings, draft.features, draft.segments, draft.campaigns, bundle, draft.places), []


def read_draft(bundle: Bundle) -> tuple[Draft, list[Problem]]:
    """Whatever of a bundle can be read, and everything that is wrong with the rest."""
    problems: list[Problem] = []
    settings: BrandSettings | None = None
    if BRAND_FILE in bundle.texts:
        data, lines, wrong = parse_yaml(bundle.texts[BRAND_FILE], BRAND_FILE)
        problems += wrong
        if not wrong:
            settings, wrong = parse_model(BrandSettings, data, BRAND_FILE, lines)
            problems += wrong
    items: dict[str, list[Any]] = {}
    ids: dict[str, set[str]] = {}
    places: dict[tuple[str, str], str] = {}
    unread = {file for file in LISTED_FILES if file not in bundle.texts}
    for file, (key, model) in LISTED_FILES.items():
        items[key], ids[key] = [], set()
        if file in bundle.texts:
            is_read, wrong = _read_items(bundle.texts[file], file, key, model, items[key], ids[key], places)
            unread |= set() if is_read else {file}
            problems += wrong
    known_segments = None if SEGMENTS_FILE in unread else ids["segments"] | {RESIDUAL_SEGMENT}
    problems += _dangling(settings, items["campaigns"], known_segments, bundle, places)
    unreadable = frozenset(ids["features"]) - {one.name for one in items["features"]}
    draft = Draft(
        settings,
        tuple(items["features"]),
        tuple(items["segments"]),
        tuple(items["campaigns"]),
        unreadable,
        frozenset(unread),
        places,
    )
    return draft, problems


def customer_key(settings: BrandSettings, environment: Mapping[str, str]) -> bytes:
    """The brand's key.

    Raises:
        ConfigurationError: it is a reference to a variable that is not set.
    """
    kind, _, name = settings.customer_key.partition(":")
    if kind == "public":
        return name.encode()
    if not environment.get(name):
        raise ConfigurationError([_key_missing(name)])
    return environment[name].encode()


def _key_missing(name: str) -> Problem:
    return Problem(BRAND_FILE, "customer_key: the environment variable is not set", name, f"export {name}=…")


def _customer_key(text: str, environment: Mapping[str, str]) -> tuple[bytes, list[Problem]]:
    # Lists must become pseudonyms before the models are read, so the key's reference is looked at on its own.
    data, _, wrong = parse_yaml(text, BRAND_FILE)
    reference = data.get("customer_key") if not wrong and isinstance(data, dict) else None
    kind, _, name = str(reference or "").partition(":")
    if kind == "env" and not environment.get(name):
        return b"", [_key_missing(name)]
    return (environment[name] if kind == "env" else name).encode(), []


def _read_list(path: Path, name: str, column: str) -> tuple[tuple[str, ...], list[Problem]]:
    """The ids of a CSV file of one column, without the blanks around them, and everything that is wrong with it."""
    try:
        text, problems = read_text(path, name, MAX_LIST_BYTES)
    except OSError as error:
        return (), [Problem(name, "cannot be read as CSV", shown(str(error)))]
    if problems:
        return (), problems
    rows: list[list[str]] = []
    # Spreadsheets begin a UTF-8 file with a mark.
    for number, line in enumerate(text.removeprefix("\ufeff").removesuffix("\n").split("\n"), start=1):
        try:
            cells = next(csv.reader([line], strict=True), [])
        except csv.Error as error:
            if line.count('"') % 2 == 0:
                return (), [Problem(name, "cannot be read as CSV", shown(f"{error}, in line {number}"))]
            place = f"{name}:{number}"
            problems.append(Problem(place, "a quotation mark is not closed", shown(line), "one id a line"))
            cells = []
        else:
            cells = [cell.strip() for cell in cells]
            if number > 1 and (len(cells) != 1 or not cells[0]):
                problems.append(Problem(f"{name}:{number}", f"not one {column.replace('_', ' ')}", shown(line)))
        rows.append(cells)
    if not text or (rows[0] and rows[0] != [column]):
        got = ",".join(rows[0]) if text else "an empty file"
        return (), [Problem(f"{name}:1", "wrong header", shown(got), f"one column, {column}")]
    return tuple(row[0] for row in rows[1:] if row), problems


def _read_items(
    text: str,
    file: str,
    key: str,
    model: type[BaseModel],
    items: list[Any],
    ids: set[str],
    places: dict[tuple[str, str], str],
) -> tuple[bool, list[Problem]]:
    """Whether the file is a list of items, good or bad, and what is wrong with it and them."""
    data, lines, problems = parse_yaml(text, file)
    if problems:
        return False, problems
    if not isinstance(data, dict) or not isinstance(data.get(key), list):
        return False, [Problem(f"{file}:1", f"needs a list under `{key}:`", shown_unless_long(data))]
    problems += [
        Problem(where(file, lines, (other,)), f"{other}: unknown key", allowed=key) for other in data if other != key
    ]
    for position, raw in enumerate(data[key]):
        at = (key, position)
        problems += _note_id(raw, file, key, where(file, lines, at), ids, places)
        item, wrong = parse_model(model, raw, file, lines, at)
        problems += [_named(problem, key, raw) for problem in wrong]
        if item is not None:
            items.append(item)
            _note_rule_place(item, key, file, lines, at, places)
    return True, problems


def _note_id(
    raw: Any, file: str, key: str, place: str, ids: set[str], places: dict[tuple[str, str], str]
) -> list[Problem]:
    identifier = raw.get("name" if key == "features" else "id") if isinstance(raw, dict) else None
    if not isinstance(identifier, str):
        return []
    if identifier in ids:
        return [
            Problem(place, f"{key}: declared twice", shown(identifier), f"once; first at {places[key, identifier]}")
        ]
    ids.add(identifier)
    places[key, identifier] = place
    return []


def _note_rule_place(
    item: Any, key: str, file: str, lines: Lines, at: tuple[str | int, ...], places: dict[tuple[str, str], str]
) -> None:
    # A rule's problems are shown where its text stands, not where its item begins.
    for key_of_text in ("rule", "derived"):
        if getattr(item, key_of_text, None) is not None:
            places[key, item.id if key_of_text == "rule" else item.name] = where(file, lines, (*at, key_of_text))


def _named(problem: Problem, key: str, raw: Any) -> Problem:
    identifier = (raw.get("id") or raw.get("name")) if isinstance(raw, dict) else None
    for prefix in (f"{key}.", f"{key}: "):
        if identifier and problem.what.startswith(prefix):
            return replace(problem, what=f"{identifier}: {problem.what.removeprefix(prefix)}")
    return problem


def _dangling(
    settings: BrandSettings | None,
    campaigns: Iterable[Campaign],
    known_segments: set[str] | None,
    bundle: Bundle,
    places: Mapping[tuple[str, str], str],
) -> list[Problem]:
    problems = []
    for campaign in campaigns:
        place = places["campaigns", campaign.id]

        def report(what: str, got: str, allowed: Iterable[str], place: str = place, name: str = campaign.id) -> None:
            choice = ", ".join(sorted(allowed)) or "none is declared"
            problems.append(
                Problem(place, f"{name}: {what}", shown(got), choice if len(choice) < 200 else "one declared")
            )

        for segment in campaign.audience.segments:
            if known_segments is not None and segment not in known_segments:
                report("audience names an unknown segment", segment, known_segments)
        for listed in campaign.audience.lists:
            if listed not in bundle.lists:
                report("audience names a missing list", listed, bundle.lists)
        if campaign.outcome.products is not None and campaign.outcome.products not in bundle.products:
            report("outcome names a missing list of products", campaign.outcome.products, bundle.products)
        if campaign.uplift is not None and settings is not None and campaign.uplift.model not in settings.models:
            report("uplift names a model that brand.yaml does not declare", campaign.uplift.model, settings.models)
        for channel in dict.fromkeys((*campaign.channels, *(variant.channel for variant in campaign.variants))):
            if settings is not None and channel not in settings.channels:
                report("unknown channel", channel, settings.channels)
    return problems
