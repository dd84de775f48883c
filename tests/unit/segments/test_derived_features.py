from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark import cloudpickle

from ceasefire.segments.expressions import ExpressionProgram, compile_expressions
from ceasefire.segments.program import compile_rules
from ceasefire.vocabulary import FeatureType

LIMIT = 2**63
TYPES = {
    "net_spend_30d": FeatureType.INTEGER,
    "net_spend_60d": FeatureType.INTEGER,
    "score": FeatureType.REAL,
    "country": FeatureType.TEXT,
    "subscribed": FeatureType.BOOLEAN,
}
WHOLE = {"a": FeatureType.INTEGER, "b": FeatureType.INTEGER}


def compiled(**derived: str) -> ExpressionProgram:
    program, problems = compile_expressions(list(derived.items()), TYPES)
    assert program is not None, problems
    return program


def whats(*derived: tuple[str, str]) -> list[tuple[str, str, str]]:
    program, problems = compile_expressions(derived, TYPES)
    assert program is None
    return [(problem.rule_id, problem.what, problem.got) for problem in problems]


def test_a_trend_is_null_where_nothing_came_before() -> None:
    program = compiled(trend="net_spend_30d / NULLIF(net_spend_60d - net_spend_30d, 0)")
    columns = {"net_spend_30d": pa.array([300, 300, None, 0]), "net_spend_60d": pa.array([500, 300, 5, 8])}

    assert program.features == ("net_spend_30d", "net_spend_60d")
    [(name, values)] = program.values(columns, 4).items()
    assert (name, values.type) == ("trend", pa.float64())
    assert values.to_pylist() == [1.5, None, None, 0.0]


def test_derived_features_rest_on_one_another_in_any_order_of_declaration() -> None:
    program = compiled(four="two + two", two="one * 2", one="score")

    values = program.values({"score": pa.array([1.0, None])}, 2)

    assert {name: column.to_pylist() for name, column in values.items()} == {
        "four": [4.0, None],
        "two": [2.0, None],
        "one": [1.0, None],
    }
    assert list(values) == ["four", "two", "one"]
    assert program.features == ("score",)


def test_a_derived_name_among_the_types_is_still_calculated() -> None:
    program, problems = compile_expressions(
        [("one", "score + 1"), ("two", "one + 1")], TYPES | {"one": FeatureType.REAL}
    )

    assert program is not None, problems
    assert program.features == ("score",)
    assert program.values({"score": pa.array([0.5])}, 1)["two"].to_pylist() == [2.5]


def test_a_thousand_features_in_a_row_are_no_trouble() -> None:
    chain = [("d0", "score + 1")] + [(f"d{number}", f"d{number - 1} + 1") for number in range(1, 1000)]

    program, problems = compile_expressions(chain[::-1], TYPES)

    assert program is not None, problems
    assert program.values({"score": pa.array([0.0])}, 1)["d999"].to_pylist() == [1000.0]


def test_what_is_no_number_is_null() -> None:
    infinite, unknown = float("inf"), float("nan")
    columns = {"score": pa.array([infinite, -infinite, unknown, None, 1e308, 0.0, 2.0])}
    program = compiled(itself="score", tenfold="score * 10", inverse="1 / score", difference="score - score")

    values = {name: column.to_pylist() for name, column in program.values(columns, 7).items()}

    assert values == {
        "itself": [None, None, None, None, 1e308, 0.0, 2.0],
        "tenfold": [None, None, None, None, None, 0.0, 20.0],
        "inverse": [0.0, -0.0, None, None, 1e-308, None, 0.5],
        "difference": [None, None, None, None, 0.0, 0.0, 0.0],
    }


def test_division_of_whole_numbers_keeps_the_fraction() -> None:
    assert compiled(half="1 / net_spend_30d").values({"net_spend_30d": pa.array([2])}, 1)["half"].to_pylist() == [0.5]


INT64 = st.integers(-LIMIT, LIMIT - 1) | st.sampled_from([-LIMIT, LIMIT - 1, -1, 0, 1, 2**32, -(2**32), 3037000499])


