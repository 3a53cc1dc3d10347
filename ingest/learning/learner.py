"""Teaching a home's rhythm what the time series holds: the nights since it last learned, or all of it anew."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, Engine, delete, select, update

from anomaly import DeadlineTable, Rhythm, RhythmSettings, UnreadableState
from contracts.health import SensorRole
from ingest.homes.localtime import local_s, next_nightly_ms
from ingest.homes.registered_homes import RegisteredHome
from ingest.intake.meaning import METER_INPUT, LearnerInput, learner_input
from ingest.learning.metering import stored_states
from ingest.learning.meters import HomeMeters, MeterKey, is_reading
from store.engine import reading
from store.schema import ask_budgets, meters, rhythms
from store.timeseries.port import TimeSeries
from store.upserts import put_rows

_log = logging.getLogger(__name__)

_DAY_MS: Final = 86_400_000
_NS_PER_MS: Final = 1_000_000

_LearnedEvent = tuple[int, str, LearnerInput]  # when (ms UTC), by which sensor, what it means


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a home has learned.

    Attributes:
        upto_ms: events before this (ms UTC) are in the rhythm.
        rhythm: the model; further lessons go on from it.
        table: the deadlines it gives.
        meters: the state of each meter at ``upto_ms``; empty without a meter.
        can_tell: whether the home can be watched; False: by a meter alone that has not shown that it can tell.
    """

    upto_ms: int
    rhythm: Rhythm
    table: DeadlineTable
    meters: Mapping[MeterKey, bytes]
    can_tell: bool


