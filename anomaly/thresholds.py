"""From a budget to a threshold: a home's past silences, ranked, and what lies beyond the highest."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PRIOR_DAYS: Final = 10.0
"""The population's threshold counts for so many days beside the home's own."""
CAUTION_DAYS: Final = 2.0
"""A budget is stretched by this over the days known: a threshold from few days is passed more often than it says."""
_MOST_LOG_RATE: Final = 5.0
_LEAST_SLOPE: Final = 1e-9
_GRID: Final = 512


class ExponentialTail(NamedTuple):
    """An exponential tail: a score of ``at + slope * ln(X)`` is exceeded once in X days."""

    at: float
    slope: float

    def exceeded_every(self, days: float) -> float:
        """The score that is exceeded once in so many days."""
        return self.at + self.slope * float(np.log(days))

    def rate(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """How often a day each score is exceeded."""
        return np.exp(np.minimum((self.at - score) / self.slope, _MOST_LOG_RATE))


class Ranks(NamedTuple):
    """Which of the highest scores draw the tail.

    Attributes:
        trusted: the tail begins at this rank and passes through it; the few above scatter too much to be followed.
        last: it passes through this one as well. With fewer scores the population's line stands alone.
    """

    trusted: int
    last: int


@dataclass(frozen=True, slots=True)
class SilenceRanking:
    """The scores of a home's past silences, ranked, beside the population's line.

    Attributes:
        days: days that they come from, forgotten like them.
        usual: the population's line.
        ranked: float64 [silences], falling. None: too few to say anything.
        rate: float64 [silences], how often a day each was exceeded.
        tail: what is drawn beyond the trusted ranks.
        beyond: the score from which on the tail holds.
    """

    days: float
    usual: ExponentialTail
    ranked: NDArray[np.float64] | None = None
    rate: NDArray[np.float64] | None = None
    tail: ExponentialTail | None = None
    beyond: float = 0.0

    def exceeded_every(self, every_days: float) -> float:
        """The score that is exceeded about once in so many days.

        How often each score is exceeded in this home and in the population, the latter counting for `PRIOR_DAYS`; the
        score at which that comes down to once in ``every_days``.
        """
        if self.ranked is None or self.rate is None or self.tail is None:
            return self.usual.exceeded_every(every_days)
        every_days *= 1 + CAUTION_DAYS / self.days
        most = max(self.tail.exceeded_every(every_days), self.usual.exceeded_every(every_days), self.ranked[0])
        score = np.linspace(self.ranked[-1], most, _GRID)
        in_home = np.where(score > self.beyond, self.tail.rate(score), np.interp(-score, -self.ranked, self.rate))
        together = (self.days * in_home + PRIOR_DAYS * self.usual.rate(score)) / (self.days + PRIOR_DAYS)
        return float(score[np.argmax(together <= 1 / every_days)])


def rank_silences(
    own: NDArray[np.float64], weights: NDArray[np.float64], days: float, usual: ExponentialTail, ranks: Ranks
) -> SilenceRanking:
    """Rank a home's past.

    Args:
        own: float64 [silences], scores of the home's past silences.
        weights: float64 [silences], what is left of each after forgetting.
        days: days that they come from, forgotten likewise.
        usual: the population's line.
        ranks: which of them draw the tail.
    """
    if len(own) < ranks.last or days <= 0:
        return SilenceRanking(days, usual)
    order = np.argsort(-own, kind="stable")
    ranked, rate = own[order], (np.cumsum(weights[order]) - 0.5 * weights[order]) / days
    high, low = ranks.trusted - 1, ranks.last - 1
    slope = max(float((ranked[high] - ranked[low]) / np.log(rate[low] / rate[high])), _LEAST_SLOPE)
    beyond = float(ranked[high])
    return SilenceRanking(
        days, usual, ranked, rate, ExponentialTail(beyond + slope * float(np.log(rate[high])), slope), beyond
    )
