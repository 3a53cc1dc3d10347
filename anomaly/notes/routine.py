"""Missed routine: a thing that is done every day by a certain hour was not done today, although there is life at home.

A routine is a sensor (kettle, fridge, toilet, …) whose first sign of the day came on nearly every day. How late it is,
in spreads of its own past, is compared between the routines of a home; one budget holds for all of them together.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.memory import day_of
from anomaly.notes.diary import HOUR_S, HOURS, Diary, day_start_s, lived
from anomaly.notes.note import Note, NoteKind, NoteSettings
from anomaly.notes.tails import once_in
from anomaly.occupancy import clock_time
from contracts.signals import Sentence

ON_MOST_DAYS: Final = 0.93
"""A sensor is a routine if its first sign came on so many of the days with life."""
NEVER_H: Final = 24.0
_LEAST_SPREAD_H: Final = 0.5
_LEAST_LATE_H: Final = 1.0
_LATEST_DUE_H: Final = 18.0
"""21:00: a routine that could only be missed later than this is none that anybody would ask about."""
_LIFE: Final = 3
"""Signs of life by other sensors that prove that somebody is up."""


_THINGS: Final = (
    ("kettle", "電気ポット", "kettle"),
    ("tv", "テレビ", "television"),
    ("fridge", "冷蔵庫", "fridge"),
    ("refrigerator", "冷蔵庫", "fridge"),
    ("freezer", "冷凍庫", "freezer"),
    ("microwave", "電子レンジ", "microwave"),
    ("stove", "コンロ", "stove"),
    ("toilet", "トイレ", "toilet"),
    ("bath", "浴室", "bathroom"),
    ("shower", "浴室", "shower"),
    ("kitchen", "台所", "kitchen"),
    ("dining", "食堂", "dining room"),
    ("bed", "寝室", "bedroom"),
    ("living", "居間", "living room"),
)
"""Words in a sensor id, the thing before its room; first match wins."""


@dataclass(frozen=True, slots=True)
class RoutineEvidence:
    """What did not come.

    Attributes:
        sensor: sensor id.
        usual_h: hour of the clock of its first sign of the day, median; latest_h: latest.
        share_of_days: on which it came; days: how many are known.
    """

    sensor: str
    usual_h: float
    latest_h: float
    share_of_days: float
    days: int


@dataclass(frozen=True, slots=True, eq=False)
class Routines:
    """The routines of one home.

    Attributes:
        usual_h: float64 [sensors], hours from 03:00 to the first sign, median; NaN: no routine.
        due_h: float64 [sensors], hours from 03:00 after which it is missed; inf: never.
        latest_h: float64 [sensors], of the days known on which it came.
        share: float64 [sensors], of the days with life on which it came.
        days: how many.
        ready: whether there is a routine at all and it can be missed; not ready is a state, never "all is well".
    """

    usual_h: NDArray[np.float64]
    due_h: NDArray[np.float64]
    latest_h: NDArray[np.float64]
    share: NDArray[np.float64]
    days: int
    ready: bool

    @classmethod
    def learn(cls, diary: Diary, today: int, settings: NoteSettings) -> "Routines":
        """Learn from the days before ``today`` (number of the day)."""
        days, many = diary.days_before(today), len(diary.sensors)
        never, unknown = np.full(many, np.inf), np.full(many, np.nan)
        at_home = diary.at_home(days, day_start_s(today)).mean(axis=1)
        good = lived(diary.counts(days).sum(axis=(0, 2))) & (at_home > 0.5)
        first_h = np.array([diary.pages[day].first_h[:many] for day in days], float).reshape(len(days), many)[good]
        if len(first_h) < settings.ready_after_days:
            return cls(unknown, never, unknown, unknown, len(first_h), ready=False)
        came = np.isfinite(first_h)
        share = came.mean(axis=0)
        is_door = np.array([kind == "door" for _, kind in diary.sensors])
        routine = (share >= ON_MOST_DAYS) & ~is_door
        usual, spread = _middle(np.where(came, first_h, np.nan), routine)
        late = np.where(came, (first_h - usual) / spread, (NEVER_H - usual) / spread)[:, routine]
        if not routine.any():
            return cls(usual, never, unknown, share, len(first_h), ready=False)
        limit = max(once_in(late.max(axis=1), settings.routine_every_days), 1.0)
        due_h = np.maximum(usual + limit * spread, usual + _LEAST_LATE_H)
        due_h = np.where(routine & (due_h <= _LATEST_DUE_H), due_h, np.inf)
        latest = np.where(came, first_h, -np.inf).max(axis=0)
        return cls(usual, due_h, latest, share, len(first_h), ready=bool(np.isfinite(due_h).any()))

    def judge(self, diary: Diary, now_s: float) -> Note | None:
        """Was a routine missed by ``now_s`` (seconds on the wall clock)? Of several the one most overdue."""
        today = int(day_of(now_s))
        page, now_h = diary.pages.get(today), (now_s - day_start_s(today)) / HOUR_S
        if not self.ready or page is None:
            return None
        out_h = float((1.0 - diary.at_home([today], now_s))[0, : int(now_h) + 1].sum())
        many = len(self.due_h)
        # A sensor that was not seen on the last day with life died days ago, and misses no routine.
        seen_last = np.isfinite(diary.pages[diary.days_before(today)[-1]].first_h[:many])
        missed = (page.first_h[:many] > now_h) & (now_h - out_h > self.due_h) & seen_last
        by_others = page.counts.sum() - page.counts[:many].sum(axis=1)
        late = np.where(missed & (by_others >= _LIFE), (now_h - out_h) - self.due_h, -np.inf)
        index = int(np.argmax(late))
        if late[index] == -np.inf:
            return None
        evidence = RoutineEvidence(
            diary.sensor_names()[index],
            _clock_h(self.usual_h[index]),
            _clock_h(self.latest_h[index]),
            round(float(self.share[index]), 2),
            self.days,
        )
        score = (now_h - out_h) / float(self.due_h[index])
        return Note(NoteKind.MISSED_ROUTINE, day_start_s(today), now_s, score, _sentence(evidence, now_s), evidence)


def _middle(
    first_h: NDArray[np.float64], routine: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and spread (from the median to the ninth tenth) of each routine; NaN and 1 for the others."""
    usual, spread = np.full(len(routine), np.nan), np.ones(len(routine))
    for index in np.flatnonzero(routine):
        usual[index], ninth = np.nanquantile(first_h[:, index], (0.5, 0.9))
        spread[index] = max(ninth - usual[index], _LEAST_SPREAD_H)
    return usual, spread


def _clock_h(since_three_h: float) -> float:
    return round((float(since_three_h) + 3.0) % HOURS, 2)


def _sentence(evidence: RoutineEvidence, now_s: float) -> Sentence:
    place = thing_of(evidence.sensor)
    usual, latest = (clock_time(hours * 60) for hours in (evidence.usual_h, evidence.latest_h))
    now = clock_time(now_s // 60)
    return Sentence(
        f"いつもは{usual}ごろにある{place.ja}の動きが、今日は{now}までありません"
        f"(この{evidence.days}日でいちばん遅い日は{latest})。ほかの動きはあります。",
        f"The {place.en}, usually used at about {usual}, has not been used until {now} today "
        f"(the latest of {evidence.days} days was {latest}), although there is other movement.",
    )


def thing_of(sensor: str) -> Sentence:
    """What a sensor id stands for in words; the id itself where nothing in it is known."""
    for word, ja, en in _THINGS:
        if word in sensor.lower():
            return Sentence(ja, en)
    return Sentence(f"「{sensor}」", f"sensor '{sensor}'")
