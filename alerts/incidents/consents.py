"""Of whom somebody may hear now: consent can be revoked after a message has been sent, and takes effect at once."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from alerts.register import STAFF, in_force
from store.schema import homes, incidents, relations


@dataclass(frozen=True, slots=True)
class Consents:
    """What one reader may see.

    Attributes:
        responder: who.
        subjects: the people who agreed to it, by a relation in force.
        organisations: of whose people the reader is staff.
    """

    responder: str
    subjects: frozenset[str]
    organisations: frozenset[str]

    def cover(self, subject: str | None, organisation: str) -> bool:
        """Whether the responder may know of an incident about ``subject`` (None: an area) owned by ``organisation``."""
        is_open = subject is None or subject == self.responder
        return is_open or subject in self.subjects or organisation in self.organisations


def consents_of(connection: Connection, responder: str, now_ms: int) -> Consents:
    """What somebody may see at ``now_ms`` (ms UTC). Whether they can be reached does not matter here."""
    mine = (relations.c.other_id == responder) & in_force(now_ms)
    subjects = connection.execute(select(relations.c.subject_id).where(mine)).scalars()
    clients = select(homes.c.organisation_id).join(relations, relations.c.subject_id == homes.c.person_id)
    organisations = connection.execute(clients.where(mine, relations.c.role.in_(STAFF)).distinct()).scalars()
    return Consents(responder, frozenset(subjects), frozenset(organisations))


def may_know(connection: Connection, responder: str, incident_id: str, now_ms: int) -> bool:
    """Whether somebody may hear of an incident at ``now_ms`` (ms UTC)."""
    found = select(incidents.c.person_id, incidents.c.organisation_id).where(incidents.c.id == incident_id)
    subject, organisation = connection.execute(found).one()
    return consents_of(connection, responder, now_ms).cover(subject, organisation)
