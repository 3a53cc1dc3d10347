"""An area in trouble: its one incident on the board, and its page of all homes, where staff record the outcome."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection

from alerts.incidents import answers, response_log
from dashboard.person.record import DEVICE_OUTCOMES, SAID, Note, StaffForm, Text, check_staff
from dashboard.reading import area_queries, incident_queries, queries
from dashboard.reading.home_rows import HomeRow, read_home_rows
from dashboard.reading.open_incidents import AREAS, read_open_incidents
from dashboard.reading.states import BoardState, order
from dashboard.settings import DashboardSettings
from dashboard.site.rendering import PageOf
from store.engine import reading
from store.schema import TERMINAL_STATES

routes: Final = APIRouter(prefix="/areas")


def read_area(
    connection: Connection, incident_id: str, settings: DashboardSettings, now_ms: int
) -> Mapping[str, Any] | None:
    """What the page shows of one area in trouble; None: there is no such incident.

    ``case``: None once it has ended; ``lines``: its homes; ``troubles``: their incidents, by home id.
    """
    row = area_queries.area_incident(connection, incident_id)
    if row is None:
        return None
    incidents = read_open_incidents(connection)
    lines = read_home_rows(connection, incidents, settings, now_ms, group_id=incident_id)
    return {
        "row": row,
        "case": next((incident for incident in incidents.get(AREAS, []) if incident.row["id"] == incident_id), None),
        "extent": area_queries.extents(connection, [incident_id])[incident_id],
        "lines": sorted(lines, key=_place),
        "troubles": area_queries.members(connection, incident_id),
        "staff": queries.staff_of(connection, AREAS, row["organisation_id"], now_ms),
        "history": incident_queries.timelines(connection, [incident_id]).get(incident_id, []),
    }


def _place(line: HomeRow) -> tuple[bool, bool, tuple[int, int]]:
    """Who needs someone first; then those of whom nothing is known, for whom nobody can be called; then the others."""
    return not line.state.is_incident, line.state is not BoardState.UNKNOWN, order(line.state, line.next_ms)


@routes.get("/{incident_id}")
def area_page(page: PageOf, incident_id: str, said: str = "") -> HTMLResponse:
    """Every home of an area in trouble."""
    settings = page.site.settings
    with reading(page.site.db) as connection:
        area = read_area(connection, incident_id, settings, page.now_ms)
    if area is None:
        raise HTTPException(404)
    return page.render(
        "area.html",
        **area,
        zone=settings.zone,
        terminal=TERMINAL_STATES,
        outcomes={False: DEVICE_OUTCOMES},
        said=said if said in SAID else "",
    )


def _area_form(page: PageOf, incident_id: str, by: Text) -> StaffForm:
    with reading(page.site.db) as connection:
        row = area_queries.area_incident(connection, incident_id)
        if row is None:
            raise HTTPException(404)
        check_staff(connection, by, AREAS, row["organisation_id"], page.now_ms)
    return StaffForm(page, f"/areas/{incident_id}", incident_id, by)


AreaForm = Annotated[StaffForm, Depends(_area_form)]


@routes.post("/{incident_id}/phoned")
def phoned(form: AreaForm, note: Note) -> RedirectResponse:
    """Somebody was telephoned about the area; it moves nothing."""
    return form.record("phoned", response_log.phoned, note.strip())


@routes.post("/{incident_id}/close")
def close(form: AreaForm, outcome: Text, reason: Note = "") -> RedirectResponse:
    """How it ended for the area."""
    return form.record("closed", answers.close, outcome, reason)
