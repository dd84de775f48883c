"""What can be said on consent, and the names that a brand has for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ceasefire.consent.words import folded
from ceasefire.vocabulary import EVERY

TOPIC, CAMPAIGN = "topic/", "campaign/"
"""How a statement names the topic or the campaign that alone it is about."""

EVERY_WORDS = frozenset(("*", "all", "any", "every", "everything", "global", "allchannels", "everychannel"))
"""Folded names of every channel, purpose or scope."""


class Statement(NamedTuple):
    """What somebody said on being contacted.

    Attributes:
        purpose: a `MessageClass`, or EVERY.
        channel: a channel of the brand, or EVERY.
        topic: `topic/<name>` or `campaign/<id>` that alone it is about; None: about all messages.
        granted: whether it is a yes.
    """

    purpose: str
    channel: str
    topic: str | None
    granted: bool


@dataclass(frozen=True)
class ConsentTerms:
    """The names that a brand's statements on consent can use.

    Attributes:
        brand: rows of another brand say nothing about our customers.
        channels: channel by its id, its aliases and both of them folded.
        topics: topic by its name and that folded.
        campaigns: ids of campaigns.
    """

    brand: str
    channels: Mapping[str, str]
    topics: Mapping[str, str]
    campaigns: frozenset[str]

    @staticmethod
    def of(
        brand: str, channels: Mapping[str, Iterable[str]], topics: Iterable[str], campaigns: Iterable[str]
    ) -> ConsentTerms:
        """The terms of a brand, given the aliases of each channel."""
        names = {name: channel for channel, aliases in channels.items() for name in (*aliases, channel)}
        folded_channels = {folded(name): channel for name, channel in names.items()}
        topics = tuple(topics)
        return ConsentTerms(
            brand,
            folded_channels | names | {channel: channel for channel in channels},
            {folded(topic): topic for topic in topics} | {topic: topic for topic in topics},
            frozenset(campaigns),
        )

    def channel(self, text: str) -> str | None:
        """The brand's channel that a text names, EVERY if it says all of them, None if it names none."""
        known = self.channels.get(text) or self.channels.get(folded(text))
        return known or (EVERY if says_every(text) else None)


def says_every(text: str | None) -> bool:
    """Whether a text means every channel, purpose or message."""
    return text is not None and (folded(text) in EVERY_WORDS or text.strip() == EVERY)


def united(first: Statement | None, second: Statement | None) -> Statement | None:
    """Return one no that covers both, since a row says one thing."""
    if first is None or second is None:
        return first or second
    purpose = first.purpose if first.purpose == second.purpose else EVERY
    channel = first.channel if first.channel == second.channel else EVERY
    return Statement(purpose, channel, first.topic if first.topic == second.topic else None, False)
