"""How a claim ends that nobody gave back: it expires, or whoever is going must not go any more. Pure.

The incident goes on at once, as if they had never gone: with whoever else is going, else with the next who is asked.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final, NamedTuple

from alerts.decisions.calling.ladder import ask_council, move_on
from alerts.decisions.closing import follow_up_ms
from alerts.decisions.codes import Reason, What, why
from alerts.decisions.commands import Decision, EndClaim
from alerts.decisions.model import Incident, IncidentState, Recipients


class _End(NamedTuple):
    """How claims end: as `EndClaim` has it, and for the record."""

    by: str
    what: What
    reason: Reason


_EXPIRED: Final = _End("lapsed", What.CLAIM_EXPIRED, Reason.GOING_NOT_SEEN)
_REVOKED: Final = _End("revoked", What.CLAIM_REVOKED, Reason.CONSENT_REVOKED)
_FOLLOWED_UP: Final = _End("lapsed", What.FOLLOWED_UP, Reason.NO_OUTCOME_YET)


def claim_expired(incident: Incident, recipients: Recipients, now_ms: int) -> Decision:
    """The first claim has expired."""
    return _go_on(incident, _over(incident, now_ms), _EXPIRED, recipients, now_ms)


def claim_revoked(incident: Incident, person: str, recipients: Recipients, now_ms: int) -> Decision:
    """The consent was revoked by which ``person``, who is going, may go."""
    if incident.state is IncidentState.EMERGENCY:
        return _ask_staff(incident, (person,), _REVOKED, recipients, now_ms)
    return _go_on(incident, (person,), _REVOKED, recipients, now_ms)


def follow_up(incident: Incident, recipients: Recipients, now_ms: int) -> Decision:
    """Staff own it: whoever was on the way and does not report is theirs to follow up as well."""
    over = _over(incident, now_ms)
    return _ask_staff(incident, over, _EXPIRED if over else _FOLLOWED_UP, recipients, now_ms)


def _over(incident: Incident, now_ms: int) -> tuple[str, ...]:
    return tuple(claim.person for claim in incident.claims if claim.expires_ms <= now_ms)


def _go_on(incident: Incident, persons: Collection[str], end: _End, recipients: Recipients, now_ms: int) -> Decision:
    left, ends = _without(incident, persons, end.by)
    if left.claims:
        still = replace(left, next_due_ms=left.claim_expires_ms)
        return Decision(still, ends, end.what, why(end.reason, Reason.ANOTHER_GOING))
    decision = move_on(left, recipients, now_ms, (), end.what, why(end.reason))
    return replace(decision, commands=ends + decision.commands)


def _ask_staff(
    incident: Incident, persons: Collection[str], end: _End, recipients: Recipients, now_ms: int
) -> Decision:
    left, ends = _without(incident, persons, end.by)
    owned = replace(left, next_due_ms=follow_up_ms(left, now_ms))
    decision = ask_council(owned, recipients, now_ms, end.what, why(end.reason))
    return replace(decision, commands=ends + decision.commands)


def _without(incident: Incident, persons: Collection[str], by: str) -> tuple[Incident, tuple[EndClaim, ...]]:
    rest = tuple(claim for claim in incident.claims if claim.person not in persons)
    return replace(incident, claims=rest), tuple(EndClaim(person, by) for person in persons)
