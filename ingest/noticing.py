"""Noticing more than silence, once an hour for each home: events become a diary, and what it shows becomes notes.

The diary, the notes and how far events were read are committed together. Late events make the diary be written anew
from the time series, as a rhythm is learned anew.
"""

import json
import logging
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, select, update

from anomaly import Note, NoteKind, NoteSettings, Noticer, UnreadableState
from anomaly.notes.diary import DIARY_DAYS
from contracts.health import PROOF_VALID_S
from ingest.core import Core
from ingest.homes.home_states import HomeState
from ingest.homes.localtime import local_s, utc_ms
from ingest.homes.registered_homes import RegisteredHome
from ingest.intake.meaning import learner_input
from store.engine import reading
from store.schema import absences, diaries, gateways, notes
from store.upserts import add_rows, put_rows

_log = logging.getLogger(__name__)

GRACE_MS: Final = 300_000
"""An hour is looked at so long after its end: what was on its way has arrived by then."""
_WHILE_ABSENT: Final = frozenset({NoteKind.POWER_LEFT_ON})
"""What is worth a note although nobody is at home: all the more, it was left on."""
MOST_CACHED: Final = 2_000
"""Noticers kept in memory (about 300 KB each); others are read from the store again."""
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_NS_PER_MS: Final = 1_000_000


class NoteMaker:
    """Makes the notes; see `tick`.

    Args:
        core: stores and homes, shared with the pipeline.
        settings: budgets.
    """

    def __init__(self, core: Core, settings: NoteSettings | None = None) -> None:
        self._core = core
        self._settings = settings or NoteSettings()
        self._cached: dict[str, tuple[int, Noticer]] = {}  # how far each has read, ms UTC

    def tick(self, now_ms: int) -> int:
        """Look at every home whose devices are proven alive and that was not looked at in this hour of its clock.

        A home whose back-log is still coming in waits, and so does one that is not provably alive: what is missing
        would look like a decline. When it is seen again everything is read, and the present alone is judged.

        Args:
            now_ms: ms UTC, on the clock that gives messages their ``received_ms``.

        Returns:
            How many notes were made.

        Raises:
            TimeSeriesError, SQLAlchemyError: a store is out of reach; nothing is lost, the next tick goes on.
        """
        self._core.refresh_if_stale(now_ms)
        proven = self._proven(now_ms)
        due = [state.home.id for state in self._core.home_states.all() if state.home.gateway in proven]
        return sum(self._note(home_id, now_ms) for home_id in due)

    def _proven(self, now_ms: int) -> set[str]:
        fresh = gateways.c.proven_ms >= now_ms - 1000 * PROOF_VALID_S
        with reading(self._core.engine) as connection:
            return set(connection.execute(select(gateways.c.gateway).where(fresh)).scalars())

    def _note(self, home_id: str, now_ms: int) -> int:
        core = self._core
        with core.lock:
            core.refresh_if_stale(now_ms)
            state = core.home_states.find(home_id)
            if state is None:
                return 0
            upto_ms = _last_hour_ms(state.home.zone, now_ms - GRACE_MS)
            if not self._is_due(state, upto_ms, now_ms):
                return 0
            with core.change():
                return self._look(core.home_states.edit(home_id), upto_ms, now_ms)

    def _is_due(self, state: HomeState, upto_ms: int, now_ms: int) -> bool:
        if state.last_event_ms is None or not self._core.is_caught_up(state, now_ms):
            return False
        return state.noted_upto_ms is None or state.noted_upto_ms < upto_ms

    def _look(self, state: HomeState, upto_ms: int, now_ms: int) -> int:
        home = state.home
        from_ms, noticer = self._noticer(state, upto_ms)
        self._read(home, noticer, from_ms, upto_ms)
        found = noticer.advance(local_s(home.zone, upto_ms))
        shown = self._core.meters.notes(state, upto_ms)
        row = {"home_id": home.id, "upto_ms": upto_ms, "state": noticer.to_bytes(), "rewrite": False}
        with self._core.begin() as connection:
            if _is_absent(connection, home.id, now_ms):
                found, shown = [], [note for note in shown if note.kind in _WHILE_ABSENT]
            rows = _rows(home, found, upto_ms)
            add_rows(connection, notes, rows)
            _mark_holding(connection, home.id, noticer.holding(), upto_ms)
            rows += _add_shown(connection, _rows(home, shown, upto_ms))
            put_rows(connection, diaries, [row])
        state.noted_upto_ms, state.rewrite = upto_ms, False
        self._cached[home.id] = upto_ms, noticer
        while len(self._cached) > MOST_CACHED:
            del self._cached[next(iter(self._cached))]
        return len(rows)

    def _noticer(self, state: HomeState, upto_ms: int) -> tuple[int, Noticer]:
        """The home's noticer, out of memory while it is at work, and from when on it must read events."""
        horizon_ms = max(0, upto_ms - DIARY_DAYS * _DAY_MS)
        from_ms, noticer = self._cached.pop(state.home.id, (None, None))
        if noticer is None or from_ms != state.noted_upto_ms:
            noticer = self._stored(state.home)
        if noticer is None or state.noted_upto_ms is None or state.rewrite or state.noted_upto_ms < horizon_ms:
            return horizon_ms, noticer.without_diary() if noticer is not None else Noticer(self._settings)
        return state.noted_upto_ms, noticer

    def _stored(self, home: RegisteredHome) -> Noticer | None:
        with reading(self._core.engine) as connection:
            state = connection.execute(select(diaries.c.state).where(diaries.c.home_id == home.id)).scalar()
        if state is None:
            return None
        try:
            return Noticer.from_bytes(state, self._settings)
        except UnreadableState as error:
            _log.warning("home %s: %s; its diary is written anew", home.id, error)
            return None

    def _read(self, home: RegisteredHome, noticer: Noticer, from_ms: int, upto_ms: int) -> None:
        for point in self._core.timeseries.read(home.gateway, from_ms * _NS_PER_MS, upto_ms * _NS_PER_MS):
            word = learner_input(point.kind, home.roles.get(point.sensor), json.loads(point.fields))
            if word is not None:
                noticer.observe(local_s(home.zone, point.t_ms), point.sensor, *word)


