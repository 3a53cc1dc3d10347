"""The homes under watch: what is known of each between two events, in step with the row in ``live_states``.

Nothing here may run ahead of what was committed: `edit` keeps the state from before the first change, and `rollback`
puts all of it back, the watch included.
"""

import logging
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Row, select

from anomaly import DeadlineTable, HotState, UnreadableState, Watch
from anomaly.occupancy import QUIET
from anomaly.reasons import NO_EVENTS_YET, silence_sentence
from ingest.homes.localtime import local_s, next_nightly_ms, offset_s
from ingest.homes.registered_homes import RegisteredHome
from store.schema import diaries, live_states, rhythms

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HomeState:
    """What is known of one home.

    Attributes:
        home: which.
        index: its place in the watch.
        watched_from_ms: when it was first taken under watch; no restart moves it.
        last_event_ms: newest event of any kind; None before the first.
        last_sign_ms: newest sign of life, ``last_sensor`` where, and ``last_kind`` what the rhythm is told of it; None
            before the first.
        last_key: ``(epoch, n)`` of that sign; None when it came before this process began.
        learned_upto_ms: events before this are in the rhythm; None before the first lesson.
        relearn: events from before that came later, so the rhythm must be learned anew.
        held: a silence had outlasted its ask deadline at that lesson; the sign of life that ends it brings a new table.
        due_ms: when the next nightly lesson is due; None before the first event.
        noted_upto_ms: events before this are in the diary; None before the first.
        rewrite: events from before that came later, so the diary must be written anew.
        can_tell: False while a meter alone watches the home and has not shown that it can tell; then nothing is ready.
        backfilled_ms: when the last back-filled event arrived; 0 for not since this process began.
        job: its lesson that is being prepared; None: none is.
    """

    home: RegisteredHome
    index: int
    watched_from_ms: int
    last_event_ms: int | None = None
    last_sign_ms: int | None = None
    last_sensor: str | None = None
    last_kind: str | None = None
    last_key: tuple[str, int] | None = None
    learned_upto_ms: int | None = None
    relearn: bool = False
    held: bool = False
    due_ms: int | None = None
    noted_upto_ms: int | None = None
    rewrite: bool = False
    can_tell: bool = True
    backfilled_ms: int = 0
    job: "LearningJob | None" = None


@dataclass(slots=True)
class LearningJob:
    """A lesson that is prepared beside the events: reading months of a home must not make all others wait.

    Reading and computing need no lock. What arrives meanwhile is compared with what is being read: an event from before
    the end of the lesson may have been missed, so such a lesson is thrown away and prepared again.

    Attributes:
        before: what was known of the home at the beginning, its roles included; a copy.
        upto_ms: where the lesson ends, ms UTC.
        missed: an event from before ``upto_ms`` has come since. No failed commit takes this back.
    """

    before: HomeState
    upto_ms: int
    missed: bool = False

    def is_current(self, state: HomeState) -> bool:
        """Whether the lesson is still what the home would learn now."""
        before = self.before
        return (
            state.job is self
            and not self.missed
            and (before.home, before.home.roles) == (state.home, state.home.roles)
            and (before.learned_upto_ms, before.relearn) == (state.learned_upto_ms, state.relearn)
        )


_STORED: Final = (
    select(
        live_states,
        rhythms.c.learned_upto_ms,
        rhythms.c.table,
        rhythms.c.relearn,
        rhythms.c.held,
        diaries.c.upto_ms.label("noted_upto_ms"),
        diaries.c.rewrite,
    )
    .outerjoin(rhythms, rhythms.c.home_id == live_states.c.home_id)
    .outerjoin(diaries, diaries.c.home_id == live_states.c.home_id)
)
"""What the store has of every home; a home without a row is new."""


@dataclass(frozen=True, slots=True)
class _Before:
    state: HomeState
    table: DeadlineTable
    hot: HotState | None


