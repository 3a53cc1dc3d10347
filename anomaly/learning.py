"""One night's learning: from what a home remembers to the deadline table of the coming day."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly import deadlines
from anomaly.memory.day_types import DAY_HALF_HOURS, same_type, weekday_of
from anomaly.memory.memory import Memory, day_of
from anomaly.memory.past import past_of
from anomaly.occupancy import BUSY, DAY_S, HALF_HOURS, half_hours, sensor_contexts
from anomaly.patience import PastAsks, adjusted_budget
from anomaly.settings import RhythmSettings
from anomaly.survival import CLOCK_APART, LENGTHS_S, LONGEST_S, Silences, learn
from anomaly.table import (
    MAX_BUSY_SENSORS,
    MAX_PLACES,
    NO_PLACE,
    Attained,
    DeadlineTable,
    SilenceEvidence,
    checksum,
    place_name,
)
from anomaly.tuning import CHOSEN, Tuning

REST_S: Final = 1800.0
ATTAINED_DAYS: Final = 60
LONGEST_DAYS: Final = 30
NEAR_HALF_HOURS: Final = 2
USUAL_SHARE: Final = 0.25
_NEAR: Final = (CLOCK_APART <= NEAR_HALF_HOURS).astype(np.float64)
"""1 where half-hours lie within an hour of each other; float64 [half-hours, half-hours]."""


def deadline_table(memory: Memory, night_s: float, settings: RhythmSettings, tuning: Tuning = CHOSEN) -> DeadlineTable:
    """The table in force after this night.

    Args:
        memory: all that the home remembers, up to this night.
        night_s: the night, seconds on the wall clock.
        settings: budgets and patience.
        tuning: how a budget is spent.
    """
    lived = memory.is_lived()
    rows = memory.silences[lived & (memory.silences["length_s"] <= LONGEST_S)]
    weight = 0.5 ** ((night_s - rows["start_s"]) / DAY_S / settings.half_life_days)
    sensor_context = _sensor_contexts(memory, rows, weight)
    slot = half_hours(rows["start_s"])
    silences = Silences.of(slot, rows["length_s"].astype(np.float64), sensor_context[rows["sensor"]], weight)
    past = past_of(memory, silences, rows["start_s"], sensor_context, night_s, settings)
    survival = learn(past.silences, past.slots, settings.prior_slots)
    known = deadlines.waits(survival, past, tuning)
    ask_days = adjusted_budget(settings.ask_every_days, _asked(memory, lived, "asked", night_s))
    call_days = adjusted_budget(settings.call_every_days, _asked(memory, lived, "called", night_s))
    ask_s = deadlines.capped(known.wait_s(ask_days), settings, deadlines.ANSWER_S)
    call_s = np.maximum(deadlines.capped(known.wait_s(call_days), settings), ask_s)
    busy = np.flatnonzero(sensor_context == BUSY)
    busy = busy[np.argsort(-memory.slots[busy].sum(axis=1), kind="stable")][:MAX_BUSY_SENSORS]
    names = list(memory.sensors)
    return DeadlineTable(
        ask_s=ask_s,
        call_s=call_s,
        ready=len(memory.days) >= settings.ready_after_days,
        days=len(memory.days),
        ask_every_days=settings.ask_every_days,
        call_every_days=settings.call_every_days,
        busy=frozenset(checksum(*names[index]) for index in busy),
        attained=_attained(memory, night_s),
        evidence=_evidence(memory, rows, slot, past.silences.day_type, survival.share[deadlines.TODAY], ask_s, night_s),
    )


@lru_cache(maxsize=64)
def first_table(settings: RhythmSettings, tuning: Tuning = CHOSEN) -> DeadlineTable:
    """The table of a home of which nothing is known: the population's."""
    return deadline_table(Memory(), 0.0, settings, tuning)


