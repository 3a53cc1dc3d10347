import os
import signal
import threading
from pathlib import Path

import pytest

from simulators.fleet.client import FleetClient
from simulators.fleet.homes import FleetConfig, FleetError, FleetHomes
from simulators.people.chimes import Chimed, Chimes
from simulators.people.faults import WifiLoss
from simulators.people.household import Condition
from simulators.town.neighbourhood import draw_neighbourhood
from simulators.town.scenario import CollapsePlot, household_of

NOON_MS = 1_767_236_400_000  # 2026-01-01 12:00 in Tokyo
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOMES, SEED = 3, 7
TOWN = draw_neighbourhood(SEED, HOMES)
on_each_broker = pytest.mark.parametrize(
    "backend", ["iotcore", pytest.param("mosquitto", marks=pytest.mark.system)], indirect=True
)


@pytest.fixture
def fleet_of(backend, tmp_path):
    """Starts a fleet with a scenario; all are stopped at the end."""
    clients = []

    def start(scenario=None, **settings) -> FleetClient:
        folder = tmp_path / f"fleet{len(clients)}"
        folder.mkdir()
        config = FleetConfig(TOWN, backend.url, folder, scenario=scenario or {}, **settings)
        clients.append(FleetClient(config, folder / "fleet.log"))
        clients[-1].start()
        return clients[-1]

    yield start
    for client in clients:
        client.stop()


