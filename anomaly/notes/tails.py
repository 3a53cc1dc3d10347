"""From "about once in so many days" to a limit, without labels: the home's own past, and its tail beyond that."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_NEAR, _FAR = 2, 10
"""Ranks of a home's worst days through which the exponential tail is drawn."""
LEAST_DAYS: Final = 14
"""With fewer days a limit would be a guess."""


def once_in(worst: NDArray[np.float64], every_days: float) -> float:
    """The limit that a day's worst score exceeds about once in ``every_days``.

    Within the past the limit is the score of that rank; beyond it, or near its end, an exponential tail goes on from
    rank 2 with the slope between ranks 2 and 10 (the two worst days are too few to be believed).
    Fails where the worst is yet to come: nothing in the past can tell of a kind of day that never was.

    Args:
        worst: float [days], each day's worst score; larger is more unusual.
        every_days: budget, days; above 0.

    Returns:
        The limit; inf with fewer than `LEAST_DAYS` days, so that nothing is said of a home that is not known.
    """
    days = len(worst)
    if days < LEAST_DAYS:
        return float("inf")
    ordered = np.sort(worst)[::-1]
    rank = days / every_days
    far = min(_FAR, days // 2)
    if rank >= far:
        return float(np.interp(rank, np.arange(1, days + 1), ordered))
    near = float(ordered[_NEAR - 1])
    slope = (near - float(ordered[far - 1])) / math.log(far / _NEAR)
    return near + slope * math.log(_NEAR / rank)
