"""How long the next silence lasts, by time of day and context: a smoothed, forgetting survival table.

Assumes that a silence depends on when it begins and where the person was last heard, and on nothing else; a weekly
rhythm is not seen here. Needs about two weeks. Costs three small matrix products a night.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import CONTEXTS, HALF_HOUR_S, HALF_HOURS
from anomaly.prior import population_survival

SHORTEST_S: Final = 600.0
LONGEST_S: Final = 48 * 3600.0
"""A longer silence is an absence or an outage and teaches nothing about life at home."""
LENGTHS: Final = 64
LENGTHS_S: Final[NDArray[np.float64]] = np.geomspace(SHORTEST_S, LONGEST_S, LENGTHS)

CLOCK_SD_BINS: Final = 2.0
LOG_LENGTH_SD: Final = 0.2


def _gaussian(distance: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
    kernel = np.exp(-0.5 * (distance / sd) ** 2)
    rows: NDArray[np.float64] = kernel / kernel.sum(axis=1, keepdims=True)
    return rows


def _clock_kernel() -> NDArray[np.float64]:
    apart = np.abs(np.subtract.outer(np.arange(HALF_HOURS), np.arange(HALF_HOURS)))
    return _gaussian(np.minimum(apart, HALF_HOURS - apart).astype(np.float64), CLOCK_SD_BINS)


def _length_kernel() -> NDArray[np.float64]:
    log_lengths = np.log(LENGTHS_S)
    return _gaussian(np.subtract.outer(log_lengths, log_lengths), LOG_LENGTH_SD)


_CLOCK: Final = _clock_kernel()
_LENGTH: Final = _length_kernel()


def survival(
    starts_s: NDArray[np.float64],
    lengths_s: NDArray[np.float64],
    contexts: NDArray[np.int8],
    weights: NDArray[np.float64],
    active_slots: NDArray[np.float64],
    prior_slots: float,
) -> NDArray[np.float64]:
    """The survival table of one home.

    Args:
        starts_s: float64 [silences], when each began, seconds on the wall clock.
        lengths_s: float64 [silences], how long it lasted, `SHORTEST_S` to `LONGEST_S`.
        contexts: int8 [silences], the context it began in.
        weights: float64 [silences], what is left of it after forgetting.
        active_slots: float64 [contexts, half-hours], ten-minute slots with a sign of life, forgotten likewise.
        prior_slots: how many slots the population counts for.

    Returns:
        float64 [contexts, half-hours, lengths]: the share of active slots after which nothing is heard for longer
        than each of `LENGTHS_S`; falling along the last axis.
    """
    slot = (starts_s // HALF_HOUR_S).astype(np.int64) % HALF_HOURS
    bin_ = np.searchsorted(LENGTHS_S, lengths_s, side="right") - 1
    cell = (contexts.astype(np.int64) * HALF_HOURS + slot) * LENGTHS + np.clip(bin_, 0, LENGTHS - 1)
    counts = np.bincount(cell, weights, minlength=CONTEXTS * HALF_HOURS * LENGTHS)
    smooth = _CLOCK @ counts.reshape(CONTEXTS, HALF_HOURS, LENGTHS) @ _LENGTH
    longer = np.cumsum(smooth[..., ::-1], axis=-1)[..., ::-1]
    slots = (active_slots @ _CLOCK.T)[..., None]
    prior = population_survival(tuple(LENGTHS_S.tolist()))
    table: NDArray[np.float64] = (longer + prior_slots * prior) / (slots + prior_slots)
    return table
