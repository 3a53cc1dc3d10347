"""What a fleet of simulated homes needs to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulators.town.neighbourhood import Neighbourhood
from simulators.town.scenario import Plot


class FleetError(RuntimeError):
    """The fleet cannot do what was asked; the message says what and what to do."""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """A fleet.

    Attributes:
        town: whose homes they are.
        broker_url: ``mqtt://host:port`` of an MQTT 5 broker.
        folder: where the homes' outboxes lie; it must exist.
        scenario: what goes wrong, plots by home id.
        ack_timeout_s: how long `advance` waits for the backend's acks, s of real time.
    """

    town: Neighbourhood
    broker_url: str
    folder: Path
    scenario: Mapping[str, Sequence[Plot]] = field(default_factory=dict)
    ack_timeout_s: float = 30.0
