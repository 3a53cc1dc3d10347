"""What is noticed besides silence: hourly, from what is stored, only while the devices are proven alive."""

import random

import pytest
from sqlalchemy.exc import OperationalError

import ingest.noticing
from anomaly import NoteSettings, Noticer
from ingest.noticing import GRACE_MS, NoteMaker
from store.register.registry import edit
from store.schema import notes

DAYS = 24


@pytest.fixture
def lives(cast):
    """Events every 12 minutes from 7 to 22 o'clock; from day ``fallen`` at noon on, one in six is left."""

    def events(days, fallen=None):
        chance, start = random.Random(3), cast.noon - 5 * cast.hour
        found = []
        for slot in range(days * 75):
            day, of_day = divmod(slot, 75)
            at = start + day * cast.day + of_day * 12 * cast.minute
            lost = chance.random() > 1 / 6
            if fallen is None or at < cast.noon + fallen * cast.day or not lost:
                found.append(cast.event(len(found) + 1, at, ("living", "fridge")[slot % 2]))
        return found

    return events


def send_all(backend, events, size=150):
    backend.send(backend.meta())
    for i in range(0, len(events), size):
        backend.send(backend.batch(events[i : i + size]))


def tick_hourly(backend, cast, noting, from_ms, hours):
    made = 0
    for hour in range(hours):
        now = from_ms + hour * cast.hour + GRACE_MS
        backend.send(backend.heartbeat(now))
        made += noting.tick(now)
    return made


def test_a_decline_becomes_a_row_with_evidence_and_a_sentence_in_both_languages(backend, cast, lives):
    send_all(backend, lives(DAYS + 1, fallen=DAYS - 1))
    onset = cast.noon + (DAYS - 1) * cast.day
    assert tick_hourly(backend, cast, NoteMaker(backend.core), onset, 24) == 1
    row = backend.row("notes")
    assert (row["home_id"], row["kind"]) == (cast.home, "decline")
    assert onset < row["at_ms"] <= onset + cast.day
    assert row["since_ms"] < row["at_ms"]
    assert row["score"] > 1
    assert row["evidence"]["seen"] < row["evidence"]["usual"]
    assert "いつもの" in row["reason_ja"]
    assert "of the usual" in row["reason_en"]


def test_an_ordinary_day_makes_no_row_but_keeps_the_diary(backend, cast, lives):
    send_all(backend, lives(DAYS))
    assert tick_hourly(backend, cast, NoteMaker(backend.core), cast.noon + (DAYS - 1) * cast.day, 9) == 0
    assert backend.rows("notes") == []
    assert backend.row("diaries")["upto_ms"] == cast.noon + (DAYS - 1) * cast.day + 8 * cast.hour


def test_a_home_whose_devices_are_not_proven_alive_is_not_judged(backend, cast, lives):
    """Its events may be missing, and what is missing would look like a decline."""
    send_all(backend, lives(DAYS + 1, fallen=DAYS - 1))
    noting, now = NoteMaker(backend.core), cast.noon + DAYS * cast.day
    assert noting.tick(now) == 0
    backend.send(backend.heartbeat(now, backlog=200))
    assert noting.tick(now) == 0
    assert backend.rows("diaries") == []
    backend.send(backend.heartbeat(now + 1))
    assert noting.tick(now + 1) == 1


def test_it_goes_on_after_a_restart_and_says_nothing_twice(backend, cast, lives):
    send_all(backend, lives(DAYS + 1, fallen=DAYS - 1))
    onset = cast.noon + (DAYS - 1) * cast.day
    made = 0
    for hour in range(0, 24, 4):
        made += tick_hourly(backend, cast, NoteMaker(backend.core), onset + hour * cast.hour, 4)
        backend.start()
    assert made == 1
    assert len(backend.rows("notes")) == 1


def test_restarts_change_no_byte_of_the_diary(make_backend, cast, lives):
    states = []
    for name in ("whole", "cut"):
        backend = make_backend(name)
        backend.register()
        events = lives(DAYS + 1)
        send_all(backend, [e for e in events if e.t < cast.noon + (DAYS - 1) * cast.day])
        noting = NoteMaker(backend.core)
        for event in (e for e in events if e.t >= cast.noon + (DAYS - 1) * cast.day):
            backend.send(backend.batch([event]))
            tick_hourly(backend, cast, noting, event.t - event.t % cast.hour, 1)
            if name == "cut" and event.n % 7 == 0:
                backend.start()
                noting = NoteMaker(backend.core)
        states.append(backend.row("diaries"))
    assert states[0] == states[1]


