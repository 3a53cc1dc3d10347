"""Ingest learns a home by its person's own ask budget."""

import pytest
from sqlalchemy import insert, update

from anomaly import DeadlineTable, RhythmSettings
from store.schema import ask_budgets

USUAL_DAYS = RhythmSettings().ask_every_days


def put_budget(backend, days):
    row = {"home_id": "home-1", "ask_every_days": days, "answered": 3, "unanswered": 2, "at_ms": 1}
    with backend.engine.begin() as connection:
        connection.execute(insert(ask_budgets).values(row))


def days_of(cast, days, first=1):
    times = [cast.noon + day * cast.day + i * 40 * cast.minute for day in range(days) for i in range(18)]
    return [cast.event(n, t, ("living", "front", "fridge")[n % 3]) for n, t in enumerate(times, first)]


def table(backend):
    return DeadlineTable.from_bytes(backend.row("rhythms")["table"])


@pytest.mark.parametrize(("stored", "used"), [(60, 60), (3, USUAL_DAYS)])
def test_a_home_is_learned_by_its_own_budget_and_never_asked_more_often_than_usual(backend, cast, stored, used):
    put_budget(backend, stored)
    backend.send(backend.meta(), backend.batch(days_of(cast, 3)))
    assert table(backend).ask_every_days == used


def test_a_budget_that_changes_counts_from_the_next_night_on(backend, cast):
    events = days_of(cast, 20)
    half = 10 * 18
    backend.send(backend.meta(), backend.batch(events[:half]))
    before = table(backend)
    assert before.ask_every_days == USUAL_DAYS
    put_budget(backend, 100)
    backend.send(backend.batch(events[half:]))
    after = table(backend)
    assert after.ask_every_days == 100
    assert (after.ask_s >= before.ask_s).mean() > 0.9
    with backend.engine.begin() as connection:
        connection.execute(update(ask_budgets).values(ask_every_days=7))
    backend.start()
    backend.nightly.tick(events[-1].t + cast.day)
    assert table(backend).ask_every_days == USUAL_DAYS
