"""What one home remembers of its past: its silences, its active ten-minute slots, its days."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import DAY_S, HALF_HOURS

KEPT_DAYS: Final = 240
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
DAY: Final = np.dtype([("day", "<i4"), ("slots", "<i4")])
"""One day from 03:00 to 03:00 and how many ten-minute slots of it had a sign of life."""


class Memory:
    """The past of one home. Grows by a row a silence; takes in what is new once a night.

    Attributes:
        sensors: index of each (sensor, kind), counting up from first sight.
        silences: `SILENCE` [silences], ascending by start.
        slots: float64 [sensors, half-hours], active slots by the sensor last heard in them, forgotten night by night.
        days: `DAY` [days], ascending; days without a sign of life are not there.
        new_silences: (start_s, length_s, sensor, next sensor) since the last night.
        new_slots: (sensor, half-hour, day) since the last night.
    """

    def __init__(self) -> None:
        self.sensors: dict[tuple[str, str], int] = {}
        self.silences: NDArray[Any] = np.empty(0, SILENCE)
        self.slots: NDArray[np.float64] = np.zeros((0, HALF_HOURS))
        self.days: NDArray[Any] = np.empty(0, DAY)
        self.new_silences: list[tuple[float, float, int, int]] = []
        self.new_slots: list[tuple[int, int, int]] = []

    def sensor_index(self, sensor: str, kind: str) -> int:
        """The number of a sensor in this home, given on first sight; sensors past `MAX_SENSORS` share one."""
        index = self.sensors.get((sensor, kind))
        if index is None:
            shared = OTHERS[kind == "door"]
            if len(self.sensors) >= MAX_SENSORS and (sensor, kind) != shared:
                return self.sensor_index(*shared)
            index = self.sensors[sensor, kind] = len(self.sensors)
        return index

    def gather(self) -> NDArray[Any]:
        """Take in the slots and days that are new, and give the new silences, which `keep` takes in once judged."""
        fresh = np.zeros(len(self.new_silences), SILENCE)
        for column, name in enumerate(("start_s", "length_s", "sensor", "next_sensor")):
            fresh[name] = [row[column] for row in self.new_silences]
        grown = np.zeros((len(self.sensors), HALF_HOURS))
        grown[: len(self.slots)] = self.slots
        new = np.array(self.new_slots, np.int64).reshape(-1, 3)
        np.add.at(grown, (new[:, 0], new[:, 1]), 1)
        self.slots, self.days = grown, _with_days(self.days, new[:, 2])
        self.new_silences, self.new_slots = [], []
        return fresh

    def keep(self, judged: NDArray[Any], now_s: float) -> None:
        """Add judged silences and forget what is older than `KEPT_DAYS`."""
        silences = np.concatenate([self.silences, judged])
        self.silences = silences[silences["start_s"] >= now_s - KEPT_DAYS * DAY_S]
        self.days = self.days[self.days["day"] >= day_of(now_s) - KEPT_DAYS]

    def is_lived(self) -> NDArray[np.bool_]:
        """Which silences belong to a day with life in it; bool [silences].

        A day with less than `THIN_SHARE` of the usual activity (an absence, an outage, an illness) must not teach that
        silence is usual.
        """
        if not len(self.days):
            return np.ones(len(self.silences), bool)
        usual = np.median(self.days["slots"][-_USUAL_DAYS:])
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


def _with_days(days: NDArray[Any], new: NDArray[np.int64]) -> NDArray[Any]:
    """The days with one more slot for each day in ``new``."""
    number, count = np.unique(new, return_counts=True)
    every, where = np.unique(np.concatenate([days["day"], number]), return_inverse=True)
    merged = np.zeros(len(every), DAY)
    merged["day"] = every
    np.add.at(merged["slots"], where, np.concatenate([days["slots"], count]))
    return merged
