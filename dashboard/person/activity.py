"""A day at home in quarters of an hour: today's signs of life against how often that quarter usually has some."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerts.wording.catalogue import local
from contracts.events import is_sign_of_life
from store.timeseries.port import Point

QUARTERS: Final = 96
QUARTER_MS: Final = 15 * 60_000
"""Every zone of today is a whole number of quarters away from UTC, so a UTC quarter lies in one local quarter."""
DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual: ``share[q]`` of ``days`` days had life in quarter ``q`` (0 to 1). No days, no shares."""

    days: int
    share: Sequence[float]


@dataclass(frozen=True, slots=True)
class Quarter:
    """One quarter of an hour.

    Attributes:
        index: 0 to 95 on the wall clock.
        today: signs of life today.
        share: of earlier days with life then, 0 to 1; None: no earlier days.
        over: whether it has begun.
    """

    index: int
    today: int
    share: float | None
    over: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A deadline within today: ``kind`` ask or call, and where in the day it lies, 0 to 1."""

    kind: str
    at_ms: int
    share: float


@dataclass(frozen=True, slots=True)
class Day:
    """Today against the usual day."""

    quarters: Sequence[Quarter]
    days: int
    now_share: float
    marks: Sequence[Mark]

    @property
    def quarters_today(self) -> int:
        """How many quarters of today had life."""
        return sum(1 for quarter in self.quarters if quarter.today)


def signs_by_quarter(points: Iterable[Point]) -> Counter[int]:
    """How many signs of life lie in each quarter since 1970 UTC."""
    signs: Counter[int] = Counter()
    for point in points:
        if is_sign_of_life(point.kind, json.loads(point.fields)):
            signs[point.t_ms // QUARTER_MS] += 1
    return signs


def quarter_of_day(at: datetime) -> int:
    """Which quarter of its day a wall-clock time lies in, 0 to 95."""
    return at.hour * 4 + at.minute // 15


def midnight_ms(day: date, zone: str) -> int:
    """When a local day begins, ms UTC."""
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp() * 1000)


def days_before(day: date, days: int, zone: str) -> tuple[int, int]:
    """The ``days`` local days before ``day``, as ``[from, to)`` in ms UTC."""
    return midnight_ms(day - timedelta(days=days), zone), midnight_ms(day, zone)


def usual_day(signs: Mapping[int, int], zone: str) -> Usual:
    """What is usual in earlier days. Days without a single sign (away, or the device off) do not count as days."""
    lively: dict[date, set[int]] = defaultdict(set)
    for quarter in signs:
        at = local(quarter * QUARTER_MS, zone)
        lively[at.date()].add(quarter_of_day(at))
    had = Counter(quarter for quarters in lively.values() for quarter in quarters)
    days = len(lively)
    return Usual(days, [had[quarter] / days for quarter in range(QUARTERS)] if days else [])


def today_against(
    usual: Usual, signs: Mapping[int, int], zone: str, now_ms: int, deadlines: Mapping[str, int | None]
) -> Day:
    """Today so far against the usual day.

    Args:
        usual: from `usual_day`.
        signs: of today, by quarter since 1970 UTC.
        zone: the home's.
        now_ms: ms UTC.
        deadlines: ``ask`` and ``call``, ms UTC; those that do not lie in today are left out.
    """
    now = local(now_ms, zone)
    today: Counter[int] = Counter()
    for quarter, count in signs.items():
        at = local(quarter * QUARTER_MS, zone)
        if at.date() == now.date():
            today[quarter_of_day(at)] += count
    share: Sequence[float | None] = usual.share or [None] * QUARTERS
    quarters = [Quarter(q, today[q], share[q], q <= quarter_of_day(now)) for q in range(QUARTERS)]
    marks = [
        Mark(kind, at_ms, _share_of_day(local(at_ms, zone)))
        for kind, at_ms in deadlines.items()
        if at_ms is not None and local(at_ms, zone).date() == now.date()
    ]
    return Day(quarters, usual.days, _share_of_day(now), marks)


def _share_of_day(at: datetime) -> float:
    return (at.hour * 60 + at.minute) / DAY_MINUTES
