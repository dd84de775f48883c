"""What is wrong with a rule, in the form in which its author can put it right."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_CHARS = 60
UNKNOWN_FEATURE = "unknown feature"
DECLARED_TWICE = "declared twice"
"""The one problem that can follow from another: a name that was declared, and could not be read."""


@dataclass(frozen=True, order=True)
class RuleProblem:
    """One thing that is wrong with one rule; who knows the file adds file and line.

    Attributes:
        rule_id: the segment, or the derived feature, whose text it is.
        what: what is wrong.
        got: the piece of text it is about, shortened.
        allowed: what would have been right, or what to do.
    """

    rule_id: str
    what: str
    got: str = ""
    allowed: str = ""


def shown(text: str) -> str:
    """A piece of a rule for a message: in one line, nothing unprintable in it, shortened.

    >>> shown("a >" + chr(0))
    'a >\\\\x00'
    """
    printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: SHOWN_CHARS + 1])
    return printable if len(printable) <= SHOWN_CHARS else printable[: SHOWN_CHARS - 1] + "…"
