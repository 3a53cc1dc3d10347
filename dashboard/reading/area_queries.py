"""What the pages read of the incidents about an area."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import RowMapping

from contracts.signals import SignalKind
from dashboard.reading.queries import grouped
from store.schema import TERMINAL_STATES, incidents, is_open, organisations


class Extent(NamedTuple):
    """How many homes an area's incident is about, and in how many of them it still goes on."""

    homes: int
    still: int


def extents(connection: Connection, group_ids: Sequence[str]) -> Mapping[str, Extent]:
    """How far each of these incidents of an area reaches, by incident id."""
    still = func.count(incidents.c.home_id.distinct()).filter(is_open())
    query = (
        select(incidents.c.group_id, func.count(incidents.c.home_id.distinct()), still)
        .where(incidents.c.group_id.in_(group_ids))
        .group_by(incidents.c.group_id)
    )
    found = {group: Extent(homes, going_on) for group, homes, going_on in connection.execute(query)}
    return {group: found.get(group, Extent(0, 0)) for group in group_ids}


def area_incident(connection: Connection, incident_id: str) -> RowMapping | None:
    """The incident of an area, open or ended, with the name of the organisation that owns it; None: there is none."""
    query = (
        select(incidents, organisations.c.name.label("organisation"))
        .join(organisations, organisations.c.id == incidents.c.organisation_id)
        .where(incidents.c.id == incident_id, incidents.c.kind == SignalKind.AREA_OUTAGE)
    )
    return connection.execute(query).mappings().first()


def members(connection: Connection, group_id: str) -> dict[str, list[RowMapping]]:
    """The incidents that are told as this one of their area, by home id, those that go on first, the older first."""
    query = select(*incidents.c["home_id", "kind", "state", "outcome", "closed_ms"])
    order = (incidents.c.state.in_(TERMINAL_STATES), incidents.c.opened_ms, incidents.c.id)
    return grouped(connection, query.where(incidents.c.group_id == group_id).order_by(*order), "home_id")


def areas_of(connection: Connection, group_ids: Sequence[str]) -> Mapping[str, str]:
    """The name of the area by incident id, of those of these incidents that are open."""
    query = select(incidents.c.id, incidents.c.area).where(incidents.c.id.in_(group_ids), is_open())
    return {row.id: row.area for row in connection.execute(query)} if group_ids else {}
