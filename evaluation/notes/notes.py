"""What is noticed besides silence: how much of it, how soon, at how many false notes.

A life is played as it was, which gives the false notes of every kind, and from each case on (`changes`) as
it might have become. Found: a note of that kind, within `FOUND_WITHIN_H` of the moment that delays are counted from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from anomaly import NoteKind, NoteSettings, Noticer
from anomaly.notes.note import METER_KINDS
from evaluation.homes import RecordedHome
from evaluation.notes.changes import LESS, Episode, Event, as_observed, episodes_of
from evaluation.protocol import DAY_S, HOUR_S, SHORT_HOME_DAYS, SHORT_WARM_UP_DAYS
from evaluation.protocol import WARM_UP_DAYS as LONG_WARM_UP_DAYS

FIRST_S: Final = 1_767_225_600.0
"""Simulated lives begin on 2026-01-01, on their wall clock."""
WARM_UP_DAYS, COUNTED_DAYS = 45, 45
TUNING_SEEDS: Final = range(1, 21)
"""Constants were chosen on these, and on hh101 and hh104."""
REPORT_SEEDS: Final = range(101, 141)
KINDS: Final = tuple(kind for kind in NoteKind if kind not in METER_KINDS)
FOUND_WITHIN_H: Final[Mapping[NoteKind, float]] = {
    NoteKind.DECLINE: 24,
    NoteKind.NO_RETURN: 24,
    NoteKind.UNREST: 24,
    NoteKind.MISSED_ROUTINE: 24,
    NoteKind.DRIFT: 28 * 24,
}
"""In time: a day (of unrest: after the first night of three), four weeks for what lasts over weeks."""
WATCHED_H: Final[Mapping[NoteKind, float]] = {
    NoteKind.DECLINE: 48,
    NoteKind.NO_RETURN: 48,
    NoteKind.UNREST: 72,
    NoteKind.MISSED_ROUTINE: 24,
    NoteKind.DRIFT: 42 * 24,
}
EPISODES: Final[Mapping[NoteKind, int]] = {
    NoteKind.DECLINE: 8,
    NoteKind.NO_RETURN: 4,
    NoteKind.UNREST: 4,
    NoteKind.MISSED_ROUTINE: 4,
    NoteKind.DRIFT: 3,
}
"""In each simulated life; in a recording five times as many, where it has room for them."""
RECORDED_TIMES: Final = 5
_BEFORE_DRIFT_S: Final = 21 * DAY_S

Live = Callable[[int, float, float, Episode | None], list[Event]]
"""``(seed, from_s, to_s, case)``: a simulated life between two moments, with what happens in it, or None."""


class PlayedLife(Protocol):
    """One life that can be played with something in it."""

    @property
    def name(self) -> str:
        """Of the home."""
        ...

    def events(self, from_s: float, to_s: float, episode: Episode | None) -> list[Event]:
        """What is heard between two moments, ascending; ``episode``: what happens in it, None: nothing does."""
        ...


@dataclass(frozen=True, slots=True)
class SimulatedLife:
    """The life of a seeded person."""

    live: Live
    seed: int

    @property
    def name(self) -> str:
        """Of the home."""
        return f"seed {self.seed}"

    def events(self, from_s: float, to_s: float, episode: Episode | None) -> list[Event]:
        """See `PlayedLife`. What the person does otherwise is the simulator's, what the sensors miss is not."""
        by_sensors = episode is not None and (
            episode.kind in (NoteKind.NO_RETURN, NoteKind.MISSED_ROUTINE) or episode.manner == LESS
        )
        if episode is None or not by_sensors:
            return self.live(self.seed, from_s, to_s, episode)
        return as_observed(self.live(self.seed, from_s, to_s, None), episode)


@dataclass(frozen=True, slots=True)
class RecordedLife:
    """A recording."""

    name: str
    recorded: Sequence[Event]

    def events(self, from_s: float, to_s: float, episode: Episode | None) -> list[Event]:
        """See `PlayedLife`."""
        part = [event for event in self.recorded if from_s <= event[0] < to_s]
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
    life = SimulatedLife(live, seed)
    begin_s = FIRST_S + WARM_UP_DAYS * DAY_S
    end_s = begin_s + COUNTED_DAYS * DAY_S
    events = life.events(FIRST_S, end_s, None)
    episodes = []
    for kind in kinds:
        rng = np.random.default_rng([seed, 20, list(NoteKind).index(kind)])
        episodes += episodes_of(kind, events, begin_s, end_s - DAY_S, EPISODES[kind], rng, simulated=True)
    return play(life, events, (begin_s, end_s), episodes, settings, kinds)


def recorded(home: RecordedHome, settings: NoteSettings, kinds: Sequence[NoteKind] = KINDS) -> LifeResult | None:
    """One recording; None: too short to count a day. Warm-up as in `evaluation.protocol`."""
    rows = zip(home.local_s.tolist(), home.sensor.tolist(), home.value.tolist(), strict=True)
    events = [(at_s, *home.sensors[i], 1.0) for at_s, i, value in rows if value]
    first_s = events[0][0] // DAY_S * DAY_S if events else 0.0
    begin_s = first_s + (LONG_WARM_UP_DAYS if home.days >= SHORT_HOME_DAYS else SHORT_WARM_UP_DAYS) * DAY_S
    end_s = events[-1][0] if events else 0.0
    if end_s - 2 * DAY_S <= begin_s:
        return None
    episodes = []
    for kind in kinds:
        rng = np.random.default_rng([list(NoteKind).index(kind), *home.name.encode()])
        from_s = begin_s + (_BEFORE_DRIFT_S if kind is NoteKind.DRIFT else 0)
        until_s = end_s - WATCHED_H[kind] * HOUR_S - DAY_S
        episodes += episodes_of(kind, events, from_s, until_s, RECORDED_TIMES * EPISODES[kind], rng, simulated=False)
    return play(RecordedLife(home.name, events), events, (begin_s, end_s), episodes, settings, kinds)


def play(
    life: PlayedLife,
    events: Sequence[Event],
    counted: tuple[float, float],
    episodes: Sequence[Episode],
    settings: NoteSettings,
    kinds: Sequence[NoteKind] = KINDS,
) -> LifeResult:
    """Play one life as it was, and from each case on as it might have become.

    Args:
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
        life.name,
        (counted[1] - counted[0]) / DAY_S,
        {kind: hours / 24 for kind, hours in ready_h.items()},
        false_notes,
        {kind: tuple(found) for kind, found in delays.items()},
    )


def _delay_h(noticer: Noticer, life: PlayedLife, episode: Episode, now_s: float, settings: NoteSettings) -> list[float]:
    """Hours to the note in a copy of the noticer that goes on from ``now_s``; inf: none; []: nothing came to happen."""
    until_s = episode.due_s + WATCHED_H[episode.kind] * HOUR_S
    events = life.events(now_s, until_s + DAY_S, episode)
    if episode.kind is NoteKind.UNREST:
        unchanged = set(life.events(now_s, until_s + DAY_S, None))
        strolls = [event[0] for event in events if event not in unchanged]
        if not strolls:
            return []
        episode = replace(episode, due_s=strolls[0])
        until_s = episode.due_s + WATCHED_H[episode.kind] * HOUR_S
    copy = Noticer.from_bytes(noticer.to_bytes(), settings, frozenset({episode.kind}))
    position = 0
    while now_s < until_s:
        now_s += HOUR_S
        while position < len(events) and events[position][0] < now_s:
            copy.observe(*events[position])
            position += 1
        if copy.advance(now_s):
            return [max(0.0, now_s - episode.due_s) / HOUR_S]
    return [float("inf")]
