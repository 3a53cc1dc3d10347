"""The whole way of a question to the home: a silence, the chime, the button, and the case that ends with it."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.channels.home.settings import HomeSettings
from alerts.channels.registry import ChannelSettings
from alerts.incidents.answers import answer_for
from contracts.broker import BrokerSettings
from contracts.health import Sensor, SensorRole
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.outbox.outbox import Outbox
from edge_agent.ports import Reading
from edge_agent.settings import AgentSettings, OutboxSettings
from mimamori.server.broker import Broker, find_mosquitto
from mimamori.server.build import Backend, assemble
from mimamori.server.run import serve
from mimamori.server.settings import BackendSettings, ServerSettings, StoreSettings
from store.engine import open_store, reading
from store.register.registry import edit
from store.schema import deliveries, incidents

HOURS_13_MS = 13 * 3_600_000


class Bell:
    """The devices of the home, as they were used."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.rested = 0

    def ask(self, text: str) -> str:
        self.asked.append(text)
        return ""

    def tell(self, text: str) -> str:
        self.asked.append(text)
        return ""

    def light_off(self) -> str:
        self.rested += 1
        return ""


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.system), "iotcore"])
def broker(request, tmp_path):
    if request.param == "mosquitto" and find_mosquitto() is None:
        reason = "mosquitto is not installed: apt-get install mosquitto"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with Broker(tmp_path, prefer=request.param) as running:
        yield BrokerSettings(url=f"mqtt://127.0.0.1:{running.port}")


@pytest.fixture
def settings(tmp_path: Path) -> BackendSettings:
    return BackendSettings(
        server=ServerSettings(roles=("ingest", "alerts"), secret_file=tmp_path / "secret.key"),
        store=StoreSettings(f"sqlite:///{tmp_path}/mimamori.db", f"sqlite:///{tmp_path}/events.db"),
        channels=ChannelSettings(home=HomeSettings(enabled=True)),
    )


@pytest.fixture
def agent(broker, tmp_path):
    bell = Bell()
    whole = AgentSettings(
        "gw-0001",
        broker=broker,
        outbox=OutboxSettings(tmp_path / "outbox.db"),
        heartbeat_s=0,
        sensors=(Sensor("hall.motion", SensorRole.ROOM), Sensor("bedside.button", SensorRole.BUTTON)),
    )
    with Outbox(whole.outbox.path) as outbox:
        made = Agent(whole, outbox, SystemClock(assume_synced=True), notifier=bell)
        yield made, bell
        made.stop()


def register(settings: BackendSettings, now_ms: int) -> None:
    db = open_store(settings.store.url)
    with edit(db, actor="test", now_ms=now_ms - 2 * HOURS_13_MS) as registry:
        registry.add_organisation("社協", "council", id="council")
        registry.add_person("見本 花子", id="p-hanako")
        registry.add_contact_method("p-hanako", "home", "gw-0001", id="c-home")
        registry.add_home("p-hanako", "council", "gw-0001", id="h-hanako")
    db.dispose()


def wait_for(what: Callable[[], bool], timeout_s: float = 30) -> bool:
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        if what():
            return True
        time.sleep(0.05)
    return what()


class Served:
    """The backend, served in a thread as ``mimamori serve`` would, until the block ends."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Backend:
        self._thread.start()
        assert self._backend.consumer.subscribed.wait(20)
        return self._backend

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(serve(self._backend, None, self._stop))


def case_of(backend: Backend):
    with reading(backend.db) as connection:
        return connection.execute(select(incidents)).first()


def sent(backend: Backend):
    with reading(backend.db) as connection:
        return [(row.id, row.channel, row.state) for row in connection.execute(select(deliveries))]


def answers(backend: Backend) -> list[str]:
    """The questions that stored presses of the button answer."""
    fields = [json.loads(point.fields) for point in backend.timeseries.read("gw-0001", 0, 2**62)]
    return [found["cmd"] for found in fields if "cmd" in found]


def test_a_silent_person_is_asked_by_the_chime_and_says_by_the_button_that_all_is_well(settings, broker, agent):
    clock = SystemClock(assume_synced=True)
    register(settings, clock.wall_ms())
    home, bell = agent
    with assemble(settings, clock, broker) as backend, Served(backend):
        home.start()
        assert home.wait_until_connected(20)
        long_ago_ms = clock.wall_ms() - HOURS_13_MS
        home.submit(Reading("hall.motion", "motion", {"motion": True}, wall_ms=long_ago_ms))
        assert home.wait_until_acked(20)
        home.send_heartbeat()
        assert wait_for(lambda: len(bell.asked) == 1), case_of(backend)
        assert "見本 花子" in bell.asked[0]
        assert wait_for(lambda: [row[1:] for row in sent(backend)] == [("home", "accepted")]), sent(backend)
        assert case_of(backend).outcome is None, "that it chimed is no answer"
        home.submit(Reading("bedside.button", "button", {"press": "ok"}))
        assert wait_for(lambda: case_of(backend).outcome is not None)
        case = case_of(backend)
        assert answers(backend) == [sent(backend)[0][0]]
    assert (case.kind, case.outcome) == ("silence", "self_ok")
    assert wait_for(lambda: bell.rested == 1)


def test_the_light_goes_out_when_the_case_ended_otherwise(settings, broker, agent):
    clock = SystemClock(assume_synced=True)
    register(settings, clock.wall_ms())
    home, bell = agent
    with assemble(settings, clock, broker) as backend, Served(backend):
        home.start()
        assert home.wait_until_connected(20)
        home.submit(Reading("hall.motion", "motion", {"motion": True}, wall_ms=clock.wall_ms() - HOURS_13_MS))
        assert home.wait_until_acked(20)
        home.send_heartbeat()
        assert wait_for(lambda: len(bell.asked) == 1), case_of(backend)
        assert wait_for(lambda: case_of(backend) is not None)
        answer_for(backend.db, case_of(backend).id, "p-hanako", "safe", clock.wall_ms())
        assert wait_for(lambda: bell.rested == 1)
        assert home.asker._question is None
        (end_questions,) = backend.beside
        assert wait_for(lambda: end_questions(clock.wall_ms()) == 0), "it is said once"
