"""What ingest takes in and gives out. The time series and the clock have their ports in ``store`` and ``contracts``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from the broker; ``received_ms`` is when the backend got it (ms UTC)."""

    topic: str
    payload: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class Outbound:
    """One message for the broker, QoS 1, not retained."""

    topic: str
    payload: bytes


class Processor(Protocol):
    """What the consumer needs of the pipeline."""

    def process(self, messages: Sequence[Inbound]) -> list[Outbound]:
        """Make the effects of the messages durable, then say which acks may go out. Safe to repeat after an error."""
        ...

    def record_presses(self, messages: Sequence[Inbound]) -> None:
        """Write the calls for help in the messages into the ledger, before and beside all else. Safe to repeat."""
        ...

    def current_acks(self) -> list[Outbound]:
        """An ack of what is stored now, for the newest outbox of each gateway."""
        ...

    def set_aside(self, message: Inbound, detail: str) -> None:
        """Quarantine a message that cannot be processed although nothing is wrong with it that we know of."""
        ...
