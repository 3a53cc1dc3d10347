"""What may happen in a life besides silence: cases made of recorded and simulated lives, one kind at a time.

A case leaves the life before it exactly as it was. What a simulated person does otherwise comes from the simulator;
the rest is a change of what the sensors heard, the same for simulated and recorded lives:

==============  ========================================================================================
decline         10 to 30 % of the movement left; simulated lives lose outings, chores and visitors too
no return       somebody goes out by the entrance and nothing is heard any more
unrest          20 to 60 minutes up and about between 1 and 4 o'clock, three nights in a row
missed routine  a sensor that is heard nearly every day is silent for one day, the others are not
drift           for good: half of the movement, or (simulated) the day moves later, or no more going out
==============  ========================================================================================
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.random import Generator

from anomaly import NoteKind
from evaluation.protocol import DAY_S, HOUR_S

Event = tuple[float, str, str, float]
"""Seconds on the wall clock, sensor, kind, value; signs of life only."""

DAY_BEGINS_S: Final = 3 * HOUR_S
DECLINE_SHARES: Final = (0.1, 0.3)
LESS_SHARES: Final = (0.4, 0.6)
LATER_MIN_A_WEEK: Final = (30.0, 60.0)
UNREST_NIGHTS: Final = 3
STROLL_MIN: Final = (20.0, 60.0)
_STROLL_FROM_H: Final = (1.0, 3.3)
_STROLL_EVERY_MIN: Final = 2.0
OUTING_S: Final = (1200.0, 12 * HOUR_S)
ROUTINE_SHARE: Final = 0.93
LESS, LATER, INDOORS = "less", "later", "indoors"


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that happens in a life.

    Attributes:
        kind: what should be noted.
        from_s: before this nothing is different, seconds on the wall clock.
        due_s: what delays are counted from, on the same clock: the onset, or when that should have come which did not.
        amount: share of the movement left (decline, drift by less), or minutes a week (drift to later hours).
        manner: which drift: `LESS`, `LATER` or `INDOORS`; '' otherwise.
        sensor: which routine is missed; '' otherwise.
    """

    kind: NoteKind
    from_s: float
    due_s: float
    amount: float = 0.0
    manner: str = ""
    sensor: str = ""


def episodes_of(
    kind: NoteKind, events: Sequence[Event], begin_s: float, end_s: float, many: int, rng: Generator, simulated: bool
) -> list[Episode]:
    """Cases of one kind in a life as it was, between two moments; fewer, or none, where it has no room for them."""
    if kind is NoteKind.NO_RETURN:
        return _some([Episode(kind, left, back) for left, back in outings(events, begin_s, end_s)], many, rng)
    if kind is NoteKind.MISSED_ROUTINE:
        return _some(_routines(events, begin_s, end_s), many, rng)
    if end_s <= begin_s:
        return []
    moments = begin_s + rng.uniform(0, 1, many) * (end_s - begin_s)
    if kind is NoteKind.DECLINE:
        return [Episode(kind, at_s, at_s, float(rng.uniform(*DECLINE_SHARES))) for at_s in moments.tolist()]
    evenings = (moments // DAY_S * DAY_S + (20 * HOUR_S if kind is NoteKind.UNREST else DAY_BEGINS_S)).tolist()
    if kind is NoteKind.UNREST:
        return [Episode(kind, at_s, at_s) for at_s in evenings]
    manners = (LESS, LATER, INDOORS) if simulated else (LESS,)
    return [_drift(at_s, manners[i % len(manners)], rng) for i, at_s in enumerate(evenings)]


def _drift(at_s: float, manner: str, rng: Generator) -> Episode:
    bounds = {LESS: LESS_SHARES, LATER: LATER_MIN_A_WEEK, INDOORS: (1.0, 1.0)}[manner]
    return Episode(NoteKind.DRIFT, at_s, at_s, float(rng.uniform(*bounds)), manner)


def _some(episodes: Sequence[Episode], many: int, rng: Generator) -> list[Episode]:
    return [episodes[i] for i in rng.permutation(len(episodes))[:many]]


def outings(events: Sequence[Event], begin_s: float, end_s: float) -> list[tuple[float, float]]:
    """When somebody left and came back: silences of 20 min to 12 h with the entrance at both ends; seconds."""
    return [
        (left[0], back[0])
        for left, back in pairwise(events)
        if begin_s <= left[0] < end_s
        and left[2] == back[2] == "door"
        and OUTING_S[0] <= back[0] - left[0] <= OUTING_S[1]
    ]


def _routines(events: Sequence[Event], begin_s: float, end_s: float) -> list[Episode]:
    """Each day of each sensor but doors that is heard on nearly every day, with its first sign of that day."""
    first: dict[str, dict[float, float]] = {}
    days = set()
    for at_s, sensor, kind, _ in events:
        day_s = (at_s - DAY_BEGINS_S) // DAY_S * DAY_S + DAY_BEGINS_S
        days.add(day_s)
        if kind != "door":
            first.setdefault(sensor, {}).setdefault(day_s, at_s)
    return [
        Episode(NoteKind.MISSED_ROUTINE, day_s, at_s, sensor=sensor)
        for sensor, by_day in sorted(first.items())
        if len(by_day) >= ROUTINE_SHARE * len(days)
        for day_s, at_s in sorted(by_day.items())
        if begin_s <= day_s < end_s - DAY_S
    ]


def as_observed(events: Sequence[Event], episode: Episode) -> list[Event]:
    """What the sensors hear of the life with the case in it, for all that needs no simulator."""
    return _AS_OBSERVED[episode.kind](events, episode)


def _thinned(events: Sequence[Event], episode: Episode) -> list[Event]:
    keep = np.random.default_rng([int(episode.from_s)])
    return [event for event in events if event[0] < episode.from_s or keep.random() < episode.amount]


def _gone(events: Sequence[Event], episode: Episode) -> list[Event]:
    return [event for event in events if event[0] <= episode.from_s]


def _without_sensor(events: Sequence[Event], episode: Episode) -> list[Event]:
    day = range(int(episode.from_s), int(episode.from_s + DAY_S))
    return [event for event in events if event[1] != episode.sensor or int(event[0]) not in day]


def _with_strolls(events: Sequence[Event], episode: Episode) -> list[Event]:
    """The motion sensors of the home are set off in any order, every two minutes or so."""
    rng = np.random.default_rng([int(episode.from_s)])
    rooms = sorted({(sensor, kind) for _, sensor, kind, _ in events if kind == "motion"})
    strolls: list[Event] = []
    for night in range(UNREST_NIGHTS if rooms else 0):
        midnight_s = (episode.from_s // DAY_S + 1 + night) * DAY_S
        now_s = midnight_s + rng.uniform(*_STROLL_FROM_H) * HOUR_S
        end_s = now_s + rng.uniform(*STROLL_MIN) * 60
        while now_s < end_s:
            strolls.append((now_s, *rooms[int(rng.integers(len(rooms)))], 1.0))
            now_s += 60 * _STROLL_EVERY_MIN * rng.lognormal(0.0, 0.7)
    return sorted([*events, *strolls])


_AS_OBSERVED: Final[dict[NoteKind, Callable[[Sequence[Event], Episode], list[Event]]]] = {
    NoteKind.DECLINE: _thinned,
    NoteKind.NO_RETURN: _gone,
    NoteKind.UNREST: _with_strolls,
    NoteKind.MISSED_ROUTINE: _without_sensor,
    NoteKind.DRIFT: _thinned,
}
