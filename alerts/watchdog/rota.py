"""Gaps in the rota: homes, areas and open incidents for which nobody could be called or told."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Connection, select

from alerts.register import NEIGHBOURS, STAFF, in_force, is_reachable, read_recipients
from alerts.watchdog.auditor import Found
from alerts.watchdog.settings import FindingKind
from store.schema import homes, incidents, is_open, relations


def read_gaps(connection: Connection, now_ms: int) -> Found:
    """Where nobody could be called at ``now_ms`` (ms UTC).

    A home counts as having somebody who is registered and can be reached at all; an area needs one neighbour of any of
    its homes whose hours and leave allow a call now, else a power cut there at this hour would find nobody.
    """
    watched = connection.execute(select(homes).order_by(homes.c.id)).all()
    neighbours = _subjects(connection, NEIGHBOURS, now_ms)
    staff = _subjects(connection, STAFF, now_ms)
    staffed = {home.organisation_id for home in watched if home.person_id in staff}
    open_incidents = connection.execute(_OPEN).all()
    return {
        FindingKind.INCIDENT_WITHOUT_STAFF: _without_staff(open_incidents, staff, staffed),
        FindingKind.HOME_WITHOUT_NEIGHBOUR: [home.id for home in watched if home.person_id not in neighbours],
        FindingKind.HOME_WITHOUT_STAFF: _without_staff(watched, staff, staffed),
        FindingKind.AREA_WITHOUT_NEIGHBOURS: _areas(connection, watched, now_ms),
    }


_OPEN: Final = select(incidents.c.id, incidents.c.person_id, incidents.c.organisation_id).where(is_open())


def _subjects(connection: Connection, roles: Collection[str], now_ms: int) -> set[str]:
    """People about whom somebody in one of these roles can be reached."""
    found = (
        select(relations.c.subject_id)
        .where(relations.c.role.in_(roles), in_force(now_ms), is_reachable(relations.c.other_id))
        .distinct()
    )
    return set(connection.execute(found).scalars())


def _without_staff(rows: Collection[Any], staff: Collection[str], staffed: Collection[str]) -> list[str]:
    """Homes or incidents that no staff can be told of: not those of the person, nor anybody of the organisation."""
    return [row.id for row in rows if row.person_id not in staff and row.organisation_id not in staffed]


def _areas(connection: Connection, watched: Iterable[Any], now_ms: int) -> list[str]:
    # Asks on only until somebody is found for an area, which is nearly always at its first home.
    has_somebody: dict[str, bool] = {}
    for home in watched:
        if home.area and not has_somebody.get(home.area):
            found = read_recipients(connection, home.person_id, home.organisation_id, now_ms)
            has_somebody[home.area] = bool(found.neighbours)
    return [area for area, has_one in has_somebody.items() if not has_one]
