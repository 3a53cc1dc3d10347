"""What the rhythm is held against: fixed and learned limits, the line of Cuddihy 2007, percentiles, anomaly models.

Each family has one knob, set so that its pooled false-alarm rate equals that of the detector it is compared with. That
is more than any of them could do in the field, where nobody tells them their rate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.detectors import cuddihy
from evaluation.detectors.nights import EndedSilences, nights
from evaluation.detectors.windowed import (
    HALF_SPACE_TREES,
    ISOLATION_FOREST,
    HalfSpaceTreesCounts,
    IsolationForestCounts,
)
from evaluation.protocol import DAY_S, EXCLUDED_S, HOUR_S, Family, Signs

FIXED_HOURS: Final = (6.0, 8.0, 12.0, 24.0)


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
        return signs.local_s + self.hours * HOUR_S


@dataclass(frozen=True, slots=True)
class LearnedLimit:
    """One limit a home, learned each night: a factor times the longest-but-two silence of the last 45 days."""

    factor: float

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        known = ((today, np.sort(past.gap_s)[-3:]) for today, past in nights(signs))
        return _alarms(signs, ((today, self.factor * longest[0]) for today, longest in known if len(longest)))


@dataclass(frozen=True, slots=True)
class HourPercentile:
    """A factor on a high percentile of the silences of the last 45 days that began in the same hour of the day."""

    factor: float
    percentile: float = 99.0

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        hour = (signs.local_s % DAY_S // HOUR_S).astype(np.intp)
        waits = (
            (today, np.minimum(self.factor * hour_s[hour[today]], EXCLUDED_S))
            for today, hour_s in _hours(signs, self.percentile)
        )
        return _alarms(signs, waits)


def _alarms(signs: Signs, waits: Iterable[tuple[slice, NDArray[np.float64]]]) -> NDArray[np.float64]:
    """When alarms are raised after waits by day, seconds; of a day of which nothing is known 12 h."""
    alarm_s = signs.local_s + 12 * HOUR_S
    for today, wait_s in waits:
        alarm_s[today] = signs.local_s[today] + wait_s
    return alarm_s


Variants = Mapping[str, Family]
"""What a baseline is called in a report: its readings, of which the best for it counts; '' where there is one."""

FAMILIES: Final[dict[str, Variants]] = {
    "fixed limit": {"": Family(FixedLimit, (0.5, 36.0))},
    "learned limit": {"": Family(LearnedLimit, (0.1, 4.0))},
    cuddihy.NAME: cuddihy.VARIANTS,
    "hour-of-day percentile": {"": Family(HourPercentile, (0.2, 12.0))},
    ISOLATION_FOREST: {"": Family(IsolationForestCounts, (0.35, 0.9))},
    HALF_SPACE_TREES: {"": Family(HalfSpaceTreesCounts, (0.4, 6.0))},
}
_LIBRARIES: Final = {ISOLATION_FOREST: ("sklearn", "scikit-learn"), HALF_SPACE_TREES: ("river", "River")}
"""What a family needs besides the backend: the package that is imported, and its name."""


def families() -> tuple[dict[str, Variants], list[str]]:
    """The families that can run here, and a sentence about each that cannot."""
    missing = {family: name for family, (package, name) in _LIBRARIES.items() if find_spec(package) is None}
    return {family: variants for family, variants in FAMILIES.items() if family not in missing}, [
        f"{family} is left out: {name} is not installed (the extra 'evaluation' has it)"
        for family, name in missing.items()
    ]


@lru_cache(maxsize=64)
def _hours(signs: Signs, percentile: float) -> list[tuple[slice, NDArray[np.float64]]]:
    """For each day, its signs and the percentile in force by hour; kept, for the knob does not change it."""
    return [(today, _hour_percentiles(past, percentile)) for today, past in nights(signs)]


def _hour_percentiles(past: EndedSilences, percentile: float) -> NDArray[np.float64]:
    """Seconds, by hour of the day; an hour in which none began has the percentile of all; float64 [24]."""
    if not len(past.gap_s):
        return np.full(24, 12 * HOUR_S)
    hour = past.start_s % DAY_S // HOUR_S
    every = float(np.percentile(past.gap_s, percentile))
    return np.array(
        [np.percentile(past.gap_s[hour == h], percentile) if (hour == h).any() else every for h in range(24)]
    )
