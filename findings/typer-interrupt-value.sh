#!/usr/bin/env bash
# Typer: called as a function, an interrupted command returns 130 like any result, and the program ends with 0.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
    typer==0.29.2 click==8.5.1 rich==15.0.0 shellingham==1.5.4

cat >"$work/expected" <<'EXPECTED'
typer 0.29.2, click 8.5.1
typer, interrupted: returned 130
typer, a command that returns 130: returned 130
click, interrupted: raised Abort
typer, standalone, a command that returns 3: exit code 0
EXPECTED

"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
from importlib.metadata import version

import click
import typer

by_typer = typer.Typer()


@by_typer.command()
def work(count: int | None = None) -> int:
    if count is None:
        raise KeyboardInterrupt
    return count


@click.command()
def work_of_click() -> None:
    raise KeyboardInterrupt


print(f"typer {version('typer')}, click {version('click')}")
print(f"typer, interrupted: returned {by_typer([], standalone_mode=False)}")
returned = by_typer(["--count", "130"], standalone_mode=False)
print(f"typer, a command that returns 130: returned {returned}")
try:
    work_of_click([], standalone_mode=False)
except click.Abort:
    print("click, interrupted: raised Abort")
try:
    by_typer(["--count", "3"])
except SystemExit as ended:
    print(f"typer, standalone, a command that returns 3: exit code {ended.code}")
PYTHON

echo "Behaviour: no exception tells of Ctrl-C, unlike in click, and a result never becomes the exit code."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
