"""What the rhythm is held against: fixed and learned limits, the line of Cuddihy 2007, percentiles, anomaly models.

Each family has one knob, set so that its pooled false-alarm rate equals that of the detector it is compared with. That
is more than any of them could do in the field, where nobody tells them their rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import DAY_S, EXCLUDED_S, HOUR_S, LEAST_SILENCE_S, Detector, Signs
from evaluation.windowed import HALF_SPACE_TREES, HalfSpaceTreesCounts, IsolationForestCounts

FIXED_HOURS: Final = (6.0, 8.0, 12.0, 24.0)
LEARNING_HOUR_S: Final = 3 * HOUR_S
HISTORY_DAYS: Final = 45
LINE_BLOCK_S: Final = 1800.0
LINE_BLOCKS: Final = 48
_BLOCKS_AHEAD: Final = 96


@dataclass(frozen=True, slots=True)
class FixedLimit:
    """The rule of today's services: so many hours without a sign, the same for everybody."""

    hours: float

    @property
    def name(self) -> str:
        """What the detector is called in a report."""
        return f"fixed limit {self.hours:.3g} h"

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        alarm_s: NDArray[np.float64] = signs.local_s + self.hours * HOUR_S
        return alarm_s


@dataclass(frozen=True, slots=True)
class LearnedLimit:
    """One limit a home, learned each night: a factor times the longest-but-two silence of the last 45 days."""

    factor: float
    name: str = "learned limit"

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        wait_s = np.full(len(signs.local_s), 12 * HOUR_S)
        for today, past in _nights(signs):
            longest = np.sort(past.gap_s)[::-1]
            if len(longest):
                wait_s[today] = self.factor * longest[min(2, len(longest) - 1)]
        alarm_s: NDArray[np.float64] = signs.local_s + np.maximum(wait_s, LEAST_SILENCE_S)
        return alarm_s


@dataclass(frozen=True, slots=True)
class Cuddihy:
    """The alert line of Cuddihy et al. 2007, "Algorithm to automatically detect abnormally long periods of inactivity".

    For each half-hour of the day, the inactivity that had built up by then on each of the last 45 days; the line is a
    high percentile of it, smoothed over neighbouring half-hours. An alarm is raised when the present inactivity passes
    the line of the present half-hour plus a margin. The knob is the factor on the line; the margin is an hour.
    """

    factor: float
    name: str = "Cuddihy 2007"
    percentile: float = 95.0
    margin_s: float = 3600.0

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        alarm_s = signs.local_s + 12 * HOUR_S
        for wanted, line_s in _lines(signs, self.percentile):
            alarm_s[wanted] = _crossing(signs.local_s[wanted], self.factor * line_s + self.margin_s)
        return alarm_s


