"""Which numbers of one outbox are stored: the memory behind "each event exactly once". Pure.

An outbox counts its events 1, 2, 3, …, and what was stored is kept as the highest number and the spans missing below
it: a few bytes, however long the history, because gaps close. A number is added once and can be asked for ever after.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

Span = tuple[int, int]
"""``(first, last)``, both inside."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The numbers of one ``(gateway, epoch)`` that need not be sent again.

    Attributes:
        upto: highest number held; 0 when there is none.
        missing: spans below ``upto`` that are not held, ascending and apart, never touching.
    """

    upto: int = 0
    missing: tuple[Span, ...] = ()

    def holds(self, n: int) -> bool:
        """Whether the number (1 or more) is held. O(log of the gaps)."""
        return n <= self.upto and not self.missing[self._missing_in(n, n)]

    def lacks_between(self, low: int, high: int) -> bool:
        """Whether a number strictly between the two is not held."""
        first, last = low + 1, high - 1
        return first <= last and (last > self.upto or bool(self.missing[self._missing_in(first, last)]))

    def add(self, numbers: Iterable[int]) -> "Cursor":
        """With these numbers (each 1 or more, in any order, held or not) held as well."""
        cursor = self
        for first, last in spans_of(numbers):
            cursor = cursor._add_span(first, last)
        return cursor

    def give_up_below(self, lowest: int) -> "tuple[Cursor, int]":
        """With nothing missing below ``lowest`` any more, and how many numbers were given up by that.

        The device says that ``lowest`` is the lowest number it still has: what is missing below will never come.
        """
        given_up = sum(min(last, lowest - 1) - first + 1 for first, last in self.missing if first < lowest)
        given_up += max(0, lowest - 1 - self.upto)
        if not given_up:
            return self, 0
        missing = tuple((max(first, lowest), last) for first, last in self.missing if last >= lowest)
        return Cursor(max(self.upto, lowest - 1), missing), given_up

    def _add_span(self, first: int, last: int) -> "Cursor":
        if first > self.upto:
            gap = ((self.upto + 1, first - 1),) if first > self.upto + 1 else ()
            return Cursor(last, self.missing + gap)
        at = self._missing_in(first, last)
        touched = self.missing[at]
        left = [(low, first - 1) for low, _ in touched if low < first]
        right = [(last + 1, high) for _, high in touched if high > last]
        return Cursor(max(self.upto, last), (*self.missing[: at.start], *left, *right, *self.missing[at.stop :]))

    def _missing_in(self, first: int, last: int) -> slice:
        """Where in ``missing`` the spans are that have a number from ``first`` to ``last``."""
        begin = bisect_left(self.missing, first, key=itemgetter(1))
        return slice(begin, bisect_right(self.missing, last, lo=begin, key=itemgetter(0)))


def spans_of(numbers: Iterable[int]) -> list[Span]:
    """The numbers as spans, ascending and apart."""
    spans: list[Span] = []
    for n in sorted(numbers):
        if spans and n <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], n)
        else:
            spans.append((n, n))
    return spans
