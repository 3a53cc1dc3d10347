"""What one home remembers of its past: its silences, its active ten-minute slots, its days."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.day_types import NONE, WEEK, decide, groups, week_of, weekday_of
from anomaly.occupancy import DAY_S, HALF_HOURS

MEMORY_DAYS: Final = 240
"""Older silences weigh almost nothing and are forgotten altogether."""
MAX_SENSORS: Final = 256
OTHERS: Final = (("…", "item"), ("…", "door"))
"""What the sensors of a home past `MAX_SENSORS` are counted as."""
LEARNING_HOUR_S: Final = 3 * 3600.0
"""Local 03:00: the day before is over, and a table changes while hardly anybody is up."""
THIN_SHARE: Final = 0.4
_USUAL_DAYS: Final = 90

SILENCE: Final = np.dtype(
    [
        ("start_s", "<f8"),
        ("length_s", "<f4"),
        ("sensor", "<i2"),
        ("next_sensor", "<i2"),
        ("asked", "?"),
        ("called", "?"),
    ]
)
"""One silence of ten minutes or more: by which sensors it began and ended, which deadlines in force it outlasted."""
DAY: Final = np.dtype([("day", "<i4"), ("slots", "<i4"), ("active", "u1", (HALF_HOURS // 8,))])
"""One day from 03:00 to 03:00, how many ten-minute slots of it had a sign of life, and a bit for each half-hour of the
clock in which there was one."""


class Memory:
    """The past of one home. Grows by a row a silence; takes in what is new once a night.

    Attributes:
        sensors: index of each (sensor, kind), counting up from first sight.
        silences: `SILENCE` [silences], ascending by start.
        slots: float64 [sensors, half-hours], active slots by the sensor last heard in them, forgotten night by night.
        weekday_slots: float16 [weekdays, sensors, half-hours], the same apart by the weekday; at most 40, so that half
            a number is enough.
        days: `DAY` [days], ascending; days without a sign of life are not there.
        special: the weekdays on which this home lives differently, a bit each, as `day_types.decide` found last.
        decided_week: the week up to which that looked; None: not yet.
        new_silences: (start_s, length_s, sensor, next sensor) since the last night.
        new_slots: (sensor, half-hour, day) since the last night.
    """

    def __init__(self) -> None:
        self.sensors: dict[tuple[str, str], int] = {}
        self.silences: NDArray[Any] = np.empty(0, SILENCE)
        self.slots: NDArray[np.float64] = np.zeros((0, HALF_HOURS))
        self.weekday_slots: NDArray[np.float16] = np.zeros((WEEK, 0, HALF_HOURS), np.float16)
        self.days: NDArray[Any] = np.empty(0, DAY)
        self.special: int = NONE
        self.decided_week: int | None = None
        self.new_silences: list[tuple[float, float, int, int]] = []
        self.new_slots: list[tuple[int, int, int]] = []

    def sensor_index(self, sensor: str, kind: str) -> int:
        """The number of a sensor in this home, given on first sight; sensors past `MAX_SENSORS` share one."""
        known = (sensor, kind)
        if known not in self.sensors and len(self.sensors) >= MAX_SENSORS:
            known = OTHERS[kind == "door"]
        return self.sensors.setdefault(known, len(self.sensors))

    def take_new(self) -> NDArray[Any]:
        """Take in the new slots and days; give the new silences, which `add_judged` takes in once judged."""
        fresh = np.array([(*row, False, False) for row in self.new_silences], SILENCE)
        new = np.array(self.new_slots, np.int64).reshape(-1, 3)
        if missing := len(self.sensors) - len(self.slots):
            self.slots = np.pad(self.slots, ((0, missing), (0, 0)))
            self.weekday_slots = np.pad(self.weekday_slots, ((0, 0), (0, missing), (0, 0)))
        np.add.at(self.slots, (new[:, 0], new[:, 1]), 1)
        np.add.at(self.weekday_slots, (weekday_of(new[:, 2]), new[:, 0], new[:, 1]), 1)
        self.days = _with_days(self.days, new[:, 2], new[:, 1])
        self.new_silences, self.new_slots = [], []
        return fresh

    def add_judged(self, judged: NDArray[Any], now_s: float) -> None:
        """Add judged silences, forget what is older than `MEMORY_DAYS`; after a week look for types of day."""
        silences = np.concatenate([self.silences, judged])
        self.silences = silences[np.searchsorted(silences["start_s"], now_s - MEMORY_DAYS * DAY_S) :]
        self.days = self.days[self.days["day"] >= day_of(now_s) - MEMORY_DAYS]
        self._decide()

    def _decide(self) -> None:
        # By the last day with life, not by the date: nights without anything new must change nothing.
        week = int(week_of(self.days["day"][-1])) if len(self.days) else None
        if week is not None and week != self.decided_week:
            active = np.unpackbits(self.days["active"], axis=1).astype(bool)
            self.special = decide(self.days["day"].astype(np.int64), active, self.special)
            self.decided_week = week

    def fade(self, share: float) -> None:
        """Forget active slots down to a share of them."""
        self.slots *= share
        self.weekday_slots = (self.weekday_slots * np.float32(share)).astype(np.float16)

    def is_lived(self) -> NDArray[np.bool_]:
        """Which silences belong to a day with life in it; bool [silences].

        A day with less than `THIN_SHARE` of the usual activity (an absence, an outage, an illness) must not teach that
        silence is usual. What is usual is told apart by the type of day.
        """
        if not len(self.days):
            return np.ones(len(self.silences), bool)
        group = groups(self.special)[weekday_of(self.days["day"])]
        usual = np.zeros(len(group))
        for which in (group == number for number in np.unique(group)):
            usual[which] = np.median(self.days["slots"][which][-_USUAL_DAYS:])
        thin = self.days["day"][self.days["slots"] < THIN_SHARE * usual]
        lived = np.ones(len(self.silences), bool)
        begins_s = self.silences["start_s"].copy()
        ends_s = begins_s + self.silences["length_s"]
        for moment_s in (begins_s, ends_s):  # ascending both, so that a day is a slice
            for first, last in np.searchsorted(moment_s, begin_of(np.stack([thin, thin + 1], axis=1))):
                lived[first:last] = False
        return lived

    def since(self, day: int) -> NDArray[Any]:
        """The silences that began on a day or later; `SILENCE` [silences]."""
        return self.silences[np.searchsorted(self.silences["start_s"], begin_of(day)) :]


def day_of(local_s: Any) -> Any:  # noqa: ANN401 - a number or an array, gives the same
    """The number of the day, from 03:00 to 03:00, of moments on the wall clock."""
    return (local_s - LEARNING_HOUR_S) // DAY_S


def begin_of(day: Any) -> Any:  # noqa: ANN401 - a number or an array, gives the same
    """The moment, 03:00 on the wall clock, at which a day as `day_of` numbers it begins."""
    return day * DAY_S + LEARNING_HOUR_S


def _with_days(days: NDArray[Any], new: NDArray[np.int64], half_hour: NDArray[np.int64]) -> NDArray[Any]:
    """The days with one more slot for each day in ``new``, which lies in this half-hour of the clock."""
    number, count = np.unique(new, return_counts=True)
    every, where = np.unique(np.concatenate([days["day"], number]), return_inverse=True)
    merged = np.zeros(len(every), DAY)
    merged["day"] = every
    np.add.at(merged["slots"], where, np.concatenate([days["slots"], count]))
    merged["active"][where[: len(days)]] = days["active"]
    bit = (128 >> half_hour % 8).astype(np.uint8)
    np.bitwise_or.at(merged["active"], (np.searchsorted(every, new), half_hour // 8), bit)
    return merged
