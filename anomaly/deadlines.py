"""From a survival table to deadlines: wait on as long as waiting still buys off false alarms cheaply.

Waiting one hour more leaves somebody on the floor for that hour and saves the false alarms of the silences that end in
it. The exchange rate of the two is the same in every half-hour and context, so that no hour could be spent
better elsewhere; which rate it is follows from the budget and the home's own past silences. Half of the budget is kept
for sheer length of a silence at home, whatever the hour: it bounds what the survival table gets wrong.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import CONTEXTS, DOOR, HALF_HOURS
from anomaly.settings import RhythmSettings
from anomaly.survival import LENGTHS, LENGTHS_S, Silences, Survival
from anomaly.table import whole_minutes

LEAST_SILENCE_S: Final = 1800.0
"""Nobody is asked after less: half an hour without a movement is nothing."""
ANSWER_S: Final = 1800.0
"""The person is asked so long before a cap, that an answer can come before help is called."""

COST_POWER: Final = 2.0
"""The cost of a delay is its hours to this power: the second hour on the floor is worse than the first."""
TAIL: Final = 20
"""The largest scores that shape the tail drawn beyond them."""
TRUSTED: Final = 4
"""The largest scores down to this rank are too few to interpolate between; the tail passes through this one."""
LENGTH_SHARE: Final = 0.5
"""Share of a budget that is kept for sheer length."""
PRIOR_DAYS: Final = 10.0
"""The population's threshold counts for so many days beside the home's own."""
CAUTION_DAYS: Final = 4.0
"""A budget is stretched by this over the days known: a threshold from few days is passed more often than it says."""
LEFT_OUT: Final = 60
"""So many of the most unusual silences are scored as if they had never been learned from."""
_LEAST_DROP: Final = 1e-9
_MOST_LOG_RATE: Final = 5.0
_GRID: Final = 512


class Line(NamedTuple):
    """An exponential tail: a score of ``at + slope * ln(X)`` is exceeded once in X days."""

    at: float
    slope: float

    def exceeded_every(self, days: float) -> float:
        """The score that is exceeded once in so many days."""
        return self.at + self.slope * float(np.log(days))

    def rate(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """How often a day each score is exceeded."""
        often: NDArray[np.float64] = np.exp(np.minimum((self.at - score) / self.slope, _MOST_LOG_RATE))
        return often


USUAL_RATE: Final = Line(4.7, 1.25)
"""The population's threshold on `unusualness`."""
USUAL_LENGTH_H: Final = Line(1.5, 1.25)
"""The population's threshold on the length of a silence at home, hours."""


