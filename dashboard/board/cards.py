"""Who has open incidents, each person once: the most urgent incident leads, the others are named with it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.reading.home_rows import HomeRow
from dashboard.reading.open_incidents import OpenIncident, urgency
from dashboard.reading.states import BoardState

_WORST_FIRST = tuple(BoardState)


@dataclass(frozen=True, slots=True)
class HomeIncident:
    """An open incident and the home that it is about."""

    home_row: HomeRow
    incident: OpenIncident


@dataclass(frozen=True, slots=True)
class Card:
    """One person with open incidents: ``lead`` is the most urgent, ``others`` the rest, the more urgent first."""

    lead: HomeIncident
    others: Sequence[HomeIncident]


def cards_of(home_rows: Iterable[HomeRow]) -> list[Card]:
    """The card of each person with an open incident, in the order of the first of their homes."""
    return [_card(homes) for homes in _by_person(line for line in home_rows if line.incidents)]


def count_people(home_rows: Iterable[HomeRow]) -> Mapping[BoardState, int]:
    """How many people are in which state; who has several homes counts once, by the worst."""
    return Counter(min((line.state for line in homes), key=_WORST_FIRST.index) for homes in _by_person(home_rows))


def _by_person(home_rows: Iterable[HomeRow]) -> list[list[HomeRow]]:
    homes: dict[str, list[HomeRow]] = {}
    for line in home_rows:
        homes.setdefault(line.home["person_id"], []).append(line)
    return list(homes.values())


def _card(homes: Sequence[HomeRow]) -> Card:
    incidents = [HomeIncident(line, incident) for line in homes for incident in line.incidents]
    incidents.sort(key=lambda item: urgency(item.incident))
    return Card(incidents[0], incidents[1:])
