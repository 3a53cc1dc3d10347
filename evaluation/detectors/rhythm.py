"""The product's own rhythm as a detector, driven through the same face as in production."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly import Rhythm, RhythmSettings, Tuning
from anomaly.tuning import CHOSEN
from evaluation.protocol import Detector, Signs


@dataclass(frozen=True, slots=True)
class RhythmDetector:
    """Raises an alarm at the ask deadline of a rhythm with this budget, and these constants."""

    every_days: float
    tuning: Tuning = CHOSEN

    @property
    def name(self) -> str:
        """What the detector is called in a report."""
        return f"rhythm, ask 1 in {self.every_days:g} d"

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        call_days = max(90.0, self.every_days)
        if self.tuning != CHOSEN:  # each of many settings is asked once: nothing to keep
            return deadlines_of(signs, self.every_days, call_days, self.tuning)[0]
        return _deadlines(signs, self.every_days, call_days)[0]


@dataclass(frozen=True, slots=True)
class CallDetector:
    """Raises an alarm at the call deadline of a rhythm with this budget."""

    every_days: float

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        return _deadlines(signs, min(7.0, self.every_days), self.every_days)[1]


@dataclass(frozen=True, slots=True)
class ScaledDetector:
    """Another detector with every wait made longer or shorter by one factor, to compare two at one false-alarm rate."""

    detector: Detector
    factor: float

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        return signs.local_s + self.factor * (self.detector.alarms(signs) - signs.local_s)


STRETCH: Final = (0.2, 20.0)
"""The range of the factor, from many to few false alarms."""


@lru_cache(maxsize=256)
def _deadlines(signs: Signs, ask_days: float, call_days: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`deadlines_of` the constants in use; kept, for policies ask again."""
    return deadlines_of(signs, ask_days, call_days, CHOSEN)


def deadlines_of(
    signs: Signs, ask_days: float, call_days: float, tuning: Tuning
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ask and call deadlines after each sign that is asked for, seconds on the wall clock, NaN after the others."""
    home = signs.home
    rhythm = Rhythm(RhythmSettings(ask_every_days=ask_days, call_every_days=call_days), tuning)
    ask_s, call_s = np.full((2, len(signs.local_s)), np.nan)
    sign_of = np.full(len(home.local_s), -1, np.intp)
    sign_of[signs.event[signs.needed]] = np.flatnonzero(signs.needed)
    events = zip(home.local_s.tolist(), home.sensor.tolist(), home.value.tolist(), sign_of.tolist(), strict=True)
    for local_s, sensor, value, sign in events:
        name, kind = home.sensors[sensor]
        rhythm.observe(local_s, name, kind, value)
        if sign >= 0:
            deadlines = rhythm.deadlines()
            ask_s[sign], call_s[sign] = deadlines.ask_at, deadlines.call_at
    return ask_s, call_s
