"""What a family of sensors has to offer, and what the agent needs to know of a reading."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from contracts.health import Sensor


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source saw.

    Attributes:
        sensor: sensor id, unique in the home.
        kind: one of `contracts.events.Kind`, or a later version's word.
        fields: the fields of the kind, with the units of `contracts.events.FIELDS`.
        wall_ms: recorded or simulated time, ms UTC; None: the agent takes its clock now.
    """

    sensor: str
    kind: str
    fields: Mapping[str, Any]
    wall_ms: int | None = None


Emit = Callable[[Reading], None]
"""Takes one reading. A reading that breaks the contract is logged and passed over."""
EmitAt = Callable[[Reading, int], None]
"""Takes one reading and its place in the recording, counting up from 1; blocks while the backend is out of reach or
behind. The place is committed together with the event, so that a killed agent resumes there.

Raises:
    ContractError: the reading breaks the contract.
    SourceStopped: the agent stops meanwhile.
"""


class Source(Protocol):
    """One family of sensors of a real home, which cannot wait and is never blocked.

    Attributes:
        name: unique in the agent.
        sensors: what the source announces in the inventory of the home.
    """

    name: str
    sensors: Sequence[Sensor]

    def run(self, emit: Emit, stop: threading.Event) -> None:
        """Emit readings until ``stop`` is set, which it is when the agent stops."""
        ...


@runtime_checkable
class Recording(Protocol):
    """A home that was recorded: it waits for the backend, comes to an end, and goes on where an earlier run stopped.

    Attributes:
        name: stable and unique in the agent: the place in the recording is kept under it.
        sensors: what the recording announces in the inventory of the home.
        exit_when_done: with all such recordings at an end and all acknowledged, the agent ends.
    """

    name: str
    sensors: Sequence[Sensor]
    exit_when_done: bool

    def play(self, emit: EmitAt, resume_after: int, stop: threading.Event) -> None:
        """Emit readings until ``stop`` is set or there are no more.

        Args:
            emit: takes one reading and its place.
            resume_after: the last place committed by an earlier run, 0 for none.
            stop: set when the agent stops.
        """
        ...


class SourceSettings(Protocol):
    """One table ``[[sources]]`` of ``agent.toml``, checked."""

    def open(self) -> Source | Recording:
        """The source; its ``str`` says in a line what was found there.

        Raises:
            EdgeError: it cannot be used.
        """
        ...


class SourceStopped(Exception):
    """The agent stops; the source unwinds. Not an error."""
