"""A source that a simulation, a test or a demo fills by hand."""

import queue
import threading
from collections.abc import Sequence
from typing import Final

from contracts.health import Sensor
from edge_agent.ports import Emit, Reading

LOOK_S: Final = 0.2


class SimulatedSource:
    """Emits what is pushed into it, in order.

    Args:
        name: unique in the agent.
        sensors: announced in the inventory.
    """

    def __init__(self, name: str = "simulated", sensors: Sequence[Sensor] = ()) -> None:
        self.name = name
        self.sensors: Sequence[Sensor] = tuple(sensors)
        self._readings: queue.SimpleQueue[Reading] = queue.SimpleQueue()

    def push(self, reading: Reading) -> None:
        """Let a sensor see something. Never blocks."""
        self._readings.put(reading)

    def run(self, emit: Emit, stop: threading.Event) -> None:
        """Emit until told to stop; what was pushed before is emitted first."""
        while True:
            try:
                emit(self._readings.get(timeout=LOOK_S))
            except queue.Empty:
                if stop.is_set():
                    return
