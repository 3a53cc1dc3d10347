"""Energy counters: from kilowatt-hours that count up to mean watts."""

from dataclasses import dataclass
from typing import Final

LEAST_INTERVAL_S: Final = 60.0
LONGEST_INTERVAL_S: Final = 2 * 3600.0
MOST_W: Final = 50_000.0
_J_PER_KWH: Final = 3.6e6


@dataclass(slots=True)
class EnergyCounter:
    """Turns the readings of one energy counter into readings for `PowerReader`.

    A counter with steps of 0.001 kWh read each minute gives watts to within 60; one of 0.1 kWh read each half-hour to
    within 200, and no kettle shows: the reader then says that it cannot tell.

    Attributes:
        since_s: when it was last read to some purpose, seconds on the wall clock. None: never.
        kwh: what it showed then.
    """

    since_s: float | None = None
    kwh: float = 0.0

    def observe(self, local_s: float, kwh: float) -> float | None:
        """Take in one reading of the counter.

        Args:
            local_s: when, seconds since the epoch on the home's wall clock, in order.
            kwh: what the counter shows.

        Returns:
            The mean power in watts since the last reading that gave one, when a minute or more has passed; None: too
            soon, the first reading, or the first after an outage, after a counter was changed or began anew.

        Raises:
            ValueError: a counter that is negative or no number.
        """
        if not 0 <= kwh < float("inf"):
            raise ValueError(f"kwh must be a finite number of at least 0, not {kwh!r}")
        if self.since_s is None:
            self.since_s, self.kwh = local_s, kwh
            return None
        passed_s = local_s - self.since_s
        if 0 <= passed_s < LEAST_INTERVAL_S and kwh >= self.kwh:
            return None
        watts = (kwh - self.kwh) * _J_PER_KWH / passed_s if passed_s > 0 else -1.0
        self.since_s, self.kwh = local_s, kwh
        return watts if 0 <= watts <= MOST_W and passed_s <= LONGEST_INTERVAL_S else None
