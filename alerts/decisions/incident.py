"""The incident: a pure state machine. State, event and now give a new state, commands and a reason.

Promises, each held by a test:

- An incident that has not ended has a due time; at it, somebody is asked again, for ever.
- Only a human answer ends a case about a person: their own OK, a responder's SAFE, staff closing it. A movement ends it
  only while the person alone is asked and nobody is going: who goes there opens the door; and never one about a
  decline, which is noticed because they still move. A human who ends another case because the person is well ends
  this one too, unless it is a call for help. A case about a device ends when the device is heard of again.
- GOING is a lease; when it lapses, or its only holder CANNOT, the next target is asked at once.
- An absence, quiet hours, an outage of the whole area only put off: when they end the case is looked at again.
- An end is an end: nothing re-opens it. Answers to older messages are judged by their epoch.
"""

from collections.abc import Collection
from dataclasses import replace

from alerts.decisions.climbing import ask_council, enter, move_on, next_in_turn, repeat_last, still_asked
from alerts.decisions.deferral import put_off
from alerts.decisions.model import (
    Absent,
    Answer,
    Answered,
    Asked,
    Back,
    CancelOutstanding,
    Claim,
    Closed,
    Command,
    CouldNotReach,
    Decision,
    EndClaim,
    Event,
    FoundWell,
    HoldClaim,
    Incident,
    Moved,
    News,
    Purpose,
    Recovered,
    Roster,
    SaidOk,
    State,
    Tell,
    TimePassed,
)
from alerts.settings import Audience, Policy
from contracts.signals import Signal, SignalKind

LATE_MS = 60_000  # a tick this late means that nothing was running: sends may be late as well
SAME_CLAIM_MS = 60_000  # GOING said twice within this is one answer (a double click), not an extension

_CALLED_AT_DEADLINE = "the person cannot be asked; help is called at the call deadline"
_NOT_HEARD_OF = "who said going was not heard of again"


def opened(
    signal: Signal, person: str, policy: Policy, roster: Roster, now_ms: int, held_until_ms: int | None = None
) -> Decision:
    """The first state of an incident for a signal that holds, and who is asked."""
    incident = Incident(
        kind=signal.kind,
        person=person,
        policy=policy,
        state=State.NOTIFYING,
        since_ms=signal.since_ms,
        opened_ms=now_ms,
        next_due_ms=max(signal.call_at_ms, now_ms),
        call_at_ms=signal.call_at_ms,
        held_until_ms=held_until_ms,
    )
    if _asks_person_alone(incident) and not roster.person and signal.call_at_ms > now_ms:
        return Decision(incident, (), "opened", _CALLED_AT_DEADLINE)
    decision = enter(incident, 0, roster, now_ms, "opened", f"{signal.kind} noticed")
    if signal.kind is SignalKind.HELP and roster.person:
        told = (*decision.commands, Tell(person, News.HELP_CALLED))
        return replace(decision, commands=told)
    return decision


def decide(incident: Incident, event: Event, roster: Roster, now_ms: int) -> Decision | None:
    """What an event does to an incident; None: nothing."""
    if incident.ended:
        return None
    match event:
        case TimePassed():
            return _on_time(incident, roster, now_ms)
        case Moved(at_ms):
            return _on_movement(incident, at_ms, now_ms)
        case SaidOk(at_ms):
            return _on_ok(incident, at_ms, now_ms)
        case FoundWell(by, at_ms):
            return _on_found_well(incident, by, at_ms, now_ms)
        case Recovered(kind, at_ms):
            return _on_recovery(incident, kind, at_ms, now_ms)
        case Absent(until_ms):
            return _on_absence(incident, until_ms, now_ms)
        case Back():
            return _on_return(incident, roster, now_ms)
        case CouldNotReach(person, epoch):
            return _on_unreachable(incident, person, epoch, roster, now_ms)
        case Answered():
            return _on_answer(incident, event, roster, now_ms)
        case Closed(by, outcome, cancelled):
            state = State.CANCELLED if cancelled else State.RESOLVED
            return _end(incident, state, outcome, by, News.CLOSED, now_ms, "staff recorded the outcome")


# ---- Time ------------------------------------------------------------------------------------------------------------


def _on_time(incident: Incident, roster: Roster, now_ms: int) -> Decision | None:
    due_ms = incident.next_due_ms
    if due_ms is None or now_ms < due_ms:
        return None
    match incident.state:
        case State.CLAIMED:
            return _lapse(incident, roster, now_ms)
        case State.EMERGENCY:
            return _follow_up(incident, roster, now_ms)
        case State.DEFERRED:
            reason = "what put it off is over, and there is no outcome yet"
            return enter(incident, incident.step, roster, now_ms, "resumed", reason)
        case _ if incident.at_last_step:
            return repeat_last(incident, roster, now_ms, "asked_again", "no outcome yet")
    held_until_ms = _not_heard_before_ms(incident, now_ms, late=now_ms - due_ms >= LATE_MS)
    if held_until_ms > now_ms:
        waiting = replace(incident, next_due_ms=held_until_ms)
        return Decision(waiting, (), "waited", "the question went out late; it is given the least time to be answered")
    return enter(incident, incident.step + 1, roster, now_ms, "escalated", "no answer in time")


