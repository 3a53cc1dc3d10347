"""What new events change in the homes: last sign of life, deadlines, lapses, lessons that became due on the way.

Changes home states and the watch in memory; the caller commits, or has `Core.change` take it back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from anomaly import Lapse, Observations
from anomaly.occupancy import QUIET
from anomaly.reasons import silence_sentence
from contracts.events import is_sign_of_life
from ingest.core import Core, Effects
from ingest.homes.home_states import HomeState
from ingest.homes.localtime import last_nightly_ms, local_s, next_nightly_ms, offset_s
from ingest.intake.cursors import Outbox, OutboxProgress
from ingest.intake.deduplicate import NewEvent
from ingest.intake.meaning import METER_INPUT, learner_input
from ingest.learning.metering import LATE_RELEARNS_MS, MeterSignEvent
from ingest.learning.meters import is_reading


@dataclass(frozen=True, slots=True)
class EventRun:
    """Events between two lessons of one home.

    Attributes:
        events: in the order of time, perhaps none.
        learn_upto_ms: the lesson that is due after them (ms UTC); None at the end of the run.
    """

    events: Sequence[NewEvent]
    learn_upto_ms: int | None


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of life: of which home, the event that told of it, what the rhythm is told, where it leaves the person.

    Attributes:
        state: the home.
        event: the event; of a meter, the reading by which it is known.
        kind: motion, door, item or power.
        context: `anomaly.DeadlineTable.context_of` it, by the table in force.
    """

    state: HomeState
    event: NewEvent
    kind: str
    context: int


