"""What `[broker]` says reaches the broker, from each part of the backend that connects to it."""

import asyncio
import socket
import threading
import time

import pytest

from alerts.channels.home.mqtt import HomeUnreachable, MqttHomeCommands
from contracts.broker import BrokerSettings
from contracts.commands import Command, Verb
from edge_agent.clock import SystemClock
from ingest.consumer import Consumer
from ingest.settings import IngestSettings

PATIENCE_S = 20.0


class Connects:
    """A port of 127.0.0.1 that keeps the first packet that comes, and answers nothing."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_S)
        self.port = self._listener.getsockname()[1]
        self.packet = b""
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self):
        with self._listener, self._listener.accept()[0] as taken:
            taken.settimeout(PATIENCE_S)
            self.packet = taken.recv(4096)

    def wait(self):
        self._thread.join(PATIENCE_S)
        return self.packet


@pytest.fixture
def broker(tmp_path):
    (tmp_path / "password").write_text("the word\n")
    at = Connects()
    at.settings = BrokerSettings(
        f"mqtt://127.0.0.1:{at.port}", username="server", password_file=tmp_path / "password", keepalive_s=77
    )
    return at


def told(packet):
    """Keep-alive, and whether user name and password are in a CONNECT of MQTT 5."""
    begin = packet.index(b"\x00\x04MQTT\x05")
    return int.from_bytes(packet[begin + 8 : begin + 10]), b"\x00\x06server\x00\x08the word" in packet


def test_ingest_tells_the_keepalive_and_the_password(broker):
    async def run():
        stop = asyncio.Event()
        consumer = Consumer(None, SystemClock(), broker.settings, IngestSettings())
        running = asyncio.create_task(consumer.run(stop))
        await asyncio.to_thread(broker.wait)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert told(broker.packet) == (77, True)


def test_the_channel_of_the_homes_tells_the_keepalive_and_the_password(broker):
    line = MqttHomeCommands(broker.settings)
    with pytest.raises(HomeUnreachable):
        line.command("gw-1", Command("0f3a7d0a", Verb.ASK, 1), 60, time.monotonic() + 2)
    assert told(broker.wait()) == (77, True)
    line.close()


@pytest.mark.parametrize("part", [lambda it: Consumer(None, SystemClock(), it, IngestSettings()), MqttHomeCommands])
def test_a_password_that_cannot_be_read_is_told_before_anything_connects(tmp_path, part):
    with pytest.raises(FileNotFoundError):
        part(BrokerSettings(username="server", password_file=tmp_path / "none"))
