#!/usr/bin/env bash
# delta-rs: an append of another type is cast to the table's type, and what does not fit is cut off without a word.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
    deltalake==1.6.6 pyarrow==25.0.1 arro3-core==0.9.1

cat >"$work/expected" <<'EXPECTED'
deltalake 1.6.6, pyarrow 25.0.1
double 129.9 into int64: 129
decimal128(10, 2) 129.90 into int64: 129
double 129.999 into decimal128(10, 2): 130.00
double 16777217.0 into float: 16777216.0
double 0.2 into bool: True
double 1e+30 into int64: refused
decimal128(10, 2) 129.95 into decimal128(10, 1): refused
EXPECTED

"$work/venv/bin/python" - "$work/tables" >"$work/seen" <<'PYTHON'
import sys
from decimal import Decimal

import deltalake
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

WHOLE, REAL, CENTS = pa.int64(), pa.float64(), pa.decimal128(10, 2)
CASES = (
    (129.9, REAL, 1, WHOLE),
    (Decimal("129.90"), CENTS, 1, WHOLE),
    (129.999, REAL, Decimal("1.00"), CENTS),
    (16777217.0, REAL, 1.0, pa.float32()),
    (0.2, REAL, False, pa.bool_()),
    (1e30, REAL, 1, WHOLE),
    (Decimal("129.95"), CENTS, Decimal("1.0"), pa.decimal128(10, 1)),
)

print(f"deltalake {deltalake.__version__}, pyarrow {pa.__version__}")
for number, (value, its_type, first, table_type) in enumerate(CASES):
    path = f"{sys.argv[1]}/{number}"
    write_deltalake(path, pa.table({"v": pa.array([first], table_type)}))
    try:
        write_deltalake(path, pa.table({"v": pa.array([value], its_type)}), mode="append")
        values = DeltaTable(path).to_pyarrow_table()["v"].to_pylist()
        values.remove(first)
        stored = str(values[0])
    except Exception:
        stored = "refused"
    print(f"{its_type} {value} into {table_type}: {stored}")
PYTHON

echo "Behaviour: only what is out of range is refused; fractions and last digits are dropped."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
