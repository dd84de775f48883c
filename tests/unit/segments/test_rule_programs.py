from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyspark import cloudpickle

from ceasefire.segments.feature_columns import BLOCK_ROWS
from ceasefire.segments.program import RuleProgram, compile_rules, with_residual
from ceasefire.segments.rule_conditions import Criterion
from ceasefire.segments.steps import Atom
from ceasefire.vocabulary import FeatureType

TYPES = {
    "days_since_registration": FeatureType.REAL,
    "purchase_count_to_date": FeatureType.INTEGER,
    "handbag_browse_count_since_registration": FeatureType.INTEGER,
    "net_spend_to_date": FeatureType.INTEGER,
    "send_count_to_date": FeatureType.INTEGER,
    "response_count_to_date": FeatureType.INTEGER,
    "last_category": FeatureType.TEXT,
    "country": FeatureType.TEXT,
    "subscribed": FeatureType.BOOLEAN,
}


def compiled(**rules: str) -> RuleProgram:
    program, problems = compile_rules(list(rules.items()), TYPES)
    assert program is not None, problems
    return program


def members(rule: str, **columns: list[object]) -> list[bool]:
    arrays = {name: pa.array(values) for name, values in columns.items()}
    rows = len(next(iter(columns.values())))
    return [bool(member) for member in compiled(rule=rule).memberships(arrays, rows)[0]]


def test_registered_less_than_a_week_ago_without_purchases_browsed_handbags() -> None:
    rule = "days_since_registration < 7 AND purchase_count_to_date = 0 AND handbag_browse_count_since_registration > 0"

    # six days in, exactly seven days, never registered, bought, did not browse
    assert members(
        rule,
        days_since_registration=[6.999, 7.0, None, 3.0, 3.0],
        purchase_count_to_date=[0, 0, 0, 1, 0],
        handbag_browse_count_since_registration=[1, 5, 5, 5, 0],
    ) == [True, False, False, False, False]


def test_spent_more_than_500_to_date_but_never_responded_to_a_campaign_that_was_sent() -> None:
    rule = "net_spend_to_date > 50000 AND send_count_to_date > 0 AND NOT response_count_to_date > 0"

    # a cent above, 500.00 exactly, responded, never sent anything, responses unknown
    assert members(
        rule,
        net_spend_to_date=[50001, 50000, 90000, 90000, 90000],
        send_count_to_date=[3, 3, 3, 0, 3],
        response_count_to_date=[0, 0, 1, 0, None],
    ) == [True, False, False, False, False]


def test_like_takes_everything_below_a_category_and_nothing_beside_it() -> None:
    categories = ["ski/boots", "ski", "ski/", "skirts", "SKI/boots", None, "a/ski/boots"]

    assert members("last_category LIKE 'ski/%'", last_category=categories) == [True, False, True, *[False] * 4]
    beside = [False, True, False, True, True, False, True]
    assert members("last_category NOT LIKE 'ski/%'", last_category=categories) == beside


def test_an_unknown_is_neither_in_a_rule_nor_in_its_opposite() -> None:
    assert members("subscribed", subscribed=[True, False, None]) == [True, False, False]
    assert members("NOT subscribed", subscribed=[True, False, None]) == [False, True, False]
    assert members("subscribed IS NULL", subscribed=[True, False, None]) == [False, False, True]
    assert members("days_since_registration >= 0.05", days_since_registration=[float("nan"), 1.0]) == [False, True]
    assert members("days_since_registration IS NULL", days_since_registration=[float("nan"), 1.0]) == [True, False]


def test_a_text_may_hold_a_quote_and_a_backslash() -> None:
    assert members("country = 'it''s'", country=["it's", "its"]) == [True, False]
    assert members("country = 'a\\n'", country=["a\\n", "a\n"]) == [True, False]
    assert members("country LIKE 'a\\%'", country=["a\\b", "a%"]) == [True, False]


def test_everybody_and_nobody_are_rules() -> None:
    program = compiled(everybody="TRUE", nobody="FALSE OR NOT TRUE", some="TRUE AND subscribed OR FALSE")

    memberships = program.memberships({"subscribed": pa.array([True, False])}, 2)

    assert memberships.tolist() == [[True, True], [False, False], [True, False]]
    assert program.criteria("everybody") == ()
    assert program.criterion_truths("everybody", {}, 2).shape == (0, 2)


def test_500_rules_that_share_20_comparisons_compare_20_times() -> None:
    comparisons = [f"net_spend_to_date > {100 * number}" for number in range(10)]
    comparisons += [f"days_since_registration <= {number}" for number in range(10)]
    draw = np.random.default_rng(3)
    rules = []
    for number in range(500):
        picked = [comparisons[place] for place in draw.choice(20, size=4, replace=False)]
        rules.append((f"s{number}", f"{picked[0]} AND NOT ({picked[1]} OR {picked[2]}) OR {picked[3]}"))

    program, problems = compile_rules(rules, TYPES)

    assert program is not None, problems
    assert sum(isinstance(step, Atom) for step in program.steps) == 20


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("net_spend_to_date > 5", "5 < net_spend_to_date"),
        ("net_spend_to_date > 5", "NOT net_spend_to_date <= 5"),
        ("net_spend_to_date = 5", "net_spend_to_date <> 5"),
        ("net_spend_to_date = 5", "net_spend_to_date IN (5)"),
        ("days_since_registration < 7", "days_since_registration < 7.0"),
        ("country IN ('a', 'b')", "country NOT IN ('b', 'a', 'b')"),
        ("subscribed", "subscribed = FALSE"),
        ("net_spend_to_date < send_count_to_date", "send_count_to_date <= net_spend_to_date"),
        ("last_category < country", "country > last_category"),
    ],
)
def test_two_ways_to_ask_the_same_compare_once(one: str, other: str) -> None:
    program = compiled(one=one, other=other)

    assert sum(isinstance(step, Atom) for step in program.steps) == 1


