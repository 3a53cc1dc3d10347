"""How long the next silence lasts, by time of day and context: a smoothed, forgetting survival table.

Assumes that a silence depends on the type of day (`day_types`), on when it begins and where the person was last heard,
and on nothing else. Needs about two weeks. Costs three small matrix products a night and type of day.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import CONTEXTS, HALF_HOURS
from anomaly.prior import population_survival

SHORTEST_S: Final = 600.0
LONGEST_S: Final = 48 * 3600.0
"""A longer silence is an absence or an outage and teaches nothing about life at home."""
LENGTHS: Final = 64
LENGTHS_S: Final[NDArray[np.float64]] = np.geomspace(SHORTEST_S, LONGEST_S, LENGTHS)
LOG_LENGTHS: Final = np.log(LENGTHS_S)

CLOCK_SD_BINS: Final = 2.0
LOG_LENGTH_SD: Final = 0.3
_SLOTS: Final = CONTEXTS * HALF_HOURS
_APART: Final = np.abs(np.subtract.outer(np.arange(HALF_HOURS), np.arange(HALF_HOURS)))
CLOCK_APART: Final = np.minimum(_APART, HALF_HOURS - _APART).astype(np.float64)
"""How many half-hours each half-hour lies from each other one, around the clock; float64 [half-hours, half-hours]."""


def gaussian(distance: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
    """What each column counts for in each row at these distances; rows sum to 1."""
    kernel = np.exp(-0.5 * (distance / sd) ** 2)
    rows: NDArray[np.float64] = kernel / kernel.sum(axis=1, keepdims=True)
    return rows


def clock_kernel(sd_bins: float) -> NDArray[np.float64]:
    """How much each half-hour tells about each other one; float64 [half-hours, half-hours], rows sum to 1."""
    return gaussian(CLOCK_APART, sd_bins)


def length_kernel(log_sd: float) -> NDArray[np.float64]:
    """What one silence of each length adds to "longer than" each length; float64 [lengths, lengths]."""
    kernel = gaussian(np.subtract.outer(LOG_LENGTHS, LOG_LENGTHS), log_sd)
    return np.cumsum(kernel[:, ::-1], axis=1)[:, ::-1]


_CLOCK: Final = clock_kernel(CLOCK_SD_BINS)
_LONGER: Final = length_kernel(LOG_LENGTH_SD)
POPULATION: Final = population_survival(LENGTHS_S)
"""The share of active ten-minute slots that are followed by a longer silence, of people in general; float64 [contexts,
half-hours, lengths]."""


class Silences(NamedTuple):
    """Past silences of one home, as much as the survival of the next one needs; arrays of one length.

    Attributes:
        slot: intp, half-hour of the day in which each began.
        length_s: float64, how long it lasted, `SHORTEST_S` to `LONGEST_S`.
        context: int8, where it began.
        weight: float64, what is left of it after forgetting, 0 to 1.
        day_type: intp, index of the type of day on which each began; 0 is today's.
        counts: float64 [types of day, silences], what is left of it in the table of each type, 0 to ``weight``.
        bin: intp, index of the longest of `LENGTHS_S` that each reached.
    """

    slot: NDArray[np.intp]
    length_s: NDArray[np.float64]
    context: NDArray[np.int8]
    weight: NDArray[np.float64]
    day_type: NDArray[np.intp]
    counts: NDArray[np.float64]
    bin: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        slot: NDArray[np.intp],
        length_s: NDArray[np.float64],
        context: NDArray[np.int8],
        weight: NDArray[np.float64],
    ) -> "Silences":
        """Silences of days that are all of one type."""
        found = np.clip(np.searchsorted(LENGTHS_S, length_s, side="right") - 1, 0, LENGTHS - 1)
        return cls(slot, length_s, context, weight, np.zeros(len(slot), np.intp), weight[None], found)

    def only(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "Silences":
        """Some of them."""
        return Silences._make(array[..., which] for array in self)


@dataclass(frozen=True, slots=True, eq=False)
class Survival:
    """The survival table of one home, for each type of day, today's first.

    Attributes:
        share: float64 [types, contexts, half-hours, lengths], share of active ten-minute slots after which nothing is
            heard for longer than each of `LENGTHS_S`; falling along the last axis.
        slots: float64 [types, contexts, half-hours], how many slots that is a share of, the population's included.
    """

    share: NDArray[np.float64]
    slots: NDArray[np.float64]

    def without(self, silences: Silences) -> NDArray[np.float64]:
        """For each silence, the row of `share` it falls in as if it had never been; float64 [silences, lengths]."""
        slot, row = silences.slot, (silences.day_type, silences.context, silences.slot)
        own = silences.weight * _CLOCK[slot, slot] / self.slots[row]
        return self.share[row] - own[:, None] * _LONGER[silences.bin]


def learn(silences: Silences, active_slots: NDArray[np.float64], prior_slots: float) -> Survival:
    """The survival table from past silences.

    Args:
        silences: of one home.
        active_slots: float64 [types, contexts, half-hours], ten-minute slots with a sign of life, forgotten likewise.
        prior_slots: how many slots the population counts for.
    """
    cell = (silences.context.astype(np.intp) * HALF_HOURS + silences.slot) * LENGTHS + silences.bin
    counts = np.stack([np.bincount(cell, weight, minlength=_SLOTS * LENGTHS) for weight in silences.counts])
    longer = _CLOCK @ counts.reshape(-1, CONTEXTS, HALF_HOURS, LENGTHS) @ _LONGER
    slots = active_slots @ _CLOCK.T + prior_slots
    return Survival((longer + prior_slots * POPULATION) / slots[..., None], slots)
