"""One person's page: today against the usual day, the deadlines and why, open incidents, what staff did, devices."""

import logging
from datetime import date
from functools import lru_cache
from typing import Any, Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from alerts.wording.catalogue import local
from dashboard.person.activity import Day, Usual, days_before, midnight_ms, signs_by_quarter, today_against, usual_day
from dashboard.person.record import DEVICE_OUTCOMES, PERSON_OUTCOMES, SAID
from dashboard.person.responders import read_responders
from dashboard.reading import incident_queries, queries
from dashboard.reading.area_queries import areas_of
from dashboard.reading.contact_times import ContactTime, ask_time, call_time, why_asked
from dashboard.reading.home_rows import read_home_rows
from dashboard.reading.open_incidents import read_open_incidents
from dashboard.reading.queries import Row
from dashboard.settings import DashboardSettings
from dashboard.site.rendering import Page, PageOf
from store.engine import reading
from store.timeseries.port import TimeSeries, TimeSeriesError

log = logging.getLogger(__name__)
MOST_INCIDENTS: Final = 10
_DAY_MS: Final = 86_400_000
routes: Final = APIRouter()


class UsualDays:
    """Usual days, kept because a month of events is read for one: until the date changes, or 10 minutes are over.

    Args:
        timeseries: where the events are.
        days: how many days before today.
    """

    MOST_CACHED: Final = 256
    FRESH_MS: Final = 600_000

    def __init__(self, timeseries: TimeSeries, days: int) -> None:
        self._timeseries, self._days = timeseries, days
        self._usual = lru_cache(self.MOST_CACHED)(self._read)

    def get(self, gateway: str, today: date, zone: str, monotonic_ms: int) -> Usual:
        """The usual day of one gateway, of the days before ``today``. Raises TimeSeriesError."""
        return self._usual(gateway, today, zone, monotonic_ms // self.FRESH_MS)

    def _read(self, gateway: str, today: date, zone: str, _period: int) -> Usual:
        start_ms, end_ms = days_before(today, self._days, zone)
        return usual_day(signs_by_quarter(self._timeseries.read(gateway, start_ms * 10**6, end_ms * 10**6)), zone)


def read_day(page: Page, home: Row, ask: ContactTime, call: ContactTime) -> Day | None:
    """Today against the usual day, with two times in it; None: the time series cannot be read now."""
    usual_days: UsualDays = page.request.app.state.usual_days
    site, now_ms, zone, gateway = page.site, page.now_ms, home["zone"], home["gateway"]
    today = local(now_ms, zone).date()
    try:
        usual = usual_days.get(gateway, today, zone, site.clock.monotonic_ms())
        points = site.timeseries.read(gateway, midnight_ms(today, zone) * 10**6, (now_ms + 1) * 10**6)
        signs = signs_by_quarter(points)
    except TimeSeriesError:
        log.exception("the events of a home could not be read for its page")
        return None
    return today_against(usual, signs, zone, now_ms, {"ask": ask.at_ms, "call": call.at_ms})


def read_person(
    connection: Connection, home_id: str, settings: DashboardSettings, now_ms: int
) -> dict[str, Any] | None:
    """What the page shows of one home, but its day; None: there is no such home.

    ``incidents``: the last ones, open or closed; ``areas``: name by id of the open areas that its incidents belong to.
    """
    incidents = read_open_incidents(connection, home_id).get(home_id, [])
    lines = read_home_rows(connection, {home_id: incidents}, settings, now_ms, home_id=home_id)
    if not lines:
        return None
    line, home = lines[0], lines[0].home
    since_ms = now_ms - settings.lapse_days * _DAY_MS
    past = incident_queries.incidents_of(connection, home_id, MOST_INCIDENTS)
    groups = [incident.row["group_id"] for incident in incidents if incident.row["group_id"] is not None]
    responders, following = read_responders(connection, home, incidents, now_ms)
    return {
        "line": line,
        "home": home,
        "ask": ask_time(line, past, now_ms, settings.behind_s),
        "call": call_time(line, past, now_ms, settings.behind_s),
        "why": why_asked(line, now_ms),
        "sensors": queries.sensors_of(connection, home["gateway"]),
        "lapses": queries.lapses_of(connection, home_id, since_ms),
        "notes": queries.notes_of(connection, home_id, since_ms),
        "absences": queries.absences_of(connection, home_id, now_ms),
        "ask_budget": queries.ask_budget_of(connection, home_id),
        "incidents": past,
        "timeline": incident_queries.timelines(connection, [row["id"] for row in past]),
        "staff": queries.staff_of(connection, home["person_id"], home["organisation_id"], now_ms),
        "responders": responders,
        "following": following,
        "areas": areas_of(connection, groups),
    }


@routes.get("/homes/{home_id}")
def person_page(page: PageOf, home_id: str, said: str = "") -> HTMLResponse:
    """The page of the person who lives in one home."""
    with reading(page.site.db) as connection:
        person = read_person(connection, home_id, page.site.settings, page.now_ms)
    if person is None:
        raise HTTPException(404)
    return page.render(
        "person.html",
        **person,
        day=read_day(page, person["home"], person["ask"], person["call"]),
        outcomes={True: PERSON_OUTCOMES, False: DEVICE_OUTCOMES},
        said=said if said in SAID else "",
    )
