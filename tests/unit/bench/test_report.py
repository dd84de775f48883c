from __future__ import annotations

from pathlib import Path

from bench.harness import Bound, Case, Load, Output, Run, Verdict
from bench.process_tree import Cost
from bench.report import BEGIN, END, entry_of, keep

CASE = Case(
    name="race",
    question="Who is faster?",
    counts={"S": 1_000},
    unit="laps",
    prepare=lambda folder, load: None,
    contenders={"hare": lambda *_: Output("home")},
)
WHERE = {"command": "make bench", "date": "2026-06-01", "machine": "a field"}


def test_a_missed_bound_stands_in_the_table_and_what_is_around_it_stays(tmp_path: Path) -> None:
    results, readme = tmp_path / "results.json", tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    runs = {"hare": [Run(wall, 4.0, Cost(2.0, 5.0, 0), 0.0, "home", {}) for wall in (1.0, 3.0, 2.0)]}
    missed = Verdict(Bound("hare", "hedgehog", 2.0), 2.5, 2.0, 3.0)

    for count in (1_000, 2_000):
        keep(entry_of(CASE, Load("S", count, "uniform"), runs, [missed], WHERE), results, readme)

    text = readme.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    # and the newer figures took the place of the older ones
    assert text.count("### race, S: 2,000 laps, uniform") == 1
    assert "1,000 laps" not in text
    assert "| hare | 3 | 2 (1 to 3) | 4 | 5 | 0 |" in text
    assert "**hare / hedgehog = 2.50** CPU (by round 2.00 to 3.00), at most 2.0: **MISSED**" in text
