"""Signs of life from the power a home draws: the switch-ons that are a person's."""

import math
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import DAY_S, check_event, clock_time
from anomaly.packing import from_plain, or_never, or_none, pack, restoring, to_plain, unpack
from anomaly.power.learning import (
    DAY_FROM_H,
    EXPOSURE,
    NIGHT_H,
    PULSE,
    Classes,
    PulseTally,
    learn,
    tally_pulses,
    unknown_classes,
)
from anomaly.power.signals import FlatPower, LeftOn, LevelWatch, left_on
from anomaly.power.steps import MINUTE_S, ROW_S, Minutes, Pulse, Pulses
from anomaly.power.trust import LEARNING, RECENT_NIGHTS, Doubt, MeterVerdict, judge
from contracts.signals import Sentence

LEARNING_HOUR_S: Final = 5 * 3600.0
"""Local 05:00: the night just passed is known before the day begins."""
HISTORY_DAYS: Final = 28
ROW_ALIKE: Final = 0.2
"""Sizes whose logarithms differ by less are alike."""
SET_BACK_S: Final = 2 * 3600.0
"""A clock that is set back further than summer time does starts the reading anew; up to that, the past is ignored."""
_MOST_PULSES: Final = 20_000
_MAGIC: Final = b"MPW1"

Sign = tuple[float, Sentence]
"""When something was switched on by a person (seconds on the wall clock), and one plain sentence that says so."""


