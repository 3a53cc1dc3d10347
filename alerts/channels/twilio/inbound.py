"""What comes back by telephone: a key pressed in a call, a reply by SMS. Recorded in the transaction of its effect."""

from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, Engine, exists, select

from alerts.channels.twilio.texts import About, answer_in, answer_of_key
from alerts.decisions.model import TERMINAL, Answer, IncidentState, Purpose
from alerts.delivery import bundles, receipts, vendor_events
from alerts.delivery.receipts import Receipt
from alerts.delivery.vendor_events import VendorEvent
from alerts.incidents import answers, callers, response_log, transitions
from alerts.incidents.response_log import LONGEST_NOTE, StatementSource
from alerts.ports import ReceiptKind
from alerts.register import AnyRow
from alerts.settings import AlertsSettings
from contracts.signals import SignalKind
from contracts.statements import StatementKind
from store.engine import reading
from store.schema import attempts, contact_methods, deliveries, homes, incidents, people


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """A message as a call speaks it.

    Attributes:
        purpose: ask, call, staff or news.
        about: whom it is about; the name as it is read aloud. None: several incidents, or an area.
        language: of the reader.
        body: as other channels say it.
        ended: whether its incident is over.
    """

    purpose: Purpose
    about: About | None
    language: str
    body: str
    ended: bool


