"""What people answer: by the page of a link, on the board, by a key. Each answer is kept, whatever it does."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, insert, select

from alerts import casebook, cases
from alerts.consents import may_hear
from alerts.decisions.model import CALLED_AGAIN, Answer, Answered, Closed, State
from alerts.errors import InvalidLink, UnusableAnswer
from alerts.links import Links
from alerts.register import AnyRow
from store.schema import deliveries, people, responses

OUTCOMES: Final = {
    "safe": False,
    "hospital": False,
    "away": False,
    "died": False,
    "other": False,
    "repaired": False,
    "false_alarm": True,
    "test": True,
}
"""What staff can record as the outcome; True: there was nothing to worry about, the incident is cancelled."""
LONGEST_NOTE: Final = 2_000
UNCLEAR: Final = "unclear"
"""The kind of a reply that nobody could read as an answer."""
PHONED: Final = "phoned"
"""The kind of an entry about a telephone call, which answers nothing."""
WROTE: Final = "wrote"
"""The kind of an entry about words that came in place of an answer."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an answer did.

    Attributes:
        incident_id: the incident that was answered.
        person_id: who answered.
        state: where the incident is now.
        changed: whether the answer moved it, or calls for help anew; False for a stale answer, or another one after
            the end.
        repeated: the same answer had been recorded before; nothing was done.
        revoked: they wanted to go, but are no longer asked to look after this person; it moves nothing.
    """

    incident_id: str
    person_id: str
    state: State
    changed: bool
    repeated: bool = False
    revoked: bool = False


def answer(
    db: Engine,
    links: Links,
    token: str,
    kind: str,
    now_ms: int,
    channel: str = "page",
    *,
    vendor_event_id: str | None = None,
    eta_s: int | None = None,
    remark: str = "",
) -> Recorded:
    """Record an answer to a message, and do what follows, in one transaction.

    Args:
        db: the relational store.
        links: reads the token.
        token: the link's.
        kind: ``going`` | ``safe`` | ``cannot`` | ``called_119``. Of the person themself, ``safe`` is "I am all right"
            and ``cannot`` is "I need help".
        now_ms: now, ms UTC.
        channel: how it came in.
        vendor_event_id: the vendor's id of the webhook; the same one twice counts once.
        eta_s: travel time in seconds, for ``going``; None for the usual one.
        remark: free words of the responder, at most `LONGEST_NOTE` characters.

    Raises:
        InvalidLink, ExpiredLink: the token is not usable; nothing was changed.
        UnusableAnswer: not an answer.
    """
    delivery_id = links.read(token, now_ms)

    def work(connection: Connection) -> Recorded:
        return answer_message(
            connection, delivery_id, kind, now_ms, channel, vendor_event_id=vendor_event_id, eta_s=eta_s, remark=remark
        )

    return casebook.in_transaction(db, work)


def answer_message(
    connection: Connection,
    delivery_id: str,
    kind: str,
    now_ms: int,
    channel: str,
    *,
    vendor_event_id: str | None = None,
    eta_s: int | None = None,
    remark: str = "",
) -> Recorded:
    """As `answer`, in the caller's transaction (`casebook.in_transaction`), where the webhook's own record stands too.

    The caller has checked that who answers is whom the message went to. What they know of the person always counts, but
    who may not hear of them any more cannot take over the case.

    Raises:
        InvalidLink: nobody knows the message.
        UnusableAnswer: not an answer.
        StaleCase: another worker moved the incident first; the caller begins again.
    """
    said = _known(kind, remark)
    row = _message(connection, delivery_id)
    event = Answered(row.person_id, said, row.epoch, eta_s)
    if said is Answer.GOING and not may_hear(connection, row.person_id, row.incident_id, now_ms):
        return _keep_refused(connection, row, now_ms, channel, vendor_event_id, remark)
    return _take(connection, row.incident_id, event, now_ms, channel, vendor_event_id, remark)


def unclear(
    connection: Connection, delivery_id: str, words: str, now_ms: int, channel: str, vendor_event_id: str
) -> None:
    """Keep a reply that cannot be read as an answer, where staff see it; it moves nothing.

    Args:
        connection: the transaction of the webhook's own record.
        delivery_id: the message that was replied to.
        words: what was written; cut to `LONGEST_NOTE`. Kept with the answers, which are erased with the person.
        now_ms: now, ms UTC.
        channel: how it came in.
        vendor_event_id: the vendor's id of the webhook.

    Raises:
        InvalidLink: nobody knows the message.
    """
    row = _message(connection, delivery_id)
    case = cases.load(connection, row.incident_id, now_ms)
    remark = words[:LONGEST_NOTE]
    _keep(connection, row.incident_id, row.person_id, UNCLEAR, row.epoch, now_ms, channel, vendor_event_id, remark)
    casebook.note(connection, case, UNCLEAR, "", now_ms, row.person_id, channel)


def answer_for(
    db: Engine,
    incident_id: str,
    person_id: str,
    kind: str,
    now_ms: int,
    channel: str = "board",
    *,
    eta_s: int | None = None,
    remark: str = "",
) -> Recorded:
    """Record what somebody said without a link: on the board, or on the telephone. The caller has checked who they are.

    Raises:
        UnknownIncident: no such incident.
        UnusableAnswer: not an answer, or of somebody who is not in the register.
    """

    def work(connection: Connection) -> Recorded:
        return answer_for_in(connection, incident_id, person_id, kind, now_ms, channel, eta_s=eta_s, remark=remark)

    return casebook.in_transaction(db, work)


def answer_for_in(
    connection: Connection,
    incident_id: str,
    person_id: str,
    kind: str,
    now_ms: int,
    channel: str,
    *,
    eta_s: int | None = None,
    remark: str = "",
) -> Recorded:
    """As `answer_for`, in the caller's transaction (`casebook.in_transaction`).

    Raises:
        UnknownIncident, UnusableAnswer: as there.
        StaleCase: another worker moved the incident first; the caller begins again.
    """
    said = _known(kind, remark)
    asked = cases.load(connection, incident_id, now_ms).incident.asked
    epoch = max((item.epoch for item in asked if item.person == person_id), default=0)
    return _take(connection, incident_id, Answered(person_id, said, epoch, eta_s), now_ms, channel, None, remark)


def phoned(db: Engine, incident_id: str, staff_id: str, remark: str, now_ms: int, channel: str = "board") -> None:
    """Staff record that they telephoned. It moves nothing. The caller has checked that they are staff.

    What was said is kept with the answers, which are erased with the person; the audit line, which stays, has no words.

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
    _check_remark(remark)

    def work(connection: Connection) -> None:
        case = cases.load(connection, incident_id, now_ms)
        _check_known(connection, staff_id)
        _keep(connection, incident_id, staff_id, PHONED, case.incident.epoch, now_ms, channel, None, remark)
        casebook.note(connection, case, PHONED, "", now_ms, staff_id, channel)

    casebook.in_transaction(db, work)


