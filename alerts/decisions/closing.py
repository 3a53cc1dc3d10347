"""How an incident ends, who is told, and small questions about who is asked that several decisions share. Pure."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final, NamedTuple

from alerts.decisions.codes import Reason, What, why
from alerts.decisions.commands import CancelOutstanding, Command, Decision, EndClaim, Tell
from alerts.decisions.model import AskedPerson, Incident, IncidentState, News, Purpose
from alerts.decisions.policy import Audience
from alerts.decisions.standing import FOUND_WELL


class Ending(NamedTuple):
    """How an incident ends: the outcome, what whoever is going or was called is told (None: nothing), and why."""

    outcome: str
    news: News | None
    reason: Reason
    state: IncidentState = IncidentState.RESOLVED


SELF_OK: Final = Ending("self_ok", News.SELF_OK, Reason.PERSON_OK)
SAFE: Final = Ending("safe", News.SAFE, Reason.FOUND_SAFE)
RECOVERED: Final = Ending("recovered", News.RECOVERED, Reason.DEVICE_BACK)
MOVEMENT: Final = Ending("movement", None, Reason.MOVED_WHILE_ASKED)


def close_incident(incident: Incident, ending: Ending, by: str, at_ms: int | None, now_ms: int) -> Decision:
    """An incident ends, and what was not sent yet is not sent.

    ``at_ms``: when that which ends it was said or seen (ms UTC); None: now.
    """
    how = "safe" if ending.outcome in FOUND_WELL else "closed"
    ends = tuple(EndClaim(claim.person, how) for claim in incident.claims)
    told = tell_all(incident, ending.news, without=(by, incident.person)) if ending.news else ()
    ended = replace(
        incident,
        state=ending.state,
        outcome=ending.outcome,
        outcome_by=by,
        closed_ms=now_ms,
        answered_ms=now_ms if at_ms is None else at_ms,
        next_due_ms=None,
        claims=(),
    )
    return Decision(ended, (CancelOutstanding(), *ends, *told), What.ENDED, why(ending.reason))


def asks_person_alone(incident: Incident) -> bool:
    """Whether the present step asks the person and nobody else."""
    return incident.current_step.audiences == (Audience.PERSON,)


def asked_now(incident: Incident, person: str, epoch: int) -> bool:
    """Whether an answer to the message of this epoch is still waited for."""
    return any(item.person == person and item.epoch == epoch and not item.declined for item in incident.present)


def with_result(
    incident: Incident, person: str, epoch: int, *, failed: bool = False, declined: bool = False
) -> tuple[AskedPerson, ...]:
    """Those who were asked, with what became of the message of this epoch."""
    return tuple(
        replace(item, failed=item.failed or failed, declined=item.declined or declined)
        if (item.person, item.epoch) == (person, epoch)
        else item
        for item in incident.asked
    )


def tell_all(incident: Incident, news: News, without: Collection[str] = ()) -> tuple[Command, ...]:
    """News for everybody but the person whom a call may have reached or who is going, each once."""
    heard = [item.person for item in incident.asked if item.may_have_arrived and item.purpose is not Purpose.ASK]
    going = [claim.person for claim in incident.claims]
    return tuple(Tell(person, news) for person in dict.fromkeys(heard + going) if person not in without)


def follow_up_ms(incident: Incident, now_ms: int) -> int:
    """When staff look again at an incident in which 119 was called (ms UTC)."""
    due_ms = now_ms + 1000 * incident.policy.follow_up_s
    return due_ms if incident.claim_expires_ms is None else min(due_ms, incident.claim_expires_ms)
