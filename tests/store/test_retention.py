"""What is too old is removed, and a person can be forgotten."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, Table, insert, select, update

from store import schema
from store.engine import reading
from store.register.registry import edit
from store.retention import ERASED, RetentionError, erase_person, trim
from store.timeseries.port import Point, TimeSeriesError
from store.timeseries.sqlite import SqliteTimeSeries

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


@pytest.fixture
def series(tmp_path: Path) -> Iterator[SqliteTimeSeries]:
    opened = SqliteTimeSeries(tmp_path / "series.db")
    yield opened
    opened.close()


def point(gateway: str, n: int, t_ms: int = NOW_MS) -> Point:
    return Point(gateway, t_ms * 1_000_000 + n, "toilet.door", "contact", '{"open":true}', "e", n, 2, False)


def put(engine: Engine, table: Table, /, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table).values(values))


def ids(engine: Engine, table: Table) -> list[Any]:
    with reading(engine) as connection:
        return sorted(connection.execute(select(next(iter(table.primary_key.columns)))).scalars())


def whole_case(engine: Engine, incident: str, home: str, person: str, to: tuple[str, str], **change: Any) -> None:
    """A case that was opened, written about, claimed, answered and closed."""
    base = {"epoch": 1, "step": 0, "repeat": 0}
    put(
        engine,
        schema.incidents,
        **base,
        id=incident,
        dedup_key=incident,
        home_id=home,
        person_id=person,
        organisation_id="council",
        kind="silence",
        policy={},
        since_ms=1,
        reason_ja="",
        reason_en="",
        opened_ms=2,
        version=1,
        **({"state": "resolved", "outcome": "safe"} | change),
    )
    other, method = to
    put(
        engine,
        schema.deliveries,
        **base,
        id=f"d-{incident}",
        incident_id=incident,
        person_id=other,
        contact_method_id=method,
        channel="sms",
        purpose="call",
        subject="見守り",
        body="鈴木さん、山田さんのお宅へ",
        state="delivered",
        due_ms=1,
        expires_ms=2,
        created_ms=1,
    )
    put(engine, schema.attempts, delivery_id=f"d-{incident}", n=1, started_ms=1)
    answer = {"incident_id": incident, "person_id": other}
    moments = {"at_ms": 3, "said_ms": 3, "received_ms": 3}
    said = {"incident_id": incident, "said_by": other, "kind": "safe", "channel": "page", "epoch": 1}
    put(engine, schema.statements, key=f"r-{incident}", **said, **moments)
    lease = {"claimed_ms": 2, "eta_ms": 3, "expires_ms": 4, "ended_ms": 3, "ended_by": "safe"}
    put(engine, schema.claims, **answer, **lease, id=f"k-{incident}")


@pytest.fixture
def lived(any_cast: SimpleNamespace, series: SqliteTimeSeries) -> SimpleNamespace:
    """Hanako's home has been watched for a while, and Taro's home too; each was a case in which the other went."""
    engine = any_cast.engine
    with edit(engine, actor="test", now_ms=NOW_MS) as registry:
        registry.add_home("taro", "council", "gw2", id="h2")
        registry.relate("taro", "hanako", "neighbour", id="r3")
        registry.register_absence("h1", 1, 2, id="a1")
        registry.add_contact_method("hanako", "sms", "+81999999999", 1, id="c3")
    for gateway, home in (("gw1", "h1"), ("gw2", "h2")):
        series.write([point(gateway, n) for n in range(1, 6)])
        put(engine, schema.live_states, home_id=home, updated_ms=1)
        put(engine, schema.rhythms, home_id=home, learned_upto_ms=1, model=b"m", table=b"t")
        put(engine, schema.gateways, gateway=gateway)
        put(engine, schema.sensors, gateway=gateway, sensor="toilet.door")
        put(engine, schema.cursors, gateway=gateway, epoch="e", upto=5, missing=[], updated_ms=1)
        put(engine, schema.quarantine, **bad_message(gateway))
        put(engine, schema.lapses, **lapse(home))
        put(engine, schema.diaries, home_id=home, upto_ms=1, state=b"d")
        put(engine, schema.notes, **note(home))
        put(engine, schema.ask_budgets, home_id=home, ask_every_days=9, answered=8, unanswered=1, at_ms=1)
    whole_case(engine, "i1", "h1", "hanako", ("taro", "c2"))
    whole_case(engine, "i2", "h2", "taro", ("hanako", "c1"))
    return SimpleNamespace(engine=engine, series=series)


def bad_message(gateway: str, received_ms: int = 1) -> dict[str, Any]:
    return {
        "received_ms": received_ms,
        "gateway": gateway,
        "topic": f"mim/v1/{gateway}/ev",
        "reason": "malformed",
        "detail": "",
        "payload": b"?",
    }


def lapse(home: str, ended_ms: int = 3) -> dict[str, Any]:
    times = {"since_ms": ended_ms - 2, "due_ms": ended_ms - 1, "ended_ms": ended_ms}
    return {"home_id": home, "kind": "ask", "reason_ja": "", "reason_en": "", "backfilled": False, **times}


def note(home: str, at_ms: int = 3) -> dict[str, Any]:
    reason = {"reason_ja": "", "reason_en": "", "evidence": {}}
    return {
        "home_id": home,
        "kind": "decline",
        "since_ms": at_ms - 2,
        "at_ms": at_ms,
        "held_ms": at_ms,
        "score": 1.5,
        **reason,
    }


def test_an_erased_person_leaves_no_series_state_case_relation_or_address(lived: SimpleNamespace):
    erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    assert lived.series.count("gw1") == 0
    assert ids(lived.engine, schema.homes) == ["h2"]
    of_homes = (schema.live_states, schema.rhythms, schema.lapses, schema.diaries, schema.notes, schema.ask_budgets)
    for table in of_homes:
        assert ids(lived.engine, table) == ["h2"], table.name
    for table in (schema.gateways, schema.sensors, schema.cursors):
        assert ids(lived.engine, table) == ["gw2"], table.name
    assert ids(lived.engine, schema.absences) == []
    assert ids(lived.engine, schema.relations) == []
    assert len(ids(lived.engine, schema.quarantine)) == 1
    for table, left in ((schema.incidents, "i2"), (schema.deliveries, "d-i2"), (schema.attempts, "d-i2")):
        assert ids(lived.engine, table) == [left]
    with reading(lived.engine) as connection:
        methods = connection.execute(select(schema.contact_methods)).mappings().all()
        assert {row["id"]: (row["address"], row["disabled_reason"]) for row in methods} == {
            "c1": ("", "erased"),  # a message of Taro's case points at it
            "c2": ("+81312345678", None),
        }


def test_of_an_erased_person_the_history_of_others_keeps_an_entry_without_a_name(lived: SimpleNamespace):
    erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    with reading(lived.engine) as connection:
        names = {row.id: row.name for row in connection.execute(select(schema.people))}
        body = connection.execute(select(schema.deliveries.c.body)).scalar_one()
    assert names == {"hanako": ERASED, "taro": "鈴木 太郎", "sachiko": "佐藤 幸子"}
    assert body == ""


def test_others_keep_their_series(lived: SimpleNamespace):
    erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    assert lived.series.count("gw2") == lived.series.count() == 5


def test_a_person_to_whom_no_history_points_is_gone_wholly(any_cast: SimpleNamespace, series: SqliteTimeSeries):
    erase_person(any_cast.engine, series, "hanako", "sachiko", NOW_MS)
    assert ids(any_cast.engine, schema.people) == ["sachiko", "taro"]
    assert ids(any_cast.engine, schema.contact_methods) == ["c2"]


def test_the_erasure_leaves_an_audit_line_that_knows_ids_only(lived: SimpleNamespace):
    erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    with reading(lived.engine) as connection:
        lines = connection.execute(select(schema.audit).order_by(schema.audit.c.id)).mappings().all()
    assert (lines[-1]["what"], lines[-1]["params"]) == ("person_erased", {"id": "hanako"})
    assert (lines[-1]["actor"], lines[-1]["at_ms"]) == ("sachiko", NOW_MS)
    assert "花子" not in str(lines)


def test_news_that_still_waits_is_not_sent_to_an_erased_person(lived: SimpleNamespace):
    with lived.engine.begin() as connection:
        waiting = {"state": "unknown", "purpose": "news"}
        connection.execute(update(schema.deliveries).where(schema.deliveries.c.id == "d-i2").values(waiting))
    erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    with reading(lived.engine) as connection:
        row = connection.execute(select(schema.deliveries).where(schema.deliveries.c.id == "d-i2")).one()
    assert (row.state, row.failure, row.settled_ms) == ("cancelled", "ended", NOW_MS)


def test_what_was_erased_is_not_in_the_file_either(cast: SimpleNamespace, series: SqliteTimeSeries):
    path = Path(cast.engine.url.database)
    cast.engine.dispose()
    assert "花子".encode() in path.read_bytes()
    erase_person(cast.engine, series, "hanako", "sachiko", NOW_MS)
    cast.engine.dispose()  # the last to leave folds the write-ahead log into the file
    left = b"".join(path.read_bytes() for path in path.parent.glob("mimamori.db*"))
    assert "花子".encode() not in left
    assert b"U5ec2e75ec2e75ec2e75ec2e75ec2e700" not in left
    assert "太郎".encode() in left


@pytest.mark.parametrize("state", ["notifying", "claimed", "emergency", "staff_attention", "deferred"])
def test_an_open_case_of_the_person_blocks_the_erasure_and_nothing_is_lost(lived: SimpleNamespace, state: str):
    whole_case(lived.engine, "i3", "h1", "hanako", ("taro", "c2"), state=state, next_due_ms=9, outcome=None)
    with pytest.raises(RetentionError, match="person 'hanako': open incident 'i3' is about them; close it first"):
        erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    assert lived.series.count("gw1") == 5
    assert "hanako" in ids(lived.engine, schema.people)


@pytest.mark.parametrize(
    ("table", "values", "says"),
    [
        (schema.claims, {"ended_ms": None}, "counts on their coming"),
        (schema.deliveries, {"state": "retry_wait"}, "has a message on its way to them"),
        (schema.deliveries, {"state": "unknown"}, "has a message on its way to them"),
    ],
)
def test_an_open_case_of_another_that_counts_on_the_person_blocks_too(
    lived: SimpleNamespace, table: Table, values: dict[str, Any], says: str
):
    whole_case(lived.engine, "i3", "h2", "taro", ("hanako", "c1"), state="claimed", next_due_ms=9, outcome=None)
    with lived.engine.begin() as connection:
        connection.execute(update(table).where(table.c.incident_id == "i3").values(values))
    with pytest.raises(RetentionError, match=f"open incident 'i3' {says}"):
        erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)


def test_an_open_case_in_which_the_person_has_no_part_any_more_does_not_block(lived: SimpleNamespace):
    whole_case(lived.engine, "i3", "h2", "taro", ("hanako", "c1"), state="notifying", next_due_ms=9, outcome=None)
    erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    assert ids(lived.engine, schema.incidents) == ["i2", "i3"]


def test_a_person_who_is_not_there_is_named(lived: SimpleNamespace):
    with pytest.raises(RetentionError, match="person 'jiro' is not in the register"):
        erase_person(lived.engine, lived.series, "jiro", "sachiko", NOW_MS)


def test_a_time_series_out_of_reach_leaves_everything_as_it_was_and_the_erasure_can_be_asked_again(
    lived: SimpleNamespace, tmp_path: Path
):
    closed = SqliteTimeSeries(tmp_path / "other.db")
    closed.close()
    with pytest.raises(TimeSeriesError):
        erase_person(lived.engine, closed, "hanako", "sachiko", NOW_MS)
    assert "h1" in ids(lived.engine, schema.homes)
    erase_person(lived.engine, lived.series, "hanako", "sachiko", NOW_MS)
    assert "h1" not in ids(lived.engine, schema.homes)


def test_trimming_removes_what_is_older_and_not_a_millisecond_more(lived: SimpleNamespace):
    edge_ms = NOW_MS - 400 * DAY_MS
    lived.series.write([point("gw1", 11, edge_ms - 1), point("gw1", 12, edge_ms)])
    put(lived.engine, schema.quarantine, **bad_message("gw1", edge_ms - 1))
    put(lived.engine, schema.quarantine, **bad_message("gw1", edge_ms))
    put(lived.engine, schema.lapses, **lapse("h1", edge_ms - 1))
    put(lived.engine, schema.lapses, **lapse("h1", edge_ms))
    put(lived.engine, schema.notes, **note("h1", edge_ms - 1))
    put(lived.engine, schema.notes, **note("h1", edge_ms))
    removed = trim(lived.engine, lived.series, edge_ms, NOW_MS, "test")
    assert (removed["quarantined"], removed["lapses"]) == (3, 3), "with those of the homes' past"
    assert {kept.n for kept in lived.series.read("gw1", 0, 2**62)} == {1, 2, 3, 4, 5, 12}
    with reading(lived.engine) as connection:
        assert connection.execute(select(schema.quarantine.c.received_ms)).scalars().all() == [edge_ms]
        assert connection.execute(select(schema.lapses.c.ended_ms)).scalars().all() == [edge_ms]
        assert connection.execute(select(schema.notes.c.at_ms)).scalars().all() == [edge_ms]


def test_trimming_keeps_cases_and_the_audit_and_leaves_a_line_there(lived: SimpleNamespace):
    before = [ids(lived.engine, table) for table in (schema.incidents, schema.statements, schema.audit)]
    trim(lived.engine, lived.series, NOW_MS - DAY_MS, NOW_MS, "sachiko")
    *same, lines = [ids(lived.engine, table) for table in (schema.incidents, schema.statements, schema.audit)]
    assert [*same, lines[:-1]] == before
    with reading(lived.engine) as connection:
        last = connection.execute(select(schema.audit).order_by(schema.audit.c.id.desc())).mappings().first()
    assert last is not None
    assert (last["actor"], last["what"], last["at_ms"]) == ("sachiko", "events_trimmed", NOW_MS)
    assert last["params"] == {"before_ms": NOW_MS - DAY_MS, "quarantined": 2, "lapses": 2, "notes": 2}
