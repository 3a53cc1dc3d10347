"""What ingest takes in and gives out. The time series and the clock have their ports in ``store`` and ``contracts``."""

from dataclasses import dataclass


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
