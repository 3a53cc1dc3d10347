"""What may have happened to an open incident, from what holds now. Pure.

`changes` is read twice for an incident: for all of them at once, to see which move, and again in the transaction that
moves one. `concerns` is the one place that says whether an event does anything to an incident.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.decisions import events
from alerts.decisions.deferral import defer_until
from alerts.decisions.model import Incident, IncidentState
from alerts.decisions.standing import Standing
from contracts.signals import SignalKind


@dataclass(frozen=True, slots=True)
class CurrentFacts:
    """What holds now about an open incident and its home.

    Attributes:
        standing: of the person.
        back_ms: the end of the absences that cover this moment (ms UTC); None: none does.
        revoked: who is going and may not hear of the person any more.
        area_over: of an incident about an area: whether each of its homes has come to its end.
    """

    standing: Standing
    back_ms: int | None = None
    revoked: tuple[str, ...] = ()
    area_over: bool = False


def changes(incident: Incident, facts: CurrentFacts, now_ms: int) -> list[events.Event]:
    """The events that do something to the incident: a word of the person first, the clock last."""
    return [event for event in _happened(incident, facts, now_ms) if concerns(incident, event, now_ms)]


def _happened(incident: Incident, facts: CurrentFacts, now_ms: int) -> Iterator[events.Event]:
    if incident.kind is not SignalKind.AREA_OUTAGE:
        yield from _of_home(facts)
    elif facts.area_over:
        yield events.Recovered(SignalKind.AREA_OUTAGE, now_ms)
    for person in facts.revoked:
        yield events.ConsentRevoked(person)
    yield events.TimePassed()


def _of_home(facts: CurrentFacts) -> Iterator[events.Event]:
    standing, signs = facts.standing, facts.standing.signs
    if standing.ok_ms is not None:
        yield events.SaidOk(standing.ok_ms)
    if standing.found_well is not None:
        yield events.FoundWell(standing.found_well.by, standing.found_well.at_ms)
    if signs.sign_ms is not None:
        yield events.Moved(signs.sign_ms)
    if signs.heartbeat_ms is not None:
        yield events.Recovered(SignalKind.GATEWAY_LOST, signs.heartbeat_ms)
    if signs.proven_ms is not None:
        yield events.Recovered(SignalKind.SENSOR_LOST, signs.proven_ms)
    yield events.AbsenceEnded() if facts.back_ms is None else events.AbsenceStarted(facts.back_ms)


def concerns(incident: Incident, event: events.Event, now_ms: int) -> bool:
    """Whether an event does anything to an incident; what it does says `incident.decide`.

    Answers and undeliverable messages are judged there alone: they come with a message, not with what holds now.
    """
    if incident.ended:
        return False
    kind, since_ms = incident.kind, incident.since_ms
    match event:
        case events.TimePassed():
            return incident.next_due_ms is not None and incident.next_due_ms <= now_ms
        case events.Moved(at_ms):
            return kind.answered_by_movement and at_ms > since_ms and incident.moved_ms is None
        case events.SaidOk(at_ms):
            return kind.concerns_person and at_ms > since_ms
        case events.FoundWell(_, at_ms):
            return kind.answered_by_any_word and at_ms > since_ms
        case events.Recovered(device, at_ms):
            return kind is device and at_ms > since_ms
        case events.AbsenceStarted(until_ms):
            return _is_deferred_until(incident, until_ms, now_ms)
        case events.AbsenceEnded():
            return _waits_for_absence(incident, now_ms)
        case events.ConsentRevoked(person):
            return any(claim.person == person for claim in incident.claims)
        case _:
            return True


def _is_deferred_until(incident: Incident, until_ms: int, now_ms: int) -> bool:
    """Who asks for help is not deferred, and whoever is going goes on: they know more than the register does."""
    if not incident.kind.concerns_person or incident.help_wanted or until_ms <= now_ms:
        return False
    waits = incident.state is IncidentState.DEFERRED and (incident.next_due_ms or 0) >= until_ms
    return not (incident.claims or incident.state is IncidentState.EMERGENCY or waits)


def _waits_for_absence(incident: Incident, now_ms: int) -> bool:
    """Whether it waits for the end of an absence, and for nothing else."""
    waits = incident.state is IncidentState.DEFERRED and incident.step == 0 and (incident.next_due_ms or 0) > now_ms
    if not waits or not incident.kind.concerns_person:
        return False
    # If only the council is asked, it may wait for its area or the end of the night at that same step.
    return not (incident.at_last_step and defer_until(incident, now_ms) is not None)
