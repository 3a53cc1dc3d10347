"""What an event of the wire means to the rhythm. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.events import Kind, Press, is_sign_of_life
from contracts.health import SensorRole

LearnerInput = tuple[str, float]
"""``(kind, value)`` as `anomaly.Rhythm.observe` takes them: motion, door, item or power; 1.0 for on, 0.0 for off."""

METER_INPUT: Final[LearnerInput] = ("power", 1.0)
"""What the rhythm is told of a sign of life that a meter gave."""


def learner_input(kind: str, role: str | None, fields: Mapping[str, Any]) -> LearnerInput | None:
    """What the rhythm is told of this event; None when it is told nothing.

    Args:
        kind: the event's kind on the wire; unknown ones are stored and not interpreted.
        role: the sensor's role; None while the gateway has not told it, and then a contact is no entrance.
        fields: the event's ``x``.
    """
    value = 1.0 if is_sign_of_life(kind, fields) else 0.0
    match kind:
        case Kind.MOTION:
            return "motion", value
        case Kind.CONTACT:
            return ("door" if role == SensorRole.ENTRANCE else "item"), value
        case Kind.APPLIANCE:
            return "power", value
        case Kind.PRESENCE:
            return "item", value
        case Kind.BUTTON:
            return None if fields.get("press") == Press.TAMPER else ("item", value)
        case _:
            return None  # watts and kilowatt-hours have a reader of their own
