"""Where the broker is, which topics are ours, and how its clients are set up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from ceasefire.config.parsing import Declared, refused
from ceasefire.errors import ConfigurationError, Problem

ENVIRONMENT = "env:"

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,200}")
_SERVERS = re.compile(r"[^\s,]+:\d{1,5}(,\s*[^\s,]+:\d{1,5})*")
# What Spark sets itself, and what would break the promise that nothing is lost.
_NOT_TO_SET = (
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.idempotence",
    "group.id",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "value.deserializer",
    "value.serializer",
)
_SECRETS = (".password", ".jaas.config", ".keystore.key", ".secret")


def _servers(text: str) -> str:
    if not _SERVERS.fullmatch(text):
        raise refused("not the address of a broker", "host:port, several by commas")
    return text


def _topic(text: str) -> str:
    if not _TOPIC.fullmatch(text):
        raise refused("not the name of a topic", "letters, digits, '.', '_' and '-', at most 200")
    return text


def _checked(options: dict[str, str]) -> dict[str, str]:
    faults = [f"{name} is set by the program, leave it out" for name in options if name in _NOT_TO_SET]
    faults += [
        f"{name} is a secret, allowed: {ENVIRONMENT}NAME of the environment variable that holds it"
        for name, value in options.items()
        if name.endswith(_SECRETS) and not value.startswith(ENVIRONMENT)
    ]
    if faults:
        raise refused("; ".join(faults))
    return options


class KafkaSettings(Declared):
    """A broker, and what it is for.

    Attributes:
        servers: host:port of one server or more, by commas.
        events: topic that is read instead of files of events; None: files are read.
        queues: the sends of a channel go to the topic queues.brand.channel; None: they are not mirrored.
        options: of Kafka's clients, by Kafka's own names; `env:NAME` stands for what that variable holds.
    """

    servers: Annotated[str, AfterValidator(_servers)]
    events: Annotated[str, AfterValidator(_topic)] | None = None
    queues: Annotated[str, AfterValidator(_topic)] | None = None
    options: Annotated[dict[str, str], AfterValidator(_checked), Field(default_factory=dict)]

    model_config = ConfigDict(coerce_numbers_to_str=True)

    @model_validator(mode="after")
    def _is_for_something(self) -> KafkaSettings:
        if self.events is None and self.queues is None:
            raise refused("names neither a topic of events nor queues", "events, queues, or both")
        return self


@dataclass(frozen=True)
class Broker:
    """The settings with secrets in place; the options can hold some, so they are never shown."""

    servers: str
    events: str | None = None
    queues: str | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


def broker_of(settings: KafkaSettings, environment: Mapping[str, str]) -> Broker:
    """The broker, with secrets as the environment holds them.

    Raises:
        ConfigurationError: with every variable that is not set.
    """
    references = {
        name: value.removeprefix(ENVIRONMENT)
        for name, value in settings.options.items()
        if value.startswith(ENVIRONMENT)
    }
    missing = [
        Problem("", f"kafka.options.{name}: the environment variable is not set", variable, f"export {variable}=…")
        for name, variable in references.items()
        if not environment.get(variable)
    ]
    if missing:
        raise ConfigurationError(missing)
    secrets = {name: environment[variable] for name, variable in references.items()}
    return Broker(settings.servers, settings.events, settings.queues, dict(settings.options) | secrets)
