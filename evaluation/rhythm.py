"""The product's own rhythm as a detector, driven through the same face as in production."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomaly import Rhythm, RhythmSettings
from evaluation.protocol import Signs


@dataclass(frozen=True, slots=True)
class RhythmDetector:
    """Raises an alarm at the ask deadline of a rhythm with this budget."""

    every_days: float

    @property
    def name(self) -> str:
        """What the detector is called in a report."""
        return f"rhythm, ask 1 in {self.every_days:g} d"

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        home = signs.home
        rhythm = Rhythm(RhythmSettings(ask_every_days=self.every_days, call_every_days=max(90.0, self.every_days)))
        alarm_s = np.full(len(signs.local_s), np.nan)
        sign_of = np.full(len(home.local_s), -1, np.intp)
        sign_of[signs.event[signs.needed]] = np.flatnonzero(signs.needed)
        events = zip(home.local_s.tolist(), home.sensor.tolist(), home.value.tolist(), sign_of.tolist(), strict=True)
        for local_s, sensor, value, sign in events:
            name, kind = home.sensors[sensor]
            rhythm.observe(local_s, name, kind, value)
            if sign >= 0:
                alarm_s[sign] = rhythm.deadlines().ask_at
        return alarm_s
