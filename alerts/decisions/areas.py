"""When many homes of one area are in trouble at once it is one matter: a power cut, a lost network, a flood. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.signals import SignalKind

ABOUT_DEVICES: Final = frozenset({SignalKind.GATEWAY_LOST, SignalKind.SENSOR_LOST})
ABOUT_PEOPLE: Final = frozenset({SignalKind.SILENCE})


@dataclass(frozen=True, slots=True)
class Area:
    """A district, as the organisation that owns the incidents of its homes calls it."""

    organisation: str
    name: str


@dataclass(frozen=True, slots=True)
class HomeInTrouble:
    """A home that something is wrong with now."""

    home: str
    area: Area
    kind: SignalKind


@dataclass(frozen=True, slots=True)
class OutageThresholds:
    """What counts as many.

    Attributes:
        least: homes at least, whatever the size of the area.
        device_share: share of the area's homes that lost their devices, 0 to 1. Devices hardly ever fail together.
        people_share: share of the area's homes whose person is silent, 0 to 1. In a large area a few always are.
    """

    least: int = 5
    device_share: float = 0.02
    people_share: float = 0.2


def outages(troubles: Iterable[HomeInTrouble], homes: Mapping[Area, int], measure: OutageThresholds) -> list[Area]:
    """The areas in which so many homes are in trouble that it is one matter, by organisation and name.

    Args:
        troubles: what began lately, a home once or more often.
        homes: how many homes each area has.
        measure: what counts as many.
    """
    kinds: dict[Area, dict[str, set[SignalKind]]] = defaultdict(lambda: defaultdict(set))
    for trouble in troubles:
        kinds[trouble.area][trouble.home].add(trouble.kind)
    found = [area for area, by_home in kinds.items() if area.name and _is_many(by_home.values(), homes[area], measure)]
    return sorted(found, key=lambda area: (area.organisation, area.name))


def _is_many(by_home: Collection[set[SignalKind]], size: int, measure: OutageThresholds) -> bool:
    devices = sum(not kinds.isdisjoint(ABOUT_DEVICES) for kinds in by_home)
    people = sum(not kinds.isdisjoint(ABOUT_PEOPLE) for kinds in by_home)
    least_devices = max(measure.least, measure.device_share * size)
    return devices >= least_devices or people >= max(measure.least, measure.people_share * size)
