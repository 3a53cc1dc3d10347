"""What people said, as it is kept: an answer, whatever it did, words in place of one, a telephone call. Moves nothing.

Free words stand with the answers, which are erased with the person; the audit line about them, which stays, has none.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, func, insert, select

from alerts.decisions.model import Answer
from alerts.errors import InvalidLink, UnusableAnswer
from alerts.incidents import cases, transitions
from alerts.register import AnyRow
from store.schema import deliveries, people, responses, vendor_events

LONGEST_NOTE: Final = 2_000
UNCLEAR: Final = "unclear"
"""The kind of a reply that nobody could read as an answer."""
PHONED: Final = "phoned"
"""The kind of an entry about a telephone call, which answers nothing."""
WROTE: Final = "wrote"
"""The kind of an entry about words that came in place of an answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """How something was said.

    Attributes:
        at_ms: when it came in, ms UTC.
        channel: by which it came in.
        vendor_event_id: the vendor's id of the webhook; the same one twice counts once. None: by no webhook.
        remark: free words, at most `LONGEST_NOTE` characters.
    """

    at_ms: int
    channel: str
    vendor_event_id: str | None = None
    remark: str = ""


def keep(connection: Connection, incident_id: str, person_id: str, kind: str, epoch: int, said: Said) -> None:
    """Keep what somebody said about an incident, in the caller's transaction, which has it locked.

    Args:
        connection: the transaction.
        incident_id: which.
        person_id: who.
        kind: an answer, or the kind of another entry.
        epoch: of the message that it is about, or of the incident.
        said: how.
    """
    count = select(func.count()).select_from(responses).where(responses.c.incident_id == incident_id)
    connection.execute(
        insert(responses).values(
            id=transitions.stable_id("response", incident_id, connection.execute(count).scalar_one()),
            incident_id=incident_id,
            person_id=person_id,
            kind=kind,
            channel=said.channel,
            vendor_event_id=said.vendor_event_id,
            epoch=epoch,
            at_ms=said.at_ms,
            note=said.remark,
        )
    )


def is_known(connection: Connection, said: Said) -> bool:
    """Whether it was kept before: a vendor delivers a webhook again."""
    if said.vendor_event_id is None:
        return False
    known = select(responses.c.id).where(responses.c.vendor_event_id == said.vendor_event_id)
    return connection.execute(known).first() is not None


def asked_for_help_since(connection: Connection, incident_id: str, person_id: str, said: Said) -> bool:
    """Whether somebody said "I need help" by the same vendor after what comes in only now, as that vendor's clock says.

    A vendor that could not reach us delivers again, in any order: an older "I am all right" must not end the case.
    """
    event, own = vendor_events.alias(), vendor_events.alias()
    later = (own.c.id == said.vendor_event_id) & (event.c.channel == own.c.channel) & (event.c.at_ms > own.c.at_ms)
    help_wanted = (responses.c.person_id == person_id) & (responses.c.kind == Answer.CANNOT)
    found = select(responses.c.id).join(event, event.c.id == responses.c.vendor_event_id).join(own, later)
    return connection.execute(found.where(help_wanted, responses.c.incident_id == incident_id)).first() is not None


def keep_words(connection: Connection, delivery_id: str, kind: str, said: Said) -> None:
    """Keep what came in place of an answer, where staff read it. It answers nothing and moves nothing.

    Args:
        connection: the transaction of the webhook's own record.
        delivery_id: the message that was replied to, or still waits for an answer.
        kind: `UNCLEAR`: a reply that cannot be read; `WROTE`: words where a button was expected.
        said: how; the words are cut to `LONGEST_NOTE` and may be empty, as a sticker is.

    Raises:
        InvalidLink: nobody knows the message.
    """
    row = message_of(connection, delivery_id)
    case = cases.load(connection, row.incident_id, said.at_ms)
    cut = Said(said.at_ms, said.channel, said.vendor_event_id, said.remark[:LONGEST_NOTE])
    keep(connection, row.incident_id, row.person_id, kind, row.epoch, cut)
    transitions.note(connection, case, kind, "", said.at_ms, row.person_id, said.channel)


def phoned(db: Engine, incident_id: str, staff_id: str, remark: str, now_ms: int, channel: str = "board") -> None:
    """Staff record that they telephoned. It moves nothing. The caller has checked that they are staff.

    Args:
        db: the relational store.
        incident_id: which.
        staff_id: person id of who telephoned.
        remark: what came of it, at most `LONGEST_NOTE` characters; may be empty.
        now_ms: now, ms UTC.
        channel: how it came in.

    Raises:
        UnknownIncident: no such incident.
        UnusableAnswer: too long, or recorded by somebody who is not in the register.
    """
    check_remark(remark)
    said = Said(now_ms, channel, remark=remark)

    def work(connection: Connection) -> None:
        case = cases.load(connection, incident_id, now_ms)
        check_known(connection, staff_id)
        keep(connection, incident_id, staff_id, PHONED, case.incident.epoch, said)
        transitions.note(connection, case, PHONED, "", now_ms, staff_id, channel)

    transitions.in_transaction(db, work)


def message_of(connection: Connection, delivery_id: str) -> AnyRow:
    """Incident, person and epoch of a message. Raises InvalidLink: nobody knows it."""
    found = select(deliveries.c.incident_id, deliveries.c.person_id, deliveries.c.epoch)
    row = connection.execute(found.where(deliveries.c.id == delivery_id)).first()
    if row is None:
        raise InvalidLink("the message of this link is not known any more; open the newest message")
    return row


def check_known(connection: Connection, person_id: str) -> None:
    """Raise UnusableAnswer for somebody who is not in the register."""
    if connection.execute(select(people.c.id).where(people.c.id == person_id)).first() is None:
        raise UnusableAnswer("whoever answers must be in the register; add them first")


def check_remark(remark: str) -> None:
    """Raise UnusableAnswer for words that are too long."""
    if len(remark) > LONGEST_NOTE:
        raise UnusableAnswer(f"a remark may have {LONGEST_NOTE} characters")
