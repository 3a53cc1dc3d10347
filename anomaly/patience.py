"""What a home was asked lately stretches its budget: false alarms come in clusters, and people tire of them.

A budget is a promise about what the person is bothered with. A stay away that nobody announced, an illness or visitors
make one unusual silence after the other; once the first has been asked about, the next few days are more patient. In
turn a calm fortnight makes a home a little less patient. Caps are never touched.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray


class AskMemory(NamedTuple):
    """One memory of past asks.

    Attributes:
        days: how long an ask is remembered.
        doubt: how many asks the expectation weighs before any was seen.
        lived_only: whether asks on days without life at home (an absence, an outage) are left out.
    """

    days: float
    doubt: float
    lived_only: bool


WINDOWS: Final = (AskMemory(3.0, 0.3, False), AskMemory(45.0, 2.0, True))
"""One for clusters, absences among them; one for a budget that this home's life misses all along."""
DOUBT_OF_EXPECTED: Final = 1.5
"""What the expectation weighs besides, for each ask that it expects: frequent asks say little about a cluster."""
LEAST_STRETCH: Final = 0.3
MOST_STRETCH: Final = 20.0


class PastAsks(NamedTuple):
    """When a home outlasted its deadlines.

    Attributes:
        nights_since: float64 [asks], whole nights since each, 0 and up.
        lived: bool [asks], whether it belongs to days with life at home.
        nights_watched: float64 [days], nights since each day with a sign of life.
    """

    nights_since: NDArray[np.float64]
    lived: NDArray[np.bool_]
    nights_watched: NDArray[np.float64]


def adjusted_budget(every_days: float, asked: PastAsks) -> float:
    """The budget to use now, in days, so that what was asked for is attained."""
    stretch = 1.0
    for window in WINDOWS:
        expected = float(np.exp(-asked.nights_watched / window.days).sum()) / every_days
        since = asked.nights_since[asked.lived] if window.lived_only else asked.nights_since
        seen = float(np.exp(-since / window.days).sum())
        doubt = window.doubt + DOUBT_OF_EXPECTED * expected
        stretch *= (doubt + seen) / (doubt + expected)
    return every_days * min(max(stretch, LEAST_STRETCH), MOST_STRETCH)
