"""How what is too old is removed, and how a person is forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    ScalarSelect,
    Select,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from store.audit_codes import Upkeep
from store.engine import reading
from store.schema import (
    absences,
    ask_budgets,
    attempts,
    audit,
    claims,
    contact_methods,
    cursors,
    deliveries,
    diaries,
    gateways,
    homes,
    incidents,
    is_open,
    lapses,
    leaves,
    link_invitations,
    live_states,
    meters,
    notes,
    people,
    quarantine,
    receipts,
    relations,
    rhythms,
    sensors,
    statements,
    test_sends,
    vendor_events,
)
from store.timeseries.port import TimeSeries

ERASED: Final = "—"
"""What stands in place of the name, where other people's history still points at an erased person."""
_TO_BE_SENT: Final = ("pending", "retry_wait", "unknown")
_TAKEN: Final = ("accepted", "delivered", "read")
"""States of a message that a channel has taken."""


class RetentionError(ValueError):
    """An erasure is refused; the message names what stands in the way and the remedy."""


def erase_person(engine: Engine, timeseries: TimeSeries, person_id: str, actor: str, now_ms: int) -> None:
    """Forget a person: their homes with series, state and incidents, their relations and how to reach them.

    What others did and were told stays theirs: where their history points at the person, an entry without a name and
    without an address is left. Audit lines stay; they know ids only.

    The series go first, so that a time series out of reach leaves everything as it was and the call can be repeated,
    and once more at the end, for what came in meanwhile. An interruption just before that leaves those last events,
    of no known home, to `trim`.

    Args:
        engine: the relational store.
        timeseries: the raw events.
        person_id: who.
        actor: person id, or the part that acts.
        now_ms: ms UTC.

    Raises:
        RetentionError: the person is not in the register, or an open incident is about them or counts on them.
        TimeSeriesError: the raw events cannot be removed now; the person is still there, try again.
    """
    found = check_erasable(engine, person_id)
    for gateway in found:
        timeseries.erase(gateway)
    with engine.begin() as connection:
        _refuse_if_needed(connection, person_id)  # an incident may have opened meanwhile
        _erase_rows(connection, person_id, found, now_ms)
        line = {"at_ms": now_ms, "actor": actor, "what": Upkeep.PERSON_ERASED, "params": {"id": person_id}}
        connection.execute(insert(audit).values(line))
    for gateway in found:
        timeseries.erase(gateway)  # again: what came in while the home was still known


def check_erasable(engine: Engine, person_id: str) -> Sequence[str]:
    """The gateways of the person's homes.

    Raises:
        RetentionError: as `erase_person` would.
    """
    with reading(engine) as connection:
        _refuse_if_needed(connection, person_id)
        return connection.execute(select(homes.c.gateway).where(homes.c.person_id == person_id)).scalars().all()


def trim(
    engine: Engine, timeseries: TimeSeries, before_ms: int, now_ms: int, actor: str, events: int | None = None
) -> Mapping[str, int]:
    """Remove raw events, quarantined messages, lapses and notes from before ``before_ms``, with an audit line.

    The record of the vendors' events and old invitations go with them.

    Incidents, answers and the audit stay: they are what was done for a person, not what was seen of them. Whether it is
    wise to trim now is for `store.trimming` to say.

    Args:
        engine: the relational store.
        timeseries: the raw events.
        before_ms: everything older goes, ms UTC.
        now_ms: ms UTC, of the audit line.
        actor: person id, or the part that acts.
        events: how many raw events that is, for the audit line; None: nobody counted.

    Returns:
        How many rows went, as the audit line calls them.

    Raises:
        TimeSeriesError: the raw events cannot be removed now; try again.
    """
    timeseries.trim(before_ms * 1_000_000)
    with engine.begin() as connection:
        connection.execute(delete(vendor_events).where(vendor_events.c.received_ms < before_ms))
        connection.execute(delete(link_invitations).where(link_invitations.c.expires_ms < before_ms))
        removed = {
            "quarantined": connection.execute(delete(quarantine).where(quarantine.c.received_ms < before_ms)).rowcount,
            "lapses": connection.execute(delete(lapses).where(lapses.c.ended_ms < before_ms)).rowcount,
            "notes": connection.execute(delete(notes).where(notes.c.at_ms < before_ms)).rowcount,
        }
        line = {"at_ms": now_ms, "actor": actor, "what": Upkeep.EVENTS_TRIMMED}
        counts = removed if events is None else {"events": events, **removed}
        connection.execute(insert(audit).values(params={"before_ms": before_ms, **counts}, **line))
    return removed


