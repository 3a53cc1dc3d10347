"""The next moment at which anything will be due: for a clock that jumps, in the demo, in a dry run and in tests."""

from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select

from alerts.decisions.sending.delivery import WAITING, DeliveryState
from alerts.delivery.bundles import orphaned
from alerts.incidents.changes import read_moving
from alerts.incidents.engine import Engine as AlertEngine
from alerts.signals.active import calls_for_help, expected_signals
from alerts.signals.expected import Outlook
from store.engine import reading
from store.schema import absences, claims, deliveries, incidents, is_open, relations


def next_moment_ms(engine: AlertEngine, now_ms: int) -> int | None:
    """The earliest moment at which a tick of this engine, or a run of the sender, has something to do.

    A moment up to ``now_ms`` always means that there is something to do now. One in the future is never too late; it
    may turn out empty when the store changes until then. Reads every home: for one machine, and for moving a simulated
    clock; a server just ticks.

    Returns:
        ms UTC; None when nothing will be due unless the store changes.
    """
    outlook = Outlook(now_ms, engine.settings, engine.listening_since_ms(now_ms), ahead=True)
    with reading(engine.db) as connection:
        expected = expected_signals(connection, outlook)
        moments = [
            *(item.signal.ask_at_ms for item in expected if item.proven or item.signal.ask_at_ms > now_ms),
            *(min(call.since_ms, now_ms) for call in calls_for_help(connection, now_ms)),
            *(now_ms for _case_id in read_moving(connection, now_ms)),
            *connection.execute(_ABSENCES, {"now_ms": now_ms}).scalars(),
            *connection.execute(_CONSENT_ENDS, {"now_ms": now_ms}).scalars(),
            *(now_ms for _message in orphaned(connection, now_ms)),
            *connection.execute(_MOMENTS).one(),
        ]
    return min((moment for moment in moments if moment is not None), default=None)


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
_GOING: Final = select(claims.c.person_id).where(claims.c.ended_ms.is_(None))
_CONSENT_ENDS: Final = select(relations.c.to_ms).where(
    relations.c.other_id.in_(_GOING), relations.c.to_ms > bindparam("now_ms")
)
"""When relations of those who are going end."""
