"""`brand.yaml`: the brand's clock, money, channels and policy."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from ceasefire.addresses import AddressRules, is_region
from ceasefire.config.parsing import (
    COUNTRY,
    CURRENCY,
    CUSTOMER_KEY,
    IDENTIFIER,
    LOCALE,
    NOT_BLANK,
    Declared,
    NotYet,
    refused,
)
from ceasefire.config.units import (
    ClockHour,
    Day,
    Hours,
    Money,
    Rate,
    ShortSpan,
    Span,
    SpanOfTime,
    TimeZone,
    money_micros,
)
from ceasefire.consent import folded, says_every
from ceasefire.vocabulary import MessageClass, Policy

Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
AddressKind = Literal["email", "phone", "push_token"]

ADDRESS_OF_CHANNEL: dict[str, AddressKind] = {"email": "email", "sms": "phone", "push": "push_token"}

MAX_GAP_DAYS = 366
_FOR_THE_VAULT = ("email", "phone", "push_token", "customer_id", "into")


def _whole_day(value: object) -> object:
    if value != "1d":
        raise refused("not supported yet", "1d")
    return value


def _at_least_a_day(span: Span) -> Span:
    if not span.in_days or not 1 <= span.count <= MAX_GAP_DAYS:
        raise refused("no gap between daily windows", f"1d to {MAX_GAP_DAYS}d, in days, as in 3d")
    return span


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise refused("named twice", "each once")
    return names


def _known_policy(value: object) -> object:
    if value == "dual":
        raise refused("not supported yet", "priority or greedy")
    return value


class DecisionWindow(Declared):
    """When all customers are decided together: every day at a whole hour of the brand's clock.

    `max_gap`: local days between two closes in a row, beyond which a stream waits for a person.
    """

    every: Annotated[Literal["1d"], BeforeValidator(_whole_day)] = "1d"
    at: ClockHour
    grace: SpanOfTime = Span("30m", 30, "m")
    max_gap: Annotated[SpanOfTime, AfterValidator(_at_least_a_day)] = Span("3d", 3, "d")


class Capacity(Declared):
    """How many sends a window may decide."""

    per_window: int = Field(ge=0, le=10**9, strict=True)


class Channel(Declared):
    """One way to reach a customer; marketing and transactional messages draw on capacities of their own.

    `aliases` are other names that events may use for it.
    """

    cost: Money
    hours: Hours
    expires: SpanOfTime
    capacity: Capacity | None = None
    transactional_capacity: Capacity | None = None
    address: AddressKind | None = None
    aliases: tuple[str, ...] = ()


class Pressure(Declared):
    """What a duration period excludes: every marketing send, those on its channel, or none."""

    lock: Literal["all", "channel", "none"] = "all"
    caps: NotYet = None


class PolicyChoice(Declared):
    """How collisions are settled."""

    default: Annotated[Policy, BeforeValidator(_known_policy)] = Policy.GREEDY
    arms: NotYet = None
    explore: NotYet = None


class ConsentDefault(Declared):
    """What silence of a customer means, by purpose."""

    marketing: Literal["allow", "deny"] = "deny"
    transactional: Literal["allow", "deny"] = "allow"


class Release(Declared):
    """Whether decided sends are queued, or only judged, as a brand starts; and how far intake may be behind."""

    mode: Literal["live", "shadow"] = "live"
    max_intake_lag: SpanOfTime = Span("2h", 2, "h")


class AddressReading(Declared):
    """How addresses are read for comparison; a phone number without a country code needs the region."""

    region: Annotated[str, Field(pattern=COUNTRY)] | None = None
    fold_local_part: Annotated[bool, Field(strict=True)] = True

    @field_validator("region")
    @classmethod
    def _has_phone_numbers(cls, region: str | None) -> str | None:
        if region is not None and not is_region(region):
            raise refused("not a country", "two capitals of ISO 3166, as in US; the United Kingdom is GB")
        return region


class SoftBounces(Declared):
    """So many soft bounces within a span make an address one that is not written to until it is set again."""

    max: int = Field(default=3, ge=1, le=1000, strict=True)
    within: SpanOfTime = Span("30d", 30, "d")


class MachineResponses(Declared):
    """Opens and clicks that scanners and prefetchers make, and that count as nobody's response.

    `within`: a response less than that after the delivery of its send is a machine's. `agents`: parts of the names of
    user agents, in any case.
    """

    within: ShortSpan | None = None
    agents: tuple[Annotated[str, Field(pattern=NOT_BLANK)], ...] = ()


class Profile(Declared):
    """What of a customer's profile stays in the clear, beside the attributes that features read.

    `keep`: names of attributes, and of keys that the event contract does not know, that say what something is and not
    who somebody is. The values of all others are kept as pseudonyms.
    """

    keep: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] = ()

    @field_validator("keep")
    @classmethod
    def _keeps_no_address(cls, keep: tuple[str, ...]) -> tuple[str, ...]:
        for name in keep:
            if name.casefold() in _FOR_THE_VAULT:
                raise refused(f"{name} stays in the vault", "attributes that name nobody")
        return keep


class UpliftTraining(Declared):
    """What an uplift model learns from: the campaigns that name it and began on this local date or later.

    `min_outcomes`: a group with fewer outcomes among its treated customers is not learnt.
    """

    campaigns_from: Day
    min_outcomes: int = Field(default=30, ge=1, le=10**6, strict=True)


class BrandSettings(Declared):
    """The whole of `brand.yaml`."""

    brand: Identifier
    currency: Annotated[str, Field(pattern=CURRENCY)]
    rates: dict[Annotated[str, Field(pattern=CURRENCY)], Rate] = Field(default_factory=dict)
    time_zone: TimeZone
    time_zone_from: Annotated[tuple[Literal["phone", "country"], ...], AfterValidator(_each_once)] = ()
    locale: Annotated[str, Field(pattern=LOCALE)]
    customer_key: Annotated[str, Field(pattern=CUSTOMER_KEY)]
    decision_window: DecisionWindow
    consent_default: ConsentDefault = ConsentDefault()
    late_horizon: SpanOfTime = Span("30d", 30, "d")
    channels: dict[Identifier, Channel] = Field(min_length=1)
    pressure: Pressure = Pressure()
    policy: PolicyChoice = PolicyChoice()
    release: Release = Release()
    soft_bounces: SoftBounces = SoftBounces()
    machine_responses: MachineResponses | None = None
    addresses: AddressReading = AddressReading()
    profile: Profile = Profile()
    models: dict[Identifier, UpliftTraining] = Field(default_factory=dict)
    express_on: NotYet = None
    history: NotYet = None
    holdout: NotYet = None

    @field_validator("rates")
    @classmethod
    def _are_of_other_currencies(cls, rates: dict[str, Decimal], info: ValidationInfo) -> dict[str, Decimal]:
        own = info.data.get("currency")
        if own in rates:
            raise refused(f"{own} is the brand's own currency", "other currencies")
        return rates

    @field_validator("channels")
    @classmethod
    def _each_has_a_kind_of_address(cls, channels: dict[str, Channel]) -> dict[str, Channel]:
        for name, channel in channels.items():
            if channel.address is None and name not in ADDRESS_OF_CHANNEL:
                raise refused(f"{name} needs `address`", "email, phone or push_token")
        return channels

    @field_validator("channels")
    @classmethod
    def _no_two_go_by_one_name(cls, channels: dict[str, Channel]) -> dict[str, Channel]:
        named: dict[str, str] = {}
        for name, channel in channels.items():
            for alias in (name, *channel.aliases):
                if not folded(alias) or says_every(alias):
                    where = name if alias == name else f"{name}.aliases: {alias!r}"
                    raise refused(f"{where} stands for every channel or for none", "a name of one channel alone")
                if named.setdefault(folded(alias), name) != name:
                    raise refused(f"{alias} stands for {named[folded(alias)]} and {name}", "each name for one channel")
        return channels

    def address_kind(self, channel: str) -> str:
        """The kind of address a channel sends to."""
        return self.channels[channel].address or ADDRESS_OF_CHANNEL[channel]

    @property
    def address_kinds(self) -> dict[str, str]:
        """The kind of address of each channel."""
        return {channel: self.address_kind(channel) for channel in self.channels}

    @property
    def address_rules(self) -> AddressRules:
        """How addresses are read, as a plain value."""
        return AddressRules(self.addresses.region, self.addresses.fold_local_part)

    @property
    def machine_agents(self) -> tuple[str, ...] | None:
        """Case-folded names of the agents whose responses are a machine's; None where nobody's are."""
        if self.machine_responses is None:
            return None
        return tuple(agent.casefold() for agent in self.machine_responses.agents)

    @property
    def machine_micros(self) -> int | None:
        """Microseconds after the delivery of a send in which responses to it are a machine's; None where none are."""
        if self.machine_responses is None or self.machine_responses.within is None:
            return None
        return self.machine_responses.within.micros

    def cost_micros(self, channel: str) -> int:
        """Cost of one send on a channel, in millionths of a minor unit."""
        return self.micros(self.channels[channel].cost)

    def micros(self, amount: Decimal) -> int:
        """An amount of the brand's currency in millionths of a minor unit."""
        return money_micros(amount, self.currency)

    def consent_by_default(self, purpose: MessageClass) -> bool:
        """Whether a customer who said nothing may be contacted for this purpose."""
        default = self.consent_default
        return (default.marketing if purpose is MessageClass.MARKETING else default.transactional) == "allow"
