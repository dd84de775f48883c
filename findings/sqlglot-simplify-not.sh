#!/usr/bin/env bash
# sqlglot: `simplify` takes the wider of two bounds in an AND, and the narrower in an OR, when one comes from a NOT.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: sqlglot==30.30.0 duckdb==1.5.6

cat >"$work/expected" <<'EXPECTED'
sqlglot 30.30.0, rows counted by duckdb 1.5.6 in a = 1, 2, 3, 4
NOT a > 3 AND a < 3: 2 rows; simplified to a <= 3: 3 rows
a < 3 AND NOT a > 3: 2 rows; simplified to a <= 3: 3 rows
NOT a > 3 OR a < 3: 3 rows; simplified to a < 3: 2 rows
a <= 3 AND a < 3: 2 rows; simplified to a < 3: 2 rows
EXPECTED

"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
import duckdb
import sqlglot
from sqlglot.optimizer.simplify import simplify


def count(condition: str) -> int:
    found = duckdb.sql(f"SELECT count(*) FROM (VALUES (1), (2), (3), (4)) AS t(a) WHERE {condition}").fetchone()
    return found[0]


print(f"sqlglot {sqlglot.__version__}, rows counted by duckdb {duckdb.__version__} in a = 1, 2, 3, 4")
for written in ("NOT a > 3 AND a < 3", "a < 3 AND NOT a > 3", "NOT a > 3 OR a < 3", "a <= 3 AND a < 3"):
    simplified = simplify(sqlglot.parse_one(written)).sql()
    print(f"{written}: {count(written)} rows; simplified to {simplified}: {count(simplified)} rows")
PYTHON

echo "Behaviour: simplify changes which rows a condition keeps, if both bounds are equal and one stands under NOT."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
