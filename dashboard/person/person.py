"""One person's page: today against the usual day, the deadlines and why, open incidents, what staff did, devices."""

import logging
from collections import OrderedDict
from datetime import date
from threading import Lock
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from alerts.wording.catalogue import local
from dashboard.person.activity import Day, Usual, days_before, midnight_ms, signs_by_quarter, today_against, usual_day
from dashboard.person.record import DEVICE_OUTCOMES, PERSON_OUTCOMES, SAID
from dashboard.person.responders import read_responders
from dashboard.reading import incident_queries, queries
from dashboard.reading.area_queries import areas_of
from dashboard.reading.contact_times import ContactTime, ask_time, call_time, why_asked
from dashboard.reading.home_rows import Row, read_home_rows
from dashboard.reading.open_incidents import read_open_incidents
from dashboard.settings import DashboardSettings
from dashboard.site.rendering import PagesOf, Site
from store.engine import reading
from store.timeseries.port import TimeSeries, TimeSeriesError

log = logging.getLogger(__name__)
MOST_INCIDENTS: Final = 10
_DAY_MS: Final = 86_400_000
routes: Final = APIRouter()


class UsualDays:
    """Usual days, kept because a month of events is read for one: until the date changes or 10 minutes have passed.

    Args:
        timeseries: where the events are.
        days: how many days before today.
    """

    MOST_CACHED: Final = 256
    FRESH_MS: Final = 600_000

    def __init__(self, timeseries: TimeSeries, days: int) -> None:
        self._timeseries, self._days = timeseries, days
        self._cached: OrderedDict[tuple[str, date], tuple[int, Usual]] = OrderedDict()
        self._lock = Lock()

    def get(self, gateway: str, today: date, zone: str, monotonic_ms: int) -> Usual:
        """The usual day of one gateway, of the days before ``today``. Raises TimeSeriesError."""
        key = gateway, today
        with self._lock:
            made_ms, usual = self._cached.get(key, (None, None))
        if usual is not None and made_ms is not None and 0 <= monotonic_ms - made_ms < self.FRESH_MS:
            return usual
        usual = self._read(gateway, today, zone)
        with self._lock:
            self._cached[key] = monotonic_ms, usual
            self._cached.move_to_end(key)
            while len(self._cached) > self.MOST_CACHED:
                self._cached.popitem(last=False)
        return usual

    def _read(self, gateway: str, today: date, zone: str) -> Usual:
        start_ms, end_ms = days_before(today, self._days, zone)
        return usual_day(signs_by_quarter(self._timeseries.read(gateway, start_ms * 10**6, end_ms * 10**6)), zone)


def read_day(
    site: Site, usual_days: UsualDays, home: Row, ask: ContactTime, call: ContactTime, now_ms: int
) -> Day | None:
    """Today against the usual day, with two times in it; None: the time series cannot be read now."""
    zone, gateway = home["zone"], home["gateway"]
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
        "responders": read_responders(connection, home, incidents, now_ms),
        "areas": areas_of(connection, groups),
    }


@routes.get("/homes/{home_id}")
def person_page(request: Request, pages: PagesOf, home_id: str, said: str = "") -> HTMLResponse:
    """The page of the person who lives in one home."""
    site, now_ms = pages.site, pages.site.clock.wall_ms()
    with reading(site.db) as connection:
        person = read_person(connection, home_id, site.settings, now_ms)
    if person is None:
        raise HTTPException(404)
    return pages.render(
        request,
        "person.html",
        now_ms,
        **person,
        day=read_day(site, request.app.state.usual_days, person["home"], person["ask"], person["call"], now_ms),
        outcomes={True: PERSON_OUTCOMES, False: DEVICE_OUTCOMES},
        said=said if said in SAID else "",
    )
