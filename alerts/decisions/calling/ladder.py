"""Who is asked at a step, who stands in, how long they have, and when the next step begins. Pure.

Whose turn it is says `alerts.decisions.calling.rotation`.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from alerts.decisions.codes import DeferredFor, Reason, Reasons, What, why
from alerts.decisions.commands import Ask, Decision
from alerts.decisions.deferral import defer_until
from alerts.decisions.model import AskedPerson, Incident, IncidentState, Purpose, Recipients
from alerts.decisions.policy import Audience, Policy, Step

_REASONS: Final = {DeferredFor.QUIET_HOURS: Reason.QUIET_HOURS, DeferredFor.AREA: Reason.AREA_TOLD}
"""Why the council is not asked now."""


def targets(step: Step, person: str, recipients: Recipients, without: Collection[str] = ()) -> tuple[Ask, ...]:
    """Who is asked when a step begins; each person once, the first audience decides. Empty: nobody can be reached."""
    found: dict[str, Purpose] = {}
    for audience in step.audiences:
        for who, purpose in _audience(audience, step, person, recipients, without):
            found.setdefault(who, purpose)
    return tuple(Ask(who, purpose) for who, purpose in found.items())


def next_targets(
    state: IncidentState, index: int, policy: Policy, person: str, recipients: Recipients
) -> tuple[Ask, ...]:
    """Who is asked at the due time of an open incident if nobody answers until then and the recipients stay the same.

    Args:
        state: where the incident is.
        index: its present step.
        policy: its own.
        person: whom it is about; empty: an area.
        recipients: who can be reached now.

    Returns:
        Empty: nobody can be reached, or somebody is going, and who is asked when they do not report depends on who
        was asked already.
    """
    match state:
        case IncidentState.NOTIFYING if index < policy.last:
            first = index + 1
        case IncidentState.DEFERRED:
            first = index
        case IncidentState.NOTIFYING | IncidentState.STAFF_ATTENTION | IncidentState.EMERGENCY:
            first = policy.last
        case _:
            return ()
    found = (targets(step, person, recipients) for step in policy.steps[first:])
    return next((each for each in found if each), ())


def _audience(
    audience: Audience, step: Step, person: str, recipients: Recipients, without: Collection[str]
) -> list[tuple[str, Purpose]]:
    match audience:
        case Audience.PERSON:
            return [(person, Purpose.ASK)] if recipients.person else []
        case Audience.NEIGHBOURS:
            free = _left(recipients.neighbours, person, without)
            return [(who, Purpose.CALL) for who in free[: step.at_once]]
        case Audience.COUNCIL:
            return [(who, Purpose.STAFF) for who in _left(recipients.staff, person, without)]


def _left(everybody: Iterable[str], person: str, without: Collection[str]) -> list[str]:
    """Who is asked about a person: never they themself, and nobody of those ``without``."""
    return [who for who in everybody if who not in without and who != person]


def answer_by_ms(step: Step, policy: Policy, now_ms: int, call_at_ms: int | None) -> int:
    """When the next step begins if nobody answers.

    The person is never waited for beyond ``call_at_ms``, the latest moment for calling help, unless the question is
    younger than ``policy.least_answer_s``: somebody just asked must be able to answer before neighbours are sent.
    """
    due_ms = now_ms + 1000 * step.answer_s
    if Audience.PERSON in step.audiences and call_at_ms is not None:
        due_ms = min(due_ms, max(call_at_ms, now_ms + 1000 * policy.least_answer_s))
    return due_ms


# ---- Going up --------------------------------------------------------------------------------------------------------


def enter(incident: Incident, step: int, recipients: Recipients, now_ms: int, what: What, reasons: Reasons) -> Decision:
    """Begin a step, or the first after it at which anybody can be reached; the last one is begun in any case."""
    policy = incident.policy
    for index in range(step, policy.last):
        found = targets(policy.steps[index], incident.person, recipients)
        if found:
            due_ms = answer_by_ms(policy.steps[index], policy, now_ms, incident.call_at_ms)
            repeat = next_round(incident, index)
            at_step = replace(incident, state=IncidentState.NOTIFYING, step=index, repeat=repeat, next_due_ms=due_ms)
            return _ask(at_step, found, now_ms, what, reasons)
    state = IncidentState.NOTIFYING if recipients.staff else IncidentState.STAFF_ATTENTION
    due_ms = now_ms + 1000 * policy.steps[policy.last].answer_s
    at_last = replace(incident, state=state, step=policy.last, next_due_ms=due_ms)
    return ask_council(at_last, recipients, now_ms, what, reasons)


def move_on(
    incident: Incident, recipients: Recipients, now_ms: int, without: Collection[str], what: What, reasons: Reasons
) -> Decision:
    """Ask the next of this step who was not asked yet, else begin the next step."""
    if incident.at_last_step:
        return repeat_last(incident, recipients, now_ms, what, reasons, without)
    found = next_in_turn(incident, recipients, without)
    if not found:
        return enter(incident, incident.step + 1, recipients, now_ms, what, reasons)
    began_ms = min((item.at_ms for item in incident.present), default=now_ms)
    least_ms = now_ms + 1000 * incident.policy.least_answer_s
    due_ms = max(began_ms + 1000 * incident.current_step.answer_s, least_ms)
    return _ask(replace(incident, state=IncidentState.NOTIFYING, next_due_ms=due_ms), found, now_ms, what, reasons)


def repeat_last(
    incident: Incident, recipients: Recipients, now_ms: int, what: What, reasons: Reasons, without: Collection[str] = ()
) -> Decision:
    """Ask the council again, at the last step."""
    due_ms = now_ms + 1000 * incident.current_step.answer_s
    again = replace(incident, state=IncidentState.STAFF_ATTENTION, next_due_ms=due_ms)
    return ask_council(again, recipients, now_ms, what, reasons, without)


def ask_council(
    incident: Incident, recipients: Recipients, now_ms: int, what: What, reasons: Reasons, without: Collection[str] = ()
) -> Decision:
    """Ask all staff (again), or put it off until they may be asked.

    The incident has the state and the due time that it gets by it. With nobody to ask it stays on the board, and looks
    again when it is due.
    """
    last = incident.policy.last
    held = None if incident.state is IncidentState.EMERGENCY else defer_until(incident, now_ms)
    if held is not None:
        until_ms, cause = held
        waiting = replace(incident, state=IncidentState.DEFERRED, step=last, next_due_ms=until_ms, deferred_for=cause)
        done = what if what is What.OPENED else What.DEFERRED
        return Decision(waiting, (), done, reasons + why(_REASONS[cause]))
    at_step = replace(
        incident,
        step=last,
        repeat=next_round(incident, last),
        council_ms=now_ms if incident.council_ms is None else incident.council_ms,
    )
    found = targets(at_step.current_step, incident.person, recipients, without)
    return _ask(at_step, found, now_ms, what, reasons if found else reasons + why(Reason.NO_STAFF_REACHABLE))


def _ask(incident: Incident, asks: tuple[Ask, ...], now_ms: int, what: What, reasons: Reasons) -> Decision:
    epoch = incident.epoch + 1
    purposes = {ask.purpose for ask in asks}
    asked = tuple(AskedPerson(ask.person, ask.purpose, incident.step, incident.repeat, epoch, now_ms) for ask in asks)
    asking = replace(
        incident,
        epoch=epoch,
        asked=incident.asked + asked,
        asked_ms=_first(incident.asked_ms, now_ms, Purpose.ASK in purposes),
        called_ms=_first(incident.called_ms, now_ms, Purpose.CALL in purposes),
        council_ms=_first(incident.council_ms, now_ms, Purpose.STAFF in purposes),
    )
    return Decision(asking, asks, what, reasons)


def next_round(incident: Incident, step: int) -> int:
    """The ``repeat`` under which a step is begun: who was asked at it before, as before an absence, is asked anew."""
    return 1 + max((item.repeat for item in incident.asked if item.step == step), default=-1)


def still_asked(incident: Incident) -> tuple[AskedPerson, ...]:
    """Those of the present step who may still answer."""
    return tuple(item for item in incident.present if not item.failed and not item.declined)


def next_in_turn(incident: Incident, recipients: Recipients, without: Collection[str]) -> tuple[Ask, ...]:
    """Who replaces those of this step who cannot come, so that again as many are asked; at least one."""
    step = incident.current_step
    if Audience.NEIGHBOURS not in step.audiences:
        return ()
    waiting = [item for item in still_asked(incident) if item.person not in without and item.purpose is Purpose.CALL]
    tried = {item.person for item in incident.present} | set(without)
    free = _left(recipients.neighbours, incident.person, tried)
    return tuple(Ask(who, Purpose.CALL) for who in free[: max(1, step.at_once - len(waiting))])


def _first(known_ms: int | None, now_ms: int, happened: bool) -> int | None:
    return now_ms if known_ms is None and happened else known_ms
