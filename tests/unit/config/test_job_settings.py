from __future__ import annotations

from pathlib import Path

import pytest

from ceasefire.config.kafka import KafkaSettings, broker_of
from ceasefire.config.settings import JobSettings, read_settings
from ceasefire.errors import ConfigurationError, UsageError

CONF = Path(__file__).parents[3] / "conf"
PLACES = "root: lake\nconf: conf/brands/showcase\n"


def settings_of(folder: Path, text: str) -> JobSettings:
    file = folder / "base.yaml"
    file.write_text(PLACES + text, "utf-8")
    return read_settings(file, once=False)


def refusals(folder: Path, text: str) -> list[str]:
    """What is said about a file, its folder left out."""
    with pytest.raises(ConfigurationError) as refused:
        settings_of(folder, text)
    assert refused.value.exit_code == 2
    return [line.removeprefix(f"{folder}/") for line in str(refused.value).splitlines()]


def test_the_settings_that_come_along_are_good_and_name_no_broker() -> None:
    assert read_settings(CONF / "base.yaml", once=True).kafka is None


def test_a_broker_is_named_with_its_topics_and_options(tmp_path: Path) -> None:
    text = """kafka:
  servers: "one:9092, two:9092,[::1]:9092"
  events: shop-events
  queues: ceasefire
  options: {security.protocol: SASL_SSL, sasl.jaas.config: env:JAAS, request.timeout.ms: 20000}
"""
    kafka = settings_of(tmp_path, text).kafka
    assert kafka is not None

    broker = broker_of(kafka, {"JAAS": "login=secret"})

    assert (broker.servers, broker.events, broker.queues) == (
        "one:9092, two:9092,[::1]:9092",
        "shop-events",
        "ceasefire",
    )
    assert broker.options == {
        "security.protocol": "SASL_SSL",
        "sasl.jaas.config": "login=secret",
        "request.timeout.ms": "20000",
    }
    assert "secret" not in repr(broker)


def test_all_that_is_wrong_with_a_broker_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    text = """kafka:
  servers: broker-1
  events: shop events
  queues: a/b
  topic: x
  options:
    sasl.jaas.config: password=hunter2
    ssl.key.password: hunter2
    acks: 0
    group.id: mine
tracing: on
"""
    assert refusals(tmp_path, text) == [
        "base.yaml:4: kafka.servers: not the address of a broker, got 'broker-1', allowed: host:port, "
        "several by commas",
        "base.yaml:5: kafka.events: not the name of a topic, got 'shop events', allowed: letters, digits, '.', '_' "
        "and '-', at most 200",
        "base.yaml:6: kafka.queues: not the name of a topic, got 'a/b', allowed: letters, digits, '.', '_' and '-', "
        "at most 200",
        "base.yaml:7: kafka.topic: extra inputs are not permitted, allowed: servers, events, queues, options",
        "base.yaml:8: kafka.options: acks is set by the program, leave it out; group.id is set by the program, leave "
        "it out; sasl.jaas.config is a secret, allowed: env:NAME of the environment variable that holds it; "
        "ssl.key.password is a secret, allowed: env:NAME of the environment variable that holds it",
        "base.yaml:13: tracing: extra inputs are not permitted, allowed: root, conf, events, spark, tracking, "
        "prometheus, check_every, kafka",
    ]


def test_a_broker_that_is_for_nothing_is_refused(tmp_path: Path) -> None:
    assert refusals(tmp_path, "kafka: {servers: 'one:9092', options: {sasl.jaas.config: env:JAAS}}\n") == [
        "base.yaml:3: kafka: names neither a topic of events nor queues, allowed: events, queues, or both"
    ]


def test_every_variable_that_is_not_set_is_named() -> None:
    options = {"sasl.jaas.config": "env:JAAS", "ssl.key.password": "env:KEY_PASSWORD", "client.id": "env:SET"}
    settings = KafkaSettings(servers="one:9092", events="events", options=options)

    with pytest.raises(ConfigurationError) as refused:
        broker_of(settings, {"SET": "ceasefire", "KEY_PASSWORD": ""})

    assert str(refused.value).splitlines() == [
        "kafka.options.sasl.jaas.config: the environment variable is not set, got JAAS, allowed: export JAAS=…",
        "kafka.options.ssl.key.password: the environment variable is not set, got KEY_PASSWORD, "
        "allowed: export KEY_PASSWORD=…",
    ]


def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--settings .*nowhere\.yaml: there is no such file"):
        read_settings(tmp_path / "nowhere.yaml", once=False)
