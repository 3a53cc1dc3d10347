"""The engine: opens incidents for signals that hold, and moves those that are due. A loop calls `tick`."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import sqlalchemy
from sqlalchemy import Connection

from alerts.decisions.model import Decision
from alerts.errors import StaleIncident
from alerts.incidents import area_outages, loaded_incident, transitions
from alerts.incidents.changes import read_changes, read_moving
from alerts.settings import AlertsSettings
from alerts.signals.active import READ_TOGETHER, read_signals
from contracts.signals import Signal, SignalKind
from store.engine import reading

T = TypeVar("T")
log = logging.getLogger(__name__)
_TRANSITIONS = 8  # of one incident in one tick; an incident that is never settled must not hold up the others


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a tick did.

    Attributes:
        opened: incidents opened.
        moved: transitions of open incidents.
        ended: how many of these were ends.
        skipped: incidents that another worker was moving at the same moment.
    """

    opened: int = 0
    moved: int = 0
    ended: int = 0
    skipped: int = 0


class Engine:
    """Any number of engines may run on one database: together they do what one would.

    Args:
        db: the relational store.
        settings: ladders and times; an open incident keeps those it was opened with.

    Attributes:
        db, settings: as they were given.
    """

    def __init__(self, db: sqlalchemy.Engine, settings: AlertsSettings) -> None:
        self.db = db
        self.settings = settings
        self._listening_since_ms: int | None = None

    def tick(self, now_ms: int) -> TickReport:
        """Do everything that is due at ``now_ms`` (ms UTC), one transaction an incident.

        Raises:
            ExceptionGroup: something could not be read, or failed for some incidents; all others were seen to, and the
                next tick tries again.
        """
        errors: list[Exception] = []
        moving = self._read(lambda connection: read_moving(connection, now_ms), errors)
        signals = [
            signal
            for kinds in READ_TOGETHER
            for signal in self._read(partial(self._signals, now_ms=now_ms, kinds=kinds), errors)
        ]
        opened = moved = ended = skipped = 0
        try:
            area_outages.open_outages(self.db, signals, now_ms, self.settings)
        except Exception as error:  # noqa: BLE001 - each home is then seen to by itself; raised below
            errors.append(error)
        for signal in signals:
            try:
                opened += self._open(signal, now_ms)
            except Exception as error:  # noqa: BLE001 - one home must not hold up the others; raised below
                errors.append(_about(error, transitions.id_of(signal)))
        for incident_id in moving:
            try:
                decisions = self._settle(incident_id, now_ms)
                moved += len(decisions)
                ended += sum(decision.incident.ended for decision in decisions)
            except StaleIncident:
                skipped += 1
            except Exception as error:  # noqa: BLE001 - one incident must not hold up the others; raised below
                errors.append(_about(error, incident_id))
        if errors:
            raise ExceptionGroup("some incidents could not be opened or moved", errors)
        return TickReport(opened, moved, ended, skipped)

    def listening_since_ms(self, now_ms: int) -> int:
        """Since when this engine runs, ms UTC: ``now_ms`` when asked for the first time.

        After downtime of the backend every heartbeat is old, and no gateway is lost for that.
        """
        if self._listening_since_ms is None:
            self._listening_since_ms = now_ms
        return self._listening_since_ms

    def _read(self, what: Callable[[Connection], list[T]], errors: list[Exception]) -> list[T]:
        """What there is; nothing where it cannot be read, which then stands in ``errors`` and which `tick` raises."""
        try:
            with reading(self.db) as connection:
                return what(connection)
        except Exception as error:  # noqa: BLE001 - a silence that cannot be read must not hold up a call for help
            errors.append(error)
            return []

    def _signals(
        self, connection: Connection, *, now_ms: int, kinds: Collection[SignalKind], home: str | None = None
    ) -> list[Signal]:
        return read_signals(connection, now_ms, self.settings, self.listening_since_ms(now_ms), home, kinds)

    def _open(self, signal: Signal, now_ms: int) -> bool:
        def work(connection: Connection) -> str | None:
            again = self._signals(connection, now_ms=now_ms, kinds=(signal.kind,), home=signal.home)
            if signal.dedup_key not in {item.dedup_key for item in again}:
                return None  # a movement was stored since it was read
            return transitions.open_incident(connection, signal, self.settings.policy(signal.kind), now_ms)

        incident_id = transitions.in_transaction(self.db, work)
        if incident_id is not None:
            log.info("incident %s opened: %s of home %s", incident_id, signal.kind, signal.home)
        return incident_id is not None

    def _settle(self, incident_id: str, now_ms: int) -> list[Decision]:
        """Everything that has happened to an incident, one transition at a time."""
        done: list[Decision] = []
        while len(done) < _TRANSITIONS:
            decision = transitions.in_transaction(self.db, lambda connection: _step(connection, incident_id, now_ms))
            if decision is None:
                break
            log.info(
                "incident %s %s: %s", incident_id, decision.what, ", ".join(each.reason for each in decision.reasons)
            )
            done.append(decision)
            if decision.incident.ended:
                break
        return done


def _about(error: Exception, incident_id: str) -> Exception:
    error.add_note(f"incident {incident_id}")  # whoever logs the error says which
    return error


def _step(connection: Connection, incident_id: str, now_ms: int) -> Decision | None:
    loaded = loaded_incident.load(connection, incident_id, now_ms)
    if loaded.incident.ended:
        return None
    for event in read_changes(connection, loaded, now_ms):
        decision = transitions.apply(connection, loaded, event, now_ms)
        if decision is not None:
            return decision
    return None