def wrote(
    connection: Connection, delivery_id: str, words: str, now_ms: int, channel: str, *, vendor_event_id: str
) -> None:
    """Keep what somebody wrote instead of answering, for staff to read. It answers nothing and moves nothing.

    The words are kept with the answers, cut to `LONGEST_NOTE` characters; the audit line has none.

    Args:
        connection: an open transaction.
        delivery_id: the message that still waits for their answer.
        words: what they wrote; may be empty, as a sticker is.
        now_ms: now, ms UTC.
        channel: how it came in.
        vendor_event_id: the vendor's id of the webhook.

    Raises:
        InvalidLink: nobody knows the message.
    """
    row = _message(connection, delivery_id)
    case = cases.load(connection, row.incident_id, now_ms)
    kept = words[:LONGEST_NOTE]
    _keep(connection, row.incident_id, row.person_id, WROTE, row.epoch, now_ms, channel, vendor_event_id, kept)
    casebook.note(connection, case, WROTE, "", now_ms, row.person_id, channel)


def close(
    db: Engine, incident_id: str, staff_id: str, outcome: str, reason: str, now_ms: int, channel: str = "board"
) -> Recorded:
    """Staff record how it ended. The caller has checked that they are staff.

    Args:
        db: the relational store.
        incident_id: which.
        staff_id: person id of who records it.
        outcome: one of `OUTCOMES`.
        reason: in their words; must say something.
        now_ms: now, ms UTC.
        channel: how it came in.

    Raises:
        UnknownIncident: no such incident.
        UnusableAnswer: not an outcome, no reason given, or recorded by somebody who is not in the register.
    """
    if outcome not in OUTCOMES:
        raise UnusableAnswer("the outcome must be one of " + ", ".join(OUTCOMES))
    if not reason.strip() or len(reason) > LONGEST_NOTE:
        raise UnusableAnswer(f"an outcome needs a reason of at most {LONGEST_NOTE} characters")
    event = Closed(staff_id, outcome, OUTCOMES[outcome])

    def work(connection: Connection) -> Recorded:
        return _take(connection, incident_id, event, now_ms, channel, None, reason)

    return casebook.in_transaction(db, work)


