"""How the people of a made-up town are reached: most by LINE, some by SMS, few by telephone alone.

Who has what follows from who they are, not from the seed, so that every town shows every screen.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from simulators.town.neighbourhood import OUTBOX, Contact, Neighbourhood, TownPerson

LINE, SMS, VOICE = "line", "sms", "voice"
VENDORS: Final = frozenset({LINE, SMS, VOICE})
_RESIDENTS: Final = ((LINE, SMS), (LINE, VOICE), (SMS, VOICE), (LINE,), (SMS,))
"""By number of the home, over and over."""
_VOICE_ALONE: Final = 7
"""Number of the home whose person has no mobile phone."""
_OTHER_NEIGHBOURS: Final = ((LINE,), (SMS,), (LINE,))
_STAFF: Final = ((LINE,), (OUTBOX,))
_VOLUNTEERS: Final = ((LINE, SMS),)
_LANDLINES: Final = ((VOICE,),)


def draw_contacts(town: Neighbourhood) -> Mapping[str, Sequence[Contact]]:
    """The contact methods of everybody, by person id, the one that is tried first being the first.

    LINE user ids follow from seed and person. Telephone numbers begin with 090-0, which Japan gives to nobody: they
    cannot be dialled. SMS and calls of one person come to one number.
    """
    kinds: dict[str, Sequence[str]] = {}
    for home in town.homes:
        alone = home.number == _VOICE_ALONE
        kinds[home.person.id] = (VOICE,) if alone else _RESIDENTS[home.number % len(_RESIDENTS)]
    groups = (
        (town.other_neighbours, _OTHER_NEIGHBOURS),
        (town.staff, _STAFF),
        (town.volunteers, _VOLUNTEERS),
        (town.landlines, _LANDLINES),
    )
    for members, pattern in groups:
        kinds |= {member.id: pattern[number % len(pattern)] for number, member in enumerate(members)}
    numbers = {member.id: number for number, member in enumerate(town.people, 1)}
    return {
        member.id: [Contact(kind, _address(kind, town.seed, member, numbers[member.id])) for kind in kinds[member.id]]
        for member in town.people
    }


def _address(channel: str, seed: int, member: TownPerson, number: int) -> str:
    match channel:
        case "line":
            return "U" + uuid5(NAMESPACE_URL, f"mimamori-demo:{seed}:{member.id}").hex
        case "sms" | "voice":
            return f"+81900000{number:04d}"
        case _:
            return member.id
