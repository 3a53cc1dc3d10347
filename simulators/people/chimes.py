"""The chimes of simulated homes: who is at home and well hears it, and presses the button as people answer."""

import queue
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from contracts.clock import Clock
from contracts.events import Kind, Press
from edge_agent.ports import Reading
from simulators.people.household import Condition
from simulators.people.responder import ActKind, ReceivedMessage, decide

BUTTON: Final = "bedside.button"
_PRESSES: Final = {ActKind.SAFE: Press.OK, ActKind.CANNOT: Press.HELP}


@dataclass(frozen=True, slots=True)
class Chimed:
    """A chime that sounded: in which home, when (ms UTC)."""

    home: str
    at_ms: int


class SimulatedChime:
    """The devices of one home, behind the agent's port. They never fail.

    Args:
        home: id of the home.
        clock: of the simulation.
        on_chime: where each question is put down, in the agent's thread.
    """

    def __init__(self, home: str, clock: Clock, on_chime: "queue.SimpleQueue[Chimed]") -> None:
        self._home, self._clock, self._on_chime = home, clock, on_chime

    def ask(self, _text: str) -> str:
        """Somebody may answer."""
        self._on_chime.put(Chimed(self._home, self._clock.wall_ms()))
        return ""

    def tell(self, _text: str) -> str:
        """Nobody answers news."""
        return ""

    def light_off(self) -> str:
        """The light is out."""
        return ""


class Chimes:
    """What became of the questions of all homes: made of the seed, whatever the order of threads.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.sounded: queue.SimpleQueue[Chimed] = queue.SimpleQueue()
        self._seed = seed
        self._occasions: Counter[str] = Counter()

    def presses(self, condition: Callable[[str, int], Condition]) -> Iterator[tuple[str, Reading]]:
        """The presses that answer the questions since the last call, each with its home and in its own time.

        Args:
            condition: how the person of a home is at a moment (ms UTC).
        """
        while not self.sounded.empty():
            chimed = self.sounded.get()
            occasion, self._occasions[chimed.home] = self._occasions[chimed.home], self._occasions[chimed.home] + 1
            if condition(chimed.home, chimed.at_ms) is Condition.AWAY:
                continue  # unlike a telephone, it is not heard there
            message = ReceivedMessage(chimed.home, chimed.home, "ask", chimed.at_ms, occasion)
            for act in decide(self._seed, message, lambda at_ms, home=chimed.home: condition(home, at_ms)):  # type: ignore[misc]
                fields = {"press": str(_PRESSES[act.kind])}
                yield chimed.home, Reading(BUTTON, Kind.BUTTON, fields, wall_ms=chimed.at_ms + act.delay_ms)
