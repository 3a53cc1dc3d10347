"""The protocol: what a detector costs in false alarms, and how late it finds a collapse.

A detector is anything that gives, for each sign of life, the moment at which it would raise an alarm if nothing more
were heard. A false alarm is a recorded silence that outlasts that moment; a collapse at ``t`` deletes everything after
``t`` and is found at the alarm of the last sign of life before it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.homes import RecordedHome

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
SLOT_S: Final = 600.0
WARM_UP_DAYS: Final = 14
SHORT_WARM_UP_DAYS: Final = 7
SHORT_HOME_DAYS: Final = 30
COLD_DAYS: Final = (15, 45)
LEAST_SILENCE_S: Final = 1800.0
OUTAGE_DAYS: Final = 14
EXCLUDED_S: Final = 48 * HOUR_S
NEXT_WITHIN_S: Final = 2 * HOUR_S
SLEEP_S: Final = (1.5 * HOUR_S, 12 * HOUR_S)
COLLAPSES: Final = 150
QUICK_COLLAPSES: Final = 40
STRATA: Final = ("day", "night", "sleep")
ABSENCES: Final[Mapping[str, tuple[float, float]]] = {
    "up to 3 h": (LEAST_SILENCE_S, 3 * HOUR_S),
    "3 to 6 h": (3 * HOUR_S, 6 * HOUR_S),
    "6 to 12 h": (6 * HOUR_S, 12 * HOUR_S),
    "12 to 48 h": (12 * HOUR_S, EXCLUDED_S),
}
"""Absences by length, seconds: above the first, up to the second. Below half an hour nothing raises an alarm."""


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """The signs of life of one home, of each moment one.

    Attributes:
        home: the recording.
        event: intp [signs], index of the event in the recording.
        local_s: float64 [signs], seconds on the wall clock.
        gap_s: float64 [signs], silence until the next sign; inf after the last.
        is_door: bool [signs].
        counted: bool [signs], past the warm-up and outside of what is excluded.
        cold: bool [signs], in days 15 to 45.
        needed: bool [signs], whether the protocol asks for its deadline.
        collapses: by stratum, float64 [collapses], seconds on the wall clock.
    """

    home: RecordedHome
    event: NDArray[np.intp]
    local_s: NDArray[np.float64]
    gap_s: NDArray[np.float64]
    is_door: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    needed: NDArray[np.bool_]
    collapses: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


class Detector(Protocol):
    """What is evaluated."""

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """float64 [signs]: when an alarm is raised if nothing is heard after each sign, seconds on the wall clock.

        Only what happened up to that sign may be used. Entries that `Signs.needed` does not ask for may be NaN.
        """
        ...


class NamedDetector(Detector, Protocol):
    """A detector that stands for itself in a report."""

    @property
    def name(self) -> str:
        """What it is called there."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """Detectors that differ in one knob.

    Attributes:
        make: the detector for a knob.
        knob: range of the knob, from many to few false alarms.
    """

    make: Callable[[float], Detector]
    knob: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class HomeResult:
    """What one detector did in one home.

    Attributes:
        home: its name.
        days: days counted.
        false_alarms: silences that outlasted the alarm.
        cold_days: of ``days``, those in days 15 to 45.
        cold_false_alarms: of ``false_alarms``, those in days 15 to 45.
        delay_h: by stratum, float64 [collapses], hours until found, at most 48.
        cold_delay_h: the same of collapses in days 15 to 45.
        absences: by length, how many absences (a door event at both ends) and in how many of them an alarm was raised.
    """

    home: str
    days: float
    false_alarms: int
    cold_days: float
    cold_false_alarms: int
    delay_h: Mapping[str, NDArray[np.float64]]
    cold_delay_h: Mapping[str, NDArray[np.float64]]
    absences: Mapping[str, tuple[int, int]]


def prepare(
    home: RecordedHome, seed: int = 0, most: int = COLLAPSES, collapses: Mapping[str, NDArray[np.float64]] | None = None
) -> Signs:
    """The signs of life of a home and the collapses that every detector is tried on.

    Args:
        home: the recording.
        seed: of the sampling of collapses.
        most: collapses a stratum at most.
        collapses: moments to take instead, such as those of the same home with all of its sensors.
    """
    event = _one_a_moment(home)
    local_s = home.local_s[event]
    gap_s = np.append(np.diff(local_s), np.inf)
    is_door = np.array([kind == "door" for _, kind in home.sensors], bool)[home.sensor[event]]
    age_days = (local_s - home.local_s[0]) / DAY_S if len(event) else local_s
    counted = (age_days >= warm_up_days(home)) & (np.arange(len(event)) > _last_outage(gap_s))
    cold = counted & (age_days >= COLD_DAYS[0] - 1) & (age_days < COLD_DAYS[1])
    bare = Signs(home, event, local_s, gap_s, is_door, counted, cold, gap_s >= LEAST_SILENCE_S)
    if collapses is None:
        collapses = _collapses(bare, np.random.default_rng([seed, *home.name.encode()]), most)
    elif len(event):
        collapses = {stratum: moments[moments >= local_s[0]] for stratum, moments in collapses.items()}
    needed = bare.needed.copy()
    for moments in collapses.values():
        needed[last_before(local_s, moments)] = True
    return Signs(home, event, local_s, gap_s, is_door, counted, cold, needed, collapses)


def alarms(detector: Detector, signs: Signs) -> NDArray[np.float64]:
    """What the detector says, but never before half an hour of silence; float64 [signs]."""
    return np.maximum(detector.alarms(signs), signs.local_s + LEAST_SILENCE_S)


def false_alarms(signs: Signs, alarm_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which recorded silences outlasted their alarm; bool [signs]."""
    judged = signs.counted & (signs.gap_s >= LEAST_SILENCE_S) & (signs.gap_s <= EXCLUDED_S)
    return judged & (signs.local_s + signs.gap_s > alarm_s)


