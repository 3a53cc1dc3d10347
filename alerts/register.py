"""Who can be reached about a person now: reads people, relations and contact methods, which `store.registry` writes."""

from collections.abc import Collection, Iterable
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from alerts.delivery import DeliveryState
from alerts.ladder import Turn, rotated
from alerts.messages import Subject
from alerts.model import Purpose, Roster
from store.schema import contact_methods, deliveries, homes, people, relations

AnyRow: TypeAlias = Row[*tuple[Any, ...]]

NEIGHBOURS: Final = ("neighbour", "family", "hub_volunteer")
STAFF: Final = ("staff",)


def roster(connection: Connection, person: str, organisation: str, now_ms: int) -> Roster:
    """Everybody who may be told about a person and has a contact method in use.

    Staff are those related to the person; where there are none, all staff of people whose cases ``organisation`` owns.
    """
    neighbours = _related(connection, [person], NEIGHBOURS, now_ms)
    staff = _related(connection, [person], STAFF, now_ms)
    if not staff:
        clients = select(homes.c.person_id).where(homes.c.organisation_id == organisation)
        staff = _related(connection, clients, STAFF, now_ms)
    reachable = {person} if methods(connection, person) else set()
    return Roster(
        person=bool(reachable),
        neighbours=rotated(_turns(connection, neighbours)),
        staff=tuple(sorted(staff)),
    )


def methods(connection: Connection, person: str) -> list[AnyRow]:
    """A person's contact methods in use, the one to be tried first first."""
    in_use = (contact_methods.c.person_id == person) & contact_methods.c.disabled_reason.is_(None)
    found = select(contact_methods).where(in_use).order_by(contact_methods.c.rank, contact_methods.c.id)
    return list(connection.execute(found))


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


def _related(
    connection: Connection, subjects: Collection[str] | Select[tuple[str]], roles: Collection[str], now_ms: int
) -> list[str]:
    reachable = select(contact_methods.c.person_id).where(contact_methods.c.disabled_reason.is_(None))
    found = (
        select(relations.c.other_id)
        .where(relations.c.subject_id.in_(subjects), relations.c.role.in_(roles), in_force(now_ms))
        .where(relations.c.other_id.in_(reachable))
        .distinct()
    )
    return list(connection.execute(found).scalars())


def _turns(connection: Connection, who: Iterable[str]) -> list[Turn]:
    """How often each was called and when last, over all incidents; a call that was never sent does not count."""
    everybody = list(who)
    calls = (deliveries.c.purpose == Purpose.CALL) & (deliveries.c.state != DeliveryState.CANCELLED)
    found = (
        select(
            deliveries.c.person_id,
            func.count(deliveries.c.incident_id.distinct()),
            func.max(deliveries.c.created_ms),
        )
        .where(deliveries.c.person_id.in_(everybody), calls)
        .group_by(deliveries.c.person_id)
    )
    history = {person: (count, last_ms) for person, count, last_ms in connection.execute(found)}
    return [Turn(person, *history.get(person, (0, None))) for person in everybody]