def _refuse_if_needed(connection: Connection, person_id: str) -> None:
    if connection.execute(select(people.c.id).where(people.c.id == person_id)).first() is None:
        raise RetentionError(f"person '{person_id}' is not in the register; check the id")
    their_own = select(incidents.c.id).where(is_open(), incidents.c.person_id == person_id)
    going = select(incidents.c.id).join(claims).where(is_open(), claims.c.person_id == person_id)
    going = going.where(claims.c.ended_ms.is_(None))
    written_to = select(incidents.c.id).join(deliveries).where(is_open(), deliveries.c.person_id == person_id)
    written_to = written_to.where(deliveries.c.state.in_((*_TO_BE_SENT, "sending")))
    for what, query in (
        ("is about them", their_own),
        ("counts on their coming", going),
        ("has a message on its way to them", written_to),
    ):
        incident = connection.execute(query).scalars().first()
        if incident is not None:
            raise RetentionError(f"person '{person_id}': open incident '{incident}' {what}; close it first")


def _erase_rows(connection: Connection, person_id: str, found: Sequence[str], now_ms: int) -> None:
    their_homes = select(homes.c.id).where(homes.c.person_id == person_id)
    _erase_incidents(connection, person_id, their_homes, now_ms)
    for table in (live_states, rhythms, meters, lapses, diaries, notes, absences, ask_budgets):
        connection.execute(delete(table).where(table.c.home_id.in_(their_homes)))
    for table in (sensors, gateways, cursors, quarantine):
        connection.execute(delete(table).where(table.c.gateway.in_(found)))
    is_theirs = or_(relations.c.subject_id == person_id, relations.c.other_id == person_id)
    connection.execute(delete(relations).where(is_theirs))
    connection.execute(delete(homes).where(homes.c.person_id == person_id))
    _erase_contact(connection, person_id, now_ms)


def _erase_incidents(connection: Connection, person_id: str, their_homes: Select[tuple[str]], now_ms: int) -> None:
    is_theirs = or_(incidents.c.person_id == person_id, incidents.c.home_id.in_(their_homes))
    their_incidents = select(incidents.c.id).where(is_theirs)
    messages = select(deliveries.c.id).where(deliveries.c.incident_id.in_(their_incidents))
    _let_others_stand_alone(connection, their_incidents, messages, now_ms)
    for table in (attempts, receipts):
        connection.execute(delete(table).where(table.c.delivery_id.in_(messages)))
    about = or_(statements.c.incident_id.in_(their_incidents), statements.c.home_id.in_(their_homes))
    connection.execute(delete(statements).where(or_(about, statements.c.person_id == person_id)))
    for table in (claims, deliveries):
        connection.execute(delete(table).where(table.c.incident_id.in_(their_incidents)))
    connection.execute(delete(incidents).where(is_theirs))


def _let_others_stand_alone(
    connection: Connection, incident_ids: Select[tuple[str]], messages: Select[tuple[str]], now_ms: int
) -> None:
    """Messages of other people's incidents that were part of one of these: as it was, or due now if it was not sent."""
    leader = deliveries.alias("leader")

    def of_leader(column: str) -> ScalarSelect[Any]:
        return select(leader.c[column]).where(leader.c.id == deliveries.c.bundle_id).scalar_subquery()

    was_taken = of_leader("state").in_(_TAKEN)
    alone = {
        "bundle_id": None,
        "state": case((was_taken, of_leader("state")), else_="pending"),
        "settled_ms": case((was_taken, func.coalesce(of_leader("settled_ms"), now_ms)), else_=None),
        "due_ms": case((was_taken, deliveries.c.due_ms), else_=now_ms),
    }
    outside = deliveries.c.bundle_id.in_(messages) & deliveries.c.incident_id.not_in(incident_ids)
    connection.execute(update(deliveries).where(outside).values(alone))


def _erase_contact(connection: Connection, person_id: str, now_ms: int) -> None:
    """Addresses, name, and the messages to them in other people's incidents; rows that history needs stay, empty."""
    written_to = deliveries.c.person_id == person_id
    connection.execute(update(deliveries).where(written_to).values(subject="", body=""))
    unsent = {"state": "cancelled", "failure": "ended", "settled_ms": now_ms}  # the incident is closed: of no use now
    connection.execute(update(deliveries).where(written_to, deliveries.c.state.in_(_TO_BE_SENT)).values(unsent))
    used = select(deliveries.c.contact_method_id)
    connection.execute(delete(link_invitations).where(link_invitations.c.person_id == person_id))
    theirs = contact_methods.c.person_id == person_id
    connection.execute(
        delete(test_sends).where(test_sends.c.contact_method_id.in_(select(contact_methods.c.id).where(theirs)))
    )
    connection.execute(delete(leaves).where(leaves.c.person_id == person_id))
    connection.execute(delete(contact_methods).where(theirs, contact_methods.c.id.not_in(used)))
    emptied = {"address": "", "verified_ms": None, "last_ok_ms": None, "disabled_reason": "erased"}
    connection.execute(update(contact_methods).where(theirs).values(emptied))
    if _has_history(connection, person_id):
        connection.execute(update(people).where(people.c.id == person_id).values(name=ERASED, kana="", hours=""))
    else:
        connection.execute(delete(people).where(people.c.id == person_id))


def _has_history(connection: Connection, person_id: str) -> bool:
    columns = (deliveries.c.person_id, statements.c.said_by, claims.c.person_id, contact_methods.c.person_id)
    return any(connection.execute(select(column).where(column == person_id)).first() is not None for column in columns)