class HomeStates:
    """Every registered home, by its id.

    Args:
        watch: the deadlines; nothing else puts homes into it.
        default_table: the table of a home of which nothing is known.
    """

    def __init__(self, watch: Watch, default_table: DeadlineTable) -> None:
        self._watch = watch
        self._default_table = default_table
        self._states: dict[str, HomeState] = {}
        self._before: dict[str, _Before] = {}
        self._stale: set[str] = set()

    def mark_fresh(self) -> None:
        """What is in memory is what the store has: the rows that `sync` gave are committed."""
        self._stale.clear()

    def all(self) -> list[HomeState]:
        """Every home under watch."""
        return list(self._states.values())

    def sync(self, connection: Connection, homes: Iterable[RegisteredHome], now_ms: int) -> list[dict[str, Any]]:
        """Watch exactly these homes from now on. Those not yet known are read from the store.

        Every home is read again by the next call, unless `mark_fresh` comes before it.

        Returns:
            Rows for ``live_states`` of homes that had none: their deadline is counted from ``now_ms``.
        """
        current = {home.id: home for home in homes}
        for gone in self._states.keys() - current.keys():
            del self._states[gone]
        for home_id in self._states.keys() - self._stale:
            self._states[home_id].home = current[home_id]
        fresh = [home for home in current.values() if home.id not in self._states or home.id in self._stale]
        stored = {row.home_id: row for row in connection.execute(_STORED)} if fresh else {}
        for home in fresh:
            self._states[home.id] = self._restored(home, stored.get(home.id), now_ms)
        self._stale = set(self._states)
        return self.rows([self._states[home.id] for home in fresh if home.id not in stored], now_ms)

    def find(self, home_id: str) -> HomeState | None:
        """The state of a home, to be read; None where it is not under watch."""
        return self._states.get(home_id)

    def edit(self, home_id: str) -> HomeState:
        """The state of a home, to be changed; what it was before can be put back until `commit`."""
        state = self._states[home_id]
        if home_id not in self._before:
            watch = self._watch
            self._before[home_id] = _Before(copy(state), watch.table(state.index), watch.hot(state.index))
        return state

    def edited(self) -> list[HomeState]:
        """The states changed since the last `commit` or `rollback`."""
        return [self._states[home_id] for home_id in self._before]

    def commit(self) -> None:
        """What was changed is committed."""
        self._before.clear()

    def rollback(self) -> None:
        """Put everything back that was changed.

        The homes are read from the store at the next `sync`: a commit that failed may still have happened.
        """
        for home_id, before in self._before.items():
            self._states[home_id] = before.state
            self._watch.put(home_id, before.table, before.hot)
        self._stale |= self._before.keys()
        self._before.clear()

    def apply_table(self, state: HomeState, table: DeadlineTable, *, held: bool) -> None:
        """Put a new table in force, also for the silence that has already begun; ``state`` is being edited."""
        state.held = held
        hot = self._watch.hot(state.index)
        if hot is not None and state.last_sensor is not None and state.last_kind is not None:
            # What a room counts as may have changed with the table.
            hot = HotState(hot.last_s, hot.offset_s, table.context_of(state.last_sensor, state.last_kind))
        self._watch.put(state.home.id, table, hot)

    def set_first_sign(self, state: HomeState, t_ms: int, context: int) -> None:
        """Count from the first sign of life instead of from when the home was taken under watch."""
        self._put(state.home, self._watch.table(state.index), t_ms, context)

    def rows(self, states: Iterable[HomeState], now_ms: int) -> list[dict[str, Any]]:
        """The rows of ``live_states`` of these homes, with the deadlines now in force."""
        some = list(states)
        found = self._watch.deadlines(np.array([state.index for state in some], np.intp))
        columns = zip(some, found.ask_at.tolist(), found.call_at.tolist(), found.context.tolist(), strict=True)
        return [self._row(state, ask_s, call_s, context, now_ms) for state, ask_s, call_s, context in columns]

    def _restored(self, home: RegisteredHome, row: Row[Any] | None, now_ms: int) -> HomeState:
        """The state of a home as the store has it; of a new one, with nothing known."""
        if row is None:
            return HomeState(home, self._put(home, self._default_table, now_ms, QUIET), now_ms)
        table, readable = self._default_table, True
        if row.table is not None:
            try:
                table = DeadlineTable.from_bytes(row.table)
            except UnreadableState as error:
                _log.warning("home %s: %s; its rhythm will be learned anew", home.id, error)
                readable = False
        # The column may be empty; then the oldest moment that the row knows has to do.
        watched_from_ms = row.updated_ms if row.watched_from_ms is None else row.watched_from_ms
        if row.last_sign_ms is None:
            index = self._put(home, table, watched_from_ms, QUIET)
        else:
            index = self._put(home, table, row.last_sign_ms, row.context)
        due_after_ms = row.last_event_ms if row.learned_upto_ms is None else row.learned_upto_ms
        return HomeState(
            home,
            index,
            watched_from_ms,
            last_event_ms=row.last_event_ms,
            last_sign_ms=row.last_sign_ms,
            last_sensor=row.last_sensor,
            last_kind=row.last_kind,
            learned_upto_ms=row.learned_upto_ms,
            relearn=bool(row.relearn) or not readable,
            held=bool(row.held),
            due_ms=None if due_after_ms is None else next_nightly_ms(home.zone, due_after_ms),
            noted_upto_ms=row.noted_upto_ms,
            rewrite=bool(row.rewrite),
            can_tell=row.ready or not table.ready,
        )

    def _put(self, home: RegisteredHome, table: DeadlineTable, since_ms: int, context: int) -> int:
        """Watch a home by this table, its silence counted from ``since_ms``; its place in the watch."""
        return self._watch.put(home.id, table, HotState(since_ms / 1000, offset_s(home.zone, since_ms), context))

    def _row(self, state: HomeState, ask_s: float, call_s: float, context: int, now_ms: int) -> dict[str, Any]:
        table = self._watch.table(state.index)
        ask_at_ms, call_at_ms = _ms(ask_s), _ms(call_s)
        reason = NO_EVENTS_YET
        if state.last_sign_ms is not None and ask_at_ms is not None:
            zone = state.home.zone
            reason = silence_sentence(table, local_s(zone, state.last_sign_ms), local_s(zone, ask_at_ms), context)
        return {
            "home_id": state.home.id,
            "watched_from_ms": state.watched_from_ms,
            "last_event_ms": state.last_event_ms,
            "last_sign_ms": state.last_sign_ms,
            "last_sensor": state.last_sensor,
            "last_kind": state.last_kind,
            "context": context,
            "ask_at_ms": ask_at_ms,
            "call_at_ms": call_at_ms,
            "ready": table.ready and state.can_tell,
            "reason_ja": reason.ja,
            "reason_en": reason.en,
            "updated_ms": now_ms,
        }


def _ms(seconds: float) -> int | None:
    return None if seconds == float("inf") else round(seconds * 1000)
