"""What the pages read from the relational store: a fixed number of statements, however many homes there are."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select
from sqlalchemy.engine import RowMapping

from alerts.register import STAFF, in_force
from alerts.signals.conditions import devices_back_ms
from store.schema import (
    absences,
    ask_budgets,
    deliveries,
    gateways,
    homes,
    incidents,
    is_open,
    lapses,
    live_states,
    notes,
    organisations,
    people,
    relations,
    sensors,
)
from store.schema import audit as audit_lines

LOW_BATTERY_PCT: Final = 15.0
"""From here down a battery is shown among the problems of devices."""

Row = Mapping[Any, Any]
Rows = Sequence[RowMapping]


def grouped(connection: Connection, query: Select[Any], by: str) -> dict[str, list[RowMapping]]:
    """The rows of a query by one of its columns, each group in the query's order; no rows where there are none."""
    found: dict[str, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row[by]].append(row)
    return found


_HOMES_COLUMNS: Final = (
    homes.c.id.label("home_id"),
    *homes.c["gateway", "zone", "area", "person_id", "organisation_id"],
    *people.c["name", "kana"],
    organisations.c.name.label("organisation"),
    *live_states.c["last_sign_ms", "watched_from_ms", "ask_at_ms", "call_at_ms", "ready", "reason_ja", "reason_en"],
    devices_back_ms(homes.c.id, live_states.c.ask_at_ms).label("back_ms"),
    *gateways.c["online", "heartbeat_ms", "proven_ms", "backlog", "thinned", "agent"],
)


def homes_now(connection: Connection, now_ms: int, home_id: str | None = None, *, group_id: str | None = None) -> Rows:
    """Each home with its person, live state, devices, and until when a registered absence that covers ``now_ms`` lasts.

    ``back_ms``: see `alerts.signals.conditions`. ``home_id``: that home alone. ``group_id``: those
    alone that belong to this incident of an area. ``absent_to_ms``: null while no absence covers ``now_ms``.
    """
    absent_to_ms = select(func.max(absences.c.to_ms)).where(
        absences.c.home_id == homes.c.id, absences.c.from_ms <= now_ms, absences.c.to_ms > now_ms
    )
    query = (
        select(*_HOMES_COLUMNS, absent_to_ms.scalar_subquery().label("absent_to_ms"))
        .join(people, people.c.id == homes.c.person_id)
        .join(organisations, organisations.c.id == homes.c.organisation_id)
        .outerjoin(live_states, live_states.c.home_id == homes.c.id)
        .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
        .order_by(people.c.kana, people.c.name, homes.c.id)
    )
    if home_id is not None:
        query = query.where(homes.c.id == home_id)
    if group_id is not None:
        query = query.where(homes.c.id.in_(select(incidents.c.home_id).where(incidents.c.group_id == group_id)))
    return connection.execute(query).mappings().all()


def sensors_in_trouble(connection: Connection) -> Rows:
    """Sensors that report trouble or have a low battery, with their home and its person."""
    query = (
        select(homes.c.id.label("home_id"), people.c.name, sensors.c.sensor, sensors.c.trouble, sensors.c.battery_pct)
        .join(homes, homes.c.gateway == sensors.c.gateway)
        .join(people, people.c.id == homes.c.person_id)
        .where(or_(sensors.c.trouble.is_not(None), sensors.c.battery_pct <= LOW_BATTERY_PCT))
        .order_by(people.c.kana, sensors.c.sensor)
    )
    return connection.execute(query).mappings().all()


def sensors_of(connection: Connection, gateway: str) -> Rows:
    """Every sensor of one home."""
    query = select(sensors).where(sensors.c.gateway == gateway).order_by(sensors.c.sensor)
    return connection.execute(query).mappings().all()


def lapses_of(connection: Connection, home_id: str, since_ms: int) -> Rows:
    """Silences of one home that outlasted a deadline since then, newest first.

    Not those that arrived afterwards: nobody would have been asked, and their deadlines are of today's rhythm.
    """
    query = (
        select(lapses)
        .where(lapses.c.home_id == home_id, lapses.c.due_ms >= since_ms, lapses.c.backfilled.is_(False))
        .order_by(lapses.c.due_ms.desc())
        .limit(100)
    )
    return connection.execute(query).mappings().all()


