"""Who has open cases, each person once: the most urgent case leads, the others are named with it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.reading.cases import Case, urgency
from dashboard.reading.home_rows import Line
from dashboard.reading.states import HomeState

_WORST_FIRST = tuple(HomeState)


@dataclass(frozen=True, slots=True)
class Matter:
    """An open case and the home that it is about."""

    line: Line
    case: Case


@dataclass(frozen=True, slots=True)
class Card:
    """One person with open cases: ``lead`` is the most urgent of them, ``others`` the rest, the more urgent first."""

    lead: Matter
    others: Sequence[Matter]


def cards_of(lines: Iterable[Line]) -> list[Card]:
    """The card of each person with an open case, in the order of the first of their homes."""
    return [_card(homes) for homes in _by_person(line for line in lines if line.cases)]


def count_people(lines: Iterable[Line]) -> Mapping[HomeState, int]:
    """How many people are in which state; who has several homes counts once, by the worst."""
    return Counter(min((line.state for line in homes), key=_WORST_FIRST.index) for homes in _by_person(lines))


def _by_person(lines: Iterable[Line]) -> list[list[Line]]:
    homes: dict[str, list[Line]] = {}
    for line in lines:
        homes.setdefault(line.home["person_id"], []).append(line)
    return list(homes.values())


def _card(homes: Sequence[Line]) -> Card:
    matters = [Matter(line, case) for line in homes for case in line.cases]
    matters.sort(key=lambda matter: urgency(matter.case))
    return Card(matters[0], matters[1:])
