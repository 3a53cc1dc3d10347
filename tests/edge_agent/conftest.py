"""A broker, a backend and a clock for the agent's tests. The broker is real; the backend speaks the contract."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contracts.broker import BrokerSettings
from contracts.commands import Command, CommandResult, decode_result, encode_command
from contracts.envelope import Ack, decode_batch, encode_ack
from contracts.events import Event
from contracts.health import GatewayState, Heartbeat, Meta, decode_heartbeat, decode_meta, decode_state
from contracts.topics import Leaf, parse_topic, topic
from edge_agent.agent import Agent
from edge_agent.outbox.outbox import NewRow, Outbox
from edge_agent.settings import AgentSettings, LinkSettings, OutboxSettings

GATEWAY = "gw-0001"
START_MS = 1_700_000_000_000
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "detection" / "homes"


class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.wall = START_MS
        self.monotonic = 5_000_000

    def wall_ms(self) -> int:
        return self.wall

    def monotonic_ms(self) -> int:
        return self.monotonic

    def forward(self, ms: int) -> None:
        self.wall += ms
        self.monotonic += ms


class Broker:
    """mosquitto on a free port of 127.0.0.1; `kill` and `start` again keep the port."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str, listener: tuple[str, ...] = ("allow_anonymous true",)) -> None:
        lines = [f"listener {self.port} 127.0.0.1", *listener, "max_queued_messages 0", "set_tcp_nodelay true", *more]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes somebody who may not read the test's folder
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with (self._folder / "mosquitto.log").open("ab") as output:
            self._process = subprocess.Popen([self._program, "-c", str(config)], stdout=output, stderr=output)
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto did not start: " + (self._folder / "mosquitto.log").read_text())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


def send_at_once(_client: object, _userdata: object, sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Backend:
    """Stores every event once by (gateway, epoch, n) and acknowledges what it has, as ingest does."""

    def __init__(self, port: int, secure: Callable[[paho.Client], None] = lambda _client: None) -> None:
        self.stored: dict[tuple[str, str, int], Event] = {}
        self.order: list[tuple[Leaf, int]] = []
        self.deliveries = 0
        self.lowest: dict[tuple[str, str], int] = {}
        self.acking = True
        self.states: list[GatewayState] = []
        self.metas: list[Meta] = []
        self.beats: list[Heartbeat] = []
        self.results: list[CommandResult] = []
        self.changed = threading.Condition()
        self.ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "backend", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_rest: client.subscribe("mim/v1/#", 1)
        self._client.on_subscribe = lambda *_rest: self.ready.set()
        self._client.on_message = self._on_message
        self._client.on_socket_open = send_at_once
        secure(self._client)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.ready.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def numbers(self, epoch: str) -> set[int]:
        return {n for _, e, n in self.stored if e == epoch}

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 10) -> bool:
        with self.changed:
            return self.changed.wait_for(condition, timeout_s)

    def send_ack(self, ack: Ack, gateway: str = GATEWAY) -> None:
        self._client.publish(topic(gateway, Leaf.ACK), encode_ack(ack), 1)

    def send_raw_ack(self, payload: bytes, gateway: str = GATEWAY) -> None:
        self._client.publish(topic(gateway, Leaf.ACK), payload, 1)

    def command(self, command_id: str, payload: Command | bytes, gateway: str = GATEWAY) -> None:
        body = payload if isinstance(payload, bytes) else encode_command(payload)
        self._client.publish(topic(gateway, Leaf.COMMAND, command_id), body, 1)

    def ack_everything(self, gateway: str, epoch: str) -> None:
        numbers = sorted(n for g, e, n in self.stored if (g, e) == (gateway, epoch))
        missing, expected = [], self.lowest[(gateway, epoch)]
        for n in numbers:
            if n > expected:
                missing.append((expected, n - 1))
            expected = max(expected, n + 1)
        self.send_ack(Ack(epoch, numbers[-1], tuple(missing)), gateway)

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        at = parse_topic(message.topic)
        with self.changed:
            match at.leaf:
                case Leaf.EVENTS | Leaf.PRIORITY:
                    self._take(at.gateway, at.leaf, message.payload)
                case Leaf.STATE:
                    self.states.append(decode_state(message.payload, at.gateway))
                case Leaf.META:
                    self.metas.append(decode_meta(message.payload, at.gateway))
                case Leaf.HEARTBEAT:
                    self.beats.append(decode_heartbeat(message.payload, at.gateway))
                case Leaf.RESULT:
                    self.results.append(decode_result(message.payload, at.command_id or ""))
                case _:
                    pass
            self.changed.notify_all()

    def _take(self, gateway: str, leaf: Leaf, payload: bytes) -> None:
        batch = decode_batch(payload, gateway)
        home = (gateway, batch.epoch)
        self.lowest[home] = max(self.lowest.get(home, 0), batch.lowest)
        for event in batch.events:
            assert batch.lowest <= event.n
            self.deliveries += 1
            self.order.append((leaf, event.n))
            kept = self.stored.setdefault((gateway, batch.epoch, event.n), event)
            assert kept == event, "one number must never say two things"
        if self.acking:
            self.ack_everything(gateway, batch.epoch)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.db", token="first boot") as opened:
        yield opened


@pytest.fixture
def row() -> Callable[..., NewRow]:
    def make(t: int = START_MS, *, priority: bool = False, q: int = 2, m: int = 0, body: str | None = None) -> NewRow:
        kind, fields = ("button", '{"press":"help"}') if priority else ("motion", '{"motion":true}')
        return NewRow(t, q, m, priority, body or f'"s":"hall","k":"{kind}","x":{fields},"bf":false}}')

    return make


@pytest.fixture
def mosquitto() -> str:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        reason = "mosquitto is not installed: apt-get install mosquitto"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return program


@pytest.fixture
def stopped_broker(mosquitto: str, tmp_path: Path) -> Iterator[Broker]:
    started = Broker(mosquitto, tmp_path)
    yield started
    started.kill()


@pytest.fixture
def broker(stopped_broker: Broker) -> Broker:
    stopped_broker.start()
    return stopped_broker


@pytest.fixture
def backends() -> Iterator[Callable[..., Backend]]:
    made: list[Backend] = []

    def make(*args: object) -> Backend:
        made.append(Backend(*args))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(broker: Broker, backends: Callable[..., Backend]) -> Backend:
    return backends(broker.port)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., AgentSettings]:
    def make(port: int, **changes: object) -> AgentSettings:
        usual = {
            "broker": BrokerSettings(f"mqtt://127.0.0.1:{port}"),
            "outbox": OutboxSettings(tmp_path / "outbox.db"),
            "link": LinkSettings(ack_timeout_s=0.5, reconnect_max_s=0.2),
            "heartbeat_s": 0,
        }
        return AgentSettings(GATEWAY, **(usual | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def agents(outbox: Outbox, clock: HandClock) -> Iterator[Callable[..., Agent]]:
    """Makes an agent on the test's outbox and clock; stops it at the end. At most one at a time."""
    made: list[Agent] = []

    def make(settings: AgentSettings, *rest: object) -> Agent:
        made.append(Agent(settings, outbox, clock, *rest))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for agent in made:
        agent.stop()


@pytest.fixture
def recordings() -> Path:
    if not RECORDINGS.is_dir():
        pytest.skip(f"the recorded homes are not there: {RECORDINGS}")
    return RECORDINGS
