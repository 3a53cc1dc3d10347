"""Which open incidents move, and by what: reads the facts that `alerts.decisions.changes` judges.

Nothing is queued: facts are read from the store again at every tick, so none can be lost between two processes.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from alerts.decisions.changes import CurrentFacts, changes
from alerts.decisions.events import Event
from alerts.decisions.model import Incident
from alerts.decisions.standing import NOTHING
from alerts.incidents.area_outages import is_over
from alerts.incidents.consents import may_know
from alerts.incidents.loaded_incident import LoadedIncident, claim_of, incident_of
from alerts.register import grouped
from alerts.signals.conditions import after_absences, read_absences, wants_help
from alerts.signals.standings import read_standings
from store.schema import claims, incidents, is_open

log = logging.getLogger(__name__)

_Open = tuple[str, str, Incident]
"""An open incident: its id, its home (empty: an area), and as much of it as `changes` looks at."""


def read_moving(connection: Connection, now_ms: int) -> list[str]:
    """Ids of the open incidents to which something happened, the longest overdue first."""
    some: list[_Open] = []
    found: list[tuple[int, str]] = []
    going = grouped((row.incident_id, claim_of(row)) for row in connection.execute(_CLAIMS))
    for row in connection.execute(_OPEN).mappings():
        due_ms = min(row["next_due_ms"], now_ms)
        try:
            incident = replace(incident_of(row), claims=tuple(going[row["id"]]), said_help=bool(row["said_help"]))
        except Exception:  # a ladder that cannot be read, as after a return to an earlier version
            log.exception("incident %s cannot be read", row["id"])
            found.append((due_ms, row["id"]))  # whoever moves it fails for it alone
        else:
            some.append((row["id"], row["home_id"] or "", incident))
    facts = _read_facts(connection, some, now_ms)
    for case_id, _, incident in some:
        try:
            changed = bool(changes(incident, facts[case_id], now_ms))
        except Exception:  # as above: whoever moves it fails for it alone
            log.exception("incident %s cannot be judged", case_id)
            changed = True
        if changed:
            found.append((min(incident.next_due_ms or now_ms, now_ms), case_id))
    return [case_id for _, case_id in sorted(found)]


def read_changes(connection: Connection, loaded: LoadedIncident, now_ms: int) -> list[Event]:
    """What happened to an open incident: a word of the person first, the clock last."""
    facts = _read_facts(connection, [(loaded.id, loaded.home, loaded.incident)], now_ms)
    return changes(loaded.incident, facts[loaded.id], now_ms)


def _read_facts(connection: Connection, some: Collection[_Open], now_ms: int) -> Mapping[str, CurrentFacts]:
    home_ids = {home_id for _, home_id, _ in some if home_id}
    standings = read_standings(connection, now_ms, home_ids) if home_ids else {}
    away = read_absences(connection, home_ids)
    over = set(connection.execute(_AREAS_OVER).scalars()) if any(not home_id for _, home_id, _ in some) else set()
    return {
        case_id: CurrentFacts(
            standing=standings.get(home_id, NOTHING),
            back_ms=_back_ms(away.get(home_id, ()), now_ms),
            revoked=tuple(
                claim.person for claim in incident.claims if not may_know(connection, claim.person, case_id, now_ms)
            ),
            area_over=case_id in over,
        )
        for case_id, home_id, incident in some
    }


def _back_ms(away: Collection[tuple[int, int]], now_ms: int) -> int | None:
    back_ms = after_absences(now_ms, away)
    return back_ms if back_ms > now_ms else None


def _claims() -> Select[Any]:
    present = claims.c.ended_ms.is_(None)
    query = select(claims).join(incidents, incidents.c.id == claims.c.incident_id).where(present, is_open())
    return query.order_by(claims.c.claimed_ms, claims.c.id)


_OPEN: Final = select(incidents, wants_help().label("said_help")).where(is_open())
_CLAIMS: Final = _claims()
_AREAS_OVER: Final = select(incidents.c.id).where(is_open(), is_over())
