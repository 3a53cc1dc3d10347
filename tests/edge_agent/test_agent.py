"""The agent without a broker: what it takes, refuses and reports."""

import queue
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from contracts.clock import ClockQuality
from contracts.errors import MalformedMessage
from contracts.health import Sensor, SensorRole
from edge_agent.agent import Agent
from edge_agent.errors import SettingsError
from edge_agent.outbox.outbox import Outbox
from edge_agent.ports import Emit, EmitAt, Reading
from edge_agent.settings import OutboxSettings

HALL = Reading("hall", "motion", {"motion": True})
HELP = Reading("pendant", "button", {"press": "help"})
NOWHERE = 9  # a port where no broker is; these agents never connect


@pytest.fixture
def agent(agents, settings) -> Agent:
    return agents(settings(NOWHERE))


def rows(outbox: Outbox):
    return outbox.rows(1, 2**62, 1_000, priority=False)


def test_a_reading_takes_the_clock_and_is_back_filled_while_there_is_no_link(agent: Agent, outbox: Outbox, clock):
    agent.submit(HALL)
    agent.flush()
    (row,) = rows(outbox)
    assert (row.t, row.q, row.m) == (clock.wall, ClockQuality.SYNCED, clock.monotonic)
    assert row.body == '"s":"hall","k":"motion","x":{"motion":true},"bf":true}'


def test_a_recorded_time_is_kept(agent: Agent, outbox: Outbox):
    agent.submit(replace(HALL, wall_ms=1_342_583_401_000))
    agent.flush()
    assert [(row.t, row.q) for row in rows(outbox)] == [(1_342_583_401_000, ClockQuality.SYNCED)]


def test_a_button_is_safe_when_offer_returns(agent: Agent, outbox: Outbox):
    agent.submit(HALL)
    agent.submit(HELP)
    assert outbox.backlog == 2
    assert len(outbox.rows(1, 9, 9, priority=True)) == 1


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (Reading("hall", "motion", {}), "hall.x.motion is missing"),
        (Reading("hall", "motion", {"motion": 1}), "hall.x.motion must be true or false"),
        (Reading("meter", "power", {"w": float("nan")}), "finite number of W"),
        (Reading("meter", "power", {"w": 1e9}), "must lie in"),
        (Reading("", "motion", {"motion": True}), "the sensor of a reading must be a text that is not empty"),
        (Reading("s" * 129, "motion", {"motion": True}), "the sensor of a reading has more than 128 characters"),
        (Reading("ha\nll", "motion", {"motion": True}), "the sensor of a reading holds a control character"),
        (Reading("hall", "", {}), "the kind of a reading must be a text that is not empty"),
        (Reading("hall", "new", {str(i): i for i in range(33)}), "more than 32 fields"),
        (Reading("hall", "new", {"blob": "x" * 20_000}), "more than 16384 bytes"),
        (Reading("hall", "motion", {"motion": True}, wall_ms=-1), "must lie in"),
        (Reading("hall", "motion", {"motion": True}, wall_ms=2**60), "must lie in"),
    ],
)
def test_a_reading_that_breaks_the_contract_is_refused_and_not_taken(agent: Agent, outbox, reading: Reading, said: str):
    with pytest.raises(MalformedMessage, match=said):
        agent.submit(reading)
    agent.flush()
    assert outbox.last_n == 0


def test_a_heartbeat_tells_how_the_home_is(agents, settings, outbox: Outbox, clock):
    agent = agents(settings(NOWHERE, sensors=(Sensor("hall", SensorRole.ROOM), Sensor("door", SensorRole.ENTRANCE))))
    clock.forward(90_000)
    agent.submit(HALL)
    agent.submit(HELP)
    agent.submit(HALL)
    beat = agent.heartbeat()
    assert (beat.t, beat.q, beat.boot, beat.uptime_s) == (clock.wall, ClockQuality.SYNCED, 1, 90)
    assert (beat.epoch, beat.last_n, beat.backlog, beat.thinned) == (outbox.epoch, 2, 3, 0)
    assert beat.sensors["hall"].seen_ms == clock.wall
    assert beat.sensors["door"].seen_ms is None
    assert beat.disk_free_mb > 0
    assert not agent.send_heartbeat(), "there is no connection to send it on"


def test_what_the_settings_say_of_a_sensor_goes_before_what_its_source_says(agents, settings):
    source = SimulatedSource(sensors=(Sensor("a", SensorRole.OBJECT), Sensor("b", SensorRole.ROOM)))
    agent = agents(settings(NOWHERE, sensors=(Sensor("a", SensorRole.ENTRANCE, "hall"),)), [source])
    assert agent.inventory == [Sensor("a", SensorRole.ENTRANCE, "hall"), Sensor("b", SensorRole.ROOM)]


