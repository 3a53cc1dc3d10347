"""A responder opts out: contacted no more, and every incident that counts on them moves on at once."""

from sqlalchemy import Connection, Engine, or_, select

from alerts.decisions.calling.ladder import still_asked
from alerts.decisions.model import Answer
from alerts.incidents import loaded_incident, transitions
from alerts.incidents.answers import answer_for_in
from alerts.incidents.response_log import StatementSource, record_opt_out
from store.register.registry import Registry
from store.schema import claims, deliveries, incidents, is_open


def opt_out(db: Engine, person: str, actor: str, now_ms: int, channel: str) -> tuple[str, ...]:
    """Contact a person no more until they opt in, in one transaction with what follows from it.

    In open incidents where they are asked now, or going, it is their CANNOT: the next one is asked at once. Their
    messages that still wait are refused by the sender. Of the incident of the person themself nothing is said here: a
    question that cannot be asked is a matter of its call deadline.

    Args:
        db: the relational store.
        person: person id.
        actor: person id, or the part that acts; for the audit.
        now_ms: now, ms UTC.
        channel: how it came in; for the audit.

    Returns:
        Ids of the incidents that moved on without them.

    Raises:
        RegistryError: not in the register, or opted out already.
    """

    def work(connection: Connection) -> tuple[str, ...]:
        Registry(connection, actor, now_ms).opt_out(person)
        record_opt_out(connection, person, now_ms, channel)
        left = [
            incident
            for incident in _open_incidents_of(connection, person)
            if _counts_on(connection, incident, person, now_ms)
        ]
        for incident in left:
            answer_for_in(connection, incident, person, Answer.CANNOT, StatementSource(now_ms, channel))
        return tuple(left)

    return transitions.in_transaction(db, work)


def _open_incidents_of(connection: Connection, person: str) -> list[str]:
    """Open incidents of others in which the person was ever asked or is going."""
    written = select(deliveries.c.incident_id).where(deliveries.c.person_id == person)
    going = select(claims.c.incident_id).where(claims.c.person_id == person, claims.c.ended_ms.is_(None))
    found = (
        select(incidents.c.id)
        .where(is_open(), incidents.c.person_id != person)
        .where(or_(incidents.c.id.in_(written), incidents.c.id.in_(going)))
        .order_by(incidents.c.id)
    )
    return list(connection.execute(found).scalars())


def _counts_on(connection: Connection, incident_id: str, person: str, now_ms: int) -> bool:
    incident = loaded_incident.load(connection, incident_id, now_ms).incident
    waited_for = {item.person for item in still_asked(incident)}
    return person in waited_for | {claim.person for claim in incident.claims}
