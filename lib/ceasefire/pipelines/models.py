"""Which registered models a window uses: resolved once, checked before they are read, pinned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ceasefire.config.bundle import Brand
from ceasefire.errors import CheckFailedError
from ceasefire.ids import content_hash
from ceasefire.pipelines.workspace import Workspace
from ceasefire.scoring.chosen_uplifts import ModelInUse
from ceasefire.scoring.uplift_model import ModelUnreadableError, UpliftModel
from ceasefire.storage.model_gate import ModelRefusedError, admitted_parameters
from ceasefire.storage.registry import Registry, RegistryUnavailableError, champion, registry_of
from ceasefire.vocabulary import RESPONSES, FeatureType

_PREFIX = "ceasefire"
_WORD = re.compile(r"[a-z][a-z0-9_]*")
NO_CHAMPION, REDEFINED, UNREADABLE, UNAVAILABLE = (
    "no_champion",
    "feature_redefined",
    "parameters_unreadable",
    "registry_unavailable",
)


def registered_name(brand: str, model: str) -> str:
    """What a brand's model is called in the registry."""
    return f"{_PREFIX}_{brand}_{model}"


def registry_for(workspace: Workspace) -> Registry:
    """The registry of a workspace: the tracking server that is set, else one beside the tables."""
    return registry_of(workspace.lake.root, workspace.tracking)


def feature_definitions(brand: Brand) -> dict[str, str]:
    """A hash of how each declared number is defined, those that a derived one reads included; texts are left out.

    Words for people, unit and description, are no part of it; which responses are a machine's is, where any are read.
    """
    by_name = {one.name: one for one in brand.features}
    machine_micros = brand.settings.machine_micros
    definitions: dict[str, str] = {}

    def definition(name: str, above: frozenset[str]) -> str:
        one = by_name[name]
        if name not in definitions:
            said = one.model_dump_json(exclude={"unit", "description"})
            if machine_micros is not None and one.from_ is not None and RESPONSES.intersection(one.from_.event):
                said += f"|{machine_micros}"
            # A derived feature that reads itself is refused elsewhere; here it must not go round for ever.
            read = sorted({*_WORD.findall(one.derived or "")} & by_name.keys() - above - {name})
            definitions[name] = content_hash("|".join([said, *(definition(each, above | {name}) for each in read)]))
        return definitions[name]

    return {one.name: definition(one.name, frozenset()) for one in brand.features if one.type is not FeatureType.TEXT}


def models_in_use(
    workspace: Workspace, brand: Brand, pinned: Sequence[Mapping[str, Any]] | None
) -> tuple[ModelInUse, ...]:
    """Every model that a campaign names, with its parameters, or the reason why the priors count.

    Args:
        workspace: where the registry is.
        brand: as pinned.
        pinned: what an earlier attempt at the same window pinned; None at the first.

    Raises:
        CheckFailedError: a model that is pinned can no longer be had as it was.
    """
    named = {one.uplift.model for one in brand.campaigns if one.uplift is not None}
    if pinned is None:
        return tuple(_resolved(workspace, brand, name) for name in brand.settings.models if name in named)
    return tuple(_as_pinned(workspace, brand, pin) for pin in pinned)


def _resolved(workspace: Workspace, brand: Brand, name: str) -> ModelInUse:
    registry, registered = registry_for(workspace), registered_name(brand.settings.brand, name)
    number: int | None = None
    try:
        number = champion(registry, registered)
        if number is None:
            return ModelInUse(name, refusal=NO_CHAMPION, detail=f"no version of {registered} is promoted")
        admitted = admitted_parameters(registry, registered, number)
        model = UpliftModel.from_bytes(admitted.parameters)
    except RegistryUnavailableError as error:
        return ModelInUse(name, number, refusal=UNAVAILABLE, detail=str(error))
    except ModelRefusedError as error:
        return ModelInUse(name, number, refusal=error.code, detail=str(error))
    except ModelUnreadableError as error:
        return ModelInUse(name, number, refusal=UNREADABLE, detail=str(error))
    now = feature_definitions(brand)
    changed = [one.name for one in model.inputs if now.get(one.name) != one.definition]
    if changed:
        detail = f"features defined otherwise than when it was trained, or gone: {', '.join(changed)}"
        return ModelInUse(name, number, admitted.sha256, refusal=REDEFINED, detail=detail)
    return ModelInUse(name, number, admitted.sha256, admitted.parameters)


def _as_pinned(workspace: Workspace, brand: Brand, pin: Mapping[str, Any]) -> ModelInUse:
    name, number, sha256 = pin["name"], pin["number"], pin["sha256"]
    if pin["refusal"] is not None:
        return ModelInUse(name, number, sha256, refusal=pin["refusal"], detail=pin["detail"])
    try:
        admitted = admitted_parameters(registry_for(workspace), registered_name(brand.settings.brand, name), number)
    except ModelRefusedError as error:
        raise CheckFailedError(
            f"the window was begun with model {name}/{number}, which can no longer be had: {error}; "
            "put the version back as it was and start again"
        ) from None
    if admitted.sha256 != sha256:
        raise CheckFailedError(
            f"the window was begun with other parameters of model {name}/{number} "
            f"({sha256}); put the version back as it was and start again"
        )
    return ModelInUse(name, number, sha256, admitted.parameters)
