#!/usr/bin/env bash
# Babel: `parse_time` does not know the day periods that `format_time` writes, and is twelve hours off.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: babel==2.19.0

cat >"$work/expected" <<'EXPECTED'
babel 2.19.0
15:30 in en_US is 3:30 PM, read back as 15:30
15:30 in en_CA is 3:30 p.m., read back as 03:30
15:30 in es_US is 3:30 p.m., read back as 03:30
15:30 in el is 3:30 μ.μ., read back as 03:30
15:30 in ko is 오후 3:30, read back as 03:30
15:30 in zh_Hant is 下午3:30, read back as 03:30
EXPECTED

PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
from datetime import time

import babel
from babel.dates import format_time, parse_time

AFTERNOON = time(15, 30)

print(f"babel {babel.__version__}")
for locale in ("en_US", "en_CA", "es_US", "el", "ko", "zh_Hant"):
    written = format_time(AFTERNOON, "short", locale=locale)
    read = parse_time(written, locale=locale, format="short")
    shown = written.replace("\u202f", " ")
    print(f"{AFTERNOON:%H:%M} in {locale} is {shown}, read back as {read:%H:%M}")
PYTHON

echo "Behaviour: outside a few locales what Babel writes in the afternoon, it reads as morning, without an error."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
