"""What the pages read of incidents: a fixed number of statements, however many homes there are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from alerts.decisions.model import Purpose
from alerts.decisions.sending.delivery import FAILED
from alerts.signals.conditions import wants_help
from contracts.statements import ANSWERS
from dashboard.reading.history import HistoryLine, folded
from dashboard.reading.queries import Rows
from store.schema import audit as audit_lines
from store.schema import claims, deliveries, incidents, is_open, people, statements


def open_incidents(connection: Connection, home_id: str | None = None) -> Rows:
    """Every incident that no one has closed, oldest first; ``said_help``: whether its person answered so."""
    query = (
        select(incidents, wants_help().label("said_help"))
        .where(is_open())
        .order_by(incidents.c.opened_ms, incidents.c.id)
    )
    return connection.execute(_of_home(query, home_id)).mappings().all()


def incidents_of(connection: Connection, home_id: str, most: int) -> Rows:
    """The last incidents of one home, open or closed, newest first."""
    query = select(incidents).where(incidents.c.home_id == home_id)
    return connection.execute(query.order_by(incidents.c.opened_ms.desc()).limit(most)).mappings().all()


def is_incident_of(connection: Connection, incident_id: str, home_id: str) -> bool:
    """Whether there is such an incident of this home."""
    query = select(incidents.c.id).where(incidents.c.id == incident_id, incidents.c.home_id == home_id)
    return connection.execute(query).first() is not None


def open_claims(connection: Connection, home_id: str | None = None) -> Rows:
    """Who is on the way to whom, of the open incidents, first arrival first."""
    query = (
        select(claims.c.incident_id, claims.c.person_id, claims.c.eta_ms, claims.c.expires_ms, people.c.name)
        .join(incidents, incidents.c.id == claims.c.incident_id)
        .join(people, people.c.id == claims.c.person_id)
        .where(is_open(), claims.c.ended_ms.is_(None))
        .order_by(claims.c.eta_ms)
    )
    return connection.execute(_of_home(query, home_id)).mappings().all()


def latest_deliveries(connection: Connection, home_id: str | None = None) -> Rows:
    """The newest message that asks something and the newest news to each person of each open incident, newest first."""
    # A message that took the place of a failed one may have been made in the same millisecond.
    newest_first = (deliveries.c.created_ms.desc(), deliveries.c.state.in_(sorted(FAILED)), deliveries.c.id)
    to_one = (deliveries.c.incident_id, deliveries.c.person_id, deliveries.c.purpose == Purpose.NEWS)
    rank = func.row_number().over(partition_by=to_one, order_by=newest_first)
    names = ("incident_id", "person_id", "channel", "purpose", "state", "created_ms")
    ranked = (
        _of_home(select(*(deliveries.c[name] for name in names), people.c.name, rank.label("rank")), home_id)
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .join(people, people.c.id == deliveries.c.person_id)
        .where(is_open())
        .subquery()
    )
    query = select(ranked).where(ranked.c.rank == 1).order_by(ranked.c.created_ms.desc(), ranked.c.name)
    return connection.execute(query).mappings().all()


def latest_responses(connection: Connection, home_id: str | None = None) -> Rows:
    """What people answered in the open incidents, oldest first. A note of a telephone call is no answer."""
    query = (
        select(
            statements.c.incident_id,
            statements.c.said_by,
            statements.c.kind,
            statements.c.received_ms.label("at_ms"),
            people.c.name,
        )
        .join(incidents, incidents.c.id == statements.c.incident_id)
        .join(people, people.c.id == statements.c.said_by)
        .where(is_open(), statements.c.kind.in_(ANSWERS))
        .order_by(statements.c.n)
    )
    return connection.execute(_of_home(query, home_id)).mappings().all()


def audit_of(connection: Connection, incident_ids: Sequence[str]) -> Rows:
    """The audit lines of some incidents, oldest first, with the actor's name where the actor is a person."""
    query = (
        select(audit_lines, people.c.name)
        .outerjoin(people, people.c.id == audit_lines.c.actor)
        .where(audit_lines.c.incident_id.in_(incident_ids))
        .order_by(audit_lines.c.id)
    )
    return connection.execute(query).mappings().all()


def remarks_of(connection: Connection, incident_ids: Sequence[str]) -> Mapping[tuple[str, str, int], str]:
    """What people wrote about some incidents, by incident, person and moment: the audit keeps no free words.

    All that one person wrote at one moment is together, as LINE delivers it.
    """
    columns = (statements.c.incident_id, statements.c.said_by, statements.c.received_ms, statements.c.note)
    query = select(*columns).where(statements.c.incident_id.in_(incident_ids), statements.c.note != "")
    remarks: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for row in connection.execute(query.order_by(statements.c.n)):
        remarks[row.incident_id, row.said_by, row.received_ms].append(row.note)
    return {key: " / ".join(dict.fromkeys(notes)) for key, notes in remarks.items()}


def timelines(connection: Connection, incident_ids: Sequence[str]) -> dict[str, list[HistoryLine]]:
    """The histories of some incidents, by incident, oldest first."""
    remarks = remarks_of(connection, incident_ids)
    lines: dict[str, list[Any]] = defaultdict(list)
    for entry in audit_of(connection, incident_ids):
        said = remarks.get((entry["incident_id"], entry["actor"], entry["at_ms"]), "")
        lines[entry["incident_id"]].append({**entry, "note": said})
    return {incident_id: folded(entries) for incident_id, entries in lines.items()}


def _of_home(query: Select[Any], home_id: str | None) -> Select[Any]:
    return query if home_id is None else query.where(incidents.c.home_id == home_id)