def delay_h(signs: Signs, alarm_s: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hours from collapses at these moments to the alarm, at most 48; float64 [collapses]."""
    last = last_before(signs.local_s, moments)
    return np.minimum((np.maximum(alarm_s[last], moments) - moments) / HOUR_S, 48.0)


def measure(detector: Detector, signs: Signs) -> HomeResult:
    """Try one detector on one home."""
    alarm_s = alarms(detector, signs)
    false = false_alarms(signs, alarm_s)
    delays, cold_delays = {}, {}
    for stratum, moments in signs.collapses.items():
        delays[stratum] = delay_h(signs, alarm_s, moments)
        cold_delays[stratum] = delays[stratum][signs.cold[last_before(signs.local_s, moments)]]
    return HomeResult(
        signs.home.name,
        days_of(signs, signs.counted),
        int(false.sum()),
        days_of(signs, signs.cold),
        int((false & signs.cold).sum()),
        delays,
        cold_delays,
        _absences(signs, false),
    )


def _absences(signs: Signs, false: NDArray[np.bool_]) -> dict[str, tuple[int, int]]:
    away = signs.counted & signs.is_door & np.append(signs.is_door[1:], False)
    found = {}
    for length, (above_s, upto_s) in ABSENCES.items():
        of_length = away & (signs.gap_s > above_s) & (signs.gap_s <= upto_s)
        found[length] = int(of_length.sum()), int((false & of_length).sum())
    return found


def _one_a_moment(home: RecordedHome) -> NDArray[np.intp]:
    """Indices of the signs of life, the last of each moment."""
    signs = np.flatnonzero(home.value != 0)
    times = home.local_s[signs]
    return signs[np.append(times[1:] > times[:-1], True)] if len(signs) else signs


def warm_up_days(home: RecordedHome) -> int:
    """So many first days of a recording are learned from, and not counted."""
    return SHORT_WARM_UP_DAYS if home.days < SHORT_HOME_DAYS else WARM_UP_DAYS


def _last_outage(gap_s: NDArray[np.float64]) -> int:
    """Index of the sign before the last outage of the recording; what precedes it is learned from, not counted."""
    outages = np.flatnonzero(np.isfinite(gap_s) & (gap_s > OUTAGE_DAYS * DAY_S))
    return int(outages[-1]) if len(outages) else -1


def days_of(signs: Signs, mask: NDArray[np.bool_]) -> float:
    """Time that the masked signs and the silences after them cover, without what is excluded; days."""
    gaps = signs.gap_s[mask]
    return float(gaps[gaps <= EXCLUDED_S].sum() / DAY_S)


def last_before(local_s: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the last sign at or before each moment."""
    return np.searchsorted(local_s, moments, side="right") - 1


def _collapses(signs: Signs, rng: np.random.Generator, most: int) -> dict[str, NDArray[np.float64]]:
    awake = _active_moments(signs, rng)
    by_day = _hour(awake) // 1
    day = (by_day >= 6) & (by_day < 22)
    return {"day": awake[day][:most], "night": awake[~day][:most], "sleep": _asleep_moments(signs, rng)[:most]}


def _hour(local_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return local_s % DAY_S / HOUR_S


def _active_moments(signs: Signs, rng: np.random.Generator, tries: int = 8) -> NDArray[np.float64]:
    """Moments in active ten-minute slots, one at most a slot, in random order: up, and not about to leave or rest."""
    slots = np.unique(signs.local_s[signs.counted] // SLOT_S)
    found = []
    for _ in range(tries):  # a slot whose random moment does not qualify gets another try
        moments = (slots + rng.random(len(slots))) * SLOT_S
        last = last_before(signs.local_s, moments)
        soon = signs.local_s[last] + signs.gap_s[last] - moments
        leaves = signs.is_door[last] & np.append(signs.is_door[1:], False)[last] & (signs.gap_s[last] >= SLOT_S)
        good = (last >= 0) & (moments - signs.local_s[last] <= SLOT_S) & (soon <= NEXT_WITHIN_S) & ~leaves
        good &= signs.counted[last]
        found.append(moments[good])
        slots = slots[~good]
    return rng.permutation(np.concatenate(found))


def _asleep_moments(signs: Signs, rng: np.random.Generator) -> NDArray[np.float64]:
    """Moments between 00:00 and 05:00 inside a silence at home of 1.5 to 12 h, uniform over time."""
    next_door = np.append(signs.is_door[1:], False)
    at_home = ~(signs.is_door & next_door)
    long = np.flatnonzero(signs.counted & at_home & (signs.gap_s >= SLEEP_S[0]) & (signs.gap_s <= SLEEP_S[1]))
    if not len(long):
        return np.empty(0)
    which = rng.choice(long, size=COLLAPSES * 40, p=signs.gap_s[long] / signs.gap_s[long].sum())
    moments = signs.local_s[which] + rng.random(len(which)) * signs.gap_s[which]
    asleep: NDArray[np.float64] = moments[_hour(moments) < 5][:COLLAPSES]
    return asleep
