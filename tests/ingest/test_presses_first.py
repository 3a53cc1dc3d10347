"""A call for help goes into the ledger before, and apart from, everything else of its message."""

import shutil
import threading
from dataclasses import replace

import pytest
from sqlalchemy import delete, select

from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from contracts.clock import ClockQuality
from contracts.topics import Leaf
from ingest.intake.presses import record_presses
from store.engine import open_store, reading
from store.register.registry import edit
from store.schema import statements
from store.timeseries.port import TimeSeriesError
from store.timeseries.sqlite import SqliteTimeSeries


class Unreachable:
    """A time series that takes nothing until it is back; what was in it before can be read."""

    def __init__(self, inner):
        self.inner = inner
        self.away = True

    def write(self, points):
        if self.away:
            raise TimeSeriesError("it does not answer")
        self.inner.write(points)

    def __getattr__(self, name):
        return getattr(self.inner, name)


@pytest.fixture
def cut_off(make_backend):
    made = make_backend(wrap=Unreachable)
    made.register()
    return made


def presses(backend):
    return [(row["kind"], row["home_id"], row["channel"]) for row in backend.rows("statements")]


def test_a_press_is_in_the_ledger_while_the_time_series_is_out_of_reach(cut_off, cast):
    message = cut_off.batch([cast.press(1, cast.noon, "help")], leaf=Leaf.PRIORITY)
    for _ in range(2):  # the consumer tries again
        with pytest.raises(TimeSeriesError):
            cut_off.send(message)
    assert presses(cut_off) == [("help", cast.home, "button")]
    assert cut_off.stored() == []
    cut_off.core.timeseries.away = False
    cut_off.send(message)
    assert (presses(cut_off), cut_off.stored()) == ([("help", cast.home, "button")], [1])


def test_it_opens_its_incident_meanwhile(cut_off, cast):
    with edit(cut_off.engine, actor="test", now_ms=cast.noon - cast.day) as register:
        register.add_person("四季", id="shiki")
        register.add_contact_method("shiki", "outbox", "shiki")
        register.relate(f"person-of-{cast.home}", "shiki", "staff", "shiki")
    with pytest.raises(TimeSeriesError):
        cut_off.send(cut_off.batch([cast.press(1, cast.noon, "help")], leaf=Leaf.PRIORITY))
    assert Engine(cut_off.engine, AlertsSettings()).tick(cast.noon + 1_000).opened == 1


def test_it_waits_for_no_group_that_is_being_processed(backend, cast):
    """The lock around what ingest remembers is held as long as a store takes."""
    message = backend.batch([cast.press(1, cast.noon, "help")], leaf=Leaf.PRIORITY)
    with backend.core.lock:
        recording = threading.Thread(target=backend.pipeline.record_presses, args=([message],))
        recording.start()
        recording.join(20)
        assert not recording.is_alive()
        assert presses(backend) == [("help", cast.home, "button")]


@pytest.mark.parametrize("beside", ["broken event", "broken message", "other kind", "unregistered gateway"])
def test_what_is_wrong_beside_it_does_not_matter(backend, cast, beside):
    press = backend.batch([cast.press(7, cast.noon, "help")], leaf=Leaf.PRIORITY, now=cast.noon)
    if beside == "broken event":
        broken = press.payload.replace(b'"ev":[', b'"ev":[{"n":6,"t":"yesterday","k":"button","s":"b","x":{}},')
        messages = [backend.raw(broken, leaf="evp", now=cast.noon)]
    elif beside == "broken message":
        messages = [backend.raw(b'{"v":1,"k":"button"', now=cast.noon), press]
    elif beside == "other kind":
        messages = [backend.raw(b'{"button": 1}', leaf="hb", now=cast.noon), press]
    else:
        messages = [backend.batch([cast.press(1, cast.noon, "help")], gateway="gw-9", now=cast.noon), press]
    backend.pipeline.record_presses(messages)
    assert presses(backend) == [("help", cast.home, "button")]


def test_a_press_that_is_stored_already_is_not_written_again(backend, cast):
    """As in a store of an earlier version, whose presses had no numbers."""
    message = backend.batch([cast.press(1, cast.noon, "help")], leaf=Leaf.PRIORITY)
    backend.send(message)
    with backend.engine.begin() as connection:
        connection.execute(delete(statements))
    backend.send(message)
    assert presses(backend) == []


