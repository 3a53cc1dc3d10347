"""Which numbers of one outbox are stored: the memory behind "each event exactly once". Pure.

An outbox counts its events 1, 2, 3, …, and what was stored is kept as the highest number and the spans missing below
it: a few bytes, however long the history, because gaps close. A number is added once and can be asked for ever after.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
        if n > self.upto:
            return False
        i = bisect_right(self.missing, (n, n)) - 1
        if i + 1 < len(self.missing) and self.missing[i + 1][0] == n:
            return False
        return i < 0 or self.missing[i][1] < n

    def lacks_between(self, low: int, high: int) -> bool:
        """Whether a number strictly between the two is not held."""
        if high - low < 2:
            return False
        if high - 1 > self.upto:
            return True
        i = bisect_left(self.missing, (low + 1, 0))
        from_before = i > 0 and self.missing[i - 1][1] > low
        return from_before or (i < len(self.missing) and self.missing[i][0] < high)

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
        missing = _without(self.missing, first, last) if self.missing else ()
        return Cursor(max(self.upto, last), missing)


def spans_of(numbers: Iterable[int]) -> list[Span]:
    """The numbers as spans, ascending and apart."""
    spans: list[Span] = []
    for n in sorted(numbers):
        if spans and n <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], n)
        else:
            spans.append((n, n))
    return spans


def _without(spans: Sequence[Span], first: int, last: int) -> tuple[Span, ...]:
    begin = bisect_left(spans, (first, 0))
    if begin and spans[begin - 1][1] >= first:
        begin -= 1
    end = bisect_right(spans, (last, last))
    if end < len(spans) and spans[end][0] <= last:
        end += 1
    left = [(low, first - 1) for low, _ in spans[begin:end] if low < first]
    right = [(last + 1, high) for _, high in spans[begin:end] if high > last]
    return (*spans[:begin], *left, *right, *spans[end:])