class PhoneReplyOutcome(StrEnum):
    """What became of something that came back."""

    ANSWERED = "answered"
    REVOKED = "revoked"
    """They wanted to go, but are no longer asked to look after this person."""
    REPEATED = "repeated"
    UNCLEAR = "unclear"
    SEVERAL = "several"
    """A reply of somebody who was asked about several people: it is stored and decides nothing."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PhoneReply:
    """What became of it, and what to say: ``answer`` is None unless it was understood; the rest as in the message."""

    outcome: PhoneReplyOutcome
    purpose: Purpose = Purpose.CALL
    language: str = "ja"
    answer: Answer | None = None


def read_message(db: Engine, delivery_id: str) -> PhoneMessage | None:
    """A message to be spoken; None: nobody knows it."""
    reader, subject = people.alias("reader"), people.alias("subject")
    found = (
        select(
            deliveries.c.id, deliveries.c.purpose, deliveries.c.subject, deliveries.c.body, deliveries.c.person_id,
            deliveries.c.incident_id, deliveries.c.created_ms, incidents.c.kind, incidents.c.state, homes.c.area,
            subject.c.id.label("about_id"),
            subject.c.name, subject.c.kana, reader.c.language,
        )
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .outerjoin(homes, homes.c.id == incidents.c.home_id)
        .outerjoin(subject, subject.c.id == incidents.c.person_id)
        .join(reader, reader.c.id == deliveries.c.person_id)
        .where(deliveries.c.id == delivery_id)
    )  # fmt: skip
    with reading(db) as connection:
        row = connection.execute(found).first()
        if row is None:
            return None
        others = bundles.others_in(connection, delivery_id)
        body = bundles.text_of(connection, row, others).body
        by = callers.caller_of(connection, row.incident_id, row.created_ms)
        caller = callers.named(connection, by, row.about_id or "", row.language, spoken=True)
    several = others > 0
    about = None
    if row.name is not None and not several:
        name = row.kana if row.kana and row.language == "ja" else row.name
        about = About(name, row.area or "", SignalKind(row.kind), caller)
    over = IncidentState(row.state) in TERMINAL and not several  # the others it tells of may not be over
    return PhoneMessage(Purpose(row.purpose), about, row.language, body, over)


def press(db: Engine, delivery_id: str, call_sid: str, key: str, now_ms: int, settings: AlertsSettings) -> PhoneReply:
    """A key pressed in a call. The same key of the same call counts once.

    Args:
        db: the relational store.
        delivery_id: of the message that the call said, from the signed address.
        call_sid: the vendor's name for the call.
        key: what was pressed; empty: nothing.
        now_ms: now, ms UTC.
        settings: retry times.
    """
    message = read_message(db, delivery_id)
    if message is None:
        return PhoneReply(PhoneReplyOutcome.UNKNOWN)
    answer = answer_of_key(message.purpose, key) if message.about else None
    if answer is None:
        return PhoneReply(PhoneReplyOutcome.UNCLEAR, message.purpose, message.language)
    event_id = f"{call_sid}:{key}"

    def work(connection: Connection) -> PhoneReplyOutcome:
        event = VendorEvent("voice", event_id, "key", now_ms)
        if not vendor_events.admit(connection, event, now_ms):
            return PhoneReplyOutcome.REPEATED
        source = StatementSource(now_ms, "voice", vendor_events.key_of("voice", event_id))
        recorded = answers.answer_message(connection, delivery_id, answer, source)
        became = PhoneReplyOutcome.REVOKED if recorded.revoked else PhoneReplyOutcome.ANSWERED
        vendor_events.record_outcome(connection, event, became)
        receipts.record_receipt_in(
            connection, Receipt(delivery_id, call_sid, ReceiptKind.READ, "key"), now_ms, settings
        )
        return became

    return PhoneReply(transitions.in_transaction(db, work), message.purpose, message.language, answer)


def reply(db: Engine, number: str, words: str, message_sid: str, now_ms: int, settings: AlertsSettings) -> PhoneReply:
    """A reply by SMS: to the newest message of the open incident about which this number was asked.

    A reply that cannot be read, or of somebody asked about several people, is stored for staff and moves nothing.

    Args:
        db: the relational store.
        number: who replied, as the vendor says.
        words: what was written.
        message_sid: the vendor's name for the reply; the same one twice counts once.
        now_ms: now, ms UTC.
        settings: how long a message can be answered.
    """

    def work(connection: Connection) -> PhoneReply:
        asked = _asked(connection, number, now_ms - 1000 * settings.link_valid_s)
        if not asked:
            return PhoneReply(PhoneReplyOutcome.UNKNOWN)
        newest, event = asked[0], VendorEvent("sms", message_sid, "reply", now_ms)
        if not vendor_events.admit(connection, event, now_ms):
            return PhoneReply(PhoneReplyOutcome.REPEATED, Purpose(newest.purpose), newest.language)
        back = _judge(asked, words, several=bundles.others_in(connection, newest.id) > 0)
        said = StatementSource(now_ms, "sms", vendor_events.key_of("sms", message_sid), words[:LONGEST_NOTE])
        if back.answer is None:
            response_log.record_words(connection, newest.id, StatementKind.UNCLEAR, said)
        else:
            recorded = answers.answer_message(connection, newest.id, back.answer, said)
            seen = Receipt(newest.id, f"reply-{message_sid}", ReceiptKind.READ, "reply")
            receipts.record_receipt_in(connection, seen, now_ms, settings)
            if recorded.revoked:
                back = replace(back, outcome=PhoneReplyOutcome.REVOKED)
        vendor_events.record_outcome(connection, event, back.outcome)
        return back

    return transitions.in_transaction(db, work)


def _judge(asked: list[AnyRow], words: str, *, several: bool) -> PhoneReply:
    purpose, language = Purpose(asked[0].purpose), asked[0].language
    if several or len({row.incident_id for row in asked if IncidentState(row.state) not in TERMINAL}) > 1:
        return PhoneReply(PhoneReplyOutcome.SEVERAL, purpose, language)
    answer = answer_in(words, purpose)
    return PhoneReply(PhoneReplyOutcome.ANSWERED if answer else PhoneReplyOutcome.UNCLEAR, purpose, language, answer)


def _asked(connection: Connection, number: str, since_ms: int) -> list[AnyRow]:
    """The messages that this number was sent, those of open incidents first, then the newest."""
    was_tried = exists(select(attempts.c.n).where(attempts.c.delivery_id == deliveries.c.id))
    found = (
        select(
            deliveries.c.id, deliveries.c.incident_id, deliveries.c.purpose, deliveries.c.created_ms, incidents.c.state,
            people.c.language,
        )
        .join(contact_methods, contact_methods.c.id == deliveries.c.contact_method_id)
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .join(people, people.c.id == deliveries.c.person_id)
        .where(contact_methods.c.channel == "sms", contact_methods.c.address == number, was_tried)
        .where(deliveries.c.created_ms >= since_ms, deliveries.c.purpose != Purpose.NEWS)
        .order_by(incidents.c.state.in_(sorted(TERMINAL)), deliveries.c.created_ms.desc(), deliveries.c.id)
    )  # fmt: skip
    return list(connection.execute(found))
