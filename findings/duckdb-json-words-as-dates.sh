#!/usr/bin/env bash
# DuckDB: a JSON text `epoch` or `infinity` is read as the date 1900-01-01, which is neither.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: duckdb==1.5.6

cat >"$work/expected" <<'EXPECTED'
duckdb 1.5.6
["epoch"] -> DATE ['1900-01-01']
["2026-03-01", "epoch", "infinity"] -> DATE ['2026-03-01', '1900-01-01', '1900-01-01']
["1-2-26"] -> DATE ['2001-02-26']
["epoch", "spring"] -> VARCHAR ['epoch', 'spring']
a cast says: epoch is 1970-01-01, infinity is infinity
EXPECTED

"$work/venv/bin/python" - "$work/rows.jsonl" >"$work/seen" <<'PYTHON'
import json
import sys
from pathlib import Path

import duckdb

file = Path(sys.argv[1])
print(f"duckdb {duckdb.__version__}")
for texts in (["epoch"], ["2026-03-01", "epoch", "infinity"], ["1-2-26"], ["epoch", "spring"]):
    file.write_text("".join(json.dumps({"place": place, "v": text}) + "\n" for place, text in enumerate(texts)))
    rows = duckdb.sql(f"SELECT typeof(v), v::VARCHAR FROM read_json('{file}') ORDER BY place").fetchall()
    print(f"{json.dumps(texts)} -> {rows[0][0]} {[text for _, text in rows]}")
epoch, infinity = duckdb.sql("SELECT 'epoch'::DATE::VARCHAR, 'infinity'::DATE::VARCHAR").fetchone()
print(f"a cast says: epoch is {epoch}, infinity is {infinity}")
PYTHON

echo "Behaviour: read_json without column types turns these words and short codes into dates they do not mean."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
