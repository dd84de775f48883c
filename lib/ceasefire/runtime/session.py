"""The one place where a Spark session comes from."""

from __future__ import annotations

import atexit
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import current_thread, main_thread
from types import MappingProxyType

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from ceasefire.errors import EnvironmentMissingError
from ceasefire.runtime.failures import cause_of
from ceasefire.runtime.jar_lock import DELTA_LOCK, KAFKA_LOCK, locked_jars
from ceasefire.runtime.jars import verified_jars
from ceasefire.runtime.java import require_java
from ceasefire.runtime.jvm import start_jvm
from ceasefire.runtime.scratch import take_scratch

# Python loggers that print each exception of Spark as JSON, before whoever can handle it has seen it. Py4J's does so
# too, as soon as anybody has given Python's root logger a handler.
_ECHOES = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
_SILENT = logging.CRITICAL + 1

# What results depend on, wherever a session runs.
_MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Spark's own choice, 96 bits, is deprecated in Parquet, and costs more to write and to keep.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}

# What makes one process on one machine quick and quiet.
_LOCAL = {
    "spark.master": "local[*]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1500m",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # What an execution means to do is put into words for a page that nobody serves: in the fewest.
    "spark.sql.ui.explainMode": "simple",
    # Of a small table, every task is overhead, and a stateful checkpoint freezes the first number for ever.
    "spark.sql.shuffle.partitions": "2",
    # Of each partition of a table's state, Delta writes the program that unpacks it anew.
    "spark.databricks.delta.snapshotPartitions": "1",
    # No hash occurs twice: a dictionary of them is built for nothing, and thrown away.
    "spark.hadoop.parquet.enable.dictionary#event_key": "false",
    "spark.hadoop.parquet.enable.dictionary#payload_hash": "false",
    "spark.sql.adaptive.enabled": "false",
    # Four idle queries that ask every 50 ms cost a fifth of a core, every 200 ms a seventh.
    "spark.sql.streaming.pollingDelay": "200ms",
    # Compiling each plan to bytecode, and that to machine code, is a third of all time where the data is small; the
    # work on rows is done in Arrow and numpy either way.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Each sort, join and count takes a page at least. Spark's own are of 32 MiB in this heap, zeros for the most part,
    # and fill it with what is thrown away. A task has at most 8192 of them, in whatever heap: 16 GiB.
    "spark.buffer.pageSize": "2m",
    # A plan that is not compiled keeps what two expressions share in a cache, which costs more than it spares.
    "spark.sql.subexpressionElimination.enabled": "false",
}

# A heap and a space for classes that start small are collected whole each time that they have to grow: half of all that
# a short process spends on garbage. More than `spark.driver.memory` is not taken.
_ROOM = "-XX:InitialRAMPercentage=12.5 -XX:MetaspaceSize=256m"

# Eight times Java's own numbers of calls and rounds until a method is compiled a second time, for speed: a window
# plans much and computes little, and a fifth of its time went there. What does compute gets there all the same.
_PATIENCE = (
    "-XX:Tier4InvocationThreshold=40000 -XX:Tier4MinInvocationThreshold=4800 "
    "-XX:Tier4CompileThreshold=120000 -XX:Tier4BackEdgeThreshold=320000"
)


@contextmanager
def local_session(app_name: str, spark_conf: Mapping[str, str], with_kafka: bool = False) -> Iterator[SparkSession]:
    """As `lasting_session`, for as long as the block runs; a session that was there before runs on behind it.

    At the end its queries are stopped first. A JVM that has already gone is no error, and nothing is said about it.
    """
    was_running = _is_running()
    with _interrupts_kept():
        spark = lasting_session(app_name, spark_conf, with_kafka)
    try:
        yield spark
    finally:
        if not was_running:
            with suppress(Py4JError, PySparkException, OSError):
                for query in spark.streams.active:
                    query.stop()
                spark.stop()


@contextmanager
def job_session(app_name: str, spark_conf: Mapping[str, str], with_kafka: bool = False) -> Iterator[SparkSession]:
    """The session of a job: under spark-submit master, memory and jars are its to say, else as `local_session`.

    What spark-submit began ends with the process: a platform may have built that session for others as well.

    Args:
        app_name: what Spark calls the application.
        spark_conf: Spark settings that win over ours.
        with_kafka: whether it must be able to read and write topics; spark-submit is told its jars itself.

    Raises:
        EnvironmentMissingError: as `lasting_session`.
    """
    if _is_running() or "PYSPARK_GATEWAY_PORT" not in os.environ:
        with local_session(app_name, spark_conf, with_kafka) as spark:
            yield spark
        return
    with _said_of("the master of spark-submit"):
        submitted = _session({"spark.app.name": app_name} | _MEANING | dict(spark_conf))
    yield submitted


