"""What happened to an incident, in the past tense."""

from dataclasses import dataclass

from alerts.decisions.model import Answer
from contracts.signals import SignalKind


@dataclass(frozen=True, slots=True)
class TimePassed:
    """A tick."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A sign of life at ``at_ms``."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SaidOk:
    """The person pressed "I am all right" in the home at ``at_ms``."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class FoundWell:
    """Another incident about the person ended at ``at_ms``: ``by`` them or somebody who saw them, all was well."""

    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a device incident of ``kind`` was about is well again, as seen at ``at_ms``."""

    kind: SignalKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class AbsenceStarted:
    """A registered absence covers this moment, until ``until_ms``."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class AbsenceEnded:
    """No registered absence covers this moment."""


@dataclass(frozen=True, slots=True)
class ConsentRevoked:
    """Somebody who is going may not hear of the person any more."""

    person: str


@dataclass(frozen=True, slots=True)
class PersonUnreachable:
    """Every way of reaching this person failed for good, for the message of this epoch."""

    person: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody answered the message of ``epoch``.

    ``eta_s``: travel time, None for the usual one. ``at_ms``: from when the answer counts (ms UTC); None: from now on.
    """

    person: str
    answer: Answer
    epoch: int
    eta_s: int | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """Staff recorded the outcome. ``cancelled``: there was nothing to worry about (false alarm, test).

    ``at_ms``: from when it counts (ms UTC); None: from now on.
    """

    person: str
    outcome: str
    cancelled: bool
    at_ms: int | None = None


Event = (
    TimePassed
    | Moved
    | SaidOk
    | FoundWell
    | Recovered
    | AbsenceStarted
    | AbsenceEnded
    | ConsentRevoked
    | PersonUnreachable
    | Answered
    | Closed
)
