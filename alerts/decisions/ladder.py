"""Who is asked at a step, and how long they have; whose turn it is says `alerts.decisions.rotation`. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from alerts.decisions.model import Purpose, Roster, State
from alerts.settings import Audience, Policy, Step


@dataclass(frozen=True, slots=True)
class Target:
    """One person to ask, and why."""

    person: str
    purpose: Purpose


def targets(step: Step, person: str, roster: Roster, without: Collection[str] = ()) -> tuple[Target, ...]:
    """Who is asked when a step begins; each person once, the first audience decides. Empty: nobody can be reached."""
    found: dict[str, Purpose] = {}
    for audience in step.audiences:
        for who, purpose in _audience(audience, step, person, roster, without):
            found.setdefault(who, purpose)
    return tuple(Target(who, purpose) for who, purpose in found.items())


def next_targets(state: State, index: int, policy: Policy, person: str, roster: Roster) -> tuple[Target, ...]:
    """Who is asked at the due time of an open incident if nobody answers until then and the roster stays as it is.

    Args:
        state: where the incident is.
        index: its present step.
        policy: its own.
        person: whom it is about; empty: an area.
        roster: who can be reached now.

    Returns:
        Empty: nobody can be reached, or somebody is going, and who is asked when they are not heard of depends on who
        was asked already.
    """
    match state:
        case State.NOTIFYING if index < policy.last:
            first = index + 1
        case State.DEFERRED:
            first = index
        case State.NOTIFYING | State.STAFF_ATTENTION | State.EMERGENCY:
            first = policy.last
        case _:
            return ()
    found = (targets(step, person, roster) for step in policy.steps[first:])
    return next((each for each in found if each), ())


def _audience(
    audience: Audience, step: Step, person: str, roster: Roster, without: Collection[str]
) -> list[tuple[str, Purpose]]:
    match audience:
        case Audience.PERSON:
            return [(person, Purpose.ASK)] if roster.person else []
        case Audience.NEIGHBOURS:
            free = [who for who in roster.neighbours if who not in without and who != person]
            return [(who, Purpose.CALL) for who in free[: step.at_once]]
        case Audience.COUNCIL:
            return [(who, Purpose.STAFF) for who in roster.staff if who not in without and who != person]


def stand_ins(step: Step, person: str, roster: Roster, without: Collection[str], count: int) -> tuple[Target, ...]:
    """Neighbours not yet asked, for those of this step who cannot come; ``without`` are those already asked."""
    if Audience.NEIGHBOURS not in step.audiences:
        return ()
    free = [who for who in roster.neighbours if who not in without and who != person]
    return tuple(Target(who, Purpose.CALL) for who in free[:count])


def answer_by_ms(step: Step, policy: Policy, now_ms: int, call_at_ms: int | None) -> int:
    """When the next step begins if nobody answers.

    The person is never waited for beyond ``call_at_ms``, the latest moment for calling help, unless the question is
    younger than ``policy.least_answer_s``: somebody just asked must be able to answer before neighbours are sent.
    """
    due_ms = now_ms + 1000 * step.answer_s
    if Audience.PERSON in step.audiences and call_at_ms is not None:
        due_ms = min(due_ms, max(call_at_ms, now_ms + 1000 * policy.least_answer_s))
    return due_ms
