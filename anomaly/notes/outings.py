"""No return from outdoors: out longer, or later into the night, than ever usual here.

Two limits, each with half of the budget: how long an outing takes, and at what hour the person is home again. The note
is due when the earlier of the two has passed, but never before nine outings in ten are over. Fails where the entrance
has no sensor (then it is never ready), and says nothing of somebody who left by another door.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anomaly.memory.memory import day_of
from anomaly.notes.diary import HOUR_S, Diary, Outing, day_start_s
from anomaly.notes.note import Note, NoteKind, NoteSettings
from anomaly.notes.tails import once_in
from anomaly.occupancy import clock_time
from contracts.signals import Sentence

LEAST_OUTINGS: Final = 10
LONGEST_S: Final = 20 * HOUR_S
"""Longer than this is a journey, not an outing: it says nothing about when somebody comes home."""
_CLEAR_S: Final = 1800.0
"""How far past the usual a limit lies at least."""


@dataclass(frozen=True, slots=True)
class NoReturnEvidence:
    """How long somebody is out.

    Attributes:
        out_h: hours so far.
        longest_h: hours of the longest outing known.
        latest_home_h: latest return, hours since midnight of the day they left.
        outings: how many are known.
    """

    out_h: float
    longest_h: float
    latest_home_h: float
    outings: int


@dataclass(frozen=True, slots=True)
class Outings:
    """What is usual of going out.

    Attributes:
        length_limit_s: an outing takes longer about once in twice the budget.
        home_limit_s: the person is home later about once in twice the budget; seconds since 03:00 of the day they left.
        common_s: nine outings in ten are over by then.
        longest_s: of the outings known; latest_s: latest return, seconds since 03:00 of the day they left.
        outings: how many are known.
        ready: whether it can say anything; not ready is a state, never "all is well".
    """

    length_limit_s: float = float("inf")
    home_limit_s: float = float("inf")
    common_s: float = float("inf")
    longest_s: float = 0.0
    latest_s: float = 0.0
    outings: int = 0
    ready: bool = False

    @classmethod
    def learn(cls, diary: Diary, today: int, settings: NoteSettings) -> "Outings":
        """Learn from the days before ``today`` (number of the day)."""
        days, known = diary.days_before(today), _known(diary.outings, today)
        if len(known) < LEAST_OUTINGS or len(days) < settings.ready_after_days:
            return cls(outings=len(known))
        lengths = np.array([outing.length_s for outing in known])
        left_days = [int(day_of(outing.left_s)) for outing in known]
        homes = np.array([outing.back_s - day_start_s(day) for outing, day in zip(known, left_days, strict=True)])
        row = np.searchsorted(days, left_days)
        length_by_day, home_by_day = np.zeros(len(days)), np.zeros(len(days))
        np.maximum.at(length_by_day, row, lengths)
        np.maximum.at(home_by_day, row, homes)
        every_days = 2 * settings.no_return_every_days
        return cls(
            length_limit_s=max(once_in(length_by_day, every_days), float(lengths.max()) * 0.5 + _CLEAR_S),
            home_limit_s=once_in(home_by_day, every_days) + _CLEAR_S,
            common_s=float(np.quantile(lengths, 0.9)),
            longest_s=float(lengths.max()),
            latest_s=float(homes.max()),
            outings=len(known),
            ready=True,
        )

    def due_s(self, left_s: float) -> float:
        """When somebody who left at ``left_s`` (seconds on the wall clock) is missed, on the same clock; inf: never."""
        by_clock_s = day_start_s(int(day_of(left_s))) + self.home_limit_s
        return max(left_s + self.common_s + _CLEAR_S, min(left_s + self.length_limit_s, by_clock_s))

    def judge(self, diary: Diary, now_s: float) -> Note | None:
        """Is somebody missed at ``now_s``? None: nobody is out, or not for too long, or not ready."""
        left_s = diary.left_s
        if not self.ready or left_s is None or now_s < self.due_s(left_s):
            return None
        out_s = now_s - left_s
        evidence = NoReturnEvidence(
            round(out_s / HOUR_S, 1),
            round(self.longest_s / HOUR_S, 1),
            round(self.latest_s / HOUR_S + 3, 1),
            self.outings,
        )
        score = out_s / (self.due_s(left_s) - left_s)
        return Note(NoteKind.NO_RETURN, left_s, now_s, score, _sentence(evidence, left_s), evidence)


def _known(outings: Sequence[Outing], today: int) -> list[Outing]:
    """Outings that were over before ``today`` began."""
    begin_s, limit_s = day_start_s(today), day_start_s(today - 90)
    return [
        outing
        for outing in outings
        if limit_s <= outing.left_s and outing.back_s <= begin_s and outing.length_s <= LONGEST_S
    ]


def _sentence(evidence: NoReturnEvidence, left_s: float) -> Sentence:
    left, latest = clock_time(left_s // 60), clock_time(evidence.latest_home_h * 60)
    return Sentence(
        f"{left}に外出してから{evidence.out_h:g}時間戻っていません"
        f"(この90日でいちばん長い外出は{evidence.longest_h:g}時間、いちばん遅い帰宅は{latest}ごろ)。",
        f"Out since {left} and not back after {evidence.out_h:g} h "
        f"(in 90 days the longest outing took {evidence.longest_h:g} h, the latest return was about {latest}).",
    )
