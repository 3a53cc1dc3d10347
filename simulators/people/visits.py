"""What the sensors see when somebody from outside enters a home, and what becomes of a person found collapsed."""

from collections.abc import Iterable
from typing import Final

from edge_agent.ports import Reading
from simulators.people.faults import moment_ms
from simulators.people.household import Condition, motion_sensor, reading
from simulators.people.life import Place
from simulators.people.senses import ENTRANCE

_SECOND_MS: Final = 1_000
_PULSE_S: Final = 120
_DOOR_S: Final = 9
_LIVING, _KITCHEN, _BEDROOM = (motion_sensor(place) for place in (Place.LIVING, Place.KITCHEN, Place.BEDROOM))
_Scene = tuple[tuple[str, int], ...]
"""Which sensor is set off, and how many seconds after the visitor opened the door."""

_CHAT: Final[_Scene] = ((ENTRANCE, 0), (_LIVING, 20), (_LIVING, 200), (_KITCHEN, 330), (_LIVING, 480), (ENTRANCE, 600))
_NOBODY_THERE: Final[_Scene] = ((ENTRANCE, 0), (_LIVING, 20), (_BEDROOM, 60), (_KITCHEN, 110), (ENTRANCE, 240))
_AMBULANCE: Final[_Scene] = (
    *((ENTRANCE, 0), (_LIVING, 15), (_BEDROOM, 40), (_LIVING, 300)),
    *((ENTRANCE, 840), (_LIVING, 870), (_LIVING, 1_200), (ENTRANCE, 1_920)),
)
_SCENES: Final = {
    Condition.WELL: _CHAT,
    Condition.ASLEEP: _CHAT,
    Condition.AWAY: _NOBODY_THERE,
    Condition.HOSPITAL: _NOBODY_THERE,
    Condition.COLLAPSED: _AMBULANCE,
}
HOSPITAL_MS: Final = 10 * 86_400_000
"""How long a person found collapsed is away."""


def visit_readings(at_ms: int, found: Condition) -> list[Reading]:
    """What the home's sensors report of somebody who opens the door at ``at_ms`` (ms UTC), in order of time.

    Args:
        at_ms: when the door opens.
        found: how the person is. A collapsed one is fetched by an ambulance crew, the last to close the door.
    """
    readings = [part for sensor, after_s in _SCENES[found] for part in _pulse(sensor, at_ms + after_s * _SECOND_MS)]
    return sorted(readings, key=moment_ms)


def _pulse(sensor: str, at_ms: int) -> Iterable[Reading]:
    length_s = _DOOR_S if sensor == ENTRANCE else _PULSE_S
    yield reading(sensor, True, at_ms)
    yield reading(sensor, False, at_ms + length_s * _SECOND_MS)
