"""How a lease ends that was not given back: who is going is not heard of, or must not go any more. Pure.

The case goes on at once, as if they had never gone: with whoever else is going, else with the next who is asked.
"""

from collections.abc import Collection
from dataclasses import replace

from alerts.decisions.endings import follow_up_ms
from alerts.decisions.ladder import ask_council, move_on
from alerts.decisions.model import Decision, EndClaim, Incident, Roster, State

_NOT_HEARD_OF = "who said going was not heard of again"


def lapsed(incident: Incident, roster: Roster, now_ms: int) -> Decision:
    """The first lease has run out."""
    return _go_on(incident, _over(incident, now_ms), "lapsed", _NOT_HEARD_OF, roster, now_ms)


def revoked(incident: Incident, person: str, roster: Roster, now_ms: int) -> Decision | None:
    """The consent was revoked by which ``person`` may go; None: they are not going."""
    if person not in {claim.person for claim in incident.claims}:
        return None
    reason = "the consent was revoked"
    if incident.state is State.EMERGENCY:
        return _ask_staff(incident, (person,), "revoked", "claim_revoked", reason, roster, now_ms)
    return _go_on(incident, (person,), "revoked", reason, roster, now_ms)


def follow_up(incident: Incident, roster: Roster, now_ms: int) -> Decision:
    """Staff own it: whoever was on the way and is not heard of again is a matter for them as well."""
    over = _over(incident, now_ms)
    what, reason = ("claim_lapsed", _NOT_HEARD_OF) if over else ("followed_up", "no outcome yet")
    return _ask_staff(incident, over, "lapsed", what, reason, roster, now_ms)


def _over(incident: Incident, now_ms: int) -> tuple[str, ...]:
    return tuple(claim.person for claim in incident.claims if claim.expires_ms <= now_ms)


def _go_on(incident: Incident, persons: Collection[str], by: str, reason: str, roster: Roster, now_ms: int) -> Decision:
    left, ends = _without(incident, persons, by)
    if left.claims:
        still = replace(left, next_due_ms=left.lapse_ms)
        return Decision(still, ends, f"claim_{by}", f"{reason}; another responder is still going")
    decision = move_on(left, roster, now_ms, (), f"claim_{by}", reason)
    return replace(decision, commands=ends + decision.commands)


def _ask_staff(
    incident: Incident, persons: Collection[str], by: str, what: str, reason: str, roster: Roster, now_ms: int
) -> Decision:
    left, ends = _without(incident, persons, by)
    decision = ask_council(left, roster, now_ms, State.EMERGENCY, follow_up_ms(left, now_ms), what, reason)
    return replace(decision, commands=ends + decision.commands)


def _without(incident: Incident, persons: Collection[str], by: str) -> tuple[Incident, tuple[EndClaim, ...]]:
    rest = tuple(claim for claim in incident.claims if claim.person not in persons)
    return replace(incident, claims=rest), tuple(EndClaim(person, by) for person in persons)