def test_two_sources_of_one_name_are_refused(agents, settings):
    with pytest.raises(SettingsError, match="give each a name of its own"):
        agents(settings(NOWHERE), [SimulatedSource(), SimulatedSource()])


def test_a_pushed_reading_is_committed_by_itself_and_a_bad_one_does_not_stop_the_source(
    agents, settings, outbox, caplog
):
    source = SimulatedSource()
    agent = agents(settings(NOWHERE), [source])
    agent.start(connect=False)
    source.push(HALL)
    source.push(Reading("hall", "motion", {"motion": "yes"}))
    source.push(HALL)
    with outbox._changed:
        assert outbox._changed.wait_for(lambda: outbox.last_n == 2, 10)
    assert "a reading of source simulated was not taken" in caplog.text


class SimulatedSource:
    """Emits what is pushed into it, in order.

    Args:
        name: unique in the agent.
        sensors: announced in the inventory.
    """

    def __init__(self, name: str = "simulated", sensors: Sequence[Sensor] = ()) -> None:
        self.name = name
        self.sensors: Sequence[Sensor] = tuple(sensors)
        self._readings: queue.SimpleQueue[Reading] = queue.SimpleQueue()

    def push(self, reading: Reading) -> None:
        """Let a sensor see something. Never blocks."""
        self._readings.put(reading)

    def run(self, emit: Emit, stop: threading.Event) -> None:
        """Emit until told to stop; what was pushed before is emitted first."""
        while True:
            try:
                emit(self._readings.get(timeout=0.2))
            except queue.Empty:
                if stop.is_set():
                    return


class BrokenRecording:
    name, sensors, exit_when_done = "broken", (), True

    def play(self, emit: EmitAt, resume_after: int, stop: threading.Event) -> None:  # noqa: ARG002
        emit(HALL, 1)
        raise RuntimeError("the disk is gone")


class BrokenSource(SimulatedSource):
    def run(self, emit: Emit, stop: threading.Event) -> None:  # noqa: ARG002
        emit(HALL)
        raise RuntimeError("the cable is out")


def test_a_source_that_breaks_is_reported_and_takes_no_other_along(agents, settings, outbox: Outbox):
    alive = SimulatedSource("alive")
    agent = agents(settings(NOWHERE), [BrokenSource("broken"), alive])
    agent.start(connect=False)
    assert not agent.wait_until_done(1), "the others go on, and so does the agent"
    assert agent.failures == ("broken: RuntimeError: the cable is out",)
    alive.push(HALL)
    with outbox._changed:
        assert outbox._changed.wait_for(lambda: outbox.last_n == 2, 10)


def test_a_recording_that_breaks_is_reported_and_ends_the_agent(agents, settings, broker, backend):
    agent = agents(settings(broker.port), [BrokenRecording(), SimulatedSource("alive")])
    agent.start()
    assert agent.wait_until_done(10)
    assert agent.failures == ("broken: RuntimeError: the disk is gone",)
    assert backend.wait_for(lambda: len(backend.stored) == 1)


def test_when_the_clock_is_set_earlier_events_of_the_boot_get_their_time(outbox: Outbox, settings, clock):
    quality = [ClockQuality.NEVER_SYNCED]
    agent = Agent(settings(NOWHERE), outbox, clock, quality=lambda: quality[0])
    clock.wall = 7
    agent.submit(HALL)
    agent.do_due()
    agent.flush()
    assert [(row.t, row.q) for row in rows(outbox)] == [(7, 0)]
    clock.forward(60_000)
    agent.submit(HALL)
    clock.forward(1_000)
    clock.wall = 1_700_000_000_000
    quality[0] = ClockQuality.SYNCED
    agent.do_due()
    assert [(row.t, row.q) for row in rows(outbox)] == [(1_699_999_939_000, 1), (1_699_999_999_000, 1)]
    agent.stop()


def test_the_watchdog_is_fed_while_the_link_goes_round_and_not_when_it_is_stuck(agent: Agent, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        agent.do_due()
        assert systemd.recv(100) == b"WATCHDOG=1"
        release = threading.Event()
        monkeypatch.setattr(agent.link, "_turn", lambda _notes: release.wait(30))
        agent.connect()
        agent.link.wake()
        monkeypatch.setattr("edge_agent.agent.STUCK_S", 0.05)
        time.sleep(0.2)
        agent.do_due()
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        release.set()


def test_a_full_outbox_is_thinned_and_the_heartbeat_says_so(outbox: Outbox, settings, clock, tmp_path, row):
    agent = Agent(settings(NOWHERE, outbox=OutboxSettings(tmp_path / "outbox.db", max_mb=1)), outbox, clock)
    for _ in range(4):
        outbox.append([row()] * 5_000)
    assert outbox.size_bytes() > 1_000_000
    agent.do_due()
    assert outbox.size_bytes() < 1_000_000
    assert agent.heartbeat().thinned == 20_000 - outbox.backlog > 0
    agent.stop()
