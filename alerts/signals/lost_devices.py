"""Which devices are lost: gateways that are not seen, and homes whose devices nothing proves alive. For staff."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from alerts.signals.conditions import after_absences, has_incident, has_open, of_home, read_absences
from alerts.signals.expected import ExpectedSignal, Outlook
from alerts.wording.catalogue import sentence
from contracts.signals import Signal, SignalKind
from store.schema import gateways, homes


def expected_losses(connection: Connection, outlook: Outlook) -> Iterator[ExpectedSignal]:
    """What staff are to be told of unless devices are seen: lost gateways, then unproven homes."""
    yield from _lost(connection, outlook)
    yield from _unproven(connection, outlook)


def _lost(connection: Connection, outlook: Outlook) -> Iterator[ExpectedSignal]:
    """Gateways, each as it is when it counts as lost unless it is seen again."""
    lost_ms = 1000 * outlook.settings.gateway_lost_s
    if outlook.listening_since_ms + lost_ms > outlook.by_ms:
        return
    given = {"home": outlook.home, "heard_by_ms": outlook.by_ms - lost_ms}
    for row in connection.execute(of_home(_HEARTBEATS, outlook.home), given):
        at_ms = max(row.heartbeat_ms, outlook.listening_since_ms) + lost_ms
        reason = sentence("signal.gateway_lost")
        yield ExpectedSignal(Signal(row.home_id, SignalKind.GATEWAY_LOST, row.heartbeat_ms, at_ms, at_ms, reason))


_HEARTBEATS: Final = (
    select(homes.c.id.label("home_id"), gateways.c.heartbeat_ms)
    .join(gateways, gateways.c.gateway == homes.c.gateway)
    # What is compared is not null, but only when it is said does SQLite go by the gateways, of which few are old.
    .where(gateways.c.heartbeat_ms.is_not(None), gateways.c.heartbeat_ms <= bindparam("heard_by_ms"))
    .where(~has_incident(homes.c.id, SignalKind.GATEWAY_LOST, gateways.c.heartbeat_ms))
    .where(~has_open(homes.c.id, [SignalKind.GATEWAY_LOST]))
)
"""Last heartbeats that no incident is about.

A gateway that was never seen is not lost: it was never installed, and the page of the homes says so.
"""


def _unproven(connection: Connection, outlook: Outlook) -> Iterator[ExpectedSignal]:
    """Homes whose gateway is seen and does not prove their devices alive, each as it is when staff are to be told.

    Their person could fall silent and nobody would be asked: a sensor that died or a back-log that does not empty is
    then more than a matter of upkeep.
    """
    now_ms, unproven_ms = outlook.now_ms, 1000 * outlook.settings.unproven_s
    if outlook.listening_since_ms + unproven_ms > outlook.by_ms:
        return
    heard_from_ms = now_ms - 1000 * outlook.settings.gateway_lost_s
    given = {"home": outlook.home, "heard_from_ms": heard_from_ms, "proven_by_ms": outlook.by_ms - unproven_ms}
    rows = connection.execute(of_home(_PROOFS, outlook.home), given).all()
    away = read_absences(connection, {row.home_id for row in rows})
    for row in rows:
        at_ms = max(row.since_ms, outlook.listening_since_ms) + unproven_ms
        # Where nobody is at home no room is entered, so no sensor can prove it: looked at again when the absence ends.
        if row.home_id in away:
            at_ms = after_absences(max(at_ms, now_ms), away[row.home_id])
        reason = sentence("signal.sensor_lost")
        yield ExpectedSignal(Signal(row.home_id, SignalKind.SENSOR_LOST, row.since_ms, at_ms, at_ms, reason))


_proof_ms: Final = func.coalesce(gateways.c.proven_ms, 0)
_PROOFS: Final = (
    select(homes.c.id.label("home_id"), _proof_ms.label("since_ms"))
    .join(gateways, gateways.c.gateway == homes.c.gateway)
    .where(gateways.c.heartbeat_ms >= bindparam("heard_from_ms"), _proof_ms <= bindparam("proven_by_ms"))
    .where(~has_incident(homes.c.id, SignalKind.SENSOR_LOST, _proof_ms))
    .where(~has_open(homes.c.id, [SignalKind.SENSOR_LOST]))
)
"""Last proofs of devices still seen, if no incident is about them; none at all counts as long ago."""
