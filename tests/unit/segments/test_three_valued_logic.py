"""Rules against DuckDB: the same columns, the rule as the text of a WHERE, no code shared with the compiler."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.segments.program import compile_rules
from ceasefire.vocabulary import FeatureType

TYPES = {
    "i": FeatureType.INTEGER,
    "j": FeatureType.INTEGER,
    "x": FeatureType.REAL,
    "y": FeatureType.REAL,
    "s": FeatureType.TEXT,
    "t": FeatureType.TEXT,
    "f": FeatureType.BOOLEAN,
    "g": FeatureType.BOOLEAN,
}
VALUES: dict[FeatureType, list[object]] = {
    FeatureType.INTEGER: [None, -3, 0, 1, 2, 7],
    FeatureType.REAL: [None, float("nan"), -1.5, 0.0, 2.0, 2.5],
    FeatureType.TEXT: [None, "", "a", "ab", "b'c", "é"],
    FeatureType.BOOLEAN: [None, True, False],
}
ARROW = {
    FeatureType.INTEGER: pa.int64(),
    FeatureType.REAL: pa.float64(),
    FeatureType.TEXT: pa.string(),
    FeatureType.BOOLEAN: pa.bool_(),
}
ROWS = 300


def columns_of_every_mixture() -> dict[str, pa.Array]:
    draw = np.random.default_rng(7)
    columns = {}
    for name, kind in TYPES.items():
        values = [VALUES[kind][place] for place in draw.integers(0, len(VALUES[kind]), ROWS)]
        columns[name] = pa.array(values, ARROW[kind])
    return columns


COLUMNS = columns_of_every_mixture()


def duckdb_says(texts: Sequence[str], columns: dict[str, pa.Array]) -> list[list[bool | None]]:
    """What DuckDB makes of each text, row by row: true, false or unknown."""
    connection = duckdb.connect()
    connection.execute("SET ieee_floating_point_ops = false")  # division by zero gives null
    table = pa.table(columns).append_column("place", pa.array(range(len(columns["i"]))))
    connection.register("given", table)
    names = ", ".join(
        f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END AS {name}" if pa.types.is_floating(one.type) else name
        for name, one in columns.items()
    )
    wanted = ", ".join(f"({text})" for text in texts)
    rows = connection.execute(f"SELECT {wanted} FROM (SELECT place, {names} FROM given) ORDER BY place").fetchall()
    return [list(column) for column in zip(*rows, strict=True)]


def one_of(*parts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(parts)


def joined(parts: st.SearchStrategy[str], operators: Sequence[str]) -> st.SearchStrategy[str]:
    """One to three parts without brackets, so that precedence is tried too."""
    more = st.lists(st.tuples(st.sampled_from(operators), parts), min_size=0, max_size=2)
    return st.builds(lambda first, rest: " ".join([first, *(f"{op} {part}" for op, part in rest)]), parts, more)


def calls(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}({}, {})".format, one_of("NULLIF", "COALESCE"), parts, parts)


WHOLE = one_of("i", "j", "-i", "- j", "0", "2", "3", "-3")
REAL = one_of("x", "y", "-x", "2.5e0", "0e0", "-1.5e0")
NUMBER = st.recursive(
    WHOLE | REAL,
    lambda inner: joined(inner, "+-*/") | joined(inner, "+-*/").map("({})".format) | calls(inner),
    max_leaves=3,
)
TEXT = one_of("s", "t", "'a'", "''", "'b''c'", "'é'", "COALESCE(s, 'a')", "NULLIF(t, s)", "COALESCE(NULLIF(s, ''), t)")
FLAG = one_of("f", "g", "COALESCE(f, FALSE)", "NULLIF(f, g)", "COALESCE(g, f)")
SIGN = one_of("=", "<>", "!=", "<", "<=", ">", ">=")
NOT = one_of("", "NOT ")

NUMERIC = (
    st.builds("{} {} i + {}".format, NUMBER, SIGN, NUMBER)
    | st.builds("x {} {}".format, SIGN, NUMBER)
    | st.builds("i {} {}".format, SIGN, NUMBER)
    | st.builds("x + {} {}BETWEEN {} AND {}".format, NUMBER, NOT, NUMBER, NUMBER)
    | st.builds("i {}IN ({}, {}, {})".format, NOT, one_of("1", "2.5e0"), one_of("-3", "0"), one_of("7", "9"))
    | st.builds("y {}IN ({})".format, NOT, one_of("2", "2.5e0", "0, 2", "1, 2, 3, 4, 5, 6, 7, 8, 9, 2.5e0"))
    | st.builds("x * {} IS {}NULL".format, NUMBER, NOT)
)
TEXTUAL = (
    st.builds("s {} {}".format, SIGN, TEXT)
    | st.builds("{} {} t".format, TEXT, SIGN)
    | st.builds("s {}IN ({})".format, NOT, one_of("'a'", "'a', 'é'", "'zz', '', 'ab'"))
    | st.builds("{} {}LIKE {}".format, one_of("s", "COALESCE(s, t)"), NOT, one_of("'a%'", "'b''%'", "'é%'", "'zz%'"))
    | st.builds("{} IS {}NULL".format, one_of("s", "NULLIF(s, t)"), NOT)
)
BOOLEAN = (
    FLAG
    | st.builds("{} {} {}".format, one_of("f", "g"), one_of("=", "<>"), FLAG | one_of("TRUE", "FALSE"))
    | st.builds("{} IS {}NULL".format, FLAG, NOT)
    | one_of("TRUE", "FALSE")
)
RULE = st.recursive(
    st.builds("{}{}".format, NOT, NUMERIC | TEXTUAL | BOOLEAN),
    lambda inner: joined(inner, ("AND", "OR")) | st.builds("{}({})".format, NOT, joined(inner, ("AND", "OR"))),
    max_leaves=6,
)


@settings(max_examples=100)
@given(st.lists(RULE, min_size=1, max_size=6))
def test_a_rule_holds_exactly_where_sql_says_true(texts: list[str]) -> None:
    program, problems = compile_rules([(str(number), text) for number, text in enumerate(texts)], TYPES)

    assert program is not None, problems
    expected = [[truth is True for truth in column] for column in duckdb_says(texts, COLUMNS)]
    assert program.memberships(COLUMNS, ROWS).tolist() == expected


@settings(max_examples=60)
@given(RULE)
def test_a_criterion_is_true_false_or_unknown_exactly_as_its_text_is_in_sql(text: str) -> None:
    program, problems = compile_rules([("rule", text)], TYPES)

    assert program is not None, problems
    criteria = program.criteria("rule")
    truths = program.criterion_truths("rule", COLUMNS, ROWS)
    assert truths.shape == (len(criteria), ROWS)
    if criteria:
        # A decimal point alone would make DuckDB calculate in decimals instead of float64.
        as_float64 = [re.sub(r"(\d+\.\d+)", r"\1e0", criterion.text) for criterion in criteria]
        said = duckdb_says(as_float64, COLUMNS)
        assert truths.tolist() == [[-1 if truth is None else int(truth) for truth in column] for column in said]


@settings(max_examples=60)
@given(RULE)
def test_whoever_satisfies_as_much_as_a_member_is_a_member(text: str) -> None:
    program, problems = compile_rules([("rule", text)], TYPES)

    assert program is not None, problems
    member = program.memberships(COLUMNS, ROWS)[0]
    satisfied = program.criterion_truths("rule", COLUMNS, ROWS) == 1
    for one in np.flatnonzero(member)[:10]:
        at_least_as_much = (satisfied >= satisfied[:, [one]]).all(axis=0)
        assert member[at_least_as_much].all()


def test_whole_and_real_numbers_compare_as_in_sql_up_to_2_to_the_53() -> None:
    edge = 2**53
    whole = [edge, edge - 1, -edge, edge - 1, 3, 0]
    real = [float(edge), float(edge), float(-edge), float(edge - 1), 3.0000000000000004, -0.0]
    columns = {"i": pa.array(whole, pa.int64()), "x": pa.array(real, pa.float64())}
    texts = [f"i {sign} x" for sign in ("=", "<>", "<", "<=", ">", ">=")]
    texts += [f"i {sign} 9007199254740991.0" for sign in ("=", "<", ">")] + ["x = 9007199254740991", "i > 2.5"]

    program, problems = compile_rules([(text, text) for text in texts], TYPES)

    assert program is not None, problems
    assert program.memberships(columns, len(whole)).tolist() == duckdb_says(texts, columns)


def test_whole_numbers_compare_exactly_over_all_of_int64() -> None:
    columns = {"i": pa.array([2**63 - 1, 2**63 - 2, -(2**63)], pa.int64())}
    texts = ["i = 9223372036854775807", "i < 9223372036854775807", "i = -9223372036854775808"]

    program, problems = compile_rules([(text, text) for text in texts], TYPES)

    assert program is not None, problems
    assert program.memberships(columns, 3).tolist() == [[True, False, False], [False, True, True], [False, False, True]]
