"""Who can be reached about a person now: reads people, relations and contact methods, which `store.register` writes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, exists, func, select

from alerts.decisions.calling.rotation import Availability, CallHistory, on_duty, rotated
from alerts.decisions.model import Purpose, Recipients
from alerts.decisions.sending.delivery import DeliveryState
from alerts.errors import Failure
from alerts.wording.messages import Subject
from store.schema import contact_methods, deliveries, homes, incidents, leaves, people, relations

AnyRow: TypeAlias = Row[*tuple[Any, ...]]

K = TypeVar("K")
V = TypeVar("V")
NEIGHBOURS: Final = ("neighbour", "family", "hub_volunteer")
STAFF: Final = ("staff",)


def grouped(pairs: Iterable[tuple[K, V]]) -> Mapping[K, list[V]]:
    """The values of each key, in their order; none for a key that does not occur."""
    found: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def read_recipients(connection: Connection, person: str, organisation: str, now_ms: int) -> Recipients:
    """Everybody who may be told about a person at ``now_ms`` and has a contact method in use.

    Hours and leave are looked at here, so at the moment of each step. Nobody is in it who opted out, whose relation
    ended, or who cannot be reached. Of the staff there is always somebody, if there are any, see `rotation.on_duty`.
    """
    neighbours = _duties(connection, _related(connection, person, NEIGHBOURS, now_ms), now_ms)
    free = [duty for duty in neighbours if duty.is_free(now_ms)]
    staff = _duties(connection, _staff(connection, person, organisation, now_ms), now_ms)
    return Recipients(
        person=bool(methods(connection, person)),
        neighbours=rotated(_turns(connection, free), now_ms),
        staff=on_duty(staff, now_ms),
    )


def methods(connection: Connection, person: str) -> list[AnyRow]:
    """A person's contact methods in use, the one to be tried first first: those verified before the others."""
    return list(connection.execute(_METHODS, {"person": person}))


_METHODS: Final = (
    select(contact_methods)
    .join(people, people.c.id == contact_methods.c.person_id)
    .where(contact_methods.c.person_id == bindparam("person"), people.c.opt_out_ms.is_(None))
    .where(contact_methods.c.disabled_reason.is_(None))
    .order_by(contact_methods.c.verified_ms.is_(None), contact_methods.c.rank, contact_methods.c.id)
)


def refusal(connection: Connection, message: AnyRow, now_ms: int) -> Failure | None:
    """Why a message must not be sent any more, although it was decided on; None when it may be.

    Args:
        connection: to read from.
        message: the row of ``deliveries``.
        now_ms: now, ms UTC.
    """
    given = {"method": message.contact_method_id, "incident": message.incident_id}
    opt_out_ms, disabled_reason, about, organisation = connection.execute(_WISHES, given).one()
    if opt_out_ms is not None:
        return Failure.OPTED_OUT
    if disabled_reason is not None:
        return Failure.DISABLED
    person = about or ""  # nobody: an incident about an area
    if message.person_id == person:
        return None
    told = _related(connection, person, NEIGHBOURS, now_ms) + _staff(connection, person, organisation, now_ms)
    return None if message.person_id in told else Failure.REVOKED


_WISHES: Final = (
    select(people.c.opt_out_ms, contact_methods.c.disabled_reason, incidents.c.person_id, incidents.c.organisation_id)
    .join(people, people.c.id == contact_methods.c.person_id)
    .join(incidents, incidents.c.id == bindparam("incident"))
    .where(contact_methods.c.id == bindparam("method"))
)
"""Whether the owner of a contact method opted out, why it is not in use; whom the incident is about, and its owner."""


def left_out(connection: Connection, person: str, now_ms: int, others: Collection[str] = ()) -> dict[str, str]:
    """Of those related to a person now, and of ``others``, who would not be called at ``now_ms`` (ms UTC), and why.

    The words: ``opted_out``, ``no_contact`` (none of their contact methods is in use), ``on_leave``, ``off_hours``.
    """
    related = select(relations.c.other_id).where(relations.c.subject_id == person, in_force(now_ms))
    asked_for = people.c.id.in_(related) | people.c.id.in_(others)
    found = select(people.c.id, people.c.opt_out_ms).where(asked_for).order_by(people.c.id)
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


def subject_of(connection: Connection, incident_id: str) -> Subject:
    """Whom, or which area, the messages about an incident are about."""
    outage, name, area = connection.execute(_SUBJECT, {"incident": incident_id}).one()
    return Subject(outage) if outage else Subject(name or "", area or "")


