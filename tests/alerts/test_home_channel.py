"""The channel ``home`` over a real broker, with a home that answers as the test says."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from alerts.channels.home.channel import HomeChannel, send_result_of
from alerts.channels.home.mqtt import MqttHomeCommands
from alerts.ports import OutgoingMessage, SendOutcome
from contracts.broker import BrokerSettings
from contracts.commands import Command, CommandOutcome, CommandResult, Verb, decode_command, encode_result
from contracts.topics import Leaf, parse_topic, subscription, topic
from mimamori.server.broker import Broker, find_mosquitto
from simulators.processes import free_port

NOW_MS = 1_767_225_600_000


def message(delivery_id: str = "6f1c", purpose: str = "ask", address: str = "gw-1", **more) -> OutgoingMessage:
    body = "【見守り】佐藤 花様、お変わりありませんか。"
    times = {"expires_ms": NOW_MS + 300_000, "at_ms": NOW_MS} | more
    return OutgoingMessage(delivery_id, "hana", address, "お変わりありませんか", body, None, purpose, "ja", **times)


class Home:
    """A home's end of the wire: answers each command as told, or not at all."""

    def __init__(self, port: int, gateway: str = "gw-1") -> None:
        self.commands: list[Command] = []
        self.answers: list[CommandOutcome | bytes | None] = []
        self.gateway = gateway
        self.answering: Callable[[str], str] = lambda command_id: topic(gateway, Leaf.RESULT, command_id)
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"home-{gateway}", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_rest: client.subscribe(subscription(Leaf.COMMAND, gateway), 1)
        self._client.on_subscribe = lambda *_rest: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def wait_until_back(self) -> None:
        assert self._ready.wait(20)

    def forget_subscription(self) -> None:
        self._ready.clear()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: object, _userdata: object, got: paho.MQTTMessage) -> None:
        command_id = parse_topic(got.topic).command_id or ""
        self.commands.append(decode_command(got.payload, command_id))
        answer = self.answers.pop(0) if self.answers else CommandOutcome.DONE
        if answer is not None:
            payload = answer if isinstance(answer, bytes) else encode_result(CommandResult(command_id, answer))
            self._client.publish(self.answering(command_id), payload, 1)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.port


@pytest.fixture
def home(port: int) -> Iterator[Home]:
    made = Home(port)
    yield made
    made.close()


@pytest.fixture
def channels() -> Iterator[Callable[..., HomeChannel]]:
    made: list[MqttHomeCommands] = []

    def make(port: int, timeout_s: float = 5.0) -> HomeChannel:
        made.append(MqttHomeCommands(BrokerSettings(f"mqtt://127.0.0.1:{port}")))
        return HomeChannel(made[-1], timeout_s)

    yield make
    for line in made:
        line.close()


def test_it_is_accepted_when_the_home_says_that_it_chimed(home, channels, port):
    result = channels(port).send(message())
    assert (result.outcome, result.vendor_id) == (SendOutcome.OK, "6f1c")
    (command,) = home.commands
    assert (command.id, command.verb, command.expires_ms) == ("6f1c", Verb.ASK, NOW_MS + 300_000)
    assert "佐藤 花様" in command.text


def test_a_home_that_says_nothing_may_have_chimed_and_is_asked_again_by_the_same_id(home, channels, port):
    channel = channels(port, 1.0)
    home.answers = [None]
    assert channel.send(message()).outcome is SendOutcome.AMBIGUOUS
    assert channel.send(message()).outcome is SendOutcome.OK
    assert [command.id for command in home.commands] == ["6f1c", "6f1c"]


@pytest.mark.parametrize("said", list(CommandOutcome))
def test_what_the_home_says_decides(said):
    expected = {CommandOutcome.DONE: SendOutcome.OK, CommandOutcome.UNSYNCED: SendOutcome.RETRY}
    assert send_result_of(CommandResult("6f1c", said, "why")).outcome is expected.get(said, SendOutcome.PERMANENT)
    assert str(said) in send_result_of(CommandResult("6f1c", said, "why")).detail


@pytest.mark.parametrize("purpose", ["call", "staff"])
def test_nobody_is_called_through_their_own_chime(home, channels, port, purpose):
    assert channels(port).send(message(purpose=purpose)).outcome is SendOutcome.PERMANENT
    assert home.commands == []


@pytest.mark.parametrize("purpose", ["news", "test"])
def test_news_and_tests_are_told_and_not_asked(home, channels, port, purpose):
    assert channels(port).send(message(purpose=purpose)).outcome is SendOutcome.OK
    assert home.commands[0].verb is Verb.TELL


def test_a_question_that_is_late_is_still_asked(home, channels, port):
    assert channels(port).send(message(expires_ms=NOW_MS - 1)).outcome is SendOutcome.OK
    assert home.commands[0].expires_ms == NOW_MS + 60_000


def test_another_homes_result_another_id_and_rubbish_do_not_count(home, channels, port):
    channel = channels(port, 1.0)
    home.answering = lambda _command_id: topic("gw-1", Leaf.RESULT, "other")
    assert channel.send(message("a")).outcome is SendOutcome.AMBIGUOUS
    home.answering = lambda command_id: topic("gw-2", Leaf.RESULT, command_id)
    assert channel.send(message("b")).outcome is SendOutcome.AMBIGUOUS
    home.answering = lambda command_id: topic("gw-1", Leaf.RESULT, command_id)
    home.answers = [b'{"v":1,"outcome":"perhaps"}']
    assert channel.send(message("c")).outcome is SendOutcome.AMBIGUOUS


def test_without_a_broker_it_was_surely_not_asked(channels, unused_port):
    began_s = time.monotonic()
    result = channels(unused_port, 1.0).send(message())
    assert (result.outcome, result.detail) == (SendOutcome.RETRY, "no connection to the broker")
    assert time.monotonic() - began_s < 10


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.mark.system
def test_a_home_that_is_not_connected_is_known_at_once(tmp_path, channels):
    if find_mosquitto() is None:
        reason = "mosquitto is not installed: apt-get install mosquitto"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with Broker(tmp_path, prefer="mosquitto") as broker:
        result = channels(broker.port, 30.0).send(message())
    assert (result.outcome, result.detail) == (SendOutcome.RETRY, "the home is not connected")


def test_it_finds_the_broker_again_after_that_was_gone(tmp_path, channels):
    with Broker(tmp_path, prefer="iotcore") as broker:
        home, channel = Home(broker.port), channels(broker.port, 20.0)
        try:
            assert channel.send(message("a")).outcome is SendOutcome.OK
            home.forget_subscription()
            broker.restart()
            home.wait_until_back()
            assert channel.send(message("b")).outcome is SendOutcome.OK
        finally:
            home.close()


def test_many_homes_can_be_asked_at_once(channels, port):
    homes = [Home(port, f"gw-{number}") for number in range(2, 8)]
    channel = channels(port)
    try:
        asked = [message(f"d-{number}", address=home.gateway) for number, home in enumerate(homes)]
        with ThreadPoolExecutor(6) as pool:
            assert {result.outcome for result in pool.map(channel.send, asked)} == {SendOutcome.OK}
        assert [[command.id for command in home.commands] for home in homes] == [[f"d-{n}"] for n in range(6)]
    finally:
        for home in homes:
            home.close()
