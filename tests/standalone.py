"""A cluster of one master and one worker on 127.0.0.1, each a process of its own, as pyspark brings them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
import pyspark

from ceasefire.runtime.jars import verified_jars

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "dist" / "ceasefire.zip"
SPARK_HOME = Path(pyspark.__file__).parent
QUIET = f"-Dlog4j2.configurationFile={(PROJECT / 'lib/ceasefire/runtime/log4j2.properties').as_uri()}"
HERE = {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1"}

_MASTER_IS_UP = re.compile(r"Starting Spark master at (spark://\S+)")
_WORKER_IS_UP = re.compile(r"Successfully registered with master (spark://\S+)")


@dataclass(frozen=True)
class Cluster:
    """A running master, and the interpreter of executors, which knows all that the package needs and not the package.

    Attributes:
        master: its address.
        python: the interpreter.
    """

    master: str
    python: Path

    def submit(
        self,
        job: str,
        *arguments: str,
        master: str | None = None,
        driver: Path | None = None,
        with_package: bool = True,
    ) -> subprocess.Popen[str]:
        """Start a job with spark-submit as `deploy/spark` says; its stdout is the driver's, stderr and all.

        Args:
            job: name of a file in jobs/.
            arguments: of the job.
            master: another one than this.
            driver: another interpreter for the driver.
            with_package: whether executors and driver are handed the package.
        """
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", master or self.master]
        command += ["--properties-file", str(PROJECT / "deploy" / "spark" / "cluster.conf")]
        command += ["--conf", "spark.driver.memory=1g", "--conf", "spark.executor.memory=1g"]
        command += ["--conf", "spark.executor.cores=1", "--conf", "spark.cores.max=1"]
        command += ["--driver-java-options", QUIET, "--jars", ",".join(map(str, verified_jars()))]
        command += ["--py-files", str(PACKAGE)] if with_package else []
        command += [str(PROJECT / "jobs" / f"{job}.py"), *arguments]
        environment = os.environ | HERE | {"PYSPARK_PYTHON": str(self.python)}
        environment["PYSPARK_DRIVER_PYTHON"] = str(driver or self.python)
        return subprocess.Popen(
            command,
            cwd=self.python.parent,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


def python_without_the_package(folder: Path) -> Path:
    """An interpreter of its own that finds everything that is installed here, except what was installed editable."""
    venv.create(folder, with_pip=False)
    (site_packages,) = folder.glob("lib/python3*/site-packages")
    (site_packages / "dependencies.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n", "utf-8")
    return folder / "bin" / Path(sys.executable).name


class Daemon:
    """A master or a worker; up when it says so."""

    def __init__(self, said: Path, is_up: re.Pattern[str], arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [str(SPARK_HOME / "bin" / "spark-class"), *arguments],
            env=os.environ | HERE,
            stdout=subprocess.DEVNULL,
            stderr=said.open("wb"),
        )
        self.master = self._wait_until(is_up, said)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=60)

    def _wait_until(self, is_up: re.Pattern[str], said: Path) -> str:
        while (found := is_up.search(said.read_text("utf-8"))) is None:
            try:
                self._process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"a daemon of the cluster did not come up, see {said}")
        return found[1]


def start_master(folder: Path) -> Daemon:
    arguments = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    return Daemon(folder / "master.txt", _MASTER_IS_UP, ("org.apache.spark.deploy.master.Master", *arguments))


def start_worker(folder: Path, master: str) -> Daemon:
    arguments = ("--host", "127.0.0.1", "--cores", "4", "--memory", "4g", "--webui-port", "0")
    kind = "org.apache.spark.deploy.worker.Worker"
    return Daemon(folder / "worker.txt", _WORKER_IS_UP, (kind, *arguments, "--work-dir", str(folder / "work"), master))
