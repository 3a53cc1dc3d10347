"""The next moment at which anything will be due: for a clock that jumps, in the demo, in a dry run and in tests."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from alerts.decisions.delivery import WAITING, DeliveryState
from alerts.delivery.bundles import loose
from alerts.incidents.changes import areas_over, back, put_off, signs_of_life
from alerts.incidents.consents import claim_ends, revoked_claims
from alerts.incidents.engine import Engine as AlertEngine
from alerts.settings import Settings
from alerts.signals.active import presses
from alerts.signals.conditions import calls_again, is_open
from alerts.signals.lost_devices import device_moments
from alerts.signals.noted import read_noticed
from alerts.signals.silences import silence_moments
from store.engine import reading
from store.schema import deliveries, incidents


def next_moment_ms(engine: AlertEngine, now_ms: int) -> int | None:
    """When a tick of this engine, or a run of the sender, next has something to do; see `next_due_ms`."""
    return next_due_ms(engine.db, now_ms, engine.settings, engine.listening_since_ms(now_ms))


def next_due_ms(db: Engine, now_ms: int, settings: Settings | None = None, listening_since_ms: int = 0) -> int | None:
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
    now = {"now_ms": now_ms}
    with reading(db) as connection:
        moments = [
            *silence_moments(connection, now_ms),
            *device_moments(connection, now_ms, settings or Settings(), listening_since_ms),
            *_noticed_moments(connection, now_ms, settings or Settings()),
            *(min(row.help_ms, now_ms) for row in connection.execute(presses())),
            *(min(row.at_ms, now_ms) for row in connection.execute(calls_again())),
            *(now_ms for _row in connection.execute(signs_of_life())),
            *(max(row.from_ms, now_ms) for row in connection.execute(put_off(), now)),
            *(now_ms for _case_id in back(connection, now_ms)),
            *(now_ms for _row in connection.execute(areas_over())),
            *(now_ms for _case_id in revoked_claims(connection, now_ms)),
            *claim_ends(connection, now_ms),
            *(now_ms for _message in loose(connection, now_ms)),
            *connection.execute(_next_moments()).one(),
        ]
    return min((moment for moment in moments if moment is not None), default=None)


def _noticed_moments(connection: Connection, now_ms: int, settings: Settings) -> Iterator[int]:
    for item in read_noticed(connection, now_ms, settings):
        if item.proven or item.signal.ask_at_ms > now_ms:
            yield item.signal.ask_at_ms


@cache
def _next_moments() -> Select[Any]:
    """Timers of incidents, due times of messages, ends of leases: the earliest of each."""
    timer = select(func.min(incidents.c.next_due_ms)).where(is_open())
    waiting = select(func.min(deliveries.c.due_ms)).where(deliveries.c.state.in_(sorted(WAITING)))
    lease = select(func.min(deliveries.c.lease_until_ms)).where(deliveries.c.state == DeliveryState.SENDING)
    return select(timer.scalar_subquery(), waiting.scalar_subquery(), lease.scalar_subquery())
