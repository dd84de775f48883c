"""`campaigns.yaml`: what marketing wants to say, to whom, when and at what worth."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ceasefire.config.brand import Capacity, Identifier
from ceasefire.config.features import EventFilter
from ceasefire.config.parsing import LOCALE, Declared, NotYet, refused
from ceasefire.config.units import Day, Money, SpanOfTime
from ceasefire.consent import CAMPAIGN, TOPIC
from ceasefire.vocabulary import EventType, MessageClass

Locale = Annotated[str, Field(pattern=LOCALE)]


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
SegmentNames = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), WithJsonSchema(_TEXTS)]


class Active(Declared):
    """Local dates of the send, both included."""

    from_: Day = Field(alias="from")
    to: Day

    @model_validator(mode="after")
    def _in_order(self) -> Active:
        if self.to < self.from_:
            raise refused("ends before it starts", "to on or after from")
        return self


class Audience(Declared):
    """Who a campaign wants: on a list of natural ids, not on one, in segments (all that is given must hold)."""

    any: SegmentNames = ()
    all: SegmentNames = ()
    none: SegmentNames = ()
    list: str | None = None
    not_list: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Audience:
        if not (self.any or self.all or self.none or self.list or self.not_list):
            raise refused("empty audience", "any, all, none, list or not_list")
        return self

    @property
    def segments(self) -> tuple[str, ...]:
        """All segments it names."""
        return (*self.any, *self.all, *self.none)

    @property
    def lists(self) -> tuple[str, ...]:
        """All lists it names."""
        return tuple(name for name in (self.list, self.not_list) if name is not None)


class Reentry(Declared):
    """How often one customer can be in the campaign within a span; in days, local calendar dates count."""

    max: int = Field(ge=1, le=1000, strict=True)
    every: SpanOfTime


class Variant(Declared):
    """One content of a campaign on one channel."""

    id: Identifier
    channel: Identifier
    locale: Locale | None = None
    template: str = Field(min_length=1)
    attributes: dict[str, str] = Field(default_factory=dict)


class OutcomeSought(Declared):
    """The event that a campaign wants to bring about, of one of a list of products if one is given."""

    event: EventType
    within: SpanOfTime
    products: str | None = None


class LearntUplift(Declared):
    """The model that says what the campaign changes, and the pool of campaigns that it counts to there."""

    model: Identifier
    group: Identifier


class OutcomeValue(Declared):
    """What the outcome is worth: a share of the customer's own mean order, or a fixed amount."""

    share_of_order: float | None = Field(default=None, gt=0, le=10, strict=True)
    fixed: Money | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> OutcomeValue:
        if (self.share_of_order is None) == (self.fixed is None):
            raise refused("needs one of share_of_order and fixed")
        return self


class CancelOn(Declared):
    """An event since the decision that makes the message wrong; `same: product`: only if it is about the same."""

    event: EventType
    same: Literal["product"] | None = None


class Campaign(Declared):
    """One campaign; order and length of every list in it are part of what it says.

    `about` says what the message is about: the customer's last event that it lets through (a product bought). `topics`
    are what a customer can say no to besides the campaign itself.
    """

    id: Identifier
    name: str = ""
    class_: MessageClass = Field(default=MessageClass.MARKETING, alias="class")
    active: Active
    audience: Audience
    priority: int = Field(ge=0, le=10**6, strict=True)
    duration: SpanOfTime
    reentry: Reentry
    channels: tuple[Identifier, ...] = Field(min_length=1)
    variants: tuple[Variant, ...] = Field(min_length=1)
    outcome: OutcomeSought
    value: OutcomeValue
    prior_uplift: float = Field(ge=-1, le=1, strict=True)
    uplift: LearntUplift | None = None
    capacity: Capacity | None = None
    about: EventFilter | None = None
    cancel_on: tuple[CancelOn, ...] = ()
    topics: tuple[Identifier, ...] = ()
    stay: NotYet = None
    holdout: NotYet = None
    caps: NotYet = None
    series: NotYet = None

    @property
    def refusable(self) -> tuple[str, ...]:
        """What a customer can say no to without refusing other campaigns: this one, and each of its topics."""
        return (CAMPAIGN + self.id, *(TOPIC + topic for topic in self.topics))

    @model_validator(mode="after")
    def _fits_together(self) -> Campaign:
        if self.about is not None and not self.about.event:
            raise refused("about needs `event`", "as in {event: order_line, category: coats}")
        if any(cancel.same for cancel in self.cancel_on) and self.about is None:
            raise refused("cancel_on with `same: product` needs `about`", "about: {event: order_line, …}")
        if len({variant.id for variant in self.variants}) < len(self.variants):
            raise refused("two variants with one id", "unique ids")
        if len(set(self.channels)) < len(self.channels):
            raise refused("a channel is named twice", "each channel once")
        for channel in self.channels:
            if all(variant.channel != channel for variant in self.variants):
                raise refused(f"no variant for channel {channel}", "a variant for each channel")
        return self
