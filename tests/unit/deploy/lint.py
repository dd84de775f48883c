"""What would fail only once it is deployed: a bundle, manifests and an image recipe, read as their runners do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from databricks.sdk.service.jobs import JobSettings as BundleJob
from ruamel.yaml import YAML

from ceasefire.config.settings import read_settings
from ceasefire.errors import CeasefireError

PROJECT = Path(__file__).parents[3]
JOBS = sorted(one.stem for one in (PROJECT / "jobs").glob("*.py"))
OPTIONS = {"--settings", "--once", "--new-epoch"}
_VARIABLE = re.compile(r"\$\{(?P<name>[\w.]+)\}")
_OF_THE_BUNDLE = ("bundle.name", "bundle.target", "workspace.file_path", "workspace.root_path")


def bundle_faults(folder: Path) -> list[str]:
    """Everything in an asset bundle that names what is not there, or that the Jobs API does not know."""
    bundle = _read(folder / "databricks.yml")
    faults = []
    variables = {f"var.{name}" for name in bundle["variables"]}
    needed = {f"var.{name}" for name, one in bundle["variables"].items() if "default" not in one}
    for name, target in bundle["targets"].items():
        given = {f"var.{one}" for one in target.get("variables", {})}
        faults += [f"databricks.yml: target {name} gives no {one}" for one in sorted(needed - given)]
        settings = folder / str(target["variables"].get("settings"))
        try:
            read_settings(settings, once=False)
        except CeasefireError as error:
            faults += [f"databricks.yml: target {name}: {line}" for line in str(error).splitlines()]
    for path in bundle["sync"]["paths"]:
        if not (folder / path).exists():
            faults.append(f"databricks.yml: sync names {path}, which does not exist")
    files = [file for pattern in bundle["include"] for file in sorted(folder.glob(pattern))]
    for file in files:
        where = file.relative_to(folder).as_posix()
        text = file.read_text("utf-8")
        unknown = {one["name"] for one in _VARIABLE.finditer(text)} - variables - set(_OF_THE_BUNDLE)
        faults += [f"{where}: no variable {one}" for one in sorted(unknown)]
        for target in bundle["targets"].values():
            values = {name: one.get("default", "") for name, one in bundle["variables"].items()} | target["variables"]
            resolved = _VARIABLE.sub(lambda found, v=values: str(v.get(found["name"].removeprefix("var."), "x")), text)
            for name, job in YAML(typ="safe", pure=True).load(resolved)["resources"]["jobs"].items():
                known = BundleJob.from_dict(job).as_dict()
                faults += [f"{where}: {name}: the Jobs API knows no {key}" for key in _lost(job, known)]
                faults += _task_faults(where, name, job, file.parent)
    return list(dict.fromkeys(faults))


def manifest_faults(file: Path) -> list[str]:
    """Everything in a manifest that names what is not there, or lets a pod do more than it needs."""
    faults = []
    for document in YAML(typ="safe", pure=True).load_all(file.read_text("utf-8")):
        if document["kind"] != "SparkApplication":
            continue
        name, spec = document["metadata"]["name"], document["spec"]
        of_apache = document["apiVersion"].startswith("spark.apache.org/")
        faults += [f"{file.name}: {name}: {fault}" for fault in (_apache if of_apache else _kubeflow)(spec)]
    return faults


def image_faults(text: str) -> list[str]:
    """Everything in an image recipe that makes it run as root, drift, or lack what the program needs."""
    faults = []
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    said = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    for instruction, rest in said:
        if instruction == "FROM" and (":" not in rest or rest.endswith(":latest")):
            faults.append(f"FROM {rest} names no version")
        if instruction == "COPY":
            missing = [source for source in rest.split()[:-1] if not (PROJECT / source).exists()]
            faults += [f"COPY names {source}, which does not exist" for source in missing]
        if instruction == "RUN" and "requirements.lock" in rest and "--require-hashes" not in rest:
            faults.append("packages are installed without their hashes")
    users = [rest.partition(":")[0] for instruction, rest in said if instruction == "USER"]
    if not users or not users[-1].isdigit() or users[-1] == "0":
        faults.append("it ends as root, or as a user without a number")
    if "ceasefire.runtime.jars" not in text:
        faults.append("the jars are not inside")
    return faults


def _task_faults(where: str, name: str, job: dict[str, Any], folder: Path) -> Iterator[str]:
    if ("continuous" in job) == ("schedule" in job):
        yield f"{where}: {name}: runs neither for ever nor by a schedule, or both"
    clusters = {one["job_cluster_key"] for one in job["job_clusters"]}
    for task in job["tasks"]:
        key = task["task_key"]
        script = (folder / task["spark_python_task"]["python_file"]).resolve()
        if script.parent != PROJECT / "jobs" or not script.exists():
            named = task["spark_python_task"]["python_file"]
            yield f"{where}: task {key} names {named}, which is no job; allowed: {', '.join(JOBS)}"
        options = {one for one in task["spark_python_task"]["parameters"] if one.startswith("--")}
        for option in sorted(options - OPTIONS):
            yield f"{where}: task {key}: no option {option}, allowed: {', '.join(sorted(OPTIONS))}"
        if "--settings" not in options:
            yield f"{where}: task {key}: --settings is missing"
        if task["job_cluster_key"] not in clusters:
            yield f"{where}: task {key}: no cluster {task['job_cluster_key']}"


def _kubeflow(spec: dict[str, Any]) -> Iterator[str]:
    yield from _program_faults(spec["mainApplicationFile"], spec["arguments"])
    if spec["restartPolicy"]["type"] != "Always":
        yield "a stream must be started again whenever it ends: restartPolicy.type: Always"
    for role in ("driver", "executor"):
        yield from _pod_faults(role, spec[role] | {"image": spec["image"]}, spec["volumes"])


def _apache(spec: dict[str, Any]) -> Iterator[str]:
    yield from _program_faults(spec["pyFiles"], spec["driverArgs"])
    if spec["applicationTolerations"]["restartConfig"]["restartPolicy"] != "Always":
        yield "a stream must be started again whenever it ends: restartConfig.restartPolicy: Always"
    for role in ("driver", "executor"):
        pod = spec[f"{role}Spec"]["podTemplateSpec"]["spec"]
        (container,) = pod["containers"]
        if container["image"] != spec["sparkConf"]["spark.kubernetes.container.image"]:
            yield f"{role}: another image than spark.kubernetes.container.image"
        yield from _pod_faults(role, container, pod["volumes"])


def _program_faults(program: str, arguments: list[str]) -> Iterator[str]:
    job = Path(program).stem
    if program != f"local:///app/jobs/{job}.py" or job not in JOBS:
        yield f"{program} is no job; allowed: {', '.join(JOBS)} under local:///app/jobs/"
    if arguments[:1] != ["--settings"] or not set(arguments[2:]) <= OPTIONS:
        yield f"arguments {arguments}, allowed: --settings FILE, then {', '.join(sorted(OPTIONS - {'--settings'}))}"


def _pod_faults(role: str, container: dict[str, Any], volumes: list[dict[str, Any]]) -> Iterator[str]:
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        yield f"{role}: image {container['image']} names no version"
    security = container.get("securityContext", {})
    wanted = {"runAsNonRoot": True, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False}
    for key, value in wanted.items():
        if security.get(key) is not value:
            yield f"{role}: {key} is not {str(value).lower()}"
    if not security.get("runAsUser"):
        yield f"{role}: runs as root"
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield f"{role}: keeps capabilities"
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    for name in sorted(set(mounted) - {one["name"] for one in volumes}):
        yield f"{role}: mounts {name}, which is no volume"
    if "/tmp" not in mounted.values():
        yield f"{role}: nothing is mounted at /tmp, and nothing else can be written"


def _lost(given: Any, known: Any, path: str = "") -> Iterator[str]:
    """Paths of keys that did not survive the way through the API's own types."""
    if isinstance(given, dict):
        for key, value in given.items():
            here = f"{path}.{key}" if path else key
            if not isinstance(known, dict) or key not in known:
                yield here
            else:
                yield from _lost(value, known[key], here)
    elif isinstance(given, list) and isinstance(known, list):
        for one, other in zip(given, known, strict=True):
            yield from _lost(one, other, path)


def _read(file: Path) -> Any:
    return YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
