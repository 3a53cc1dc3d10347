"""What people say about an incident goes into the ledger, whatever it does. Moves nothing.

Free words stand with the statements, which are erased with the person; the audit line about them has none.
"""

import uuid
from dataclasses import asdict, dataclass, fields, replace
from typing import Final

from sqlalchemy import Connection, Engine, select

from alerts.decisions.codes import What
from alerts.decisions.dating import ALL_WELL, counts_from_ms
from alerts.decisions.standing import is_last_word
from alerts.errors import InvalidLink, UnusableAnswer
from alerts.incidents import loaded_incident, transitions
from alerts.incidents.loaded_incident import LoadedIncident
from alerts.incidents.transitions import Occasion
from alerts.register import AnyRow
from contracts.statements import CALLS_AND_ANSWERS, Statement, StatementKind, said_now
from store.schema import deliveries, people, statements, vendor_events
from store.upserts import add_rows

LONGEST_NOTE: Final = 2_000


@dataclass(frozen=True, slots=True)
class StatementSource:
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


@dataclass(frozen=True, slots=True)
class RecordedStatement:
    """A statement as it was written, and whether a call for help came after it: then it answers nothing."""

    statement: Statement
    overtaken: bool


def record(
    connection: Connection,
    loaded: LoadedIncident,
    who: str,
    kind: StatementKind,
    source: StatementSource,
    *,
    epoch: int | None = None,
    delivery_id: str | None = None,
    outcome: str | None = None,
) -> RecordedStatement:
    """Write what somebody said about an incident, in the caller's transaction, which has it locked.

    Args:
        connection: the transaction.
        loaded: the incident.
        who: person id.
        kind: what was said.
        source: how.
        epoch: of the message that it answers; None: of the incident.
        delivery_id: that message; None: none.
        outcome: what staff recorded, of `StatementKind.CLOSED`.
    """
    earlier = _earlier(connection, loaded.home)
    said_ms = _said_ms(connection, source)
    statement = Statement(
        kind=kind,
        at_ms=counts_from_ms(
            kind, source.channel, said_ms, source.at_ms, earlier, answered_ms=loaded.incident.answered_ms
        ),
        said_ms=said_ms,
        received_ms=source.at_ms,
        channel=source.channel,
        key=source.vendor_event_id or random_key(source.channel),
        home_id=loaded.home or None,
        person_id=loaded.incident.person or None,
        said_by=who,
        incident_id=loaded.id,
        delivery_id=delivery_id,
        epoch=loaded.incident.epoch if epoch is None else epoch,
        outcome=outcome,
        note=source.remark,
    )
    add_rows(connection, statements, [asdict(statement)])
    return RecordedStatement(statement, kind in ALL_WELL and not is_last_word(statement, earlier))


def record_opt_out(connection: Connection, person: str, now_ms: int, channel: str) -> None:
    """Write that a responder is contacted no more, in the caller's transaction."""
    said = said_now(StatementKind.OPTED_OUT, channel, random_key(channel), now_ms)
    add_rows(connection, statements, [asdict(replace(said, person_id=person, said_by=person))])


def random_key(channel: str) -> str:
    """A key of what has no id at its source: what staff record is said once."""
    return f"{channel}:{uuid.uuid4().hex}"


def _earlier(connection: Connection, home_id: str) -> list[Statement]:
    own = (statements.c.home_id == home_id) & statements.c.kind.in_(CALLS_AND_ANSWERS)
    return [Statement(*row) for row in connection.execute(_WHOLE.where(own))]


_WHOLE: Final = select(*(statements.c[field.name] for field in fields(Statement)))


def _said_ms(connection: Connection, source: StatementSource) -> int:
    """When it was said as the vendor says; else when it came in. Nothing is said after it was heard."""
    known = select(vendor_events.c.at_ms).where(vendor_events.c.id == source.vendor_event_id)
    told_ms = connection.execute(known).scalar() if source.vendor_event_id else None
    return source.at_ms if told_ms is None else min(told_ms, source.at_ms)


def is_known(connection: Connection, source: StatementSource) -> bool:
    """Whether it was recorded before: a vendor delivers a webhook again."""
    if source.vendor_event_id is None:
        return False
    known = select(statements.c.n).where(statements.c.key == source.vendor_event_id)
    return connection.execute(known).first() is not None


def record_words(connection: Connection, delivery_id: str, kind: StatementKind, source: StatementSource) -> None:
    """Keep what came in place of an answer, where staff read it. It answers nothing and moves nothing.

    Args:
        connection: the transaction of the webhook's own record.
        delivery_id: the message that was replied to, or still waits for an answer.
        kind: ``unclear``: a reply that cannot be read; ``wrote``: words where a button was expected.
        source: how; the words are cut to `LONGEST_NOTE` and may be empty, as a sticker is.

    Raises:
        InvalidLink: nobody knows the message.
    """
    row = message_of(connection, delivery_id)
    loaded = loaded_incident.load(connection, row.incident_id, source.at_ms)
    cut = replace(source, remark=source.remark[:LONGEST_NOTE])
    record(connection, loaded, row.person_id, kind, cut, epoch=row.epoch, delivery_id=delivery_id)
    transitions.note(connection, loaded, What(kind), (), Occasion(source.at_ms, row.person_id, source.channel))


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
    said = StatementSource(now_ms, channel, remark=remark)

    def work(connection: Connection) -> None:
        loaded = loaded_incident.load(connection, incident_id, now_ms)
        check_known(connection, staff_id)
        record(connection, loaded, staff_id, StatementKind.PHONED, said)
        transitions.note(connection, loaded, What.PHONED, (), Occasion(now_ms, staff_id, channel))

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
