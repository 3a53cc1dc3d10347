"""Who can be reached about a person now: reads people, relations and contact methods, which `store.registry` writes."""

from collections.abc import Collection
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from alerts.delivery import DeliveryState
from alerts.errors import Failure
from alerts.messages import Subject
from alerts.model import Purpose, Roster
from alerts.rotation import Duty, Turn, on_duty, rotated
from store.schema import contact_methods, deliveries, homes, incidents, leaves, people, relations

AnyRow: TypeAlias = Row[*tuple[Any, ...]]

NEIGHBOURS: Final = ("neighbour", "family", "hub_volunteer")
STAFF: Final = ("staff",)


def roster(connection: Connection, person: str, organisation: str, now_ms: int) -> Roster:
    """Everybody who may be told about a person at ``now_ms`` and has a contact method in use.

    Hours and leave are looked at here, so at the moment of each step. Nobody is in it who opted out, whose relation
    ended, or who cannot be reached. Of the staff there is always somebody, if there are any, see `rotation.on_duty`.
    """
    neighbours = _duties(connection, _related(connection, [person], NEIGHBOURS, now_ms), now_ms)
    free = [duty for duty in neighbours if duty.is_free(now_ms)]
    staff = _duties(connection, _staff(connection, person, organisation, now_ms), now_ms)
    return Roster(
        person=bool(methods(connection, person)),
        neighbours=rotated(_turns(connection, free), now_ms),
        staff=on_duty(staff, now_ms),
    )


def methods(connection: Connection, person: str) -> list[AnyRow]:
    """A person's contact methods in use, the one to be tried first first: those verified before the others."""
    found = (
        select(contact_methods)
        .where(contact_methods.c.person_id == person, contact_methods.c.person_id.in_(reachable()))
        .where(contact_methods.c.disabled_reason.is_(None))
        .order_by(contact_methods.c.verified_ms.is_(None), contact_methods.c.rank, contact_methods.c.id)
    )
    return list(connection.execute(found))


def refusal(connection: Connection, message: AnyRow, now_ms: int) -> Failure | None:
    """Why a message must not be sent any more, although it was decided on; None when it may be.

    Args:
        connection: to read from.
        message: the row of ``deliveries``.
        now_ms: now, ms UTC.
    """
    found = (
        select(people.c.opt_out_ms, contact_methods.c.disabled_reason)
        .join(people, people.c.id == contact_methods.c.person_id)
        .where(contact_methods.c.id == message.contact_method_id)
    )
    opt_out_ms, disabled_reason = connection.execute(found).one()
    if opt_out_ms is not None:
        return Failure.OPTED_OUT
    if disabled_reason is not None:
        return Failure.DISABLED
    case = select(incidents.c.person_id, incidents.c.organisation_id).where(incidents.c.id == message.incident_id)
    about, organisation = connection.execute(case).one()
    person = about or ""  # nobody: a case about an area
    if message.person_id == person:
        return None
    told = _related(connection, [person], NEIGHBOURS, now_ms) + _staff(connection, person, organisation, now_ms)
    return None if message.person_id in told else Failure.REVOKED


def left_out(connection: Connection, person: str, now_ms: int) -> dict[str, str]:
    """Of those related to a person now, who would not be called at ``now_ms`` (ms UTC), and a word why.

    The words: ``opted_out``, ``no_contact`` (no way to reach them is in use), ``on_leave``, ``off_hours``.
    """
    related = select(relations.c.other_id).where(relations.c.subject_id == person, in_force(now_ms))
    found = select(people.c.id, people.c.opt_out_ms).where(people.c.id.in_(related)).order_by(people.c.id)
    everybody = connection.execute(found).all()
    duties = {duty.person: duty for duty in _duties(connection, [row.id for row in everybody], now_ms)}
    words: dict[str, str] = {}
    for row in everybody:
        if row.opt_out_ms is not None:
            words[row.id] = "opted_out"
        elif not methods(connection, row.id):
            words[row.id] = "no_contact"
        elif not duties[row.id].is_free(now_ms):
            words[row.id] = "on_leave" if duties[row.id].on_leave(now_ms) else "off_hours"
    return words


def subject_of(connection: Connection, person: str) -> Subject:
    """Whom a message is about."""
    found = (
        select(people.c.name, homes.c.area)
        .outerjoin(homes, homes.c.person_id == people.c.id)
        .where(people.c.id == person)
        .order_by(homes.c.id)
    )
    name, area = connection.execute(found).first() or ("", "")
    return Subject(name, area or "")


def language_of(connection: Connection, person: str) -> str:
    """The language that a person reads."""
    return str(connection.execute(select(people.c.language).where(people.c.id == person)).scalar_one())


def in_force(now_ms: int) -> ColumnElement[bool]:
    """Whether a relation holds now: a revoked consent is none."""
    ended = relations.c.to_ms.is_not(None) & (relations.c.to_ms <= now_ms)
    return (relations.c.from_ms <= now_ms) & ~ended


def _staff(connection: Connection, person: str, organisation: str, now_ms: int) -> list[str]:
    """Staff related to the person; where there are none, all staff of people whose cases ``organisation`` owns."""
    own = _related(connection, [person], STAFF, now_ms)
    clients = select(homes.c.person_id).where(homes.c.organisation_id == organisation)
    return own or _related(connection, clients, STAFF, now_ms)


def _related(
    connection: Connection, subjects: Collection[str] | Select[tuple[str]], roles: Collection[str], now_ms: int
) -> list[str]:
    found = (
        select(relations.c.other_id)
        .where(relations.c.subject_id.in_(subjects), relations.c.role.in_(roles), in_force(now_ms))
        .where(relations.c.other_id.in_(reachable()))
        .distinct()
    )
    return list(connection.execute(found).scalars())


def reachable() -> Select[tuple[str]]:
    """People with a contact method in use who have not opted out."""
    return (
        select(contact_methods.c.person_id)
        .join(people, people.c.id == contact_methods.c.person_id)
        .where(contact_methods.c.disabled_reason.is_(None), people.c.opt_out_ms.is_(None))
    )


def _duties(connection: Connection, who: Collection[str], now_ms: int) -> list[Duty]:
    if not who:
        return []
    away: dict[str, list[tuple[int, int]]] = {}
    under_way = (leaves.c.from_ms <= now_ms) & (leaves.c.to_ms > now_ms)
    for leave in connection.execute(select(leaves).where(leaves.c.person_id.in_(who), under_way)):
        away.setdefault(leave.person_id, []).append((leave.from_ms, leave.to_ms))
    found = select(people.c.id, people.c.zone, people.c.hours).where(people.c.id.in_(who))
    return [Duty(row.id, row.zone, row.hours, tuple(away.get(row.id, ()))) for row in connection.execute(found)]


def _turns(connection: Connection, who: Collection[Duty]) -> list[Turn]:
    """When each was called, once an incident, over all of them; a call that was never sent does not count."""
    calls = (deliveries.c.purpose == Purpose.CALL) & (deliveries.c.state != DeliveryState.CANCELLED)
    found = (
        select(deliveries.c.person_id, func.min(deliveries.c.created_ms).label("at_ms"))
        .where(deliveries.c.person_id.in_([duty.person for duty in who]), calls)
        .group_by(deliveries.c.person_id, deliveries.c.incident_id)
    )
    called: dict[str, list[int]] = {}
    for person, at_ms in connection.execute(found) if who else ():
        called.setdefault(person, []).append(at_ms)
    return [Turn(duty.person, tuple(called.get(duty.person, ())), duty.zone) for duty in who]
