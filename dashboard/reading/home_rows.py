"""One home as the board and the pages show it: its state, its incidents, and what happens next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alerts.decisions.deadlines import Deadlines, deadlines_after
from alerts.decisions.standing import DeviceSigns, Standing
from alerts.signals.standings import read_standings
from dashboard.reading import queries
from dashboard.reading.open_incidents import OpenIncident, urgency
from dashboard.reading.queries import Row
from dashboard.reading.states import BoardState, is_proven_alive, state_of_home
from dashboard.settings import DashboardSettings


@dataclass(frozen=True, slots=True)
class HomeRow:
    """One home on the board.

    Attributes:
        home: its row of ``queries.homes_now``.
        state: how it is shown.
        deadlines: when the person is asked and others are called.
        incidents: its open incidents about the person, the most urgent first.
        device_incidents: its other open incidents.
        next_ms: when something happens next by itself (ms UTC); None: nothing is due.
        next_kind: what happens then: case, ask or call.
        used: share of the time from the last sign of life (or word) to the next deadline that has passed, 0 to 1; None
            when there is no such time.
        held_until_ms: until when nobody is asked, the deadline being within an absence (ms UTC); None: not held.
        counted_from: the outcome, or the person's own OK (``self_ok``), from which the deadlines count; None: from the
            last sign of life.
    """

    home: Row
    state: BoardState
    deadlines: Deadlines
    incidents: Sequence[OpenIncident]
    device_incidents: Sequence[OpenIncident]
    next_ms: int | None
    next_kind: str
    used: float | None
    held_until_ms: int | None
    counted_from: str | None


def read_home_rows(
    connection: Connection,
    incidents: Mapping[str, Sequence[OpenIncident]],
    settings: DashboardSettings,
    now_ms: int,
    **which: str,
) -> list[HomeRow]:
    """How homes are shown, with their open ``incidents``. ``which``: as in `queries.homes_now`; none: all homes."""
    homes = queries.homes_now(connection, now_ms, **which)
    signs = {
        home["home_id"]: DeviceSigns(home["last_sign_ms"], home["heartbeat_ms"], home["proven_ms"]) for home in homes
    }
    standings = read_standings(connection, now_ms, list(signs) if which else None, signs)
    return [
        _home_row(home, incidents.get(home["home_id"], ()), standings[home["home_id"]], settings, now_ms)
        for home in homes
    ]


def _home_row(
    home: Row, incidents: Sequence[OpenIncident], standing: Standing, settings: DashboardSettings, now_ms: int
) -> HomeRow:
    about_person = sorted((incident for incident in incidents if incident.shown is not None), key=urgency)
    deadlines = deadlines_after(
        home["last_sign_ms"],
        home["watched_from_ms"],
        home["ask_at_ms"],
        home["call_at_ms"],
        confirmed_ok_ms_values=standing.confirmed_ok_ms,
        devices_back_ms=home["back_ms"],
    )
    state = state_of_home(
        [incident.shown for incident in about_person if incident.shown is not None],
        alive=is_proven_alive(home["proven_ms"], now_ms, settings.proven_within_s),
        absent=home["absent_to_ms"] is not None,
        ready=bool(home["ready"]),
        ask_at_ms=deadlines.ask_at_ms,
        now_ms=now_ms,
    )
    next_ms, next_kind = _next(deadlines, about_person, now_ms)
    return HomeRow(
        home=home,
        state=state,
        deadlines=deadlines,
        incidents=about_person,
        device_incidents=[incident for incident in incidents if incident.shown is None],
        next_ms=next_ms,
        next_kind=next_kind,
        used=_used(deadlines.since_ms, next_ms, now_ms),
        held_until_ms=_held_until(deadlines.ask_at_ms, home["absent_to_ms"]) if state is BoardState.ABSENT else None,
        counted_from=_counted_from(deadlines, standing),
    )


def _counted_from(deadlines: Deadlines, standing: Standing) -> str | None:
    if deadlines.confirmed_ok_ms is None:
        return None
    return "self_ok" if deadlines.confirmed_ok_ms == standing.ok_said_ms else standing.ended_outcome


def _next(deadlines: Deadlines, incidents: Sequence[OpenIncident], now_ms: int) -> tuple[int | None, str]:
    timers = [ms for incident in incidents if (ms := incident.row["next_due_ms"]) is not None]
    if timers:
        return min(timers), "case"
    ask_at_ms, call_at_ms = deadlines.ask_at_ms, deadlines.call_at_ms
    if call_at_ms is not None and (ask_at_ms is None or ask_at_ms <= now_ms):
        return call_at_ms, "call"
    return ask_at_ms, "ask"


def _held_until(ask_at_ms: int | None, absent_to_ms: int | None) -> int | None:
    if ask_at_ms is None or absent_to_ms is None or ask_at_ms >= absent_to_ms:
        return None
    return absent_to_ms


def _used(since_ms: int | None, next_ms: int | None, now_ms: int) -> float | None:
    if since_ms is None or next_ms is None or next_ms <= since_ms:
        return None
    return min(1.0, max(0.0, (now_ms - since_ms) / (next_ms - since_ms)))
