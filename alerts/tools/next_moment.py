"""The next moment at which anything will be due: for a clock that jumps, in the demo, in a dry run and in tests."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, bindparam, func, select

from alerts.decisions.sending.delivery import WAITING, DeliveryState
from alerts.delivery.bundles import orphaned
from alerts.incidents.changes import read_moving
from alerts.incidents.consents import claim_ends
from alerts.incidents.engine import Engine as AlertEngine
from alerts.settings import AlertsSettings
from alerts.signals.active import calls_for_help
from alerts.signals.lost_devices import device_moments
from alerts.signals.noted import read_noted
from alerts.signals.silences import silence_moments
from store.engine import reading
from store.schema import absences, deliveries, incidents, is_open


def next_moment_ms(engine: AlertEngine, now_ms: int) -> int | None:
    """When a tick of this engine, or a run of the sender, next has something to do; see `next_due_ms`."""
    return next_due_ms(engine.db, now_ms, engine.settings, engine.listening_since_ms(now_ms))


def next_due_ms(
    db: Engine, now_ms: int, settings: AlertsSettings | None = None, listening_since_ms: int = 0
) -> int | None:
    """The earliest moment at which a tick of the engine or a run of the sender has something to do.

    A moment up to ``now_ms`` always means that there is something to do now. One in the future is never too late; it
    may turn out empty when the store changes until then. Reads every home: for one machine, and for moving a simulated
    clock; a server just ticks.

    Args:
        db: the relational store.
        now_ms: now, ms UTC.
        settings: when a gateway counts as lost; None for the defaults.
        listening_since_ms: as the engine has it; `next_moment_ms` hands in the engine's own.

    Returns:
        ms UTC; None when nothing will be due unless the store changes.
    """
    with reading(db) as connection:
        moments = [
            *silence_moments(connection, now_ms),
            *device_moments(connection, now_ms, settings or AlertsSettings(), listening_since_ms),
            *_noticed_moments(connection, now_ms, settings or AlertsSettings()),
            *(min(call.since_ms, now_ms) for call in calls_for_help(connection, now_ms)),
            *(now_ms for _case_id in read_moving(connection, now_ms)),
            *connection.execute(_ABSENCES, {"now_ms": now_ms}).scalars(),
            *claim_ends(connection, now_ms),
            *(now_ms for _message in orphaned(connection, now_ms)),
            *connection.execute(_MOMENTS).one(),
        ]
    return min((moment for moment in moments if moment is not None), default=None)


def _noticed_moments(connection: Connection, now_ms: int, settings: AlertsSettings) -> Iterator[int]:
    for item in read_noted(connection, now_ms, settings):
        if item.proven or item.signal.ask_at_ms > now_ms:
            yield item.signal.ask_at_ms


def _next_moments() -> Select[Any]:
    """Timers of incidents, due times of messages, ends of leases: the earliest of each."""
    timer = select(func.min(incidents.c.next_due_ms)).where(is_open())
    waiting = select(func.min(deliveries.c.due_ms)).where(deliveries.c.state.in_(sorted(WAITING)))
    lease = select(func.min(deliveries.c.lease_until_ms)).where(deliveries.c.state == DeliveryState.SENDING)
    return select(timer.scalar_subquery(), waiting.scalar_subquery(), lease.scalar_subquery())


_MOMENTS: Final = _next_moments()
_ABSENCES: Final = (
    select(absences.c.from_ms)
    .join(incidents, incidents.c.home_id == absences.c.home_id)
    .where(is_open(), absences.c.from_ms > bindparam("now_ms"))
)
"""When absences begin of homes with an open incident."""
