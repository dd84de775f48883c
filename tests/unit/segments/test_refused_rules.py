from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceasefire.segments.expressions import compile_expressions
from ceasefire.segments.program import compile_rules
from ceasefire.segments.rule_problem import RuleProblem
from ceasefire.vocabulary import FeatureType

TYPES = {
    "a": FeatureType.INTEGER,
    "b": FeatureType.REAL,
    "days_since_order": FeatureType.REAL,
    "country": FeatureType.TEXT,
    "subscribed": FeatureType.BOOLEAN,
}

HOSTILE = {
    "a Java call": "reflect('java.lang.System','exit',7)",
    "a subquery": "a > (select 1)",
    "a subquery after IN": "a IN (select 1)",
    "EXISTS": "EXISTS (select 1)",
    "a line comment": "a > 1 -- x",
    "a block comment": "a > 1 /* x */",
    "a comment in between": "a /**/ > 1",
    "a way out of brackets": "1=1) or (1=1",
    "a second statement": "a > 1; drop table x",
    "a cast by function": "CAST(a AS TEXT) = '1'",
    "a cast by colons": "a::text = '1'",
    "a window function": "sum(a) OVER () > 1",
    "CASE": "CASE WHEN a > 1 THEN TRUE ELSE FALSE END",
    "a lambda": "x -> x > 1",
    "a question mark": "a > ?",
    "a named placeholder": "a > :x",
    "a variable": "a > @x",
    "a dollar placeholder": "a > $1",
    "a template": "{{ a }} > 1",
    "a quoted name with a dot": '"t.a" > 1',
    "a qualified name": "t.a > 1",
    "a back-quoted name": "`a` > 1",
    "a star": "*",
    "NUL in a text": "country = 'x\0y'",
    "NUL outside a text": "a >\0 1",
    "a lone surrogate": "country = '\ud800'",
    "an odd blank": "a >\u00a01",
    "an integer above int64": "a > 9223372036854775808",
    "an integer below int64": "a > -9223372036854775809",
    "thousands of digits": "a > " + "9" * 9000,
    "a number above float64": "b > 1e400",
    "a number that vanishes": "b > 1e-400",
    "a hexadecimal number": "a > 0x1f",
    "a number with underscores": "a > 1_000",
    "a date": "a > DATE '2026-01-01'",
    "an interval": "a > INTERVAL '1' DAY",
    "a national text": "country = N'x'",
    "= NULL": "a = NULL",
    "<> NULL": "a <> NULL",
    "NULL alone": "NULL",
    "NULL in a list": "a IN (1, NULL)",
    "NULL in COALESCE": "COALESCE(a, NULL) > 1",
    "nothing": "",
    "only blanks": " \n\t ",
    "an array": "[a] = 1",
    "an element": "a[1] = 1",
    "a row value": "(a, b) = (1, 2)",
    "an alias": "a > 1 AS c",
    "concatenation": "country || 'x' = 'ax'",
    "remainder": "a % 2 = 0",
    "bit operators": "a & 1 = 1",
    "null-safe equality": "a <=> 1",
    "IS DISTINCT FROM": "a IS DISTINCT FROM b",
    "IS TRUE": "subscribed IS TRUE",
    "NOT NULL without IS": "a NOT NULL",
    "a symmetric BETWEEN": "a BETWEEN SYMMETRIC 2 AND 1",
    "ILIKE": "country ILIKE 'd%'",
    "LIKE with an escape": "country LIKE 'd!%' ESCAPE '!'",
    "LIKE ANY": "country LIKE ANY ('d%')",
    "LIKE in the middle": "country LIKE '%d%'",
    "LIKE with an underscore": "country LIKE 'd_%'",
    "LIKE without a wildcard": "country LIKE 'de'",
    "LIKE with a wildcard alone": "country LIKE '%'",
    "LIKE with a feature": "country LIKE country",
    "LIKE on a number": "a LIKE '1%'",
    "an empty list": "a IN ()",
    "a list of features": "a IN (b)",
    "a list without brackets": "a IN 1",
    "text against number": "country > 1",
    "text in a list of numbers": "country IN (1, 2)",
    "boolean against number": "subscribed = 1",
    "an order of booleans": "subscribed < TRUE",
    "AND over numbers": "a AND b",
    "NOT over a text": "NOT country",
    "a number alone": "a",
    "arithmetic on text": "country + 1 > 2",
    "minus on a boolean": "-subscribed > 1",
    "a chain of comparisons": "1 < a < 3",
    "a comparison of conditions": "(a > 1) = subscribed",
    "constants only": "1 = 1",
    "constants only in a calculation": "7 * 100 > 3",
    "two kinds in COALESCE": "COALESCE(a, 'x') = 1",
    "two kinds in NULLIF": "NULLIF(a, 'x') = 1",
    "COALESCE of one": "COALESCE(a) > 1",
    "COALESCE of none": "COALESCE() > 1",
    "NULLIF of one": "NULLIF(a) > 1",
    "an unclosed quote": "country = 'de",
    "an unclosed bracket": "(a > 1",
    "an empty bracket": "()",
    "half a comparison": "a >",
    "double equals": "a == 1",
    "unary plus": "a > +1",
    "two terms": "a b",
    "a population rank": "top_share(b) <= 0.10",
    "another segment": "in_segment('x')",
    "an unknown feature": "handbags > 1",
    "a feature in another case": "A > 1",
    "deep brackets": "(" * 1500 + "a > 1" + ")" * 1500,
    "brackets never closed": "(" * 3900,
    "many NOTs": "NOT " * 2000 + "subscribed",
    "many minuses": "a > " + "- " * 3000 + "1",
    "deep COALESCE": "COALESCE(" * 700 + "a" + ", 1)" * 700 + " > 1",
    "a long sum": " + ".join(["a"] * 1500) + " > 1",
    "too many words": "a-" * 4999 + "a > 1",
    "five thousand levels": "(" * 5000 + "a > 1" + ")" * 5000,
    "too long": "a > 1" + " " * 10_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_rule_is_refused_by_name(text: str) -> None:
    program, problems = compile_rules([("some_segment", text)], TYPES)

    assert program is None
    assert problems
    assert {problem.rule_id for problem in problems} == {"some_segment"}
    assert all(problem.what and len(problem.got) <= 60 and problem.got.isprintable() for problem in problems)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_rule_is_no_derived_feature_either(text: str) -> None:
    program, problems = compile_expressions([("derived", text)], TYPES)

    if text != "a":
        assert program is None
        assert problems


def test_a_problem_says_what_to_do() -> None:
    def the_problem(text: str) -> RuleProblem:
        _, problems = compile_rules([("s", text)], TYPES)
        assert len(problems) == 1
        return problems[0]

    assert the_problem("a = NULL").allowed == "IS NULL or IS NOT NULL"
    assert the_problem("days_since_ordr > 7").allowed == "did you mean days_since_order?"
    assert the_problem("top_share(b) <= 0.10").what == "top_share(…) is not supported yet"
    assert the_problem("in_segment('x')").what == "in_segment(…) is not supported yet"
    assert the_problem("a > 1 -- x").what == "comments are not part of a rule"
    assert the_problem("country > 1").got == "country (text), 1 (integer)"


def test_all_problems_of_all_rules_come_at_once() -> None:
    program, problems = compile_rules(
        [("one", "country > 1 AND handbags > 2"), ("fine", "a > 1"), ("two", "a >"), ("two", "a > 1")], TYPES
    )

    assert program is None
    assert [(problem.rule_id, problem.what) for problem in problems] == [
        ("one", "comparison of different types"),
        ("one", "unknown feature"),
        ("two", "cannot be read"),
        ("two", "declared twice"),
    ]


@pytest.mark.parametrize(
    "text", ["left > 1", "interval > 1 AND date > 1", "current_date = 1", "case = 1", "select = 1"]
)
def test_a_feature_may_be_named_like_a_word_of_sql(text: str) -> None:
    types = dict.fromkeys(["left", "interval", "date", "current_date", "case", "select"], FeatureType.INTEGER)

    program, problems = compile_rules([("s", text)], types)

    assert program is not None, problems


WORDS = (
    "a b country subscribed nope AND OR NOT IN IS NULL LIKE BETWEEN TRUE FALSE NULLIF COALESCE ( ) , = <> < <= > >= "
    "+ - * / 1 2.5 1e9 .5 'x' 'x%' '' CASE WHEN SELECT ; -- /* . : ? @ { } [ ] \" ` ' % ! \0 é"
)
WORD = st.sampled_from(WORDS.split())


@settings(max_examples=400)
@given(st.lists(WORD, max_size=25).map(" ".join) | st.lists(WORD, max_size=12).map("".join) | st.text(max_size=40))
def test_no_text_makes_the_compiler_raise(text: str) -> None:
    for compiled, problems in (compile_rules([("s", text)], TYPES), compile_expressions([("s", text)], TYPES)):
        assert (compiled is None) == bool(problems)