def unusualness(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """How unusual a silence is once it has reached each length.

    The minus logarithm of the exchange rate at which one would stop waiting there: the best drop of the survival per
    cost of further delay that is still on offer.

    Args:
        share: float64 [..., lengths], a survival, falling along the last axis.

    Returns:
        float64 of the same shape, rising along the last axis.
    """
    cost = (LENGTHS_S / 3600.0) ** COST_POWER
    best = np.full(share.shape, _LEAST_DROP)
    for k in range(LENGTHS - 1):
        drops = (share[..., k, None] - share[..., k + 1 :]) / (cost[k + 1 :] - cost[k])
        best[..., k] = drops.max(axis=-1)
    rising: NDArray[np.float64] = -np.log(np.minimum.accumulate(np.maximum(best, _LEAST_DROP), axis=-1))
    return rising


def scores(survival: Survival, unusual: NDArray[np.float64], silences: Silences) -> NDArray[np.float64]:
    """How unusual each past silence had become when it ended; float64 [silences].

    What is learned from makes itself look usual, so the `LEFT_OUT` highest are scored without themselves.
    """
    found = _at_length(unusual[silences.context, silences.slot], silences.length_s)
    top = np.argsort(-found, kind="stable")[:LEFT_OUT]
    if len(top):
        left_out = silences.only(top)
        found[top] = _at_length(unusualness(survival.without(left_out)), left_out.length_s)
    return found


def _at_length(rows: NDArray[np.float64], lengths_s: NDArray[np.float64]) -> NDArray[np.float64]:
    position = np.interp(np.log(lengths_s), np.log(LENGTHS_S), np.arange(LENGTHS))
    below = np.minimum(position.astype(np.intp), LENGTHS - 2)
    part, row = position - below, np.arange(len(rows))
    found: NDArray[np.float64] = rows[row, below] * (1 - part) + rows[row, below + 1] * part
    return found


def threshold(
    own: NDArray[np.float64], weights: NDArray[np.float64], days: float, every_days: float, usual: Line
) -> float:
    """The score that is exceeded about once in ``every_days``.

    How often each score is exceeded in this home and in the population, the latter counting for `PRIOR_DAYS`; the
    score at which that comes down to once in ``every_days``.

    Args:
        own: float64 [silences], scores of the home's past silences.
        weights: float64 [silences], what is left of each after forgetting.
        days: days that they come from, forgotten likewise.
        every_days: one in so many days.
        usual: the population's line.
    """
    if len(own) < TAIL or days <= 0:
        return usual.exceeded_every(every_days)
    every_days *= 1 + CAUTION_DAYS / days
    order = np.argsort(-own, kind="stable")
    ranked, rate = own[order], (np.cumsum(weights[order]) - 0.5 * weights[order]) / days
    tail = _tail(ranked, rate)
    most = max(tail.exceeded_every(every_days), usual.exceeded_every(every_days))
    score = np.linspace(ranked[-1], max(most, ranked[0]), _GRID)
    in_home = np.where(score > ranked[TRUSTED - 1], tail.rate(score), np.interp(-score, -ranked, rate))
    together = (days * in_home + PRIOR_DAYS * usual.rate(score)) / (days + PRIOR_DAYS)
    return float(score[np.argmax(together <= 1 / every_days)])


def _tail(ranked: NDArray[np.float64], rate: NDArray[np.float64]) -> Line:
    """The exponential tail through the ranks `TRUSTED` and `TAIL`; the largest few alone cannot bend it."""
    high, low = TRUSTED - 1, TAIL - 1
    slope = max(float((ranked[high] - ranked[low]) / np.log(rate[low] / rate[high])), _LEAST_DROP)
    return Line(float(ranked[high] + slope * np.log(rate[high])), slope)


def wait_s(
    unusual: NDArray[np.float64], score: NDArray[np.float64], silences: Silences, days: float, every_days: float
) -> NDArray[np.float64]:
    """How long to wait at a budget, before caps.

    Args:
        unusual: float64 [contexts, half-hours, lengths], `unusualness` of the survival.
        score: float64 [silences], `scores` of the past ones.
        silences: the past ones.
        days: days that they come from, forgotten likewise.
        every_days: the budget.

    Returns:
        float64 [contexts, half-hours], seconds.
    """
    rate = threshold(score, silences.weight, days, every_days / (1 - LENGTH_SHARE), USUAL_RATE)
    wait = _length_at(unusual, rate)
    # An outing may last: sheer length is judged of silences at home, and binds them alone.
    home = silences.context != DOOR
    lengths_h = silences.length_s[home] / 3600
    limit_h = threshold(lengths_h, silences.weight[home], days, every_days / LENGTH_SHARE, USUAL_LENGTH_H)
    wait[DOOR + 1 :] = np.minimum(wait[DOOR + 1 :], limit_h * 3600)
    return wait


def _length_at(unusual: NDArray[np.float64], score: float) -> NDArray[np.float64]:
    """Seconds at which each row reaches a score, between `LENGTHS_S`; never reached: the longest."""
    above = np.where(unusual[..., -1] >= score, (unusual >= score).argmax(axis=-1), LENGTHS - 1)
    below = np.maximum(above - 1, 0)
    low, high = (np.take_along_axis(unusual, k[..., None], axis=-1)[..., 0] for k in (below, above))
    part = np.clip((score - low) / np.maximum(high - low, _LEAST_DROP), 0.0, 1.0)
    seconds: NDArray[np.float64] = LENGTHS_S[below] * (LENGTHS_S[above] / LENGTHS_S[below]) ** part
    return seconds


def capped(wait: NDArray[np.float64], settings: RhythmSettings, lead_s: float = 0.0) -> NDArray[np.float32]:
    """Deadlines as a table holds them: at least half an hour, ``lead_s`` before the caps at most, whole minutes."""
    cap_s = np.full((CONTEXTS, HALF_HOURS), settings.home_cap_s - lead_s)
    cap_s[DOOR] = settings.away_cap_s - lead_s
    return whole_minutes(np.clip(wait, LEAST_SILENCE_S, np.maximum(cap_s, LEAST_SILENCE_S)))
