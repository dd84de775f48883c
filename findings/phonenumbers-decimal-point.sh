#!/usr/bin/env bash
# phonenumbers: a number that a table kept as a decimal (`493023125000.0`) is a valid number of somebody else.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: phonenumbers==9.0.43

cat >"$work/expected" <<'EXPECTED'
phonenumbers 9.0.43
493023125000 in DE: +493023125000, valid True; with .0: +4930231250000, valid True
01713920000 in DE: +491713920000, valid True; with .0: +4917139200000, valid True
+493023125000 in any country: +493023125000, valid True; with .0: +4930231250000, valid True
2025550123 in US: +12025550123, valid True; with .0: +120255501230, valid False
EXPECTED

"$work/venv/bin/python" - >"$work/seen" <<'PYTHON'
import phonenumbers
from phonenumbers import PhoneNumberFormat

# Ranges that regulators keep free for films and examples.
INVENTED = (("493023125000", "DE"), ("01713920000", "DE"), ("+493023125000", None), ("2025550123", "US"))


def read(text: str, country: str | None) -> str:
    number = phonenumbers.parse(text, country)
    valid = phonenumbers.is_valid_number(number)
    return f"{phonenumbers.format_number(number, PhoneNumberFormat.E164)}, valid {valid}"


print(f"phonenumbers {phonenumbers.__version__}")
for text, country in INVENTED:
    print(f"{text} in {country or 'any country'}: {read(text, country)}; with .0: {read(text + '.0', country)}")
PYTHON

echo "Behaviour: the point is dropped and its zero dialled, where numbers of a country have no fixed length."
cat "$work/seen"
diff "$work/expected" "$work/seen" || { echo "changed: the output is not the expected one" >&2; exit 1; }
