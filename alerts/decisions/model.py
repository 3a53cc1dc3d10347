"""The values that the pure decisions work on: an incident as it stands, and who can be asked."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.decisions.codes import DeferredFor
from alerts.decisions.policy import Policy, Step
from contracts.signals import SignalKind


class IncidentState(StrEnum):
    """Where an incident is."""

    NOTIFYING = "notifying"
    """Somebody of the present step is asked."""
    CLAIMED = "claimed"
    """Somebody is going."""
    EMERGENCY = "emergency"
    """119 was called; staff own it and are asked for the outcome."""
    STAFF_ATTENTION = "staff_attention"
    """The ladder is exhausted: on the board, and the council asked again and again."""
    DEFERRED = "deferred"
    """Waits until its due time, and is then looked at again."""
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


TERMINAL: Final = frozenset({IncidentState.RESOLVED, IncidentState.CANCELLED})


class Answer(StrEnum):
    """What somebody who was asked can say. Of the person: SAFE is "I am all right", CANNOT is "I need help"."""

    GOING = "going"
    SAFE = "safe"
    CANNOT = "cannot"
    CALLED_119 = "called_119"


class Purpose(StrEnum):
    """Why a message is sent."""

    ASK = "ask"
    """The person: are you all right?"""
    CALL = "call"
    """A neighbour: please look."""
    STAFF = "staff"
    """The council: please take care, and record the outcome."""
    TEST = "test"
    """Of no incident: shows whether a contact method works, see `alerts.tools.test_message`."""
    NEWS = "news"
    """Something those who were asked should know; asks for nothing."""


class News(StrEnum):
    """What those who were asked are told."""

    HELP_CALLED = "help_called"
    """To the person who pressed: others have been called."""
    GOING = "going"
    MOVED = "moved"
    SELF_OK = "self_ok"
    NEEDS_HELP = "needs_help"
    SAFE = "safe"
    CALLED_119 = "called_119"
    RECOVERED = "recovered"
    AWAY = "away"
    """An absence was registered: the matter is deferred."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who can be reached now: people with a contact method in use, in the order of the rotation.

    Attributes:
        person: whether the person can be asked.
        neighbours: person ids, whose turn it is first.
        staff: person ids.
    """

    person: bool
    neighbours: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """One person asked once.

    Attributes:
        person: id.
        purpose: ask, call or staff.
        step, repeat, epoch: where the incident stood; the epoch is that of the message, and of answers to it.
        at_ms: when the message was decided on (ms UTC).
        accepted_ms: when a channel first accepted it; None while none has, so nobody knows that they were asked.
        may_have_arrived: whether the message may have arrived.
        failed: every contact method of the person failed for good.
        declined: the answer was CANNOT.
    """

    person: str
    purpose: Purpose
    step: int
    repeat: int
    epoch: int
    at_ms: int
    accepted_ms: int | None = None
    may_have_arrived: bool = False
    failed: bool = False
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody is going: a claim that expires at ``expires_ms`` (ms UTC)."""

    person: str
    claimed_ms: int
    eta_ms: int
    expires_ms: int
    extensions: int = 0


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: a worry about a person, devices or an area, as it stands.

    ``person`` is empty where it is about an area. ``claims`` holds the present ones only. ``call_at_ms`` is the moment
    from which help is called for a person who cannot be asked (ms UTC; None: not known). ``held_until_ms``: until then
    staff are told of its whole area instead (None: they are not). ``deferred_for``: why it waits (None: it does not, or
    that is not known any more). ``said_help``: the person said that they need help, asked or of themselves.
    ``called_119_by``: who called 119 first; None: nobody did. ``moved_ms``: when the person moved, if that was reported
    or ended it (ms UTC). ``answered_ms``: when that which ended it was said or seen (ms UTC): a call for help after it
    is a new one.
    """

    kind: SignalKind
    person: str
    policy: Policy
    state: IncidentState
    since_ms: int
    opened_ms: int
    next_due_ms: int | None
    call_at_ms: int | None = None
    held_until_ms: int | None = None
    deferred_for: DeferredFor | None = None
    said_help: bool = False
    called_119_by: str | None = None
    epoch: int = 0
    step: int = 0
    repeat: int = 0
    asked_ms: int | None = None
    called_ms: int | None = None
    council_ms: int | None = None
    moved_ms: int | None = None
    closed_ms: int | None = None
    answered_ms: int | None = None
    outcome: str | None = None
    outcome_by: str | None = None
    asked: tuple[AskedPerson, ...] = ()
    claims: tuple[Claim, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether a human (or the condition itself, see `incident`) ended it."""
        return self.state in TERMINAL

    @property
    def current_step(self) -> Step:
        """The present step of the policy."""
        return self.policy.steps[self.step]

    @property
    def at_last_step(self) -> bool:
        """Whether the present step is the one repeated for ever."""
        return self.step == self.policy.last

    @property
    def others_called(self) -> bool:
        """Whether anybody but the person was asked."""
        return self.called_ms is not None or self.council_ms is not None

    @property
    def person_alone(self) -> bool:
        """Whether nobody but the person has anything to do with it: nobody else was asked, and nobody is going."""
        return not self.others_called and not self.claims

    @property
    def help_wanted(self) -> bool:
        """Whether the person asked for help, by the button or as their answer."""
        return self.kind is SignalKind.HELP or self.said_help

    @property
    def claim_expires_ms(self) -> int | None:
        """When the first of the present claims expires; None while nobody is going."""
        return min((claim.expires_ms for claim in self.claims), default=None)

    @property
    def present(self) -> tuple[AskedPerson, ...]:
        """Those asked at the present step and repeat."""
        return tuple(item for item in self.asked if (item.step, item.repeat) == (self.step, self.repeat))