def _not_heard_before_ms(incident: Incident, now_ms: int, *, late: bool) -> int:
    """Until when those asked must be left to answer, because the message left late.

    After hours of downtime a step is overdue although its message never went out. Calling neighbours in the same
    moment as asking the person would skip the person. Bounded: a tick in time does not wait for an unsent message, and
    a message is first accepted once.
    """
    live = [item for item in incident.present if not item.failed and not item.declined]
    accepted = [item.accepted_ms for item in live if item.accepted_ms is not None]
    least_ms = 1000 * incident.policy.least_answer_s
    if accepted:
        return min(accepted) + least_ms
    return now_ms + least_ms if live and late else now_ms


def _lapse(incident: Incident, roster: Roster, now_ms: int) -> Decision:
    left, ends = _without_lapsed(incident, now_ms)
    if left.claims:
        still = replace(left, next_due_ms=left.lapse_ms)
        return Decision(still, ends, "claim_lapsed", "another responder is still going")
    decision = move_on(left, roster, now_ms, (), "claim_lapsed", _NOT_HEARD_OF)
    return replace(decision, commands=ends + decision.commands)


def _follow_up(incident: Incident, roster: Roster, now_ms: int) -> Decision:
    """Staff own it: whoever was on the way and is not heard of again is a matter for them as well."""
    left, ends = _without_lapsed(incident, now_ms)
    what, reason = ("claim_lapsed", _NOT_HEARD_OF) if ends else ("followed_up", "no outcome yet")
    due_ms = _follow_up_ms(left, now_ms)
    decision = ask_council(left, roster, now_ms, State.EMERGENCY, due_ms, what, reason)
    return replace(decision, commands=ends + decision.commands)


def _follow_up_ms(incident: Incident, now_ms: int) -> int:
    due_ms = now_ms + 1000 * incident.policy.follow_up_s
    return due_ms if incident.lapse_ms is None else min(due_ms, incident.lapse_ms)


def _without_lapsed(incident: Incident, now_ms: int) -> tuple[Incident, tuple[EndClaim, ...]]:
    over = [claim for claim in incident.claims if claim.expires_ms <= now_ms]
    rest = tuple(claim for claim in incident.claims if claim.expires_ms > now_ms)
    return replace(incident, claims=rest), tuple(EndClaim(claim.person, "lapsed") for claim in over)


# ---- Signs of life and of recovery -----------------------------------------------------------------------------------


def _on_movement(incident: Incident, at_ms: int, now_ms: int) -> Decision | None:
    if not incident.kind.answered_by_movement or at_ms <= incident.since_ms or incident.moved_ms is not None:
        return None
    moved = replace(incident, moved_ms=at_ms)
    if incident.person_alone:
        return _end(
            moved, State.RESOLVED, "movement", "movement", None, now_ms, "a movement while only they were asked"
        )
    reason = "a movement after others were called: news, a human closes the case"
    return Decision(moved, _tell_all(incident, News.MOVED), "moved", reason)


def _on_ok(incident: Incident, at_ms: int, now_ms: int) -> Decision | None:
    if not incident.kind.concerns_person or at_ms <= incident.since_ms:
        return None
    return _end(incident, State.RESOLVED, "self_ok", incident.person, News.SELF_OK, now_ms, "the person said OK")


def _on_found_well(incident: Incident, by: str, at_ms: int, now_ms: int) -> Decision | None:
    """Two cases about one person: who answers the one must not be asked, or called for, because of the other."""
    if not incident.kind.answered_by_any_word or at_ms <= incident.since_ms:
        return None
    outcome, news = ("self_ok", News.SELF_OK) if by == incident.person else ("safe", News.SAFE)
    return _end(incident, State.RESOLVED, outcome, by, news, now_ms, "found well in another case")


def _on_recovery(incident: Incident, kind: SignalKind, at_ms: int, now_ms: int) -> Decision | None:
    if incident.kind is not kind or at_ms <= incident.since_ms:
        return None
    return _end(
        incident, State.RESOLVED, "recovered", "gateway", News.RECOVERED, now_ms, "the device was heard of again"
    )


# ---- What puts off ---------------------------------------------------------------------------------------------------