class Observer:
    """Observes one group.

    Args:
        core: the homes; its time series has the events of this group already.
        progress: of the outboxes of the group, as it will be after it.
    """

    def __init__(self, core: Core, progress: Mapping[Outbox, OutboxProgress]) -> None:
        self._core, self._watch, self._progress = core, core.watch, progress
        self.effects = Effects()

    def observe(self, new_events: Mapping[str, list[NewEvent]]) -> Effects:
        """Take in the new events of each home, which are in the order of time."""
        runs: list[list[tuple[HomeState, EventRun]]] = []
        for home_id, events in new_events.items():
            state = self._core.home_states.edit(home_id)
            cut, state.due_ms = split_at_nights(state.home.zone, state.due_ms, events)
            runs.append([(state, run) for run in cut])
        # All the homes' first runs in one batch, then their lessons, then the second ones, …
        for round_ in zip_longest(*runs):
            self._round([entry for entry in round_ if entry is not None])
        return self.effects

    def _round(self, entries: list[tuple[HomeState, EventRun]]) -> None:
        signs: list[Sign] = []
        for state, run in entries:
            signs += self._take(state, run.events)
        if signs:
            self._signs(signs)
        for state, run in entries:
            if run.learn_upto_ms is not None:
                self._learn(state, run.learn_upto_ms)

    def _take(self, state: HomeState, events: Iterable[NewEvent]) -> list[Sign]:
        """What each event is by itself; those that are signs of life."""
        signs: list[Sign] = []
        readings: list[NewEvent] = []
        roles = state.home.roles
        for fresh in events:
            event = fresh.event
            if state.job is not None and event.t < state.job.upto_ms:
                state.job.missed = True
            state.last_event_ms = max(fresh.at_ms, state.last_event_ms or 0)
            if event.bf:
                state.backfilled_ms = max(state.backfilled_ms, fresh.received_ms)
            if is_reading(event.k, roles.get(event.s)):
                readings.append(fresh)
                continue
            word = learner_input(event.k, roles.get(event.s), event.x)
            if word is not None and state.learned_upto_ms is not None and event.t < state.learned_upto_ms:
                state.relearn = True
            if word is not None and state.noted_upto_ms is not None and event.t < state.noted_upto_ms:
                state.rewrite = True
            if word is not None and is_sign_of_life(event.k, event.x):
                signs.append(self._sign(state, fresh, word[0]))
        if readings:
            signs = sorted(signs + self._read(state, readings), key=lambda sign: sign.event.at_ms)
        if signs and state.last_sign_ms is None:
            self._core.home_states.set_first_sign(state, signs[0].event.at_ms, signs[0].context)
        return signs

    def _read(self, state: HomeState, readings: Sequence[NewEvent]) -> list[Sign]:
        """The signs of life that new readings of the home's meters tell of."""
        learned_ms = state.learned_upto_ms or 0
        if any(fresh.event.t < learned_ms - LATE_RELEARNS_MS for fresh in readings):
            state.relearn = True
        current = [fresh for fresh in readings if fresh.event.t >= learned_ms]
        if not current:
            return []
        lesson = self.effects.lessons.get(state.home.id)
        found = self._core.meters.take(state, current, lesson.meters if lesson else None)
        newest = max(current, key=lambda fresh: fresh.at_ms)
        return [self._sign_of_reading(state, sign, newest) for sign in found]

    def _sign_of_reading(self, state: HomeState, sign: MeterSignEvent, newest: NewEvent) -> Sign:
        """A sign that a meter told of, as if the reading by which it is known were the event."""
        event = replace(newest.event, n=sign.n, s=sign.sensor, bf=sign.backfilled)
        fresh = replace(newest, event=event, epoch=sign.epoch, at_ms=min(sign.at_ms, newest.at_ms))
        return self._sign(state, fresh, METER_INPUT[0])

    def _sign(self, state: HomeState, fresh: NewEvent, kind: str) -> Sign:
        return Sign(state, fresh, kind, self._watch.table(state.index).context_of(fresh.event.s, kind))

    def _signs(self, signs: list[Sign]) -> None:
        """Observe the signs; one that ends an overdue silence brings the new table, which judges what comes after."""
        until, after, ended = cut_at_ends(signs)
        if until:
            self._observe(until)
        for state in ended:
            self._use_interim_table(state)
        if after:
            self._observe([self._sign(sign.state, sign.event, sign.kind) for sign in after] if ended else after)

    def _use_interim_table(self, state: HomeState) -> None:
        lesson = self.effects.lessons.get(state.home.id)
        table = self._core.learner.interim_table(state.home, lesson)
        if table is not None:
            self.effects.interim_tables[state.home.id] = table
            self._core.home_states.apply_table(state, table, held=False)

    def _observe(self, signs: list[Sign]) -> None:
        before = {sign.state.index: (sign.state.last_key, self._watch.hot(sign.state.index)) for sign in signs}
        outcome = self._watch.observe(observations(signs))
        at = by_moment(signs)
        for lapse in outcome.lapses:
            since = at.get((lapse.home, lapse.since_s))
            key, hot = before[lapse.home]
            if since is not None:
                key = (since.event.epoch, since.event.event.n)
            context = since.context if since is not None else hot.context if hot is not None else QUIET
            self._lapse_row(lapse, at[lapse.home, lapse.ended_s], key, context)
        for index, last_s in zip(outcome.home.tolist(), outcome.last_s.tolist(), strict=True):
            newest = at.get((index, last_s))
            if newest is not None:  # else the home had been seen later than anything in this group
                state, event = newest.state, newest.event.event
                state.last_sign_ms, state.last_sensor = newest.event.at_ms, event.s
                state.last_kind, state.last_key = newest.kind, (newest.event.epoch, event.n)

    def _lapse_row(self, lapse: Lapse, ended: Sign, since_key: tuple[str, int] | None, context: int) -> None:
        state, epoch, n = ended.state, ended.event.epoch, ended.event.event.n
        progress = self._progress.get((state.home.gateway, epoch))
        known_from = since_key[1] if since_key is not None and since_key[0] == epoch else 0
        if progress is None or progress.cursor.lacks_between(known_from, n):
            return  # what happened in between is still on its way: no silence is proven
        zone, since_ms, due_ms = state.home.zone, round(lapse.since_s * 1000), round(lapse.due_s * 1000)
        table = self._watch.table(lapse.home)
        reason = silence_sentence(table, local_s(zone, since_ms), local_s(zone, due_ms), context)
        self.effects.lapses.append(
            {
                "home_id": state.home.id,
                "kind": lapse.kind,
                "since_ms": since_ms,
                "due_ms": due_ms,
                "ended_ms": round(lapse.ended_s * 1000),
                "reason_ja": reason.ja,
                "reason_en": reason.en,
                "backfilled": ended.event.event.bf,
            }
        )

    def _learn(self, state: HomeState, upto_ms: int) -> None:
        core, home, effects = self._core, state.home, self.effects
        lesson = core.learner.next_lesson(home, effects.lessons.get(home.id), upto_ms)
        effects.lessons[home.id] = lesson
        effects.interim_tables.pop(home.id, None)
        relearn = state.relearn
        core.apply_lesson(state, lesson)
        state.relearn = relearn  # learned anew beside the events (`Nightly`), for it may take long


