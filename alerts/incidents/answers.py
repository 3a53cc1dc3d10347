"""What people answer, and what it does: by the page of a link, on the board, by a key. `response_log` records each."""

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, Engine

from alerts.decisions.answers import opens_another, statement_kind
from alerts.decisions.codes import Reason, What, Why, why
from alerts.decisions.events import Answered, Closed
from alerts.decisions.model import Answer, IncidentState
from alerts.errors import UnusableAnswer
from alerts.incidents import loaded_incident, response_log, transitions
from alerts.incidents.consents import may_know
from alerts.incidents.response_log import LONGEST_NOTE, StatementSource
from alerts.wording.links import Links

_NO_WORRY: Final = ("false_alarm", "test")
"""Outcomes of which there was nothing to worry about: the incident is cancelled."""
OUTCOMES: Final = ("safe", "hospital", "away", "died", "other", "repaired", *_NO_WORRY)
"""What staff can record as the outcome."""


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
    state: IncidentState
    changed: bool
    repeated: bool = False
    revoked: bool = False


def answer(
    db: Engine, links: Links, token: str, kind: str, source: StatementSource, eta_s: int | None = None
) -> Recorded:
    """As `answer_message`, by the link of the message, in a transaction of its own.

    Raises:
        InvalidLink, ExpiredLink: the token is not usable; nothing was changed.
        UnusableAnswer: not an answer.
    """
    delivery_id = links.read(token, source.at_ms)
    return transitions.in_transaction(db, answer_message, delivery_id, kind, source, eta_s)


def answer_message(
    connection: Connection, delivery_id: str, kind: str, source: StatementSource, eta_s: int | None = None
) -> Recorded:
    """Record an answer to a message, and do what follows, in the caller's transaction (`transitions.in_transaction`).

    The caller has checked that who answers is whom the message went to. What they know of the person always counts, but
    who may not hear of them any more cannot take over the incident.

    Args:
        connection: the transaction, of the webhook's own record as well.
        delivery_id: the message.
        kind: ``going`` | ``safe`` | ``cannot`` | ``called_119``. Of the person themself, ``safe`` is "I am all right"
            and ``cannot`` is "I need help".
        source: how it came, with free words of the responder.
        eta_s: travel time in seconds, for ``going``; None for the usual one.

    Raises:
        InvalidLink: nobody knows the message.
        UnusableAnswer: not an answer.
        StaleIncident: another worker moved the incident first; the caller begins again.
    """
    word = _known(kind, source)
    row = response_log.message_of(connection, delivery_id)
    event = Answered(row.person_id, word, row.epoch, eta_s)
    revoked = word is Answer.GOING and not may_know(connection, row.person_id, row.incident_id, source.at_ms)
    return _take(connection, row.incident_id, event, source, delivery_id=delivery_id, revoked=revoked)


def answer_for(
    db: Engine,
    incident_id: str,
    person_id: str,
    kind: str,
    now_ms: int,
    channel: str = "board",
    *,
    eta_s: int | None = None,
) -> Recorded:
    """Record what somebody said without a link: on the board, or on the telephone. The caller has checked who they are.

    Raises:
        UnknownIncident: no such incident.
        UnusableAnswer: not an answer, or of somebody who is not in the register.
    """
    source = StatementSource(now_ms, channel)
    return transitions.in_transaction(db, answer_for_in, incident_id, person_id, kind, source, eta_s)


def answer_for_in(
    connection: Connection,
    incident_id: str,
    person_id: str,
    kind: str,
    source: StatementSource,
    eta_s: int | None = None,
) -> Recorded:
    """As `answer_for`, in the caller's transaction (`transitions.in_transaction`).

    Raises:
        UnknownIncident, UnusableAnswer: as there.
        StaleIncident: another worker moved the incident first; the caller begins again.
    """
    word = _known(kind, source)
    asked = loaded_incident.load(connection, incident_id, source.at_ms).incident.asked
    epoch = max((item.epoch for item in asked if item.person == person_id), default=0)
    return _take(connection, incident_id, Answered(person_id, word, epoch, eta_s), source)


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
    event = Closed(staff_id, outcome, outcome in _NO_WORRY)
    return transitions.in_transaction(db, _take, incident_id, event, StatementSource(now_ms, channel, remark=reason))


def _take(
    connection: Connection,
    incident_id: str,
    event: Answered | Closed,
    source: StatementSource,
    *,
    delivery_id: str | None = None,
    revoked: bool = False,
) -> Recorded:
    """Record an answer, and let it do what it does unless the consent to it was ``revoked``."""
    loaded = loaded_incident.load(connection, incident_id, source.at_ms)
    who = event.person
    response_log.check_known(connection, who)
    occasion = transitions.Occasion(source.at_ms, who, source.channel)
    unmoved = Recorded(incident_id, who, loaded.incident.state, changed=False, revoked=revoked)
    if response_log.is_known(connection, source):
        return replace(unmoved, repeated=True)
    kind = statement_kind(loaded.incident, event)
    epoch = event.epoch if isinstance(event, Answered) else None
    outcome = event.outcome if isinstance(event, Closed) else None
    heard = response_log.record(
        connection, loaded, who, kind, source, epoch=epoch, delivery_id=delivery_id, outcome=outcome
    )
    if opens_another(loaded.incident, kind):
        reasons = why(Reason.AFTER_THE_END, Reason.HELP_CALLED_AGAIN)
        transitions.note(connection, loaded, What.NEEDS_HELP, reasons, occasion)
        return replace(unmoved, changed=True)
    decision = None
    if not revoked and not heard.overtaken:
        decision = transitions.apply(connection, loaded, replace(event, at_ms=heard.statement.at_ms), occasion)
    if decision is None:
        word = str(event.answer) if isinstance(event, Answered) else "closed"
        nothing = _why_nothing(loaded, revoked=revoked, overtaken=heard.overtaken)
        reasons = (Why(Reason.ANSWERED, (("answer", word),)), Why(nothing))
        transitions.note(connection, loaded, What.ANSWER_RECORDED, reasons, occasion)
        return unmoved
    return replace(unmoved, state=decision.incident.state, changed=True)


def _why_nothing(loaded: loaded_incident.LoadedIncident, *, revoked: bool, overtaken: bool) -> Reason:
    """Why an answer moved nothing."""
    if revoked:
        return Reason.CONSENT_REVOKED
    if overtaken:
        return Reason.HELP_ASKED_LATER
    return Reason.AFTER_THE_END if loaded.incident.ended else Reason.OLD_OR_REPEATED


def _known(kind: str, source: StatementSource) -> Answer:
    response_log.check_remark(source.remark)
    try:
        return Answer(kind)
    except ValueError:
        raise UnusableAnswer("the answer must be one of " + ", ".join(Answer)) from None
