"""What the first schema kept in English sentences becomes codes; nothing is lost on the way there and back."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, insert, select, text

import store.engine
from store import schema
from store.engine import reading, upgrade
from tests.store.test_schema import DELIVERY, INCIDENT

MIGRATION = importlib.import_module("store.migrations.versions.0003_reasons_are_codes")
BEFORE = f"{MIGRATION.revision}-1"
LINES = {
    ("opened", "silence noticed"): ("opened", ["noticed"], {"kind": "silence"}),
    ("opened", "area_outage noticed; quiet hours"): ("opened", ["noticed", "quiet_hours"], {"kind": "area_outage"}),
    ("escalated", "no answer in time; no staff can be reached"): (
        "escalated",
        ["no_answer_in_time", "no_staff_reachable"],
        {},
    ),
    ("moved", "a movement after others were called: news, a human closes the case"): (
        "moved",
        ["moved_after_call"],
        {},
    ),
    ("declined", "a responder cannot come; another one is going"): (
        "declined",
        ["responder_cannot", "another_going"],
        {},
    ),
    ("claim_lapsed", "who said going was not heard of again; another responder is still going"): (
        "claim_lapsed",
        ["going_not_seen", "another_going"],
        {},
    ),
    ("answer_kept", "answered called_119; after the end of this case"): (
        "answer_kept",
        ["answered", "after_the_end"],
        {"answer": "called_119"},
    ),
    ("phoned", ""): ("phoned", [], {}),
    ("home changed: area, gateway", "h1"): ("home_changed", [], {"id": "h1", "columns": ["area", "gateway"]}),
    ("contact method disabled: blocked", "c1"): ("contact_method_disabled", [], {"id": "c1", "cause": "blocked"}),
    ("person opted out", "taro"): ("person_opted_out", [], {"id": "taro"}),
    ("person erased", "jiro"): ("person_erased", [], {"id": "jiro"}),
    ("events trimmed: 2", "before 5 ms; 3 messages of the quarantine, 4 lapses, 6 notes"): (
        "events_trimmed",
        [],
        {"events": 2, "before_ms": 5, "quarantined": 3, "lapses": 4, "notes": 6},
    ),
    ("trimming put off", "9 events from before 5 ms are more than a third of all"): (
        "trimming_put_off",
        [],
        {"events": 9, "before_ms": 5},
    ),
    (
        "finding",
        "5 open incidents are overdue and nobody moves them; is the role 'alerts' running? (a, b, c and 2 more)",
    ): ("finding", [], {"kind": "overdue_timer", "n": 5, "about": ["a", "b", "c"]}),
    ("finding over", "unnoticed"): ("finding_over", [], {"kind": "unnoticed"}),
    ("ended", "somebody wrote; this by hand"): ("ended", ["earlier_version"], {"text": "somebody wrote; this by hand"}),
    ("tidied up", "by hand"): ("earlier_version", ["earlier_version"], {"what": "tidied up", "text": "by hand"}),
}


def migrate(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(store.engine.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def old_lines(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT what, reason FROM audit ORDER BY id"))]


def new_lines(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        columns = schema.audit.c.what, schema.audit.c.reasons, schema.audit.c.params
        return [tuple(row) for row in connection.execute(select(*columns).order_by(schema.audit.c.id))]


@pytest.fixture
def earlier(any_cast: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """A store of the schema before, with a line of each kind, and incidents that are put off."""
    with any_cast.engine.begin() as connection:
        for number in range(4):
            incident = {**INCIDENT, "id": f"i{number}", "dedup_key": f"h1:silence:{number}", "state": "deferred"}
            connection.execute(insert(schema.incidents).values(incident))
        connection.execute(insert(schema.deliveries).values({**DELIVERY, "incident_id": "i0"}))
        for n, detail in enumerate(["account 401 20003", "look-up failed: NoAnswer", "the lease ran out", "404", ""]):
            values = {"delivery_id": "d1", "n": n, "started_ms": 1, "outcome": "permanent", "detail": detail}
            connection.execute(insert(schema.attempts).values(values))
    migrate(any_cast.engine, BEFORE)
    put_off = [
        ("i0", "opened", "silence noticed; quiet hours"),
        ("i0", "deferred", "an absence is registered; looked at again when it ends"),
        ("i0", "declined", "a responder cannot come"),
        ("i1", "deferred", "no outcome yet; staff are told of the whole area"),
        ("i2", "deferred", "somebody wrote this by hand"),
    ]
    line = text(
        "INSERT INTO audit (at_ms, actor, channel, incident_id, what, to_state, reason)"
        " VALUES (:at_ms, :actor, '', :incident, :what, :state, :reason)"
    )
    with any_cast.engine.begin() as connection:
        for at_ms, (what, reason) in enumerate(LINES):
            actor = "retention" if what.startswith(("events", "trimming")) else "alerts"
            same = {"at_ms": at_ms, "actor": actor, "incident": None, "state": None}
            connection.execute(line, {**same, "what": what, "reason": reason})
        for incident, what, reason in put_off:
            same = {"at_ms": 100, "actor": "alerts", "state": "deferred"}
            connection.execute(line, {**same, "incident": incident, "what": what, "reason": reason})
    yield any_cast
    upgrade(any_cast.engine)  # the next test gets the same database


def test_each_sentence_becomes_its_code_and_back(earlier: SimpleNamespace):
    before = old_lines(earlier.engine)
    assert before[0] == ("organisation added", "council"), "what this version wrote is given back as the sentence"
    upgrade(earlier.engine)
    after = dict(zip(before, new_lines(earlier.engine), strict=True))
    assert {line: after[line] for line in LINES} == LINES
    migrate(earlier.engine, BEFORE)
    assert old_lines(earlier.engine) == before


def test_every_reason_of_the_machine_has_a_sentence_of_the_first_schema_and_a_way_back():
    for what in MIGRATION.OF_INCIDENTS:
        for sentence in MIGRATION.REASONS:
            if "another" not in sentence:
                assert MIGRATION.to_sentences(*MIGRATION.to_codes(what, sentence)) == (what, sentence)


def test_why_an_incident_is_put_off_is_taken_over_where_it_is_known(earlier: SimpleNamespace):
    upgrade(earlier.engine)
    with reading(earlier.engine) as connection:
        rows = connection.execute(select(schema.incidents.c.id, schema.incidents.c.deferred_for)).all()
    assert {row.id: row.deferred_for for row in rows} == {"i0": "absence", "i1": "area", "i2": None, "i3": None}


def test_when_old_events_were_last_trimmed_is_taken_over(earlier: SimpleNamespace):
    upgrade(earlier.engine)
    with reading(earlier.engine) as connection:
        row = connection.execute(select(schema.trimmings)).one()
    last_ms = [what for what, _reason in LINES].index("trimming put off")
    assert (row.at_ms, row.times_put_off) == (last_ms, 1)


def test_what_a_channel_refused_is_a_code_and_the_vendors_words_stay(earlier: SimpleNamespace):
    details = "SELECT detail FROM attempts ORDER BY n"
    with earlier.engine.connect() as connection:
        before = connection.execute(text(details)).scalars().all()
    upgrade(earlier.engine)
    with reading(earlier.engine) as connection:
        rows = connection.execute(select(schema.attempts).order_by(schema.attempts.c.n)).all()
    assert [(row.failure, row.detail) for row in rows] == [
        ("account", "401 20003"),
        ("not_looked_up", "NoAnswer"),
        ("interrupted", ""),
        (None, "404"),
        (None, ""),
    ]
    migrate(earlier.engine, BEFORE)
    with earlier.engine.connect() as connection:
        assert connection.execute(text(details)).scalars().all() == before
