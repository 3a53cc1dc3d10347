"""What happened to an incident, and why: closed sets of codes with parameters. `alerts.wording` words them. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class What(StrEnum):
    """What happened to an incident, or was recorded about it: ``audit.what``."""

    OPENED = "opened"
    ESCALATED = "escalated"
    """The next step began."""
    ASKED_AGAIN = "asked_again"
    """The last step was repeated."""
    WAITED = "waited"
    """Those who were asked got more time to answer."""
    DEFERRED = "deferred"
    RESUMED = "resumed"
    """What put it off is over."""
    UNREACHABLE = "unreachable"
    """Somebody who was asked cannot be reached."""
    MOVED = "moved"
    """The person moved after others were called."""
    CLAIMED = "claimed"
    """Somebody is going."""
    CLAIM_EXTENDED = "claim_extended"
    CLAIM_EXPIRED = "claim_lapsed"
    CLAIM_REVOKED = "claim_revoked"
    DECLINED = "declined"
    NEEDS_HELP = "needs_help"
    """The person said that they need help."""
    CALLED_119 = "called_119"
    FOLLOWED_UP = "followed_up"
    """Staff were asked for the outcome of a 119 call."""
    ENDED = "ended"
    ANSWER_RECORDED = "answer_kept"
    """An answer was recorded and changed nothing."""
    PHONED = "phoned"
    """Staff recorded a telephone call."""
    UNCLEAR = "unclear"
    """A reply came that cannot be read as an answer."""
    WROTE = "wrote"
    """Words came in place of an answer."""
    EARLIER_VERSION = "earlier_version"
    """What an earlier version called ``what``; nothing writes this any more."""


class Reason(StrEnum):
    """Why: ``audit.reasons``."""

    NOTICED = "noticed"
    """A signal of ``kind`` holds."""
    NO_ANSWER_IN_TIME = "no_answer_in_time"
    NO_OUTCOME_YET = "no_outcome_yet"
    SENT_LATE = "sent_late"
    """The question went out late."""
    LEAST_TIME_TO_ANSWER = "least_time_to_answer"
    """Whoever was asked is given the least time to answer."""
    PERSON_CANNOT_BE_ASKED = "person_cannot_be_asked"
    HELP_AT_CALL_DEADLINE = "help_at_call_deadline"
    """Help is called when the call deadline passes, and not before."""
    NO_CONTACT_METHOD = "no_way_to_reach"
    """Every contact method of somebody who was asked failed."""
    NO_STAFF_REACHABLE = "no_staff_reachable"
    COUNCIL_ASKED_AGAIN = "council_asked_again"
    """The council is asked again at the due time."""
    ABSENCE_REGISTERED = "absence_registered"
    ASKED_AGAIN_AFTER_ABSENCE = "asked_again_after_absence"
    ABSENCE_OVER = "absence_over"
    """No absence is registered any more, and there is no outcome."""
    QUIET_HOURS = "quiet_hours"
    AREA_TOLD = "area_told"
    """Staff are told of the whole area."""
    DEFERRAL_OVER = "deferral_over"
    """What put it off is over, and there is no outcome."""
    MOVED_WHILE_ASKED = "moved_while_asked"
    """The person moved while they alone were asked."""
    MOVED_AFTER_CALL = "moved_after_call"
    """The person moved after others were called: a human closes the incident."""
    PERSON_OK = "person_ok"
    """The person said that all is well."""
    PERSON_NEEDS_HELP = "person_needs_help"
    FOUND_WELL = "found_well"
    """Another incident about the person ended because they are well."""
    FOUND_SAFE = "found_safe"
    """A responder found the person safe."""
    DEVICE_BACK = "device_back"
    RESPONDER_GOING = "responder_going"
    RESPONDER_CANNOT = "responder_cannot"
    ANOTHER_GOING = "another_going"
    GOING_NOT_SEEN = "going_not_seen"
    """Who said that they were going did not report in time."""
    CONSENT_REVOKED = "consent_revoked"
    CALLED_119 = "called_119"
    STAFF_FOLLOW_UP = "staff_follow_up"
    STAFF_CLOSED = "staff_closed"
    """Staff recorded the outcome."""
    ANSWERED = "answered"
    """The answer that was kept was ``answer``."""
    OLD_OR_REPEATED = "old_or_repeated"
    """The answer was to an older message, or had been given before."""
    HELP_ASKED_LATER = "help_asked_later"
    """The person asked for help after they had said that all is well."""
    AFTER_THE_END = "after_the_end"
    HELP_CALLED_AGAIN = "help_called_anew"
    EARLIER_VERSION = "earlier_version"
    """What an earlier version wrote as ``text``; nothing writes this any more."""


VARIANTS: Final = {Reason.NOTICED: "kind", Reason.ANSWERED: "answer"}
"""Reasons that have words of their own for each value of this parameter."""


class DeferredFor(StrEnum):
    """What puts an incident off: ``incidents.deferred_for``."""

    ABSENCE = "absence"
    QUIET_HOURS = "quiet_hours"
    AREA = "area"
    """Staff are told of its whole area."""


@dataclass(frozen=True, slots=True)
class Why:
    """One reason with its parameters: codes, ids, numbers; never words."""

    reason: Reason
    params: tuple[tuple[str, str | int], ...] = ()


Reasons: TypeAlias = tuple[Why, ...]


def why(*reasons: Reason) -> Reasons:
    """Reasons without parameters."""
    return tuple(Why(reason) for reason in reasons)
