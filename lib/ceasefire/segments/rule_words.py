"""A rule's text as words: whatever is no word of the rule language is refused before the SQL parser sees it.

The parser is handed only numbers, quoted text, operators, brackets, the few keywords below and names in double
quotes, so that no name is ever taken for a keyword, a function or a type, and no comment or placeholder gets
through. Nesting is bounded here because the parser recurses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from ceasefire.segments.rule_problem import RuleProblem, shown

MAX_CHARS = 10_000
MAX_WORDS = 4_000
MAX_NESTING = 25
"""Brackets and prefix operators around one another; the parser takes about twenty stack frames for each."""

FUNCTIONS = ("NULLIF", "COALESCE")
_COMING = ("top_share", "in_segment")
_CONSTANTS = ("TRUE", "FALSE", "NULL")
_AFTER_NOT = ("IN", "LIKE", "BETWEEN")
_INFIX = ("AND", "OR", "IN", "IS", "LIKE", "BETWEEN")

# The quantifier of `text` is possessive: '''…' with an odd quote must not be re-read as two texts.
_WORD = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<comment>--.*|/\*.*)
  | (?P<text>'(?:[^']|'')*+')
  | (?P<unclosed>'.*)
  | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.]))
  | (?P<malformed>[0-9.][A-Za-z0-9_.]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator><>|!=|<=|>=|[=<>+\-*/])
  | (?P<open>\()
  | (?P<close>\))
  | (?P<comma>,)
  | (?P<stray>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_STRAY_ADVICE = {
    '"': "names without quotes, text in single quotes",
    "`": "names without quotes",
    ";": "one rule, without a semicolon",
    "?": "a literal instead of a placeholder",
    ":": "a literal instead of a placeholder, and no casts",
    "@": "a literal instead of a placeholder",
    "{": "plain text instead of a template",
    "!": "NOT, or <>",
    "%": "+ - * /",
}


_ENDS_VALUE = ("text", "number", "name", "constant", "close")
_STARTS_VALUE = ("text", "number", "name", "constant", "function", "open")


@dataclass(frozen=True)
class _Word:
    kind: str
    text: str


def rule_words(rule_id: str, text: str) -> tuple[str, list[RuleProblem]]:
    """The text rewritten for the parser, or what is wrong with its words: of each kind of problem the first."""
    if len(text) > MAX_CHARS:
        return "", [RuleProblem(rule_id, "too long", f"{len(text)} characters", f"at most {MAX_CHARS}")]
    words = _split(text)
    if not words:
        return "", [RuleProblem(rule_id, "empty", allowed="a text over features")]
    if len(words) > MAX_WORDS:
        return "", [RuleProblem(rule_id, "too long", f"{len(words)} words", f"at most {MAX_WORDS}")]
    # Next to a word that is none, everything would look misplaced.
    complaints = _unknown_words(words) or [*_misplaced_words(words), *_bad_nesting(words)]
    first_of_each: dict[str, RuleProblem] = {}
    for what, got, allowed in complaints:
        first_of_each.setdefault(what, RuleProblem(rule_id, what, shown(got), allowed))
    return " ".join(_for_parser(word) for word in words), list(first_of_each.values())


def _split(text: str) -> list[_Word]:
    found = [_Word(str(match.lastgroup), match.group()) for match in _WORD.finditer(text)]
    words = [word for word in found if word.kind != "space"]
    return [_classified(word, following) for word, following in zip_longest(words, words[1:])]


def _classified(word: _Word, following: _Word | None) -> _Word:
    if word.kind != "name":
        return word
    upper = word.text.upper()
    if upper in _CONSTANTS:
        return _Word("constant", upper)
    if upper in _INFIX:
        return _Word("operator", upper)
    if upper == "NOT":
        return _Word("not", upper)
    if following is not None and following.kind == "open":
        return _Word("function", upper if upper in FUNCTIONS else word.text)
    return word


def _for_parser(word: _Word) -> str:
    return f'"{word.text}"' if word.kind == "name" else word.text


_Complaint = tuple[str, str, str]


def _unknown_words(words: list[_Word]) -> list[_Complaint]:
    complaints: list[_Complaint] = []
    for word in words:
        match word.kind:
            case "comment":
                complaints.append(("comments are not part of a rule", word.text, "the description of the segment"))
            case "unclosed":
                complaints.append(("a quote is not closed", word.text, "text in single quotes, a quote in it doubled"))
            case "malformed" if word.text.startswith("."):
                complaints.append(("a name has no dot", word.text, "the feature's name alone"))
            case "malformed":
                complaints.append(("not a number", word.text, "numbers as in 7, 0.5 or 1e6"))
            case "stray":
                advice = _STRAY_ADVICE.get(word.text, "names, literals, comparisons, AND OR NOT, + - * /")
                complaints.append(("not part of the rule language", word.text, advice))
            case "text" if not all(_is_plain(letter) for letter in word.text):
                complaints.append(("text with a control character", word.text, "letters that can be printed"))
            case "function" if word.text in _COMING:
                complaints.append((f"{word.text}(…) is not supported yet", word.text, ""))
            case "function" if word.text not in FUNCTIONS:
                complaints.append(("no function of the rule language", word.text, ", ".join(FUNCTIONS)))
    return complaints


def _is_plain(letter: str) -> bool:
    # A lone surrogate has no UTF-8 form, so no column can hold it.
    return letter >= " " and letter != "\x7f" and not "\ud800" <= letter <= "\udfff"


def _misplaced_words(words: list[_Word]) -> list[_Complaint]:
    complaints: list[_Complaint] = []
    before: _Word | None = None
    for word, following in zip_longest(words, words[1:]):
        after_value = before is not None and before.kind in _ENDS_VALUE
        starts_value = word.kind in _STARTS_VALUE
        if after_value and starts_value and before is not None:
            got = f"{before.text} {word.text}"
            complaints.append(("an operator is missing between two terms", got, "AND, OR, a comparison, + - * /"))
        is_negated = before is not None and before.kind == "not" and word.text in _AFTER_NOT
        if word.kind == "operator" and word.text != "-" and not after_value and not is_negated:
            complaints.append(("nothing stands left of the operator", word.text, "a term on both sides"))
        if word.kind == "not" and after_value and (following is None or following.text not in _AFTER_NOT):
            complaints.append(("NOT stands behind a term", word.text, "NOT IN, NOT LIKE, NOT BETWEEN, IS NOT NULL"))
        before = word
    return complaints


def _bad_nesting(words: list[_Word]) -> list[_Complaint]:
    levels = [0]
    prefixes = 0
    after_value = False
    for word in words:
        if word.kind == "not" or (word.text == "-" and not after_value):
            prefixes += 1
        elif word.kind == "open":
            levels.append(levels[-1] + prefixes + 1)
            prefixes = 0
        elif word.kind == "close":
            if len(levels) == 1:
                return [("a closing bracket too many", word.text, "brackets in pairs")]
            levels.pop()
        after_value = word.kind in _ENDS_VALUE
        if after_value:
            prefixes = 0
        if levels[-1] + prefixes > MAX_NESTING:
            return [("nested too deeply", "", f"at most {MAX_NESTING} levels of brackets, NOT and minus")]
    if len(levels) > 1:
        return [("a bracket is not closed", "(", "brackets in pairs")]
    return []
