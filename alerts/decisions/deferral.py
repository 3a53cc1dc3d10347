"""What only puts off, and until when: quiet hours, and an area of which staff are told as a whole. Pure.

Nothing here ends an incident: it stands in the store with the time at which it is looked at again. Who asks for help is
never deferred, and neither is staff's own follow-up of a 119 call.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.decisions.areas import ABOUT_DEVICES, ABOUT_PEOPLE
from alerts.decisions.codes import DeferredFor
from alerts.decisions.model import Incident
from alerts.decisions.policy import Policy
from contracts.signals import SignalKind


def defer_until(incident: Incident, now_ms: int) -> tuple[int, DeferredFor] | None:
    """Until when (ms UTC), and why, the council is not asked of this incident; None: it is asked now."""
    if incident.help_wanted:
        return None
    if _covered_by_area(incident) and incident.held_until_ms is not None and incident.held_until_ms > now_ms:
        return incident.held_until_ms, DeferredFor.AREA
    quiet_ms = quiet_until_ms(incident.policy, now_ms)
    return None if quiet_ms is None else (quiet_ms, DeferredFor.QUIET_HOURS)


def _covered_by_area(incident: Incident) -> bool:
    """Staff who were asked about a person by name go on being asked: somebody said that they need help."""
    return not incident.kind.concerns_person or incident.council_ms is None


def held_until_ms(kind: SignalKind, opened_ms: int, policy: Policy, now_ms: int) -> int | None:
    """Until when staff are told of the area instead of one of its homes (ms UTC); None: they are told of the home.

    Args:
        kind: of the home's incident.
        opened_ms: since when the incident of its area is open.
        policy: of the incident of its area.
        now_ms: now, ms UTC.
    """
    if kind in ABOUT_DEVICES:
        return now_ms + 1000 * policy.recheck_s
    return opened_ms + 1000 * policy.hold_s if kind in ABOUT_PEOPLE else None


def quiet_until_ms(policy: Policy, now_ms: int) -> int | None:
    """When the quiet hours that cover ``now_ms`` end (ms UTC); None outside of them."""
    if policy.quiet is None:
        return None
    begin_h, end_h = policy.quiet
    local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(policy.zone))
    since_begin_h = (local.hour - begin_h) % 24
    if since_begin_h >= (end_h - begin_h) % 24:
        return None
    end = local.replace(hour=end_h, minute=0, second=0, microsecond=0)
    if end <= local:
        end += timedelta(days=1)  # wall-clock arithmetic: the hour that people read, whatever a change of clock does
    return round(end.timestamp() * 1000)
