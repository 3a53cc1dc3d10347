"""How long a silence at home usually gets by the time of day, whatever the room: the yardstick of sheer length."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import DOOR, HALF_HOURS, QUIET
from anomaly.prior import population_survival
from anomaly.survival import LENGTHS, LENGTHS_S, Silences, clock_kernel, length_kernel

CLOCK_SD_BINS: Final = 1.0
LOG_LENGTH_SD: Final = 0.2
NEAR_SLOTS: Final = 6.0
"""Half-hours that count as the same time of day."""
REACHED_A_DAY: Final = 0.3
"""The length that is passed on three days in ten."""
PRIOR_DAYS: Final = 2.0
PRIOR_SLOTS_A_DAY: Final = 10.0
_LEAST_RATE: Final = 1e-9
_LOG_LENGTHS: Final = np.log(LENGTHS_S)
_WANTED: Final = -np.log(REACHED_A_DAY)

_CLOCK: Final = clock_kernel(CLOCK_SD_BINS) * NEAR_SLOTS
_LONGER: Final = length_kernel(LOG_LENGTH_SD)


def by_the_clock(silences: Silences, days: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """How much longer than in general a silence at home usually gets that begins in each half-hour.

    The length that silences pass then on three days in ten, with a geometric mean of 1 over the half-hours.

    Args:
        silences: the past ones.
        days: days that they come from, forgotten likewise; float64 [types, half-hours, 1] where types of day differ.

    Returns:
        float64 [types of day, half-hours].
    """
    home = silences.only(silences.context != DOOR)
    cell, cells = home.slot * LENGTHS + home.bin, HALF_HOURS * LENGTHS
    counts = np.stack([np.bincount(cell, weight, minlength=cells) for weight in home.counts])
    own = _CLOCK @ counts.reshape(-1, HALF_HOURS, LENGTHS) @ _LONGER
    prior = PRIOR_SLOTS_A_DAY * population_survival(tuple(LENGTHS_S.tolist()))[QUIET]
    a_day = np.maximum((own + PRIOR_DAYS * prior) / (days + PRIOR_DAYS), _LEAST_RATE)
    log_length = _log_length_reached(-np.log(a_day).reshape(-1, LENGTHS)).reshape(-1, HALF_HOURS)
    shape: NDArray[np.float64] = np.exp(log_length - log_length.mean(axis=1, keepdims=True))
    return shape


def _log_length_reached(rarer: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of the length at which each row, rising, comes to `REACHED_A_DAY`, at most the longest.

    ``np.interp`` row by row, without its overhead.
    """
    above = np.minimum((rarer <= _WANTED).sum(axis=1), LENGTHS - 1)
    below, row = np.maximum(above - 1, 0), np.arange(len(rarer))
    at, to = rarer[row, below], rarer[row, above]
    between = (at <= _WANTED) & (to > _WANTED)
    slope = (_LOG_LENGTHS[above] - _LOG_LENGTHS[below]) / np.where(between, to - at, 1.0)
    ends = np.where(to <= _WANTED, _LOG_LENGTHS[-1], _LOG_LENGTHS[0])
    reached: NDArray[np.float64] = np.where(between, slope * (_WANTED - at) + _LOG_LENGTHS[below], ends)
    return reached