def test_late_events_make_the_diary_be_written_anew(backend, cast, lives):
    events = lives(DAYS)
    hidden = [e for e in events if cast.noon + 20 * cast.day < e.t < cast.noon + 21 * cast.day]
    send_all(backend, [e for e in events if e not in hidden])
    noting, now = NoteMaker(backend.core), cast.noon + (DAYS - 1) * cast.day
    tick_hourly(backend, cast, noting, now, 1)
    backend.send(backend.batch(hidden, now=now + 10 * cast.minute))
    assert backend.row("diaries")["rewrite"]
    tick_hourly(backend, cast, noting, now + cast.hour, 1)
    row = backend.row("diaries")
    assert not row["rewrite"]
    diary = Noticer.from_bytes(row["state"], NoteSettings()).diary
    signs = [int(page.counts.sum()) for _, page in sorted(diary.pages.items())]
    assert signs[20] == signs[21] == signs[10], "the days that came late are whole"
    assert len(signs) == DAYS


def test_a_registered_absence_is_nothing_to_be_noted(backend, cast, lives):
    send_all(backend, lives(DAYS + 1, fallen=DAYS - 1))
    onset = cast.noon + (DAYS - 1) * cast.day
    with edit(backend.engine, actor="test", now_ms=onset) as registry:
        registry.register_absence(cast.home, onset - cast.day, onset + 2 * cast.day)
    assert tick_hourly(backend, cast, NoteMaker(backend.core), onset, 24) == 0
    assert backend.rows("notes") == []


def test_a_failed_commit_loses_nothing_and_doubles_nothing(backend, cast, lives, monkeypatch):
    send_all(backend, lives(DAYS + 1, fallen=DAYS - 1))
    noting, now = NoteMaker(backend.core), cast.noon + DAYS * cast.day
    backend.send(backend.heartbeat(now))

    def fails(*_arguments):
        raise OperationalError("insert", {}, OSError("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(ingest.noticing, "put_rows", fails)
        with pytest.raises(OperationalError):
            noting.tick(now)
    assert backend.rows("notes") == backend.rows("diaries") == []
    assert noting.tick(now) == 1
    assert noting.tick(now + 1) == 0
    assert len(backend.rows("notes")) == 1


def test_a_note_says_until_when_it_held(backend, cast, lives):
    events = lives(DAYS + 2, fallen=DAYS - 1)
    recovered = cast.noon + (DAYS + 1) * cast.day - 5 * cast.hour
    well = [e for e in lives(DAYS + 2) if e.t >= recovered]
    numbered = [e for e in events if e.t < recovered]
    send_all(backend, numbered + [cast.event(10_000 + e.n, e.t, e.s) for e in well])
    onset, noting, held = cast.noon + (DAYS - 1) * cast.day, NoteMaker(backend.core), []
    for hour in range(2 * 24 + 8):
        tick_hourly(backend, cast, noting, onset + hour * cast.hour, 1)
        held += [row["held_ms"] for row in backend.rows("notes") if row["kind"] == "decline"]
    row = next(row for row in backend.rows("notes") if row["kind"] == "decline")
    assert held[0] == row["at_ms"]
    assert held == sorted(held)
    assert row["at_ms"] + 6 * cast.hour <= row["held_ms"] < recovered + 8 * cast.hour, "it no longer holds"


def test_an_old_matter_is_not_said_to_hold_by_a_new_one_that_was_not_noted(backend, cast, lives):
    send_all(backend, lives(DAYS + 1, fallen=DAYS - 1))
    onset = cast.noon + (DAYS - 1) * cast.day
    old = {"home_id": cast.home, "kind": "decline", "since_ms": 1, "at_ms": 1, "score": 2.0, "evidence": {}}
    with backend.engine.begin() as connection:
        words = {"reason_ja": "", "reason_en": ""}
        connection.execute(notes.insert().values(held_ms=onset - 30 * cast.hour, **old, **words))
    with edit(backend.engine, actor="test", now_ms=onset) as registry:
        registry.register_absence(cast.home, onset - cast.day, onset + 2 * cast.day)
    tick_hourly(backend, cast, NoteMaker(backend.core), onset, 24)
    assert backend.row("notes")["held_ms"] == onset - 30 * cast.hour
