from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from unit.deploy.lint import JOBS, PROJECT, bundle_faults, image_faults, manifest_faults

DEPLOY = PROJECT / "deploy"
BUNDLE = DEPLOY / "databricks"
STREAMS = {"ingest_events", "build_features", "decide", "release_sends", "tick_clock"}
MANIFESTS = ("apache.yaml", "kubeflow.yaml")
RECIPE = (DEPLOY / "image" / "Dockerfile").read_text("utf-8")


def spoiled_bundle(folder: Path, file: str, old: str, new: str) -> list[str]:
    """The faults of the bundle with one piece of a file replaced; jobs are found where they are."""
    bundle = shutil.copytree(BUNDLE, folder / "deploy" / "databricks")
    for name in ("jobs", "conf"):
        (folder / name).symlink_to(PROJECT / name)
    text = (bundle / file).read_text("utf-8")
    assert old in text
    (bundle / file).write_text(text.replace(old, new), "utf-8")
    return bundle_faults(bundle)


def spoiled_manifest(folder: Path, file: str, old: str, new: str) -> list[str]:
    text = (DEPLOY / "kubernetes" / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), "utf-8")
    return manifest_faults(folder / file)


def test_the_bundle_names_only_what_is_there_and_has_a_resource_for_every_job_but_kafkas() -> None:
    assert bundle_faults(BUNDLE) == []
    assert {one.stem for one in (BUNDLE / "resources").glob("*.yml")} == STREAMS | {"train_uplift"}
    assert set(JOBS) - STREAMS == {"train_uplift", "mirror_queues"}


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("resources/decide.yml", "jobs/decide.py", "jobs/decid.py", "../../../jobs/decid.py, which is no job"),
        ("resources/decide.yml", "[--settings,", "[--conf,", "task decide: no option --conf, allowed: --new-epoch"),
        ("resources/decide.yml", "continuous:", "continous:", "decide: the Jobs API knows no continous"),
        ("resources/decide.yml", "_key: own\n          spark", "_key: big\n          spark", "no cluster big"),
        ("resources/decide.yml", "var.node_type", "var.node_typ", "resources/decide.yml: no variable var.node_typ"),
        ("databricks.yml", "settings/prod.yaml", "settings/production.yaml", "there is no such file"),
        ("databricks.yml", "      pause_status: PAUSED\n", "", "target dev gives no var.pause_status"),
        ("databricks.yml", "../../conf", "../../config", "sync names ../../config, which does not exist"),
        ("settings/dev.yaml", "root: ", "roof: ", "target dev: "),
    ],
)  # fmt: skip
def test_a_bundle_that_names_what_is_not_there_is_refused(
    file: str, old: str, new: str, fault: str, tmp_path: Path
) -> None:
    assert any(fault in one for one in spoiled_bundle(tmp_path, file, old, new))


@pytest.mark.parametrize("file", MANIFESTS)
def test_manifests_name_only_what_is_there_and_let_pods_do_what_they_need(file: str) -> None:
    assert manifest_faults(DEPLOY / "kubernetes" / file) == []
    documents = list(YAML(typ="safe", pure=True).load_all((DEPLOY / "kubernetes" / file).read_text("utf-8")))
    names = {one["metadata"]["name"] for one in documents if one["kind"] == "SparkApplication"}
    assert names == {f"ceasefire-{one.replace('_', '-')}" for one in STREAMS}


