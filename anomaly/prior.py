"""What is usual for people in general, until a home has shown what is usual for itself.

A parametric form, not anybody's data: the share of active ten-minute slots that are followed by a silence of more
than a given length is the sum of a pause (after every activity), a sleep (late evening and night) and an outing (after
the door, by day).

The recipe: the tables of four recorded homes (hh101, hh104, kastA, ordA; see docs/adr/0005-rhythm.md), learned with
next to no prior, were laid side by side at 02, 08, 11, 15, 19, 22 and 23:30 h and at lengths of 10 min to 14 h; the
constants below are round numbers between them, with more sleep in one piece than the two homes that have a sensor at
the bed show.
"""

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import BUSY, CONTEXTS, DOOR, HALF_HOURS, QUIET

PAUSE_SHARE = {DOOR: 0.2, QUIET: 0.6, BUSY: 0.4}
PAUSE_SCALE_S = {DOOR: 1200.0, QUIET: 1600.0, BUSY: 1200.0}
PAUSE_SHAPE = 0.8
SLEEP_SHARE = {DOOR: 0.05, QUIET: 0.3, BUSY: 0.08}
SLEEP_CENTRE_H = 23.5
SLEEP_SPREAD_H = 2.5
OUTING_SHARE = 0.4
OUTING_MEDIAN_S = 5400.0
OUTING_SPREAD = 0.9
WAKING_H = 7.0


def population_survival(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prior table.

    Args:
        lengths: the lengths of silence, ascending, seconds.

    Returns:
        float64 [contexts, half-hours, lengths]: share of active ten-minute slots followed by a longer silence.
    """
    hours = (np.arange(HALF_HOURS) + 0.5) / 2
    table = np.empty((CONTEXTS, HALF_HOURS, len(lengths)))
    for context in (DOOR, QUIET, BUSY):
        pause = PAUSE_SHARE[context] * np.exp(-((lengths / PAUSE_SCALE_S[context]) ** PAUSE_SHAPE))
        table[context] = pause + SLEEP_SHARE[context] * _sleep(hours, lengths)
    table[DOOR] += OUTING_SHARE * _outing(hours, lengths)
    table.setflags(write=False)
    return table


def _sleep(hours: NDArray[np.float64], lengths_s: NDArray[np.float64]) -> NDArray[np.float64]:
    from_centre_h = (hours - SLEEP_CENTRE_H + 12) % 24 - 12
    going_to_bed = np.exp(-0.5 * (from_centre_h / SLEEP_SPREAD_H) ** 2)
    left_h = np.clip((WAKING_H - hours) % 24, 1.0, 9.0)  # time left until people usually get up
    share = 1 / (1 + np.exp((lengths_s[None, :] / 3600 - left_h[:, None]) / 0.6))
    return going_to_bed[:, None] * share


def _outing(hours: NDArray[np.float64], lengths_s: NDArray[np.float64]) -> NDArray[np.float64]:
    by_day = 1 / (1 + np.exp(np.abs(hours - 14.0) - 7.0))
    longer = 1 / (1 + (lengths_s / OUTING_MEDIAN_S) ** (1.7 / OUTING_SPREAD))
    return by_day[:, None] * longer[None, :]
