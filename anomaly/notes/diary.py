"""What one home's days were like: a summary by hour and sensor, from which everything but silence is noticed.

Days run from 03:00 to 03:00 on the home's wall clock. `Diary.observe` is O(1); what is learned from the pages is a pure
function of them, so nothing but the pages needs to be kept.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.memory import LEARNING_HOUR_S, day_of
from anomaly.occupancy import DAY_S, check_event
from anomaly.packing import or_never, or_none, pack, restoring, unpack

DIARY_DAYS: Final = 90
MAX_SENSORS: Final = 32
"""Sensors past this share one number; their signs of life still count."""
HOUR_S: Final = 3600.0
HOURS: Final = 24
LIVED_SHARE: Final = 0.4
SLOT_S: Final = 600.0
SLOTS: Final = 144
SIGN_EVERY_S: Final = 60.0
"""A sensor that chatters counts once a minute, so that no make of sensor outweighs the others."""
AWAY_S: Final = 1200.0
"""A silence this long with the entrance at both ends is an outing."""
BLANK_S: Final = 12 * HOUR_S
"""Of a silence this long nothing is known (an absence, an outage, or a person for whom help was called)."""
DOOR_NEAR_S: Final = 60.0
"""The hall may see a person after the door did, or before."""
_OTHERS: Final = "…"
_MAGIC: Final = b"MDY1"
_NEVER: Final = np.float32(np.inf)
_EDGES_S: Final = HOUR_S * np.arange(HOURS + 1, dtype=np.float64)


@dataclass(slots=True)
class DiaryDay:
    """One day.

    Attributes:
        counts: uint16 [MAX_SENSORS, HOURS], signs of life by sensor and hour since 03:00.
        slots: uint8 [SLOTS], whether a ten-minute slot since 03:00 had a sign of life.
        first_h: float32 [MAX_SENSORS], hours from 03:00 to the first sign of each sensor; inf: none.
    """

    counts: NDArray[np.uint16] = field(default_factory=lambda: np.zeros((MAX_SENSORS, HOURS), np.uint16))
    slots: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(SLOTS, np.uint8))
    first_h: NDArray[np.float32] = field(default_factory=lambda: np.full(MAX_SENSORS, _NEVER))


@dataclass(frozen=True, slots=True)
class Outing:
    """Out by the entrance and back through it; seconds on the wall clock."""

    left_s: float
    back_s: float

    @property
    def length_s(self) -> float:
        """How long it took."""
        return self.back_s - self.left_s


class Diary:
    """The pages of one home. An event older than the newest counts for nothing; a day without a sign has no page."""

    def __init__(self) -> None:
        self.sensors: dict[tuple[str, str], int] = {}
        self.pages: dict[int, DiaryDay] = {}
        self.outings: list[Outing] = []
        self.blanks: list[tuple[float, float]] = []
        self.last_s = -np.inf
        self._last_door_s = -np.inf
        self._counted_s: list[float] = []
        self._gap: tuple[float, float] | None = None  # a long silence that began at the entrance, and its end

    # ---- writing ----

    def observe(self, local_s: float, sensor: str, kind: str, value: float) -> None:
        """Take in one event, as `anomaly.Rhythm.observe`.

        Raises:
            ValueError: an unknown kind, or a time that is no time.
        """
        check_event(local_s, kind)
        if not value or local_s < self.last_s:
            return
        self._count(local_s, self._index(sensor, kind))
        self._follow(local_s, kind == "door")

    def _index(self, sensor: str, kind: str) -> int:
        if (sensor, kind) not in self.sensors and len(self.sensors) >= MAX_SENSORS - 1:
            sensor, kind = _OTHERS, "item"
        index = self.sensors.setdefault((sensor, kind), len(self.sensors))
        if index == len(self._counted_s):
            self._counted_s.append(-np.inf)
        return index

    def _count(self, local_s: float, sensor: int) -> None:
        if local_s - self._counted_s[sensor] < SIGN_EVERY_S:
            return
        self._counted_s[sensor] = local_s
        day = int(day_of(local_s))
        page = self.pages.get(day)
        if page is None:
            page = self.pages[day] = DiaryDay()
            self._forget(day)
        since_s = local_s - day_start_s(day)
        page.counts[sensor, int(since_s // HOUR_S)] += 1
        page.slots[int(since_s // SLOT_S)] = 1
        page.first_h[sensor] = min(page.first_h[sensor], since_s / HOUR_S)

    def _follow(self, local_s: float, door: bool) -> None:
        """Keep track of who is out."""
        if self.last_s > -np.inf and local_s - self.last_s >= BLANK_S:
            self.blanks.append((self.last_s, local_s))
        if local_s - self.last_s >= AWAY_S:
            left_by_door = self.last_s - self._last_door_s <= DOOR_NEAR_S
            self._gap = (self.last_s, local_s) if left_by_door else None
        if door:
            if self._gap is not None and local_s - self._gap[1] <= DOOR_NEAR_S:
                self.outings.append(Outing(*self._gap))
                self._gap = None
            self._last_door_s = local_s
        self.last_s = local_s

    def _forget(self, today: int) -> None:
        for day in [day for day in self.pages if day < today - DIARY_DAYS]:
            del self.pages[day]
        horizon_s = day_start_s(today - DIARY_DAYS)
        self.outings = [outing for outing in self.outings if outing.back_s >= horizon_s]
        self.blanks = [blank for blank in self.blanks if blank[1] >= horizon_s]

    # ---- reading ----

    @property
    def left_s(self) -> float | None:
        """Since when nothing was heard after the entrance, seconds on the wall clock; None: heard inside since."""
        out = self.last_s > -np.inf and self.last_s - self._last_door_s <= DOOR_NEAR_S
        return self.last_s if out else None

    def days_before(self, today: int) -> list[int]:
        """The numbers of the days with a page before ``today``, ascending, at most `DIARY_DAYS` back."""
        return sorted(day for day in self.pages if today - DIARY_DAYS <= day < today)

    def counts(self, days: Sequence[int]) -> NDArray[np.float64]:
        """Signs of life, float64 [sensors, days, HOURS]; a day without a page is all 0."""
        found = np.zeros((len(self.sensors), len(days), HOURS))
        for i, day in enumerate(days):
            if day in self.pages:
                found[:, i] = self.pages[day].counts[: len(self.sensors)]
        return found

    def at_home(self, days: Sequence[int], now_s: float) -> NDArray[np.float64]:
        """The share of each hour in which the person can have been seen at home, float64 [days, HOURS].

        Outings and silences of `BLANK_S` count out, as they are known at ``now_s`` (seconds on the wall clock): what
        ended later is not known yet, except for what goes on at that moment.

        Args:
            days: ascending numbers of days.
            now_s: moment of the look.
        """
        spans = [(outing.left_s, outing.back_s) for outing in self.outings] + self.blanks
        silence_s = now_s - self.last_s
        if silence_s >= BLANK_S or (self.left_s is not None and silence_s >= AWAY_S):
            spans.append((self.last_s, now_s))
        out = np.zeros((len(days), HOURS))
        for left_s, back_s in spans:
            if np.isfinite(left_s) and back_s <= now_s:
                _add_span(out, days, left_s, back_s)
        return np.clip(1.0 - out, 0.0, 1.0)

    def sensor_names(self) -> list[str]:
        """Sensor ids by number."""
        return [sensor for sensor, _ in self.sensors]

    # ---- keeping ----

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` goes on exactly where this one is."""
        days, many = sorted(self.pages), len(self.sensors)
        pages = [self.pages[day] for day in days]
        header = {
            "sensors": list(self.sensors),
            "last_s": or_none(self.last_s),
            "last_door_s": or_none(self._last_door_s),
            "gap": self._gap,
            "blanks": self.blanks,
        }
        arrays: dict[str, NDArray[Any]] = {
            "days": np.array(days, np.int32),
            "counts": _stack([page.counts[:many] for page in pages], (many, HOURS), np.uint16),
            "slots": _stack([page.slots for page in pages], (SLOTS,), np.uint8),
            "first_h": _stack([page.first_h[:many] for page in pages], (many,), np.float32),
            "outings": _stack([(o.left_s, o.back_s) for o in self.outings], (2,), np.float64),
            "counted_s": np.array(self._counted_s, np.float64),
        }
        return pack(_MAGIC, header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Diary":
        """The diary that `to_bytes` wrote.

        Raises:
            UnreadableState: another version, or damaged.
        """
        header, arrays = unpack(_MAGIC, data)
        diary = cls()
        with restoring("diary"):
            diary._restore(header, arrays)
        return diary

    def _restore(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.sensors = {(name, kind): index for index, (name, kind) in enumerate(header["sensors"])}
        self.last_s, self._last_door_s = or_never(header["last_s"]), or_never(header["last_door_s"])
        self._gap = None if header["gap"] is None else (header["gap"][0], header["gap"][1])
        self._counted_s = arrays["counted_s"].tolist()
        self.blanks = [(left_s, back_s) for left_s, back_s in header["blanks"]]
        self.outings = [Outing(left_s, back_s) for left_s, back_s in arrays["outings"].tolist()]
        many = len(self.sensors)
        for i, day in enumerate(arrays["days"].tolist()):
            page = self.pages[day] = DiaryDay(slots=arrays["slots"][i].copy())
            page.counts[:many] = arrays["counts"][i]
            page.first_h[:many] = arrays["first_h"][i]


def day_start_s(day: int) -> float:
    """03:00 of a day, seconds on the wall clock."""
    return day * DAY_S + LEARNING_HOUR_S


def lived(total: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which days had life in them: at least `LIVED_SHARE` of the median.

    An absence, an outage or an illness must not teach that little is usual. Once it is more than half of the days known
    it is the usual.

    Args:
        total: float [days], signs of life of each day, or of its hours at home.
    """
    if not len(total):
        return np.ones(0, bool)
    return total >= LIVED_SHARE * np.median(total)


def _add_span(out: NDArray[np.float64], days: Sequence[int], left_s: float, back_s: float) -> None:
    """Add a stretch of time to the hours it covers."""
    first, last = bisect_left(days, int(day_of(left_s))), bisect_right(days, int(day_of(back_s)))
    for i in range(first, last):
        edges = day_start_s(days[i]) + _EDGES_S
        covered = np.minimum(edges[1:], back_s) - np.maximum(edges[:-1], left_s)
        out[i] += np.clip(covered / HOUR_S, 0.0, 1.0)  # a silence that was also an outing counts once: clipped


def _stack(rows: Iterable[Any], shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:  # noqa: ANN401 - numpy's dtypes
    found = list(rows)
    return np.array(found, dtype).reshape(len(found), *shape)
