"""What is noticed besides silence: how much of it, how soon, at how many false notes.

A life is played as it was, which gives the false notes of every kind, and from each case on (`changes`) as
it might have become. Found: a note of that kind, within `found_within_h` of the moment that delays are counted from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from anomaly import NoteKind, NoteSettings, Noticer
from anomaly.notes.note import METER_KINDS
from evaluation.homes import RecordedHome
from evaluation.notes.changes import LESS, Episode, Event, as_observed, episodes_of
from evaluation.protocol import DAY_S, HOUR_S, warm_up_days

FIRST_S: Final = 1_767_225_600.0
"""Simulated lives begin on 2026-01-01, on their wall clock."""
WARM_UP_DAYS, COUNTED_DAYS = 45, 45
TUNING_SEEDS: Final = range(1, 21)
"""Constants were chosen on these, and on hh101 and hh104."""
REPORT_SEEDS: Final = range(101, 141)
KINDS: Final = tuple(kind for kind in NoteKind if kind not in METER_KINDS)


class KindPlan(NamedTuple):
    """How one kind of note is tried.

    Attributes:
        found_within_h: a note is in time so many hours after the moment that delays are counted from.
        watched_h: for so many hours after that moment a note is waited for.
        episodes: how many in each simulated life; in a recording five times as many, where it has room for them.
    """

    found_within_h: float
    watched_h: float
    episodes: int


PLANS: Final[Mapping[NoteKind, KindPlan]] = {
    NoteKind.DECLINE: KindPlan(24, 48, 8),
    NoteKind.NO_RETURN: KindPlan(24, 48, 4),
    NoteKind.UNREST: KindPlan(24, 72, 4),
    NoteKind.MISSED_ROUTINE: KindPlan(24, 24, 4),
    NoteKind.DRIFT: KindPlan(28 * 24, 42 * 24, 3),
}
"""A day is in time (of unrest: after the first night of three), four weeks for what lasts over weeks."""
RECORDED_TIMES: Final = 5
_BEFORE_DRIFT_S: Final = 21 * DAY_S

Live = Callable[[int, float, float, Episode | None], list[Event]]
"""``(seed, from_s, to_s, case)``: a simulated life between two moments, with what happens in it, or None."""


Life = Callable[[float, float, Episode | None], list[Event]]
"""What is heard in one life between two moments, ascending, with what happens in it, or None: nothing does."""


def simulated_events(live: Live, seed: int, from_s: float, to_s: float, episode: Episode | None) -> list[Event]:
    """`Life` of a seeded person. What the person does otherwise is the simulator's; what the sensors miss is not."""
    by_sensors = episode is not None and (
        episode.kind in (NoteKind.NO_RETURN, NoteKind.MISSED_ROUTINE) or episode.manner == LESS
    )
    if episode is None or not by_sensors:
        return live(seed, from_s, to_s, episode)
    return as_observed(live(seed, from_s, to_s, None), episode)


def recorded_events(events: Sequence[Event], from_s: float, to_s: float, episode: Episode | None) -> list[Event]:
    """The `Life` of a recording."""
    part = [event for event in events if from_s <= event[0] < to_s]
    return part if episode is None else as_observed(part, episode)


@dataclass(frozen=True, slots=True)
class LifeResult:
    """What came of one life.

    Attributes:
        name: of the home.
        days: counted for false notes, those in which nothing can be said included.
        ready_days: by kind, those in which something can be said.
        false_notes: by kind, notes in the life as it was.
        delays_h: by kind, of each case, hours until the note; inf: none in the time that was watched.
    """

    name: str
    days: float
    ready_days: Mapping[NoteKind, float]
    false_notes: Mapping[NoteKind, int]
    delays_h: Mapping[NoteKind, tuple[float, ...]]


def simulated(live: Live, seed: int, settings: NoteSettings, kinds: Sequence[NoteKind] = KINDS) -> LifeResult:
    """One simulated life: 45 days of learning, 45 days counted, with cases of each kind at random moments in them."""
    life = partial(simulated_events, live, seed)
    begin_s = FIRST_S + WARM_UP_DAYS * DAY_S
    end_s = begin_s + COUNTED_DAYS * DAY_S
    events = life(FIRST_S, end_s, None)
    episodes = []
    for kind in kinds:
        rng = np.random.default_rng([seed, 20, list(NoteKind).index(kind)])
        episodes += episodes_of(kind, events, begin_s, end_s - DAY_S, PLANS[kind].episodes, rng, simulated=True)
    return play(f"seed {seed}", life, events, (begin_s, end_s), episodes, settings, kinds)


