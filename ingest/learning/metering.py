"""The meters of all homes between two lessons: in memory, and read back from the stores where memory will not do.

A lesson leaves the state of its meters in the store, and the readings since then are in the time series. So nothing
is written while readings come, and a restart, a failed commit and a reading out of order are repaired the same way.
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, select

from anomaly import Note, UnreadableState
from contracts.health import SensorRole
from ingest.homes.home_states import HomeState
from ingest.homes.localtime import local_s
from ingest.intake.deduplicate import NewEvent
from ingest.learning.meters import HomeMeters, MeterKey, is_reading
from store.engine import reading
from store.schema import meters
from store.timeseries.port import TimeSeries

_log = logging.getLogger(__name__)

_NS_PER_MS: Final = 1_000_000
_DAY_MS: Final = 86_400_000
SILENT_MS: Final = 3_600_000
"""What a meter showed this long ago, or longer, is not the present."""
LATE_RELEARNS_MS: Final = 30 * 60_000
"""Readings from this long before the last lesson, or longer, are worth learning anew for.

A router that restarts each night at three delays some minutes of readings; years must not be read again for those.
"""


@dataclass(frozen=True, slots=True)
class MeterSignEvent:
    """A sign of life, and the event by which it is known.

    Attributes:
        at_ms: when, ms UTC; sensor: the meter.
        epoch: outbox of the reading that told of it; n: its number there; backfilled: whether it was.
    """

    at_ms: int
    sensor: str
    epoch: str
    n: int
    backfilled: bool


class MeterBook:
    """The meters of every home that has one.

    Args:
        engine: where lessons leave the states.
        timeseries: where the readings are.
        history_days: how far back a meter is read that has no state.
    """

    def __init__(self, engine: Engine, timeseries: TimeSeries, history_days: float) -> None:
        self._engine = engine
        self._timeseries = timeseries
        self._history_ms = round(history_days * _DAY_MS)
        self._live: dict[str, HomeMeters] = {}

    def forget(self, home_ids: Iterable[str]) -> None:
        """Read the meters of these homes back from the stores before they are used again."""
        for home_id in home_ids:
            self._live.pop(home_id, None)

    def keep_only(self, home_ids: Collection[str]) -> None:
        """All other homes are gone."""
        self.forget(self._live.keys() - set(home_ids))

    def take(
        self, state: HomeState, readings: Sequence[NewEvent], learned: Mapping[MeterKey, bytes] | None
    ) -> list[MeterSignEvent]:
        """Take in new readings of one home, which the time series has already.

        Args:
            state: the home; whether it can be watched is noted there.
            readings: at least one, none from before the last lesson.
            learned: the states by the last lesson where that is not committed yet; None: as stored.

        Returns:
            The signs found, oldest first. After reading back, signs known before are among them.
        """
        in_order = sorted(readings, key=lambda fresh: fresh.event.t)
        live = self._live.get(state.home.id)
        if live is not None and live.is_for(state.home.zone, state.home.roles) and _continue(live, in_order):
            found = [sign for fresh in in_order for sign in _take(live, fresh)]
        else:
            upto_ms = max(in_order[-1].event.t, -1 if live is None else live.newest_ms())
            live, found = self._read_back(state, upto_ms, learned)
        state.can_tell = live.can_tell()
        return sorted(found, key=lambda sign: sign.at_ms)

    def cannot_tell(self, state: HomeState) -> frozenset[str]:
        """The meters of a home that cannot tell a person from the machines."""
        live = self._now(state)
        return frozenset() if live is None else live.cannot_tell()

    def notes(self, state: HomeState, upto_ms: int) -> list[Note]:
        """What the meters of a home show at ``upto_ms`` (ms UTC, about now) besides signs of life."""
        live = self._now(state)
        return [] if live is None else live.notes(local_s(state.home.zone, upto_ms), upto_ms - SILENT_MS)

    def _now(self, state: HomeState) -> HomeMeters | None:
        """The meters of a home after its newest reading; None: it has none."""
        if SensorRole.METER not in state.home.roles.values() or state.last_event_ms is None:
            return None
        live = self._live.get(state.home.id)
        if live is None or not live.is_for(state.home.zone, state.home.roles):
            live, _ = self._read_back(state, state.last_event_ms, None)
        return live

    def _read_back(
        self, state: HomeState, upto_ms: int, learned: Mapping[MeterKey, bytes] | None
    ) -> tuple[HomeMeters, list[MeterSignEvent]]:
        """The meters as all the readings since the last lesson leave them, up to and with ``upto_ms``."""
        home = state.home
        live, from_ms = self._at_lesson(state, learned)
        if from_ms is None:
            from_ms = max(0, upto_ms - self._history_ms)
        found: list[MeterSignEvent] = []
        for point in self._timeseries.read(home.gateway, from_ms * _NS_PER_MS, (upto_ms + 1) * _NS_PER_MS):
            if is_reading(point.kind, home.roles.get(point.sensor)):
                moments = live.take(point.t_ms, point.sensor, point.kind, json.loads(point.fields))
                key = (point.sensor, point.epoch, point.n, point.backfilled)
                found += [MeterSignEvent(at_ms, *key) for at_ms in moments]
        self._live[home.id] = live
        return live, found

    def _at_lesson(self, state: HomeState, learned: Mapping[MeterKey, bytes] | None) -> tuple[HomeMeters, int | None]:
        home, upto_ms = state.home, state.learned_upto_ms
        if upto_ms is None:
            return HomeMeters(home.zone, home.roles), None
        try:
            states = stored_states(self._engine, home.id, upto_ms) if learned is None else learned
            return HomeMeters(home.zone, home.roles, states), upto_ms
        except UnreadableState as error:
            _log.warning("home %s: %s; its meters are read anew", home.id, error)
            return HomeMeters(home.zone, home.roles), None


def stored_states(engine: Engine, home_id: str, upto_ms: int) -> dict[MeterKey, bytes]:
    """The states of a home's meters that its last lesson left, which ended at ``upto_ms``."""
    query = select(meters).where(meters.c.home_id == home_id, meters.c.upto_ms == upto_ms)
    with reading(engine) as connection:
        return {(row.sensor, row.kind): row.state for row in connection.execute(query)}


def _continue(live: HomeMeters, in_order: Sequence[NewEvent]) -> bool:
    """Whether each reading is newer than all of its meter before it."""
    newest: dict[MeterKey, int] = {}
    for fresh in in_order:
        event = fresh.event
        key = event.s, event.k
        if event.t <= newest.get(key, live.newest_of(key)):
            return False
        newest[key] = event.t
    return True


def _take(live: HomeMeters, fresh: NewEvent) -> list[MeterSignEvent]:
    event = fresh.event
    moments = live.take(event.t, event.s, event.k, event.x)
    return [MeterSignEvent(at_ms, event.s, fresh.epoch, event.n, event.bf) for at_ms in moments]
