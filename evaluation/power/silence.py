"""A home with a meter alone: the signs of the meter as events, for the rhythm and its protocol."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.homes import RecordedHome, home_of
from evaluation.power.figures import ReaderOutput
from evaluation.power.recordings import MeterRecording
from evaluation.protocol import Signs, prepare

OUTAGE_S: Final = 1800.0


def as_home(name: str, sign_s: NDArray[np.float64]) -> RecordedHome:
    """The signs of a meter as a home that a rhythm can learn: one sensor of kind ``power``."""
    return home_of(name, ((float(at_s), "meter", "power", 1.0) for at_s in sign_s))


def silences(meter: MeterRecording, output: ReaderOutput, seed: int = 0) -> Signs | None:
    """The signs for the protocol; silences that touch an outage of the meter are neither counted nor collapsed in."""
    if not len(output.sign_s):
        return None
    signs = prepare(as_home(meter.name, output.sign_s), seed)
    broken = np.flatnonzero(np.diff(meter.local_s) > OUTAGE_S)
    touched = np.zeros(len(signs.local_s), bool)
    for begin_s, end_s in zip(meter.local_s[broken], meter.local_s[broken + 1], strict=True):
        touched |= (signs.local_s < end_s) & (signs.local_s + signs.gap_s > begin_s)
    collapses = {
        stratum: moments[~touched[np.searchsorted(signs.local_s, moments, side="right") - 1]]
        for stratum, moments in signs.collapses.items()
    }
    return replace(signs, counted=signs.counted & ~touched, cold=signs.cold & ~touched, collapses=collapses)
