"""Which switch-ons are a person's: learned for one home from the home's own last weeks, without labels.

A fridge, a heat pump or a timer does not sleep; people do. A pulse counts as a person's when pulses of like size and
duration are rare at 01:00-05:00 against daytime. What cycles (several alike within two hours) or comes at the same
minute on nearly every day counts as a machine whatever the night says.

Assumes somebody who sleeps at night, and machines that work by night as they do by day. Fails where a machine runs by
day alone without cycling, and where a person's nights are like days. One learning costs two products of 44 x 28 tables.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomaly.occupancy import DAY_S
from anomaly.power.steps import LEAST_STEP_W, Pulse

SIZES: Final = 44  # six an octave from LEAST_STEP_W up
DURATIONS: Final = 28  # three an octave from one minute up
LEAST_SIGN_W: Final = 300.0
"""Smaller steps are learned from but never a sign of life: fridges, TVs in standby and lights on timers live there."""
NIGHT_H: Final = (1, 5)
DAY_FROM_H: Final = 6
MOST_REPEATS: Final = 3
"""From so many alike within two hours on, a pulse is a cycling machine: an oven, an iron, an air conditioner."""
CYCLING_SHARE: Final = 0.6
"""A class of pulses that come in rows this often belongs to a machine that cycles."""
CYCLE_S: Final = 45 * 60.0
"""Of such a class a pulse is a sign only when none like it came for so long."""
_HUMAN_RATIO: Final = 0.12  # night rate against day rate of the like
_HUMAN_RATIO_AT_NIGHT: Final = 0.02
_STRICT_UNTIL_H: Final = 5.5
_ALIKE: Final = (1.0, 1.5)  # sd in bins of size and duration within which pulses are like each other
_KIN: Final = (4.0, 5.0)  # the same for what is looked at where nothing alike was seen
_KIN_WEIGHT: Final = 1.0  # pulses for which the kin stand
_TIMER_SPREAD_MIN: Final = 1
_TIMER_SHARE: Final = 0.85
_TIMER_DAYS: Final = 14
_TIMER_LEAST_DAYS: Final = 7
_TIMER_ALIKE: Final = 0.8  # bins of size

PULSE: Final = np.dtype([("on_s", "<f8"), ("size_w", "<f4"), ("duration_s", "<f4"), ("repeats", "<i2")])
"""One pulse that has ended."""
EXPOSURE: Final = np.dtype([("day", "<i4"), ("night_h", "<f4"), ("day_h", "<f4")])
"""One day from 05:00 to 05:00 and for how many hours of its night and of its day the meter was heard."""


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """What is known about pulses of each size and duration in one home.

    Attributes:
        ratio: float32 [sizes, durations], rate at night over rate by day of the like; 0 is human, 1 a machine.
        worst: float32 [sizes, durations], the highest ratio at that duration or a longer one.
        cycling: bool [sizes, durations], most of the like came in rows.
        timers: float64 [timers, 2], minute of the day and bin of size that came day after day.
    """

    ratio: NDArray[np.float32]
    worst: NDArray[np.float32]
    cycling: NDArray[np.bool_]
    timers: NDArray[np.float64]

    def is_person(self, pulse: Pulse, duration_s: float, ended: bool) -> bool:
        """Whether a pulse is a person's.

        Args:
            pulse: with its size and its row known.
            duration_s: how long it has been on.
            ended: False: it may yet last longer, so every longer duration must be a person's as well.
        """
        if pulse.size_w < LEAST_SIGN_W or pulse.repeats >= MOST_REPEATS:
            return False
        at = _size_bin(pulse.size_w), _duration_bin(duration_s)
        if self.cycling[at] and pulse.alone_s < CYCLE_S:
            return False
        ratio = float(self.ratio[at] if ended else self.worst[at])
        strict = pulse.on_s % DAY_S < _STRICT_UNTIL_H * 3600
        limit = _HUMAN_RATIO_AT_NIGHT if strict else _HUMAN_RATIO
        return ratio <= limit and not self._is_timer(pulse.on_s, pulse.size_w)

    def _is_timer(self, on_s: float, size_w: float) -> bool:
        if not len(self.timers):
            return False
        apart = np.abs(self.timers[:, 0] - on_s % DAY_S / 60)
        near = np.minimum(apart, 1440 - apart) <= _TIMER_SPREAD_MIN
        return bool((near & (np.abs(self.timers[:, 1] - _octaves(size_w)) <= _TIMER_ALIKE)).any())


def unknown_classes() -> Classes:
    """Before the first night: nothing is known, so nothing is a person's."""
    ones = np.ones((SIZES, DURATIONS), np.float32)
    return Classes(ones, ones, np.zeros((SIZES, DURATIONS), bool), np.empty((0, 2)))


def size_bins(size_w: ArrayLike) -> NDArray[np.intp]:
    """The bin of one or many sizes in watts, 0 to `SIZES` - 1."""
    return np.clip(_octaves(size_w), 0, SIZES - 1).astype(np.intp)


def duration_bins(duration_s: ArrayLike) -> NDArray[np.intp]:
    """The bin of one or many durations in seconds, 0 to `DURATIONS` - 1."""
    minutes = np.maximum(np.asarray(duration_s, float) / 60, 1.0)
    bins: NDArray[np.intp] = np.clip(3 * np.log2(minutes), 0, DURATIONS - 1).astype(np.intp)
    return bins


