"""Messages to send: rows written before anything is sent, in the transaction of the decision.

A message's id is made of what it is (incident, epoch, step, repeat, contact method, purpose), so the same decision is
the same row and the same vendor key, whoever writes it and however often.
"""

import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Update, bindparam, insert, select, tuple_, update

from alerts.decisions.commands import Ask, Tell
from alerts.decisions.model import Incident, Purpose
from alerts.decisions.sending.delivery import WAITING, DeliveryState
from alerts.errors import Failure
from alerts.incidents import callers
from alerts.ports import SendOutcome
from alerts.register import AnyRow, language_of, methods, subject_of
from alerts.signals.standings import portions
from alerts.wording import messages
from alerts.wording.messages import Text
from store.schema import attempts, deliveries

ONE_METHOD_MS: Final = 5 * 60_000  # how long one contact method is tried when the person has another
NEWS_MS: Final = 6 * 3_600_000  # news older than this is none
_Condition: TypeAlias = Callable[[], ColumnElement[bool]]
_SAME: Final = ("incident_id", "epoch", "step", "repeat", "purpose")
"""What a message is, by whichever contact method it goes."""
_NAMESPACE: Final = uuid.UUID("0f3a7d0a-51cb-4a86-9a4b-0a2f6d1b7c11")


def write_ask(connection: Connection, incident_id: str, incident: Incident, ask: Ask, now_ms: int) -> None:
    """The question, call or request, to the person's first contact method; it replaces older ones still waiting."""
    language = language_of(connection, ask.person)
    caller = callers.named(connection, incident.called_119_by, incident.person, language)
    text = messages.request(ask.purpose, incident.kind, subject_of(connection, incident_id), language, caller)
    _supersede(connection, incident_id, ask.person, now_ms)
    same = (incident_id, incident.epoch, incident.step, incident.repeat, ask.purpose)
    until_ms = now_ms if incident.next_due_ms is None else incident.next_due_ms
    _write(connection, same, methods(connection, ask.person), text, now_ms, until_ms)


def write_news(
    connection: Connection, incident_id: str, incident: Incident, tell: Tell, version: int, now_ms: int
) -> None:
    """News to the person's first contact method, if there still is one.

    ``repeat`` holds the incident's version: two pieces of news of one step are two messages.
    """
    found = methods(connection, tell.person)
    if not found:
        return
    subject = subject_of(connection, incident_id)
    text = messages.news(tell.news, incident.kind, subject, language_of(connection, tell.person))
    same = (incident_id, incident.epoch, incident.step, version, Purpose.NEWS)
    _write(connection, same, found, text, now_ms, now_ms + NEWS_MS)


def write_fallback(connection: Connection, failed: AnyRow, now_ms: int) -> bool:
    """The same message to the person's next contact method.

    Returns:
        False when there is none left: the person cannot be reached with this message.
    """
    same = tuple(getattr(failed, name) for name in _SAME)
    tried = select(deliveries.c.contact_method_id).where(
        deliveries.c.person_id == failed.person_id, tuple_(*(deliveries.c[name] for name in _SAME)) == same
    )
    used = set(connection.execute(tried).scalars())
    found = [method for method in methods(connection, failed.person_id) if method.id not in used]
    if not found:
        return False
    until_ms = max(failed.expires_ms, now_ms + ONE_METHOD_MS)
    _write(connection, same, found, Text(failed.subject, failed.body), now_ms, until_ms)
    return True


def cancel_outstanding(connection: Connection, incident_id: str, now_ms: int) -> None:
    """Questions and calls not sent yet are not sent any more; news is."""
    _cancel(connection, _of_incident, {"case_id": incident_id}, Failure.ENDED, now_ms)


def cancel_staff(connection: Connection, incident_ids: Select[Any], now_ms: int) -> None:
    """Requests to staff that were not sent yet are of no more use: they are told of the whole area."""
    ids = list(connection.execute(incident_ids).scalars())
    for some in portions(ids):
        _cancel(connection, _to_staff, {"case_ids": some}, Failure.SUPERSEDED, now_ms)


def _supersede(connection: Connection, incident_id: str, person: str, now_ms: int) -> None:
    older = {"case_id": incident_id, "person": person}
    _cancel(connection, _of_person, older, Failure.SUPERSEDED, now_ms)


def _cancel(connection: Connection, which: _Condition, of: Mapping[str, Any], failure: Failure, now_ms: int) -> None:
    given = {**of, "now_ms": now_ms}
    connection.execute(_forget_tries(which), {**given, "ended_ms": now_ms})
    connection.execute(_drop(which), {**given, "failure": failure, "settled_ms": now_ms})


def _of_incident() -> ColumnElement[bool]:
    return (deliveries.c.incident_id == bindparam("case_id")) & (deliveries.c.purpose != Purpose.NEWS)


def _of_person() -> ColumnElement[bool]:
    return _of_incident() & (deliveries.c.person_id == bindparam("person"))


def _to_staff() -> ColumnElement[bool]:
    theirs = deliveries.c.incident_id.in_(bindparam("case_ids", expanding=True))
    return theirs & (deliveries.c.purpose == Purpose.STAFF)


@cache  # building a statement costs more than running it
def _forget_tries(which: _Condition) -> Update:
    tries = attempts.c.delivery_id.in_(select(deliveries.c.id).where(which(), is_abandoned()))
    unknown = {"outcome": SendOutcome.AMBIGUOUS, "failure": Failure.INTERRUPTED}
    return update(attempts).where(tries, attempts.c.outcome.is_(None)).values(unknown)


@cache
def _drop(which: _Condition) -> Update:
    waiting = deliveries.c.state.in_(sorted(WAITING)) | _not_sent_yet()
    values = {"state": DeliveryState.CANCELLED, "bundle_id": None}
    return update(deliveries).where(which(), waiting | is_abandoned()).values(values)


def is_due(rows: FromClause = deliveries) -> ColumnElement[bool]:
    """Whether a message is to be tried: it waits and its time has come by ``now_ms``, or a worker abandoned it."""
    return (rows.c.state.in_(sorted(WAITING)) & (rows.c.due_ms <= bindparam("now_ms"))) | is_abandoned(rows)


def is_abandoned(rows: FromClause = deliveries) -> ColumnElement[bool]:
    """Whether a worker died with it under its lease: nobody knows whether it went out."""
    return (rows.c.state == DeliveryState.SENDING) & (rows.c.lease_until_ms <= bindparam("now_ms"))


def _not_sent_yet() -> ColumnElement[bool]:
    """Whether a message is to be told in another one that did not go out yet."""
    leader = deliveries.alias()
    unsent = select(leader.c.id).where(leader.c.id == deliveries.c.bundle_id, leader.c.state.in_(WAITING))
    return (deliveries.c.state == DeliveryState.BUNDLED) & unsent.exists()


def _write(
    connection: Connection, same: tuple[Any, ...], found: list[AnyRow], text: Text, now_ms: int, until_ms: int
) -> None:
    method = found[0]
    alone = len(found) == 1
    key = dict(zip(_SAME, same, strict=True))
    identity = ":".join(str(key[name]) for name in sorted(key)) + f":{method.id}"
    connection.execute(
        insert(deliveries).values(
            id=str(uuid.uuid5(_NAMESPACE, identity)),
            person_id=method.person_id,
            contact_method_id=method.id,
            channel=method.channel,
            subject=text.subject,
            body=text.body,
            state=DeliveryState.PENDING,
            due_ms=now_ms,
            expires_ms=until_ms if alone else min(until_ms, now_ms + ONE_METHOD_MS),
            created_ms=now_ms,
            **key,
        )
    )
