"""Teaching a home's rhythm what the time series holds: the nights since it last learned, or all of it anew."""

import json
import logging
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, select

from anomaly import DeadlineTable, Rhythm, RhythmSettings, UnreadableState
from ingest.lives import Life
from ingest.localtime import local_s
from ingest.meaning import learner_word
from ingest.roster import Home, Roster
from ingest.upserts import put_rows
from store.engine import reading
from store.schema import rhythms
from store.timeseries.port import TimeSeries

_log = logging.getLogger(__name__)

_DAY_MS: Final = 86_400_000
_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a home has learned.

    Attributes:
        upto_ms: events before this (ms UTC) are in the rhythm.
        rhythm: the model; further lessons go on from it.
        table: the deadlines it gives.
    """

    upto_ms: int
    rhythm: Rhythm
    table: DeadlineTable


class Learner:
    """Reads events from the time series and feeds rhythms with them; keeps nothing between two lessons.

    Args:
        engine: where rhythms are stored.
        timeseries: where the events are.
        settings: the budgets that new rhythms get.
        history_days: how far back a rhythm is learned anew.
    """

    def __init__(self, engine: Engine, timeseries: TimeSeries, settings: RhythmSettings, history_days: float) -> None:
        self._engine = engine
        self._timeseries = timeseries
        self._settings = settings
        self._history_ms = round(history_days * _DAY_MS)

    def untaught(self) -> DeadlineTable:
        """The deadlines of a home of which nothing is known: the population's, and the caps."""
        return Rhythm(self._settings).table()

    def next_lesson(self, life: Life, before: Lesson | None, upto_ms: int, roster: Roster) -> Lesson:
        """Learn everything that happened before ``upto_ms``.

        Args:
            life: the home; where it must learn anew, nothing is taken over.
            before: its last lesson when it is at hand, to go on from; None: as stored.
            upto_ms: where the lesson ends, ms UTC.
            roster: what its sensors are.

        Raises:
            TimeSeriesError: the events cannot be read now.
        """
        if life.relearn or life.learned_upto_ms is None:
            before = None
        elif before is None:
            before = self._stored(life.home)
        return self._go_on(life.home, before, upto_ms, roster)

    def _stored(self, home: Home) -> Lesson | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(rhythms).where(rhythms.c.home_id == home.id)).one_or_none()
        if row is None:
            return None
        try:
            rhythm = Rhythm.from_bytes(row.model, self._settings)
        except UnreadableState as error:
            _log.warning("home %s: %s; its rhythm is learned anew", home.id, error)
            return None
        return Lesson(row.learned_upto_ms, rhythm, rhythm.table())

    def _go_on(self, home: Home, before: Lesson | None, upto_ms: int, roster: Roster) -> Lesson:
        horizon_ms = max(0, upto_ms - self._history_ms)
        if before is None or before.upto_ms < horizon_ms:
            rhythm, from_ms = Rhythm(self._settings), horizon_ms
        else:
            rhythm, from_ms = before.rhythm, before.upto_ms
        roles = roster.roles_of(home.gateway)
        for point in self._timeseries.read(home.gateway, from_ms * _NS_PER_MS, upto_ms * _NS_PER_MS):
            word = learner_word(point.kind, roles.get(point.sensor), json.loads(point.fields))
            if word is not None:
                rhythm.observe(local_s(home.zone, point.t_ms), point.sensor, *word)
        rhythm.advance(local_s(home.zone, upto_ms))
        return Lesson(upto_ms, rhythm, rhythm.table())


def write_lesson(connection: Connection, home: Home, lesson: Lesson, *, relearn: bool) -> None:
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
        "relearn": relearn,
    }
    put_rows(connection, rhythms, [row])
