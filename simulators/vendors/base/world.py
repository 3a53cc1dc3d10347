"""What a vendor remembers between requests, as far as it is the same for all: its time, and how requests ended."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

Json = dict[str, Any]


class World:
    """The memory of a double. Hold ``lock`` while changing it.

    Args:
        clock: the present time, ms UTC; `advance` adds to it.

    Attributes:
        seen: how often a request or a webhook ended in which way, such as ``push 200`` or ``webhook 500``.
        refused: what the vendor found wrong with requests, in words.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._ahead_ms = 0
        self.seen: Counter[str] = Counter()
        self.refused: list[str] = []

    def now_ms(self) -> int:
        """The time of this world, ms UTC."""
        return self._clock() + self._ahead_ms

    def advance(self, by_ms: int) -> None:
        """Let time pass."""
        with self.lock:
            self._ahead_ms += by_ms

    def count(self, what: str) -> None:
        """One more that ended so."""
        with self.lock:
            self.seen[what] += 1

    def state(self) -> Json:
        """Everything that a test or a story asks for, as JSON."""
        return {"seen": dict(self.seen), "refused": list(self.refused)}


def part(name: str) -> Any:  # noqa: ANN401 - what FastAPI resolves
    """What a route finds under that name by the application that was asked; see `application.create_app`."""

    async def find(request: Request) -> Any:  # noqa: ANN401
        return getattr(request.app.state, name)

    return Depends(find)


WorldOf = Annotated[World, part("world")]
