"""The alert line of Cuddihy et al. 2007, the best of the published rules, with the knob that serves it best.

P. Cuddihy, J. Weisenberg, C. Graichen, M. Ganesh: Algorithm to automatically detect abnormally long periods of
inactivity in a home, HealthNet 2007. The paper sets one line for everybody; here its height is a knob, so that it can
stand beside another detector at one false-alarm rate. Which part of the line gives way is not said by the paper: each
`VARIANTS` is tried and the one that finds collapses by day soonest is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.detectors.nights import EndedSilences, nights
from evaluation.protocol import DAY_S, HOUR_S, LEAST_SILENCE_S, Family, Signs

BLOCK_S: Final = 1800.0
BLOCKS: Final = 48
NAME: Final = "Cuddihy 2007"
HISTORY_DAYS: Final = 60
PERCENTILE: Final = 97.0
UNIFORM_SHARE: Final = 0.3
VARIABLE_SHARE: Final = 0.4
_WEIGHTS: Final = ((-2, 1 / 9), (-1, 2 / 9), (0, 3 / 9), (1, 2 / 9), (2, 1 / 9))
_BLOCKS_AHEAD: Final = 96
_FIRST_LIMIT_S: Final = 12 * HOUR_S
"""While nothing is known of a home."""


@dataclass(frozen=True, slots=True)
class AlertLine:
    """The published line.

    For each half-hour of the day, ``m``: the inactivity that had built up by then on all but three in a hundred of the
    last 60 days. The line is the highest ``m`` within an hour, plus 30 % of ``m``, plus 40 % of its weighted mean over
    that hour (1, 2, 3, 2, 1). An alarm is raised when the present inactivity passes the line of the present half-hour.

    Attributes:
        factor: on the whole line; 1 as published.
        buffer: on the two shares that are added; 1 as published.
        margin_h: added to the line, hours; 0 as published.
    """

    factor: float = 1.0
    buffer: float = 1.0
    margin_h: float = 0.0

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        return _alarms(signs, self._line, PERCENTILE, HISTORY_DAYS)

    def _line(self, usual_s: NDArray[np.float64]) -> NDArray[np.float64]:
        highest = np.max([np.roll(usual_s, shift) for shift, _ in _WEIGHTS], axis=0)
        around = np.sum([weight * np.roll(usual_s, shift) for shift, weight in _WEIGHTS], axis=0)
        buffer = self.buffer * (UNIFORM_SHARE * usual_s + VARIABLE_SHARE * around)
        line_s: NDArray[np.float64] = np.maximum(self.factor * (highest + buffer) + self.margin_h * HOUR_S, 0.0)
        return line_s


@dataclass(frozen=True, slots=True)
class SmoothLine:
    """A gentler reading of it: a factor on a line that is smoothed instead of raised, plus an hour.

    The 95th percentile over 45 days, the mean of three half-hours where that is higher.
    """

    factor: float

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        return _alarms(signs, self._line, 95.0, 45)

    def _line(self, usual_s: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = (np.roll(usual_s, 1) + usual_s + np.roll(usual_s, -1)) / 3
        return self.factor * np.maximum(usual_s, mean) + HOUR_S


_LEAST_MARGIN_H: Final = -8.0


VARIANTS: Final = {
    "factor on the published line": Family(lambda knob: AlertLine(factor=knob), (0.05, 8.0)),
    "factor on the published buffer": Family(lambda knob: AlertLine(buffer=knob), (1e-3, 50.0)),
    "hours above the highest percentile": Family(
        lambda knob: AlertLine(buffer=0.0, margin_h=_LEAST_MARGIN_H + knob), (1.0, 30.0)
    ),
    "factor on a smoothed line, plus 1 h": Family(SmoothLine, (0.1, 6.0)),
}
"""The readings of the paper, each with its own knob."""


Line = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From what is usual in each half-hour of the day to the line, seconds; float64 [48] each."""


def _alarms(signs: Signs, line: Line, percentile: float, days: int) -> NDArray[np.float64]:
    alarm_s = signs.local_s + _FIRST_LIMIT_S
    for wanted, usual_s in _usual(signs, percentile, days):
        alarm_s[wanted] = _crossing(signs.local_s[wanted], line(usual_s))
    return alarm_s


@lru_cache(maxsize=64)
def _usual(signs: Signs, percentile: float, days: int) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """For each day, the signs asked for and the percentile by half-hour; kept, for the knob does not change it."""
    found = []
    for today, past in nights(signs, days):
        wanted = np.flatnonzero(signs.needed[today]) + today.start
        if len(wanted) and len(past.gap_s):
            found.append((wanted, _built_up(past, percentile, days)))
    return found


def _built_up(past: EndedSilences, percentile: float, most_days: int) -> NDArray[np.float64]:
    """Seconds of inactivity that are usual at most in each half-hour; float64 [48]."""
    days = int(np.clip(np.ceil((past.night_s - past.start_s.min()) / DAY_S), 1, most_days))
    blocks = past.night_s - np.arange(days * BLOCKS)[::-1] * BLOCK_S  # ends of the blocks
    index = np.searchsorted(past.start_s, blocks, side="right") - 1
    begun = past.start_s[np.maximum(index, 0)]
    silent = (index >= 0) & (blocks <= begun + past.gap_s[np.maximum(index, 0)] + BLOCK_S)
    reached = np.where(silent, np.minimum(blocks - begun, past.gap_s[np.maximum(index, 0)]), 0.0)
    usual = np.percentile(reached.reshape(days, BLOCKS), percentile, axis=0)
    # The first block of a row ends half an hour after 03:00; each belongs to the half-hour before its end.
    return np.roll(usual, int(past.night_s % DAY_S // BLOCK_S))


def _crossing(since_s: NDArray[np.float64], limit_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """When the inactivity since each moment first passes the limit of the half-hour it has reached."""
    block = since_s[:, None] // BLOCK_S + np.arange(_BLOCKS_AHEAD)
    limit = limit_s[block.astype(np.int64) % BLOCKS]
    at_s = np.maximum(block * BLOCK_S, since_s[:, None] + np.maximum(limit, LEAST_SILENCE_S))
    passed = at_s < (block + 1) * BLOCK_S
    first = passed.argmax(axis=1)
    return np.where(passed.any(axis=1), at_s[np.arange(len(since_s)), first], since_s + _BLOCKS_AHEAD * BLOCK_S)
