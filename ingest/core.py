"""What the pipeline and the nightly learning share: the stores, the homes in memory, and the lock around them.

One process ingests. Everything in memory can be read back from the stores, and is, after any failed commit.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, update

from anomaly import DeadlineTable, Watch
from ingest.homes.home_states import HomeState, HomeStates
from ingest.homes.localtime import next_nightly_ms
from ingest.homes.registered_homes import RegisteredHomes
from ingest.intake.cursors import CursorBook
from ingest.intake.presses import Remembered, read_remembered
from ingest.learning.learner import Learner, Lesson, write_interim_table, write_lesson
from ingest.learning.metering import MeterBook
from ingest.settings import IngestSettings
from store.engine import reading
from store.lease import Lease
from store.schema import diaries, lapses, live_states, rhythms
from store.timeseries.port import TimeSeries
from store.upserts import add_rows, put_rows


@dataclass(slots=True)
class Effects:
    """What the events of one group, or a night, led to in the homes.

    Attributes:
        lapses: rows for ``lapses``.
        lessons: the last lesson of each home that had one, by home id.
        interim_tables: tables that signs of life brought after that, or after the lesson that is stored; by home id.
    """

    lapses: list[dict[str, Any]] = field(default_factory=list)
    lessons: dict[str, Lesson] = field(default_factory=dict)
    interim_tables: dict[str, DeadlineTable] = field(default_factory=dict)


class Core:
    """The state of ingest.

    Args:
        engine: relational store; timeseries: raw events.
        settings: of ingest.
        lease: that no other process ingests; None where there can be no other, as in a test.

    Attributes:
        watch: deadlines of all homes. Read it under `lock`.
        registered_homes: who is registered; cursors: what is stored; home_states: what is known of each home.
        learner: teaches rhythms; meters: what reads the meters of the homes.
        lock: held by whoever changes any of it.
    """

    def __init__(
        self, engine: Engine, timeseries: TimeSeries, settings: IngestSettings, lease: Lease | None = None
    ) -> None:
        self.engine, self.timeseries, self.settings, self.lease = engine, timeseries, settings, lease
        self.lock = threading.RLock()
        self.watch, self.registered_homes, self.cursors = Watch(), RegisteredHomes(), CursorBook()
        self.learner = Learner(engine, timeseries, settings.history_days)
        self.home_states = HomeStates(self.watch, self.learner.default_table())
        self.meters = MeterBook(engine, timeseries, settings.history_days)
        self.stale = True
        """Whether memory must be read from the store first: at the start, and after a commit that failed."""
        self.to_recall: Remembered | None = None
        """What the store knew when it was read, until the presses in the time series were compared with its ledger."""

    def apply_lesson(self, state: HomeState, lesson: Lesson) -> None:
        """Put what was learned in force; ``state`` is being edited."""
        state.learned_upto_ms, state.relearn = lesson.upto_ms, False
        state.due_ms = next_nightly_ms(state.home.zone, lesson.upto_ms)
        state.can_tell, state.job = lesson.can_tell, None
        self.meters.forget([state.home.id])  # they go on from the lesson
        self.home_states.apply_table(state, lesson.table, held=lesson.rhythm.held)

    def is_caught_up(self, state: HomeState, now_ms: int) -> bool:
        """Whether no back-filled event has come for so long that the back-log of the home counts as done."""
        return now_ms - state.backfilled_ms >= self.settings.quiet_before_learning_s * 1000

    def refresh(self, now_ms: int) -> None:
        """Take over what was registered, changed or removed; a new home gets its first deadline, counted from now."""
        with self.lock:
            was_stale, self.stale = self.stale, True  # until the new rows are committed
            with reading(self.engine) as connection:
                self.registered_homes.refresh(connection)
                if was_stale and self.to_recall is None:  # at the start, or the store may have been put back
                    self.to_recall = read_remembered(connection)
                rows = self.home_states.sync(connection, self.registered_homes.homes(), now_ms)
            self.meters.keep_only([home.id for home in self.registered_homes.homes()])
            if rows:
                with self.begin() as connection:
                    put_rows(connection, live_states, rows)
            self.home_states.mark_fresh()
            self.stale = False

    def refresh_if_stale(self, now_ms: int) -> None:
        """As `refresh`, when memory cannot be trusted."""
        if self.stale:
            self.refresh(now_ms)

    def refresh_if_changed(self, gateways: Collection[str], now_ms: int) -> None:
        """As `refresh`, when one of these gateways was registered, changed or erased since, or is not registered."""
        with reading(self.engine) as connection:
            current = not gateways or self.registered_homes.is_current(connection, gateways)
        if not current:
            self.refresh(now_ms)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction of the store, which ingest commits only while the role is its own.

        Raises:
            LeaseLost: another process ingests now.
        """
        with self.engine.begin() as connection:
            if self.lease is not None:
                self.lease.check(connection)
            yield connection

    @contextmanager
    def change(self) -> Iterator[None]:
        """Around every change of memory and its commit: what is raised inside undoes the memory as well."""
        with self.lock:
            try:
                yield
            except BaseException:
                self.meters.forget(state.home.id for state in self.home_states.edited())
                self.home_states.rollback()
                self.cursors.forget()
                self.stale = True
                raise
            self.home_states.commit()

    def write_homes(self, connection: Connection, effects: Effects, now_ms: int) -> None:
        """Write the state of every home touched, with what became of it, in the open transaction."""
        add_rows(connection, lapses, effects.lapses)
        touched = self.home_states.edited()
        put_rows(connection, live_states, self.home_states.rows(touched, now_ms))
        for state in touched:
            lesson = effects.lessons.get(state.home.id)
            if lesson is not None:
                write_lesson(connection, state.home, lesson, relearn=state.relearn)
            elif state.relearn:
                flag = update(rhythms).where(rhythms.c.home_id == state.home.id).values(relearn=True)
                connection.execute(flag)
            if state.home.id in effects.interim_tables:
                write_interim_table(connection, state.home, effects.interim_tables[state.home.id])
            if state.rewrite:
                connection.execute(update(diaries).where(diaries.c.home_id == state.home.id).values(rewrite=True))
