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

_CLOCK: Final = clock_kernel(CLOCK_SD_BINS) * NEAR_SLOTS
_LONGER: Final = length_kernel(LOG_LENGTH_SD)


def by_the_clock(silences: Silences, days: float) -> NDArray[np.float64]:
    """How much longer than in general a silence at home usually gets that begins in each half-hour.

    The length that silences pass then on three days in ten, with a geometric mean of 1 over the half-hours.

    Args:
        silences: the past ones.
        days: days that they come from, forgotten likewise.

    Returns:
        float64 [half-hours].
    """
    home = silences.only(silences.context != DOOR)
    counts = np.bincount(home.slot * LENGTHS + home.bin, home.weight, minlength=HALF_HOURS * LENGTHS)
    own = _CLOCK @ counts.reshape(HALF_HOURS, LENGTHS) @ _LONGER
    prior = PRIOR_SLOTS_A_DAY * population_survival(tuple(LENGTHS_S.tolist()))[QUIET]
    a_day = np.maximum((own + PRIOR_DAYS * prior) / (days + PRIOR_DAYS), _LEAST_RATE)
    wanted = -np.log(REACHED_A_DAY)
    log_length = np.array([np.interp(wanted, -np.log(row), np.log(LENGTHS_S)) for row in a_day])
    shape: NDArray[np.float64] = np.exp(log_length - log_length.mean())
    return shape