def _take(
    connection: Connection,
    incident_id: str,
    event: Answered | Closed,
    now_ms: int,
    channel: str,
    vendor_event_id: str | None,
    remark: str,
) -> Recorded:
    case = cases.load(connection, incident_id, now_ms)
    who = event.person if isinstance(event, Answered) else event.by
    _check_known(connection, who)
    if vendor_event_id is not None and _seen(connection, vendor_event_id):
        return Recorded(incident_id, who, case.incident.state, changed=False, repeated=True)
    if _calls_again(case, event):
        return _keep_call(connection, case, who, now_ms, channel, vendor_event_id, remark)
    kind = str(event.answer) if isinstance(event, Answered) else "closed"
    epoch = event.epoch if isinstance(event, Answered) else case.incident.epoch
    decision = casebook.apply(connection, case, event, now_ms, actor=who, channel=channel)
    _keep(connection, incident_id, who, kind, epoch, now_ms, channel, vendor_event_id, remark)
    if decision is None:
        why = "after the end of this case" if case.incident.ended else "an answer to an older message, or said before"
        casebook.note(connection, case, "answer_kept", f"answered {kind}; {why}", now_ms, who, channel)
        return Recorded(incident_id, who, case.incident.state, changed=False)
    return Recorded(incident_id, who, decision.incident.state, changed=True)


def _calls_again(case: cases.Case, event: Answered | Closed) -> bool:
    """Whether the person, of whom all was thought to be well, says after the end that they need help."""
    if not case.incident.ended or not isinstance(event, Answered):
        return False
    return event.answer is Answer.CANNOT and event.person == case.incident.person


def _keep_call(
    connection: Connection,
    case: cases.Case,
    person_id: str,
    now_ms: int,
    channel: str,
    vendor_event_id: str | None,
    remark: str,
) -> Recorded:
    """An end is an end: what is kept here is a call for help of its own, which the next tick reads like a press."""
    epoch = case.incident.epoch
    _keep(connection, case.id, person_id, CALLED_AGAIN, epoch, now_ms, channel, vendor_event_id, remark)
    reason = "after the end of this case; help is called anew"
    casebook.note(connection, case, "needs_help", reason, now_ms, person_id, channel)
    return Recorded(case.id, person_id, case.incident.state, changed=True)


def _keep_refused(
    connection: Connection, row: AnyRow, now_ms: int, channel: str, vendor_event_id: str | None, remark: str
) -> Recorded:
    """Somebody wants to go to a person who has revoked the consent to that."""
    case = cases.load(connection, row.incident_id, now_ms)
    state = case.incident.state
    repeated = vendor_event_id is not None and _seen(connection, vendor_event_id)
    if not repeated:
        _keep(connection, case.id, row.person_id, Answer.GOING, row.epoch, now_ms, channel, vendor_event_id, remark)
        reason = f"{Answer.GOING}: the consent was revoked"
        casebook.note(connection, case, "answer_kept", reason, now_ms, row.person_id, channel)
    return Recorded(case.id, row.person_id, state, changed=False, repeated=repeated, revoked=True)


def _keep(
    connection: Connection,
    incident_id: str,
    person_id: str,
    kind: str,
    epoch: int,
    now_ms: int,
    channel: str,
    vendor_event_id: str | None,
    remark: str,
) -> None:
    connection.execute(
        insert(responses).values(
            id=casebook.stable_id("response", incident_id, _count(connection, incident_id)),
            incident_id=incident_id,
            person_id=person_id,
            kind=kind,
            channel=channel,
            vendor_event_id=vendor_event_id,
            epoch=epoch,
            at_ms=now_ms,
            note=remark,
        )
    )


def _check_known(connection: Connection, person_id: str) -> None:
    if connection.execute(select(people.c.id).where(people.c.id == person_id)).first() is None:
        raise UnusableAnswer("whoever answers must be in the register; add them first")


def _check_remark(remark: str) -> None:
    if len(remark) > LONGEST_NOTE:
        raise UnusableAnswer(f"a remark may have {LONGEST_NOTE} characters")


def _known(kind: str, remark: str) -> Answer:
    _check_remark(remark)
    try:
        return Answer(kind)
    except ValueError:
        raise UnusableAnswer("the answer must be one of " + ", ".join(Answer)) from None


def _message(connection: Connection, delivery_id: str) -> AnyRow:
    found = select(deliveries.c.incident_id, deliveries.c.person_id, deliveries.c.epoch)
    row = connection.execute(found.where(deliveries.c.id == delivery_id)).first()
    if row is None:
        raise InvalidLink("the message of this link is not known any more; open the newest message")
    return row


def _seen(connection: Connection, vendor_event_id: str) -> bool:
    known = select(responses.c.id).where(responses.c.vendor_event_id == vendor_event_id)
    return connection.execute(known).first() is not None


def _count(connection: Connection, incident_id: str) -> int:
    return len(connection.execute(select(responses.c.id).where(responses.c.incident_id == incident_id)).all())
