"""Lasting drift: the days have been different for weeks. A note for the care plan; it pages no one.

Five measures of a day (how much movement, when it begins and ends, the night, outings) of the last `RECENT_DAYS` are
compared with those before by rank (Mann and Whitney 1947), each half of the recent days must lean the same way, and the
difference must be large as well as sure. Days of one person are alike for days on end, so a day counts for less than
one.
Fails to tell a season from a decline: the sentence says what changed, people say why.
"""

from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.memory import day_of
from anomaly.notes.diary import HOUR_S, SLOTS, Diary, day_start_s, lived
from anomaly.notes.note import Note, NoteKind, NoteSettings
from anomaly.occupancy import clock_time
from contracts.signals import Sentence

RECENT_DAYS: Final = 14
LEAST_BEFORE: Final = 21
_DAY_COUNTS_FOR: Final = 0.5
"""Of an independent day: recorded homes' days correlate at about a third from one to the next."""
_LARGE: Final = 0.8
"""Share of pairs (recent day, day before) that must lean one way: large enough to be worth a word."""
_NIGHT: Final = (SLOTS - 24, SLOTS)  # 23:00 to 03:00; the hours after belong to waking


MEASURES: Final = {
    "signs": ("一日の動きが減って", "less movement", "一日の動きが増えて", "more movement"),
    "begins_h": ("朝の動き出しが早くなって", "an earlier start", "朝の動き出しが遅くなって", "a later start"),
    "ends_h": ("夜の休みが早くなって", "an earlier evening", "夜の休みが遅くなって", "a later evening"),
    "night_slots": ("夜の動きが減って", "quieter nights", "夜の動きが増えて", "more movement at night"),
    "outings": ("外出が減って", "fewer outings", "外出が増えて", "more outings"),
}
"""The measures of a day, and what to say when one drifts: to less or earlier, then to more or later, in Japanese and in
English each."""


@dataclass(frozen=True, slots=True)
class DriftEvidence:
    """What changed.

    Attributes:
        measure: which of `MEASURES`.
        recent: its median in the last days; before: in the days before them.
        share_of_pairs: of one recent and one earlier day, in which the recent one has more.
        recent_days, before_days: days with life on either side.
    """

    measure: str
    recent: float
    before: float
    share_of_pairs: float
    recent_days: int
    before_days: int


@dataclass(frozen=True, slots=True)
class Drift:
    """What is to be said of the last weeks, once a day.

    Attributes:
        note_evidence: the measure that drifted most surely; None: none did.
        score: how sure against the limit; above 1 is noted.
        ready: whether enough weeks are known; not ready is a state, never "all is well".
    """

    note_evidence: DriftEvidence | None = None
    score: float = 0.0
    ready: bool = False

    @classmethod
    def learn(cls, diary: Diary, today: int, settings: NoteSettings) -> "Drift":
        """Compare the days before ``today`` (number of the day)."""
        days = diary.days_before(today)
        table = _measures(diary, days)
        good, number = lived(table[:, 0]), np.array(days)
        recent, before = table[good & (number >= today - RECENT_DAYS)], table[good & (number < today - RECENT_DAYS)]
        if len(recent) < RECENT_DAYS - 4 or len(before) < LEAST_BEFORE:
            return cls()
        limit = _limit(settings.drift_every_days)
        found = [_drifted(name, recent[:, i], before[:, i]) for i, name in enumerate(MEASURES)]
        sureness, evidence = max(found, key=lambda one: one[0])
        return cls(evidence if sureness > limit else None, sureness / limit, ready=True)

    def judge(self, diary: Diary, now_s: float) -> Note | None:  # noqa: ARG002 - the days that are over say it all
        """The note of the day, if the weeks before it drifted; ``now_s``: seconds on the wall clock."""
        if self.note_evidence is None:
            return None
        since_s = day_start_s(int(day_of(now_s)) - RECENT_DAYS)
        return Note(NoteKind.DRIFT, since_s, now_s, self.score, _sentence(self.note_evidence), self.note_evidence)