def _on_absence(incident: Incident, until_ms: int, now_ms: int) -> Decision | None:
    """An absence was registered while the person was looked for: when it ends they are asked again, as at first.

    Who asks for help is not put off, and whoever is going goes on: they know more than the register does.
    """
    if not incident.kind.concerns_person or incident.help_wanted or until_ms <= now_ms:
        return None
    known = incident.state is State.DEFERRED
    if incident.claims or incident.state is State.EMERGENCY or (known and _due_ms(incident) >= until_ms):
        return None
    away = replace(incident, state=State.DEFERRED, step=0, repeat=0, next_due_ms=until_ms)
    told = () if known else (CancelOutstanding(), *_tell_all(incident, News.AWAY))
    return Decision(away, told, "deferred", "an absence is registered; looked at again when it ends")


def _on_return(incident: Incident, roster: Roster, now_ms: int) -> Decision | None:
    """The absence was cancelled or shortened: what waited for its end waits no longer."""
    waits = incident.state is State.DEFERRED and incident.step == 0 and _due_ms(incident) > now_ms
    if not waits or not incident.kind.concerns_person or put_off(incident, now_ms) is not None:
        return None
    return enter(incident, 0, roster, now_ms, "resumed", "no absence is registered any more, and there is no outcome")


def _due_ms(incident: Incident) -> int:
    return 0 if incident.next_due_ms is None else incident.next_due_ms


# ---- Messages that cannot be delivered -------------------------------------------------------------------------------


def _on_unreachable(incident: Incident, person: str, epoch: int, roster: Roster, now_ms: int) -> Decision | None:
    """Somebody cannot be reached: a stand-in is asked; when nobody of the step can be, the next step begins now.

    A person who cannot be asked is not called for before the call deadline: it is the one that was chosen for calling
    without an answer, the same as for a person without any way of reaching them.
    """
    if incident.state is not State.NOTIFYING or not _asked_now(incident, person, epoch):
        return None
    left = replace(incident, asked=_marked(incident, person, epoch, failed=True))
    what, reason = "unreachable", "every way of reaching somebody failed"
    if not still_asked(left):
        if _asks_person_alone(left) and left.call_at_ms is not None and left.call_at_ms > now_ms:
            waiting = replace(left, next_due_ms=left.call_at_ms)
            return Decision(waiting, (), what, f"{reason}; {_CALLED_AT_DEADLINE}")
        if left.at_last_step:
            return Decision(
                replace(left, state=State.STAFF_ATTENTION), (), what, f"{reason}; the council is asked again"
            )
        return move_on(left, roster, now_ms, (person,), what, reason)
    was_called = any(item.person == person and item.purpose is Purpose.CALL for item in left.present)
    if was_called and next_in_turn(left, roster, (person,)):
        return move_on(left, roster, now_ms, (person,), what, reason)
    return None


# ---- Answers ---------------------------------------------------------------------------------------------------------


def _on_answer(incident: Incident, event: Answered, roster: Roster, now_ms: int) -> Decision | None:
    if not incident.kind.concerns_person:
        return None  # nobody is worried about a person here; staff close it, or the device comes back
    by_person = event.person == incident.person
    match event.answer:
        case Answer.SAFE if by_person:
            return _end(incident, State.RESOLVED, "self_ok", event.person, News.SELF_OK, now_ms, "the person said OK")
        case Answer.SAFE:
            reason = "a responder found the person safe"
            return _end(incident, State.RESOLVED, "safe", event.person, News.SAFE, now_ms, reason)
        case Answer.CALLED_119:
            return _emergency(incident, event.person, roster, now_ms)
        case Answer.CANNOT if by_person:
            return _needs_help(incident, event, roster, now_ms)
        case Answer.CANNOT:
            return _cannot(incident, event, roster, now_ms)
        case Answer.GOING:
            return None if by_person else _going(incident, event, now_ms)


def _going(incident: Incident, event: Answered, now_ms: int) -> Decision | None:
    policy = incident.policy
    travel_s = min(max(policy.going_s if event.eta_s is None else event.eta_s, 0), policy.longest_going_s)
    eta_ms = now_ms + 1000 * travel_s
    expires_ms = eta_ms + 1000 * policy.grace_s
    held = next((claim for claim in incident.claims if claim.person == event.person), None)
    if held is None:
        claim = Claim(event.person, now_ms, eta_ms, expires_ms)
    elif held.extensions < policy.extensions and expires_ms - held.expires_ms >= SAME_CLAIM_MS:
        claim = replace(held, eta_ms=eta_ms, expires_ms=expires_ms, extensions=held.extensions + 1)
    else:
        return None
    rest = tuple(item for item in incident.claims if item.person != event.person)
    claims = (*rest, claim)
    going = replace(incident, claims=claims)
    if incident.state is State.EMERGENCY:  # staff follow up all the same
        due_ms = expires_ms if incident.next_due_ms is None else min(incident.next_due_ms, expires_ms)
        going = replace(going, next_due_ms=due_ms)
    else:
        going = replace(going, state=State.CLAIMED, next_due_ms=going.lapse_ms)
    news = _tell_all(incident, News.GOING, without=(event.person,)) if held is None else ()
    what = "claimed" if held is None else "claim_extended"
    return Decision(going, (HoldClaim(claim), *news), what, "a responder is going")


