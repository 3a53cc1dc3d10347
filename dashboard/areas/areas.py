"""An area in trouble: its one incident on the board, and its page of all homes, where staff record the outcome."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping

from alerts.incidents import answers, response_log
from alerts.signals.standings import read_standings
from dashboard.person.record import DEVICE_OUTCOMES, SAID, Note, StaffForm, Text, check_staff
from dashboard.reading import area_queries, incident_queries, queries
from dashboard.reading.area_queries import Extent
from dashboard.reading.home_rows import HomeRow, home_row_of
from dashboard.reading.open_incidents import AREAS, OpenIncident, read_open_incidents
from dashboard.reading.states import BoardState, order
from dashboard.settings import DashboardSettings
from dashboard.site.rendering import PagesOf, SiteOf
from store.engine import reading
from store.schema import TERMINAL_STATES

NOTHING: Final = Extent(0, 0)
routes: Final = APIRouter(prefix="/areas")


@dataclass(frozen=True, slots=True)
class AreaIncident:
    """The open incident of an area, and how far it reaches."""

    incident: OpenIncident
    extent: Extent


@dataclass(frozen=True, slots=True)
class AffectedHome:
    """One home of an area in trouble: how it stands now, and its incidents, those that go on first."""

    home_row: HomeRow
    troubles: Sequence[RowMapping]


@dataclass(frozen=True, slots=True)
class AreaPage:
    """Everything the page of an area shows; ``incident``: None once it has ended."""

    row: RowMapping
    incident: OpenIncident | None
    members: Sequence[AffectedHome]
    staff: queries.Rows
    timeline: Sequence[Sequence[incident_queries.Entry]]

    @property
    def extent(self) -> Extent:
        """How many homes it is about, and in how many it still goes on."""
        still = [member for member in self.members if any(_goes_on(trouble) for trouble in member.troubles)]
        return Extent(len(self.members), len(still))


def areas_on_board(connection: Connection, incidents_by_home: Sequence[OpenIncident]) -> list[AreaIncident]:
    """The open incidents about areas with their extent; a statement if there are any."""
    if not incidents_by_home:
        return []
    extents = area_queries.extents(connection, [incident.row["id"] for incident in incidents_by_home])
    return [AreaIncident(incident, extents.get(incident.row["id"], NOTHING)) for incident in incidents_by_home]


def read_area(connection: Connection, incident_id: str, settings: DashboardSettings, now_ms: int) -> AreaPage | None:
    """Everything about one area in trouble; None: there is no such incident."""
    row = area_queries.area_incident(connection, incident_id)
    if row is None:
        return None
    incidents = read_open_incidents(connection)
    troubles: dict[str, list[RowMapping]] = defaultdict(list)
    for trouble in area_queries.members(connection, incident_id):
        troubles[trouble["home_id"]].append(trouble)
    standings = read_standings(connection, now_ms, troubles) if troubles else {}
    members = [
        AffectedHome(
            home_row_of(home, incidents.get(home["home_id"], []), standings[home["home_id"]], settings, now_ms),
            _open_first(troubles[home["home_id"]]),
        )
        for home in queries.homes_now(connection, now_ms, group_id=incident_id)
    ]
    return AreaPage(
        row=row,
        incident=next((incident for incident in incidents.get(AREAS, []) if incident.row["id"] == incident_id), None),
        members=sorted(members, key=_place),
        staff=queries.staff_of(connection, AREAS, row["organisation_id"], now_ms),
        timeline=incident_queries.timelines(connection, [incident_id]).get(incident_id, []),
    )


def _place(member: AffectedHome) -> tuple[int, bool, tuple[int, int]]:
    """Who needs someone first; then those of whom nothing is known, for whom nobody can be called; then the others."""
    place = order(member.home_row.state, member.home_row.next_ms)
    is_case = member.home_row.state.is_incident
    return 0 if is_case else 1, member.home_row.state is not BoardState.UNKNOWN, place


def _open_first(troubles: Sequence[RowMapping]) -> list[RowMapping]:
    return sorted(troubles, key=lambda trouble: not _goes_on(trouble))


def _goes_on(trouble: RowMapping) -> bool:
    return trouble["state"] not in TERMINAL_STATES


@routes.get("/{incident_id}")
def area_page(request: Request, pages: PagesOf, incident_id: str, said: str = "") -> HTMLResponse:
    """Every home of an area in trouble."""
    site, now_ms = pages.site, pages.site.clock.wall_ms()
    with reading(site.db) as connection:
        area = read_area(connection, incident_id, site.settings, now_ms)
    if area is None:
        raise HTTPException(404)
    return pages.render(
        request,
        "area.html",
        now_ms,
        area=area,
        staff=area.staff,
        zone=site.settings.zone,
        terminal=TERMINAL_STATES,
        outcomes={False: DEVICE_OUTCOMES},
        said=said if said in SAID else "",
    )


def _area_form(site: SiteOf, incident_id: str, by: Text) -> StaffForm:
    now_ms = site.clock.wall_ms()
    with reading(site.db) as connection:
        row = area_queries.area_incident(connection, incident_id)
        if row is None:
            raise HTTPException(404)
        check_staff(connection, by, AREAS, row["organisation_id"], now_ms)
    return StaffForm(site.db, f"/areas/{incident_id}", incident_id, by, now_ms)


AreaForm = Annotated[StaffForm, Depends(_area_form)]


@routes.post("/{incident_id}/phoned")
def phoned(form: AreaForm, note: Note) -> RedirectResponse:
    """Somebody was telephoned about the area; it moves nothing."""
    return form.record("phoned", response_log.phoned, note.strip())


@routes.post("/{incident_id}/close")
def close(form: AreaForm, outcome: Text, reason: Note = "") -> RedirectResponse:
    """How it ended for the area."""
    return form.record("closed", answers.close, outcome, reason)
