"""Partial decline: life goes on, far below the usual.

Each whole hour at home is weighed: does it look more like the usual, or like `LEFT` of the usual? The weights of the
last hours add up as far back as speaks most for a decline, at most `WINDOW_H` (a CUSUM with an end; Page 1954). Hours
out do not count, nights hardly. The limit comes from the same sum over the home's own past.

Assumes that sensors see a living person about as often on one day as on another at the same hour. Fails where outings
cannot be told (no sensor at the entrance) and where life has always been this uneven: then the limit is far away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.memory import day_of
from anomaly.notes.diary import HOUR_S, HOURS, Diary, day_start_s, lived
from anomaly.notes.note import Note, NoteKind, NoteSettings
from anomaly.notes.tails import once_in
from contracts.signals import Sentence

LEFT: Final = 0.3
"""The share of the usual activity that counts as a decline when the hours are weighed."""
AT_MOST: Final = 0.45
"""A note is made only where less than this share was seen: what it says must be plain to everybody."""
WINDOW_H: Final = 24
LEAST_USUAL: Final = 8.0
"""Signs of life that must usually have come in the stretch, or a share of them means nothing."""
LEAST_LIVED_H, LEAST_LIVED_SHARE = 2, 0.2
"""Life went on in at least so many hours, and such a share of the hours that are usually lived; else it is a silence,
which has deadlines of its own, or an outing that nobody could tell."""
_LEAST_LIMIT: Final = LEAST_USUAL * (1.0 - LEFT)
"""Less is never noted, however even the home: it takes `LEAST_USUAL` signs, of which nearly none came."""
_HALF_LIFE_DAYS: Final = 30.0
_BURST: Final = 2.0
"""An hour counts at most for so many times its usual: a visitor does not make up for a morning in bed."""
_DEAD_USUAL: Final = 6.0
"""A sensor that should have seen so many signs, at the level of all the others, and saw none, is dead."""


@dataclass(frozen=True, slots=True)
class DeclineEvidence:
    """What is left of the usual.

    Attributes:
        seen: signs of life in the stretch; usual: in the same hours at home.
        hours: length of the stretch.
        dead_sensors: sensor ids that were not counted, on either side.
        days: days with life that the usual was learned from.
    """

    seen: float
    usual: float
    hours: int
    dead_sensors: tuple[str, ...]
    days: int


@dataclass(frozen=True, slots=True, eq=False)
class DeclineModel:
    """What is usual in one home.

    Attributes:
        usual: float64 [sensors, HOURS], signs of life in an hour at home, by hour since 03:00.
        limit: the sum that is exceeded about once in the budget; inf while nothing can be said.
        days: days with life that it was learned from.
        ready: whether it can say anything; not ready is a state, never "all is well".
    """

    usual: NDArray[np.float64]
    limit: float
    days: int
    ready: bool

    @classmethod
    def learn(cls, diary: Diary, today: int, settings: NoteSettings) -> "DeclineModel":
        """Learn from the days before ``today`` (number of the day)."""
        days = diary.days_before(today)
        counts, home = diary.counts(days), diary.at_home(days, day_start_s(today))
        good = lived(counts.sum(axis=(0, 2)) / np.maximum(home.mean(axis=1), 0.2))
        if good.sum() < settings.ready_after_days:
            return cls(np.zeros((len(diary.sensors), HOURS)), float("inf"), int(good.sum()), ready=False)
        weight = good * 0.5 ** ((today - np.array(days)) / _HALF_LIFE_DAYS)
        usual = _usual(counts, home, weight)
        worst = _worst_by_day(diary, days, usual, day_start_s(today))
        limit = max(once_in(worst[good], settings.decline_every_days), _LEAST_LIMIT)
        return cls(usual, limit, int(good.sum()), ready=True)

    def judge(self, diary: Diary, now_s: float) -> Note | None:
        """Weigh the whole hours before ``now_s`` (seconds on the wall clock). None: no decline, or not ready."""
        if not self.ready:
            return None
        today = int(day_of(now_s))
        days = [today - 2, today - 1, today]
        counts, home = diary.counts(days), diary.at_home(days, now_s)
        whole = 2 * HOURS + int((now_s - day_start_s(today)) // HOUR_S)
        window = slice(whole - WINDOW_H, whole)
        seen = counts.reshape(len(counts), -1)[:, window]
        at_home = home.reshape(-1)[window]
        usual = np.zeros_like(seen)
        usual[: len(self.usual)] = np.tile(self.usual, 3)[:, window] * at_home
        dead = _dead(seen, usual)
        total, expected = seen.sum(axis=0), (usual * ~dead).sum(axis=0)
        score, hours = _strongest(_weights(total, expected))
        stretch = slice(WINDOW_H - hours, WINDOW_H)
        evidence = DeclineEvidence(
            float(total[stretch].sum()),
            round(float(expected[stretch].sum()), 1),
            hours,
            tuple(name for name, hours_dead in zip(diary.sensor_names(), dead, strict=True) if hours_dead.any()),
            self.days,
        )
        went_on = _went_on(total[stretch], expected[stretch])
        if score <= self.limit or not went_on or not _is_plain(evidence):
            return None
        end_s = now_s - now_s % HOUR_S
        return Note(NoteKind.DECLINE, end_s - hours * HOUR_S, now_s, score / self.limit, _sentence(evidence), evidence)


def _usual(counts: NDArray[np.float64], home: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signs in an hour at home, smoothed with the hours beside it; a sensor is averaged over the days it was seen."""
    per_sensor = weight * _in_service(counts)
    seen = np.einsum("sd,sdh->sh", per_sensor, counts)
    hours = np.einsum("sd,dh->sh", per_sensor, home)
    return _smooth(seen) / np.maximum(_smooth(hours), 1e-9)