def _sensor_contexts(memory: Memory, rows: NDArray[Any], weight: NDArray[np.float64]) -> NDArray[np.int8]:
    rest = rows["length_s"] >= REST_S
    rests = np.bincount(rows["sensor"][rest], weight[rest], minlength=len(memory.sensors)).astype(np.float64)
    is_door = [kind == "door" for _, kind in memory.sensors]
    return sensor_contexts(is_door, memory.slots.sum(axis=1), rests)


def _asked(memory: Memory, lived: NDArray[np.bool_], deadline: str, night_s: float) -> PastAsks:
    """When silences outlasted a deadline; those over `LONGEST_S` are absences or outages and do not count."""
    which = memory.silences[deadline] & (memory.silences["length_s"] <= LONGEST_S)
    past = memory.silences[which]
    nights = np.floor(np.maximum(night_s - past["start_s"] - past["length_s"], 0) / DAY_S)
    watched = day_of(night_s) - 1 - memory.days["day"].astype(np.float64)
    return PastAsks(nights, lived[which], np.maximum(watched, 0))


def _attained(memory: Memory, night_s: float) -> Attained:
    since = day_of(night_s) - ATTAINED_DAYS
    days = int((memory.days["day"] >= since).sum())
    if not days:
        return Attained()
    recent = memory.since(since)
    asks, calls = (float(np.float32(recent[kind].sum() * 30.0 / days)) for kind in ("asked", "called"))
    return Attained(float(days), asks, calls)


def _evidence(
    memory: Memory,
    rows: NDArray[Any],
    slot: NDArray[np.intp],
    day_type: NDArray[np.intp],
    share: NDArray[np.float64],
    ask_s: NDArray[np.float32],
    night_s: float,
) -> SilenceEvidence:
    first = int(np.searchsorted(rows["start_s"], night_s - LONGEST_DAYS * DAY_S))
    like_today = np.flatnonzero(day_type == deadlines.TODAY)
    longest_s = _longest_near(rows[first:], slot[first:])
    if memory.special:
        recent = like_today[like_today >= first]
        longest_s[DAY_HALF_HOURS] = _longest_near(rows[recent], slot[recent])[DAY_HALF_HOURS]
        rows, slot = rows[like_today], slot[like_today]
    usual_s = np.minimum(LENGTHS_S[(share <= USUAL_SHARE * share[..., :1]).argmax(axis=-1)], ask_s)
    place, places = _next_places(memory, rows, slot)
    special = same_type(memory.special, weekday_of(int(day_of(night_s))))
    return SilenceEvidence(_minutes(usual_s), _minutes(longest_s), place, places, special)


def _longest_near(rows: NDArray[Any], slot: NDArray[np.intp]) -> NDArray[np.float64]:
    """The longest silence that began within an hour of each half-hour, seconds."""
    longest_s = np.zeros(HALF_HOURS)
    np.maximum.at(longest_s, slot, rows["length_s"].astype(np.float64))
    near_s: NDArray[np.float64] = (_NEAR * longest_s).max(axis=1)
    return near_s


def _minutes(seconds: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.minimum(np.rint(seconds / 60), 0xFFFF).astype(np.uint16)


def _next_places(
    memory: Memory, rows: NDArray[Any], slot: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The sensor that most often ends a silence, for each half-hour it may begin in."""
    if not len(rows):
        return np.full(HALF_HOURS, NO_PLACE, np.uint8), ()
    cell = rows["next_sensor"].astype(np.intp) * HALF_HOURS + slot
    votes = np.bincount(cell, minlength=len(memory.sensors) * HALF_HOURS).reshape(-1, HALF_HOURS) @ _NEAR
    common = np.argsort(-votes.sum(axis=1), kind="stable")[:MAX_PLACES]
    names = list(memory.sensors)
    place = np.where(votes[common].sum(axis=0) > 0, votes[common].argmax(axis=0), NO_PLACE).astype(np.uint8)
    return place, tuple(place_name(names[index][0]) for index in common)
