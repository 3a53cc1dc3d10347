"""What the answers of people do to an incident: going, cannot, safe, 119, and the person's own. Pure."""

from dataclasses import replace

from alerts.decisions import closing
from alerts.decisions.calling.ladder import ask_council, enter, move_on
from alerts.decisions.closing import asked_now, asks_person_alone, close_incident, follow_up_ms, tell_all, with_result
from alerts.decisions.codes import Reason, What, why
from alerts.decisions.commands import Decision, EndClaim, HoldClaim
from alerts.decisions.events import Answered, Closed
from alerts.decisions.model import Answer, Claim, Incident, IncidentState, News, Recipients
from contracts.statements import StatementKind


def statement_kind(incident: Incident, event: Answered | Closed) -> StatementKind:
    """What an answer says: of the person themself, *safe* is "I am all right" and *cannot* "I need help"."""
    if isinstance(event, Closed):
        return StatementKind.CLOSED
    by_person = event.person == incident.person
    match event.answer:
        case Answer.SAFE if by_person:
            return StatementKind.OK
        case Answer.CANNOT if by_person:
            return StatementKind.HELP
        case answer:
            return StatementKind(answer)


def opens_another(incident: Incident, kind: StatementKind) -> bool:
    """Whether a statement about this incident is a new call for help, which the next tick reads like a press.

    An end is an end, and an incident about devices asks nobody to look after a person.
    """
    return kind is StatementKind.HELP and (incident.ended or not incident.kind.concerns_person)


SAME_CLAIM_MS = 60_000  # GOING said twice within this is one answer (a double click), not an extension


def answered(incident: Incident, event: Answered, recipients: Recipients, now_ms: int) -> Decision | None:
    """What an answer to a message does; None: nothing."""
    if not incident.kind.concerns_person:
        return None  # nobody is worried about a person here; staff close it, or the device comes back
    by_person = event.person == incident.person
    match event.answer:
        case Answer.SAFE:
            ending = closing.SELF_OK if by_person else closing.SAFE
            return close_incident(incident, ending, event.person, event.at_ms, now_ms)
        case Answer.CALLED_119:
            return _emergency(incident, event.person, recipients, now_ms)
        case Answer.CANNOT if by_person:
            return _needs_help(incident, event, recipients, now_ms)
        case Answer.CANNOT:
            return _cannot(incident, event, recipients, now_ms)
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
    if incident.state is IncidentState.EMERGENCY:  # staff follow up all the same
        due_ms = expires_ms if incident.next_due_ms is None else min(incident.next_due_ms, expires_ms)
        going = replace(going, next_due_ms=due_ms)
    else:
        going = replace(going, state=IncidentState.CLAIMED, next_due_ms=going.claim_expires_ms)
    # Not to those who are going themselves: it says that one may turn round.
    news = tell_all(incident, News.GOING, without=[item.person for item in claims]) if held is None else ()
    what = What.CLAIMED if held is None else What.CLAIM_EXTENDED
    return Decision(going, (HoldClaim(claim), *news), what, why(Reason.RESPONDER_GOING))


def _cannot(incident: Incident, event: Answered, recipients: Recipients, now_ms: int) -> Decision | None:
    held = any(claim.person == event.person for claim in incident.claims)
    current = asked_now(incident, event.person, event.epoch)
    if not held and not current:
        return None  # an answer to an older message, from somebody nobody waits for
    claims = tuple(claim for claim in incident.claims if claim.person != event.person)
    declined = with_result(incident, event.person, event.epoch, declined=True)
    left = replace(incident, claims=claims, asked=declined)
    ends = (EndClaim(event.person, "cannot"),) if held else ()
    reasons = why(Reason.RESPONDER_CANNOT)
    if incident.state in (IncidentState.EMERGENCY, IncidentState.DEFERRED):
        return Decision(left, ends, What.DECLINED, reasons)
    if claims:
        still = replace(left, next_due_ms=left.claim_expires_ms)
        return Decision(still, ends, What.DECLINED, reasons + why(Reason.ANOTHER_GOING))
    if left.at_last_step and not held:
        asking = replace(left, state=IncidentState.STAFF_ATTENTION)
        return Decision(asking, (), What.DECLINED, reasons + why(Reason.COUNCIL_ASKED_AGAIN))
    decision = move_on(left, recipients, now_ms, (event.person,), What.DECLINED, reasons)
    return replace(decision, commands=ends + decision.commands)


def _needs_help(incident: Incident, event: Answered, recipients: Recipients, now_ms: int) -> Decision | None:
    reasons = why(Reason.PERSON_NEEDS_HELP)
    news = tell_all(incident, News.NEEDS_HELP)
    asked_again = asks_person_alone(incident)  # others were called before it was deferred: they wait for nothing now
    if incident.others_called and incident.state is not IncidentState.DEFERRED and not asked_again:
        return Decision(replace(incident, said_help=True), news, What.NEEDS_HELP, reasons)
    declined = with_result(incident, event.person, event.epoch, declined=True)
    at_once = replace(incident, asked=declined, said_help=True)
    decision = enter(at_once, min(incident.step + 1, incident.policy.last), recipients, now_ms, What.ESCALATED, reasons)
    called = decision.incident
    if called.claims:  # whoever is going already goes on, and is held to it
        called = replace(called, state=IncidentState.CLAIMED, next_due_ms=called.claim_expires_ms)
    return replace(decision, incident=called, commands=decision.commands + news)


def _emergency(incident: Incident, by: str, recipients: Recipients, now_ms: int) -> Decision | None:
    if incident.state is IncidentState.EMERGENCY:
        return None
    reasons = why(Reason.CALLED_119, Reason.STAFF_FOLLOW_UP)
    news = tell_all(incident, News.CALLED_119, without=(by, *recipients.staff))
    due_ms = follow_up_ms(incident, now_ms)
    called = replace(incident, state=IncidentState.EMERGENCY, next_due_ms=due_ms, called_119_by=by)
    decision = ask_council(called, recipients, now_ms, What.CALLED_119, reasons, (by,))
    return replace(decision, commands=decision.commands + news)
