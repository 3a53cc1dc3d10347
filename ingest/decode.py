"""From an MQTT message to what it says, or to what is wrong with it. Pure: bytes in, dataclasses out, nothing raised.

One event that breaks the contract does not hold back the others of its batch: it is cut out with its key, as long as
the envelope around it is sound and it says its number. Otherwise the whole message is broken.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from contracts.commands import Result, decode_config_report, decode_result
from contracts.envelope import MAX_EVENTS, Batch, decode_batch
from contracts.errors import ContractError, InvalidTopic, MalformedMessage, OversizedMessage
from contracts.events import Event
from contracts.health import Heartbeat, Meta, State, decode_heartbeat, decode_meta, decode_state
from contracts.strict import MAX_INT, dump, load
from contracts.topics import Leaf, Topic, parse_topic
from ingest.ports import Inbound


@dataclass(frozen=True, slots=True)
class EventFault:
    """One event of a readable batch that cannot be stored. Its key ``(gateway, epoch, n)`` counts as handled."""

    epoch: str
    n: int
    reason: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ConfigReported:
    """The home applied the desired settings of this revision."""

    revision: int


Body = Batch | Heartbeat | State | Meta | ConfigReported | Result


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that could be read.

    Attributes:
        gateway: whose, from the topic.
        leaf: what kind of message.
        received_ms: when the backend got it, ms UTC.
        topic: the topic as it came.
        body: what it says.
        faults: events of a batch that broke the contract; the batch holds the others, perhaps none.
    """

    gateway: str
    leaf: Leaf
    received_ms: int
    topic: str
    body: Body
    faults: tuple[EventFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """A message that could not be read. ``gateway`` is empty when even the topic is none of ours."""

    gateway: str
    received_ms: int
    topic: str
    reason: str
    detail: str
    payload: bytes


def decode(message: Inbound) -> Arrival | Broken:
    """Read one message."""
    gateway = ""
    try:
        topic = parse_topic(message.topic)
        gateway = topic.gateway
        body, faults = _decode_body(topic, message.payload)
    except ContractError as error:
        return Broken(gateway, message.received_ms, message.topic, error.reason, error.detail, message.payload)
    return Arrival(gateway, topic.leaf, message.received_ms, message.topic, body, faults)


def _decode_body(topic: Topic, payload: bytes) -> tuple[Body, tuple[EventFault, ...]]:
    gateway = topic.gateway
    match topic.leaf:
        case Leaf.EVENTS | Leaf.PRIORITY:
            return _decode_events(payload, gateway)
        case Leaf.HEARTBEAT:
            body: Body = decode_heartbeat(payload, gateway)
        case Leaf.STATE:
            body = decode_state(payload, gateway)
        case Leaf.META:
            body = decode_meta(payload, gateway)
        case Leaf.CONFIG_REPORT:
            body = ConfigReported(decode_config_report(payload))
        case Leaf.RESULT:
            body = decode_result(payload, topic.command_id or "")
        case _:
            raise InvalidTopic(f"'{topic.leaf}' goes down to homes, it never comes up")
    _check_text(payload)
    return body, ()


def _decode_events(payload: bytes, gateway: str) -> tuple[Batch, tuple[EventFault, ...]]:
    try:
        batch = decode_batch(payload, gateway)
        _check_text(payload)
        return batch, ()
    except OversizedMessage:
        raise
    except MalformedMessage as error:
        salvaged = _salvage(payload, gateway)
        if salvaged is None:
            raise error from None
        return salvaged


def _check_text(payload: bytes) -> None:
    """Refuse text that no store takes: an escaped half of a surrogate pair, or NUL (PostgreSQL has none)."""
    if b"\\u" not in payload:
        return  # UTF-8 was checked, and JSON forbids a bare NUL
    try:
        text = _as_text(json.loads(payload))
    except (ValueError, RecursionError):
        raise MalformedMessage("a text holds half a surrogate pair, which is no character") from None
    if "\\u0000" in text:
        raise MalformedMessage("a text holds the character NUL")


def _as_text(message: object) -> str:
    text = json.dumps(message, ensure_ascii=False)
    text.encode()
    return text


# A sound event, to try whether the envelope around the broken ones is sound.
_SOUND: Final[Mapping[str, Any]] = {"n": 1, "t": 0, "q": 0, "m": 0, "s": "s", "k": "k", "x": {}, "bf": False}


def _salvage(payload: bytes, gateway: str) -> tuple[Batch, tuple[EventFault, ...]] | None:
    """The sound events of a batch, and the others as faults; None when the trouble is not in single events."""
    try:
        message = json.loads(payload)
        items = load(payload).items("ev", MAX_EVENTS)
        envelope = _alone(message, _SOUND, gateway)
        numbers = [_number(item) for item in items]
    except (ContractError, ValueError, RecursionError):
        return None
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        return None
    events: list[Event] = []
    faults: list[EventFault] = []
    for n, item in zip(numbers, items, strict=True):
        try:
            events.extend(_alone(message, item, gateway).events)
        except ContractError as error:
            # Each was read as the only one of its batch, so its place is named by its number instead.
            detail = error.detail.replace("ev[0]", f"event {n}")
            faults.append(EventFault(envelope.epoch, n, error.reason, detail, _raw(item)))
    return replace(envelope, events=events), tuple(faults)


def _alone(message: Mapping[str, Any], item: object, gateway: str) -> Batch:
    try:
        payload = dump({**message, "ev": [item]})
    except (ValueError, RecursionError):
        raise MalformedMessage("ev[0] holds a number or a text that JSON cannot carry") from None
    batch = decode_batch(payload, gateway)
    _check_text(payload)
    return batch


def _number(item: object) -> int:
    n = item.get("n") if isinstance(item, dict) else None
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_INT:
        raise MalformedMessage("an event without a number cannot be named")
    return n


def _raw(item: object) -> bytes:
    return json.dumps(item, separators=(",", ":")).encode()
