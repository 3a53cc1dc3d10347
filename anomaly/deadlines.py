"""From a survival table to deadlines: wait on as long as waiting still buys off false alarms cheaply.

Waiting one hour more costs one hour of somebody on the floor and saves the false alarms of the silences that end in
that hour. The exchange rate of the two is the same in every half-hour and context, so that no hour could be spent
better elsewhere; which rate it is follows from the budget and the home's own past silences.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import CONTEXTS, DOOR, HALF_HOURS
from anomaly.settings import RhythmSettings
from anomaly.survival import LENGTHS, LENGTHS_S
from anomaly.table import whole_minutes

LEAST_SILENCE_S: Final = 1800.0
"""Nobody is asked after less: half an hour without a movement is nothing."""

COST_POWER: Final = 1.0
"""Cost of a delay: hours to this power."""
TAIL: Final = 12
"""So many of the largest scores shape the tail that is drawn beyond the largest."""
LENGTH_SHARE: Final = 0.5
"""Share of a budget that is kept for sheer length, whatever the hour."""
PRIOR_DAYS: Final = 10.0
"""The population's threshold counts for so many days beside the home's own."""
PRIOR_RATE_THRESHOLD: Final = (2.6, 0.75)
PRIOR_LENGTH_THRESHOLD: Final = (10.0, 0.22)
_LEAST_DROP: Final = 1e-9


def unusualness(survival: NDArray[np.float64]) -> NDArray[np.float64]:
    """How unusual a silence is once it has reached each length.

    The minus logarithm of the exchange rate at which one would stop waiting there: the best drop of the survival per
    hour of further delay that is still on offer.

    Args:
        survival: float64 [contexts, half-hours, lengths], falling along the last axis.

    Returns:
        float64 of the same shape, rising along the last axis.
    """
    cost = (LENGTHS_S / 3600.0) ** COST_POWER
    best = np.full(survival.shape, _LEAST_DROP)
    for k in range(LENGTHS - 1):
        drops = (survival[..., k, None] - survival[..., k + 1 :]) / (cost[k + 1 :] - cost[k])
        best[..., k] = np.maximum(drops.max(axis=-1), _LEAST_DROP)
    rising: NDArray[np.float64] = -np.log(np.minimum.accumulate(best, axis=-1))
    return rising


def scores(
    unusual: NDArray[np.float64], contexts: NDArray[np.int8], slots: NDArray[np.int64], lengths_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How unusual each past silence had become when it ended; float64 [silences]."""
    position = np.interp(np.log(lengths_s), np.log(LENGTHS_S), np.arange(LENGTHS))
    below = np.minimum(position.astype(np.int64), LENGTHS - 2)
    part = position - below
    rows = unusual[contexts, slots]
    index = np.arange(len(rows))
    found: NDArray[np.float64] = rows[index, below] * (1 - part) + rows[index, below + 1] * part
    return found


def threshold(
    own: NDArray[np.float64],
    weights: NDArray[np.float64],
    days: float,
    every_days: float,
    prior: tuple[float, float],
) -> float:
    """The score that is exceeded about once in ``every_days``.

    The home's own scores are ranked; beyond the largest few an exponential tail is drawn through them. While the home
    is young the population's line ``prior[0] + prior[1] * ln(every_days)`` counts for `PRIOR_DAYS`.

    Args:
        own: float64 [silences], scores of the home's past silences.
        weights: float64 [silences], what is left of each after forgetting.
        days: days that they come from, forgotten likewise.
        every_days: one in so many days.
        prior: intercept and slope of the population's line.
    """
    usual = prior[0] + prior[1] * np.log(every_days)
    if len(own) < TAIL or days <= 0:
        return float(usual)
    order = np.argsort(-own, kind="stable")
    ranked, rate = own[order], (np.cumsum(weights[order]) - 0.5 * weights[order]) / days
    wanted = 1.0 / every_days
    last = TAIL - 1
    if wanted >= rate[last]:
        learned = float(np.interp(wanted, rate, ranked))
    else:
        excess = np.average(ranked[:last] - ranked[last], weights=weights[order][:last])
        learned = ranked[last] + excess * np.log(rate[last] / wanted)
    return float((days * learned + PRIOR_DAYS * usual) / (days + PRIOR_DAYS))


def waits(unusual: NDArray[np.float64], rate_threshold: float, length_threshold: float) -> NDArray[np.float64]:
    """Seconds of silence after which either threshold is passed; float64 [contexts, half-hours]."""
    log_lengths = np.log(LENGTHS_S)
    wait = np.array([np.interp(rate_threshold, row, log_lengths) for row in unusual.reshape(-1, LENGTHS)]).reshape(
        unusual.shape[:2]
    )
    found: NDArray[np.float64] = np.exp(np.minimum(wait, length_threshold))
    return found


def capped(wait_s: NDArray[np.float64], settings: RhythmSettings) -> NDArray[np.float32]:
    """Deadlines as a table holds them: at least half an hour, at most the caps, whole minutes."""
    cap = np.full((CONTEXTS, HALF_HOURS), settings.home_cap_s)
    cap[DOOR] = settings.away_cap_s
    return whole_minutes(np.clip(wait_s, LEAST_SILENCE_S, cap))