# ---- pure ----


def split_at_nights(zone: str, due_ms: int | None, events: Sequence[NewEvent]) -> tuple[list[EventRun], int | None]:
    """Cut a run of new events of one home where a lesson is due: it learns before it is judged by what came after.

    Live events bring a lesson about as soon as one of them is past the night. Back-filled ones do not: a back-log is
    learned in one go once it is done. Neither does the priority lane, which runs ahead of a back-log.

    Args:
        zone: of the home.
        due_ms: when its next lesson is due; None before its first event.
        events: in the order of time.

    Returns:
        The runs, and when the next lesson is due after them.
    """
    found: list[EventRun] = []
    begin = 0
    for i, fresh in enumerate(events):
        if due_ms is None:
            due_ms = next_nightly_ms(zone, fresh.at_ms)
        elif fresh.at_ms >= due_ms and not fresh.event.bf and not fresh.priority:
            found.append(EventRun(events[begin:i], last_nightly_ms(zone, fresh.at_ms)))
            begin, due_ms = i, next_nightly_ms(zone, fresh.at_ms)
    found.append(EventRun(events[begin:], None))
    return found, due_ms


def cut_at_ends(signs: Iterable[Sign]) -> tuple[list[Sign], list[Sign], list[HomeState]]:
    """The signs of homes that hold a table back, up to the one that ends the silence; all others; where it ends.

    A home that must learn anew anyway waits for that.
    """
    until: list[Sign] = []
    after: list[Sign] = []
    ended: dict[str, HomeState] = {}
    for sign in signs:
        state = sign.state
        if not state.held or state.relearn or state.home.id in ended:
            after.append(sign)
            continue
        until.append(sign)
        if _ends_silence(sign):
            ended[state.home.id] = state
    return until, after, list(ended.values())


def _ends_silence(sign: Sign) -> bool:
    """Whether it is news to the home, and its next lesson is not due before it."""
    state = sign.state
    learned_ms = state.learned_upto_ms or 0
    is_news = sign.event.at_ms > (state.last_sign_ms or 0)
    return is_news and learned_ms <= sign.event.event.t < next_nightly_ms(state.home.zone, learned_ms)


def observations(signs: Sequence[Sign]) -> Observations:
    """The signs as arrays, in the same order."""
    return Observations(
        np.array([sign.state.index for sign in signs], np.intp),
        np.array([sign.event.at_ms / 1000 for sign in signs]),
        np.array([float(offset_s(sign.state.home.zone, sign.event.at_ms)) for sign in signs]),
        np.array([sign.context for sign in signs], np.int8),
    )


def by_moment(signs: Iterable[Sign]) -> dict[tuple[int, float], Sign]:
    """The sign that stands for each home and moment: of one moment the lowest context, as the watch has it."""
    at: dict[tuple[int, float], Sign] = {}
    for sign in signs:
        moment = (sign.state.index, sign.event.at_ms / 1000)
        if moment not in at or sign.context < at[moment].context:
            at[moment] = sign
    return at