@pytest.mark.parametrize("file", MANIFESTS)
@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("jobs/ingest_events.py", "jobs/ingest.py", "local:///app/jobs/ingest.py is no job; allowed: build_features"),
        ("[--settings, /conf", "[--conf, /conf", "arguments ['--conf', "),
        ("runAsNonRoot: true", "runAsNonRoot: false", "driver: runAsNonRoot is not true"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "driver: readOnlyRootFilesystem is not true"),
        ("runAsUser: 10001", "runAsUser: 0", "driver: runs as root"),
        ("drop: [ALL]", "drop: [NET_RAW]", "driver: keeps capabilities"),
        ("ceasefire:0.1.0", "ceasefire:latest", "names no version"),
        ("mountPath: /tmp", "mountPath: /var/tmp", "driver: nothing is mounted at /tmp"),
        ("name: scratch, mountPath", "name: scrtch, mountPath", "driver: mounts scrtch, which is no volume"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(file: str, old: str, new: str, fault: str, tmp_path: Path) -> None:
    assert any(fault in one for one in spoiled_manifest(tmp_path, file, old, new))


@pytest.mark.parametrize(("file", "old"), [("apache.yaml", "restartPolicy: Always"), ("kubeflow.yaml", "type: Always")])
def test_a_stream_that_is_not_started_again_is_refused(file: str, old: str, tmp_path: Path) -> None:
    found = spoiled_manifest(tmp_path, file, old, old.replace("Always", "Never"))

    assert any("a stream must be started again whenever it ends" in one for one in found)


def test_the_image_runs_as_nobody_and_has_everything_inside() -> None:
    assert image_faults(RECIPE) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("python:3.11-slim-bookworm", "python", "FROM python names no version"),
        ("USER 10001:10001\n", "", "it ends as root"),
        ("USER 10001:10001", "USER root", "it ends as root, or as a user without a number"),
        (" --require-hashes", "", "packages are installed without their hashes"),
        ("COPY lib lib", "COPY library lib", "COPY names library, which does not exist"),
        ("ceasefire.runtime.jars", "ceasefire.runtime.jar", "the jars are not inside"),
    ],
)
def test_an_image_recipe_that_is_wrong_is_refused(old: str, new: str, fault: str) -> None:
    assert RECIPE.count(old) == 1

    assert any(fault in one for one in image_faults(RECIPE.replace(old, new)))


def test_the_entrypoint_is_a_shell_script_that_hands_commands_on() -> None:
    script = DEPLOY / "image" / "entrypoint.sh"

    done = subprocess.run([str(script), "echo", "two words"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "two words\n", "")


def test_the_entrypoint_starts_an_executor_with_options_that_hold_spaces(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text('#!/bin/sh\nfor one in "$@"; do echo "$one"; done\n', "utf-8")
    java.chmod(0o755)
    names = ("DRIVER_URL", "EXECUTOR_ID", "EXECUTOR_CORES", "APPLICATION_ID", "EXECUTOR_POD_IP", "EXECUTOR_POD_NAME")
    told = {f"SPARK_{name}": name.lower() for name in names} | {"SPARK_RESOURCE_PROFILE_ID": "0"}
    options = {"SPARK_JAVA_OPT_0": "-Dgreeting=two words", "SPARK_JAVA_OPT_1": "-Xss4m", "SPARK_EXECUTOR_MEMORY": "1g"}
    environment = told | options | {"PATH": f"{tmp_path}:/usr/bin:/bin", "SPARK_HOME": "/opt/spark"}

    done = subprocess.run(
        [str(DEPLOY / "image" / "entrypoint.sh"), "executor"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[:4] == ["-Dgreeting=two words", "-Xss4m", "-Xms1g", "-Xmx1g"]
    assert lines[lines.index("--driver-url") + 1] == "driver_url"


def test_tables_are_found_through_the_one_type_that_knows_where_they_are() -> None:
    library = PROJECT / "lib" / "ceasefire"
    by_path = re.compile(r"forPath\(|\.saveAsTable\(|delta\.`|format\(\"delta\"\)")

    users = {
        one.relative_to(library).as_posix() for one in library.rglob("*.py") if by_path.search(one.read_text("utf-8"))
    }

    assert users == {"storage/lake.py"}


def test_the_readme_of_deployment_leads_to_every_way() -> None:
    text = (DEPLOY / "README.md").read_text("utf-8")

    assert {one.name for one in DEPLOY.iterdir() if one.is_dir()} == set(re.findall(r"\]\((\w+)/", text))