@pytest.mark.system
def test_an_older_ok_of_the_same_outbox_answers_no_call_whatever_the_order_of_texts(backend, cast, new_database):
    """PostgreSQL orders texts by the language of the server: there a ";" may come before a ":"."""
    db = open_store(new_database())
    with edit(db, actor="test", now_ms=cast.noon) as register:
        register.add_organisation("社協", "council", id="council")
        register.add_person("花", id="hana")
        register.add_home("hana", "council", cast.gateway, area="北", id=cast.home)
    for n, word in ((6, "help"), (5, "ok")):
        press = backend.batch([cast.press(n, cast.noon, word)], leaf=Leaf.PRIORITY, now=cast.noon + cast.minute)
        record_presses(db.begin, [press], backend.settings)
    with reading(db) as connection:
        counts = {row.kind: row.at_ms for row in connection.execute(select(statements))}
    assert counts["ok"] < counts["help"]
    db.dispose()


# ---- a store that was put back from a copy ---------------------------------------------------------------------------


@pytest.fixture
def put_back(backend, cast):
    """Events and a press after the copy was made, acknowledged, so that no device sends them again."""

    def put_back(*words, clock_ms=0):
        backend.send(backend.batch([cast.event(1, cast.noon)]))
        backend.engine.dispose()
        copy = backend.folder / "copy.db"
        with backend.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        backend.engine.dispose()
        shutil.copy(backend.folder / "relational.db", copy)
        for n, word in enumerate(words, 2):
            now = cast.noon + n * cast.minute
            press = replace(cast.press(n, now + clock_ms, word), q=ClockQuality.HOLD_OVER)
            backend.send(backend.batch([press], now=now, leaf=Leaf.PRIORITY))
        backend.engine.dispose()
        for old in backend.folder.glob("relational.db*"):
            old.unlink()
        shutil.copy(copy, backend.folder / "relational.db")
        backend.engine = open_store(f"sqlite:///{backend.folder}/relational.db", migrate=False)
        backend.start()
        return backend

    return put_back


def test_presses_of_after_the_copy_are_read_again_from_the_time_series(put_back, cast):
    backend = put_back("help")
    assert presses(backend) == []
    now = cast.noon + cast.hour
    backend.send(backend.batch([cast.event(40, now)], now=now))  # closes the gap that tells of it
    backend.pipeline.recall_presses(now + 1)
    assert presses(backend) == [("help", cast.home, "button")]
    assert backend.said_ms("help") == now + 1, "nobody knows what became of it: it counts from now on"
    backend.pipeline.recall_presses(now + 2)
    assert len(presses(backend)) == 1


def test_they_count_in_their_order(put_back, cast):
    backend = put_back("help", "ok")
    backend.pipeline.recall_presses(cast.noon + cast.hour)
    assert backend.said_ms("help") < backend.said_ms("ok")


def test_a_press_whose_clock_was_hours_behind_is_read_again_too(put_back, cast):
    backend = put_back("help", clock_ms=-2 * cast.hour)
    assert presses(backend) == []
    backend.pipeline.recall_presses(cast.noon + cast.hour)
    assert presses(backend) == [("help", cast.home, "button")]


def test_a_press_of_days_ago_is_written_down_and_calls_nobody(put_back, cast):
    backend = put_back("help")
    backend.pipeline.recall_presses(cast.noon + 3 * cast.day)
    assert [row["kind"] for row in backend.rows("statements")] == ["help_expired"]


def test_after_an_ordinary_restart_nothing_is_new(backend, cast):
    backend.send(backend.batch([cast.press(1, cast.noon, "help")], leaf=Leaf.PRIORITY))
    before = backend.rows("statements")
    backend.start()
    backend.pipeline.recall_presses(cast.noon + cast.minute)
    assert backend.rows("statements") == before


def test_it_is_tried_again_when_the_time_series_cannot_be_read(backend, cast, monkeypatch):
    def fails(*_span):
        raise TimeSeriesError("it does not answer")

    monkeypatch.setattr(SqliteTimeSeries, "read_kind", fails)
    with pytest.raises(TimeSeriesError):
        backend.pipeline.recall_presses(cast.noon)
    monkeypatch.undo()
    backend.pipeline.recall_presses(cast.noon)
    assert backend.core.to_recall is None
