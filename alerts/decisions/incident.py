"""The incident: a pure state machine. State, event and now give a new state, commands and reasons.

Promises, each held by a test:

- An incident that has not ended has a due time; at it, somebody is asked again, for ever.
- Only a human answer ends an incident about a person: their own OK, a responder's SAFE, staff closing it. A movement
  ends it only while the person alone is asked and nobody is going: who goes there opens the door; and never one about a
  decline, which is noticed because they still move. A human who ends another incident because the person is well ends
  this one too, unless it is a call for help. An incident about a device ends when the device is seen again.
- GOING is a claim; when it expires, its only holder CANNOT, or may not go any more, the next target is asked at once.
- An absence, quiet hours, an outage of the whole area only defer: when they end the incident is looked at again.
- An end is an end: nothing re-opens it. Answers to older messages are judged by their epoch.
"""

from dataclasses import replace
from typing import Final

from alerts.decisions import closing, events
from alerts.decisions.answers import answered
from alerts.decisions.calling.claims import claim_expired, claim_revoked, follow_up
from alerts.decisions.calling.ladder import enter, move_on, next_in_turn, next_round, repeat_last, still_asked
from alerts.decisions.changes import concerns
from alerts.decisions.closing import asked_now, asks_person_alone, close_incident, tell_all, with_result
from alerts.decisions.codes import DeferredFor, Reason, Reasons, What, Why, why
from alerts.decisions.commands import CancelOutstanding, Decision, Tell
from alerts.decisions.model import Incident, IncidentState, News, Purpose, Recipients
from alerts.decisions.policy import Policy
from contracts.signals import Signal, SignalKind

LATE_MS = 60_000  # a tick this late means that nothing was running: sends may be late as well

_CALLED_AT_DEADLINE: Final = why(Reason.PERSON_CANNOT_BE_ASKED, Reason.HELP_AT_CALL_DEADLINE)


def opened(
    signal: Signal, person: str, policy: Policy, recipients: Recipients, now_ms: int, held_until_ms: int | None = None
) -> Decision:
    """The first state of an incident for a signal that holds, and who is asked."""
    incident = Incident(
        kind=signal.kind,
        person=person,
        policy=policy,
        state=IncidentState.NOTIFYING,
        since_ms=signal.since_ms,
        opened_ms=now_ms,
        next_due_ms=max(signal.call_at_ms, now_ms),
        call_at_ms=signal.call_at_ms,
        held_until_ms=held_until_ms,
    )
    decision = _begin(incident, recipients, now_ms, What.OPENED, (Why(Reason.NOTICED, (("kind", signal.kind),)),))
    if signal.kind is SignalKind.HELP and recipients.person:
        told = (*decision.commands, Tell(person, News.HELP_CALLED))
        return replace(decision, commands=told)
    return decision


def _begin(incident: Incident, recipients: Recipients, now_ms: int, what: What, reasons: Reasons) -> Decision:
    """The first step. A person who cannot be asked is called for at the call deadline, and not at once."""
    at_first = replace(incident, state=IncidentState.NOTIFYING, step=0, repeat=next_round(incident, 0))
    call_at_ms = incident.call_at_ms
    if asks_person_alone(at_first) and not recipients.person and call_at_ms is not None and call_at_ms > now_ms:
        return Decision(replace(at_first, next_due_ms=call_at_ms), (), what, _CALLED_AT_DEADLINE)
    return enter(incident, 0, recipients, now_ms, what, reasons)


def decide(incident: Incident, event: events.Event, recipients: Recipients, now_ms: int) -> Decision | None:
    """What an event does to an incident; None: nothing."""
    decision = _decide(incident, event, recipients, now_ms) if concerns(incident, event, now_ms) else None
    if decision is None or decision.incident.state is IncidentState.DEFERRED:
        return decision
    return replace(decision, incident=replace(decision.incident, deferred_for=None))


def _decide(incident: Incident, event: events.Event, recipients: Recipients, now_ms: int) -> Decision | None:
    match event:
        case events.TimePassed():
            return _on_time(incident, recipients, now_ms)
        case events.Moved(at_ms):
            return _on_movement(incident, at_ms, now_ms)
        case events.SaidOk(at_ms):
            return close_incident(incident, closing.SELF_OK, incident.person, at_ms, now_ms)
        case events.FoundWell(by, at_ms):
            # Who answers one incident about them must not be asked, or called for, because of another.
            ending = closing.SELF_OK if by == incident.person else closing.SAFE
            return close_incident(incident, ending._replace(reason=Reason.FOUND_WELL), by, at_ms, now_ms)
        case events.Recovered(_, at_ms):
            return close_incident(incident, closing.RECOVERED, "gateway", at_ms, now_ms)
        case events.AbsenceStarted(until_ms):
            return _on_absence(incident, until_ms)
        case events.AbsenceEnded():
            # It was cancelled or shortened: what waited for its end waits no longer.
            return _begin(incident, recipients, now_ms, What.RESUMED, why(Reason.ABSENCE_OVER))
        case events.ConsentRevoked(person):
            return claim_revoked(incident, person, recipients, now_ms)
        case events.PersonUnreachable(person, epoch):
            return _on_unreachable(incident, person, epoch, recipients, now_ms)
        case events.Answered():
            return answered(incident, event, recipients, now_ms)
        case events.Closed(by, outcome, cancelled, at_ms):
            state = IncidentState.CANCELLED if cancelled else IncidentState.RESOLVED
            ending = closing.Ending(outcome, News.CLOSED, Reason.STAFF_CLOSED, state)
            return close_incident(incident, ending, by, at_ms, now_ms)


