from dataclasses import replace

import pytest

from anomaly import Rhythm, RhythmSettings
from ingest.homes.localtime import local_s


def days_of(cast, days, start=None):
    """Events every 40 minutes from noon to midnight, the entrance among them."""
    begin = cast.noon if start is None else start
    times = [begin + day * cast.day + i * 40 * cast.minute for day in range(days) for i in range(18)]
    return [cast.event(n, t, ("living", "front", "fridge")[n % 3]) for n, t in enumerate(times, 1)]


def send_all(backend, events, size=50):
    for i in range(0, len(events), size):
        backend.send(backend.batch(events[i : i + size]))


def test_what_the_pipeline_learns_equals_a_rhythm_that_saw_the_same_events(backend, cast):
    events = days_of(cast, 30)
    backend.send(backend.meta())
    send_all(backend, events)
    row = backend.row("rhythms")
    plain = Rhythm(RhythmSettings())
    words = {"living": "motion", "front": "door", "fridge": "item"}
    for event in events:
        if event.t < row["learned_upto_ms"]:
            plain.observe(local_s("Asia/Tokyo", event.t), event.s, words[event.s], 1.0)
    plain.advance(local_s("Asia/Tokyo", row["learned_upto_ms"]))
    assert row["table"] == plain.table().to_bytes()
    assert row["model"] == plain.to_bytes()
    assert row["learned_upto_ms"] == events[-1].t // 1 - (events[-1].t + 6 * cast.hour) % cast.day
    assert backend.row("live_states")["ready"]


@pytest.mark.parametrize("size", [7, 200])
def test_the_size_of_the_batches_changes_nothing(make_backend, cast, size):
    snapshots = []
    for name, batch_size in (("one", 1), ("other", size)):
        backend = make_backend(name)
        backend.register()
        backend.send(backend.meta())
        send_all(backend, days_of(cast, 6), batch_size)
        snapshots.append(backend.snapshot())
    assert snapshots[0] == snapshots[1]


def test_a_whole_replay_in_one_group_equals_the_same_batches_one_by_one(make_backend, cast):
    events = days_of(cast, 12)
    together, apart = make_backend("together"), make_backend("apart")
    for backend in (together, apart):
        backend.register()
        backend.core.refresh(cast.noon)
    batches = [together.batch(events[i : i + 50], now=events[-1].t) for i in range(0, len(events), 50)]
    together.send(together.meta(), *batches)
    apart.send(apart.meta())
    for batch in batches:
        apart.send(batch)
    assert together.snapshot() == apart.snapshot()


def test_a_tick_after_three_learns_once_and_renews_the_deadline(backend, cast):
    send_all(backend, days_of(cast, 1))
    before = backend.row("live_states")
    night = cast.noon + 15 * cast.hour
    assert backend.nightly.tick(night - 1) == 0
    assert backend.nightly.tick(night) == 1
    assert backend.nightly.tick(night + 1) == 0
    assert backend.row("rhythms")["learned_upto_ms"] == night
    after = backend.row("live_states")
    assert after["last_sign_ms"] == before["last_sign_ms"]
    life = backend.core.home_states.edit(cast.home)
    table = backend.core.watch.table(life.index)
    slot = int(local_s("Asia/Tokyo", after["last_sign_ms"]) // 1800) % 48
    assert after["ask_at_ms"] == after["last_sign_ms"] + 1000 * float(table.ask_s[after["context"], slot])


def test_a_tick_learns_at_three_on_the_homes_own_clock(make_backend, cast):
    backend = make_backend()
    backend.register(zone="Europe/Berlin")
    send_all(backend, days_of(cast, 1)[:2])
    three = cast.noon + 23 * cast.hour  # 12:00 in Tokyo is 04:00 in Berlin
    assert backend.nightly.tick(three - 1) == 0
    assert backend.nightly.tick(three) == 1


def test_a_home_that_is_not_heard_of_learns_nothing_from_the_clock(backend, cast):
    """Recordings of years ago are replayed under the clock of today."""
    send_all(backend, days_of(cast, 3))
    before = backend.snapshot()
    assert backend.nightly.tick(cast.noon + 5000 * cast.day) == 0
    assert backend.snapshot() == before


def test_a_home_without_events_is_left_as_it_is(backend, cast):
    assert backend.nightly.tick(cast.noon) == 0
    assert backend.nightly.tick(cast.noon + cast.day) == 0
    assert backend.nightly.learn_all(cast.noon + cast.day) == 0
    assert backend.rows("rhythms") == []
    assert backend.row("live_states")["ask_at_ms"] is not None


def test_a_damaged_rhythm_is_learned_anew(backend, cast):
    from sqlalchemy import update

    from store.schema import rhythms

    send_all(backend, days_of(cast, 10))
    good = backend.row("rhythms")
    with backend.engine.begin() as connection:
        connection.execute(update(rhythms).values(model=b"?", table=b"?"))
    backend.start()
    assert backend.nightly.tick(good["learned_upto_ms"] + cast.day - 1) == 1
    assert backend.row("rhythms") == good


def test_learning_that_fails_leaves_memory_and_store_as_they_were(make_backend, cast):
    from store.timeseries.port import TimeSeriesError

    class Unreadable:
        def __init__(self, real):
            self.write, self.close = real.write, real.close

        def read(self, *_):
            raise TimeSeriesError("cannot read")

    backend = make_backend(wrap=Unreadable)
    backend.register()
    send_all(backend, days_of(cast, 1))
    before = backend.snapshot()
    with pytest.raises(TimeSeriesError):
        backend.nightly.tick(cast.noon + 16 * cast.hour)
    assert backend.snapshot() == before
    backend.wrap = None
    backend.start()
    assert backend.nightly.tick(cast.noon + 16 * cast.hour) == 1


def test_a_home_that_cannot_learn_keeps_no_other_from_learning(make_backend, cast):
    class HoldsNonsense:
        def __init__(self, real):
            self.write, self.close, self._real = real.write, real.close, real

        def read(self, gateway, *span):
            for point in self._real.read(gateway, *span):
                yield replace(point, fields="[]") if gateway == cast.gateway else point

    backend = make_backend(wrap=HoldsNonsense)
    backend.register()
    backend.register("home-2", "gw-2")
    send_all(backend, days_of(cast, 1))
    backend.send(backend.batch(days_of(cast, 1), gateway="gw-2"))
    with pytest.raises(ExceptionGroup) as raised:
        backend.nightly.tick(cast.noon + 16 * cast.hour)
    assert [error.__notes__ for error in raised.value.exceptions] == [[f"home {cast.home}"]]
    assert [row["home_id"] for row in backend.rows("rhythms")] == ["home-2"]


def test_learn_all_learns_everything_stored_now(backend, cast):
    backlog = [cast.event(n, cast.noon + n * cast.hour, bf=True) for n in range(1, 24 * 20)]
    now = backlog[-1].t
    for i in range(0, len(backlog), 200):
        backend.send(backend.batch(backlog[i : i + 200], now=now))
    assert backend.nightly.learn_all(now) == 1
    assert backend.row("live_states")["ready"]
    backend.send(backend.batch([cast.event(len(backlog) + 1, now + 1)]))
    assert backend.row("live_states")["ready"]
