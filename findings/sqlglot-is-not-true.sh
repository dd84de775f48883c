#!/usr/bin/env bash
# sqlglot: for a dialect without IS TRUE, `p IS NOT TRUE` becomes `NOT p`, which leaves out the rows where p is null.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: sqlglot==30.30.0 duckdb==1.5.6

cat >"$work/expected" <<'EXPECTED'
sqlglot 30.30.0, rows by duckdb 1.5.6 from p = true, false, null
p IS NOT TRUE keeps ['false', 'null']
p IS NOT TRUE from duckdb to snowflake is NOT p and keeps ['false']
p IS NOT FALSE keeps ['true', 'null']
p IS NOT FALSE from duckdb to snowflake is NOT NOT p and keeps ['true']
EXPECTED

"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
import duckdb
import sqlglot


def kept(condition: str) -> list[str]:
    rows = duckdb.sql(
        "SELECT coalesce(p::VARCHAR, 'null') FROM (VALUES (1, true), (2, false), (3, NULL)) AS t(place, p) "
        f"WHERE {condition} ORDER BY place"
    ).fetchall()
    return [text for (text,) in rows]


print(f"sqlglot {sqlglot.__version__}, rows by duckdb {duckdb.__version__} from p = true, false, null")
for written in ("p IS NOT TRUE", "p IS NOT FALSE"):
    (translated,) = sqlglot.transpile(written, read="duckdb", write="snowflake")
    print(f"{written} keeps {kept(written)}")
    print(f"{written} from duckdb to snowflake is {translated} and keeps {kept(translated)}")
PYTHON

echo "Behaviour: the translated condition loses the rows where p is null, without a warning."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
