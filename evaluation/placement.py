"""What each sensor of a home buys, from its own first weeks: advice for whoever installs them.

Every sensor is taken away in turn, and the sensors are put in the order in which they would best be added; each time
the rhythm learns the home anew, and the same collapses are tried. Fewer sensors leave longer silences, so more would be
asked for nothing and a collapse would seem to be found sooner: therefore every wait is stretched by one factor until
each choice asks equally often, and only then delays are compared. A few weeks of one home are few: differences below
`NOTICEABLE_H` are called none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.detectors.rhythm import STRETCH, RhythmDetector, ScaledDetector
from evaluation.figures import figures
from evaluation.homes import Progress, RecordedHome, first_days, only, silent
from evaluation.protocol import days_of, measure, prepare

FIRST_DAYS: Final = 28.0
ASK_EVERY_DAYS: Final = 7.0
NOTICEABLE_H: Final = 0.15
MUCH_H: Final = 0.5
MUCH_SLOWEST_H: Final = 1.0
NOTICEABLE_ASKS: Final = 1.0
PLACED: Final = 6
"""The order in which to place sensors is found for so many."""
UNWATCHED_H: Final = 48.0
"""What a home is counted as that cannot be watched at the allowed number of questions."""
_FACTORS: Final = 60


class TooFewDays(Exception):
    """A home is too short, or has too little in it, for advice; the message says so."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a choice of sensors is worth, at as many needless questions as any other choice: about one a week.

    Attributes:
        day_median_h: half of the collapses by day are found by then.
        day_p90_h: nine in ten are found by then.
        false_asks: needless questions in 30 days, had the rhythm been left to itself.
    """

    day_median_h: float
    day_p90_h: float
    false_asks: float


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice for one home.

    Attributes:
        home: its name.
        days: days that it is from.
        every: what all sensors together are worth.
        without: by sensor, what the others are worth.
        order: the first `PLACED` sensors in the order in which to place them, each with what it and those before it
            are worth.
    """

    home: str
    days: float
    every: Worth
    without: Mapping[str, Worth]
    order: Sequence[tuple[str, Worth]]

    def words(self, sensor: str) -> str:
        """What the sensor buys, in plain words."""
        later_h = self.without[sensor].day_median_h - self.every.day_median_h
        slowest_h = self.without[sensor].day_p90_h - self.every.day_p90_h
        more_asks = self.without[sensor].false_asks - self.every.false_asks
        if later_h >= MUCH_H:
            return f"keep it: without it, help would be asked for {_length(later_h)} later"
        if later_h >= NOTICEABLE_H:
            return f"it helps: without it, help would be asked for {_length(later_h)} later"
        if slowest_h >= MUCH_SLOWEST_H:
            return f"it helps where help is slowest: without it, one fall in ten waits {_length(slowest_h)} longer"
        if more_asks >= NOTICEABLE_ASKS:
            return f"it spares the person {more_asks:.0f} needless questions a month"
        return "hardly missed here: the others see the same; it may serve better in another place"

    def as_json(self) -> dict[str, Any]:
        """The advice as plain data."""
        return {
            "home": self.home,
            "days": self.days,
            "every_sensor": asdict(self.every),
            "without": {
                sensor: asdict(worth) | {"words": self.words(sensor)} for sensor, worth in self.without.items()
            },
            "order": [{"sensor": sensor, **asdict(worth)} for sensor, worth in self.order],
        }


def advise(home: RecordedHome, days: float = FIRST_DAYS, seed: int = 0, progress: Progress = silent) -> Advice:
    """Advice from the first weeks of a home.

    Args:
        home: the recording.
        days: how much of its beginning to use.
        seed: of the sampling of collapses.
        progress: told how far it is.

    Raises:
        TooFewDays: fewer than two sensors, or no collapse could be sampled past the first seven days.
    """
    home = first_days(home, days)
    sensors = sorted({home.sensors[index][0] for index in np.unique(home.sensor[home.value != 0])})
    if len(sensors) < 2:
        raise TooFewDays(f"{home.name}: advice needs two sensors or more that saw something, found {len(sensors)}")
    trial = _SensorChoices(home, seed, len(sensors), progress)
    every = trial.worth(sensors)
    without = {sensor: trial.worth([other for other in sensors if other != sensor]) for sensor in sensors}
    return Advice(home.name, round(home.days, 1), every, without, trial.order(sensors))


class _SensorChoices:
    """Tries choices of sensors of one home on the same collapses."""

    def __init__(self, home: RecordedHome, seed: int, sensors: int, progress: Progress) -> None:
        self._home, self._progress = home, progress
        signs = prepare(home, seed)
        self._collapses: Mapping[str, NDArray[np.float64]] = signs.collapses
        if not signs.counted.any() or not len(signs.collapses["day"]):
            raise TooFewDays(
                f"{home.name}: {home.days:.0f} days are too few for advice; a home needs two weeks or more"
            )
        # As many needless questions as the budget stands for in the days counted, whatever the sensors.
        self._allowed = round(days_of(signs, signs.counted) / ASK_EVERY_DAYS)
        placed = min(sensors, PLACED)
        self._done, self._steps = 0, 1 + sensors + placed * (2 * sensors - placed + 1) // 2

    def worth(self, sensors: Sequence[str]) -> Worth:
        self._progress(f"{self._home.name}: {len(sensors)} sensors", self._done, self._steps)
        self._done += 1
        signs = prepare(only(self._home, set(sensors)), collapses=self._collapses)
        if not signs.counted.any():
            return Worth(UNWATCHED_H, UNWATCHED_H, 0.0)
        detector = RhythmDetector(ASK_EVERY_DAYS)
        asks = figures([measure(detector, signs)]).false_per_30_days or 0.0
        for factor in np.geomspace(*STRETCH, _FACTORS).tolist():
            result = measure(ScaledDetector(detector, factor), signs)
            if result.false_alarms <= self._allowed:
                day = figures([result]).delays["day"]
                return Worth(round(day.median_h or 0.0, 2), round(day.p90_h or 0.0, 2), round(asks, 2))
        return Worth(UNWATCHED_H, UNWATCHED_H, round(asks, 2))

    def order(self, sensors: Sequence[str]) -> list[tuple[str, Worth]]:
        """The next sensor is the one that shortens the delay most."""
        placed: list[tuple[str, Worth]] = []
        left = list(sensors)
        while left and len(placed) < PLACED:
            have = [sensor for sensor, _ in placed]
            tried = {sensor: self.worth([*have, sensor]) for sensor in left}
            best = min(left, key=lambda sensor: (tried[sensor].day_median_h, tried[sensor].day_p90_h))
            placed.append((best, tried[best]))
            left.remove(best)
        return placed


def _length(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.1f} h"