def expected(home, from_ms, to_ms, plots=()):
    """What the home should report, made here and not by the fleet."""
    household = household_of(home, SEED, plots)
    days = [household.day_of(from_ms + number * DAY_MS) for number in range(-1, (to_ms - from_ms) // DAY_MS + 2)]
    readings = [reading for day in days for reading in household.readings(day)]
    return sorted((r.wall_ms, r.sensor, dict(r.fields)) for r in readings if from_ms <= r.wall_ms <= to_ms)


def stored(backend, home):
    return sorted((event.t, event.s, dict(event.x)) for event in backend.of(home.gateway))


def flags(backend, from_ms, to_ms):
    return {event.bf for event in backend.events.values() if from_ms < event.t <= to_ms}


def live(fleet, to_ms, next_ms):
    """Advance event by event until ``to_ms``; what was published and how many heartbeats were sent."""
    published = heartbeats = 0
    while next_ms <= to_ms:
        step = fleet.advance(next_ms)
        assert step.next_ms > next_ms
        next_ms, published, heartbeats = step.next_ms, published + step.published, heartbeats + step.heartbeats
    return published, heartbeats


@on_each_broker
def test_every_reading_arrives_once_and_history_is_back_filled(fleet_of, backend):
    fleet = fleet_of()
    step = fleet.history(NOON_MS, NOON_MS + 2 * DAY_MS)
    assert backend.events == {}  # the links are down
    assert fleet.connect() >= 0
    assert fleet.wait(20.0) == 0
    assert len(backend.events) == step.published
    published, heartbeats = live(fleet, NOON_MS + 2 * DAY_MS + HOUR_MS, step.next_ms)
    assert heartbeats == HOMES * 12
    assert len(backend.events) == step.published + published
    for home in TOWN.homes:
        assert stored(backend, home) == expected(home, NOON_MS, NOON_MS + 2 * DAY_MS + HOUR_MS)
    assert flags(backend, 0, NOON_MS + 2 * DAY_MS) == {True}
    assert flags(backend, NOON_MS + 2 * DAY_MS, NOON_MS + 3 * DAY_MS) == {False}
    numbers = sorted(n for gateway, _epoch, n in backend.events if gateway == TOWN.homes[0].gateway)
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_long_step_sends_only_the_newest_heartbeat_and_after_the_events(fleet_of, backend):
    fleet = fleet_of()
    fleet.history(NOON_MS, NOON_MS)
    fleet.connect()
    assert backend.until(lambda: len(backend.heartbeats) == HOMES)  # the greeting
    step = fleet.advance(NOON_MS + 2 * HOUR_MS)
    assert step.heartbeats == HOMES
    assert step.published > 0
    assert backend.until(lambda: len(backend.heartbeats) == 2 * HOMES)
    assert {beat.t for _gw, beat in backend.heartbeats[HOMES:]} == {NOON_MS + 2 * HOUR_MS}
    assert {beat.backlog for _gw, beat in backend.heartbeats[HOMES:]} == {0}
    assert fleet.advance(NOON_MS + 2 * HOUR_MS + 1).heartbeats == 0


def test_the_homes_announce_their_sensors(fleet_of, backend):
    fleet = fleet_of()
    fleet.history(NOON_MS, NOON_MS)
    fleet.connect()
    assert backend.until(lambda: len(backend.metas) == HOMES)
    for home in TOWN.homes:
        wanted = {(sensor.id, sensor.role) for sensor in household_of(home, SEED).sensors}
        assert {(sensor.id, sensor.role) for sensor in backend.metas[home.gateway].sensors} == wanted
    assert set(backend.online.values()) == {True}


def test_a_visit_finds_the_collapsed_person_and_the_backend_sees_the_door(fleet_of, backend):
    home = TOWN.homes[1]
    fleet = fleet_of({home.id: [CollapsePlot(NOON_MS + 60_000)]})
    fleet.history(NOON_MS, NOON_MS)
    fleet.connect()
    fleet.advance(NOON_MS + 6 * HOUR_MS)
    lying = [event for event in backend.of(home.gateway) if event.t > NOON_MS + 15 * 60_000]
    assert lying == []
    assert fleet.condition(home.id, NOON_MS + 6 * HOUR_MS) is Condition.COLLAPSED
    assert fleet.visit(home.id, NOON_MS + 6 * HOUR_MS + 1) is Condition.COLLAPSED
    fleet.advance(NOON_MS + 7 * HOUR_MS)
    door = [event for event in backend.of(home.gateway) if event.s == "entrance.door" and event.x["open"]]
    assert door[-1].t > NOON_MS + 6 * HOUR_MS
    assert fleet.condition(home.id, NOON_MS + 7 * HOUR_MS) is Condition.HOSPITAL


@on_each_broker
def test_a_home_without_wifi_says_nothing_and_sends_all_of_it_later(fleet_of, backend):
    home = TOWN.homes[0]
    outage = (NOON_MS + HOUR_MS, NOON_MS + 4 * HOUR_MS)
    fleet = fleet_of({home.id: [WifiLoss(*outage)]})
    fleet.history(NOON_MS, NOON_MS)
    fleet.connect()
    for hour in (1, 2, 3):
        assert fleet.advance(NOON_MS + hour * HOUR_MS + 1).heartbeats == HOMES - 1
    assert backend.until(lambda: backend.online[home.gateway] is False)  # the last will
    assert not [event for event in backend.of(home.gateway) if event.t >= outage[0]]
    fleet.advance(NOON_MS + 5 * HOUR_MS)
    assert stored(backend, home) == expected(home, NOON_MS, NOON_MS + 5 * HOUR_MS)
    late = [event for event in backend.of(home.gateway) if outage[0] <= event.t < outage[1]]
    assert late
    assert {event.bf for event in late} == {True}
    assert backend.until(lambda: backend.online[home.gateway])


def test_a_backend_that_does_not_acknowledge_is_named_and_loses_nothing(fleet_of, backend):
    fleet = fleet_of(ack_timeout_s=0.5)
    fleet.history(NOON_MS, NOON_MS)
    fleet.connect()
    backend.silent = True
    with pytest.raises(FleetError, match=r"not acknowledged within 0\.5 s"):
        fleet.advance(NOON_MS + HOUR_MS)
    backend.silent = False
    assert fleet.wait(20.0) == 0  # the agents send again by themselves
    fleet.advance(NOON_MS + HOUR_MS + 1)
    for home in TOWN.homes:
        assert stored(backend, home) == expected(home, NOON_MS, NOON_MS + HOUR_MS + 1)


def test_a_fleet_refuses_what_makes_no_sense_and_goes_on(fleet_of):
    fleet = fleet_of()
    with pytest.raises(FleetError, match="begin with history"):
        fleet.advance(NOON_MS)
    fleet.history(NOON_MS, NOON_MS)
    for refused, words in (
        (lambda: fleet.history(NOON_MS, NOON_MS), "history comes once"),
        (lambda: fleet.advance(NOON_MS - 1), "time would go back"),
        (lambda: fleet.visit("home-99", NOON_MS + 1), "there is no home 'home-99'"),
        (lambda: fleet.visit("home-01", NOON_MS - 5), "cannot be played"),
        (lambda: fleet.advance("soon"), "the fleet broke: TypeError"),
    ):
        with pytest.raises(FleetError, match=words):
            refused()
    assert fleet.condition("home-01", NOON_MS) in tuple(Condition)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@on_each_broker
def test_stop_leaves_no_process_behind_and_the_outboxes_free(fleet_of, backend):
    fleet = fleet_of()
    pid = fleet.pid
    assert is_running(pid)
    fleet.history(NOON_MS, NOON_MS)
    fleet.connect()
    fleet.stop()
    assert not is_running(pid)
    assert backend.until(lambda: not any(backend.online.values()))  # each said farewell
    fleet.stop()
    with pytest.raises(FleetError, match="does not run"):
        fleet.advance(NOON_MS)


def test_a_fleet_whose_process_died_is_an_error_not_a_hang(fleet_of):
    fleet = fleet_of()
    os.kill(fleet.pid, 9)
    with pytest.raises(FleetError, match=r"fleet\.log"):
        fleet.history(NOON_MS, NOON_MS)


def test_the_end_of_its_pipe_stops_the_process(fleet_of):
    fleet = fleet_of()
    fleet._pipe.close()
    assert fleet._child.wait(60) == 0
    with pytest.raises(FleetError, match="the fleet ended during 'advance'"):
        fleet.advance(NOON_MS)


def test_a_late_answer_stops_the_fleet(fleet_of, monkeypatch):
    fleet = fleet_of()
    os.kill(fleet.pid, signal.SIGSTOP)
    threading.Timer(1.0, os.kill, (fleet.pid, signal.SIGCONT)).start()
    monkeypatch.setattr("simulators.fleet.client._CONNECT_S", 0.1)
    with pytest.raises(FleetError, match=r"did not answer 'connect' within 0\.1 s and was stopped"):
        fleet.connect()
    assert fleet.pid is None


@pytest.mark.parametrize(
    ("change", "words"), [({"folder": Path("nowhere")}, "does not exist"), ({"scenario": {"home-09": []}}, "home-09")]
)
def test_a_fleet_that_cannot_be_played_says_so_at_the_start(tmp_path, change, words):
    settings = {"folder": tmp_path, "scenario": {}} | change
    client = FleetClient(FleetConfig(TOWN, "mqtt://127.0.0.1:9", **settings), tmp_path / "fleet.log")
    with pytest.raises(FleetError, match=words), client:
        pass
    assert client.pid is None


def test_a_broker_that_is_not_there_is_named_and_nothing_seen_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("simulators.fleet.homes._CONNECT_S", 0.3)
    homes = FleetHomes(FleetConfig(TOWN, "mqtt://127.0.0.1:9", tmp_path, ack_timeout_s=0.3))
    try:
        homes.history(NOON_MS, NOON_MS)
        with pytest.raises(FleetError, match="did not accept home-01, home-02, home-03"):
            homes.connect()
        with pytest.raises(FleetError, match="not acknowledged"):
            homes.advance(NOON_MS + HOUR_MS)
        assert homes.backlog() == sum(len(expected(home, NOON_MS, NOON_MS + HOUR_MS)) for home in TOWN.homes)
    finally:
        homes.stop()


def test_who_is_at_home_and_well_answers_the_chime_and_who_has_collapsed_does_not(fleet_of, backend):
    fallen = TOWN.homes[0]
    fleet = fleet_of({fallen.id: [CollapsePlot(NOON_MS + 60_000)]})
    next_ms = fleet.history(NOON_MS, NOON_MS).next_ms
    fleet.connect()
    assert backend.until(lambda: len(backend.metas) == HOMES)
    asked_ms = NOON_MS + HOUR_MS
    live(fleet, asked_ms, next_ms)
    next_ms = fleet.advance(asked_ms + 1).next_ms
    for number, home in enumerate(TOWN.homes):
        backend.ask(home.gateway, f"q-{number}", asked_ms + 1)
        assert backend.until(lambda number=number: len(backend.results) == number + 1)
    conditions = {home.id: fleet.condition(home.id, asked_ms + 1) for home in TOWN.homes}
    live(fleet, asked_ms + HOUR_MS, next_ms)
    presses = {home.id: [e for e in backend.of(home.gateway) if e.k == "button"] for home in TOWN.homes}
    answers = answers_to_chimes(conditions, asked_ms + 1)
    assert {home: [event.t for event in found] for home, found in presses.items()} == answers
    assert presses[fallen.id] == []
    assert any(answers.values()), "the seed must let somebody answer"
    for number, home in enumerate(TOWN.homes):
        assert all(event.x == {"press": "ok", "cmd": f"q-{number}"} for event in presses[home.id])


def answers_to_chimes(conditions, at_ms):
    """When each home's person presses the button, made here and not by the fleet."""
    chimes = Chimes(SEED)
    for home in reversed(conditions):  # the order in which threads hear of it must not matter
        chimes.sounded.put(Chimed(home, at_ms))
    found = {home: [] for home in conditions}
    for home, press in chimes.presses(lambda home, _at_ms: conditions[home]):
        found[home].append(press.wall_ms)
    return found


def test_nobody_hears_a_chime_from_afar():
    away = {f"home-{number}": Condition.AWAY for number in range(20)}
    assert not any(answers_to_chimes(away, NOON_MS).values())