class PowerReader:
    """Reads one home's meter, on the home's wall clock; learns each time 05:00 is crossed.

    Takes readings of 1 s to 30 min; it was made for 60 s means. A missing minute is an outage, never silence: what was
    on is forgotten and no step is read across it. Nothing is a sign on the first day; until `trustworthy` is True the
    signs are no basis for silence. A sign may come minutes after its moment: a pulse that could still turn out to be a
    machine's is told when it ends.
    """

    def __init__(self) -> None:
        self._minutes = Minutes()
        self._pulses = Pulses()
        self._level = LevelWatch()
        self._recent: list[tuple[float, float]] = []  # (on_s, log of size) of the last two hours
        self._new: list[tuple[float, float, float, int]] = []  # rows of PULSE since the last learning
        self._history: NDArray[Any] = np.empty(0, PULSE)
        self._exposures: NDArray[Any] = np.empty(0, EXPOSURE)
        self._observed_h = [0.0, 0.0]  # of the night and the day that go on
        self._learn_due_s = -math.inf
        self._classes: Classes = unknown_classes()
        self._verdict = LEARNING

    @property
    def trustworthy(self) -> bool | None:
        """Whether the signs may stand for the person; None while learning, False: this meter cannot tell."""
        return self._verdict.trustworthy

    @property
    def verdict(self) -> MeterVerdict:
        """The same with its evidence and one plain sentence."""
        return self._verdict

    def observe(self, local_s: float, watts: float) -> list[Sign]:
        """Take in one reading.

        Args:
            local_s: when, seconds since the epoch on the home's wall clock, in order. Up to two hours before the newest
                it is ignored; further back, a clock was set right and the reading starts anew.
            watts: power drawn, the mean since the reading before; below 0 where a home feeds in.

        Returns:
            The signs of life found by now and not returned before, oldest first.

        Raises:
            ValueError: a time that is no time, or watts that are no finite number.
        """
        check_event(local_s, "power")
        if not math.isfinite(watts):
            raise ValueError(f"watts must be a finite number, not {watts!r}; leave out a reading that is missing")
        if local_s < self._minutes.start_s:
            if local_s > self._minutes.start_s - SET_BACK_S:
                return []
            self._restart()
        done = self._minutes.add(local_s, watts)
        return [] if done is None else self._take_minute(*done)

    def _restart(self) -> None:
        """The clock was set back: what lies in its future is forgotten."""
        self._minutes, self._pulses, self._level, self._recent = Minutes(), Pulses(), LevelWatch(), []
        self._new, self._observed_h, self._learn_due_s = [], [0.0, 0.0], -math.inf

    def _take_minute(self, minute_s: float, watts: float) -> list[Sign]:
        if minute_s >= self._learn_due_s:
            self._learn_by(minute_s)
        self._count_hours(minute_s)
        outage = minute_s - self._pulses.last_s > self._pulses.outage_s
        begun, ended = self._pulses.add(minute_s, watts)
        self._level.add(minute_s, watts, outage)
        if begun is None and not ended and not self._pulses.open:
            return []
        signs = [sign for pulse, duration_s in ended if (sign := self._ended(pulse, duration_s))]
        signs += [sign for pulse in self._pulses.open if (sign := self._going_on(pulse, minute_s))]
        return sorted(signs, key=lambda sign: sign[0])

    def _count_hours(self, minute_s: float) -> None:
        passed_s = minute_s - self._pulses.last_s
        if passed_s > self._pulses.outage_s:
            passed_s = MINUTE_S
        hour = minute_s % DAY_S / 3600
        if NIGHT_H[0] <= hour < NIGHT_H[1]:
            self._observed_h[0] += passed_s / 3600
        elif hour >= DAY_FROM_H:
            self._observed_h[1] += passed_s / 3600

    def _ended(self, pulse: Pulse, duration_s: float) -> Sign | None:
        self._settle(pulse)
        self._new.append((pulse.on_s, pulse.size_w, duration_s, pulse.repeats))
        return self._tell(pulse, duration_s, ended=True)

    def _going_on(self, pulse: Pulse, now_s: float) -> Sign | None:
        if pulse.rising or pulse.told:
            return None
        self._settle(pulse)
        return self._tell(pulse, now_s - pulse.on_s, ended=False)

    def _settle(self, pulse: Pulse) -> None:
        """Its size is final: count those alike shortly before it."""
        if pulse.repeats < 0:
            size = math.log(pulse.size_w)
            self._recent = [row for row in self._recent if row[0] >= pulse.on_s - ROW_S]
            alike = [on_s for on_s, other in self._recent if abs(other - size) < ROW_ALIKE]
            pulse.repeats = len(alike)
            pulse.alone_s = min((abs(pulse.on_s - on_s) for on_s in alike), default=ROW_S)
            self._recent.append((pulse.on_s, size))

    def _tell(self, pulse: Pulse, duration_s: float, ended: bool) -> Sign | None:
        if pulse.told or not self._classes.is_person(pulse, duration_s, ended):
            return None
        pulse.told = True
        return pulse.on_s, switch_on_sentence(pulse.on_s, pulse.size_w)

    def _learn_by(self, now_s: float) -> None:
        if self._learn_due_s > -math.inf:
            self._learn(int((self._learn_due_s - LEARNING_HOUR_S) // DAY_S) - 1)
        self._learn_due_s = (now_s - LEARNING_HOUR_S) // DAY_S * DAY_S + DAY_S + LEARNING_HOUR_S

    def _learn(self, day: int) -> None:
        """The day that began at 05:00 of ``day`` is over. Days on which nothing was heard are not among the 28."""
        today = np.array([(day, *self._observed_h)], EXPOSURE)
        kept = self._exposures[self._exposures["day"] < day]
        self._exposures = np.concatenate([kept, today])[-HISTORY_DAYS:]
        history = np.concatenate([self._history, np.array(self._new, PULSE)])
        begins_s = float(self._exposures["day"][0]) * DAY_S + LEARNING_HOUR_S
        within = (history["on_s"] >= begins_s) & (history["on_s"] < (day + 1) * DAY_S + LEARNING_HOUR_S)
        self._history = history[within][-_MOST_PULSES:]
        self._new, self._observed_h = [], [0.0, 0.0]
        counted = tally_pulses(self._history, self._exposures)
        self._classes = learn(self._history, counted)
        days, interval_s = len(self._exposures), self._pulses.interval_s
        self._verdict = judge(counted, self._recent_tally(), self._classes, days, interval_s, self._verdict)
        self._level.end_day()

    def _recent_tally(self) -> PulseTally:
        last = self._exposures[-RECENT_NIGHTS:]
        begins_s = float(last["day"][0]) * DAY_S + LEARNING_HOUR_S
        return tally_pulses(self._history[self._history["on_s"] >= begins_s], last)

    def flat(self) -> FlatPower | None:
        """Power that has not changed for far longer than in the last weeks; None: it changes, or unknown."""
        return self._level.flat() if self.trustworthy is not None else None

    def left_on(self) -> list[LeftOn]:
        """What has been on for far longer than anything like it in the last weeks; empty while learning."""
        if self.trustworthy is None:
            return []
        now_s = self._pulses.last_s
        found = (
            left_on(p.on_s, p.size_w, now_s, p.base_w, self._pulses.last_w, self._history) for p in self._pulses.open
        )
        return [one for one in found if one is not None]

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` goes on exactly where this one is."""
        header = {
            "minutes": to_plain(self._minutes),
            "pulses": {"open": [to_plain(pulse) for pulse in self._pulses.open], "last": to_plain(self._pulses)[1:]},
            "level": to_plain(self._level),
            "recent": self._recent,
            "new": self._new,
            "heard_h": self._observed_h,
            "learn_due_s": or_none(self._learn_due_s),
            "verdict": asdict(self._verdict),
        }
        arrays: dict[str, NDArray[Any]] = {
            "history": np.frombuffer(self._history.tobytes(), np.uint8),
            "exposures": np.frombuffer(self._exposures.tobytes(), np.uint8),
            **asdict(self._classes),
        }
        return pack(_MAGIC, header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "PowerReader":
        """The reader that `to_bytes` wrote.

        Raises:
            UnreadableState: another version, or damaged.
        """
        header, arrays = unpack(_MAGIC, data)
        reader = cls()
        with restoring("power reader"):
            reader._restore(header, arrays)
        return reader

    def _restore(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._minutes = from_plain(Minutes, header["minutes"])
        open_pulses = [from_plain(Pulse, row) for row in header["pulses"]["open"]]
        self._pulses = from_plain(Pulses, [open_pulses, *header["pulses"]["last"]])
        self._level = from_plain(LevelWatch, header["level"])
        self._recent = [tuple(row) for row in header["recent"]]
        self._new = [tuple(row) for row in header["new"]]
        self._observed_h = header["heard_h"]
        self._learn_due_s = or_never(header["learn_due_s"])
        self._verdict = MeterVerdict(**{**header["verdict"], "doubt": Doubt(header["verdict"]["doubt"])})
        self._history = np.frombuffer(arrays["history"].tobytes(), PULSE).copy()
        self._exposures = np.frombuffer(arrays["exposures"].tobytes(), EXPOSURE).copy()
        self._classes = Classes(arrays["ratio"], arrays["worst"], arrays["cycling"], arrays["timers"])


def switch_on_sentence(on_s: float, size_w: float) -> Sentence:
    """What a sign of life says. Names no appliance: a meter knows how much, not what."""
    at = clock_time(on_s // 60)
    about_w = round(size_w / 100) * 100
    return Sentence(
        f"{at}に約{about_w}Wの電気の使い始めがありました。",
        f"Something drawing about {about_w:,} W was switched on at {at}.",
    )
