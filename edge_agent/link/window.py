"""Which rows are on their way: a window of batches sent and not yet acknowledged end to end. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.backoff import backoff_s
from contracts.envelope import Ack


@dataclass(slots=True)
class Flight:
    """One batch on its way.

    Attributes:
        numbers: of its events, ascending; those that an ack covered are gone.
        due_s: when it counts as lost, on the monotonic clock.
        tries: how often it was sent.
    """

    numbers: Sequence[int]
    due_s: float
    tries: int = 1


class Window:
    """The flights of one lane. Every row of the lane up to `cursor` is in a flight, or gone from the outbox.

    Args:
        size: most flights at once.
        timeout_s: how long a first try may take; each further one may take twice as long as the one before.
        longest_s: the most a try may take.
    """

    def __init__(self, size: int, timeout_s: float, longest_s: float) -> None:
        self._size = size
        self._timeout_s = timeout_s
        self._longest_s = longest_s
        self.flights: list[Flight] = []
        self.cursor = 0
        self.highest = 0
        """The highest number ever sent, which a `reset` leaves."""

    def reset(self) -> None:
        """Nothing is on its way: everything still in the outbox is to be sent, from the lowest."""
        self.flights.clear()
        self.cursor = 0

    def has_room(self) -> bool:
        """Whether another batch may be sent."""
        return len(self.flights) < self._size

    def sent(self, numbers: Sequence[int], now_s: float) -> None:
        """A new batch left."""
        self.flights.append(Flight(numbers, now_s + self._timeout_s))
        self.cursor = numbers[-1]
        self.highest = max(self.highest, self.cursor)

    def resent(self, flight: Flight, numbers: Sequence[int], now_s: float) -> None:
        """What is left of a flight left again; none left ends it."""
        if not numbers:
            self.flights.remove(flight)
            return
        flight.numbers = numbers
        flight.tries += 1
        flight.due_s = now_s + self._patience_s(flight)

    def acknowledged(self, ack: Ack, now_s: float) -> None:
        """Take note of what is stored. A number named missing stays on its way: it may be right behind.

        What left after a flight that is now stored waits in a queue that moves: it is given its time anew, or a busy
        backend would be sent everything again and become busier still.
        """
        newest = -1
        for place, flight in enumerate(self.flights):
            left = _uncovered(flight.numbers, ack)
            if len(left) < len(flight.numbers):
                flight.numbers, newest = left, place
        if newest >= 0:
            for flight in self.flights[newest + 1 :]:
                flight.due_s = max(flight.due_s, now_s + self._patience_s(flight))
        self.flights = [flight for flight in self.flights if flight.numbers]

    def _patience_s(self, flight: Flight) -> float:
        return backoff_s(flight.tries, self._timeout_s, self._longest_s)

    def overdue(self, now_s: float) -> list[Flight]:
        """The flights that took too long."""
        return [flight for flight in self.flights if flight.due_s <= now_s]

    def next_due_s(self) -> float | None:
        """When the next flight counts as lost; None when nothing is on its way."""
        return min((flight.due_s for flight in self.flights), default=None)


def _uncovered(numbers: Sequence[int], ack: Ack) -> Sequence[int]:
    beyond = bisect_right(numbers, ack.upto)
    if beyond == 0:
        return numbers
    if not ack.missing:
        return numbers[beyond:]
    return [n for n in numbers if not ack.covers(n)]
