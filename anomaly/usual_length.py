"""How long a silence at home usually gets by the time of day, whatever the room: the yardstick of sheer length."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import DOOR, HALF_HOURS, QUIET
from anomaly.survival import LENGTHS, LOG_LENGTHS, POPULATION, Silences, clock_kernel, length_kernel

CLOCK_SD_BINS: Final = 1.0
LOG_LENGTH_SD: Final = 0.2
NEAR_SLOTS: Final = 6.0
"""Half-hours that count as the same time of day."""
REACHED_A_DAY: Final = 0.3
"""The length that is passed on three days in ten."""
PRIOR_DAYS: Final = 2.0
PRIOR_SLOTS_A_DAY: Final = 10.0
_LEAST_RATE: Final = 1e-9
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
    prior = PRIOR_SLOTS_A_DAY * POPULATION[QUIET]
    a_day = np.maximum((own + PRIOR_DAYS * prior) / (days + PRIOR_DAYS), _LEAST_RATE)
    rarer = -np.log(a_day).reshape(-1, LENGTHS)
    log_length = np.array([np.interp(_WANTED, row, LOG_LENGTHS) for row in rarer]).reshape(-1, HALF_HOURS)
    shape: NDArray[np.float64] = np.exp(log_length - log_length.mean(axis=1, keepdims=True))
    return shape
