from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from ceasefire.config.kafka import Broker
from ceasefire.errors import EnvironmentMissingError
from ceasefire.storage.topics import require_topics


def test_a_session_without_the_jars_of_kafka_says_where_they_come_from(spark: SparkSession) -> None:
    with pytest.raises(EnvironmentMissingError, match=r"no jars of Kafka.*ceasefire\.runtime\.jars --kafka") as refused:
        require_topics(spark, Broker("127.0.0.1:1"), ["events"])
    assert refused.value.exit_code == 3
