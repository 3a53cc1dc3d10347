"""From an MQTT message to what it says, or to what is wrong with it. Pure: bytes in, dataclasses out, nothing raised.

One event that breaks the contract does not hold back the others of its batch: it comes out as a fault with its key.
"""

from dataclasses import dataclass

from contracts.commands import CommandResult, decode_config_report, decode_result
from contracts.envelope import Batch, salvage_batch
from contracts.errors import ContractError, InvalidTopic
from contracts.health import GatewayState, Heartbeat, Meta, decode_heartbeat, decode_meta, decode_state
from contracts.topics import Leaf, Topic, parse_topic
from ingest.intake.ports import Inbound


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


Body = Batch | Heartbeat | GatewayState | Meta | ConfigReported | CommandResult


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
            batch, rejected = salvage_batch(payload, gateway)
            return batch, tuple(EventFault(batch.epoch, one.n, one.reason, one.detail, one.raw) for one in rejected)
        case Leaf.HEARTBEAT:
            return decode_heartbeat(payload, gateway), ()
        case Leaf.STATE:
            return decode_state(payload, gateway), ()
        case Leaf.META:
            return decode_meta(payload, gateway), ()
        case Leaf.CONFIG_REPORT:
            return ConfigReported(decode_config_report(payload)), ()
        case Leaf.RESULT:
            return decode_result(payload, topic.command_id or ""), ()
        case _:
            raise InvalidTopic(f"'{topic.leaf}' goes down to homes, it never comes up")