def recorded(home: RecordedHome, settings: NoteSettings, kinds: Sequence[NoteKind] = KINDS) -> LifeResult | None:
    """One recording; None: too short to count a day. Warm-up as in `evaluation.protocol`."""
    rows = zip(home.local_s.tolist(), home.sensor.tolist(), home.value.tolist(), strict=True)
    events = [(at_s, *home.sensors[i], 1.0) for at_s, i, value in rows if value]
    first_s = events[0][0] // DAY_S * DAY_S if events else 0.0
    begin_s = first_s + warm_up_days(home) * DAY_S
    end_s = events[-1][0] if events else 0.0
    if end_s - 2 * DAY_S <= begin_s:
        return None
    episodes = []
    for kind in kinds:
        rng = np.random.default_rng([list(NoteKind).index(kind), *home.name.encode()])
        from_s = begin_s + (_BEFORE_DRIFT_S if kind is NoteKind.DRIFT else 0)
        until_s = end_s - PLANS[kind].watched_h * HOUR_S - DAY_S
        many = RECORDED_TIMES * PLANS[kind].episodes
        episodes += episodes_of(kind, events, from_s, until_s, many, rng, simulated=False)
    return play(home.name, partial(recorded_events, events), events, (begin_s, end_s), episodes, settings, kinds)


def play(
    name: str,
    life: Life,
    events: Sequence[Event],
    counted: tuple[float, float],
    episodes: Sequence[Episode],
    settings: NoteSettings,
    kinds: Sequence[NoteKind] = KINDS,
) -> LifeResult:
    """Play one life as it was, and from each case on as it might have become.

    Args:
        name: of the home.
        life: who plays it.
        events: the life as it was.
        counted: from when to when notes are counted, seconds on the wall clock.
        episodes: what happens, each in a life of its own.
        settings: budgets.
        kinds: what to look for.
    """
    noticer, position = Noticer(settings, frozenset(kinds)), 0
    to_come = sorted(episodes, key=lambda episode: episode.from_s)
    now_s = events[0][0] // DAY_S * DAY_S
    false_notes, ready_h = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    delays: dict[NoteKind, list[float]] = {kind: [] for kind in kinds}
    while now_s < counted[1]:
        now_s += HOUR_S
        while to_come and to_come[0].from_s < now_s:  # what is heard before the case is heard by both lives
            case = to_come.pop(0)
            delays[case.kind] += _delay_h(noticer, life, case, now_s - HOUR_S, settings)
        while position < len(events) and events[position][0] < now_s:
            noticer.observe(*events[position])
            position += 1
        notes = noticer.advance(now_s)
        if now_s > counted[0]:
            for kind in kinds:
                false_notes[kind] += sum(note.kind is kind for note in notes)
                ready_h[kind] += noticer.ready()[kind]
    return LifeResult(
        name,
        (counted[1] - counted[0]) / DAY_S,
        {kind: hours / 24 for kind, hours in ready_h.items()},
        false_notes,
        {kind: tuple(found) for kind, found in delays.items()},
    )


def _delay_h(noticer: Noticer, life: Life, episode: Episode, now_s: float, settings: NoteSettings) -> list[float]:
    """Hours to the note in a copy of the noticer that goes on from ``now_s``; inf: none; []: nothing came to happen."""
    watched_s = PLANS[episode.kind].watched_h * HOUR_S
    events = life(now_s, episode.due_s + watched_s + DAY_S, episode)
    if episode.kind is NoteKind.UNREST:
        unchanged = set(life(now_s, episode.due_s + watched_s + DAY_S, None))
        strolls = [event[0] for event in events if event not in unchanged]
        if not strolls:
            return []
        episode = replace(episode, due_s=strolls[0])
    copy = Noticer.from_bytes(noticer.to_bytes(), settings, frozenset({episode.kind}))
    position = 0
    while now_s < episode.due_s + watched_s:
        now_s += HOUR_S
        while position < len(events) and events[position][0] < now_s:
            copy.observe(*events[position])
            position += 1
        if copy.advance(now_s):
            return [max(0.0, now_s - episode.due_s) / HOUR_S]
    return [float("inf")]
