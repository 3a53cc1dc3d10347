"""What the pipeline and the nightly learning share: the stores, the homes in memory, and the lock around them.

One process ingests. Everything in memory can be read back from the stores, and is, after any failed commit.
"""

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, update

from anomaly import DeadlineTable, RhythmSettings, Watch
from ingest.homes.home_states import HomeState, HomeStates
from ingest.homes.localtime import next_nightly_ms
from ingest.homes.registered_homes import RegisteredHome, RegisteredHomes
from ingest.intake.cursors import CursorBook
from ingest.intake.presses import Remembered, read_remembered
from ingest.learning.learner import Learner, Lesson, write_interim_table, write_lesson
from ingest.learning.metering import MeterBook
from ingest.settings import IngestSettings
from store.engine import reading
from store.lease import Lease
from store.schema import diaries, live_states, rhythms
from store.timeseries.port import TimeSeries
from store.upserts import put_rows


@dataclass(slots=True)
class Core:
    """The state of ingest.

    Attributes:
        engine: relational store; timeseries: raw events.
        settings: of ingest; rhythm_settings: the budgets of new rhythms.
        watch: deadlines of all homes. Read it under `lock`.
        registered_homes: who is registered; cursors: what is stored; home_states: what is known of each home.
        learner: teaches rhythms; meters: what reads the meters of the homes.
        lock: held by whoever changes any of it.
        lease: that no other process ingests; None where there can be no other, as in a test.
    """

    engine: Engine
    timeseries: TimeSeries
    settings: IngestSettings = field(default_factory=IngestSettings)
    rhythm_settings: RhythmSettings = field(default_factory=RhythmSettings)
    watch: Watch = field(default_factory=Watch)
    registered_homes: RegisteredHomes = field(default_factory=RegisteredHomes)
    cursors: CursorBook = field(default_factory=CursorBook)
    learner: Learner = field(init=False)
    home_states: HomeStates = field(init=False)
    meters: MeterBook = field(init=False)
    lock: threading.RLock = field(default_factory=threading.RLock)
    lease: Lease | None = None
    stale: bool = True
    """Whether memory must be read from the store first: at the start, and after a commit that failed."""
    to_recall: Remembered | None = None
    """What the store knew when it was read, until the presses in the time series were compared with its ledger."""

    def __post_init__(self) -> None:
        self.learner = Learner(self.engine, self.timeseries, self.rhythm_settings, self.settings.history_days)
        self.home_states = HomeStates(self.watch, self.learner.default_table())
        self.meters = MeterBook(self.engine, self.timeseries, self.settings.history_days)

    def roles_of(self, home: RegisteredHome) -> Mapping[str, str]:
        """Role of each sensor that the home has told; empty before its first inventory."""
        return self.registered_homes.roles_of(home.gateway)

    def apply_lesson(self, state: HomeState, lesson: Lesson) -> None:
        """Put what was learned in force; ``state`` is being edited."""
        state.learned_upto_ms, state.relearn, state.held = lesson.upto_ms, False, lesson.rhythm.held
        state.due_ms = next_nightly_ms(state.home.zone, lesson.upto_ms)
        state.can_tell, state.job = lesson.can_tell, None
        self.meters.forget([state.home.id])  # they go on from the lesson
        self.home_states.apply_table(state, lesson.table)

    def apply_interim_table(self, state: HomeState, table: DeadlineTable) -> None:
        """Put the table in force that the end of an overdue silence brought; ``state`` is being edited."""
        state.held = False
        self.home_states.apply_table(state, table)

    def refresh(self, now_ms: int) -> None:
        """Take over what was registered, changed or removed; a new home gets its first deadline, counted from now."""
        with self.lock:
            with reading(self.engine) as connection:
                self.registered_homes.refresh(connection)
                if self.stale and self.to_recall is None:  # at the start, or the store may have been put back
                    self.to_recall = read_remembered(connection)
                rows = self.home_states.sync(connection, self.registered_homes.homes(), now_ms)
            self.meters.keep_only([home.id for home in self.registered_homes.homes()])
            self.stale = True  # until the new rows are committed
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

    def write_homes(
        self,
        connection: Connection,
        lessons: Mapping[str, Lesson],
        interim_tables: Mapping[str, DeadlineTable],
        now_ms: int,
    ) -> None:
        """Write the state of every home touched, with what it learned, in the open transaction.

        Args:
            connection: the open transaction.
            lessons: of the homes that learned, by home id.
            interim_tables: tables that signs of life brought after the last lesson, by home id.
            now_ms: ms UTC.
        """
        touched = self.home_states.edited()
        put_rows(connection, live_states, self.home_states.rows(touched, now_ms))
        for state in touched:
            lesson = lessons.get(state.home.id)
            if lesson is not None:
                write_lesson(connection, state.home, lesson, relearn=state.relearn)
            elif state.relearn:
                flag = update(rhythms).where(rhythms.c.home_id == state.home.id).values(relearn=True)
                connection.execute(flag)
            if state.home.id in interim_tables:
                write_interim_table(connection, state.home, interim_tables[state.home.id])
            if state.rewrite:
                connection.execute(update(diaries).where(diaries.c.home_id == state.home.id).values(rewrite=True))