def test_a_clause_that_rules_share_is_one_step() -> None:
    shared = "(country = 'de' OR country = 'at')"
    program = compiled(one=f"{shared} AND subscribed", two=f"net_spend_to_date > 5 AND {shared}", three=shared)

    in_the_two_countries = program.roots[2]
    assert sum(step == program.steps[in_the_two_countries] for step in program.steps) == 1
    assert program.features == ("country", "net_spend_to_date", "subscribed")


def test_criteria_come_in_reading_order_each_once_and_never_negated() -> None:
    rule = (
        "NOT (net_spend_to_date > 5 OR subscribed) AND country not in ('de','at') AND net_spend_to_date<=5 AND "
        "days_since_registration BETWEEN 1 AND 7.50 AND -(net_spend_to_date+1)/send_count_to_date != 2"
    )

    assert compiled(rule=rule).criteria("rule") == (
        Criterion("net_spend_to_date <= 5", ("net_spend_to_date",)),
        Criterion("NOT subscribed", ("subscribed",)),
        Criterion("country NOT IN ('de', 'at')", ("country",)),
        Criterion("days_since_registration >= 1", ("days_since_registration",)),
        Criterion("days_since_registration <= 7.5", ("days_since_registration",)),
        Criterion("-(net_spend_to_date + 1) / send_count_to_date <> 2", ("net_spend_to_date", "send_count_to_date")),
    )


def test_criterion_truths_tell_which_comparison_let_somebody_in() -> None:
    program = compiled(other="country = 'de'", rule="net_spend_to_date > 5 AND NOT subscribed")
    columns = {"net_spend_to_date": pa.array([9, 1, None]), "subscribed": pa.array([None, False, True])}

    truths = program.criterion_truths("rule", columns, 3)

    assert truths.dtype == np.int8
    assert truths.tolist() == [[1, 0, -1], [-1, 1, 0]]


def test_a_rule_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="absent"):
        compiled(rule="subscribed").criteria("absent")


def test_columns_that_do_not_fit_are_all_named() -> None:
    program = compiled(rule="net_spend_to_date > 5 AND country = 'de' AND subscribed")

    with pytest.raises(ValueError, match="columns do not fit") as caught:
        program.memberships({"net_spend_to_date": pa.array([1.5, 2.5]), "country": pa.array(["de"])}, 2)

    assert str(caught.value) == (
        "columns do not fit the program: net_spend_to_date: is double, declared integer; "
        "country: has 1 rows, not 2; subscribed: is missing"
    )


@pytest.mark.parametrize("rows", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 5])
def test_memberships_do_not_depend_on_how_rows_fall_into_blocks(rows: int) -> None:
    spend = pa.array([None if place % 7 == 0 else place % 11 for place in range(rows)], pa.int64())
    country = pa.array(["de" if place % 3 else None for place in range(rows)], pa.string())

    [member] = compiled(rule="net_spend_to_date > 5 AND country = 'de'").memberships(
        {"net_spend_to_date": spend, "country": country}, rows
    )

    expected = [place % 7 != 0 and place % 11 > 5 and place % 3 != 0 for place in range(rows)]
    assert member.tolist() == expected


def test_the_arrow_layout_of_a_column_makes_no_difference() -> None:
    rule = "country IN ('de', 'at') AND net_spend_to_date >= 2 AND days_since_registration > 0.5 AND subscribed"
    plain = {
        "country": pa.array(["de", None, "at", "fr", "de"]),
        "net_spend_to_date": pa.array([1, 2, 3, 4, None]),
        "days_since_registration": pa.array([1.0, 1.0, 1.0, None, 1.0]),
        "subscribed": pa.array([True, None, True, True, True]),
    }
    chunked = {name: pa.chunked_array([column.slice(0, 2), column.slice(2)]) for name, column in plain.items()}
    sliced = {name: pa.concat_arrays([column.slice(3), column]).slice(2) for name, column in plain.items()}
    other_types = plain | {
        "country": plain["country"].dictionary_encode(),
        "net_spend_to_date": plain["net_spend_to_date"].cast(pa.int16()),
        "days_since_registration": plain["days_since_registration"].cast(pa.float32()),
    }
    program = compiled(rule=rule)

    for columns in (plain, chunked, sliced, other_types):
        assert program.memberships(columns, 5).tolist() == [[False, False, True, False, False]]


def test_a_column_of_nothing_but_nulls_is_unknown_whatever_its_arrow_type() -> None:
    rule = "country = 'de' OR country LIKE 'd%' OR net_spend_to_date < 5 OR days_since_registration > 1 OR subscribed"
    program = compiled(rule=rule, opposite=f"NOT ({rule})")

    assert not program.memberships({name: pa.nulls(3) for name in program.features}, 3).any()


def test_a_program_travels_as_a_small_pickle() -> None:
    rules = {f"s{number}": f"net_spend_to_date > {number} AND country = 'de'" for number in range(100)}
    program = compiled(**rules)

    pickled = cloudpickle.dumps(program)

    assert cloudpickle.loads(pickled) == program
    assert len(pickled) < 50_000


def test_the_residual_segment_holds_whoever_is_in_no_other() -> None:
    memberships = np.array([[True, False, False], [True, True, False]])

    assert with_residual(memberships).tolist() == [[True, False, False], [True, True, False], [False, False, True]]
    assert with_residual(np.zeros((0, 2), dtype=np.bool_)).tolist() == [[True, True]]
