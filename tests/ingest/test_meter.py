"""A home with nothing but a smart meter is watched, by the uses that only a person makes."""

import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import update

import ingest.pipeline
from contracts.envelope import MAX_EVENTS
from contracts.health import Sensor, SensorRole
from ingest.learning.metering import LATE_RELEARNS_MS
from ingest.learning.meters import HomeMeters
from ingest.noticing import NoteMaker
from store.register.registry import edit
from store.retention import erase_person
from store.schema import rhythms
from store.timeseries.port import TimeSeriesError

METER = (Sensor("meter", SensorRole.METER, ""),)
BATCH = min(240, MAX_EVENTS)
MINUTES = 1440
DAYS = 17


def household(days, *, cooled=False, seed=1):
    """Watts by the minute from midnight: a fridge, eight kettles a day; cooled: an air conditioner, day and night."""
    rng = np.random.default_rng(seed)
    watts = 60 + 110.0 * (np.arange(days * MINUTES) % 45 < 18) + rng.normal(0, 5, days * MINUTES)
    for day in range(days):
        for minute in rng.integers(7 * 60, 22 * 60, 8) + day * MINUTES:
            watts[minute : minute + 3] += 2000
    if cooled:
        watts[np.arange(days * MINUTES) % 27 < 11] += 1000
    return watts


@pytest.fixture
def midnight(cast):
    return cast.noon + 12 * cast.hour


@pytest.fixture
def read(cast, midnight):
    """Events of a meter, one a minute, numbered from the minute of the first."""

    def read(watts, first=0):
        return [
            cast.event(first + i + 1, midnight + (first + i) * cast.minute, "meter", k="power", x={"w": round(w, 1)})
            for i, w in enumerate(watts.tolist())
        ]

    return read


def messages(backend, events, size=BATCH):
    return [backend.batch(events[i : i + size], now=events[-1].t) for i in range(0, len(events), size)]


def feed(backend, events, size=BATCH, group=8):
    """Send events as they would come: a group is received when its last event happened."""
    for i in range(0, len(events), size * group):
        backend.send(*messages(backend, events[i : i + size * group], size))


def without_lapses(backend):
    """A silence is recorded only when all its numbers were there in time, so the order decides about that."""
    return {name: rows for name, rows in backend.snapshot().items() if name != "lapses"}


@pytest.fixture(scope="module")
def weeks():
    """Seventeen days and their kettles, and after them two days more."""
    return household(DAYS + 2)


@pytest.fixture(scope="module")
def taught_folders(tmp_path_factory):
    """By minutes heard after the seventeen days: the stores of a backend, to be copied."""
    folder = tmp_path_factory.mktemp("taught")
    return lambda minutes: folder / str(minutes)


@pytest.fixture
def taught(taught_folders, make_backend, read, weeks):
    """Makes backends that have heard a meter for seventeen days, and calmly some minutes more; each its own stores."""

    def teach(minutes):
        if minutes:
            backend = make(f"first-{minutes}")
            feed(backend, read(weeks[DAYS * MINUTES :][:minutes], DAYS * MINUTES))
        else:
            backend = make_backend("first")
            backend.register()
            backend.send(backend.meta(METER))
            feed(backend, read(weeks[: DAYS * MINUTES]))
        backend.close()
        shutil.copytree(backend.folder, taught_folders(minutes))

    def make(name, minutes=0, **options):
        if not taught_folders(minutes).exists():
            teach(minutes)
        copy = make_backend(name)
        copy.close()
        shutil.copytree(taught_folders(minutes), copy.folder, dirs_exist_ok=True)
        return make_backend(name, **options)

    return make


def test_a_kettle_is_a_sign_of_life_and_a_fridge_is_none(taught, read, cast):
    backend = taught("store")
    known = backend.row("live_states")
    assert known["ready"], "seventeen days of a good meter are enough"
    assert known["last_sensor"] == "meter"
    quiet = household(1) * 0 + 60 + 110.0 * (np.arange(MINUTES) % 45 < 18)
    feed(backend, read(quiet[: 8 * 60], DAYS * MINUTES))
    assert backend.row("live_states")["last_sign_ms"] == known["last_sign_ms"]
    assert backend.row("live_states")["last_event_ms"] > known["last_event_ms"]
    kettle = quiet[8 * 60 : 9 * 60].copy()
    kettle[20:23] += 2000
    feed(backend, read(kettle, DAYS * MINUTES + 8 * 60))
    after = backend.row("live_states")
    assert after["last_sign_ms"] == read(kettle, DAYS * MINUTES + 8 * 60)[20].t
    assert after["ask_at_ms"] > known["ask_at_ms"]


