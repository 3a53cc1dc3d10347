"""What a sensor can report: kinds, the fields and units of each, and which reports only a person can cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from contracts.clock import ClockQuality
from contracts.errors import MalformedMessage
from contracts.strict import MAX_DEPTH, check_opaque, is_finite_number


class Kind(StrEnum):
    """The kinds of event this version interprets. Others are stored and not interpreted."""

    MOTION = "motion"
    CONTACT = "contact"
    POWER = "power"
    ENERGY = "energy"
    APPLIANCE = "appliance"
    BUTTON = "button"
    PRESENCE = "presence"


class Press(StrEnum):
    """What a button press means."""

    HELP = "help"
    """Somebody wants help now."""
    OK = "ok"
    """The answer to the question "are you all right?": yes."""
    SINGLE = "single"
    """A press of a button without a meaning of its own."""
    TAMPER = "tamper"
    """The device was opened or removed."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A field that is true or false."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A field that is a finite number in ``[least, most]`` of ``unit``."""

    unit: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that is one of ``words``."""

    words: tuple[str, ...]


FieldRule = Flag | Quantity | Choice

FIELDS: Final[Mapping[str, Mapping[str, FieldRule]]] = MappingProxyType(
    {
        Kind.MOTION: {"motion": Flag()},
        Kind.CONTACT: {"open": Flag()},
        Kind.POWER: {"w": Quantity("W", -100_000.0, 100_000.0)},
        Kind.ENERGY: {"kwh": Quantity("kWh", 0.0, 100_000_000.0)},
        Kind.APPLIANCE: {"on": Flag()},
        Kind.BUTTON: {"press": Choice(tuple(Press))},
        Kind.PRESENCE: {"present": Flag()},
    }
)
"""Required fields of each kind. More fields may come with a later minor version and are kept as they are."""

PRIORITY_KINDS: Final = frozenset({Kind.BUTTON})
"""Kinds that travel on the priority lane: a person pressed something and waits."""

_BY_A_PERSON: Final[Mapping[str, str]] = {
    Kind.MOTION: "motion",
    Kind.CONTACT: "open",
    Kind.APPLIANCE: "on",
    Kind.PRESENCE: "present",
}
"""The field that only a person makes true."""

MAX_FIELDS: Final = 32
MAX_TEXT: Final = 128


@dataclass(frozen=True, slots=True)
class Event:
    """One report of one sensor.

    Attributes:
        n: its number in the outbox of the gateway, counting up from 1; with gateway and epoch the idempotency key.
        t: wall clock, ms since 1970 UTC.
        q: quality of ``t``.
        m: monotonic clock of the boot, ms.
        s: sensor id, unique in the home, such as ``toilet.door``.
        k: kind; one of `Kind`, or a later version's word.
        x: fields of the kind, with the units of `FIELDS`.
        bf: made while disconnected from the backend (back-filled).
    """

    n: int
    t: int
    q: ClockQuality
    m: int
    s: str
    k: str
    x: Mapping[str, Any] = field(default_factory=dict)
    bf: bool = False


def check_fields(kind: str, fields: Mapping[str, Any], where: str) -> None:
    """Check the fields of one event: those of its kind against `FIELDS`, all others for being storable.

    Args:
        kind: the event's kind. An unknown kind has no rules of its own.
        fields: the event's ``x``.
        where: what to call the event in an error, such as ``ev[3]``.

    Raises:
        MalformedMessage: a field is missing, of the wrong type, not finite or out of range, or nested too deep.
    """
    rules = FIELDS.get(kind, {})
    for name, value in fields.items():
        if not isinstance(name, str):
            raise MalformedMessage(f"{where}.x must have texts as names")
        if name not in rules:
            check_opaque({name: value}, f"{where}.x", MAX_DEPTH + 1)
    for name, rule in rules.items():
        if name not in fields:
            raise MalformedMessage(f"{where}.x.{name} is missing; kind '{kind}' needs it")
        value = fields[name]
        match rule:
            case Flag():
                if not isinstance(value, bool):
                    raise MalformedMessage(f"{where}.x.{name} must be true or false")
            case Quantity(unit, least, most):
                if not is_finite_number(value):
                    raise MalformedMessage(f"{where}.x.{name} must be a finite number of {unit}")
                if not least <= value <= most:
                    raise MalformedMessage(f"{where}.x.{name} must lie in [{least:g}, {most:g}] {unit}")
            case Choice(words):
                if value not in words:
                    raise MalformedMessage(f"{where}.x.{name} must be one of {', '.join(words)}")


def is_sign_of_life(kind: str, fields: Mapping[str, Any]) -> bool:
    """Whether only a person can have caused this event.

    The end of a motion, a closing contact and an appliance that goes off can come from a timer or a spring, so they do
    not count. Watt and kilowatt-hour readings are interpreted by the power reader, never here.
    """
    if kind == Kind.BUTTON:
        return fields.get("press") in (Press.HELP, Press.OK, Press.SINGLE)
    return kind in _BY_A_PERSON and fields.get(_BY_A_PERSON[kind]) is True