def _smooth(by_hour: NDArray[np.float64]) -> NDArray[np.float64]:
    before, after = np.roll(by_hour, 1, axis=1), np.roll(by_hour, -1, axis=1)
    return 0.25 * before + 0.5 * by_hour + 0.25 * after


def _in_service(counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Bool [sensors, days]: from the first to the last day a sensor was seen; days of 0 are left out for a busy one."""
    daily = counts.sum(axis=2)
    seen = daily > 0
    begun = np.cumsum(seen, axis=1) > 0
    to_come = np.cumsum(seen[:, ::-1], axis=1)[:, ::-1] > 0
    middle = np.array([np.median(row[row > 0]) if row.any() else 0.0 for row in daily])
    alive: NDArray[np.bool_] = begun & to_come & (seen | (middle < _DEAD_USUAL)[:, None])
    return alive


def _worst_by_day(diary: Diary, days: Sequence[int], usual: NDArray[np.float64], now_s: float) -> NDArray[np.float64]:
    """The strongest sum of each day, float64 [days], from the days in a row with their gaps."""
    row = list(range(days[0], days[-1] + 1))
    counts, home = diary.counts(row), diary.at_home(row, now_s)
    known = np.isin(row, days)
    expected = np.einsum("sh,dh,sd->dh", usual, home, _in_service(counts)) * known[:, None]
    weights = _weights(counts.sum(axis=0).ravel(), expected.ravel())
    total = np.concatenate([np.zeros(WINDOW_H + 1), np.cumsum(weights)])
    before = np.lib.stride_tricks.sliding_window_view(total, WINDOW_H)[:-1].min(axis=1)
    strongest = (total[WINDOW_H + 1 :] - before[1:]).reshape(-1, HOURS).max(axis=1)
    worst: NDArray[np.float64] = strongest[known]
    return worst


def _weights(seen: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each hour speaks for `LEFT` of the usual and against the usual; Poisson."""
    weights: NDArray[np.float64] = np.minimum(seen, _BURST * usual + 1.0) * np.log(LEFT) + usual * (1.0 - LEFT)
    return weights


def _strongest(weights: NDArray[np.float64]) -> tuple[float, int]:
    """The strongest sum that ends now, and over how many hours."""
    sums = np.cumsum(weights[::-1])
    hours = int(np.argmax(sums)) + 1
    return float(sums[hours - 1]), hours


def _went_on(seen: NDArray[np.float64], usual: NDArray[np.float64]) -> bool:
    lived_h = int((seen > 0).sum())
    return lived_h >= max(LEAST_LIVED_H, LEAST_LIVED_SHARE * int((usual >= 1).sum()))


def _is_plain(evidence: DeclineEvidence) -> bool:
    return evidence.usual >= LEAST_USUAL and evidence.seen < AT_MOST * evidence.usual


def _dead(seen: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Bool [sensors, hours]: from when on a sensor saw nothing while the others saw so much that it should have."""
    dead = np.zeros(seen.shape, bool)
    for sensor, row in enumerate(seen):
        heard = np.flatnonzero(row)
        after = slice(int(heard[-1]) + 1 if len(heard) else 0, None)
        others = seen[:, after].sum()  # of its own there is nothing
        others_usual = usual[:, after].sum() - usual[sensor, after].sum()
        level = min(float(others) / max(float(others_usual), 1e-9), 1.0)
        dead[sensor, after] = usual[sensor, after].sum() * level >= _DEAD_USUAL
    return dead


def _sentence(evidence: DeclineEvidence) -> Sentence:
    share = round(100 * evidence.seen / evidence.usual)
    without = len(evidence.dead_sensors)
    ja = f"(反応のないセンサー{without}台を除く)" if without else ""
    en = f" ({without} sensor(s) that do not respond left out)" if without else ""
    return Sentence(
        f"生活は続いていますが、この{evidence.hours}時間の動きはいつもの{share}%です"
        f"(いつもは約{evidence.usual:.0f}回、今回は{evidence.seen:.0f}回){ja}。",
        f"Life goes on, but in the last {evidence.hours} h there was {share}% of the usual movement "
        f"(usually about {evidence.usual:.0f} signs, now {evidence.seen:.0f}){en}.",
    )
