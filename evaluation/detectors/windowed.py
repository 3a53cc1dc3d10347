"""General anomaly models on windowed counts: scikit-learn's IsolationForest and River's HalfSpaceTrees.

Every half-hour is a vector: how much was heard in the last half hour, hour, two, four and eight hours, and the time of
day. A model learns these vectors and scores the ones that would follow if nothing more were heard; the knob is the
score at which an alarm is raised. A model that has not learned enough yet is *not ready* and raises none: River's trees
score 0 until their first window is full, which must not be read as "usual".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.protocol import DAY_S, LEAST_SILENCE_S, Signs, last_before

GRID_S: Final = 1800.0
STEPS: Final = 96
WINDOWS_S: Final = (1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
ISOLATION_FOREST: Final = "IsolationForest"
HALF_SPACE_TREES: Final = "River HalfSpaceTrees"
_MOST_LOG_COUNT: Final = 6.0
_FOREST_DAYS: Final = 45
_FOREST_EVERY: Final = int(7 * DAY_S / GRID_S)
_FOREST_TREES: Final = 50
_TREES, _HEIGHT, _WINDOW = 25, 8, 250


@dataclass(frozen=True, slots=True)
class IsolationForestCounts:
    """IsolationForest fitted every week on the last 45 days. The knob is the score, 0 to 1, that raises an alarm."""

    threshold: float

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        return _first_above(signs, _forest_scores(signs), self.threshold)


@dataclass(frozen=True, slots=True)
class HalfSpaceTreesCounts:
    """River's HalfSpaceTrees, learning every half-hour.

    Its scores crowd below 1: the knob is how many nines, not always whole, the score has that raises an alarm.
    """

    nines: float

    def alarms(self, signs: Signs) -> NDArray[np.float64]:
        """See `evaluation.protocol.Detector`."""
        return _first_above(signs, _tree_scores(signs), 1 - 10**-self.nines)


@dataclass(frozen=True, slots=True)
class _Futures:
    """The vectors that would follow the signs asked for: sign and step of each, and when its sign was on the grid."""

    sign: NDArray[np.intp]
    step: NDArray[np.intp]
    since: NDArray[np.intp]
    vector: NDArray[np.float64]


@lru_cache(maxsize=64)
def _forest_scores(signs: Signs) -> NDArray[np.float32]:
    from sklearn.ensemble import IsolationForest

    history, futures, scores = _history(signs), _futures(signs), _no_scores(signs)
    for begin in range(_FOREST_EVERY, len(history), _FOREST_EVERY):
        known = history[max(0, begin - int(_FOREST_DAYS * DAY_S / GRID_S)) : begin]
        model = IsolationForest(n_estimators=_FOREST_TREES, random_state=0).fit(known)
        for part, rows, back in _asked(futures, begin, begin + _FOREST_EVERY):
            scores[futures.sign[part], futures.step[part]] = -model.score_samples(rows)[back]
    return scores


@lru_cache(maxsize=64)
def _tree_scores(signs: Signs) -> NDArray[np.float32]:
    from river.anomaly import HalfSpaceTrees

    history, futures, scores = _history(signs), _futures(signs), _no_scores(signs)
    model: Any = HalfSpaceTrees(n_trees=_TREES, height=_HEIGHT, window_size=_WINDOW, seed=0)
    for begin in range(0, len(history), _WINDOW):  # between two windows the scores of its trees do not change
        if begin:
            for part, rows, back in _asked(futures, begin, begin + _WINDOW):
                found = np.array([model.score_one(dict(enumerate(row))) for row in rows.tolist()])
                scores[futures.sign[part], futures.step[part]] = found[back]
        for row in history[begin : begin + _WINDOW].tolist():
            model.learn_one(dict(enumerate(row)))
    return scores


def _no_scores(signs: Signs) -> NDArray[np.float32]:
    return np.full((len(signs.local_s), STEPS), -np.inf, np.float32)


def _asked(
    futures: _Futures, begin: int, end: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]]:
    """The futures whose sign lies between two points of the grid: which, the different vectors, and which has which."""
    part = np.flatnonzero((futures.since >= begin) & (futures.since < end))
    if len(part):
        rows, back = np.unique(futures.vector[part], axis=0, return_inverse=True)
        yield part, rows, back.reshape(-1)


def _history(signs: Signs) -> NDArray[np.float64]:
    """The vectors of all that was recorded; float64 [half-hours, features]."""
    grid = _first_point(signs) + GRID_S * np.arange(1, (signs.local_s[-1] - signs.local_s[0]) // GRID_S + 1)
    return _vectors(signs.local_s, np.searchsorted(signs.local_s, grid, side="right"), grid)


def _first_point(signs: Signs) -> float:
    return float(signs.local_s[0] // GRID_S * GRID_S)


def _futures(signs: Signs) -> _Futures:
    """What is needed: a recorded silence up to its end, the silence after a collapse up to the last step."""
    ends_s = np.minimum(signs.gap_s, STEPS * GRID_S)
    for moments in signs.collapses.values():
        ends_s[last_before(signs.local_s, moments)] = STEPS * GRID_S
    asked = np.flatnonzero(signs.needed)
    count = np.maximum((ends_s[asked] // GRID_S).astype(np.intp), 1)
    sign = np.repeat(asked, count)
    step = np.arange(len(sign)) - np.repeat(np.cumsum(count) - count, count)
    since = ((signs.local_s[sign] - _first_point(signs)) // GRID_S).astype(np.intp)
    return _Futures(sign, step, since, _vectors(signs.local_s, sign + 1, _grid_s(signs)[sign] + step * GRID_S))


def _grid_s(signs: Signs) -> NDArray[np.float64]:
    """The first point of the grid half an hour after each sign."""
    return np.ceil((signs.local_s + LEAST_SILENCE_S) / GRID_S) * GRID_S


def _vectors(
    local_s: NDArray[np.float64], known_signs: NDArray[np.intp], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What is seen at each point of the grid of which the first ``known_signs`` signs are known; 0 to 1."""
    counts = [
        np.maximum(known_signs - np.searchsorted(local_s, grid - window, side="right"), 0) for window in WINDOWS_S
    ]
    levels = [np.minimum(np.log1p(count) / _MOST_LOG_COUNT, 1.0) for count in counts]
    angle = 2 * np.pi * grid / DAY_S
    return np.stack([*levels, (1 + np.sin(angle)) / 2, (1 + np.cos(angle)) / 2], axis=1).round(4)


def _first_above(signs: Signs, scores: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    above = scores >= threshold
    step = np.where(above.any(axis=1), above.argmax(axis=1), STEPS)
    return _grid_s(signs) + step * GRID_S