class Learner:
    """Reads events from the time series and feeds rhythms with them; keeps nothing between two lessons.

    Args:
        engine: where rhythms are stored.
        timeseries: where the events are.
        history_days: how far back a rhythm is learned anew.
    """

    def __init__(self, engine: Engine, timeseries: TimeSeries, history_days: float) -> None:
        self._engine = engine
        self._timeseries = timeseries
        self._settings = RhythmSettings()  # the budgets of a home whose person answers
        self._history_ms = round(history_days * _DAY_MS)

    def default_table(self) -> DeadlineTable:
        """The deadlines of a home of which nothing is known: the population's, and the caps."""
        return Rhythm(self._settings).table()

    def _settings_of(self, home: RegisteredHome) -> RhythmSettings:
        """The budgets of a home: it is asked less often where its person seldom answers, never more often."""
        with reading(self._engine) as connection:
            own_days = connection.execute(
                select(ask_budgets.c.ask_every_days).where(ask_budgets.c.home_id == home.id)
            ).scalar()
        return replace(self._settings, ask_every_days=max(self._settings.ask_every_days, float(own_days or 0)))

    def next_lesson(self, home: RegisteredHome, before: Lesson | None, upto_ms: int, *, whole: bool = False) -> Lesson:
        """Learn what happened since the last lesson and before ``upto_ms``; without a lesson, everything.

        Args:
            home: whose.
            before: its last lesson when it is at hand, to go on from; None: as stored.
            upto_ms: where the lesson ends, ms UTC.
            whole: learn everything, whatever was learned: takes seconds for a home that was seen for months.

        Raises:
            TimeSeriesError: the events cannot be read now.
        """
        return self._go_on(home, None if whole else before or self._stored(home), upto_ms)

    def interim_table(self, home: RegisteredHome, lesson: Lesson | None) -> DeadlineTable | None:
        """The table that the end of an overdue silence brings, by the events since the lesson.

        The lesson stays as it is: the next one goes on from it, meets the same sign of life, and comes to the same.

        Args:
            home: whose.
            lesson: its last lesson when it is at hand; None: as stored.

        Returns:
            None when no table is held back, or the silence goes on.

        Raises:
            TimeSeriesError: the events cannot be read now.
        """
        lesson = lesson or self._stored(home)
        if lesson is None or not lesson.rhythm.held:
            return None
        copy = Rhythm.from_bytes(lesson.rhythm.to_bytes(), self._settings_of(home))
        upto_ms = next_nightly_ms(home.zone, lesson.upto_ms) - 1  # so that the next night is not learned
        ahead = self._go_on(home, replace(lesson, rhythm=copy), upto_ms)
        return None if ahead.rhythm.held else ahead.table

    def _stored(self, home: RegisteredHome) -> Lesson | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(rhythms).where(rhythms.c.home_id == home.id)).one_or_none()
        if row is None:
            return None
        states = stored_states(self._engine, home.id, row.learned_upto_ms)
        try:
            rhythm = Rhythm.from_bytes(row.model, self._settings_of(home))
            HomeMeters(home.zone, {}, states)  # to see that they can be read
        except UnreadableState as error:
            _log.warning("home %s: %s; its rhythm is learned anew", home.id, error)
            return None
        return Lesson(row.learned_upto_ms, rhythm, rhythm.table(), states, can_tell=True)

    def _go_on(self, home: RegisteredHome, before: Lesson | None, upto_ms: int) -> Lesson:
        horizon_ms = max(0, upto_ms - self._history_ms)
        states: Mapping[MeterKey, bytes] = {}
        if before is None or before.upto_ms < horizon_ms:
            rhythm, from_ms = Rhythm(self._settings_of(home)), horizon_ms
        else:
            rhythm, from_ms, states = before.rhythm, before.upto_ms, before.meters
        home_meters = HomeMeters(home.zone, home.roles, states)
        heard: Iterable[_LearnedEvent] = self._events_for_learning(home, home_meters, from_ms, upto_ms)
        if SensorRole.METER in home.roles.values():
            heard = sorted(heard, key=lambda one: one[0])  # a meter tells of some signs only when they are over
        for t_ms, sensor, word in heard:
            rhythm.observe(local_s(home.zone, t_ms), sensor, *word)
        rhythm.advance(local_s(home.zone, upto_ms))
        return Lesson(upto_ms, rhythm, rhythm.table(), home_meters.states(), home_meters.can_tell())

    def _events_for_learning(
        self, home: RegisteredHome, home_meters: HomeMeters, from_ms: int, upto_ms: int
    ) -> Iterator[_LearnedEvent]:
        """What the events in ``[from_ms, upto_ms)`` mean to the rhythm."""
        for point in self._timeseries.read(home.gateway, from_ms * _NS_PER_MS, upto_ms * _NS_PER_MS):
            role, fields = home.roles.get(point.sensor), json.loads(point.fields)
            if is_reading(point.kind, role):
                for at_ms in home_meters.take(point.t_ms, point.sensor, point.kind, fields):
                    yield at_ms, point.sensor, METER_INPUT
                continue
            word = learner_input(point.kind, role, fields)
            if word is not None:
                yield point.t_ms, point.sensor, word


def write_lesson(connection: Connection, home: RegisteredHome, lesson: Lesson, *, relearn: bool) -> None:
    """Store a lesson in the open transaction.

    Args:
        connection: the open transaction.
        home: whose.
        lesson: what was learned.
        relearn: events from before ``lesson.upto_ms`` are not in it, so that it must be learned anew.
    """
    row = {
        "home_id": home.id,
        "learned_upto_ms": lesson.upto_ms,
        "model": lesson.rhythm.to_bytes(),
        "table": lesson.table.to_bytes(),
        "held": lesson.rhythm.held,
        "relearn": relearn,
    }
    put_rows(connection, rhythms, [row])
    connection.execute(delete(meters).where(meters.c.home_id == home.id))
    put_rows(
        connection,
        meters,
        [
            {"home_id": home.id, "sensor": sensor, "kind": kind, "upto_ms": lesson.upto_ms, "state": state}
            for (sensor, kind), state in lesson.meters.items()
        ],
    )


def write_interim_table(connection: Connection, home: RegisteredHome, table: DeadlineTable) -> None:
    """Store, in the open transaction, the table that the end of an overdue silence brought."""
    brought = update(rhythms).where(rhythms.c.home_id == home.id)
    connection.execute(brought.values(table=table.to_bytes(), held=False))
