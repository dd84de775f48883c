from __future__ import annotations

from datetime import date
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.config.bundle import Bundle, parse_bundle
from ceasefire.config.parsing import MAX_FILE_BYTES, parse_yaml, where
from unit.config.brand_texts import FILES


def value(text: str) -> object:
    """What a good text says."""
    read, _, wrong = parse_yaml(text, "a.yaml")
    assert wrong == []
    return read


def refusal(text: str) -> str:
    """What is said about a bad text."""
    read, _, wrong = parse_yaml(text, "a.yaml")
    assert read is None
    (problem,) = wrong
    return str(problem)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("12:30:00", "12:30:00"),
        ("06:00", "06:00"),
        ("010", 10),
        ("0o17", 15),
        ("'1'", "1"),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("2026-03-01", date(2026, 3, 1)),
        ("99999-01-01", "99999-01-01"),
    ],
)
def test_a_scalar_means_what_it_means_in_yaml_1_2(text: str, meant: object) -> None:
    assert value(f"a: {text}") == {"a": meant}


def test_every_key_and_item_knows_its_line() -> None:
    text = "a:\n  - b: 1\n    c: 2\n  - d\n\n# a remark\ne: {f: 1}\n"

    _, lines, _ = parse_yaml(text, "a.yaml")

    places = [(), ("a",), ("a", 0), ("a", 0, "c"), ("a", 1), ("e",), ("e", "f"), ("e", "f", "deeper", 3)]
    assert [where("a.yaml", lines, place) for place in places] == [
        f"a.yaml:{line}" for line in (1, 1, 2, 3, 4, 7, 7, 7)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 'a.yaml:3: not valid YAML: found duplicate key "a"'),
        ("a:\n  b: {c: 1, c: 2}\n", 'a.yaml:2: not valid YAML: found duplicate key "c"'),
        ("a:\n\tb: 1\n", "a.yaml:2: not valid YAML: found character '\\t'"),
        ("a: [1, 2\n", "a.yaml:2: not valid YAML"),
        ("a: 'x\n", "a.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2: not valid YAML: but found another document"),
        ("a: 1\nb: 2026-02-31\n", "a.yaml:2: not valid YAML: day is out of range for month"),
        ("a: 1\nb: \x00\n", "a.yaml:2: not valid YAML: a character that no text holds"),
        ('a: 1\nb: "\\ud800"\n', "a.yaml:2: not valid YAML: half of a surrogate pair"),
        ("%YAML 1.1\n---\na: no\n", "a.yaml:2: not valid YAML: directives are not supported"),
        ("a: 1\nb: !!set {c}\n", "a.yaml:2: not valid YAML: tags are not supported"),
        ("a: !!python/object:os.system [ls]\n", "a.yaml:1: not valid YAML: tags are not supported"),
        ("a: &x [1]\nb: *x\n", "a.yaml:1: not valid YAML: anchors and aliases are not supported"),
        ("a: &a [*a]\n", "a.yaml:1: not valid YAML: anchors and aliases are not supported"),
        ("a: 1\nb: *x\n", "a.yaml:2: not valid YAML: anchors and aliases are not supported"),
        ("<<: {a: 1}\nb: &b {c: *b}\n", "a.yaml:2: not valid YAML: anchors and aliases are not supported"),
        ("a: 1\n? - ?", "a.yaml:2: not valid YAML: a key is text"),
        ("a: 1\nb: {[c]: 1}\n", "a.yaml:2: not valid YAML: a key is text"),
        ("? {a: 1}\n: 2\n", "a.yaml:1: not valid YAML: a key is text"),
        ("a: " + "[" * 5000 + "]" * 5000, "a.yaml:1: not valid YAML: nested too deeply"),
        ("a: 1\nb: " + "[" * 5000, "a.yaml:2: not valid YAML: nested too deeply"),
        ("{a: " * 5000 + "}" * 5000, "a.yaml:1: not valid YAML: nested too deeply"),
        ("- " * 400 + "a", "a.yaml:1: not valid YAML: nested too deeply"),
        ("a: " + "x" * (2 << 20), "a.yaml: file too large, got 2097155 bytes, allowed: at most 1048576"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, said: str) -> None:
    assert refusal(text).startswith(said)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    started = process_time()

    assert "anchors and aliases" in refusal(f"a0: &a0 [x]\n{levels}")
    assert process_time() - started < 5


def test_brackets_up_to_the_largest_file_are_refused_in_no_time() -> None:
    started = process_time()

    assert "nested too deeply" in refusal("[" * MAX_FILE_BYTES)
    assert process_time() - started < 20


def test_an_empty_file_says_nothing_and_a_mark_at_its_beginning_is_no_part_of_it() -> None:
    assert value("") is None
    assert value("\ufeffa: 1") == {"a": 1}


SNIPPETS = (*"\n{}[]'|>#1&*", "a: ", "- ", "  ", "!!set ", "!x ", "? ", "null", "id: b")


@given(st.text(max_size=40) | st.lists(st.sampled_from(SNIPPETS), max_size=12).map("".join))
@settings(max_examples=60)
def test_no_text_makes_the_reader_of_a_brand_folder_fail(text: str) -> None:
    for file in FILES:
        brand, problems = parse_bundle(Bundle(FILES | {file: text}, {}))

        assert (brand is None) == bool(problems)
        assert all(str(problem).startswith(file) or "campaigns.yaml" in str(problem) for problem in problems)
