"""Counting what became of events: how many are stored, and whether any is stored twice."""

from collections.abc import Iterable
from dataclasses import dataclass

from store.timeseries.port import TimeSeries

_ALL_TIME_NS = (0, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class EventTally:
    """Events in the time series: ``stored`` points, of which ``distinct`` have their own ``(gateway, epoch, n)``."""

    stored: int
    distinct: int

    @property
    def duplicates(self) -> int:
        """Points beyond the first of an event."""
        return self.stored - self.distinct


def tally(timeseries: TimeSeries, gateways: Iterable[str]) -> EventTally:
    """Count by reading every point back, not by asking the store for a number it may have kept by itself."""
    stored = distinct = 0
    for gateway in gateways:
        keys = [(point.epoch, point.n) for point in timeseries.read(gateway, *_ALL_TIME_NS)]
        stored += len(keys)
        distinct += len(set(keys))
    return EventTally(stored, distinct)
