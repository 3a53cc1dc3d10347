"""The constants of a rhythm's decision, all in one place, so that they can be chosen on some homes and tried on others.

Nobody sets them for a home: what belongs to a person is in `anomaly.settings`. How they were chosen, and what choosing
is worth on homes that had no say in it, is measured by `mimamori evaluate --held-out`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from anomaly.thresholds import Ranks

_RANKS: Final = Ranks(16, 80)
_OUTING_RANKS: Final = Ranks(4, 20)


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a budget is spent, and how far sheer length follows the clock.

    Attributes:
        survival_share: share of a budget that is spent by the exchange rate, above 0.
        length_share: share for sheer length at home, above 0. The shares add up to more than one: who passes one limit
            mostly passes another.
        outing_share: share for sheer length after the door, above 0.
        rarer: the exchange rate is asked for once in X days, stretched by this over the days known for each day of X:
            far beyond what was seen, the survival table errs towards too many.
        followed_daily: power by which the limit of sheer length at home follows the clock at a budget of one a day.
        followed_less: by how much less for each e-fold of the budget.
        least_followed, most_followed: bounds of that power, 0 to 1.
        ranks: of the past silences at home that draw the tail.
        outing_ranks: the same after the door.
    """

    survival_share: float = 0.5
    length_share: float = 0.7
    outing_share: float = 0.2
    rarer: float = 0.2
    followed_daily: float = 0.62
    followed_less: float = 0.05
    least_followed: float = 0.2
    most_followed: float = 0.7
    ranks: Ranks = _RANKS
    outing_ranks: Ranks = _OUTING_RANKS

    def __post_init__(self) -> None:
        for name in ("survival_share", "length_share", "outing_share"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        for name in ("ranks", "outing_ranks"):
            trusted, last = getattr(self, name)
            if not 1 <= trusted < last:
                raise ValueError(f"{name} must be two rising ranks from 1 on, not {(trusted, last)!r}")

    def followed(self, every_days: float) -> float:
        """How far the limit of sheer length follows the clock at a budget.

        0 is the same at all hours, 1 is in proportion to what is usual then. The rarer the silence, the less the hour
        says about it: the longest nap of a quarter is as long as a night.
        """
        power = self.followed_daily - self.followed_less * np.log(every_days)
        return float(np.clip(power, self.least_followed, self.most_followed))


CHOSEN: Final = Tuning()
"""The constants in use."""
