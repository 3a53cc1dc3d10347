"""What the auditor looks at in the store, in a few statements that do not grow with the number of homes.

Whether something should have happened is read with the engine's own rules (`alerts.signals.active`,
`alerts.delivery.bundles`): rules of its own would find small differences. Whether it did
is read off the rows.
"""

from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from alerts.decisions.sending.delivery import WAITING, DeliveryState
from alerts.delivery import bundles
from alerts.errors import Failure
from alerts.settings import AlertsSettings
from alerts.signals.active import read_signals
from alerts.watchdog.auditor import WatchdogFacts
from store.duties import read_duties, read_errors
from store.schema import contact_methods, deliveries, gateways, homes, incidents, is_open

_ACCOUNT: Final = (Failure.ACCOUNT, Failure.NO_CHANNEL, Failure.QUOTA)
_TIMERS: Final = select(incidents.c.id, incidents.c.next_due_ms).where(is_open())
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
        timers=_pairs(connection, _TIMERS.where(incidents.c.next_due_ms <= now_ms)),
        unnoticed=_unnoticed(connection, settings, now_ms),
        stuck=_stuck(connection, now_ms),
        orphaned=bundles.orphaned(connection, late_ms),
        duties=read_duties(connection),
        errors=read_errors(connection),
        last_received_ms=connection.execute(_LAST_RECEIVED).scalar(),
        methods=list(connection.execute(_METHODS).scalars()),
        refused=list(connection.execute(_refused(refused_ms)).scalars()),
    )


def _unnoticed(connection: Connection, settings: AlertsSettings, now_ms: int) -> list[str]:
    signals = read_signals(connection, now_ms, settings, now_ms)  # no gateway is lost by this reckoning
    return [signal.dedup_key for signal in signals if signal.kind.concerns_person]


def _stuck(connection: Connection, now_ms: int) -> dict[str, int]:
    waiting = deliveries.c.state.in_(sorted(WAITING)) & (deliveries.c.due_ms <= now_ms)
    dropped = (deliveries.c.state == DeliveryState.SENDING) & (deliveries.c.lease_until_ms <= now_ms)
    found = _pairs(connection, select(deliveries.c.id, deliveries.c.due_ms).where(waiting))
    return found | _pairs(connection, select(deliveries.c.id, deliveries.c.lease_until_ms).where(dropped))


def _refused(since_ms: int) -> Select[Any]:
    ours = deliveries.c.failure.in_(_ACCOUNT) & (deliveries.c.state == DeliveryState.FAILED)
    return select(deliveries.c.channel).where(ours, deliveries.c.settled_ms >= since_ms).distinct()


def _pairs(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}
