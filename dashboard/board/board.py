"""The board: who needs someone now, who is going and by when, what happens next, and every home's next deadline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from alerts.signals.standings import read_standings
from dashboard.areas.areas import AreaIncident, areas_on_board
from dashboard.board.cards import Card, cards_of, count_people
from dashboard.reading import queries
from dashboard.reading.home_rows import HomeRow, Row, home_row_of, signs_of
from dashboard.reading.open_incidents import AREAS, OpenIncident, read_open_incidents
from dashboard.reading.states import BoardState, order
from dashboard.settings import DashboardSettings
from dashboard.site.rendering import Pages, PagesOf
from store.engine import reading

routes: Final = APIRouter()


@dataclass(frozen=True, slots=True)
class DeviceProblem:
    """Something wrong with devices, for staff.

    Attributes:
        what: a key of the locales under ``device.``.
        since_ms: the last proof of life, or the begin of the incident; None: neither is known.
        sensor: which one; empty: the gateway, or all of them.
        battery_pct: of the sensor, 0 to 100; None: not reported.
    """

    home_id: str
    name: str
    what: str
    since_ms: int | None
    sensor: str = ""
    battery_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the board shows at one moment; ``counts``: people by state, ``cards``: people with open incidents."""

    home_rows: Sequence[HomeRow]
    cards: Sequence[Card]
    areas: Sequence[AreaIncident]
    devices: Sequence[DeviceProblem]
    counts: Mapping[BoardState, int]
    last_received_ms: int | None
    behind_s: float | None

    @property
    def needing(self) -> int:
        """How many people need someone now and have no one on the way."""
        return sum(count for state, count in self.counts.items() if state.needs_someone)

    @property
    def area_names(self) -> Mapping[str, str]:
        """The areas that are told as a whole now, by incident id."""
        return {area.incident.row["id"]: area.incident.row["area"] for area in self.areas}

    @property
    def others(self) -> Sequence[HomeRow]:
        """The homes without an open incident."""
        return [line for line in self.home_rows if not line.state.is_incident]


def read_board(connection: Connection, settings: DashboardSettings, now_ms: int) -> Board:
    """Everything the board shows. The number of statements does not depend on the number of homes."""
    homes = queries.homes_now(connection, now_ms)
    incidents = read_open_incidents(connection)
    standings = read_standings(connection, now_ms, signs={home["home_id"]: signs_of(home) for home in homes})
    lines = [
        home_row_of(home, incidents.get(home["home_id"], []), standings[home["home_id"]], settings, now_ms)
        for home in homes
    ]
    lines.sort(key=lambda line: order(line.state, line.next_ms))
    fresh = queries.freshness(connection, now_ms)
    return Board(
        home_rows=lines,
        cards=cards_of(lines),
        areas=areas_on_board(connection, incidents.get(AREAS, [])),
        devices=_device_problems(lines, incidents, queries.sensors_in_trouble(connection)),
        counts=count_people(lines),
        last_received_ms=fresh["last_received_ms"],
        behind_s=behind([fresh["due_ms"], *_unasked(lines)], settings, now_ms),
    )


def behind(due_ms: Iterable[int | None], settings: DashboardSettings, now_ms: int) -> float | None:
    """How far behind the oldest of these alert timers is, in seconds; None while they keep up."""
    late_s = max(((now_ms - ms) / 1000 for ms in due_ms if ms is not None), default=0.0)
    return late_s if late_s > settings.behind_s else None


def _unasked(home_rows: Sequence[HomeRow]) -> list[int | None]:
    # Devices proven alive and the time to ask passed: the engine should have opened an incident at its next tick.
    return [line.deadlines.ask_at_ms for line in home_rows if line.state is BoardState.DUE]


def _device_problems(
    home_rows: Sequence[HomeRow], incidents_by_home: Mapping[str, Sequence[OpenIncident]], troubled: Sequence[Row]
) -> list[DeviceProblem]:
    problems = []
    for line in home_rows:
        home_id, name = line.home["home_id"], line.home["name"]
        about_devices = [incident.row for incident in incidents_by_home.get(home_id, ()) if incident.shown is None]
        problems += [DeviceProblem(home_id, name, row["kind"], row["since_ms"]) for row in about_devices]
        if line.state is BoardState.UNKNOWN:
            problems.append(DeviceProblem(home_id, name, "unproven", line.home["proven_ms"]))
    for row in troubled:
        what = "sensor_trouble" if row["trouble"] else "battery_low"
        problems.append(DeviceProblem(row["home_id"], row["name"], what, None, row["sensor"], row["battery_pct"]))
    return problems


@routes.get("/")
def board_page(request: Request, pages: PagesOf) -> HTMLResponse:
    """The board."""
    return _render(request, pages, "board.html")


@routes.get("/board")
def board_fragment(request: Request, pages: PagesOf) -> HTMLResponse:
    """The part of it that changes, for the live connection."""
    return _render(request, pages, "board_fragment.html")


def _render(request: Request, pages: Pages, template: str) -> HTMLResponse:
    site, now_ms = pages.site, pages.site.clock.wall_ms()
    with reading(site.db) as connection:
        board = read_board(connection, site.settings, now_ms)
    return pages.render(request, template, now_ms, board=board, states=list(BoardState))
