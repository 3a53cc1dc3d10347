"""Where the person was last heard: at the door, in a room where life is quiet, or in one where it is busy.

After the front door a long silence is an outing, after the bed or the armchair it is rest, after the kitchen tap it is
rare. Which rooms are quiet is learned from the home itself, never from their names.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

DOOR: Final = 0
QUIET: Final = 1
BUSY: Final = 2
CONTEXTS: Final = 3

KINDS: Final = frozenset({"motion", "door", "item", "power"})
"""The kinds of sensor that a rhythm learns from; ``door`` is the entrance only."""

HALF_HOURS: Final = 48
HALF_HOUR_S: Final = 1800
DAY_S: Final = 86_400

_LATEST_S: Final = 1e11
_SPARSE_SLOTS = 30.0
"""A sensor with less evidence than this is drawn towards the mean of the home."""


def check_event(local_s: float, kind: str) -> None:
    """Raises ValueError: an unknown kind, or a time that is no time."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}, not {kind!r}")
    if not 0 <= local_s < _LATEST_S:
        raise ValueError(f"local_s must be seconds since the epoch, not {local_s!r}")


def clock_time(minutes: float) -> str:
    """What a clock shows so many minutes after midnight, of whatever day."""
    hours, rest = divmod(int(minutes), 60)
    return f"{hours % 24}:{rest:02d}"


def half_hour(local_s: float) -> int:
    """The half-hour of the day, 0 to 47, of a moment in seconds on the home's wall clock."""
    return int(local_s // HALF_HOUR_S) % HALF_HOURS


def half_hours(local_s: NDArray[np.float64]) -> NDArray[np.intp]:
    """`half_hour` of many moments; intp of the same shape."""
    return (local_s // HALF_HOUR_S).astype(np.intp) % HALF_HOURS


def sensor_contexts(
    is_door: Sequence[bool], active_slots: NDArray[np.float64], rests: NDArray[np.float64]
) -> NDArray[np.int8]:
    """The context of each sensor.

    The rooms are put in order of how often a rest (a silence of half an hour or more) follows a ten-minute slot that
    ended there, and cut in two where the two sides differ most.

    Args:
        is_door: whether the sensor is the entrance door.
        active_slots: float [sensors], ten-minute slots whose last sign of life came from the sensor.
        rests: float [sensors], silences of 30 min to 48 h that began there.

    Returns:
        int8 [sensors] of DOOR, QUIET or BUSY. Everything is QUIET while the home shows no difference.
    """
    contexts = np.full(len(is_door), QUIET, dtype=np.int8)
    doors = np.asarray(is_door, dtype=bool)
    contexts[doors] = DOOR
    rooms = np.flatnonzero(~doors & (active_slots > 0))
    if len(rooms) < 2:
        return contexts
    home_rate = rests[rooms].sum() / active_slots[rooms].sum()
    rate = (rests[rooms] + _SPARSE_SLOTS * home_rate) / (active_slots[rooms] + _SPARSE_SLOTS)
    order = np.argsort(rate, kind="stable")
    busy = order[: _best_cut(active_slots[rooms][order], rests[rooms][order])]
    contexts[rooms[busy]] = BUSY
    return contexts


def _best_cut(slots: NDArray[np.float64], rests: NDArray[np.float64]) -> int:
    """How many of the ordered rooms are busy: the cut with the greatest gain in binomial likelihood."""
    n, k = np.cumsum(slots), np.cumsum(np.minimum(rests, slots))
    whole = _log_likelihood(k[-1], n[-1])
    gain = _log_likelihood(k[:-1], n[:-1]) + _log_likelihood(k[-1] - k[:-1], n[-1] - n[:-1]) - whole
    best = int(np.argmax(gain))
    return best + 1 if gain[best] > 2.0 else 0


def _log_likelihood(k: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    rate = (k + 0.5) / (n + 1.0)
    return k * np.log(rate) + (n - k) * np.log1p(-rate)
