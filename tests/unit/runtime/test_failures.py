from __future__ import annotations

import pytest

from ceasefire.errors import (
    CeasefireError,
    CheckFailedError,
    ConfigurationError,
    EnvironmentMissingError,
    UsageError,
)
from ceasefire.runtime.failures import UnreadableFile, cause_of, unreadable_file

FROM_A_BATCH = """[STREAM_FAILED] Query [id = bb7c, runId = edb0] terminated with exception: \
[FOREACH_BATCH_USER_FUNCTION_ERROR] An error occurred in the user provided function in foreach batch sink. \
Reason: An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):
  File "clientserver.py", line 644, in _call_proxy
    return_value = getattr(self.pool[obj_id], method)(*params)
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
{error}
 SQLSTATE: 39000 SQLSTATE: XXKST
=== Streaming Query ===
Identifier: [id = bb7c, runId = edb0]
Current Committed Offsets: {{}}
"""

FROM_A_WORKER_IN_A_BATCH = """pyspark.errors.exceptions.captured.PythonException: An exception was thrown from the \
Python worker:
Traceback (most recent call last):
  File "kernel.py", line 25, in values
    raise CheckFailedError("a worker fails")
{error}"""


def test_an_error_of_ours_is_its_own_cause() -> None:
    error = UsageError("no such window")

    assert cause_of(error) is error


def test_what_was_raised_from_an_error_of_ours_has_that_very_error_as_cause() -> None:
    error = UsageError("no such window")
    wrapper = RuntimeError("py4j")
    wrapper.__cause__ = ValueError("in between")
    wrapper.__cause__.__cause__ = error

    assert cause_of(wrapper) is error


def test_an_error_from_a_batch_keeps_its_class_and_its_lines() -> None:
    text = FROM_A_BATCH.format(error="ceasefire.errors.CheckFailedError: two rows are lost:\n3 of events")

    cause = cause_of(RuntimeError(text))

    assert type(cause) is CheckFailedError
    assert str(cause) == "two rows are lost:\n3 of events"


def test_problems_of_a_configuration_come_back_line_by_line() -> None:
    text = FROM_A_BATCH.format(error="ceasefire.errors.ConfigurationError: a.yaml:3: no\nb.yaml:4: nor this")

    cause = cause_of(RuntimeError(text))

    assert isinstance(cause, ConfigurationError)
    assert [problem.what for problem in cause.problems] == ["a.yaml:3: no", "b.yaml:4: nor this"]


def test_an_error_from_a_worker_inside_a_batch_is_found_below_both() -> None:
    worker = FROM_A_WORKER_IN_A_BATCH.format(error="ceasefire.errors.CheckFailedError: a worker fails")

    cause = cause_of(RuntimeError(FROM_A_BATCH.format(error=worker)))

    assert (type(cause), str(cause)) == (CheckFailedError, "a worker fails")


def test_anybody_elses_error_from_a_worker_is_one_line() -> None:
    worker = FROM_A_WORKER_IN_A_BATCH.format(error="KeyError: 'colour'")

    cause = cause_of(RuntimeError(FROM_A_BATCH.format(error=worker)))

    assert (type(cause), str(cause)) == (CeasefireError, "KeyError: 'colour'")


def test_an_error_of_spark_is_its_first_line_without_codes_for_machines() -> None:
    error = ValueError("[PATH_NOT_FOUND] Path does not exist: /lake. SQLSTATE: 42K03\n== SQL ==\nSELECT")

    assert str(cause_of(error)) == "ValueError: [PATH_NOT_FOUND] Path does not exist: /lake."


def test_an_error_without_words_is_called_by_its_class() -> None:
    assert str(cause_of(KeyError())) == "KeyError"
    assert str(cause_of(RuntimeError("ceasefire.errors.NoSuchError: x"))) == (
        "RuntimeError: ceasefire.errors.NoSuchError: x"
    )


def test_a_broker_that_is_away_is_something_missing_and_named_by_the_root_of_what_its_client_met() -> None:
    text = """An error occurred while calling o119.isEmpty.
: org.apache.kafka.common.KafkaException: Failed to create new KafkaAdminClient
\tat org.apache.kafka.clients.admin.KafkaAdminClient.createInternal(KafkaAdminClient.java:551)
Caused by: org.apache.kafka.common.config.ConfigException: No resolvable bootstrap urls given in bootstrap.servers
\tat org.apache.kafka.clients.ClientUtils.parseAndValidateAddresses(ClientUtils.java:97)"""

    cause = cause_of(RuntimeError(text))

    assert isinstance(cause, EnvironmentMissingError)
    assert "(ConfigException: No resolvable bootstrap urls given in bootstrap.servers); see that" in str(cause)
    assert "\n" not in str(cause)


def test_messages_that_a_broker_deleted_unread_are_a_failed_check_and_not_a_broker_that_is_away() -> None:
    text = """: org.apache.spark.sql.kafka010.KafkaIllegalStateException: Some data may have been lost because they are
not available in Kafka any more; set the source option failOnDataLoss to false.
Reason: Could not read records in offset [1, 3) for topic partition events-0
with consumer group g-executor.
Caused by: org.apache.kafka.clients.consumer.OffsetOutOfRangeException: Fetch position is out of range"""

    cause = cause_of(RuntimeError(text))

    assert isinstance(cause, CheckFailedError)
    assert "never read (Could not read records in offset [1, 3) for topic partition events-0); keep" in str(cause)


