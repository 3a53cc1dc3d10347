"""What the tests of the simulators share."""

import datetime as dt
import os
import socket
import threading
import time

import paho.mqtt.client as mqtt
import pytest

from contracts.commands import Command, CommandResult, Verb, decode_result, encode_command
from contracts.envelope import Ack, decode_batch, encode_ack
from contracts.events import Event
from contracts.health import Heartbeat, Meta, decode_heartbeat, decode_meta, decode_state
from contracts.topics import Leaf, parse_topic, topic
from mimamori.server.broker import Broker, find_mosquitto
from simulators.people.household import Household
from simulators.people.life import Person
from simulators.people.traits import draw_traits

ZONE = "Asia/Tokyo"


@pytest.fixture
def new_year() -> dt.date:
    return dt.date(2026, 1, 1)


@pytest.fixture
def dates(new_year):
    """Sixty days in order."""
    return [new_year + dt.timedelta(days=number) for number in range(60)]


@pytest.fixture
def person_of():
    return lambda seed, number=0: Person(seed, draw_traits(seed, number), number)


@pytest.fixture
def home_of(person_of):
    """A household of a seed, with incidents and faults."""
    return lambda seed, happenings=(), faults=(): Household(person_of(seed), ZONE, happenings, faults)


class AckingBackend:
    """The least that a backend does: reads every batch with the real codec, remembers it, and acknowledges it."""

    def __init__(self, port: int) -> None:
        self.events: dict[tuple[str, str, int], Event] = {}
        self.heartbeats: list[tuple[str, Heartbeat]] = []
        self.online: dict[str, bool] = {}
        self.metas: dict[str, Meta] = {}
        self.results: list[tuple[str, CommandResult]] = []
        self.silent = False
        self._upto: dict[tuple[str, str], int] = {}
        self._ready = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "test-backend", protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("mim/v1/#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self._take(parse_topic(message.topic), message.payload)
        # Without it an ack can wait 40 ms for TCP to confirm what was sent before.
        self._client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def ask(self, gateway: str, command_id: str, at_ms: int) -> None:
        """Let the chime of a home sound; its result comes among ``results``."""
        payload = encode_command(Command(command_id, Verb.ASK, at_ms + 60_000, "?"))
        self._client.publish(topic(gateway, Leaf.COMMAND, command_id), payload, qos=1)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def until(self, holds, timeout_s: float = 10.0) -> bool:
        """Wait until ``holds()`` is true; whether it is."""
        deadline_s = time.monotonic() + timeout_s
        while not holds() and time.monotonic() < deadline_s:
            time.sleep(0.02)
        return bool(holds())

    def of(self, gateway: str) -> list[Event]:
        """What one gateway sent, in the order of its numbers."""
        return [event for (gw, _epoch, _n), event in sorted(self.events.items()) if gw == gateway]

    def _take(self, where, payload: bytes) -> None:
        match where.leaf:
            case Leaf.EVENTS | Leaf.PRIORITY:
                self._take_batch(where.gateway, decode_batch(payload, where.gateway))
            case Leaf.HEARTBEAT:
                self.heartbeats.append((where.gateway, decode_heartbeat(payload, where.gateway)))
            case Leaf.STATE:
                self.online[where.gateway] = decode_state(payload, where.gateway).online
            case Leaf.RESULT:
                self.results.append((where.gateway, decode_result(payload, where.command_id)))
            case Leaf.META:
                self.metas[where.gateway] = decode_meta(payload, where.gateway)

    def _take_batch(self, gateway: str, batch) -> None:
        if self.silent:
            return
        for event in batch.events:
            self.events[gateway, batch.epoch, event.n] = event
        upto = self._upto.get((gateway, batch.epoch), 0)
        while (gateway, batch.epoch, upto + 1) in self.events:
            upto += 1
        self._upto[gateway, batch.epoch] = upto
        self._client.publish(topic(gateway, Leaf.ACK), encode_ack(Ack(batch.epoch, upto)), qos=1)


@pytest.fixture
def backend(request, tmp_path):
    """A broker and a backend that acknowledges; ``backend.url`` is the broker's. iotcore unless the test says else."""
    kind = getattr(request, "param", "iotcore")
    if kind == "mosquitto" and find_mosquitto() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto is missing under CI")
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    folder = tmp_path / "broker"
    folder.mkdir()
    with Broker(folder, prefer=kind) as broker:
        running = AckingBackend(broker.port)
        running.url = f"mqtt://127.0.0.1:{broker.port}"
        yield running
        running.stop()