def _size_bin(size_w: float) -> int:
    """`size_bins` of one size, without the cost of an array."""
    return min(max(int(6 * math.log2(max(size_w, 1.0) / LEAST_STEP_W)), 0), SIZES - 1)


def _duration_bin(duration_s: float) -> int:
    return min(int(3 * math.log2(max(duration_s / 60, 1.0))), DURATIONS - 1)


def _octaves(size_w: ArrayLike) -> NDArray[np.float64]:
    bins: NDArray[np.float64] = 6 * np.log2(np.maximum(np.asarray(size_w, float), 1.0) / LEAST_STEP_W)
    return bins


@dataclass(frozen=True, slots=True, eq=False)
class PulseTally:
    """Pulses of the last weeks by size and duration, float64 [sizes, durations] each, and the hours they are from.

    Attributes:
        night: pulses at 01:00-05:00.
        day: pulses from 06:00 to midnight that did not come in a row.
        every: all pulses.
        rows: of these, those with others alike shortly before.
        night_h: hours of night that the meter was heard.
        day_h: the same by day.
    """

    night: NDArray[np.float64]
    day: NDArray[np.float64]
    every: NDArray[np.float64]
    rows: NDArray[np.float64]
    night_h: float
    day_h: float


def tally_pulses(pulses: NDArray[Any], exposures: NDArray[Any]) -> PulseTally:
    """Count pulses (`PULSE`) seen in the days of ``exposures`` (`EXPOSURE`)."""
    hour = pulses["on_s"] % DAY_S / 3600
    at_night = (hour >= NIGHT_H[0]) & (hour < NIGHT_H[1])
    by_day = (hour >= DAY_FROM_H) & (pulses["repeats"] < MOST_REPEATS)
    return PulseTally(
        _counts(pulses[at_night]),
        _counts(pulses[by_day]),
        _counts(pulses),
        _counts(pulses[pulses["repeats"] >= MOST_REPEATS - 1]),
        max(float(exposures["night_h"].sum()), 1.0),
        max(float(exposures["day_h"].sum()), 1.0),
    )


def _counts(pulses: NDArray[Any]) -> NDArray[np.float64]:
    flat = size_bins(pulses["size_w"]) * DURATIONS + duration_bins(pulses["duration_s"])
    return np.bincount(flat, minlength=SIZES * DURATIONS).reshape(SIZES, DURATIONS).astype(float)


def learn(pulses: NDArray[Any], counted: PulseTally) -> Classes:
    """What pulses of each size and duration are, from the last weeks of a home."""
    night, day = _spread(counted.night, _ALIKE), _spread(counted.day, _ALIKE)
    kin_night, kin_day = _spread(counted.night, _KIN), _spread(counted.day, _KIN)
    kin = (kin_night + 0.1) / counted.night_h / ((kin_day + 0.5) / counted.day_h)
    ratio = (night / counted.night_h * counted.day_h + _KIN_WEIGHT * kin) / (day + _KIN_WEIGHT)
    worst = np.maximum.accumulate(ratio[:, ::-1], axis=1)[:, ::-1]
    every, rows = _spread(counted.every, _ALIKE), _spread(counted.rows, _ALIKE)
    cycling = rows > CYCLING_SHARE * (every + _KIN_WEIGHT)
    return Classes(ratio.astype(np.float32), worst.astype(np.float32), cycling, _timers(pulses))


BIG: Final = np.arange(SIZES) >= size_bins(LEAST_SIGN_W)
"""Which sizes can be a sign of life; bool [sizes]."""


def human(classes: Classes) -> NDArray[np.bool_]:
    """Whose pulses by day count as a person's: bool [sizes, durations]."""
    return (classes.ratio <= _HUMAN_RATIO) & BIG[:, None]


def _spread(counts: NDArray[np.float64], sd: tuple[float, float]) -> NDArray[np.float64]:
    """How many are like each class: a Gaussian kernel with peak one over both axes."""
    return _kernel(SIZES, sd[0]) @ counts @ _kernel(DURATIONS, sd[1])


def _kernel(bins: int, sd: float) -> NDArray[np.float64]:
    at = np.arange(bins)
    return np.exp(-0.5 * ((at[:, None] - at) / sd) ** 2)


def _timers(pulses: NDArray[Any]) -> NDArray[np.float64]:
    """The minutes of the day at which like pulses came on most of the last days; float64 [timers, 2]."""
    big = pulses[pulses["size_w"] >= LEAST_SIGN_W]
    day = (big["on_s"] // DAY_S).astype(np.int64)
    recent = np.unique(day)[-_TIMER_DAYS:]
    if len(recent) < _TIMER_LEAST_DAYS:
        return np.empty((0, 2))
    big, day = big[day >= recent[0]], day[day >= recent[0]]
    minute, size = big["on_s"] % DAY_S / 60, _octaves(big["size_w"])
    order = np.argsort(minute, kind="stable")
    minute, size, day = minute[order], size[order], day[order]
    first = np.searchsorted(minute, minute - _TIMER_SPREAD_MIN)
    last = np.searchsorted(minute, minute + _TIMER_SPREAD_MIN, side="right")
    wanted = _TIMER_SHARE * len(recent)
    found = [
        (minute[i], size[i])
        for i in np.flatnonzero(last - first >= wanted)
        if len(set(day[first[i] : last[i]][np.abs(size[first[i] : last[i]] - size[i]) <= _TIMER_ALIKE])) >= wanted
    ]
    return np.array(found, float).reshape(-1, 2)
