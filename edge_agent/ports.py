"""What a family of sensors has to offer, and what the agent needs to know of a reading."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contracts.health import Sensor


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source saw.

    Attributes:
        sensor: sensor id, unique in the home.
        kind: one of `contracts.events.Kind`, or a later version's word.
        fields: the fields of the kind, with the units of `contracts.events.FIELDS`.
        wall_ms: recorded or simulated time, ms UTC; None: the agent takes its clock now.
        position: place of this reading in its source, counting up from 1. It is committed together with the event, so
            that a killed agent resumes there. None: the source cannot be resumed.
    """

    sensor: str
    kind: str
    fields: Mapping[str, Any]
    wall_ms: int | None = None
    position: int | None = None


Emit = Callable[[Reading], None]


class Source(Protocol):
    """One family of sensors.

    Attributes:
        name: stable and unique in the agent: the position in the source is kept under it.
        sensors: what the source announces in the inventory of the home.
        paced: the source can wait (a recording). It then does wait while the backend is out of reach or behind. The
            sensors of a real home cannot, and are never blocked.
        finite: `run` comes to an end by itself, and with all finite sources at an end and all acknowledged, so does
            the agent.
    """

    name: str
    sensors: Sequence[Sensor]
    paced: bool
    finite: bool

    def run(self, emit: Emit, resume_after: int, stop: threading.Event) -> None:
        """Emit readings until ``stop`` is set or there are no more.

        Args:
            emit: takes one reading; may block (back-pressure). Raises `contracts.errors.ContractError` for a reading
                that breaks the contract, and `SourceStopped` when the agent stops meanwhile.
            resume_after: the last position committed by an earlier run, 0 for none.
            stop: set when the agent stops.
        """
        ...


class SourceStopped(Exception):
    """The agent stops; the source unwinds. Not an error."""
