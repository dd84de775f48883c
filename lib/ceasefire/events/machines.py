"""Tell the responses of scanners and prefetchers by what a row says of the agent, while that is in the clear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ceasefire.consent import Answer, answer_of, folded
from ceasefire.events.personal_values import plain_text

_AGENT_KEYS = ("useragent", "agent")
_BOT_KEY = "isbot"


def is_by_machine(facts: Iterable[tuple[str, Any]], agents: Sequence[str]) -> bool:
    """Whether a response names one of these agents, or says that it is a robot's.

    >>> is_by_machine([("User-Agent", "Mozilla/5.0 (via GoogleImageProxy)")], ["googleimageproxy"])
    True
    >>> is_by_machine([("is_bot", "false"), ("user_agent", "Thunderbird")], ["googleimageproxy"])
    False

    Args:
        facts: keys and values of the row, as they came.
        agents: parts of the names of agents, case-folded.
    """
    for name, value in facts:
        key = folded(name)
        if key == _BOT_KEY and answer_of(value) is Answer.YES:
            return True
        if key in _AGENT_KEYS:
            said = (plain_text(value) or "").casefold()
            if any(agent in said for agent in agents):
                return True
    return False
