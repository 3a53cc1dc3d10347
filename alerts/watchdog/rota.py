"""Gaps in the rota: homes, areas and open incidents for which nobody could be called or told."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, select

from alerts.register import NEIGHBOURS, STAFF, in_force, reachable, read_recipients
from alerts.watchdog.auditor import Gaps
from store.schema import homes, incidents, is_open, relations


def read_gaps(connection: Connection, now_ms: int) -> Gaps:
    """Where nobody could be called at ``now_ms`` (ms UTC).

    A home counts as having somebody who is registered and can be reached at all; an area needs one neighbour of any of
    its homes whose hours and leave allow a call now, else a power cut there at this hour would find nobody.
    """
    watched = connection.execute(select(homes).order_by(homes.c.id)).all()
    neighbours = _subjects(connection, NEIGHBOURS, now_ms)
    staff = _subjects(connection, STAFF, now_ms)
    staffed = {home.organisation_id for home in watched if home.person_id in staff}
    return Gaps(
        incidents=_incidents_without_staff(connection, staff, staffed),
        homes_neighbours=[home.id for home in watched if home.person_id not in neighbours],
        homes_staff=[
            home.id for home in watched if home.person_id not in staff and home.organisation_id not in staffed
        ],
        areas=_areas(connection, watched, now_ms),
    )


def _subjects(connection: Connection, roles: Collection[str], now_ms: int) -> set[str]:
    """People about whom somebody in one of these roles can be reached."""
    found = (
        select(relations.c.subject_id)
        .where(relations.c.role.in_(roles), in_force(now_ms), relations.c.other_id.in_(reachable()))
        .distinct()
    )
    return set(connection.execute(found).scalars())


def _incidents_without_staff(connection: Connection, staff: Collection[str], staffed: Collection[str]) -> list[str]:
    """Open incidents that no staff can be told of: not those of the person, nor anybody of the organisation."""
    found = select(incidents.c.id, incidents.c.person_id, incidents.c.organisation_id).where(is_open())
    return [
        row.id for row in connection.execute(found) if row.person_id not in staff and row.organisation_id not in staffed
    ]


def _areas(connection: Connection, watched: Collection[Row[Any]], now_ms: int) -> list[str]:
    of_area: dict[str, list[Row[Any]]] = defaultdict(list)
    for home in watched:
        if home.area:
            of_area[home.area].append(home)
    # Stops at the first home of an area that has somebody, which is nearly always the first.
    return [
        area
        for area, found in of_area.items()
        if not any(
            read_recipients(connection, home.person_id, home.organisation_id, now_ms).neighbours for home in found
        )
    ]
