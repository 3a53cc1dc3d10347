"""The board: who needs someone now, who is going and by when, what happens next, and every home's next deadline."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from dashboard.reading import queries
from dashboard.reading.area_queries import Extent, extents
from dashboard.reading.home_rows import HomeRow, read_home_rows
from dashboard.reading.open_incidents import AREAS, OpenIncident, read_open_incidents, urgency
from dashboard.reading.queries import Row
from dashboard.reading.states import BoardState, order
from dashboard.settings import DashboardSettings
from dashboard.site.rendering import Page, PageOf
from store.engine import reading

routes: Final = APIRouter()
WORST_FIRST: Final = tuple(BoardState)


Card = Sequence[tuple[HomeRow, OpenIncident]]
"""The open incidents of one person, each with the home that it is about, the most urgent first."""


@dataclass(frozen=True, slots=True)
class DeviceProblem:
    """Something wrong with devices, for staff.

    Attributes:
        home: its ``home_id``, and the person's ``name``.
        what: a key of the locales under ``device.``.
        since_ms: the last proof of life, or the begin of the incident; None: neither is known.
        sensor: which one; None: the gateway, or all of them.
    """

    home: Row
    what: str
    since_ms: int | None
    sensor: Row | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the board shows at one moment.

    ``cards``: people with open incidents, in the order of the first of their homes. ``areas``: incidents about an area,
    with ``extents`` by incident id. ``counts``: people by state; who has several homes counts once, by the worst.
    """

    home_rows: Sequence[HomeRow]
    cards: Sequence[Card]
    areas: Sequence[OpenIncident]
    extents: Mapping[str, Extent]
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
        return {area.row["id"]: area.row["area"] for area in self.areas}

    @property
    def others(self) -> Sequence[HomeRow]:
        """The homes without an open incident."""
        return [line for line in self.home_rows if not line.state.is_incident]


def read_board(connection: Connection, settings: DashboardSettings, now_ms: int) -> Board:
    """Everything the board shows. The number of statements does not depend on the number of homes."""
    incidents = read_open_incidents(connection)
    lines = read_home_rows(connection, incidents, settings, now_ms)
    lines.sort(key=lambda line: order(line.state, line.next_ms))
    areas = incidents.get(AREAS, [])
    last_received_ms, due_ms = queries.freshness(connection, now_ms)
    # Devices proven alive and the time to ask passed: the engine should have opened an incident at its next tick.
    unasked = [line.deadlines.ask_at_ms for line in lines if line.state is BoardState.DUE]
    return Board(
        home_rows=lines,
        cards=[_card(homes) for homes in _by_person(line for line in lines if line.incidents)],
        areas=areas,
        extents=extents(connection, [area.row["id"] for area in areas]) if areas else {},
        devices=_device_problems(lines, queries.sensors_in_trouble(connection)),
        counts=Counter(min((line.state for line in homes), key=WORST_FIRST.index) for homes in _by_person(lines)),
        last_received_ms=last_received_ms,
        behind_s=_behind_s([due_ms, *unasked], settings, now_ms),
    )


def _by_person(home_rows: Iterable[HomeRow]) -> Iterable[Sequence[HomeRow]]:
    homes: dict[str, list[HomeRow]] = defaultdict(list)
    for line in home_rows:
        homes[line.home["person_id"]].append(line)
    return homes.values()


def _card(homes: Sequence[HomeRow]) -> Card:
    incidents = [(line, incident) for line in homes for incident in line.incidents]
    return sorted(incidents, key=lambda item: urgency(item[1]))


def _behind_s(due_ms: Iterable[int | None], settings: DashboardSettings, now_ms: int) -> float | None:
    """How far behind the oldest of these alert timers is, in seconds; None while they keep up."""
    late_s = max(((now_ms - ms) / 1000 for ms in due_ms if ms is not None), default=0.0)
    return late_s if late_s > settings.behind_s else None


def _device_problems(home_rows: Iterable[HomeRow], troubled: Iterable[Row]) -> list[DeviceProblem]:
    problems = []
    for line in home_rows:
        rows = [incident.row for incident in line.device_incidents]
        problems += [DeviceProblem(line.home, row["kind"], row["since_ms"]) for row in rows]
        if line.state is BoardState.UNKNOWN:
            problems.append(DeviceProblem(line.home, "unproven", line.home["proven_ms"]))
    for row in troubled:
        problems.append(DeviceProblem(row, "sensor_trouble" if row["trouble"] else "battery_low", None, row))
    return problems


@routes.get("/")
def board_page(page: PageOf) -> HTMLResponse:
    """The board."""
    return _render(page, "board.html")


@routes.get("/board")
def board_fragment(page: PageOf) -> HTMLResponse:
    """The part of it that changes, for the live connection."""
    return _render(page, "board_fragment.html")


def _render(page: Page, template: str) -> HTMLResponse:
    with reading(page.site.db) as connection:
        board = read_board(connection, page.site.settings, page.now_ms)
    return page.render(template, board=board, states=WORST_FIRST)
