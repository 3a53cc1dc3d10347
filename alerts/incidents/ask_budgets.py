"""The ask budgets of the homes: reckoned from the incidents that ended, written down for ingest, which learns by them.

Reckoned anew from the incidents each time, so that a run may be missed, repeated, or made by two workers at once.
"""

import logging
from collections import defaultdict
from typing import Any, Final

from sqlalchemy import Engine, Select, select

from alerts.decisions.calling.asking import PastQuestion, ask_every_days, remembered
from anomaly import RhythmSettings
from contracts.signals import SignalKind
from store.engine import reading
from store.schema import ask_budgets, incidents
from store.upserts import put_rows

log = logging.getLogger(__name__)

_BY_THEMSELVES: Final = ("self_ok", "movement")
_WELL: Final = (*_BY_THEMSELVES, "safe", "away", "false_alarm")
"""Outcomes of who turned out to be well; of the others nothing is learned."""


def renew(db: Engine, false_call_every_days: int, now_ms: int) -> int:
    """Write the budgets that have changed at ``now_ms`` (ms UTC); how many.

    Args:
        db: the relational store.
        false_call_every_days: neighbours are called for nothing about once in so many days at most.
        now_ms: ms UTC.
    """
    usual_days = RhythmSettings().ask_every_days
    with reading(db) as connection:
        stored = {row.home_id: row for row in connection.execute(select(ask_budgets))}
        asked = _read_asked(connection.execute(_questions()))
    changed = []
    for home, questions in asked.items():
        days = ask_every_days(remembered(questions, now_ms), usual_days, false_call_every_days)
        answered = sum(question.answered for question in questions)
        values = {"ask_every_days": days, "answered": answered, "unanswered": len(questions) - answered}
        before = stored.get(home)
        if before is None or any(getattr(before, name) != value for name, value in values.items()):
            changed.append({"home_id": home, "at_ms": now_ms, **values})
    if changed:
        with db.begin() as connection:
            put_rows(connection, ask_budgets, changed)
        log.info("the ask budgets of %d homes changed", len(changed))
    return len(changed)


def _questions() -> Select[Any]:
    """Incidents in which a person was asked who turned out to be well."""
    asked = (incidents.c.kind == SignalKind.SILENCE) & incidents.c.asked_ms.is_not(None)
    found = select(incidents).where(asked, incidents.c.closed_ms.is_not(None), incidents.c.outcome.in_(_WELL))
    return found.order_by(incidents.c.closed_ms, incidents.c.id)


def _read_asked(rows: Any) -> dict[str, list[PastQuestion]]:  # noqa: ANN401 - SQLAlchemy's Result of whole rows
    found: dict[str, list[PastQuestion]] = defaultdict(list)
    for row in rows:
        others_called = row.called_ms is not None or row.council_ms is not None
        if others_called or row.outcome in _BY_THEMSELVES:  # else staff looked before an answer was due: says nothing
            found[row.home_id].append(PastQuestion(row.closed_ms, not others_called))
    return found
