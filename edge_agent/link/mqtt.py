"""One connection to the broker: MQTT 5 over paho-mqtt. A lost one is thrown away, never repaired.

paho keeps unacknowledged messages and sends them again by itself after a reconnect; we send from the outbox. A fresh
client for each connection has nothing to repeat and no packet ids that could be mistaken for new ones.
"""

import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.client import ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contracts.broker import BrokerSettings
from edge_agent.errors import LinkError

log = logging.getLogger(__name__)

QOS: Final = 1
_REFUSED: Final = 0x80
"""Reason codes from here on are failures, although paho counts such a message as published."""


class Connection:
    """Opens in the constructor's thread, then lives in a thread of paho's. Its callbacks must not wait for anything.

    Args:
        broker: where, and with which keys.
        client_id: one at a time per broker.
        will: topic and payload of the last will, retained.
        tell: called with this connection, a word, a text and a payload: ``up`` when the broker accepted us; ``down``,
            with the reason, when the connection is lost or was refused; ``refused``, with the reason, when the broker
            refused a publish or subscription; ``message``, with the topic and the payload.

    Raises:
        OSError: the broker cannot be reached.
        LinkError: a certificate or key cannot be used.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        will: tuple[str, bytes],
        tell: "Callable[[Connection, str, str, bytes], None]",
    ) -> None:
        self._tell = partial(tell, self)
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, reconnect_on_failure=False)
        self._client = client
        client.max_inflight_messages_set(0)  # the window of the link is the limit
        client.will_set(will[0], will[1], QOS, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = lambda _c, _u, _flags, code, _p: self._tell("down", str(code), b"")
        client.on_message = lambda _c, _u, message: self._tell("message", message.topic, bytes(message.payload))
        client.on_publish = lambda _c, _u, _mid, code, _p: self._check("a publish", [code])
        client.on_subscribe = lambda _c, _u, _mid, codes, _p: self._check("a subscription", codes)
        client.on_socket_open = _send_at_once
        _authenticate(client, broker)
        client.connect(broker.host, broker.port, keepalive=broker.keepalive_s, clean_start=True)
        client.loop_start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None) -> None:
        """Hand a message over. It may never arrive, and nobody will say so: what must arrive is acknowledged by us."""
        properties = None
        if expiry_s is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expiry_s
        self._client.publish(topic, payload, QOS, retain, properties)

    def subscribe(self, topic: str) -> None:
        """Ask for a topic."""
        self._client.subscribe(topic, QOS)

    def farewell(self, topic: str, payload: bytes, timeout_s: float) -> None:
        """Publish a last, retained message, wait until the broker has it, and close."""
        info = self._client.publish(topic, payload, QOS, retain=True)
        try:
            info.wait_for_publish(timeout_s)
        except (RuntimeError, ValueError):
            log.info("the broker went before the farewell")
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """Cut the connection without a word, as a power cut would: the broker publishes the last will."""
        self._client.on_disconnect = None
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("the socket was closed already")
        self._client.loop_stop()

    def _on_connect(self, _c: Any, _u: Any, _f: ConnectFlags, code: ReasonCode, _p: Properties | None) -> None:  # noqa: ANN401
        if code.is_failure:
            self._tell("down", f"the broker refused the connection: {code}", b"")
        else:
            self._tell("up", "", b"")

    def _check(self, what: str, codes: Sequence[ReasonCode]) -> None:
        for code in codes:
            if code.value >= _REFUSED:
                self._tell("refused", f"{what} was refused: {code}", b"")


def _send_at_once(_client: Any, _userdata: Any, sock: Any) -> None:  # noqa: ANN401 - paho's types
    """Without this, the second of two small messages waits up to 40 ms for the first to be confirmed by TCP."""
    if isinstance(sock, socket.socket) and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _authenticate(client: paho.Client, broker: BrokerSettings) -> None:
    try:
        if broker.tls:
            client.tls_set_context(broker.tls_context())
        if broker.username:
            client.username_pw_set(broker.username, broker.password())
    except (OSError, ValueError) as error:
        raise LinkError(f"the certificate, key or password file of [broker] cannot be used: {error}") from None