@dataclass(frozen=True, slots=True)
class HourPercentile:
    """A factor on a high percentile of the silences of the last 45 days that began in the same hour of the day."""

    factor: float
    name: str = "hour-of-day percentile"
    percentile: float = 99.0

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        wait_s = np.full(len(signs.local_s), 12 * HOUR_S)
        for today, hour_s in _hours(signs, self.percentile):
            hour = (signs.local_s[today] % DAY_S // HOUR_S).astype(np.intp)
            wait_s[today] = np.minimum(self.factor * hour_s[hour], EXCLUDED_S)
        alarm_s: NDArray[np.float64] = signs.local_s + np.maximum(wait_s, LEAST_SILENCE_S)
        return alarm_s


Family = tuple[Callable[[float], Detector], tuple[float, float]]
"""A detector for a knob, and the range of the knob, from many to few false alarms."""

FAMILIES: Final[dict[str, Family]] = {
    "fixed limit": (FixedLimit, (0.5, 36.0)),
    "learned limit": (LearnedLimit, (0.1, 4.0)),
    "Cuddihy 2007": (Cuddihy, (0.1, 6.0)),
    "hour-of-day percentile": (HourPercentile, (0.2, 12.0)),
    "IsolationForest": (IsolationForestCounts, (0.35, 0.9)),
}


def families() -> tuple[dict[str, Family], list[str]]:
    """The families that can run here, and a sentence about each that cannot."""
    if find_spec("river") is None:
        return FAMILIES, [f"{HALF_SPACE_TREES} is left out: River is not installed (the extra 'evaluation' has it)"]
    return FAMILIES | {HALF_SPACE_TREES: (HalfSpaceTreesCounts, (0.4, 6.0))}, []


@dataclass(frozen=True, slots=True)
class _Past:
    start_s: NDArray[np.float64]
    gap_s: NDArray[np.float64]
    night_s: float


def _nights(signs: Signs) -> Sequence[tuple[slice, _Past]]:
    """For each day from 03:00: its signs, and the silences that had ended before it began."""
    if not len(signs.local_s):
        return []
    long = np.flatnonzero((signs.gap_s >= LEAST_SILENCE_S) & (signs.gap_s <= EXCLUDED_S))
    start_s, gap_s = signs.local_s[long], signs.gap_s[long]
    first = (signs.local_s[0] - LEARNING_HOUR_S) // DAY_S * DAY_S + LEARNING_HOUR_S
    nights = np.arange(first, signs.local_s[-1] + DAY_S, DAY_S)
    bounds = np.searchsorted(signs.local_s, nights)
    found = []
    for night_s, begin, end in zip(nights[:-1], bounds[:-1], bounds[1:], strict=True):
        known = (start_s + gap_s <= night_s) & (start_s >= night_s - HISTORY_DAYS * DAY_S)
        if end > begin:
            found.append((slice(int(begin), int(end)), _Past(start_s[known], gap_s[known], float(night_s))))
    return found


@lru_cache(maxsize=64)
def _lines(signs: Signs, percentile: float) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """For each day, the signs that are asked for and the line in force; kept, for the knob does not change it."""
    found = []
    for today, past in _nights(signs):
        wanted = np.flatnonzero(signs.needed[today]) + today.start
        if len(wanted) and len(past.gap_s):
            found.append((wanted, _line(past, percentile)))
    return found


def _line(past: _Past, percentile: float) -> NDArray[np.float64]:
    """Seconds of inactivity that are usual at most in each half-hour; float64 [48]."""
    days = int(np.clip(np.ceil((past.night_s - past.start_s.min()) / DAY_S), 1, HISTORY_DAYS))
    blocks = past.night_s - np.arange(days * LINE_BLOCKS)[::-1] * LINE_BLOCK_S  # ends of the blocks
    index = np.searchsorted(past.start_s, blocks, side="right") - 1
    begun = past.start_s[np.maximum(index, 0)]
    silent = (index >= 0) & (blocks <= begun + past.gap_s[np.maximum(index, 0)] + LINE_BLOCK_S)
    reached = np.where(silent, np.minimum(blocks - begun, past.gap_s[np.maximum(index, 0)]), 0.0)
    line = np.percentile(reached.reshape(days, LINE_BLOCKS), percentile, axis=0)
    # The first block of a row ends half an hour after 03:00; each belongs to the half-hour before its end.
    line = np.roll(line, int(past.night_s % DAY_S // LINE_BLOCK_S))
    smooth: NDArray[np.float64] = np.maximum(line, (np.roll(line, 1) + line + np.roll(line, -1)) / 3)
    return smooth


@lru_cache(maxsize=64)
def _hours(signs: Signs, percentile: float) -> list[tuple[slice, NDArray[np.float64]]]:
    """For each day, its signs and the percentile in force by hour; kept, for the knob does not change it."""
    return [(today, _hour_percentiles(past, percentile)) for today, past in _nights(signs)]


def _hour_percentiles(past: _Past, percentile: float) -> NDArray[np.float64]:
    """Seconds, by hour of the day; an hour in which none began has the percentile of all; float64 [24]."""
    if not len(past.gap_s):
        return np.full(24, 12 * HOUR_S)
    hour = past.start_s % DAY_S // HOUR_S
    every = float(np.percentile(past.gap_s, percentile))
    return np.array(
        [np.percentile(past.gap_s[hour == h], percentile) if (hour == h).any() else every for h in range(24)]
    )


def _crossing(since_s: NDArray[np.float64], limit_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """When the inactivity since each moment first passes the limit of the half-hour it has reached."""
    block = since_s[:, None] // LINE_BLOCK_S + np.arange(_BLOCKS_AHEAD)
    limit = limit_s[block.astype(np.int64) % LINE_BLOCKS]
    at_s = np.maximum(block * LINE_BLOCK_S, since_s[:, None] + np.maximum(limit, LEAST_SILENCE_S))
    passed = at_s < (block + 1) * LINE_BLOCK_S
    first = passed.argmax(axis=1)
    found: NDArray[np.float64] = np.where(
        passed.any(axis=1), at_s[np.arange(len(since_s)), first], since_s + _BLOCKS_AHEAD * LINE_BLOCK_S
    )
    return found
