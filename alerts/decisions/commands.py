"""What is decided: the incident as it becomes, and what is to be done, in the imperative."""

from dataclasses import dataclass

from alerts.decisions.codes import Reasons, What
from alerts.decisions.model import Claim, Incident, News, Purpose


@dataclass(frozen=True, slots=True)
class Ask:
    """Send this person the question or the call, of the incident's epoch."""

    person: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Tell:
    """Send this person news."""

    person: str
    news: News


@dataclass(frozen=True, slots=True)
class HoldClaim:
    """Write down that somebody is going, or goes on."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class EndClaim:
    """Somebody is no longer going: ``safe`` | ``cannot`` | ``lapsed`` | ``revoked`` | ``closed``."""

    person: str
    by: str


@dataclass(frozen=True, slots=True)
class CancelOutstanding:
    """Questions and calls that were not sent yet are of no more use."""


Command = Ask | Tell | HoldClaim | EndClaim | CancelOutstanding


@dataclass(frozen=True, slots=True)
class Decision:
    """What a transition is: the new state, what to do, and for the record what happened and why."""

    incident: Incident
    commands: tuple[Command, ...]
    what: What
    reasons: Reasons
