"""The engine: opens incidents for signals that hold, and moves those that are due. A loop calls `tick`."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import sqlalchemy
from sqlalchemy import Connection

from alerts.decisions.commands import Decision
from alerts.errors import Faults, StaleIncident
from alerts.incidents import area_outages, loaded_incident, transitions
from alerts.incidents.changes import read_changes, read_moving
from alerts.settings import AlertsSettings
from alerts.signals.active import READ_TOGETHER, read_signals
from alerts.signals.expected import Outlook
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
        faults = Faults()
        moving = self._read(partial(read_moving, now_ms=now_ms), faults)
        signals = [
            signal
            for kinds in READ_TOGETHER
            for signal in self._read(partial(self._signals, now_ms=now_ms, kinds=kinds), faults)
        ]
        opened = moved = ended = skipped = 0
        with faults.apart("outages of areas; each home is seen to by itself"):
            area_outages.open_outages(self.db, signals, now_ms, self.settings)
        for signal in signals:
            with faults.apart(f"incident {transitions.id_of(signal)}"):
                opened += self._open(signal, now_ms)
        for incident_id in moving:
            with faults.apart(f"incident {incident_id}"):
                try:
                    decisions = self._settle(incident_id, now_ms)
                except StaleIncident:
                    skipped += 1
                    continue
                moved += len(decisions)
                ended += sum(decision.incident.ended for decision in decisions)
        faults.raise_together("some incidents could not be opened or moved")
        return TickReport(opened, moved, ended, skipped)

    def listening_since_ms(self, now_ms: int) -> int:
        """Since when this engine reads the store, ms UTC: ``now_ms`` when asked for the first time.

        After downtime of the backend every heartbeat is old, and no gateway is lost for that.
        """
        if self._listening_since_ms is None:
            self._listening_since_ms = now_ms
        return self._listening_since_ms

    def _read(self, what: Callable[[Connection], list[T]], faults: Faults) -> list[T]:
        """What there is; nothing where it cannot be read: a silence must not hold up a call for help."""
        with faults.apart("what holds now"), reading(self.db) as connection:
            return what(connection)
        return []

    def _signals(
        self, connection: Connection, now_ms: int, kinds: Collection[SignalKind], home: str | None = None
    ) -> list[Signal]:
        # Only here does it begin to listen: while the store cannot be read, no home is heard.
        outlook = Outlook(now_ms, self.settings, self.listening_since_ms(now_ms), home)
        return read_signals(connection, outlook, kinds)

    def _open(self, signal: Signal, now_ms: int) -> bool:
        incident_id = transitions.in_transaction(self.db, self._open_if_it_holds, signal, now_ms)
        if incident_id is not None:
            log.info("incident %s opened: %s of home %s", incident_id, signal.kind, signal.home)
        return incident_id is not None

    def _open_if_it_holds(self, connection: Connection, signal: Signal, now_ms: int) -> str | None:
        again = self._signals(connection, now_ms, (signal.kind,), signal.home)
        if signal.dedup_key not in {item.dedup_key for item in again}:
            return None  # a movement was stored since it was read
        return transitions.open_incident(connection, signal, self.settings.policy(signal.kind), now_ms)

    def _settle(self, incident_id: str, now_ms: int) -> list[Decision]:
        """Everything that has happened to an incident, one transition at a time."""
        done: list[Decision] = []
        while len(done) < _TRANSITIONS:
            decision = transitions.in_transaction(self.db, _step, incident_id, now_ms)
            if decision is None:
                break
            log.info(
                "incident %s %s: %s", incident_id, decision.what, ", ".join(each.reason for each in decision.reasons)
            )
            done.append(decision)
            if decision.incident.ended:
                break
        return done


def _step(connection: Connection, incident_id: str, now_ms: int) -> Decision | None:
    loaded = loaded_incident.load(connection, incident_id, now_ms)
    if loaded.incident.ended:
        return None
    for event in read_changes(connection, loaded, now_ms):
        decision = transitions.apply(connection, loaded, event, transitions.Occasion(now_ms))
        if decision is not None:
            return decision
    return None