def notes_of(connection: Connection, home_id: str, since_ms: int) -> Rows:
    """What was noticed of one home besides silence since then, newest first."""
    query = select(notes).where(notes.c.home_id == home_id, notes.c.at_ms >= since_ms)
    return connection.execute(query.order_by(notes.c.at_ms.desc(), notes.c.kind).limit(100)).mappings().all()


def ask_budget_of(connection: Connection, home_id: str) -> RowMapping | None:
    """How often the person of one home is asked, and how often they answered; None: never asked for nothing so far."""
    return connection.execute(select(ask_budgets).where(ask_budgets.c.home_id == home_id)).mappings().first()


def absences_of(connection: Connection, home_id: str, from_ms: int) -> Rows:
    """Absences of one home that are not over at ``from_ms``, next first."""
    query = select(absences).where(absences.c.home_id == home_id, absences.c.to_ms > from_ms)
    return connection.execute(query.order_by(absences.c.from_ms)).mappings().all()


def staff_of(connection: Connection, person_id: str, organisation_id: str, now_ms: int) -> Rows:
    """The staff who watch over one person now, by name; if there are none, all staff of the organisation's people."""
    clients = select(homes.c.person_id).where(homes.c.organisation_id == organisation_id)
    for subjects in (relations.c.subject_id == person_id, relations.c.subject_id.in_(clients)):
        query = (
            select(people.c.id, people.c.name)
            .join(relations, relations.c.other_id == people.c.id)
            .where(subjects, relations.c.role.in_(STAFF), in_force(now_ms))
            .distinct()
            .order_by(people.c.name)
        )
        staff = connection.execute(query).mappings().all()
        if staff:
            return staff
    return []


def roles_of(connection: Connection, which: ColumnElement[bool], now_ms: int) -> dict[str, list[str]]:
    """What people are to others by the relations in force, by person id; ``which``: a condition on ``relations``."""
    query = select(*relations.c["other_id", "role"]).where(which, in_force(now_ms))
    roles = grouped(connection, query.distinct().order_by(relations.c.role), "other_id")
    return {person_id: [row["role"] for row in rows] for person_id, rows in roles.items()}


def names_of(connection: Connection, person_ids: Collection[str]) -> dict[str, str]:
    """Names by person id."""
    rows = connection.execute(select(people.c.id, people.c.name).where(people.c.id.in_(person_ids)))
    return {row.id: row.name for row in rows}


def freshness(connection: Connection, now_ms: int) -> tuple[int | None, int | None]:
    """When anything last came in, and when the oldest overdue alert timer was due (ms UTC)."""
    heartbeat = select(func.max(gateways.c.heartbeat_ms)).scalar_subquery()
    stored = select(func.max(live_states.c.updated_ms)).scalar_subquery()
    due = select(func.min(incidents.c.next_due_ms)).where(is_open(), incidents.c.next_due_ms <= now_ms)
    *received_ms, due_ms = connection.execute(select(heartbeat, stored, due.scalar_subquery())).one()
    return max((ms for ms in received_ms if ms is not None), default=None), due_ms


def urgent_version(connection: Connection) -> tuple[Any, ...]:
    """Changes whenever an incident, an answer or a message of an open incident does."""
    open_state = select(func.count(), func.sum(incidents.c.version)).where(is_open())
    sent = (
        select(func.count(), func.max(deliveries.c.settled_ms), func.max(deliveries.c.lease_until_ms))
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .where(is_open())
    )
    newest = select(func.max(audit_lines.c.id))
    return tuple(tuple(connection.execute(query).one()) for query in (newest, open_state, sent))


def calm_version(connection: Connection) -> tuple[Any, ...]:
    """Changes whenever a home or its devices were seen."""
    return tuple(
        tuple(connection.execute(query).one())
        for query in (
            select(func.max(live_states.c.updated_ms), func.count(live_states.c.home_id)),
            select(func.max(gateways.c.heartbeat_ms), func.max(gateways.c.proven_ms)),
        )
    )