_SUBJECT: Final = (
    select(incidents.c.area, people.c.name, homes.c.area)
    .outerjoin(people, people.c.id == incidents.c.person_id)
    .outerjoin(homes, homes.c.id == incidents.c.home_id)
    .where(incidents.c.id == bindparam("incident"))
)


def language_of(connection: Connection, person: str) -> str:
    """The language that a person reads."""
    return str(connection.execute(_LANGUAGE, {"person": person}).scalar_one())


_LANGUAGE: Final = select(people.c.language).where(people.c.id == bindparam("person"))


def in_force(now_ms: int | BindParameter[int]) -> ColumnElement[bool]:
    """Whether a relation holds now: a revoked consent is none."""
    ended = relations.c.to_ms.is_not(None) & (relations.c.to_ms <= now_ms)
    return (relations.c.from_ms <= now_ms) & ~ended


def is_reachable(person: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether somebody has a contact method in use and has not opted out."""
    return exists().where(
        contact_methods.c.person_id == person,
        people.c.id == contact_methods.c.person_id,
        contact_methods.c.disabled_reason.is_(None),
        people.c.opt_out_ms.is_(None),
    )


def _staff(connection: Connection, person: str, organisation: str, now_ms: int) -> list[str]:
    """Staff related to the person; where there are none, all staff of people whose incidents ``organisation`` owns."""
    own = _related(connection, person, STAFF, now_ms)
    if own:
        return own
    return list(connection.execute(_STAFF_OF, {"organisation": organisation, "now_ms": now_ms}).scalars())


def _related(connection: Connection, person: str, roles: tuple[str, ...], now_ms: int) -> list[str]:
    given = {"person": person, "roles": list(roles), "now_ms": now_ms}
    return list(connection.execute(_RELATED_TO, given).scalars())


_RELATED_TO: Final = (
    select(relations.c.other_id)
    .where(relations.c.subject_id == bindparam("person"), relations.c.role.in_(bindparam("roles", expanding=True)))
    .where(in_force(bindparam("now_ms")), is_reachable(relations.c.other_id))
    .distinct()
)
"""Who stands in one of these relations to somebody now, and can be reached."""


_STAFF_OF: Final = (
    select(relations.c.other_id)
    .join(homes, homes.c.person_id == relations.c.subject_id)
    .where(homes.c.organisation_id == bindparam("organisation"), relations.c.role.in_(STAFF))
    .where(in_force(bindparam("now_ms")), is_reachable(relations.c.other_id))
    .distinct()
)
"""All staff of people whose incidents an organisation owns."""


def _duties(connection: Connection, who: Collection[str], now_ms: int) -> list[Availability]:
    if not who:
        return []
    found = connection.execute(_LEAVES, {"who": list(who), "now_ms": now_ms})
    away = grouped((leave.person_id, (leave.from_ms, leave.to_ms)) for leave in found)
    rows = connection.execute(_HOURS, {"who": list(who)})
    return [Availability(row.id, row.zone, row.hours, tuple(away[row.id])) for row in rows]


_LEAVES: Final = select(leaves).where(
    leaves.c.person_id.in_(bindparam("who", expanding=True)),
    leaves.c.from_ms <= bindparam("now_ms"),
    leaves.c.to_ms > bindparam("now_ms"),
)
"""Their leaves that are under way."""


_HOURS: Final = select(people.c.id, people.c.zone, people.c.hours).where(
    people.c.id.in_(bindparam("who", expanding=True))
)


def _turns(connection: Connection, who: Collection[Availability]) -> list[CallHistory]:
    """When each was called, once an incident, over all of them; a call that was never sent does not count."""
    calls = connection.execute(_CALLS, {"who": [duty.person for duty in who]}) if who else ()
    called = grouped((person, at_ms) for person, at_ms in calls)
    return [CallHistory(duty.person, tuple(called[duty.person]), duty.zone) for duty in who]


_CALLS: Final = (
    select(deliveries.c.person_id, func.min(deliveries.c.created_ms).label("at_ms"))
    .where(deliveries.c.person_id.in_(bindparam("who", expanding=True)))
    .where(deliveries.c.purpose == Purpose.CALL, deliveries.c.state != DeliveryState.CANCELLED)
    .group_by(deliveries.c.person_id, deliveries.c.incident_id)
)
"""When each of them was called, once an incident."""