def _measures(diary: Diary, days: list[int]) -> NDArray[np.float64]:
    """Float64 [days, measures]."""
    table = np.zeros((len(days), len(MEASURES)))
    outings = Counter(int(day_of(outing.left_s)) for outing in diary.outings)
    for i, day in enumerate(days):
        page = diary.pages[day]
        active = np.flatnonzero(page.slots)
        night = page.slots[_NIGHT[0] :].sum() + page.slots[:12].sum()
        table[i] = (float(page.counts.sum()), *_ends_h(active), float(night), outings[day])
    return table


def _ends_h(active: NDArray[np.intp]) -> tuple[float, float]:
    """When a day begins and ends: the first and last tenth of its active slots, which single visits do not move."""
    if not len(active):
        return 0.0, 0.0
    return _tenth(active) * 600 / HOUR_S, (SLOTS - _tenth(SLOTS - active[::-1])) * 600 / HOUR_S


def _tenth(ascending: NDArray[np.intp]) -> float:
    """The first tenth of some numbers, between two of them where it lies there."""
    place = 0.1 * (len(ascending) - 1)
    below = int(place)
    low, high = ascending[below], ascending[min(below + 1, len(ascending) - 1)]
    return float(low + (high - low) * (place - below))


def _drifted(
    measure: str, recent: NDArray[np.float64], before: NDArray[np.float64]
) -> tuple[float, DriftEvidence | None]:
    """How many standard deviations the recent days are off, 0 where the lean is small or does not last."""
    share = _pairs_above(recent, before)
    half = len(recent) // 2
    halves = _pairs_above(recent[:half], before), _pairs_above(recent[half:], before)
    leans = max(share, 1 - share)
    lasting = all((part > 0.5) == (share > 0.5) and max(part, 1 - part) > 0.65 for part in halves)
    if leans < _LARGE or not lasting:
        return 0.0, None
    m, n = len(recent) * _DAY_COUNTS_FOR, len(before) * _DAY_COUNTS_FOR
    sureness = (leans - 0.5) / float(np.sqrt((m + n + 1) / (12 * m * n)))
    evidence = DriftEvidence(
        measure,
        round(float(np.median(recent)), 1),
        round(float(np.median(before)), 1),
        round(share, 2),
        len(recent),
        len(before),
    )
    return sureness, evidence


def _pairs_above(recent: NDArray[np.float64], before: NDArray[np.float64]) -> float:
    """Share of pairs in which the recent day has more; ties count half."""
    above = recent[:, None] > before[None, :]
    equal = recent[:, None] == before[None, :]
    return float(above.mean() + 0.5 * equal.mean())


def _limit(every_days: float) -> float:
    """Standard deviations exceeded once in so many days by one of the measures, looked at once per `RECENT_DAYS`."""
    chance = RECENT_DAYS / (max(every_days, 2.0 * RECENT_DAYS) * len(MEASURES))
    return NormalDist().inv_cdf(1 - chance / 2)


def _sentence(evidence: DriftEvidence) -> Sentence:
    less_ja, less_en, more_ja, more_en = MEASURES[evidence.measure]
    words = Sentence(more_ja, more_en) if evidence.share_of_pairs > 0.5 else Sentence(less_ja, less_en)
    weeks = RECENT_DAYS // 7
    recent, before = (_say(evidence.measure, value) for value in (evidence.recent, evidence.before))
    return Sentence(
        f"この{weeks}週間、{words.ja}います(中央値 {before.ja} → {recent.ja})。"
        "急ぎではありません。ケアの見直しの参考に。",
        f"For {weeks} weeks there has been {words.en} (median {before.en} before, {recent.en} now). "
        "Not urgent: for the care plan.",
    )


def _say(measure: str, value: float) -> Sentence:
    if measure == "night_slots":
        return Sentence(f"{value * 10:.0f}分", f"{value * 10:.0f} min")
    if not measure.endswith("_h"):
        return Sentence(f"{value:g}回", f"{value:g}")
    clock = clock_time((value + 3) * 60)
    return Sentence(clock, clock)
