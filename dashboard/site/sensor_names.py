"""What a sensor's id says in words: ``kitchen.motion`` is 台所の人感センサー. Pure.

An installer is free in naming sensors. A name is made only of ids of which every part is known; any other stays as it
is, because half a translation hides which sensor is meant.
"""

import re
from collections.abc import Callable
from typing import Final

PLACE, THING = "place", "thing"
_PART: Final = re.compile(r"[^\W\d_]+|\d+")
_ROOM: Final = "room"
"""Says nothing after a place: ``living_room``."""


def parts_of(sensor: str, known: Callable[[str], bool]) -> list[tuple[str, str]] | None:
    """The parts of a sensor id, places before things, as ``(key of the locales, number behind it)``.

    Args:
        sensor: its id.
        known: whether the locales have a key.

    Returns:
        None: not every part is known.
    """
    found: list[tuple[str, str]] = []
    for word in _PART.findall(sensor.lower()):
        key = next((f"{kind}.{word}" for kind in (PLACE, THING) if known(f"{kind}.{word}")), None)
        if key is not None:
            found.append((key, ""))
        elif not found or not (word.isdigit() or (word == _ROOM and found[-1][0].startswith(PLACE))):
            return None
        elif word.isdigit():
            found[-1] = found[-1][0], found[-1][1] + word
    return sorted(found, key=lambda part: not part[0].startswith(PLACE)) or None