def lasting_session(app_name: str, spark_conf: Mapping[str, str], with_kafka: bool = False) -> SparkSession:
    """The session of this process: the one that is running if there is one, else a new local one.

    A running session (a notebook's, a cluster's) is taken as it is; nothing is set on it. It lasts as the process does.

    Args:
        app_name: what Spark calls the application.
        spark_conf: Spark settings that win over ours; Java options are added to ours.
        with_kafka: whether it must be able to read and write topics.

    Raises:
        EnvironmentMissingError: when Java or a jar is missing, or the JVM does not come up; says what to do.
    """
    if _is_running():
        return _session()
    require_java(os.environ)
    jars = verified_jars(jars=locked_jars(*((DELTA_LOCK, KAFKA_LOCK) if with_kafka else (DELTA_LOCK,))))
    # Workers take another Python, and the driver another address, unless told before the JVM starts.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    conf = SparkConf(loadDefaults=False).setAppName(app_name)
    scratch = take_scratch()
    atexit.register(scratch.remove)
    settings = _MEANING | _LOCAL | _files(jars, scratch.folder) | dict(spark_conf)
    theirs = spark_conf.get("spark.driver.extraJavaOptions", "")
    settings["spark.driver.extraJavaOptions"] = java_options(theirs, scratch.folder)
    conf.setAll(list(settings.items()))
    for name in _ECHOES:
        PySparkLogger.getLogger(name).setLevel(_SILENT)
    logging.getLogger("py4j").setLevel(_SILENT)
    logging.getLogger().addFilter(_is_no_interruption)
    gateway = SparkContext._gateway or start_jvm(conf)
    with _said_of(settings["spark.master"]):
        SparkContext(conf=conf, gateway=gateway)
        return _session()


@contextmanager
def _said_of(master: str) -> Iterator[None]:
    try:
        yield
    except (Py4JError, PySparkException) as error:
        raise EnvironmentMissingError(
            f"Spark did not start on {master} ({str(cause_of(error)).rstrip('.')}); "
            "see that it is local[*], or that a master answers there and has room for this application"
        ) from error


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Ctrl-C does what it did before: Spark takes it for itself, and asks its JVM amid another question to it."""
    before = signal.getsignal(signal.SIGINT)
    yield
    if before is not None and current_thread() is main_thread():
        signal.signal(signal.SIGINT, before)


def _is_no_interruption(record: logging.LogRecord) -> bool:
    """Py4J tells each Ctrl-C with a stack trace, in the name of nobody."""
    return record.getMessage() != "KeyboardInterrupt while sending command."


def _is_running() -> bool:
    return SparkSession.getActiveSession() is not None or SparkContext._active_spark_context is not None


def _session(settings: Mapping[str, str] = MappingProxyType({})) -> SparkSession:
    """The running session, else a new one with these settings."""
    builder = SparkSession.builder  # noqa: TID251 - sessions have their home here
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _files(jars: tuple[Path, ...], scratch: Path) -> dict[str, str]:
    """Where a new session finds its jars, and where it may leave things: never in the working directory."""
    return {
        "spark.jars": ",".join(jar.as_uri() for jar in jars),
        "spark.sql.warehouse.dir": (scratch / "warehouse").as_uri(),
        "spark.local.dir": str(scratch),
    }


def java_options(theirs: str, scratch: Path | None = None) -> str:
    """The JVM's options of a local session: ours, and behind them those of whoever starts it.

    Args:
        theirs: options of whoever starts it.
        scratch: where the JVM leaves temporary files; None: where Java does.
    """
    log_settings = Path(__file__).with_name("log4j2.properties").as_uri()
    # Java takes one collector and no second. Of a small heap, one that works beside the program costs a seventh more.
    collector = "" if re.search(r"-XX:\+Use\w+GC\b", theirs) else "-XX:+UseSerialGC"
    # Spark splits options at spaces, but not within quotes.
    temporary = "" if scratch is None else f'"-Djava.io.tmpdir={scratch}"'
    options = f"-Dlog4j2.configurationFile={log_settings} {temporary} {collector} {_ROOM} {_PATIENCE} {theirs}"
    return re.sub(r" +", " ", options).strip()
