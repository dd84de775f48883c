"""`segments.yaml`: micro-segments, each a rule over features."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from ceasefire.config.brand import Identifier
from ceasefire.config.parsing import Declared, refused

RESIDUAL_SEGMENT = "in_no_other_segment"
"""The built-in segment of whoever is in none, so that nobody falls between the cracks."""


def _not_the_residual(name: str) -> str:
    if name == RESIDUAL_SEGMENT:
        raise refused("this id is built in", "another id")
    return name


class Segment(Declared):
    """A rule over features; a customer is in any number of segments."""

    id: Annotated[Identifier, AfterValidator(_not_the_residual)]
    name: str = ""
    rule: str = Field(min_length=1, max_length=10_000)
