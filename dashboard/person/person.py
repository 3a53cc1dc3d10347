"""One person's page: today against the usual day, the deadlines and why, open incidents, what staff did, devices."""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from threading import Lock
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from alerts.signals.standings import standing_of
from alerts.wording.catalogue import local
from dashboard.person.activity import Day, Usual, days_before, midnight_ms, signs_by_quarter, today_against, usual_day
from dashboard.person.record import DEVICE_OUTCOMES, PERSON_OUTCOMES, SAID
from dashboard.person.responders import Responders, read_responders
from dashboard.reading import incident_queries, queries
from dashboard.reading.area_queries import areas_of
from dashboard.reading.contact_times import ContactTime, ask_time, call_time, why_asked
from dashboard.reading.home_rows import HomeRow, home_row_of
from dashboard.reading.open_incidents import OpenIncident, read_open_incidents
from dashboard.settings import DashboardSettings
from dashboard.site.rendering import PagesOf, Site
from store.engine import reading
from store.timeseries.port import TimeSeries, TimeSeriesError

log = logging.getLogger(__name__)
MOST_INCIDENTS: Final = 10
_DAY_MS: Final = 86_400_000
routes: Final = APIRouter()


@dataclass(frozen=True, slots=True)
class PersonPage:
    """What the store says for the page of one home; ``areas``: name by id of the open areas its incidents belong to."""

    line: HomeRow
    device_incidents: Sequence[OpenIncident]
    sensors: queries.Rows
    lapses: queries.Rows
    notes: queries.Rows
    absences: queries.Rows
    ask_budget: Mapping[Any, Any] | None
    incidents: queries.Rows
    timeline: Mapping[str, Sequence[Sequence[incident_queries.Entry]]]
    staff: queries.Rows
    responders: Responders
    areas: Mapping[str, str]


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
    site: Site, usual_days: UsualDays, home_row: HomeRow, contacts: Mapping[str, ContactTime], now_ms: int
) -> Day | None:
    """Today against the usual day, with the times of ``contacts``; None: the time series cannot be read now."""
    zone, gateway = home_row.home["zone"], home_row.home["gateway"]
    today = local(now_ms, zone).date()
    try:
        usual = usual_days.get(gateway, today, zone, site.clock.monotonic_ms())
        points = site.timeseries.read(gateway, midnight_ms(today, zone) * 10**6, (now_ms + 1) * 10**6)
        signs = signs_by_quarter(points)
    except TimeSeriesError:
        log.exception("the events of a home could not be read for its page")
        return None
    return today_against(usual, signs, zone, now_ms, {what: contact.at_ms for what, contact in contacts.items()})


def read_person(connection: Connection, home_id: str, settings: DashboardSettings, now_ms: int) -> PersonPage | None:
    """Everything about one home; None: there is no such home."""
    homes = queries.homes_now(connection, now_ms, home_id)
    if not homes:
        return None
    home = homes[0]
    past = incident_queries.incidents_of(connection, home_id, MOST_INCIDENTS)
    incidents = read_open_incidents(connection, home_id).get(home_id, [])
    return PersonPage(
        line=home_row_of(home, incidents, standing_of(connection, home_id, now_ms), settings, now_ms),
        device_incidents=[incident for incident in incidents if incident.shown is None],
        sensors=queries.sensors_of(connection, home["gateway"]),
        lapses=queries.lapses_of(connection, home_id, now_ms - settings.lapse_days * _DAY_MS),
        notes=queries.notes_of(connection, home_id, now_ms - settings.lapse_days * _DAY_MS),
        absences=queries.absences_of(connection, home_id, now_ms),
        ask_budget=queries.ask_budget_of(connection, home_id),
        incidents=past,
        timeline=incident_queries.timelines(connection, [row["id"] for row in past]),
        staff=queries.staff_of(connection, home["person_id"], home["organisation_id"], now_ms),
        responders=read_responders(connection, home, incidents, now_ms),
        areas=areas_of(
            connection, [group for incident in incidents if (group := incident.row["group_id"]) is not None]
        ),
    )


@routes.get("/homes/{home_id}")
def person_page(request: Request, pages: PagesOf, home_id: str, said: str = "") -> HTMLResponse:
    """The page of the person who lives in one home."""
    site, now_ms = pages.site, pages.site.clock.wall_ms()
    with reading(site.db) as connection:
        person = read_person(connection, home_id, site.settings, now_ms)
    if person is None:
        raise HTTPException(404)
    behind_s = site.settings.behind_s
    contacts = {
        "ask": ask_time(person.line, person.incidents, now_ms, behind_s),
        "call": call_time(person.line, person.incidents, now_ms, behind_s),
    }
    return pages.render(
        request,
        "person.html",
        now_ms,
        **{field.name: getattr(person, field.name) for field in fields(person)},
        home=person.line.home,
        ask=contacts["ask"],
        call=contacts["call"],
        why=why_asked(person.line, now_ms),
        day=read_day(site, request.app.state.usual_days, person.line, contacts, now_ms),
        outcomes={True: PERSON_OUTCOMES, False: DEVICE_OUTCOMES},
        said=said if said in SAID else "",
    )
