"""How the gateways that are lost are found: at every tick, among those of all homes."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from alerts.incidents import engine
from alerts.settings import AlertsSettings
from alerts.signals.expected import Outlook
from alerts.signals.lost_devices import expected_losses
from store.schema import incidents

START_MS = 1_767_225_600_000
HOUR = 3_600_000


def test_devices_are_looked_through_before_the_incidents_of_any_home(empty_store: Path) -> None:
    # The other way round SQLite looks up the open incidents of every home: twenty times the work, at every tick.
    db, plans = create_engine(f"sqlite:///{empty_store}"), []

    @event.listens_for(db, "before_cursor_execute")
    def explain(_connection, cursor, statement, given, _context, _many):
        plans.append(cursor.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall())

    with db.connect() as connection:
        assert not list(expected_losses(connection, Outlook(START_MS, AlertsSettings())))
    db.dispose()
    assert [plan[0][3] for plan in plans] == ["SCAN gateways", "SCAN gateways"]


def test_no_gateway_is_lost_for_the_time_in_which_the_store_could_not_be_read(village, start, monkeypatch):
    def fails(_db):
        raise ConnectionError("the store is out of reach")

    begun = engine.Engine(village.db, village.settings)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "reading", fails)
        with pytest.raises(ExceptionGroup):
            begun.tick(start)
    begun.tick(start + HOUR)
    assert village.rows(incidents) == []
    begun.tick(start + HOUR + HOUR // 4)
    assert [row.kind for row in village.rows(incidents)] == ["gateway_lost"]
