"""Signals that a meter gives besides signs of life: power that does not change, and power that was left on."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from contracts.signals import Sentence

FLAT_LEAST_S: Final = 3 * 3600.0
FACTOR: Final = 1.5
"""A thing must have lasted for so many times the longest that the like ever did."""
FLAT_BAND_W: Final = 15.0
FLAT_BAND_SHARE: Final = 0.05
LEFT_ON_LEAST_W: Final = 500.0
LEFT_ON_LEAST_S: Final = 3600.0
_ALIKE: Final = 0.25  # difference of the logarithms of sizes
_MEMORY_DAYS: Final = 28
_KNOWN_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class LastingPower:
    """Something about the power has lasted for far longer than it ever did.

    Attributes:
        since_s: since when, seconds on the wall clock.
        lasted_s: for how long.
        usual_longest_s: the longest that the like lasted in the last weeks.
        watts: at what level, or how much it draws.
    """

    since_s: float
    lasted_s: float
    usual_longest_s: float
    watts: float
    least_s: ClassVar[float]

    @property
    def score(self) -> float:
        """How long it has lasted against the home's own limit; at least 1."""
        return self.lasted_s / max(self.least_s, FACTOR * self.usual_longest_s)


@dataclass(frozen=True, slots=True)
class FlatPower(LastingPower):
    """The power has not changed for far longer than it ever did: a meter or a fuse, or a home where nothing happens."""

    least_s = FLAT_LEAST_S

    @property
    def reason(self) -> Sentence:
        """One plain sentence."""
        now, usual = _hours(self.lasted_s), _hours(self.usual_longest_s)
        return Sentence(
            f"電力が{now}時間、約{self.watts:.0f}Wのまま変わりません(この4週間でいちばん長くて{usual}時間)。",
            f"The power has stayed at about {self.watts:.0f} W for {now} h "
            f"(the longest in the last four weeks was {usual} h).",
        )


@dataclass(frozen=True, slots=True)
class LeftOn(LastingPower):
    """Something big has been on for far longer than anything of its size ever was."""

    least_s = LEFT_ON_LEAST_S

    @property
    def reason(self) -> Sentence:
        """One plain sentence."""
        now, usual, about_w = _hours(self.lasted_s), _hours(self.usual_longest_s), round(self.watts / 100) * 100
        return Sentence(
            f"約{about_w}Wの電気が{now}時間つけたままです(この4週間、同じくらいの電気はいちばん長くて{usual}時間)。",
            f"Something drawing about {about_w:,} W has been on for {now} h "
            f"(the like was on for {usual} h at most in the last four weeks).",
        )


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f}"


def flat_power(since_s: float, now_s: float, usual_longest_s: float, watts: float) -> FlatPower | None:
    """Whether power that has not changed since ``since_s`` is worth a word."""
    lasted_s = now_s - since_s
    if lasted_s < max(FLAT_LEAST_S, FACTOR * usual_longest_s):
        return None
    return FlatPower(since_s, lasted_s, usual_longest_s, watts)


def left_on(
    on_s: float, size_w: float, now_s: float, base_w: float, level_w: float, history: NDArray[Any]
) -> LeftOn | None:
    """Whether a pulse that is on has been on for far longer than the like.

    Args:
        on_s: when it was switched on.
        size_w: watts that it added.
        now_s: the time, on the same clock.
        base_w: level before it was switched on.
        level_w: level now; what no longer draws its share is not on.
        history: `PULSE` [pulses] of the last weeks, with ``size_w`` and ``duration_s``.
    """
    lasted_s = now_s - on_s
    if size_w < LEFT_ON_LEAST_W or lasted_s < LEFT_ON_LEAST_S or level_w < base_w + 0.7 * size_w:
        return None
    alike = history["duration_s"][np.abs(np.log(history["size_w"] / size_w)) < _ALIKE]
    longest_s = float(alike.max()) if len(alike) else 0.0
    return LeftOn(on_s, lasted_s, longest_s, size_w) if lasted_s > FACTOR * longest_s else None


@dataclass(slots=True)
class LevelWatch:
    """Since when the level of a home has not changed, and the longest that it stayed so on each of the last days.

    Attributes:
        since_s: since when, seconds on the wall clock.
        level_w: the level.
        now_s: the newest minute, on the same clock; -inf before the first.
        longest_s: the longest that it stayed so today.
        days: the same of each of the last days that are over, seconds.
    """

    since_s: float = 0.0
    level_w: float = 0.0
    now_s: float = -math.inf
    longest_s: float = 0.0
    days: list[float] = field(default_factory=list)

    def add(self, minute_s: float, watts: float, outage: bool) -> None:
        """Take in one minute; after an outage everything begins anew."""
        band_w = max(FLAT_BAND_W, FLAT_BAND_SHARE * abs(self.level_w))
        if outage or abs(watts - self.level_w) > band_w:
            self.since_s, self.level_w = minute_s, watts
        else:
            self.longest_s = max(self.longest_s, minute_s - self.since_s)
        self.now_s = minute_s

    def end_day(self) -> None:
        """A day is over."""
        self.days = [*self.days, self.longest_s][-_MEMORY_DAYS:]
        self.longest_s = 0.0

    def flat(self) -> FlatPower | None:
        """The signal, if it holds now; None also while fewer than seven days are known."""
        if len(self.days) < _KNOWN_DAYS:
            return None
        return flat_power(self.since_s, self.now_s, max(self.days), self.level_w)
