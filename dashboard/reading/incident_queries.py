"""What the pages read of incidents: a fixed number of statements, however many homes there are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.engine import RowMapping

from alerts.decisions.model import Purpose
from alerts.decisions.sending.delivery import FAILED
from alerts.signals.conditions import wants_help
from contracts.statements import ANSWERS
from dashboard.reading.queries import Rows, grouped
from store.schema import audit as audit_lines
from store.schema import claims, deliveries, incidents, people, statements

Entry = Mapping[str, Any]
"""An audit line, with ``note``: what was written with it."""
Which = ColumnElement[bool]
"""Which incidents: a condition on ``incidents``."""
LEAST: Final = 3
"""So many audit lines of a kind in a row become one line of a history; two are read as quickly as their sum."""
_what_it_says: Final = itemgetter("what", "actor", "channel", "reasons", "params", "note")


def incidents_that(connection: Connection, which: Which) -> Rows:
    """Incidents, oldest first; ``said_help``: whether the person answered so."""
    query = select(incidents, wants_help().label("said_help")).where(which)
    return connection.execute(query.order_by(incidents.c.opened_ms, incidents.c.id)).mappings().all()


def incidents_of(connection: Connection, home_id: str, most: int) -> Rows:
    """The last incidents of one home, open or closed, newest first."""
    query = select(incidents).where(incidents.c.home_id == home_id)
    return connection.execute(query.order_by(incidents.c.opened_ms.desc()).limit(most)).mappings().all()


def is_incident_of(connection: Connection, incident_id: str, home_id: str) -> bool:
    """Whether there is such an incident of this home."""
    query = select(incidents.c.id).where(incidents.c.id == incident_id, incidents.c.home_id == home_id)
    return connection.execute(query).first() is not None


def open_claims(connection: Connection, which: Which) -> dict[str, list[RowMapping]]:
    """Who is on the way, by incident, first arrival first."""
    query = (
        select(*claims.c["incident_id", "person_id", "eta_ms"], people.c.name)
        .join(incidents, incidents.c.id == claims.c.incident_id)
        .join(people, people.c.id == claims.c.person_id)
        .where(which, claims.c.ended_ms.is_(None))
        .order_by(claims.c.eta_ms)
    )
    return grouped(connection, query, "incident_id")


def latest_deliveries(connection: Connection, which: Which) -> dict[str, list[RowMapping]]:
    """The newest message that asks something and the newest news to each person, by incident, newest first."""
    # A message that took the place of a failed one may have been made in the same millisecond.
    newest_first = (deliveries.c.created_ms.desc(), deliveries.c.state.in_(sorted(FAILED)), deliveries.c.id)
    to_one = (deliveries.c.incident_id, deliveries.c.person_id, deliveries.c.purpose == Purpose.NEWS)
    rank = func.row_number().over(partition_by=to_one, order_by=newest_first)
    shown = deliveries.c["incident_id", "person_id", "channel", "purpose", "state", "created_ms"]
    ranked = (
        select(*shown, people.c.name, rank.label("rank"))
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .join(people, people.c.id == deliveries.c.person_id)
        .where(which)
        .subquery()
    )
    query = select(ranked).where(ranked.c.rank == 1).order_by(ranked.c.created_ms.desc(), ranked.c.name)
    return grouped(connection, query, "incident_id")


def responses(connection: Connection, which: Which) -> dict[str, list[RowMapping]]:
    """What people answered, by incident, the newest that counts last. A note of a telephone call is no answer."""
    query = (
        select(*statements.c["incident_id", "said_by", "kind", "at_ms", "received_ms"], people.c.name)
        .join(incidents, incidents.c.id == statements.c.incident_id)
        .join(people, people.c.id == statements.c.said_by)
        .where(which, statements.c.kind.in_(ANSWERS))
        .order_by(statements.c.at_ms, statements.c.n)
    )
    return grouped(connection, query, "incident_id")


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
    query = select(statements).where(statements.c.incident_id.in_(incident_ids), statements.c.note != "")
    remarks: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for row in connection.execute(query.order_by(statements.c.n)):
        remarks[row.incident_id, row.said_by, row.received_ms].append(row.note)
    return {key: " / ".join(dict.fromkeys(notes)) for key, notes in remarks.items()}


def timelines(connection: Connection, incident_ids: Sequence[str]) -> dict[str, list[list[Entry]]]:
    """The histories of some incidents, by incident, oldest first; see `folded`."""
    remarks = remarks_of(connection, incident_ids)
    lines: dict[str, list[Entry]] = defaultdict(list)
    for entry in audit_of(connection, incident_ids):
        said = remarks.get((entry["incident_id"], entry["actor"], entry["at_ms"]), "")
        lines[entry["incident_id"]].append({**entry, "note": said})
    return {incident_id: folded(entries) for incident_id, entries in lines.items()}


def folded(entries: Iterable[Entry]) -> list[list[Entry]]:
    """The lines of a history. `LEAST` or more successive entries that say the same are one; none is left out."""
    told: list[list[Entry]] = []
    for _, group in groupby(entries, key=_what_it_says):
        alike = list(group)
        told += [alike] if len(alike) >= LEAST else [[entry] for entry in alike]
    return told
