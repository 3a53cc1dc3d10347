"""What happened in an incident, for reading: what was said repeatedly is one line, with all of it behind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

Entry = Mapping[str, Any]
"""An audit line, with ``note``: what was written with it."""
LEAST: Final = 3
"""So many of a kind in a row become one line; two are read as quickly as their sum."""
_SAME: Final = ("what", "actor", "channel", "reasons", "params", "note")


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of a history: ``entries`` are of one kind and in order of time; more than one are folded."""

    entries: Sequence[Entry]

    @property
    def first(self) -> Entry:
        """The first of them."""
        return self.entries[0]

    @property
    def last(self) -> Entry:
        """The last of them."""
        return self.entries[-1]


def folded(entries: Iterable[Entry]) -> list[HistoryLine]:
    """The lines of a history. `LEAST` or more successive entries that say the same are one; none is left out."""
    told: list[HistoryLine] = []
    for _, group in groupby(entries, key=_said):
        alike = list(group)
        told += [HistoryLine(alike)] if len(alike) >= LEAST else [HistoryLine([entry]) for entry in alike]
    return told


def _said(entry: Entry) -> tuple[Any, ...]:
    return tuple(entry[name] for name in _SAME)
