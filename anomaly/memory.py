"""What one home remembers of its past: its silences, its active ten-minute slots, its days."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import DAY_S, HALF_HOURS
from anomaly.survival import SHORTEST_S

KEPT_DAYS: Final = 240
"""Older silences weigh almost nothing and are forgotten altogether."""
MAX_SENSORS: Final = 256
OTHERS: Final = (("…", "item"), ("…", "door"))

SILENCE = np.dtype(
    [
        ("start_s", "<f8"),
        ("length_s", "<f4"),
        ("sensor", "<i2"),
        ("next_sensor", "<i2"),
        ("score", "<f4"),
        ("asked", "?"),
        ("called", "?"),
    ]
)
"""One silence of `SHORTEST_S` or more; ``score`` is what it had come to under the model in force when it ended."""


class Memory:
    """The past of one home. Grows by a row a silence, is pruned once a night."""

    def __init__(self) -> None:
        self.sensors: dict[tuple[str, str], int] = {}
        self.silences: NDArray[Any] = np.empty(0, SILENCE)
        self.slots: NDArray[np.float64] = np.zeros((0, HALF_HOURS))
        self.days: NDArray[np.int32] = np.empty(0, np.int32)
        self.new_silences: list[tuple[float, float, int, int]] = []
        self.new_slots: list[tuple[int, int]] = []
        self.new_days: list[int] = []

    def sensor_index(self, sensor: str, kind: str) -> int:
        """The number of a sensor in this home, given on first sight; sensors past `MAX_SENSORS` share one."""
        index = self.sensors.get((sensor, kind))
        if index is None:
            if len(self.sensors) >= MAX_SENSORS and (sensor, kind) != OTHERS[kind == "door"]:
                return self.sensor_index(*OTHERS[kind == "door"])
            index = self.sensors[sensor, kind] = len(self.sensors)
        return index

    def gather(self) -> NDArray[Any]:
        """Take in what is new since the last night and give the new silences, not yet scored."""
        fresh = np.zeros(len(self.new_silences), SILENCE)
        for column, name in enumerate(("start_s", "length_s", "sensor", "next_sensor")):
            fresh[name] = [row[column] for row in self.new_silences]
        grown = np.zeros((len(self.sensors), HALF_HOURS))
        grown[: len(self.slots)] = self.slots
        for sensor, half_hour in self.new_slots:
            grown[sensor, half_hour] += 1
        self.slots = grown
        self.days = np.concatenate([self.days, np.array(self.new_days, np.int32)])
        self.new_silences, self.new_slots, self.new_days = [], [], []
        return fresh

    def keep(self, scored: NDArray[Any], now_s: float) -> None:
        """Add scored silences and forget what is older than `KEPT_DAYS`."""
        oldest_s = now_s - KEPT_DAYS * DAY_S
        silences = np.concatenate([self.silences, scored])
        self.silences = silences[silences["start_s"] >= oldest_s]
        self.days = self.days[self.days >= oldest_s // DAY_S]


def is_kept(length_s: float) -> bool:
    """Whether a silence is long enough to be remembered."""
    return length_s >= SHORTEST_S
