"""From an MQTT message to what it says, or to what is wrong with it. Pure: bytes in, dataclasses out, nothing raised.

One event that breaks the contract does not hold back the others of its batch: it comes out by itself, with its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.commands import CommandResult, decode_config_report, decode_result
from contracts.envelope import Batch, RejectedEvent, salvage_batch
from contracts.errors import ContractError, InvalidTopic
from contracts.health import GatewayState, Heartbeat, Meta, decode_heartbeat, decode_meta, decode_state
from contracts.topics import Leaf, Topic, parse_topic
from ingest.intake.ports import Inbound


@dataclass(frozen=True, slots=True)
class ConfigReported:
    """The home applied the desired settings of this revision."""

    revision: int


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be taken in: a row of ``quarantine``, which says what its fields mean.

    A row with a key ``(gateway, epoch, n)`` is one event of a readable batch, and counts as handled; one without is a
    whole message. ``gateway`` is empty when even the topic is none of ours.
    """

    gateway: str
    received_ms: int
    topic: str
    reason: str
    detail: str
    payload: bytes
    epoch: str | None = None
    n: int | None = None


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
        rejected: events of a batch that broke the contract; the batch holds the others, perhaps none.
    """

    gateway: str
    leaf: Leaf
    received_ms: int
    topic: str
    body: Body
    rejected: Sequence[RejectedEvent] = ()

    def refused(self, reason: str, detail: str, payload: bytes = b"") -> Refused:
        """The whole message, refused although it could be read."""
        return Refused(self.gateway, self.received_ms, self.topic, reason, detail, payload)


def decode(message: Inbound) -> Arrival | Refused:
    """Read one message."""
    gateway = ""
    try:
        topic = parse_topic(message.topic)
        gateway = topic.gateway
        body, rejected = _decode_body(topic, message.payload)
    except ContractError as error:
        return Refused(gateway, message.received_ms, message.topic, error.reason, error.detail, message.payload)
    return Arrival(gateway, topic.leaf, message.received_ms, message.topic, body, rejected)


def _decode_body(topic: Topic, payload: bytes) -> tuple[Body, Sequence[RejectedEvent]]:
    gateway = topic.gateway
    match topic.leaf:
        case Leaf.EVENTS | Leaf.PRIORITY:
            return salvage_batch(payload, gateway)
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