@given(st.lists(st.tuples(INT64, INT64), min_size=1, max_size=20))
def test_whole_numbers_never_wrap_around(pairs: list[tuple[int, int]]) -> None:
    columns = {"a": pa.array([a for a, _ in pairs], pa.int64()), "b": pa.array([b for _, b in pairs], pa.int64())}
    program, problems = compile_rules(
        [
            ("sum", "a + b IS NULL"),
            ("difference", "a - b IS NULL"),
            ("product", "a * b IS NULL"),
            ("opposite", "-a IS NULL"),
            ("sum has the sign of the product", "a + b > 0 AND a * b > 0"),
        ],
        WHOLE,
    )
    assert program is not None, problems

    memberships = program.memberships(columns, len(pairs)).tolist()

    def leaves(number: int) -> bool:
        return not -LIMIT <= number < LIMIT

    assert memberships[0] == [leaves(a + b) for a, b in pairs]
    assert memberships[1] == [leaves(a - b) for a, b in pairs]
    assert memberships[3] == [leaves(-a) for a, _ in pairs]
    for (a, b), is_null, both_positive in zip(pairs, memberships[2], memberships[4], strict=True):
        assert is_null or not leaves(a * b)
        # Just below the limit a product may be null although it would fit.
        assert not is_null or abs(a * b) > LIMIT - 2**14
        assert not both_positive or (a > 0 and b > 0)


def test_a_product_just_beyond_the_limit_is_null_though_float64_would_round_it_below() -> None:
    a, b = 89547301328687144, 103
    assert a * b >= LIMIT
    assert float(a) * float(b) < LIMIT

    program, problems = compile_rules([("null", "a * b IS NULL")], WHOLE)

    assert program is not None, problems
    assert program.memberships({"a": pa.array([a, -a]), "b": pa.array([b, b])}, 2).tolist() == [[True, True]]


def test_derived_values_are_the_same_as_pythons() -> None:
    columns = {"net_spend_30d": pa.array([3, 5]), "score": pa.array([0.1, 0.7])}
    program = compiled(mixed="-(net_spend_30d - 2) * score + COALESCE(score, 0) / 3 - NULLIF(net_spend_30d, 3)")

    [first, second] = program.values(columns, 2)["mixed"].to_pylist()

    assert first is None
    assert math.isclose(second, -(5 - 2) * 0.7 + 0.7 / 3 - 5, rel_tol=1e-15)


def test_a_circle_is_refused_by_the_names_in_it() -> None:
    assert whats(("one", "two + 1"), ("two", "three"), ("three", "score - one"), ("fine", "one + score")) == [
        ("one", "derived features rest on one another in a circle", "one -> two -> three -> one")
    ]
    assert whats(("self", "self + 1")) == [("self", "derived features rest on one another in a circle", "self -> self")]
    assert whats(("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")) == [
        ("a", "derived features rest on one another in a circle", "a -> b -> a"),
        ("c", "derived features rest on one another in a circle", "c -> d -> c"),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("country", "a derived feature is a number"),
        ("subscribed", "a derived feature is a number"),
        ("score > 1", "a condition stands where a value is needed"),
        ("score AND score", "a condition stands where a value is needed"),
        ("1 + 2", "no feature in a derived feature"),
        ("country * 2", "arithmetic with what is no number"),
        ("scor + 1", "unknown feature"),
        ("", "empty"),
    ],
)
def test_what_is_no_arithmetic_over_features_is_refused(text: str, what: str) -> None:
    assert [problem for _, problem, _ in whats(("derived", text))] == [what]


def test_all_problems_of_all_derived_features_come_at_once() -> None:
    assert [(name, what) for name, what, _ in whats(("one", "two"), ("two", "nope"), ("two", "score"), ("x", "x"))] == [
        ("two", "declared twice"),
        ("x", "derived features rest on one another in a circle"),
    ]
    assert [name for name, _, _ in whats(("one", "two + nope"), ("two", "nope + nix"))] == ["two", "two", "one"]


def test_an_expression_program_travels_as_a_pickle() -> None:
    program = compiled(one="score + 1", two="one / 2")

    assert cloudpickle.loads(cloudpickle.dumps(program)) == program
