"""Night unrest: far more up and about by night than usual.

The home's own night is the quietest `LEAST_H` hours of its clock that begin between 20:00 and 03:00 (a flat is
as quiet at noon when everybody is out, but nobody sleeps there), and the quiet hours next to them. Counted are
ten-minute slots with a sign of life, and the most of them in a row: somebody who wanders for an hour is up no
longer than others who get up six times, but at one go. Each has half of the budget; noted as soon as there are too
many, by the end of the night at the latest.

Fails where being up for an hour by night is usual: then one stroll more is not unusual, by any count.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.memory import day_of
from anomaly.notes.diary import HOUR_S, SLOTS, Diary, day_start_s
from anomaly.notes.note import Note, NoteKind, NoteSettings
from anomaly.notes.tails import once_in
from contracts.signals import Sentence

LEAST_H: Final = 5
MOST_H: Final = 9
QUIET_SHARE: Final = 0.25
"""An hour next to the night belongs to it if it has at most this share of the signs of an average hour."""
_SLOTS_AN_HOUR: Final = 6
_BEGINS: Final = (0, *range(17, 24))
"""Hours since 03:00 at which a night may begin."""
_FRESH_H: Final = 3
"""For so many hours a night is worth a note: nothing is said of the past."""
_CLEAR: Final = 3.0
"""Slots above the usual night below which nothing is noted, however quiet the home's nights are."""
_CLEAR_STRETCH: Final = 2.0
"""The same for slots in a row."""


@dataclass(frozen=True, slots=True)
class UnrestEvidence:
    """What was seen in a night.

    Attributes:
        slots: ten-minute slots up and about.
        usual: of the nights known, median; most: largest.
        stretch: of the slots, the most in a row, a single quiet one between them passed over.
        usual_stretch: of the nights known, median; most_stretch: largest.
        from_h: hour of the clock at which the night begins; to_h: at which it ends, or the count was taken.
        nights: how many are known.
    """

    slots: int
    usual: float
    most: int
    stretch: int
    usual_stretch: float
    most_stretch: int
    from_h: int
    to_h: int
    nights: int


