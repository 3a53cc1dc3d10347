"""A made-up town: who lives where, who watches over whom, and who works at the council. All drawn from the seed.

The watched watch others: a role is a relation, never a kind of person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from numpy.random import Generator
from sqlalchemy import Engine

from simulators.people.names import AREAS, COUNCIL, HUB, draw_names
from simulators.people.streams import StreamPurpose, stream
from simulators.people.traits import Traits, draw_traits
from store.register.registry import edit

COUNCIL_ID: Final = "council"
HUB_ID: Final = "hub"
ZONE: Final = "Asia/Tokyo"
OUTBOX: Final = "outbox"
_STAFF: Final = 2
_VOLUNTEERS: Final = 1
_HOMES_AN_AREA: Final = 4


@dataclass(frozen=True, slots=True)
class TownPerson:
    """Somebody in the story. The ``id`` is their address on the channel `OUTBOX`, too."""

    id: str
    name: str
    kana: str


@dataclass(frozen=True, slots=True)
class Contact:
    """One way of reaching somebody. ``channel`` as in contact methods."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class HomePlan:
    """One watched home.

    Attributes:
        id: home id; gateway: its gateway's pseudonymous id.
        number: names the random streams of its person.
        person: who lives there, with traits.
        area: district of the town; zone: IANA time zone.
    """

    id: str
    gateway: str
    number: int
    person: TownPerson
    traits: Traits
    area: str
    zone: str = ZONE


@dataclass(frozen=True, slots=True)
class Relation:
    """``other`` watches over ``subject``; both are person ids. ``role``: neighbour, staff or hub_volunteer."""

    subject: str
    other: str
    role: str


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The whole town.

    Attributes:
        seed: what it was drawn from.
        homes: the watched homes.
        other_neighbours: registered helpers who are not watched, one an area at least.
        landlines: neighbours with nothing but a telephone on the wall, one an area.
        staff: of the council; volunteers: of the hub.
    """

    seed: int
    homes: Sequence[HomePlan]
    other_neighbours: Sequence[TownPerson]
    landlines: Sequence[TownPerson]
    staff: Sequence[TownPerson]
    volunteers: Sequence[TownPerson]

    @property
    def people(self) -> list[TownPerson]:
        """Everybody, each once."""
        watched = [home.person for home in self.homes]
        return [*watched, *self.other_neighbours, *self.staff, *self.volunteers, *self.landlines]

    def home(self, home_id: str) -> HomePlan:
        """The home of that id. Raises KeyError."""
        return {home.id: home for home in self.homes}[home_id]

    def home_of(self, person_id: str) -> HomePlan | None:
        """The home of a person; None for those who are not watched."""
        return next((home for home in self.homes if home.person.id == person_id), None)

    @property
    def relations(self) -> list[Relation]:
        """Who watches over whom."""
        return [relation for home in self.homes for relation in self._relations(home)]

    def _relations(self, home: HomePlan) -> list[Relation]:
        """Two neighbours who live next along, a helper (two where nobody else lives near), a landline, staff, hub."""
        nearby = [other.person for other in self.homes if other.area == home.area and other.number > home.number]
        nearby += [other.person for other in self.homes if other.area == home.area and other.number < home.number]
        first = AREAS.index(home.area)
        wanted = 1 if nearby else 2
        helpers = [self.other_neighbours[(first + step) % len(self.other_neighbours)] for step in range(wanted)]
        groups = (
            ("neighbour", [*nearby[:2], *helpers, self.landlines[first]]),
            ("staff", self.staff),
            ("hub_volunteer", self.volunteers),
        )
        return [Relation(home.person.id, member.id, role) for role, members in groups for member in members]


def draw_neighbourhood(seed: int, homes: int = 12) -> Neighbourhood:
    """Draw a town.

    Args:
        seed: at least 0.
        homes: number of watched homes, 1 to 300.

    Raises:
        ValueError: the number of homes is out of range.
    """
    if not 1 <= homes <= 300:
        raise ValueError(f"homes must be 1 to 300, not {homes}")
    rng = stream(seed, StreamPurpose.TOWN)
    areas = [AREAS[number // _HOMES_AN_AREA % len(AREAS)] for number in range(homes)]
    landlines = len(set(areas))
    helpers = max(2, landlines)
    numbered = homes + helpers + _STAFF + _VOLUNTEERS
    names = draw_names(rng, numbered + landlines)
    members = iter([TownPerson(f"person-{number:02d}", *name) for number, name in enumerate(names[:numbered], 1)])
    plans = [_plan(seed, number, next(members), area, rng) for number, area in enumerate(areas)]
    # Where nobody was called before, ids decide whose turn it is: "landline-…" comes before "person-…", so that a
    # telephone rings the first time that somebody is called about a person.
    return Neighbourhood(
        seed,
        homes=plans,
        other_neighbours=list(islice(members, helpers)),
        staff=list(islice(members, _STAFF)),
        volunteers=list(members),
        landlines=[TownPerson(f"landline-{number:02d}", *name) for number, name in enumerate(names[numbered:], 1)],
    )


def _plan(seed: int, number: int, person: TownPerson, area: str, rng: Generator) -> HomePlan:
    gateway = f"gw-{int(rng.integers(2**32)):08x}-{number + 1:02d}"
    return HomePlan(f"home-{number + 1:02d}", gateway, number, person, draw_traits(seed, number), area)


def register(
    town: Neighbourhood, engine: Engine, *, from_ms: int, contacts: Mapping[str, Sequence[Contact]] | None = None
) -> None:
    """Write the town into the store's register in one transaction.

    Args:
        town: the town.
        engine: the relational store, without this town in it.
        from_ms: relations are in force and contacts verified from this moment (ms UTC).
        contacts: how each is reached, by person id, the first way first; None: everybody on the channel `OUTBOX`.

    Raises:
        RegistryError: the register refuses, for instance because the town is there already.
    """
    with edit(engine, actor="simulators", now_ms=from_ms) as registry:
        registry.add_organisation(COUNCIL, "council", id=COUNCIL_ID)
        registry.add_organisation(HUB, "hub", id=HUB_ID)
        for member in town.people:
            registry.add_person(member.name, kana=member.kana, id=member.id)
            ways = [Contact(OUTBOX, member.id)] if contacts is None else contacts[member.id]
            for rank, way in enumerate(ways):
                registry.add_contact_method(member.id, way.channel, way.address, rank, verified_ms=from_ms)
        for home in town.homes:
            registry.add_home(home.person.id, COUNCIL_ID, home.gateway, home.zone, home.area, id=home.id)
        for relation in town.relations:
            registry.relate(relation.subject, relation.other, relation.role, purpose="見守り", from_ms=from_ms)
