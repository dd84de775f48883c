#!/usr/bin/env bash
# ruamel.yaml: a file that is loaded and dumped unchanged means something else to a YAML 1.1 reader, or another day.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: ruamel.yaml==0.19.1 PyYAML==6.0.4

cat >"$work/expected" <<'EXPECTED'
ruamel.yaml 0.19.1, PyYAML 6.0.4
language: 'no' -> language: no; PyYAML: 'no' -> False
quiet_from: '22:30' -> quiet_from: 22:30; PyYAML: '22:30' -> 1350
switch: 'on' -> switch: on; PyYAML: 'on' -> True
version: '1.10' -> version: '1.10'; PyYAML: '1.10' -> '1.10'
until: 2026-02-28T23:59:59.999999999Z -> until: 2026-03-01T00:00:00Z; PyYAML: 28 February -> 01 March
EXPECTED

"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
import io
from datetime import datetime
from importlib.metadata import version

import yaml
from ruamel.yaml import YAML


def dumped(text: str) -> str:
    editor = YAML()
    out = io.StringIO()
    editor.dump(editor.load(text), out)
    return out.getvalue().strip()


def read_by_pyyaml(text: str) -> str:
    (value,) = yaml.safe_load(text).values()
    return f"{value:%d %B}" if isinstance(value, datetime) else repr(value)


print(f"ruamel.yaml {version('ruamel.yaml')}, PyYAML {version('PyYAML')}")
for line in ("language: 'no'", "quiet_from: '22:30'", "switch: 'on'", "version: '1.10'",
             "until: 2026-02-28T23:59:59.999999999Z"):
    print(f"{line} -> {dumped(line)}; PyYAML: {read_by_pyyaml(line)} -> {read_by_pyyaml(dumped(line))}")
PYTHON

echo "Behaviour: quotes that only YAML 1.1 needs are dropped, and nanoseconds round up over midnight."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
