"""The MQTT topics, built and taken apart in one place."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.errors import InvalidTopic

ROOT: Final = "mim/v1"
_GATEWAY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_COMMAND_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOPIC: Final = re.compile(r"mim/v1/([^/]+)/([a-z]+)(?:/([^/]+))?")


class Leaf(StrEnum):
    """What a topic carries: its last fixed level."""

    EVENTS = "ev"
    PRIORITY = "evp"
    HEARTBEAT = "hb"
    STATE = "state"
    META = "meta"
    ACK = "ack"
    CONFIG = "cfg"
    CONFIG_REPORT = "cfgrep"
    COMMAND = "cmd"
    RESULT = "res"


UP: Final = (
    Leaf.EVENTS,
    Leaf.PRIORITY,
    Leaf.HEARTBEAT,
    Leaf.STATE,
    Leaf.META,
    Leaf.CONFIG_REPORT,
    Leaf.RESULT,
)
"""From the home to the backend."""
DOWN: Final = (Leaf.ACK, Leaf.CONFIG, Leaf.COMMAND)
"""From the backend to the home."""
RETAINED: Final = frozenset({Leaf.STATE, Leaf.META, Leaf.CONFIG})
_WITH_ID: Final = frozenset({Leaf.COMMAND, Leaf.RESULT})


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic: whose, what, and the id behind ``cmd/`` and ``res/`` (else None)."""

    gateway: str
    leaf: Leaf
    command_id: str | None = None

    def __str__(self) -> str:
        tail = f"/{self.command_id}" if self.command_id else ""
        return f"{ROOT}/{self.gateway}/{self.leaf}{tail}"


def check_gateway(gateway: str) -> str:
    """The gateway id itself, if it may stand in a topic.

    Raises:
        InvalidTopic: it is empty, longer than 64, or holds anything but letters, digits, ``-`` and ``_``.
    """
    if not _GATEWAY.fullmatch(gateway):
        raise InvalidTopic("a gateway id has 1 to 64 letters, digits, '-' or '_' and begins with a letter or digit")
    return gateway


def topic(gateway: str, leaf: Leaf, command_id: str | None = None) -> str:
    """The topic of one gateway.

    Raises:
        InvalidTopic: the gateway id or the command id cannot stand in a topic, or the latter is missing or not wanted.
    """
    return str(_checked(gateway, leaf, command_id))


def subscription(leaf: Leaf, gateway: str = "+") -> str:
    """The filter that catches ``leaf`` of one gateway, or of all.

    Raises:
        InvalidTopic: the gateway id cannot stand in a topic.
    """
    if gateway != "+":
        check_gateway(gateway)
    return f"{ROOT}/{gateway}/{leaf}" + ("/+" if leaf in _WITH_ID else "")


def parse_topic(text: str) -> Topic:
    """Take a topic apart.

    Raises:
        InvalidTopic: it is not one of the contract's topics.
    """
    match = _TOPIC.fullmatch(text)
    if match is None:
        raise InvalidTopic(f"expected {ROOT}/<gateway>/<leaf>")
    gateway, leaf_text, command_id = match.groups()
    try:
        leaf = Leaf(leaf_text)
    except ValueError:
        raise InvalidTopic("unknown last level; known: " + ", ".join(Leaf)) from None
    return _checked(gateway, leaf, command_id)


def _checked(gateway: str, leaf: Leaf, command_id: str | None) -> Topic:
    check_gateway(gateway)
    if (command_id is not None) != (leaf in _WITH_ID):
        raise InvalidTopic(f"'{leaf}' {'needs' if leaf in _WITH_ID else 'takes no'} id behind it")
    if command_id is not None and not _COMMAND_ID.fullmatch(command_id):
        raise InvalidTopic("a command id has 1 to 64 letters, digits, '-' or '_'")
    return Topic(gateway, leaf, command_id)