def test_uses_of_many_days_are_found_where_they_were(taught, read, weeks, cast):
    backend = taught("store")
    found, extra = set(), weeks[DAYS * MINUTES :]
    for i in range(0, 2 * MINUTES, 10):
        feed(backend, read(extra[i : i + 10], DAYS * MINUTES + i))
        found.add(backend.row("live_states")["last_sign_ms"])
    began = [i for i in range(1, 2 * MINUTES) if extra[i] > extra[i - 1] + 1500]
    events = read(extra, DAYS * MINUTES)
    hits = [i for i in began if any(abs(events[i].t - at) <= 2 * cast.minute for at in found)]
    assert len(hits) >= 0.9 * len(began)
    assert len(found) <= len(began) + 3


@pytest.mark.parametrize("size", [7, 60, BATCH])
def test_however_the_readings_are_cut_into_batches_the_end_is_the_same(taught, read, weeks, size):
    events = read(weeks[DAYS * MINUTES :], DAYS * MINUTES)
    calm, other = taught("calm", 2 * MINUTES), taught("other")
    feed(other, events, size, group=11)
    assert other.snapshot() == calm.snapshot()


def test_repeats_and_any_order_within_a_day_change_nothing(taught, read, weeks):
    events = read(weeks[DAYS * MINUTES + 4 * 60 :][: 20 * 60], DAYS * MINUTES + 4 * 60)
    start = read(weeks[DAYS * MINUTES :][: 4 * 60], DAYS * MINUTES)
    calm, other = taught("calm"), taught("other")
    for backend in (calm, other):
        feed(backend, start)
    feed(calm, events)
    shuffled = messages(other, events, 45)
    random.Random(3).shuffle(shuffled)
    for message in (*shuffled, *shuffled[::3]):
        other.send(message)
    assert without_lapses(other) == without_lapses(calm)
    ours, theirs = calm.rows("lapses"), other.rows("lapses")
    assert all(lapse in ours for lapse in theirs), "no silence is made up by readings that were still on their way"
    night = events[-1].t + 4 * 3_600_000
    for backend in (calm, other):
        backend.nightly.tick(night)
    assert calm.row("meters")["upto_ms"] > events[0].t
    assert without_lapses(other) == without_lapses(calm)


def test_a_restart_in_the_middle_of_the_day_changes_no_deadline(taught, read, weeks):
    events = read(weeks[DAYS * MINUTES :], DAYS * MINUTES)
    calm, restarted = taught("calm", 2 * MINUTES), taught("restarted")
    for start in range(0, len(events), 517):
        restarted.start()
        feed(restarted, events[start : start + 517], 60)
    assert restarted.snapshot() == calm.snapshot()
    assert [life.can_tell for life in restarted.core.home_states.all()] == [True]


@pytest.mark.parametrize("when", ["before the commit", "after the time series"])
def test_a_commit_that_fails_puts_the_meter_back(taught, read, weeks, monkeypatch, when):
    events = read(weeks[DAYS * MINUTES :][: 30 * 60], DAYS * MINUTES)
    calm, failing = taught("calm", 30 * 60), taught("failing")
    for start in range(0, len(events), 200):
        part = messages(failing, events[start : start + 200])
        before = failing.snapshot()
        if when == "before the commit":
            monkeypatch.setattr(ingest.pipeline, "write_rows", _refuse)
        else:
            monkeypatch.setattr(ingest.pipeline.Observer, "observe", _refuse)
        with pytest.raises(TimeSeriesError):
            failing.send(*part)
        monkeypatch.undo()
        after = failing.snapshot()
        assert {k: v for k, v in after.items() if k != "points"} == {k: v for k, v in before.items() if k != "points"}
        failing.send(*messages(failing, events[start : start + 200], 33)[::-1])
    assert failing.snapshot() == calm.snapshot()


def test_after_a_failure_memory_is_what_a_new_process_would_have(taught, read, weeks, monkeypatch):
    """Also when what failed comes again later than what followed it."""
    night = read(weeks[DAYS * MINUTES :][: 4 * 60], DAYS * MINUTES)
    lost = read(weeks[DAYS * MINUTES + 4 * 60 :][: 8 * 60], DAYS * MINUTES + 4 * 60)
    later = read(weeks[DAYS * MINUTES + 12 * 60 :][:5], DAYS * MINUTES + 12 * 60)
    same, restarted = taught("same"), taught("restarted")
    for backend in (same, restarted):
        feed(backend, night)
        sign_ms = backend.row("live_states")["last_sign_ms"]
        monkeypatch.setattr(ingest.pipeline, "write_rows", _refuse)
        with pytest.raises(TimeSeriesError):
            backend.send(*messages(backend, lost))
        monkeypatch.undo()
    restarted.start()
    for backend in (same, restarted):
        backend.send(*messages(backend, later))
        assert backend.row("live_states")["last_sign_ms"] > sign_ms
    assert same.snapshot() == restarted.snapshot()


