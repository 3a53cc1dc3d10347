"""Commands to homes over MQTT 5, and their results: one connection, made at the first command and kept by paho."""

import logging
import secrets
import threading
import time
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contracts.broker import BrokerSettings
from contracts.commands import Command, CommandResult, decode_result, encode_command
from contracts.errors import ContractError
from contracts.topics import Leaf, parse_topic, subscription, topic

log = logging.getLogger(__name__)

QOS: Final = 1
NOBODY_LISTENS: Final = 0x10
"""The broker's word, where it gives one, that the home is not connected."""
_LONGEST_PAUSE_S: Final = 30


class HomeUnreachable(Exception):
    """The command surely did not reach the home: no connection to the broker, or the home has none."""


class NoResult(Exception):
    """The command went out, and the home did not say in time what became of it."""


class MqttHomeCommands:
    """The way to the homes. Safe to use from several threads; connects to nothing before the first command.

    Args:
        broker: where to connect; its password and keys are read once, here.

    Raises:
        OSError, UnicodeDecodeError: a key, certificate or password file of the broker cannot be used.
    """

    def __init__(self, broker: BrokerSettings) -> None:
        self._broker = broker
        self._password, self._tls = broker.password(), broker.tls_context()
        self._changed = threading.Condition()
        self._client: paho.Client | None = None
        self._subscribed = False
        self._results: dict[tuple[str, str], CommandResult | None] = {}  # of each command that is waited for
        self._refusals: dict[int, str] = {}

    def command(self, gateway: str, command: Command, expiry_s: int, until_s: float) -> CommandResult:
        """Send a command and wait for its result, until ``until_s`` of `time.monotonic`.

        Args:
            gateway: id of the home's gateway.
            command: what to do.
            expiry_s: after so many seconds the broker need not deliver it any more.
            until_s: how long may be waited.

        Returns:
            What became of it.

        Raises:
            HomeUnreachable, NoResult: see there.
            ContractError: an id that cannot stand in a topic.
        """
        name, payload, key = topic(gateway, Leaf.COMMAND, command.id), encode_command(command), (gateway, command.id)
        with self._changed:
            client = self._connected(until_s)
            self._results[key] = None
        try:
            # Not under the condition: paho calls back while it holds a lock that publishing needs.
            number = _publish(client, name, payload, expiry_s)
            with self._changed:
                self._changed.wait_for(lambda: self._results.get(key) or number in self._refusals, _left_s(until_s))
                return self._outcome(key, number)
        finally:
            with self._changed:
                self._results.pop(key, None)

    def close(self) -> None:
        """Let the connection go, if there is one; the next command opens it again."""
        with self._changed:
            client, self._client, self._subscribed = self._client, None, False
        if client is not None:
            client.disconnect()
            client.loop_stop()

    # Called with the condition held.

    def _connected(self, until_s: float) -> paho.Client:
        if self._client is None:
            self._client = self._new_client()
            self._client.connect_async(self._broker.host, self._broker.port, self._broker.keepalive_s, clean_start=True)
            self._client.loop_start()
        client = self._client
        if not self._changed.wait_for(lambda: self._subscribed, _left_s(until_s)):
            raise HomeUnreachable("no connection to the broker")
        return client

    def _outcome(self, key: tuple[str, str], number: int) -> CommandResult:
        refused = self._refusals.pop(number, None)
        result = self._results.get(key)
        if result is not None:
            return result
        if refused is not None:
            raise HomeUnreachable(refused)
        raise NoResult("the home did not say in time what became of it")

    def _new_client(self) -> paho.Client:
        # A name of its own each time: two of the same name would throw each other out for ever.
        client = paho.Client(
            CallbackAPIVersion.VERSION2, f"mimamori-alerts-{secrets.token_hex(4)}", protocol=paho.MQTTv5
        )
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        return client

    # Called by paho's thread.

    def _on_connect(self, client: paho.Client, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:  # noqa: ANN401 - paho's
        if code.is_failure:
            log.error("the broker refuses the server: %s; homes cannot be asked", code)
        else:
            client.subscribe(subscription(Leaf.RESULT), QOS)

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, codes: list[ReasonCode], _p: Any) -> None:  # noqa: ANN401
        with self._changed:
            self._subscribed = not any(code.is_failure for code in codes)
            self._changed.notify_all()
        if not self._subscribed:
            log.error("the broker does not let the server hear what homes answer (mim/v1/+/res/+)")

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:  # noqa: ANN401
        with self._changed:
            self._subscribed = False
            self._refusals.clear()  # numbers begin anew
        log.warning("the connection for commands to homes ended: %s", code)

    def _on_publish(self, _c: Any, _u: Any, mid: int, code: ReasonCode, _p: Any) -> None:  # noqa: ANN401
        if code.value != NOBODY_LISTENS and not code.is_failure:
            return
        nobody = code.value == NOBODY_LISTENS
        with self._changed:
            if self._results:
                self._refusals[mid] = "the home is not connected" if nobody else f"the broker refuses it: {code}"
                self._changed.notify_all()

    def _on_message(self, _c: Any, _u: Any, message: MQTTMessage) -> None:  # noqa: ANN401
        try:
            at = parse_topic(message.topic)
            result = decode_result(bytes(message.payload), at.command_id or "")
        except ContractError as error:
            log.error("a result of a home cannot be read: %s", error)
            return
        with self._changed:
            if (at.gateway, result.id) in self._results:
                self._results[at.gateway, result.id] = result
                self._changed.notify_all()


def _publish(client: paho.Client, name: str, payload: bytes, expiry_s: int) -> int:
    """Hand a command over; its number, by which the broker's answer is known."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = max(1, min(expiry_s, 2**32 - 1))
    sent = client.publish(name, payload, QOS, retain=False, properties=properties)
    if sent.rc != paho.MQTT_ERR_SUCCESS:
        raise HomeUnreachable("the connection to the broker was lost")
    return sent.mid


def _left_s(until_s: float) -> float:
    return max(0.0, until_s - time.monotonic())