def _last_hour_ms(zone: str, t_ms: int) -> int:
    """The latest moment at or before ``t_ms`` at which the home's clock showed a full hour (ms UTC)."""
    return t_ms - round(local_s(zone, t_ms) * 1000) % _HOUR_MS


def _is_absent(connection: Connection, home_id: str, now_ms: int) -> bool:
    """Whether an absence is registered: then nothing that a home shows is the person's doing."""
    covers = (absences.c.home_id == home_id) & (absences.c.from_ms <= now_ms) & (absences.c.to_ms > now_ms)
    return connection.execute(select(absences.c.id).where(covers)).first() is not None


def _mark_holding(connection: Connection, home_id: str, kinds: Collection[str], upto_ms: int) -> None:
    """The open notes of these kinds still hold. One that did not for a day is another matter, see `Noticer`."""
    open_still = (notes.c.home_id == home_id) & notes.c.kind.in_(sorted(kinds))
    recent = notes.c.held_ms >= upto_ms - _DAY_MS
    connection.execute(update(notes).where(open_still, recent).values(held_ms=upto_ms))


def _add_shown(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Note what a meter shows now; the rows that are new. What it showed before, from the same moment on, holds on."""
    new = []
    for row in rows:
        same = and_(*(notes.c[key.name] == row[key.name] for key in notes.primary_key))
        if not connection.execute(update(notes).where(same).values(held_ms=row["held_ms"])).rowcount:
            new.append(row)
    add_rows(connection, notes, new)
    return new


def _rows(home: RegisteredHome, found: Sequence[Note], at_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "home_id": home.id,
            "kind": str(note.kind),
            "since_ms": utc_ms(home.zone, note.since_s, at_ms),
            "at_ms": at_ms,
            "held_ms": at_ms,
            "score": note.score,
            "reason_ja": note.reason.ja,
            "reason_en": note.reason.en,
            "evidence": note.evidence_json(),
        }
        for note in found
    ]