def _cannot(incident: Incident, event: Answered, roster: Roster, now_ms: int) -> Decision | None:
    held = any(claim.person == event.person for claim in incident.claims)
    current = _asked_now(incident, event.person, event.epoch)
    if not held and not current:
        return None  # an answer to an older message, from somebody nobody waits for
    claims = tuple(claim for claim in incident.claims if claim.person != event.person)
    declined = _marked(incident, event.person, event.epoch, declined=True)
    left = replace(incident, claims=claims, asked=declined)
    ends = (EndClaim(event.person, "cannot"),) if held else ()
    reason = "a responder cannot come"
    if incident.state in (State.EMERGENCY, State.DEFERRED):
        return Decision(left, ends, "declined", reason)
    if claims:
        return Decision(replace(left, next_due_ms=left.lapse_ms), ends, "declined", f"{reason}; another one is going")
    if left.at_last_step and not held:
        return Decision(
            replace(left, state=State.STAFF_ATTENTION), (), "declined", f"{reason}; the council is asked again"
        )
    decision = move_on(left, roster, now_ms, (event.person,), "declined", reason)
    return replace(decision, commands=ends + decision.commands)


def _needs_help(incident: Incident, event: Answered, roster: Roster, now_ms: int) -> Decision | None:
    reason = "the person said they need help"
    news = _tell_all(incident, News.NEEDS_HELP)
    asked_again = _asks_person_alone(incident)  # others were called before it was put off: they wait for nothing now
    if incident.others_called and incident.state is not State.DEFERRED and not asked_again:
        return Decision(incident, news, "needs_help", reason)
    at_once = replace(incident, asked=_marked(incident, event.person, event.epoch, declined=True))
    decision = enter(at_once, min(incident.step + 1, incident.policy.last), roster, now_ms, "escalated", reason)
    called = decision.incident
    if called.claims:  # whoever is going already goes on, and is held to it
        called = replace(called, state=State.CLAIMED, next_due_ms=called.lapse_ms)
    return replace(decision, incident=called, commands=decision.commands + news)


def _emergency(incident: Incident, by: str, roster: Roster, now_ms: int) -> Decision | None:
    if incident.state is State.EMERGENCY:
        return None
    due_ms = _follow_up_ms(incident, now_ms)
    reason = "119 was called; staff follow up"
    news = _tell_all(incident, News.CALLED_119, without=(by, *roster.staff))
    decision = ask_council(incident, roster, now_ms, State.EMERGENCY, due_ms, "called_119", reason, (by,))
    return replace(decision, commands=decision.commands + news)


# ---- Small questions -------------------------------------------------------------------------------------------------


def _end(
    incident: Incident, state: State, outcome: str, by: str, news: News | None, now_ms: int, reason: str
) -> Decision:
    how = "safe" if outcome in ("safe", "self_ok") else "closed"
    ends = tuple(EndClaim(claim.person, how) for claim in incident.claims)
    told = _tell_all(incident, news, without=(by, incident.person)) if news else ()
    ended = replace(
        incident, state=state, outcome=outcome, outcome_by=by, closed_ms=now_ms, next_due_ms=None, claims=()
    )
    return Decision(ended, (CancelOutstanding(), *ends, *told), "ended", reason)


def _asks_person_alone(incident: Incident) -> bool:
    """Whether the present step asks the person and nobody else."""
    return incident.rung.audiences == (Audience.PERSON,)


def _asked_now(incident: Incident, person: str, epoch: int) -> bool:
    """Whether an answer to the message of this epoch is still waited for."""
    return any(item.person == person and item.epoch == epoch and not item.declined for item in incident.present)


def _marked(
    incident: Incident, person: str, epoch: int, *, failed: bool = False, declined: bool = False
) -> tuple[Asked, ...]:
    return tuple(
        replace(item, failed=item.failed or failed, declined=item.declined or declined)
        if (item.person, item.epoch) == (person, epoch)
        else item
        for item in incident.asked
    )


def _tell_all(incident: Incident, news: News, without: Collection[str] = ()) -> tuple[Command, ...]:
    """News for everybody but the person whom a call may have reached or who is going, each once."""
    heard = [item.person for item in incident.asked if item.heard and item.purpose is not Purpose.ASK]
    going = [claim.person for claim in incident.claims]
    return tuple(Tell(person, news) for person in dict.fromkeys(heard + going) if person not in without)
