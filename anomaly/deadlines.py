"""From a survival table to deadlines: wait on as long as waiting still buys off false alarms cheaply.

Waiting one hour more leaves somebody on the floor for that hour and saves the false alarms of the silences that end in
it. The exchange rate of the two is the same in every half-hour and context, so that no hour could be spent
better elsewhere; which rate it is follows from the budget and the home's own past silences. Beside it stands the sheer
length of a silence, at home and after the door: it bounds what the survival table gets wrong.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.past import WeighedPast
from anomaly.occupancy import CONTEXTS, DOOR, HALF_HOURS
from anomaly.settings import RhythmSettings
from anomaly.survival import LENGTHS, LENGTHS_S, LOG_LENGTHS, Silences, Survival
from anomaly.table import whole_minutes
from anomaly.thresholds import ExponentialTail, SilenceRanking, rank_silences
from anomaly.tuning import Tuning
from anomaly.usual_length import by_the_clock

LEAST_SILENCE_S: Final = 1800.0
"""Nobody is asked after less: half an hour without a movement is nothing."""
TODAY: Final = 0
"""The index of today's type of day."""
ANSWER_S: Final = 1800.0
"""The person is asked so long before a cap, that an answer can come before help is called."""

COST_POWER: Final = 1.5
"""The cost of a delay is its hours to this power: the second hour on the floor is worse than the first."""
LEFT_OUT: Final = 60
"""So many of the most unusual silences are scored as if they had never been learned from."""
_LEAST_DROP: Final = 1e-9

USUAL_RATE: Final = ExponentialTail(4.7, 1.25)
"""The population's threshold on `unusualness`."""
USUAL_LENGTH_H: Final = ExponentialTail(1.5, 1.25)
"""The population's threshold on the length of a silence at home, hours."""
USUAL_OUTING_H: Final = ExponentialTail(2.5, 1.5)
"""The same after the door."""

_FROM: Final = int(np.searchsorted(LENGTHS_S, LEAST_SILENCE_S, side="right")) - 1
_COST: Final[NDArray[np.float64]] = (LENGTHS_S / 3600.0) ** COST_POWER
_WAITING: Final = _COST[_FROM:]
_PER_COST: Final = tuple((1 / (_WAITING[by:] - _WAITING[:-by]))[:, None] for by in range(1, len(_WAITING)))
"""One over the cost of waiting on, from each length on from `_FROM` to the one so many places further."""


