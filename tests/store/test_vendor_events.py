"""An event of a vendor has its effect once, on either database, whichever of many workers is handed it."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from alerts.channels.line import linking
from alerts.channels.line.inbox import LineInbox
from alerts.channels.line.webhook_events import LineEvent
from alerts.wording.links import Links
from store.engine import reading
from store.register.registry import edit
from store.schema import audit, contact_methods, vendor_events

NOW_MS = 1_790_000_000_000
USER = "U" + "0" * 32
LINKS = Links("a secret of the tests only")


@pytest.fixture
def invited(any_cast: SimpleNamespace) -> SimpleNamespace:
    """Somebody with a code in their hand."""
    with edit(any_cast.engine, actor="test", now_ms=NOW_MS) as registry:
        person = registry.add_person("鈴木 一郎", id="invited")
    with any_cast.engine.begin() as connection:
        any_cast.code = linking.invite(connection, person, "test", NOW_MS)
    return any_cast


def rows(engine: Any, table: Any, **same: Any) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(select(table).filter_by(**same).order_by(*table.primary_key)))


def test_many_workers_with_the_same_event_at_once(invited: SimpleNamespace):
    event = LineEvent("event-1", "message", NOW_MS, USER, "reply", invited.code)
    outcomes, errors = [], []
    barrier = threading.Barrier(6, timeout=30)

    def work() -> None:
        inbox = LineInbox(invited.engine, LINKS)
        barrier.wait()
        try:
            outcomes.append(inbox.take(event, NOW_MS).outcome)
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sorted(outcomes) == ["linked"] + ["repeated"] * 5
    assert len(rows(invited.engine, vendor_events)) == 1
    assert [row.address for row in rows(invited.engine, contact_methods, person_id="invited")] == [USER]


def test_coming_and_going_on_either_database(invited: SimpleNamespace):
    inbox = LineInbox(invited.engine, LINKS)
    story = [("message", 0, invited.code), ("unfollow", 30, None), ("follow", 20, None), ("follow", 40, None)]
    outcomes = [
        inbox.take(LineEvent(f"event-{at}", kind, NOW_MS + at, USER, None, content), NOW_MS).outcome
        for kind, at, content in story
    ]
    assert outcomes == ["linked", "unfollowed", "overtaken", "followed"]
    (method,) = rows(invited.engine, contact_methods, person_id="invited")
    assert method.disabled_reason is None
    said = [(row.what, row.params.get("cause")) for row in rows(invited.engine, audit, actor="alerts-line")]
    assert said == [
        ("contact_method_added", None),
        ("contact_method_disabled", "unfollowed"),
        ("contact_method_enabled", None),
    ]
