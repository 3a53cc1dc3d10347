"""The readings of one home in order of time, made a day at a time as they are needed."""

import datetime as dt
from bisect import bisect_right, insort
from typing import Final

from edge_agent.ports import Reading
from simulators.people.faults import WifiLoss, distort, moment_ms
from simulators.people.household import Condition
from simulators.people.visits import HOSPITAL_MS, visit_readings
from simulators.town.neighbourhood import HomePlan
from simulators.town.scenario import CollapsePlot, Plot, household_of

_ONE_DAY: Final = dt.timedelta(days=1)


class Feed:
    """One home's readings, with whoever enters it in between.

    Args:
        home: the home; seed: seed of the run.
        plots: what goes wrong there.
        from_ms: the first moment wanted (ms UTC).
    """

    def __init__(self, home: HomePlan, seed: int, plots: list[Plot], from_ms: int) -> None:
        self._home, self._seed, self._plots = home, seed, list(plots)
        self._household = household_of(home, seed, self._plots)
        self._waiting: list[Reading] = []  # in order of time
        self._from_ms = from_ms
        self._found_ms: int | None = None
        self._next_day = self._household.day_of(from_ms) - _ONE_DAY  # its last "off" may fall into the wanted time
        self._made_until_ms = self._household.span_ms(self._next_day)[0]

    def take_until(self, to_ms: int) -> list[Reading]:
        """All readings with ``wall_ms <= to_ms`` that were not taken yet, in order."""
        while self._made_until_ms <= to_ms:
            self._make_day()
        count = bisect_right(self._waiting, to_ms, key=moment_ms)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def next_ms(self, at_most_ms: int) -> int:
        """When the next reading comes, or ``at_most_ms`` if none comes before."""
        while self._made_until_ms < at_most_ms and not self._has_one_made():
            self._make_day()
        return min(moment_ms(self._waiting[0]), at_most_ms) if self._waiting else at_most_ms

    def condition(self, at_ms: int) -> Condition:
        """How the person is at ``at_ms``, visits so far included."""
        condition = self._household.condition(at_ms)
        was_found = self._found_ms is not None and at_ms >= self._found_ms
        return Condition.HOSPITAL if was_found and condition is Condition.COLLAPSED else condition

    def visit(self, at_ms: int) -> Condition:
        """Somebody enters at ``at_ms``; gives how they find the person. A collapsed one is taken to hospital."""
        found = self.condition(at_ms)
        if found is Condition.COLLAPSED:
            self._found_ms = at_ms
            self._plots = [self._fetched(plot, at_ms) for plot in self._plots]
            self._household = household_of(self._home, self._seed, self._plots)
        self._put(distort(self._household.faults, visit_readings(at_ms, found), (0, 0)))
        return found

    def press(self, reading: Reading) -> None:
        """The person presses a button at the reading's time, which is still to come."""
        self._put([reading])

    def offline_until_ms(self, at_ms: int) -> int | None:
        """When the gateway is on-line again (ms UTC); None: it is."""
        outages = [fault for fault in self._household.faults if isinstance(fault, WifiLoss)]
        return next((outage.to_ms for outage in outages if outage.from_ms <= at_ms < outage.to_ms), None)

    def _make_day(self) -> None:
        self._put(self._household.readings(self._next_day))
        self._made_until_ms = self._household.span_ms(self._next_day)[1]
        self._next_day += _ONE_DAY

    def _put(self, readings: list[Reading]) -> None:
        for reading in readings:
            if moment_ms(reading) >= self._from_ms:
                insort(self._waiting, reading, key=moment_ms)

    def _has_one_made(self) -> bool:
        return bool(self._waiting) and moment_ms(self._waiting[0]) < self._made_until_ms

    def _fetched(self, plot: Plot, at_ms: int) -> Plot:
        if isinstance(plot, CollapsePlot) and plot.at_ms <= at_ms and plot.back_ms is None:
            return CollapsePlot(plot.at_ms, at_ms + HOSPITAL_MS)
        return plot