def test_an_evening_that_comes_late_over_the_night_ends_as_if_it_had_come_in_time(taught, read, weeks, cast):
    events = read(weeks[DAYS * MINUTES :], DAYS * MINUTES)
    evening, morning = slice(17 * 60, 23 * 60), slice(23 * 60, 32 * 60)
    calm, late = taught("calm"), taught("late")
    feed(calm, events[: 32 * 60])
    feed(late, events[: 17 * 60])
    feed(late, events[morning])
    backfilled = [replace(event, bf=True) for event in events[evening]]
    late.send(*(late.batch(backfilled[i : i + BATCH], now=events[32 * 60].t) for i in range(0, 6 * 60, BATCH)))
    assert late.row("rhythms")["relearn"]
    assert late.nightly.tick(events[32 * 60].t + 2 * cast.minute) == 1
    for backend in (calm, late):
        feed(backend, events[32 * 60 : 40 * 60])
    assert without_lapses(late) == without_lapses(calm)
    assert live_states_of_meters(late) == live_states_of_meters(calm)


def live_states_of_meters(backend):
    (home,) = backend.core.meters._live.values()
    return home.states()


def _refuse(*_arguments):
    raise TimeSeriesError("refused")


def test_a_rhythm_that_is_learned_anew_learns_the_signs_of_the_meter_again(taught):
    backend = taught("store")
    before = backend.snapshot()
    with backend.engine.begin() as connection:
        connection.execute(update(rhythms).values(relearn=True))
    backend.start()
    assert backend.nightly.tick(backend.row("live_states")["last_event_ms"] + 120_000) == 1
    assert backend.snapshot() == before


@pytest.mark.parametrize(("late_ms", "anew"), [(LATE_RELEARNS_MS - 60_000, False), (LATE_RELEARNS_MS + 60_000, True)])
def test_readings_late_over_the_night_are_learned_only_when_they_are_many(taught, cast, late_ms, anew):
    backend = taught("store")
    learned = backend.row("rhythms")["learned_upto_ms"]
    late = cast.event(90_000, learned - late_ms + 1, "meter", k="power", x={"w": 100.0}, bf=True)
    live = backend.row("live_states")
    backend.send(backend.batch([late], now=live["last_event_ms"] + cast.minute))
    assert bool(backend.row("rhythms")["relearn"]) is anew
    assert backend.row("live_states")["last_sign_ms"] == live["last_sign_ms"]
    assert 90_000 in backend.stored()


def test_a_meter_among_machines_counts_for_nothing_and_says_so(backend, read, cast):
    backend.send(backend.meta(METER))
    events = read(household(16, cooled=True))
    feed(backend, events[: 15 * MINUTES + 6 * 60])
    told = backend.row("live_states")
    feed(backend, events[15 * MINUTES + 6 * 60 :])
    assert backend.row("live_states")["last_sign_ms"] == told["last_sign_ms"]
    assert not backend.row("live_states")["ready"]
    for _ in range(2):
        backend.send(backend.heartbeat(events[-1].t, seen=events[-1].t))
        sensor = next(row for row in backend.rows("sensors") if row["sensor"] == "meter")
        assert sensor["trouble"] == "cannot_tell"
        assert backend.row("gateways")["proven_ms"] is None, "its silence proves nothing about the person"
        backend.start()


def test_what_a_meter_learned_is_erased_with_its_person(taught, cast):
    backend = taught("store")
    assert backend.row("meters")["home_id"] == cast.home
    erase_person(backend.engine, backend.timeseries, f"person-of-{cast.home}", "test", cast.noon)
    assert backend.rows("meters") == []
    assert backend.stored() == []


def test_a_good_meter_proves_its_home(taught, read):
    backend = taught("store")
    now = backend.row("live_states")["last_event_ms"]
    backend.send(backend.heartbeat(now))
    assert next(row for row in backend.rows("sensors") if row["sensor"] == "meter")["trouble"] is None
    assert backend.row("gateways")["proven_ms"] == now


def test_while_it_learns_a_meter_counts_where_it_is_alone_and_the_home_is_not_ready(make_backend, read, cast):
    alone, beside = make_backend("alone"), make_backend("beside")
    for backend, sensors in ((alone, METER), (beside, METER + cast.sensors)):
        backend.register()
        backend.send(backend.meta(sensors))
        feed(backend, read(household(3)))
    assert alone.row("live_states")["last_sensor"] == "meter"
    assert not alone.row("live_states")["ready"]
    assert beside.row("live_states")["last_sign_ms"] is None


