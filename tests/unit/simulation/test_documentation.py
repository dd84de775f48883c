"""What people read about the world, held against what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

import ceasefire.simulation
from ceasefire.config.simulation import Simulation

README = (Path(ceasefire.simulation.__file__).parent / "README.md").read_text("utf-8")


def names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names(field.annotation)


def test_every_key_of_the_world_is_explained() -> None:
    told = README.partition("## Keys of")[2]
    assert [name for name in names(Simulation) if f"`{name}`" not in told] == []
