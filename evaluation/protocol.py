"""The protocol: what a detector costs in false alarms, and how late it finds a collapse.

A detector is anything that gives, for each sign of life, the moment at which it would raise an alarm if nothing more
were heard. A false alarm is a recorded silence that outlasts that moment; a collapse at ``t`` deletes everything after
``t`` and is found at the alarm of the last sign of life before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.homes import Home

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
STRATA: Final = ("day", "night", "sleep")


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
    """

    home: Home
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

    @property
    def name(self) -> str:
        """What the detector is called in a report."""
        ...

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """float64 [signs]: when an alarm is raised if nothing is heard after each sign, seconds on the wall clock.

        Only what happened up to that sign may be used. Entries that `Signs.needed` does not ask for may be NaN.
        """
        ...


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
    """

    home: str
    days: float
    false_alarms: int
    cold_days: float
    cold_false_alarms: int
    delay_h: Mapping[str, NDArray[np.float64]]
    cold_delay_h: Mapping[str, NDArray[np.float64]]


def prepare(home: Home, seed: int = 0) -> Signs:
    """The signs of life of a home and the collapses that every detector is tried on.

    Args:
        home: the recording.
        seed: of the sampling of collapses.
    """
    event = _one_a_moment(home)
    local_s = home.local_s[event]
    gap_s = np.append(np.diff(local_s), np.inf)
    is_door = np.array([kind == "door" for _, kind in home.sensors], bool)[home.sensor[event]]
    age_days = (local_s - home.local_s[0]) / DAY_S if len(event) else local_s
    counted = (age_days >= _warm_up_days(home)) & (np.arange(len(event)) > _last_outage(gap_s))
    cold = counted & (age_days >= COLD_DAYS[0] - 1) & (age_days < COLD_DAYS[1])
    bare = Signs(home, event, local_s, gap_s, is_door, counted, cold, gap_s >= LEAST_SILENCE_S)
    collapses = _collapses(bare, np.random.default_rng([seed, *home.name.encode()]))
    needed = bare.needed.copy()
    for moments in collapses.values():
        needed[_last_before(local_s, moments)] = True
    return Signs(home, event, local_s, gap_s, is_door, counted, cold, needed, collapses)


def measure(detector: Detector, signs: Signs) -> HomeResult:
    """Try one detector on one home."""
    alarm_s = np.maximum(detector.alarms(signs), signs.local_s + LEAST_SILENCE_S)
    judged = signs.counted & (signs.gap_s >= LEAST_SILENCE_S) & (signs.gap_s <= EXCLUDED_S)
    false = judged & (signs.local_s + signs.gap_s > alarm_s)
    delays, cold_delays = {}, {}
    for stratum, moments in signs.collapses.items():
        last = _last_before(signs.local_s, moments)
        delay_h = np.minimum((np.maximum(alarm_s[last], moments) - moments) / HOUR_S, 48.0)
        delays[stratum], cold_delays[stratum] = delay_h, delay_h[signs.cold[last]]
    return HomeResult(
        signs.home.name,
        _days(signs, signs.counted),
        int(false.sum()),
        _days(signs, signs.cold),
        int((false & signs.cold).sum()),
        delays,
        cold_delays,
    )


def _one_a_moment(home: Home) -> NDArray[np.intp]:
    """Indices of the signs of life, the last of each moment."""
    signs = np.flatnonzero(home.value != 0)
    times = home.local_s[signs]
    return signs[np.append(times[1:] > times[:-1], True)] if len(signs) else signs


def _warm_up_days(home: Home) -> int:
    return SHORT_WARM_UP_DAYS if home.days < SHORT_HOME_DAYS else WARM_UP_DAYS


def _last_outage(gap_s: NDArray[np.float64]) -> int:
    """Index of the sign before the last outage of the recording; what precedes it is learned from, not counted."""
    outages = np.flatnonzero(np.isfinite(gap_s) & (gap_s > OUTAGE_DAYS * DAY_S))
    return int(outages[-1]) if len(outages) else -1


def _days(signs: Signs, mask: NDArray[np.bool_]) -> float:
    """Time that the masked signs and the silences after them cover, without what is excluded; days."""
    gaps = signs.gap_s[mask]
    return float(gaps[gaps <= EXCLUDED_S].sum() / DAY_S)


def _last_before(local_s: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.intp]:
    last: NDArray[np.intp] = np.searchsorted(local_s, moments, side="right") - 1
    return last


def _collapses(signs: Signs, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    awake = _active_moments(signs, rng)
    by_day = _hour(awake) // 1
    day = (by_day >= 6) & (by_day < 22)
    return {"day": awake[day][:COLLAPSES], "night": awake[~day][:COLLAPSES], "sleep": _asleep_moments(signs, rng)}


def _hour(local_s: NDArray[np.float64]) -> NDArray[np.float64]:
    hours: NDArray[np.float64] = local_s % DAY_S / HOUR_S
    return hours


def _active_moments(signs: Signs, rng: np.random.Generator, tries: int = 8) -> NDArray[np.float64]:
    """Moments in active ten-minute slots, one at most a slot, in random order: up, and not about to leave or rest."""
    slots = np.unique(signs.local_s[signs.counted] // SLOT_S)
    found = []
    for _ in range(tries):  # a slot whose random moment does not qualify gets another try
        moments = (slots + rng.random(len(slots))) * SLOT_S
        last = _last_before(signs.local_s, moments)
        soon = signs.local_s[last] + signs.gap_s[last] - moments
        leaves = signs.is_door[last] & np.append(signs.is_door[1:], False)[last] & (signs.gap_s[last] >= SLOT_S)
        good = (last >= 0) & (moments - signs.local_s[last] <= SLOT_S) & (soon <= NEXT_WITHIN_S) & ~leaves
        good &= signs.counted[last]
        found.append(moments[good])
        slots = slots[~good]
    moments_s: NDArray[np.float64] = rng.permutation(np.concatenate(found))
    return moments_s


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
