"""Consent: what a row says about being contacted, read by its own rules; `docs/consent.md` has them in plain words.

A yes counts only when its row is strictly right. A no counts as soon as a customer and the wish to be left alone can be
read, whatever else is wrong with the row, and where its extent cannot be read it is taken to be wider. Pure: values in,
values out.
"""

from ceasefire.consent.broken_rows import read_broken
from ceasefire.consent.flags import flag_statement, without_nesting
from ceasefire.consent.reading import (
    SAYS_CONSENT,
    Unclear,
    Wish,
    bounce_kind,
    contradicts_yes,
    read_wish,
    strict_statement,
)
from ceasefire.consent.terms import CAMPAIGN, TOPIC, ConsentTerms, Statement, says_every, united
from ceasefire.consent.words import Answer, answer_of, folded

__all__ = [
    "CAMPAIGN",
    "SAYS_CONSENT",
    "TOPIC",
    "Answer",
    "ConsentTerms",
    "Statement",
    "Unclear",
    "Wish",
    "answer_of",
    "bounce_kind",
    "contradicts_yes",
    "flag_statement",
    "folded",
    "read_broken",
    "read_wish",
    "says_every",
    "strict_statement",
    "united",
    "without_nesting",
]