@dataclass(frozen=True, slots=True)
class Unrest:
    """What is usual by night.

    Attributes:
        begin_slot: first ten-minute slot of the night, counted from 03:00.
        hours: length of the night.
        limit: slots up and about that are exceeded about once in twice the budget; stretch_limit: slots in a row.
        usual: median; most: largest; nights: how many are known.
        usual_stretch, most_stretch: the same of slots in a row.
        ready: whether it can say anything; not ready is a state, never "all is well".
    """

    begin_slot: int = 0
    hours: int = LEAST_H
    limit: float = float("inf")
    stretch_limit: float = float("inf")
    usual: float = 0.0
    most: int = 0
    usual_stretch: float = 0.0
    most_stretch: int = 0
    nights: int = 0
    ready: bool = False

    @classmethod
    def learn(cls, diary: Diary, today: int, settings: NoteSettings) -> "Unrest":
        """Learn from the days before ``today`` (number of the day)."""
        days = diary.days_before(today)
        if len(days) < settings.ready_after_days:
            return cls(nights=len(days))
        slots = np.array([diary.pages[day].slots for day in days], float)
        begin, hours = _night(slots.sum(axis=0))
        last = begin + hours * _SLOTS_AN_HOUR
        # A night that runs over 03:00 ends on the next page; the last one is not over yet when it is learned.
        known = [_up(diary, day, begin, hours) for day in days if last <= SLOTS or day + 1 < today]
        if len(known) < settings.ready_after_days:
            return cls(nights=len(known))
        every_days = 2 * settings.unrest_every_days
        nights, stretches = np.array(known).T
        usual, usual_stretch = float(np.median(nights)), float(np.median(stretches))
        return cls(
            begin,
            hours,
            limit=max(once_in(nights, every_days), usual + _CLEAR),
            stretch_limit=max(once_in(stretches, every_days), usual_stretch + _CLEAR_STRETCH),
            usual=usual,
            most=int(nights.max()),
            usual_stretch=usual_stretch,
            most_stretch=int(stretches.max()),
            nights=len(known),
            ready=True,
        )

    def judge(self, diary: Diary, now_s: float) -> Note | None:
        """Is the night at ``now_s`` (seconds on the wall clock), or just before, restless? None later in the day."""
        begin_s = self._latest_night(now_s)
        if not self.ready or now_s - begin_s > (self.hours + _FRESH_H) * HOUR_S:
            return None
        slots, stretch = _up(diary, int(day_of(begin_s)), self.begin_slot, self.hours)
        score = max(slots / self.limit, stretch / self.stretch_limit)
        if score <= 1:
            return None
        end_s = min(now_s, begin_s + self.hours * HOUR_S)
        from_h, to_h = (int(moment_s // HOUR_S) % 24 for moment_s in (begin_s, end_s))
        stretches = stretch, self.usual_stretch, self.most_stretch
        evidence = UnrestEvidence(slots, self.usual, self.most, *stretches, from_h, to_h, self.nights)
        return Note(NoteKind.UNREST, begin_s, now_s, score, _sentence(evidence), evidence)

    def _latest_night(self, now_s: float) -> float:
        """When the last night that had begun by ``now_s`` began."""
        begin_s = day_start_s(int(day_of(now_s))) + self.begin_slot * 600.0
        return begin_s if begin_s < now_s else begin_s - 86_400.0


def _night(by_slot: NDArray[np.float64]) -> tuple[int, int]:
    """First slot of the night, on a full hour, and its hours: the quietest ones that begin in `_BEGINS`, and beside."""
    by_hour = by_slot.reshape(24, _SLOTS_AN_HOUR).sum(axis=1)
    around = np.concatenate([by_hour, by_hour[: LEAST_H - 1]])
    sums = np.convolve(around, np.ones(LEAST_H), "valid")
    begin, hours = int(min(_BEGINS, key=lambda hour: float(sums[hour]))), LEAST_H
    quiet = by_hour <= QUIET_SHARE * by_hour.mean()
    while hours < MOST_H and quiet[(begin + hours) % 24]:
        hours += 1
    while hours < MOST_H and begin != _BEGINS[1] and quiet[begin - 1]:  # before hour 0 comes hour 23 of the day before
        begin, hours = (begin - 1) % 24, hours + 1
    return begin * _SLOTS_AN_HOUR, hours


def _up(diary: Diary, day: int, begin: int, hours: int) -> tuple[int, int]:
    """Slots up and about in the night that begins in slot ``begin`` of ``day``, and the most of them in a row."""
    pages = [diary.pages[d].slots if d in diary.pages else np.zeros(SLOTS, np.uint8) for d in (day, day + 1)]
    night: NDArray[np.uint8] = np.concatenate(pages)[begin : begin + hours * _SLOTS_AN_HOUR]
    return int(night.sum()), _stretch(night)


def _stretch(night: NDArray[np.uint8]) -> int:
    """The most slots with a sign of life in a row, a single slot without one between them passed over."""
    most = now = 0
    for before, slot in pairwise((1, *night.tolist())):
        now = now + slot if slot or before else 0
        most = max(most, now)
    return most


def _sentence(evidence: UnrestEvidence) -> Sentence:
    minutes, usual, most = evidence.slots * 10, round(evidence.usual * 10), evidence.most * 10
    span = f"{evidence.from_h}:00", f"{evidence.to_h}:00"
    at_one_go = _stretch_sentence(evidence)
    return Sentence(
        f"{span[0]}から{span[1]}のあいだに約{minutes}分、起きて動いていました"
        f"(いつもは約{usual}分、これまでの{evidence.nights}晩でいちばん多い夜は約{most}分)。{at_one_go.ja}",
        f"Up and about for about {minutes} min between {span[0]} and {span[1]} "
        f"(usually about {usual} min, at most {most} min in {evidence.nights} nights).{at_one_go.en}",
    )


def _stretch_sentence(evidence: UnrestEvidence) -> Sentence:
    """What is said besides, where it is the time at one go that is more than ever."""
    if evidence.stretch <= evidence.most_stretch:
        return Sentence("", "")
    minutes, most = evidence.stretch * 10, evidence.most_stretch * 10
    return Sentence(
        f"そのうち約{minutes}分は続けて動いていました(これまでは長くて約{most}分)。",
        f" Of that, about {minutes} min at one go (at most {most} min before).",
    )
