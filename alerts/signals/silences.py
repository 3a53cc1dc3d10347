"""Who is silent: the deadlines of each home after words, absences and outages, and whether they may be believed now."""

import logging
from typing import Final
from zoneinfo import ZoneInfoNotFoundError

from sqlalchemy import Connection, bindparam, select

from alerts.decisions.deadlines import deadlines_after, is_silence_proven
from alerts.decisions.reasons import WaitStart, is_still_true, quiet_since
from alerts.decisions.standing import NOTHING, Standing
from alerts.register import AnyRow
from alerts.signals.conditions import after_absences, devices_back_ms, has_open, of_home, read_absences
from alerts.signals.expected import ExpectedSignal, Outlook
from alerts.signals.standings import portions, read_standings
from alerts.wording.catalogue import in_both
from contracts.signals import Sentence, Signal, SignalKind
from store.schema import gateways, homes, incidents, live_states

log = logging.getLogger(__name__)
_SILENT_OR_LOST: Final = (SignalKind.SILENCE, SignalKind.GATEWAY_LOST, SignalKind.SENSOR_LOST)


def expected_silences(connection: Connection, outlook: Outlook) -> list[ExpectedSignal]:
    """Silences that no incident is about, each with the deadlines that hold after everything known of its person."""
    now_ms, given = outlook.now_ms, {"by_ms": outlook.by_ms, "home": outlook.home}
    rows = connection.execute(of_home(_DEADLINES, outlook.home), given).all()
    home_ids = {row.home_id for row in rows}
    away = read_absences(connection, home_ids)
    standings = read_standings(connection, now_ms, home_ids)
    items = (_silence(row, standings.get(row.home_id, NOTHING), away.get(row.home_id, []), now_ms) for row in rows)
    found = {item.signal.dedup_key: item for item in items if item is not None}
    known: set[str] = set()
    for some in portions(found):
        known.update(connection.execute(_KNOWN, {"keys": some}).scalars())
    return [item for key, item in found.items() if key not in known]


_DEADLINES: Final = (
    select(
        live_states,
        devices_back_ms(homes.c.id, live_states.c.ask_at_ms).label("back_ms"),
        gateways.c.proven_ms,
        homes.c.zone,
    )
    .join(homes, homes.c.id == live_states.c.home_id)
    .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
    .where(live_states.c.ask_at_ms <= bindparam("by_ms"), ~has_open(homes.c.id, _SILENT_OR_LOST))
)
"""Homes with an ask deadline, no open incident about a silence, and none about devices.

Devices that are seen again end their incident in this tick; only then is known how long they were not.
"""


_KNOWN: Final = select(incidents.c.dedup_key).where(incidents.c.dedup_key.in_(bindparam("keys", expanding=True)))


def _silence(row: AnyRow, standing: Standing, away: list[tuple[int, int]], now_ms: int) -> ExpectedSignal | None:
    """The deadlines of a row after words and absences; None when nothing is ever due."""
    moments = row.last_sign_ms, row.watched_from_ms, row.ask_at_ms, row.call_at_ms
    held = deadlines_after(*moments, standing.confirmed_ok_ms, row.back_ms)
    if held.since_ms is None or held.ask_at_ms is None:
        return None
    ask_at_ms = after_absences(held.ask_at_ms, away)
    if ask_at_ms <= now_ms < after_absences(now_ms, away):  # it was due, but could not be noticed before they left
        ask_at_ms = after_absences(now_ms, away)
    answer_ms = 0 if row.call_at_ms is None else max(row.call_at_ms - row.ask_at_ms, 0)
    proven = is_silence_proven(row.last_sign_ms, row.proven_ms, now_ms)
    reason = _reason(row, standing, away, ask_at_ms, now_ms)
    signal = Signal(row.home_id, SignalKind.SILENCE, held.since_ms, ask_at_ms, ask_at_ms + answer_ms, reason)
    return ExpectedSignal(signal, proven)


def _reason(row: AnyRow, standing: Standing, away: list[tuple[int, int]], ask_at_ms: int, now_ms: int) -> Sentence:
    """Why the person is asked: as the rhythm has it, unless that was written for another deadline or another day."""
    learned = Sentence(row.reason_ja, row.reason_en)
    try:
        if now_ms < ask_at_ms or is_still_true(row.ask_at_ms, ask_at_ms, now_ms, row.zone):
            return learned
    except (ZoneInfoNotFoundError, ValueError):  # who is silent is asked all the same
        log.exception("home %s has a time zone that is not known here; correct it in the register", row.home_id)
        return learned
    since_ms = {
        WaitStart.OK: standing.ok_said_ms,
        WaitStart.INCIDENT_ENDED: standing.ended_ms,
        WaitStart.HOME_AGAIN: max((to_ms for _, to_ms in away if to_ms <= now_ms), default=None),
        WaitStart.DEVICES_BACK: row.back_ms,
    }
    quiet = quiet_since(row.last_sign_ms, since_ms, now_ms)
    return in_both(lambda words: words.quiet(quiet, row.zone))