# ---- Time ------------------------------------------------------------------------------------------------------------


def _on_time(incident: Incident, recipients: Recipients, now_ms: int) -> Decision | None:
    match incident.state:
        case IncidentState.CLAIMED:
            return claim_expired(incident, recipients, now_ms)
        case IncidentState.EMERGENCY:
            return follow_up(incident, recipients, now_ms)
        case IncidentState.DEFERRED:
            reasons = why(Reason.DEFERRAL_OVER)
            if incident.step == 0:
                return _begin(_just_back(incident, now_ms), recipients, now_ms, What.RESUMED, reasons)
            return enter(incident, incident.step, recipients, now_ms, What.RESUMED, reasons)
        case _ if incident.at_last_step:
            return repeat_last(incident, recipients, now_ms, What.ASKED_AGAIN, why(Reason.NO_OUTCOME_YET))
    held_until_ms = _leave_time_until_ms(incident, now_ms, late=now_ms - (incident.next_due_ms or now_ms) >= LATE_MS)
    if held_until_ms > now_ms:
        waiting = replace(incident, next_due_ms=held_until_ms)
        return Decision(waiting, (), What.WAITED, why(Reason.SENT_LATE, Reason.LEAST_TIME_TO_ANSWER))
    return enter(incident, incident.step + 1, recipients, now_ms, What.ESCALATED, why(Reason.NO_ANSWER_IN_TIME))


def _just_back(incident: Incident, now_ms: int) -> Incident:
    """Help is called no sooner than when the question that is asked now may be answered.

    The call deadline was for a silence at home and passed while they were away: who comes back a quarter of an hour
    later than was registered is not to find a neighbour at the door.
    """
    if incident.call_at_ms is None:
        return incident
    answer_by_ms = now_ms + 1000 * incident.policy.steps[0].answer_s
    return replace(incident, call_at_ms=max(incident.call_at_ms, answer_by_ms))


def _leave_time_until_ms(incident: Incident, now_ms: int, *, late: bool) -> int:
    """Until when those asked must be left to answer, because the message left late.

    After hours of downtime a step is overdue although its message never went out. Calling neighbours in the same
    moment as asking the person would skip the person. Bounded: a tick in time does not wait for an unsent message, and
    a message is first accepted once.
    """
    live = still_asked(incident)
    accepted = [item.accepted_ms for item in live if item.accepted_ms is not None]
    least_ms = 1000 * incident.policy.least_answer_s
    if accepted:
        return min(accepted) + least_ms
    return now_ms + least_ms if live and late else now_ms


# ---- Signs of life ---------------------------------------------------------------------------------------------------


def _on_movement(incident: Incident, at_ms: int, now_ms: int) -> Decision:
    moved = replace(incident, moved_ms=at_ms)
    if incident.person_alone:
        return close_incident(moved, closing.MOVEMENT, "movement", at_ms, now_ms)
    return Decision(moved, tell_all(incident, News.MOVED), What.MOVED, why(Reason.MOVED_AFTER_CALL))


# ---- What puts off ---------------------------------------------------------------------------------------------------


def _on_absence(incident: Incident, until_ms: int) -> Decision:
    """An absence was registered while the person was looked for: when it ends they are asked again, as at first."""
    known = incident.state is IncidentState.DEFERRED
    away = replace(
        incident, state=IncidentState.DEFERRED, step=0, repeat=0, next_due_ms=until_ms, deferred_for=DeferredFor.ABSENCE
    )
    told = () if known else (CancelOutstanding(), *tell_all(incident, News.AWAY))
    return Decision(away, told, What.DEFERRED, why(Reason.ABSENCE_REGISTERED, Reason.ASKED_AGAIN_AFTER_ABSENCE))


# ---- Messages that cannot be delivered -------------------------------------------------------------------------------


def _on_unreachable(
    incident: Incident, person: str, epoch: int, recipients: Recipients, now_ms: int
) -> Decision | None:
    """Somebody cannot be reached: a stand-in is asked; when nobody of the step can be, the next step begins now.

    A person who cannot be asked is not called for before the call deadline: it is the one that was chosen for calling
    without an answer, the same as for a person without any way of reaching them.
    """
    if incident.state is not IncidentState.NOTIFYING or not asked_now(incident, person, epoch):
        return None
    left = replace(incident, asked=with_result(incident, person, epoch, failed=True))
    what, reasons = What.UNREACHABLE, why(Reason.NO_CONTACT_METHOD)
    if not still_asked(left):
        if asks_person_alone(left) and left.call_at_ms is not None and left.call_at_ms > now_ms:
            waiting = replace(left, next_due_ms=left.call_at_ms)
            return Decision(waiting, (), what, reasons + _CALLED_AT_DEADLINE)
        if left.at_last_step:
            asking = replace(left, state=IncidentState.STAFF_ATTENTION)
            return Decision(asking, (), what, reasons + why(Reason.COUNCIL_ASKED_AGAIN))
        return move_on(left, recipients, now_ms, (person,), what, reasons)
    was_called = any(item.person == person and item.purpose is Purpose.CALL for item in left.present)
    if was_called and next_in_turn(left, recipients, (person,)):
        return move_on(left, recipients, now_ms, (person,), what, reasons)
    return None
