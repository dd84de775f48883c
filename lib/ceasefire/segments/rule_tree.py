"""A rule's words as a syntax tree: parsed by sqlglot, bounded in depth, only node types on the list."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from ceasefire.segments.rule_problem import RuleProblem, shown
from ceasefire.segments.rule_words import rule_words

MAX_DEPTH = 100
"""Nodes of a syntax tree under one another; a chain of AND or of OR counts once, however long."""

GRAMMAR = "comparisons, AND OR NOT, IN, BETWEEN, LIKE 'prefix%', IS [NOT] NULL, + - * /, NULLIF, COALESCE"

# With each node type the arguments that it may carry; anything else a parser release may add is refused.
ALLOWED_NODES: dict[type[exp.Expr], frozenset[str]] = {
    exp.And: frozenset({"this", "expression"}),
    exp.Or: frozenset({"this", "expression"}),
    exp.Not: frozenset({"this"}),
    exp.Paren: frozenset({"this"}),
    exp.EQ: frozenset({"this", "expression"}),
    exp.NEQ: frozenset({"this", "expression"}),
    exp.LT: frozenset({"this", "expression"}),
    exp.LTE: frozenset({"this", "expression"}),
    exp.GT: frozenset({"this", "expression"}),
    exp.GTE: frozenset({"this", "expression"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Is: frozenset({"this", "expression"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.Add: frozenset({"this", "expression"}),
    exp.Sub: frozenset({"this", "expression"}),
    exp.Mul: frozenset({"this", "expression"}),
    exp.Div: frozenset({"this", "expression"}),
    exp.Neg: frozenset({"this"}),
    exp.Nullif: frozenset({"this", "expression"}),
    exp.Coalesce: frozenset({"this", "expressions"}),
    exp.Column: frozenset({"this"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Null: frozenset(),
}


def rule_tree(rule_id: str, text: str) -> tuple[exp.Expr | None, list[RuleProblem]]:
    """The tree of a rule, made of nothing but allowed nodes, or None and what is wrong. Never raises."""
    words, problems = rule_words(rule_id, text)
    if problems:
        return None, problems
    try:
        tree = sqlglot.parse_one(words)
    except ParseError as error:
        return None, [_unreadable(rule_id, text, error)]
    except Exception:
        # A text that trips over a defect of the parser is still only a text: its author is told, nothing stops.
        return None, [RuleProblem(rule_id, "cannot be read", shown(text), GRAMMAR)]
    return _checked(rule_id, tree)


def sql(node: exp.Expr) -> str:
    """A piece of a tree as SQL, names unquoted, shortened for a message."""
    plain = node.copy()
    for name in plain.find_all(exp.Identifier):
        name.set("quoted", False)
    return shown(plain.sql())


def links(chain: exp.And | exp.Or) -> list[exp.Expr]:
    """What a chain of ANDs, or of ORs, links, in reading order; the tree leans left and may be thousands deep."""
    parts: list[exp.Expr] = []
    left: exp.Expr = chain
    while type(left) is type(chain):
        parts.append(left.args["expression"])
        left = left.args["this"]
    return [left, *reversed(parts)]


def _checked(rule_id: str, tree: exp.Expr) -> tuple[exp.Expr | None, list[RuleProblem]]:
    problems: list[RuleProblem] = []
    waiting: list[tuple[exp.Expr, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return None, [RuleProblem(rule_id, "nested too deeply", "", f"a sum or product of under {MAX_DEPTH} terms")]
        carried = {name for name, value in node.args.items() if value is not None and value is not False}
        if type(node) not in ALLOWED_NODES or not carried <= ALLOWED_NODES[type(node)]:
            problems.append(RuleProblem(rule_id, "not part of the rule language", sql(node), GRAMMAR))
            continue
        children = links(node) if isinstance(node, exp.And | exp.Or) else list(node.iter_expressions())
        waiting.extend((child, depth + 1) for child in children)
    return (None if problems else tree), problems


def _unreadable(rule_id: str, text: str, error: ParseError) -> RuleProblem:
    near = str(error.errors[0].get("highlight") or "").replace('"', "") if error.errors else ""
    return RuleProblem(rule_id, "cannot be read", f"{shown(text)} (near {near})" if near else shown(text), GRAMMAR)
