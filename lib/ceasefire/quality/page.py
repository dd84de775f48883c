"""Results of checks as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from jinja2 import Environment

SHOWN_WINDOWS = 30

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Data quality of {{ brand }}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #1c2430; padding: 0 1rem }
  h2 { margin-top: 2.5rem } table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #e2e6ec; vertical-align: top }
  td.number { text-align: right; font-variant-numeric: tabular-nums }
  .good { color: #2e7d5b } .bad { color: #b3263d; font-weight: 600 } .odd { color: #8a5a00; font-weight: 600 }
  .verdict { padding: .6rem .9rem; border-radius: .4rem; background: #f3f5f8 }
</style>
</head>
<body>
<h1>Data quality of {{ brand }}</h1>
{% if on_hold %}
<p class="verdict"><span class="odd">On hold for marketing: {{ "{:,}".format(on_hold) }}
customer{{ "" if on_hold == 1 else "s" }}.</span> Something that may be an opt-out waits for a person to look at it:
<code>ceasefire holds</code> lists what came in, and says what to do.</p>
{% endif %}
{% for window in windows %}
<h2>Window of {{ window.close }}</h2>
<p class="verdict">
{% if window.critical %}<span class="bad">Release is held:</span> {{ window.critical }} of {{ window.count }}
expectations that nothing may be sent without do not hold. Find out why, then check the window again.
{% elif window.odd %}<span class="odd">Released, with something odd:</span> {{ window.odd }} of {{ window.count }}
expectations do not hold; none of them is critical.
{% else %}<span class="good">All {{ window.count }} expectations hold.</span>{% endif %}
</p>
{% for table in window.tables %}
<h3>{{ table.name }}: {{ "{:,}".format(table.rows) }} rows</h3>
<table>
<tr><th>expectation</th><th>if it did not hold</th><th>unexpected rows</th><th></th></tr>
{% for one in table.results %}
<tr><td>{{ one.expectation }}</td><td>{{ one.reason }}</td>
<td class="number">{{ "{:,}".format(one.unexpected_count) }}</td>
<td>{% if not one.unexpected_count %}<span class="good">holds</span>
{% elif one.is_critical %}<span class="bad">holds release</span>
{% else %}<span class="odd">does not hold</span>{% endif %}</td></tr>
{% endfor %}
</table>
{% endfor %}
{% endfor %}
</body>
</html>
"""


def quality_page(brand: str, results: Sequence[Mapping[str, Any]], on_hold: int = 0) -> str:
    """The page: the newest windows first, and in each what does not hold before what does.

    Args:
        brand: whose tables these are.
        results: rows of quality_results, one check for each window.
        on_hold: how many customers are on hold for marketing.
    """
    by_window = sorted(results, key=lambda one: one["window_end"], reverse=True)
    windows = [_window(list(rows)) for _, rows in groupby(by_window, key=lambda one: one["window_end"])]
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    return page.render(brand=brand, windows=windows[:SHOWN_WINDOWS], on_hold=on_hold)


def _window(results: list[Mapping[str, Any]]) -> dict[str, Any]:
    broken = [one for one in results if one["unexpected_count"]]
    ordered = sorted(results, key=lambda one: (one["table_name"], not one["unexpected_count"], one["expectation"]))
    tables = [(name, list(rows)) for name, rows in groupby(ordered, key=lambda one: one["table_name"])]
    return {
        "close": results[0]["window_end"].strftime("%Y-%m-%d %H:%M UTC"),
        "count": len(results),
        "critical": sum(one["is_critical"] for one in broken),
        "odd": len(broken),
        "tables": [{"name": name, "rows": rows[0]["row_count"], "results": rows} for name, rows in tables],
    }
