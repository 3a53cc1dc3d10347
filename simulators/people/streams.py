"""Independent random streams, named by what they are for, so that nothing depends on the order of asking."""

from enum import IntEnum

import numpy as np
from numpy.random import Generator, SeedSequence


class StreamPurpose(IntEnum):
    """What a stream is drawn for; part of its name, so that two purposes never share numbers."""

    TRAITS = 1
    FRAME = 2
    NIGHT = 3
    DAYTIME = 4
    ILLNESS = 5
    MOVEMENT = 6
    DECLINE = 7
    WANDERING = 8
    TOWN = 9
    SCENARIO = 10
    RESPONDER = 11
    FLAT = 12


def stream(seed: int, purpose: StreamPurpose, *names: int) -> Generator:
    """The generator of ``(seed, purpose, *names)``: the same numbers every time, others for any other name.

    Args:
        seed: seed of the run, at least 0.
        purpose: what is drawn.
        names: whole numbers of at least 0, such as person and day.
    """
    return np.random.default_rng(SeedSequence([seed, int(purpose), *names]))
