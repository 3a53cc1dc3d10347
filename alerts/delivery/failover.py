"""What follows when a message does not reach its reader: the next way of reaching them, else the incident learns.

Everything here happens in the caller's transaction, together with the record of the failure. Callers lock the incident
before its messages, as every writer does.
"""

from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from alerts.decisions.events import PersonUnreachable
from alerts.decisions.model import TERMINAL, IncidentState, Purpose
from alerts.decisions.sending.delivery import ACCEPTED, WAITING, DeliveryState
from alerts.errors import Failure
from alerts.incidents import loaded_incident, messages_to_send, transitions
from alerts.register import AnyRow
from store.schema import deliveries, incidents

_MAY_STILL_FAIL: Final = WAITING | ACCEPTED | {DeliveryState.SENDING, DeliveryState.BUNDLED}


def lock_incident(connection: Connection, incident_id: str) -> IncidentState:
    """The incident's state. Locked before its messages, as every other writer does, so that no two wait in a ring."""
    return IncidentState(connection.execute(_STATE, {"case_id": incident_id}).scalar_one())


_STATE: Final = select(incidents.c.state).where(incidents.c.id == bindparam("case_id")).with_for_update()


def fail_over(connection: Connection, failed: AnyRow, now_ms: int, actor: str) -> None:
    """The same message by the next contact method; without one, the incident learns that the person is out of reach.

    Args:
        connection: an open transaction in which ``failed`` was written as failed.
        failed: the row of ``deliveries``.
        now_ms: now, ms UTC.
        actor: the part that noticed; for the audit.
    """
    if messages_to_send.write_fallback(connection, failed, now_ms) or failed.purpose == Purpose.NEWS:
        return
    loaded = loaded_incident.load(connection, failed.incident_id, now_ms)
    unreachable = PersonUnreachable(failed.person_id, failed.epoch)
    transitions.apply(connection, loaded, unreachable, transitions.Occasion(now_ms, actor))


def did_not_arrive(connection: Connection, delivery_id: str, failure: Failure, now_ms: int, actor: str) -> bool:
    """Fail a message for good although a channel may have accepted it: undelivered, or the reader blocked the channel.

    A try that is under way loses its lease, so that its outcome is written to the try alone. Nothing happens to a
    message that has failed or was cancelled before, and after the end of its incident, unless it told of others too:
    these go on by themselves (`bundles.release`).

    Returns:
        Whether it was failed now.
    """
    row = connection.execute(select(deliveries).where(deliveries.c.id == delivery_id)).first()
    if row is None:
        return False
    ended = loaded_incident.load(connection, row.incident_id, now_ms).incident.state in TERMINAL
    if ended and not connection.execute(select(deliveries.c.id).where(deliveries.c.bundle_id == delivery_id)).first():
        return False
    now = (deliveries.c.id == delivery_id) & deliveries.c.state.in_(sorted(_MAY_STILL_FAIL))
    values = {"state": DeliveryState.FAILED, "failure": failure, "settled_ms": now_ms}
    values |= {"lease_owner": None, "lease_until_ms": None, "bundle_id": None}
    if connection.execute(update(deliveries).where(now).values(values)).rowcount != 1:
        return False
    if not ended:
        fail_over(connection, row, now_ms, actor)
    return True
