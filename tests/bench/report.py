"""Figures as JSON, and the table in README.md that is made from it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.harness import Case, Load, Runs, Verdict

RESULTS = Path(__file__).with_name("results.json")
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of figures -->"

Entry = dict[str, Any]


def entry_of(case: Case, load: Load, runs: Runs, found: Sequence[Verdict], circumstances: Mapping[str, str]) -> Entry:
    """Everything that is known of one case at one size: what ran, where, and what came out."""
    return {
        "case": case.name,
        "question": case.question,
        "size": load.size,
        "count": load.count,
        "unit": case.unit,
        "shape": load.shape,
        **circumstances,
        "runs": {name: [asdict(run) for run in each] for name, each in runs.items()},
        "verdicts": [
            asdict(one.bound) | {"ratio": one.ratio, "least": one.least, "greatest": one.greatest, "holds": one.holds}
            for one in found
        ],
    }


def keep(entry: Entry, results: Path = RESULTS, readme: Path = README) -> None:
    """Put an entry in the place of the one of the same case, size and shape, and make the table anew."""
    entries = json.loads(results.read_text("utf-8")) if results.exists() else {}
    entries["/".join(entry[part] for part in ("case", "size", "shape"))] = entry
    results.write_text(json.dumps(dict(sorted(entries.items())), indent=1, ensure_ascii=False) + "\n", "utf-8")
    before, _, rest = readme.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n\n".join(table_of(one) for _, one in sorted(entries.items()))
    readme.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", "utf-8")


def table_of(entry: Entry) -> str:
    """One case at one size as Markdown."""
    lines = [
        f"### {entry['case']}, {entry['size']}: {entry['count']:,} {entry['unit']}, {entry['shape']}",
        "",
        entry["question"],
        "",
        "| | runs | wall s of the work | CPU s of the work | CPU s of the process | others, cores | |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(name, runs) for name, runs in entry["runs"].items()]
    lines += [""] if entry["verdicts"] else []
    lines += [
        f"- **{one['contender']} / {one['reference']} = {one['ratio']:.2f}** CPU (by round {one['least']:.2f} to "
        f"{one['greatest']:.2f}), at most {one['at_most']}: {'holds' if one['holds'] else '**MISSED**'}"
        for one in entry["verdicts"]
    ]
    lines += ["", f"`{entry['command']}`, {entry['date']}, {entry['machine']}."]
    return "\n".join(lines)


def _row(name: str, runs: Sequence[Mapping[str, Any]]) -> str:
    figures = [f"{label} {_spread([run['figures'][label] for run in runs])}" for label in runs[0]["figures"]]
    cells = [
        name,
        str(len(runs)),
        _spread([run["wall_s"] for run in runs]),
        _spread([run["cpu_s"] for run in runs]),
        _spread([run["process"]["cpu_s"] for run in runs]),
        _spread([run["others_cores"] for run in runs]),
        "; ".join(figures),
    ]
    return f"| {' | '.join(cells)} |"


def _spread(values: Sequence[float]) -> str:
    """The median, and the least and the greatest."""
    median, least, greatest = statistics.median(values), min(values), max(values)
    if least == greatest:
        return _short(median)
    return f"{_short(median)} ({_short(least)} to {_short(greatest)})"


def _short(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
