"""What the auditor looks at in the store, in a few statements that do not grow with the number of homes.

Whether something should have happened is read with the engine's own rules (`alerts.signals.active`,
`alerts.delivery.bundles`): rules of its own would find small differences. Whether it did
is read off the rows.
"""

from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, case, func, select

from alerts.decisions.sending.delivery import DeliveryState
from alerts.delivery import bundles
from alerts.errors import Failure
from alerts.incidents.messages_to_send import is_abandoned, is_due
from alerts.settings import AlertsSettings
from alerts.signals.active import read_signals
from alerts.signals.expected import Outlook
from alerts.watchdog.auditor import WatchdogFacts
from store.duties import read_duties, read_errors
from store.schema import contact_methods, deliveries, gateways, homes, incidents, is_open

_ACCOUNT: Final = (Failure.ACCOUNT, Failure.NO_CHANNEL, Failure.QUOTA)
_TIMERS: Final = select(incidents.c.id, incidents.c.next_due_ms).where(
    is_open(), incidents.c.next_due_ms <= bindparam("now_ms")
)
_STUCK: Final = select(
    deliveries.c.id, case((is_abandoned(), deliveries.c.lease_until_ms), else_=deliveries.c.due_ms).label("due_ms")
).where(is_due())
_LAST_RECEIVED: Final = select(func.max(gateways.c.heartbeat_ms)).join(homes, homes.c.gateway == gateways.c.gateway)
_METHODS: Final = select(contact_methods.c.channel).where(contact_methods.c.disabled_reason.is_(None)).distinct()


def read_facts(
    connection: Connection, settings: AlertsSettings, now_ms: int, late_ms: int, refused_ms: int
) -> WatchdogFacts:
    """Everything but the rota and the vendors' quotas, which are looked at less often.

    Args:
        connection: to read from.
        settings: of alerts, by which the engine reckons.
        now_ms: now, ms UTC.
        late_ms: what should have been done before this is late, ms UTC.
        refused_ms: refusals since then are told, ms UTC.
    """
    return WatchdogFacts(
        timers={row.id: row.next_due_ms for row in connection.execute(_TIMERS, {"now_ms": now_ms})},
        unnoticed=_unnoticed(connection, settings, now_ms),
        stuck={row.id: row.due_ms for row in connection.execute(_STUCK, {"now_ms": now_ms})},
        orphaned=bundles.orphaned(connection, late_ms),
        duties=read_duties(connection),
        errors=read_errors(connection),
        last_received_ms=connection.execute(_LAST_RECEIVED).scalar(),
        methods=list(connection.execute(_METHODS).scalars()),
        refused=list(connection.execute(_refused(refused_ms)).scalars()),
    )


def _unnoticed(connection: Connection, settings: AlertsSettings, now_ms: int) -> list[str]:
    signals = read_signals(connection, Outlook(now_ms, settings, now_ms))  # no gateway is lost by this reckoning
    return [signal.dedup_key for signal in signals if signal.kind.concerns_person]


def _refused(since_ms: int) -> Select[Any]:
    ours = deliveries.c.failure.in_(_ACCOUNT) & (deliveries.c.state == DeliveryState.FAILED)
    return select(deliveries.c.channel).where(ours, deliveries.c.settled_ms >= since_ms).distinct()