def unusualness(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """How unusual a silence is once it has reached each length.

    The minus logarithm of the exchange rate at which one would stop waiting there: the best drop of the survival per
    cost of further delay that is still on offer. Below `LEAST_SILENCE_S`, where nobody stops, it stands still.

    Args:
        share: float64 [..., lengths], a survival, falling along the last axis.

    Returns:
        float64 of the same shape, rising along the last axis.
    """
    left = np.ascontiguousarray(share.reshape(-1, LENGTHS).T[_FROM:])  # rows of one length lie together
    best, room = np.full(left.shape, _LEAST_DROP), np.empty(left.shape)
    for by, per_cost in enumerate(_PER_COST, start=1):
        drops = np.subtract(left[:-by], left[by:], out=room[:-by])
        drops *= per_cost
        np.maximum(best[:-by], drops, out=best[:-by])
    rising = np.empty((LENGTHS, left.shape[1]))
    np.negative(np.log(np.minimum.accumulate(best, axis=0)), out=rising[_FROM:])
    rising[:_FROM] = rising[_FROM]
    return np.ascontiguousarray(rising.T).reshape(share.shape)


def scores(survival: Survival, unusual: NDArray[np.float64], silences: Silences) -> NDArray[np.float64]:
    """How unusual each past silence had become when it ended, on a day of its type; float64 [silences].

    What is learned from makes itself look usual, so the `LEFT_OUT` highest are scored without themselves.
    """
    found = _at_length(unusual[silences.day_type, silences.context, silences.slot], silences.length_s)
    top = _highest(found, LEFT_OUT)
    if len(top):
        left_out = silences.only(top)
        found[top] = _at_length(unusualness(survival.without(left_out)), left_out.length_s)
    return found


def _highest(found: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Where the highest are, falling, the earlier of two equal ones first; like a stable sort, without sorting all."""
    least = np.partition(found, -count)[-count] if len(found) > count else -np.inf
    among = np.flatnonzero(found >= least)
    return among[np.argsort(-found[among], kind="stable")[:count]]


def _at_length(rows: NDArray[np.float64], lengths_s: NDArray[np.float64]) -> NDArray[np.float64]:
    position = np.interp(np.log(lengths_s), LOG_LENGTHS, np.arange(LENGTHS))
    below = np.minimum(position.astype(np.intp), LENGTHS - 2)
    part, row = position - below, np.arange(len(rows))
    found: NDArray[np.float64] = rows[row, below] * (1 - part) + rows[row, below + 1] * part
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """All that a night knows about how long to wait; made once, asked for each budget.

    Attributes:
        unusual: float64 [types of day, contexts, half-hours, lengths], `unusualness` of the survival; today's first.
        shape: float64 [types of day, half-hours], `by_the_clock`.
        home: the past silences at home.
        by_rate: how unusual the past silences had become.
        by_outing: how long those after the door were on days of today's type, hours.
        tuning: how a budget is spent.
    """

    unusual: NDArray[np.float64]
    shape: NDArray[np.float64]
    home: Silences
    by_rate: SilenceRanking
    by_outing: SilenceRanking
    tuning: Tuning

    def wait_s(self, every_days: float) -> NDArray[np.float64]:
        """How long to wait today at a budget, before caps; float64 [contexts, half-hours], seconds."""
        rarely = every_days / self.tuning.survival_share
        rarely *= 1 + self.tuning.rarer * rarely / max(self.by_rate.days, 1.0)
        wait = _length_at(self.unusual[TODAY], self.by_rate.exceeded_every(rarely))
        limit_h, shape = self._limit_h(every_days)
        outing_h = max(self.by_outing.exceeded_every(every_days / self.tuning.outing_share), limit_h)
        wait[DOOR] = np.minimum(wait[DOOR], outing_h * 3600)
        wait[DOOR + 1 :] = np.minimum(wait[DOOR + 1 :], limit_h * shape * 3600)
        return wait

    def _limit_h(self, every_days: float) -> tuple[float, NDArray[np.float64]]:
        """The limit of sheer length at home, hours, and what it is multiplied by in each half-hour."""
        shape = self.shape ** self.tuning.followed(every_days)
        relative_h = self.home.length_s / 3600 / shape[self.home.day_type, self.home.slot]
        by_length = rank_silences(relative_h, self.home.weight, self.by_rate.days, USUAL_LENGTH_H, self.tuning.ranks)
        return by_length.exceeded_every(every_days / self.tuning.length_share), shape[TODAY]


def waits(survival: Survival, past: WeighedPast, tuning: Tuning) -> Waits:
    """What the past says about how long to wait.

    Args:
        survival: learned from all past silences.
        past: of its silences no shorter one than `LEAST_SILENCE_S` can pass a deadline.
        tuning: how a budget is spent.
    """
    silences = past.silences.only(past.silences.length_s >= LEAST_SILENCE_S)
    unusual = np.stack([unusualness(of_type) for of_type in survival.share])  # one by one: what is swept stays in cache
    shape = by_the_clock(silences, past.days_by_clock)
    score, length_h, weight = scores(survival, unusual, silences), silences.length_s / 3600, silences.weight
    home = silences.context != DOOR
    outing = ~home & (silences.day_type == TODAY)
    return Waits(
        unusual,
        shape,
        silences.only(home),
        rank_silences(score, weight, float(past.days.sum()), USUAL_RATE, tuning.ranks),
        rank_silences(length_h[outing], weight[outing], float(past.days[TODAY]), USUAL_OUTING_H, tuning.outing_ranks),
        tuning,
    )


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
