"""From watt readings to pulses: when something was switched on, how much it draws, for how long.

A meter shows the sum of a home. A rise opens a pulse; the fall that fits its size, or a return to the level before it,
closes it. Readings are first brought to means of one minute, the pace at which the rules were chosen.
"""

import math
from dataclasses import dataclass, field
from typing import Final

MINUTE_S: Final = 60.0
LEAST_STEP_W: Final = 100.0
LONGEST_S: Final = 8 * 3600.0
"""A pulse that is still on after this is closed as one of this length."""
OUTAGE_S: Final = 180.0
"""More than this without a reading (or three of the meter's own intervals) is an outage: what was on is forgotten."""
ROW_S: Final = 7200.0
"""Pulses alike within this time make a row."""
_MOST_OPEN: Final = 24
_RETURNED: Final = 0.4  # of its size above its base: the pulse is over
_FITS: Final = 0.35  # a fall whose logarithm differs by less from that of the size belongs to the pulse
_FITS_WELL: Final = 0.12
_FORGET_LOWEST: Final = 1 / 10_000  # a minute


@dataclass(slots=True)
class Pulse:
    """Something that was switched on.

    Attributes:
        on_s: when, seconds on the home's wall clock.
        base_w: what the home drew before.
        size_w: how much was added.
        rising: whether the minute of the switch may still be followed by the rest of the rise.
        told: whether it has been reported as a sign of life.
        repeats: how many like it were switched on in the two hours before. -1: not counted yet.
        alone_s: how long before it the last one like it was switched on; `ROW_S` when none was in those two hours.
    """

    on_s: float
    base_w: float
    size_w: float
    rising: bool = True
    told: bool = False
    repeats: int = -1
    alone_s: float = ROW_S


@dataclass(slots=True)
class Minutes:
    """Brings readings of any interval to means of at most one a minute.

    A reading stands for the time since the reading before it, of at most its interval; readings a minute or more apart
    pass through as they are.

    Attributes:
        start_s: of the minute that goes on, seconds on the wall clock; -inf before the first.
        sum_w: of the readings in it.
        count: of the readings in it.
    """

    start_s: float = -math.inf
    sum_w: float = 0.0
    count: int = 0

    def add(self, local_s: float, watts: float) -> tuple[float, float] | None:
        """Take in one reading; the (start, mean watts) of the minute that it ended, None while one goes on."""
        minute_s = local_s // MINUTE_S * MINUTE_S
        done = None
        if minute_s != self.start_s:
            if self.count:
                done = self.start_s, self.sum_w / self.count
            self.start_s, self.sum_w, self.count = minute_s, 0.0, 0
        self.sum_w += watts
        self.count += 1
        return done


@dataclass(slots=True)
class Pulses:
    """The pulses that are on in one home, and the level they stand on.

    Attributes:
        open: pulses that are on, oldest first.
        last_s: the newest minute, seconds on the wall clock; -inf before the first.
        last_w: its level.
        fallen_w: how far the level fell in the minutes just before without a pause.
        interval_s: the usual time between minutes taken in.
        lowest_w: what the home draws at least, of about the last week.
    """

    open: list[Pulse] = field(default_factory=list)
    last_s: float = -math.inf
    last_w: float = 0.0
    fallen_w: float = 0.0
    interval_s: float = MINUTE_S
    lowest_w: float = math.inf

    def add(self, minute_s: float, watts: float) -> tuple[Pulse | None, list[tuple[Pulse, float]]]:
        """Take in one minute.

        Returns:
            The pulse that began, and (pulse, duration in seconds) of each that ended.
        """
        passed_s = minute_s - self.last_s
        higher_w = self.lowest_w + _FORGET_LOWEST * (watts - self.lowest_w) if math.isfinite(self.lowest_w) else watts
        self.lowest_w = min(watts, higher_w)
        if passed_s > self.outage_s:
            self.open.clear()
            self.fallen_w = 0.0
            self.interval_s = min(passed_s, 1.1 * self.interval_s) if math.isfinite(passed_s) else self.interval_s
            begun, ended = None, []
        else:
            self.interval_s += 0.05 * (passed_s - self.interval_s)
            ended = self._end(minute_s, watts)
            begun = self._begin(minute_s, watts)
        self.last_s, self.last_w = minute_s, watts
        return begun, ended

    @property
    def outage_s(self) -> float:
        """So long without a reading is an outage."""
        return max(OUTAGE_S, 3 * self.interval_s)

    def _begin(self, minute_s: float, watts: float) -> Pulse | None:
        rise_w = watts - self.last_w
        newest = self.open[-1] if self.open else None
        if newest is not None and newest.rising:
            newest.rising = False
            if rise_w > 0:  # switched on within a minute: the first mean holds a part of it, the second all
                newest.size_w += rise_w
                return None
        if rise_w < LEAST_STEP_W:
            return None
        pulse = Pulse(minute_s, self.last_w, rise_w)
        self.open.append(pulse)
        del self.open[:-_MOST_OPEN]
        return pulse

    def _end(self, minute_s: float, watts: float) -> list[tuple[Pulse, float]]:
        fall_w = self.last_w - watts
        self.fallen_w = self.fallen_w + fall_w if fall_w > 0 else 0.0
        ended = [pulse for pulse in self.open if minute_s - pulse.on_s >= LONGEST_S]
        if self.fallen_w > 0:
            fitting = self._fitting()
            if fitting is not None and fitting not in ended:
                ended.append(fitting)
                self.fallen_w = 0.0
                for pulse in self.open:  # those begun on top of it now stand lower, but not below what never stops
                    if pulse.on_s > fitting.on_s:
                        pulse.base_w = max(pulse.base_w - fitting.size_w, self.lowest_w)
            ended += [p for p in self.open if p not in ended and watts <= p.base_w + _RETURNED * p.size_w]
        self.open = [pulse for pulse in self.open if pulse not in ended]
        return [(pulse, min(minute_s - pulse.on_s, LONGEST_S)) for pulse in ended]

    def _fitting(self) -> Pulse | None:
        """The pulse whose size fits the fall: the newest that fits well, else the best; None when none fits."""
        if not self.open:
            return None
        misfits = [(abs(math.log(self.fallen_w / pulse.size_w)), pulse) for pulse in reversed(self.open)]
        for misfit, pulse in misfits:
            if misfit < _FITS_WELL:
                return pulse
        misfit, best = min(misfits, key=lambda found: found[0])
        return best if misfit < _FITS else None
