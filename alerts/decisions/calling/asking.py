"""How often a person is asked follows how often they answer. Pure.

A question that nobody answers sends neighbours to a well person. So who answers is asked soon and often, which is what
finds a fall early; who seldom answers is asked later, and neighbours are not called for nothing more often than their
budget allows. The rule assumes that questions come as often as the budget of the rhythm says and that answering today
says nothing of tomorrow; somebody who stops answering for good costs neighbours some calls before the budget has grown.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

DAY_MS: Final = 86_400_000
PRIOR: Final = 2.0
"""How many questions the expectation weighs before any was asked: few, so that it costs neighbours few calls."""
PRIOR_UNANSWERED: Final = 0.05
"""The share expected of somebody unknown: at the usual budgets they begin with the short one."""
HALF_LIFE_DAYS: Final = 730.0
"""A question this long ago counts half: people buy telephones, and lose their hearing."""
MOST_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """One question to a person who turned out to be well: when the incident ended (ms UTC), and whether they answered.

    A movement while they alone were asked is an answer.
    """

    at_ms: int
    answered: bool


@dataclass(frozen=True, slots=True)
class Replies:
    """What is remembered of a person's questions: weights that fade, as of ``at_ms`` (ms UTC)."""

    answered: float = 0.0
    unanswered: float = 0.0
    at_ms: int = 0

    @property
    def unanswered_share(self) -> float:
        """How likely the next question stays without an answer, 0 to 1."""
        return (PRIOR * PRIOR_UNANSWERED + self.unanswered) / (PRIOR + self.answered + self.unanswered)

    def at(self, now_ms: int) -> "Replies":
        """What is left of it at a later moment; an earlier one changes nothing."""
        days = max(now_ms - self.at_ms, 0) / DAY_MS
        left = 0.5 ** (days / HALF_LIFE_DAYS)
        return Replies(self.answered * left, self.unanswered * left, max(now_ms, self.at_ms))

    def with_one(self, asked: PastQuestion) -> "Replies":
        """One question more."""
        now = self.at(asked.at_ms)
        return Replies(now.answered + asked.answered, now.unanswered + (not asked.answered), now.at_ms)


def remembered(questions: Iterable[PastQuestion], now_ms: int) -> Replies:
    """What counts at ``now_ms`` (ms UTC) of questions in the order of time."""
    replies = Replies()
    for asked in questions:
        replies = replies.with_one(asked)
    return replies.at(now_ms)


def ask_every_days(replies: Replies, usual_days: float, false_call_every_days: int) -> int:
    """The person's own budget: asked for nothing about once in so many days.

    Args:
        replies: what is remembered.
        usual_days: the budget of who answers; nobody is asked more often.
        false_call_every_days: neighbours are called for nothing about once in so many days at most.

    Returns:
        Whole days, from ``usual_days`` to ``false_call_every_days``, at most `MOST_DAYS`.
    """
    wanted_days = math.ceil(replies.unanswered_share * false_call_every_days)
    return min(max(wanted_days, math.ceil(usual_days)), MOST_DAYS)
