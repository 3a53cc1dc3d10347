"""The migrations make the schema, and the schema refuses what must never be stored."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, insert, inspect, text
from sqlalchemy.exc import IntegrityError

from store import schema
from store.engine import StoreError, open_store, upgrade

INCIDENT = {
    "id": "i1",
    "dedup_key": "h1:silence:1",
    "home_id": "h1",
    "person_id": "hanako",
    "organisation_id": "council",
    "kind": "silence",
    "state": "notifying",
    "epoch": 1,
    "step": 0,
    "repeat": 0,
    "policy": {},
    "since_ms": 1,
    "reason_ja": "",
    "reason_en": "",
    "opened_ms": 2,
    "next_due_ms": 3,
    "version": 1,
}
DELIVERY = {
    "id": "d1",
    "incident_id": "i1",
    "epoch": 1,
    "step": 0,
    "repeat": 0,
    "person_id": "taro",
    "contact_method_id": "c2",
    "channel": "sms",
    "purpose": "call",
    "subject": "",
    "body": "",
    "state": "pending",
    "due_ms": 1,
    "expires_ms": 2,
    "created_ms": 1,
}


def test_the_migrations_make_exactly_the_schema(any_engine: Engine):
    with any_engine.connect() as connection:
        # SQLite's own listing quotes a default of '' in a way that Alembic takes for another one.
        defaults = connection.dialect.name != "sqlite"
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": defaults}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_the_migrations_make_every_check_constraint(any_engine: Engine):
    """Alembic's comparison does not look at these."""
    inspector = inspect(any_engine)
    for table in schema.metadata.sorted_tables:
        wanted = {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        assert {check["name"] for check in inspector.get_check_constraints(table.name)} == wanted


def test_running_the_migrations_again_changes_nothing(any_cast: SimpleNamespace):
    upgrade(any_cast.engine)
    with any_cast.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM people")).scalar_one() == 3


def test_several_who_open_an_empty_store_at_once_take_turns(any_url: str):
    errors: list[BaseException] = []
    together = threading.Barrier(4)

    def open_it() -> None:
        together.wait(10)
        try:
            open_store(any_url).dispose()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_a_store_of_a_later_version_is_refused_with_the_remedy(any_url: str):
    engine = open_store(any_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"9999.*program old"):
        upgrade(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"state": "sleeping"}, "state_known"),
        ({"next_due_ms": None}, "open_incident_has_a_due_timer"),
        ({"state": "claimed", "next_due_ms": None}, "open_incident_has_a_due_timer"),
        ({"state": "resolved", "next_due_ms": None}, "closed_incident_has_outcome"),
        ({"state": "cancelled"}, "closed_incident_has_outcome"),
    ],
)
def test_an_incident_that_nobody_would_look_at_again_is_refused(
    any_cast: SimpleNamespace, change: dict[str, Any], constraint: str
):
    with pytest.raises(IntegrityError, match=constraint), any_cast.engine.begin() as connection:
        connection.execute(insert(schema.incidents).values(INCIDENT | change))


def test_a_good_incident_is_taken_and_its_dedup_key_only_once(any_cast: SimpleNamespace):
    with any_cast.engine.begin() as connection:
        connection.execute(insert(schema.incidents).values(INCIDENT))
    with pytest.raises(IntegrityError), any_cast.engine.begin() as connection:
        connection.execute(insert(schema.incidents).values(INCIDENT | {"id": "i2"}))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [({"state": "thrown"}, "state_known"), ({"state": "sending"}, "sending_has_a_lease")],
)
def test_a_delivery_in_an_impossible_state_is_refused(
    any_cast: SimpleNamespace, change: dict[str, Any], constraint: str
):
    with any_cast.engine.begin() as connection:
        connection.execute(insert(schema.incidents).values(INCIDENT))
    with pytest.raises(IntegrityError, match=constraint), any_cast.engine.begin() as connection:
        connection.execute(insert(schema.deliveries).values(DELIVERY | change))


def test_one_step_writes_to_one_contact_method_once(any_cast: SimpleNamespace):
    with any_cast.engine.begin() as connection:
        connection.execute(insert(schema.incidents).values(INCIDENT))
        connection.execute(insert(schema.deliveries).values(DELIVERY))
    with pytest.raises(IntegrityError), any_cast.engine.begin() as connection:
        connection.execute(insert(schema.deliveries).values(DELIVERY | {"id": "d2"}))


def test_times_that_end_before_they_begin_are_refused(any_cast: SimpleNamespace):
    relation = {"id": "r9", "subject_id": "hanako", "other_id": "taro", "role": "family", "from_ms": 5, "to_ms": 4}
    absence = {"id": "a9", "home_id": "h1", "from_ms": 5, "to_ms": 5}
    for table, row in ((schema.relations, relation), (schema.absences, absence)):
        with pytest.raises(IntegrityError, match="ends_after_it_begins"), any_cast.engine.begin() as connection:
            connection.execute(insert(table).values(row))


def test_a_row_that_points_at_nothing_is_refused(any_cast: SimpleNamespace):
    with pytest.raises(IntegrityError), any_cast.engine.begin() as connection:
        connection.execute(insert(schema.live_states).values(home_id="nowhere", updated_ms=1))


def test_one_event_is_quarantined_once_and_whole_messages_as_often_as_they_come(any_cast: SimpleNamespace):
    row = {"received_ms": 1, "gateway": "gw1", "topic": "t", "reason": "clock", "detail": "", "payload": b""}
    with any_cast.engine.begin() as connection:
        for _ in range(2):
            connection.execute(insert(schema.quarantine).values(row))
        connection.execute(insert(schema.quarantine).values(row | {"epoch": "e", "n": 1}))
    with pytest.raises(IntegrityError), any_cast.engine.begin() as connection:
        connection.execute(insert(schema.quarantine).values(row | {"epoch": "e", "n": 1}))


def test_every_table_names_its_writer():
    known = {
        "store.register",
        "store.lease",
        "store.duties",
        "store.trimming",
        "ingest",
        "alerts",
        "ingest, alerts",
        "every part",
    }
    for table in schema.metadata.sorted_tables:
        assert table.info.get("writer") in known, f"{table.name} does not name its writer"
    shared = {table.name for table in schema.metadata.sorted_tables if table.info["writer"] == "every part"}
    assert shared == {"audit"}


def test_the_migrations_are_all_in_the_package():
    versions = sorted(Path(schema.__file__).parents[1].glob("migrations/versions/[0-9]*.py"))
    assert versions, "no migration would be installed"