def test_an_energy_counter_is_read_as_watts(backend, cast, midnight):
    backend.send(backend.meta(METER))
    kwh = 4000 + np.cumsum(household(3)) / 60_000
    events = [
        cast.event(i + 1, midnight + i * cast.minute, "meter", k="energy", x={"kwh": round(value, 3)})
        for i, value in enumerate(kwh.tolist())
    ]
    feed(backend, events)
    live = backend.row("live_states")
    assert live["last_sensor"] == "meter"
    assert live["last_sign_ms"] > midnight + 2 * cast.day
    assert backend.row("meters")["kind"] == "energy"


def test_readings_of_a_sensor_that_is_no_meter_are_stored_and_not_read(backend, read, cast):
    backend.send(backend.meta((Sensor("meter", SensorRole.APPLIANCE, ""),)))
    feed(backend, read(household(3)))
    assert len(backend.stored()) == 3 * MINUTES
    assert backend.row("live_states")["last_sign_ms"] is None
    assert backend.rows("meters") == []


def test_a_sign_is_told_in_utc_also_when_summer_time_begins():
    zone, roles = "Europe/Berlin", {"meter": "meter"}
    midnight_ms = 1_774_738_800_000 - 2 * 86_400_000  # two days before 2026-03-29, on which 02:00 becomes 03:00
    meters, signs, hours = HomeMeters(zone, roles), [], 3 * 24
    watts = household(4)
    for i in range(hours * 60):
        signs += meters.take(midnight_ms + i * 60_000, "meter", "power", {"w": float(watts[i])})
    began = {midnight_ms + i * 60_000 for i in range(1, hours * 60) if watts[i] > watts[i - 1] + 1500}
    assert signs
    assert began.issuperset(signs)


def noted(backend, cast, now):
    """The kinds and beginnings of the notes after the hour that ``now`` (ms UTC) lies in was looked at."""
    backend.send(backend.heartbeat(now))
    NoteMaker(backend.core).tick(now)
    return [(row["kind"], row["since_ms"]) for row in backend.rows("notes")]


def test_power_left_on_becomes_one_note_however_long_it_lasts_and_after_a_restart(taught, read, cast):
    backend, first = taught("store"), DAYS * MINUTES
    usual = household(1)
    heated = usual[: 7 * 60].copy()
    heated[60:] += 1500
    switched_on = read(heated, first)[60].t
    feed(backend, read(heated[: 4 * 60], first))
    assert noted(backend, cast, read(heated, first)[4 * 60 - 1].t + 6 * cast.minute) == [("power_left_on", switched_on)]
    note = backend.row("notes")
    assert note["score"] > 1
    assert note["evidence"]["watts"] == pytest.approx(1500, abs=60)
    assert "約1500W" in note["reason_ja"]
    backend.start()
    feed(backend, read(heated[4 * 60 :], first + 4 * 60))
    assert len(noted(backend, cast, read(heated, first)[-1].t + 6 * cast.minute)) == 1
    held = backend.row("notes")["held_ms"]
    assert held == note["held_ms"] + 3 * cast.hour
    feed(backend, read(usual[7 * 60 : 9 * 60], first + 7 * 60))
    noted(backend, cast, read(usual, first)[9 * 60 - 1].t + 6 * cast.minute)
    assert backend.row("notes")["held_ms"] == held, "it was switched off"


def test_a_meter_that_is_not_heard_of_any_more_shows_nothing(taught, read, cast):
    backend, first = taught("store"), DAYS * MINUTES
    heated = household(1)[: 2 * 60].copy()
    heated[30:] += 1500
    feed(backend, read(heated, first))
    assert noted(backend, cast, read(heated, first)[-1].t + 4 * cast.hour) == []


def test_a_frozen_meter_is_noted_and_not_while_nobody_is_registered_to_be_there(taught, read, cast):
    frozen, first = np.full(8 * 60, 73.0), DAYS * MINUTES
    for name, away in (("at home", False), ("away", True)):
        backend = taught(name)
        feed(backend, read(frozen, first))
        now = read(frozen, first)[-1].t + 6 * cast.minute
        if away:
            with edit(backend.engine, actor="test", now_ms=now) as registry:
                registry.register_absence(cast.home, now - cast.day, now + cast.day)
        assert [kind for kind, _since in noted(backend, cast, now)] == ([] if away else ["power_flat"])
