"""What a baseline may know: for each day of a home, the silences that had ended before its night."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import DAY_S, EXCLUDED_S, HOUR_S, LEAST_SILENCE_S, Signs

LEARNING_HOUR_S: Final = 3 * HOUR_S
HISTORY_DAYS: Final = 45


@dataclass(frozen=True, slots=True)
class EndedSilences:
    """The silences of half an hour to 48 h that a night knows of.

    Attributes:
        start_s: float64 [silences], ascending, seconds on the wall clock.
        gap_s: float64 [silences], how long each was.
        night_s: 03:00 of the night, seconds on the wall clock.
    """

    start_s: NDArray[np.float64]
    gap_s: NDArray[np.float64]
    night_s: float


def nights(signs: Signs, history_days: int = HISTORY_DAYS) -> Sequence[tuple[slice, EndedSilences]]:
    """For each day from 03:00: its signs, and the silences of the last days that had ended before it began."""
    if not len(signs.local_s):
        return []
    long = np.flatnonzero((signs.gap_s >= LEAST_SILENCE_S) & (signs.gap_s <= EXCLUDED_S))
    start_s, gap_s = signs.local_s[long], signs.gap_s[long]
    first = (signs.local_s[0] - LEARNING_HOUR_S) // DAY_S * DAY_S + LEARNING_HOUR_S
    begins = np.arange(first, signs.local_s[-1] + DAY_S, DAY_S)
    bounds = np.searchsorted(signs.local_s, begins)
    found = []
    for night_s, begin, end in zip(begins[:-1], bounds[:-1], bounds[1:], strict=True):
        known = (start_s + gap_s <= night_s) & (start_s >= night_s - history_days * DAY_S)
        if end > begin:
            found.append((slice(int(begin), int(end)), EndedSilences(start_s[known], gap_s[known], float(night_s))))
    return found
