"""What a home's past counts for on the coming day, by the type of day that it is."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly.memory.day_types import NONE, WEEK, groups, lent, weekday_of
from anomaly.memory.memory import Memory, day_of
from anomaly.occupancy import CONTEXTS, HALF_HOURS, QUIET
from anomaly.settings import RhythmSettings
from anomaly.survival import Silences


class WeighedPast(NamedTuple):
    """What the past counts for by the type of day, today's first.

    Attributes:
        silences: with their types of day.
        slots: float64 [types, contexts, half-hours], active ten-minute slots.
        days: float64 [types], days of each with a sign of life, forgotten like the silences.
        days_by_clock: float64 [types, half-hours, 1], days that `silences.counts` come from; with one type a number.
    """

    silences: Silences
    slots: NDArray[np.float64]
    days: NDArray[np.float64]
    days_by_clock: float | NDArray[np.float64]


def past_of(
    memory: Memory,
    silences: Silences,
    start_s: NDArray[np.float64],
    sensor_context: NDArray[np.int8],
    night_s: float,
    settings: RhythmSettings,
) -> WeighedPast:
    """What the past says about a day like the one that begins.

    Args:
        memory: all that the home remembers.
        silences: of days with life in them, as if all days were of one type.
        start_s: float64 [silences], when each began, seconds on the wall clock.
        sensor_context: int8 [sensors].
        night_s: 03:00 of the day, on the same clock.
        settings: how fast it forgets.
    """
    today = int(day_of(night_s))
    left = 0.5 ** ((today - memory.days["day"].astype(np.float64)) / settings.half_life_days)
    if memory.special == NONE:
        days, slots = left.sum(keepdims=True), np.zeros((CONTEXTS, HALF_HOURS))
        np.add.at(slots, sensor_context, memory.slots)
        return WeighedPast(silences, slots[None], days, float(days[0]))
    group = groups(memory.special)
    of_type = (group != group[weekday_of(today)]).astype(np.intp)
    by_weekday = np.bincount(weekday_of(memory.days["day"]), left, minlength=WEEK).astype(np.float64)
    counted = lent(of_type, by_weekday)
    weekday = weekday_of(day_of(start_s)).astype(np.intp)
    counts = counted[:, weekday, silences.context, silences.slot] * silences.weight
    is_in = (np.arange(CONTEXTS)[:, None] == sensor_context).astype(np.float64)
    slots = is_in @ memory.weekday_slots.astype(np.float64)
    return WeighedPast(
        silences._replace(day_type=of_type[weekday], counts=counts),
        np.einsum("twch,wch->tch", counted, slots),
        np.bincount(of_type, by_weekday).astype(np.float64),
        np.einsum("twh,w->th", counted[:, :, QUIET], by_weekday)[..., None],
    )
