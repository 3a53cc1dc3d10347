"""The engine: opens incidents for signals that hold, and moves those that are due. A loop calls `tick`."""

import logging
from dataclasses import dataclass

import sqlalchemy
from sqlalchemy import Connection

from alerts import casebook, cases, due, outages
from alerts.decisions.model import Decision
from alerts.errors import StaleCase
from alerts.settings import Settings
from contracts.signals import Signal
from store.engine import reading

log = logging.getLogger(__name__)
_TRANSITIONS = 8  # of one incident in one tick; a case that is never settled must not hold up the others


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
    """

    def __init__(self, db: sqlalchemy.Engine, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._listening_since_ms: int | None = None

    def tick(self, now_ms: int) -> TickReport:
        """Do everything that is due at ``now_ms`` (ms UTC), one transaction an incident.

        Raises:
            ExceptionGroup: something failed for some incidents; all others were seen to, and the next tick tries again.
        """
        since_ms = self._listen(now_ms)
        with reading(self._db) as connection:
            signals = due.read_signals(connection, now_ms, self._settings, since_ms)
            case_ids = due.read_cases(connection, now_ms)
        opened = moved = ended = skipped = 0
        errors: list[Exception] = []
        try:
            outages.open_outages(self._db, signals, now_ms, self._settings)
        except Exception as error:  # noqa: BLE001 - each home is then seen to by itself; raised below
            errors.append(error)
        for signal in signals:
            try:
                opened += self._open(signal, now_ms)
            except Exception as error:  # noqa: BLE001 - one home must not hold up the others; raised below
                errors.append(_about(error, casebook.id_of(signal)))
        for case_id in case_ids:
            try:
                decisions = self._settle(case_id, now_ms)
                moved += len(decisions)
                ended += sum(decision.incident.ended for decision in decisions)
            except StaleCase:
                skipped += 1
            except Exception as error:  # noqa: BLE001 - one incident must not hold up the others; raised below
                errors.append(_about(error, case_id))
        if errors:
            raise ExceptionGroup("some incidents could not be opened or moved", errors)
        return TickReport(opened, moved, ended, skipped)

    def next_due_ms(self, now_ms: int) -> int | None:
        """When a tick, or a run of the sender, next has something to do; see `due.next_due_ms`."""
        return due.next_due_ms(self._db, now_ms, self._settings, self._listen(now_ms))

    def _listen(self, now_ms: int) -> int:
        # After downtime of the backend every heartbeat is old, and no gateway is lost for that.
        if self._listening_since_ms is None:
            self._listening_since_ms = now_ms
        return self._listening_since_ms

    def _open(self, signal: Signal, now_ms: int) -> bool:
        def work(connection: Connection) -> str | None:
            again = due.read_signals(connection, now_ms, self._settings, self._listen(now_ms), signal.home)
            if signal.dedup_key not in {item.dedup_key for item in again}:
                return None  # a movement was stored since it was read
            return casebook.open_case(connection, signal, self._settings.policy(signal.kind), now_ms)

        case_id = casebook.in_transaction(self._db, work)
        if case_id is not None:
            log.info("incident %s opened: %s of home %s", case_id, signal.kind, signal.home)
        return case_id is not None

    def _settle(self, case_id: str, now_ms: int) -> list[Decision]:
        """Everything that has happened to an incident, one transition at a time."""
        done: list[Decision] = []
        while len(done) < _TRANSITIONS:
            decision = casebook.in_transaction(self._db, lambda connection: _step(connection, case_id, now_ms))
            if decision is None:
                break
            log.info("incident %s %s: %s", case_id, decision.what, decision.reason)
            done.append(decision)
            if decision.incident.ended:
                break
        return done


def _about(error: Exception, case_id: str) -> Exception:
    error.add_note(f"incident {case_id}")  # whoever logs the error says which
    return error


def _step(connection: Connection, case_id: str, now_ms: int) -> Decision | None:
    case = cases.load(connection, case_id, now_ms)
    if case.incident.ended:
        return None
    for event in due.read_events(connection, case, now_ms):
        decision = casebook.apply(connection, case, event, now_ms)
        if decision is not None:
            return decision
    return None
