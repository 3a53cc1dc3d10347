"""Signals from notes: what ingest noticed besides silence, for as long as it holds.

A note row is the condition. Ingest looks once an hour and writes down when the note held last, so the past never calls
anybody, and what holds on is asked about as soon as nothing stands in the way any more.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, bindparam, select

from alerts.decisions.deadlines import is_silence_proven
from alerts.decisions.standing import ABOUT_PERSON, Standing
from alerts.register import AnyRow
from alerts.signals.conditions import after_absences, has_incident, has_open, of_home, read_absences
from alerts.signals.expected import ExpectedSignal, Outlook
from alerts.signals.standings import read_standings
from contracts.signals import Sentence, Signal, SignalKind
from store.schema import gateways, homes, notes

HOLDS_MS: Final = 2 * 3_600_000
"""How long a note counts as holding after it was last seen to: ingest looks at each hour once, some of them late."""
ANSWER_COVERS_MS: Final = 2 * 3_600_000
"""Who was heard or seen to be well is not asked about something else for so long."""


def expected_of_notes(connection: Connection, outlook: Outlook) -> Iterator[ExpectedSignal]:
    """The notes that hold now and have to be asked about, now or later.

    Not while another incident about the person is open: it is the stronger worry, and owns them. Not after a human's
    word that came later than the note, and not for a person who came home.
    """
    now_ms, kinds = outlook.now_ms, outlook.settings.noticed_kinds()
    given = {"home": outlook.home, "kinds": sorted(kinds), "held_ms": now_ms - HOLDS_MS}
    held = connection.execute(of_home(_HELD_NOTES, outlook.home), given).all() if kinds else []
    standings = read_standings(connection, now_ms, {row.home_id for row in held})
    rows = [row for row in held if not _is_answered(row, standings[row.home_id])]
    away = read_absences(connection, {row.home_id for row in rows})
    for row in rows:
        all_well_ms = _all_well_ms(standings[row.home_id])
        ask_at_ms = after_absences(max(row.at_ms, all_well_ms + ANSWER_COVERS_MS, now_ms), away.get(row.home_id, []))
        # Counted from the asking: an hour is looked at some time after its end, and the person must not lose that.
        call_at_ms = ask_at_ms + 1000 * outlook.settings.person_answer_s
        reason = Sentence(row.reason_ja, row.reason_en)
        signal = Signal(row.home_id, SignalKind(row.kind), row.at_ms, ask_at_ms, call_at_ms, reason)
        yield ExpectedSignal(signal, is_silence_proven(row.at_ms, row.proven_ms, now_ms))


def _is_answered(row: AnyRow, standing: Standing) -> bool:
    came_home = SignalKind(row.kind).answered_by_movement and (standing.signs.sign_ms or 0) > row.at_ms
    return _all_well_ms(standing) > row.at_ms or came_home


def _all_well_ms(standing: Standing) -> int:
    return max(ms or 0 for ms in standing.confirmed_ok_ms)


_HELD_NOTES: Final = (
    select(notes, gateways.c.proven_ms)
    .join(homes, homes.c.id == notes.c.home_id)
    .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
    .where(notes.c.kind.in_(bindparam("kinds", expanding=True)), notes.c.held_ms > bindparam("held_ms"))
    .where(~has_incident(notes.c.home_id, notes.c.kind, notes.c.at_ms), ~has_open(homes.c.id, ABOUT_PERSON))
    .order_by(notes.c.at_ms, notes.c.home_id, notes.c.kind)
)
"""Notes of some kinds that still hold and have no incident, of homes without an open one about the person.

The signal dates from the moment of noticing: what was said and seen before was known, and answered nothing.
"""