@pytest.mark.parametrize(
    ("last_line", "sentence"),
    [
        (
            "ModuleNotFoundError: No module named 'ceasefire.events'",
            "executors have no module 'ceasefire'; install all of requirements.lock there, and the package too or hand "
            "it over with --py-files dist/ceasefire.zip",
        ),
        (
            "pyspark.errors.exceptions.base.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has "
            "different version: 3.12 than that in driver: 3.11, PySpark cannot run with different minor versions.",
            "executors run Python 3.12 and the driver 3.11; name one that both have in PYSPARK_PYTHON",
        ),
    ],
)
def test_what_executors_lack_is_something_missing_and_says_how_they_get_it(last_line: str, sentence: str) -> None:
    said = (
        "[STREAM_FAILED] Query corner_ingest_events terminated with exception: Job aborted due to stage failure: "
        "Lost task 0.3 in stage 0.0 (TID 3) (10.0.0.7 executor 0): org.apache.spark.api.python.PythonException: "
        f'Traceback (most recent call last):\n  File "worker.py", line 1, in main\n{last_line}\n\n'
        "\tat org.apache.spark.api.python.BasePythonRunner\n SQLSTATE: XXKST"
    )

    cause = cause_of(RuntimeError(said))

    assert (type(cause), str(cause)) == (EnvironmentMissingError, sentence)


def test_what_the_jvm_raised_is_told_without_how_it_was_called() -> None:
    said = (
        "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n"
        ": org.apache.spark.SparkException: Could not parse Master URL: 'sparkle'\n\tat org.apache.spark.X"
    )

    assert str(cause_of(RuntimeError(said))) == "SparkException: Could not parse Master URL: 'sparkle'"


def java(first: str, *causes: str) -> RuntimeError:
    """An error as Py4J hands it on: what was called, the first line, and a stack for it and for each cause."""
    stack = "\n\tat org.apache.spark.rdd.RDD.compute(RDD.scala:57)\n"
    return RuntimeError(f"An error occurred while calling o114.collect.\n: {stack.join([first, *causes])}{stack}")


READING = (
    "org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file {}.  "
    "SQLSTATE: KD001"
)
AWAITING = "org.apache.spark.SparkException: Exception thrown in awaitResult: "


def test_a_file_that_is_cut_short_is_named_with_what_is_wrong_and_what_to_do() -> None:
    error = java(
        AWAITING,
        f"Caused by: {READING.format('file:///in/b c.jsonl.gz')}",
        "Caused by: java.io.EOFException: Unexpected end of input stream",
    )

    cause = cause_of(error)

    assert unreadable_file(error) == UnreadableFile(
        "file:///in/b c.jsonl.gz", "EOFException: Unexpected end of input stream", is_damaged=True
    )
    assert isinstance(cause, CheckFailedError)
    assert str(cause) == (
        "file:///in/b c.jsonl.gz cannot be read (EOFException: Unexpected end of input stream); "
        "put a copy in its place that can be, and start again"
    )


@pytest.mark.parametrize(
    ("root", "is_damaged"),
    [
        ("java.io.IOException: incorrect data check", True),
        ("java.io.IOException: invalid stored block lengths", True),
        ("java.io.IOException: not a gzip file", True),
        ("java.util.zip.ZipException: invalid code lengths set", True),
        ("java.net.URISyntaxException: Relative path in absolute URI: day:1.jsonl", True),
        ("java.io.FileNotFoundException: /in/a.jsonl (Permission denied)", False),
        ("java.net.SocketTimeoutException: Read timed out", False),
        ("java.io.IOException: Input/output error", False),
    ],
)
def test_only_what_would_be_no_better_the_next_time_is_damage(root: str, is_damaged: bool) -> None:
    found = unreadable_file(java(READING.format("s3a://shop/in/a.jsonl"), f"Caused by: {root}"))

    assert found is not None
    assert (found.file, found.is_damaged) == ("s3a://shop/in/a.jsonl", is_damaged)
    assert root.endswith(found.why)


def test_of_java_causes_the_deepest_that_names_a_path_is_told() -> None:
    error = java(
        AWAITING,
        "Caused by: java.lang.RuntimeException: of something",
        "Caused by: java.io.FileNotFoundException: /lake/corner/events/part-0.parquet (No such file or directory)",
        "Caused by: java.lang.IllegalStateException: closed",
    )

    assert str(cause_of(error)) == (
        "FileNotFoundException: /lake/corner/events/part-0.parquet (No such file or directory)"
    )


def test_where_the_first_line_says_nothing_and_no_cause_names_a_path_the_deepest_cause_is_told() -> None:
    causes = ("Caused by: java.lang.RuntimeException: outer", "Caused by: java.lang.OutOfMemoryError: Java heap space")

    assert str(cause_of(java(AWAITING, *causes))) == "OutOfMemoryError: Java heap space"
    assert str(cause_of(java("java.lang.IllegalStateException: the table is locked", *causes))) == (
        "IllegalStateException: the table is locked"
    )


def test_causes_that_pyspark_keeps_beside_the_message_are_heard() -> None:
    error = RuntimeError("Exception thrown in awaitResult: ")
    error._stackTrace = f"{AWAITING}\nCaused by: java.io.IOException: No space left on /var/data/spark\n"  # type: ignore[attr-defined]

    assert str(cause_of(error)) == "IOException: No space left on /var/data/spark"
