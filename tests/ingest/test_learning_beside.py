"""A home that learns does not make the others wait, and what comes meanwhile is not lost."""

import threading
from collections import defaultdict
from contextlib import contextmanager

import pytest

PATIENCE_S = 30


class Pausing:
    """A time series whose reads of one gateway stop half-way, as those of a long history would, until let go on."""

    def __init__(self, real):
        self._real, self.gateway = real, None
        self.reading, self.go_on = threading.Event(), threading.Event()

    def __getattr__(self, name):
        return getattr(self._real, name)

    def read(self, gateway, *span):
        points = list(self._real.read(gateway, *span))
        if gateway != self.gateway:
            return points
        self.reading.set()
        assert self.go_on.wait(PATIENCE_S), "nobody let the reading go on"
        return points

    @contextmanager
    def paused(self, gateway):
        """While this lasts, reads of the gateway that have begun do not end."""
        self.gateway = gateway
        self.reading.clear()
        self.go_on.clear()
        try:
            yield
        finally:
            self.gateway = None
            self.go_on.set()


class Recording:
    """A time series that remembers how long the spans were that were read, by gateway."""

    def __init__(self, real):
        self._real, self.spans_ms = real, defaultdict(list)

    def __getattr__(self, name):
        return getattr(self._real, name)

    def read(self, gateway, start_ns, end_ns):
        self.spans_ms[gateway].append((end_ns - start_ns) // 1_000_000)
        return self._real.read(gateway, start_ns, end_ns)


class Ticking(threading.Thread):
    """A nightly tick in a thread of its own."""

    def __init__(self, backend, now_ms):
        super().__init__(daemon=True)
        self._backend, self._now_ms = backend, now_ms
        self.taught = None

    def run(self):
        self.taught = self._backend.nightly.tick(self._now_ms)

    def result(self):
        self.join(PATIENCE_S)
        assert not self.is_alive(), "the tick does not end"
        return self.taught


@pytest.fixture
def days(cast):
    def days(first, count):
        """Events every 40 minutes from noon to midnight, of days that follow each other."""
        times = [cast.noon + day * cast.day + i * 40 * cast.minute for day in range(count) for i in range(18)]
        return [cast.event(n, t) for n, t in enumerate(times, 1)][first:]

    return days


@pytest.fixture
def late(cast, days):
    """A backend of which one home must learn anew: an event of its first day has come late."""

    def make(backend):
        backend.register()
        backend.register("home-2", "gw-2")
        for gateway in (cast.gateway, "gw-2"):
            backend.send(backend.meta(gateway=gateway))
            for batch in (days(0, 9)[i : i + 60] for i in range(0, 162, 60)):
                backend.send(backend.batch(batch, gateway=gateway))
        old = cast.event(200, cast.noon + 20 * cast.minute, bf=True)
        backend.send(backend.batch([old], now=days(0, 9)[-1].t))
        assert [row["relearn"] for row in backend.rows("rhythms")] == [True, False]
        return backend

    return make


@pytest.fixture
def now(cast, days):
    return days(0, 9)[-1].t + 2 * cast.minute


def test_events_of_another_home_are_processed_while_a_home_learns_anew(make_backend, late, cast, now):
    backend = late(make_backend(wrap=Pausing))
    with backend.core.timeseries.paused(cast.gateway):
        ticking = Ticking(backend, now)
        ticking.start()
        assert backend.core.timeseries.reading.wait(PATIENCE_S)
        acks = backend.send(backend.batch([cast.event(163, now)], gateway="gw-2"))
        assert acks["gw-2", cast.epoch].upto == 163
        acks = backend.send(backend.batch([cast.event(201, now)]))
        assert acks[cast.gateway, cast.epoch].upto >= 162, "and so are events of this home"
        assert ticking.is_alive()
        assert backend.rows("rhythms")[0]["relearn"], "nothing of the lesson is in force before it is committed"
    assert ticking.result() == 1
    assert [row["relearn"] for row in backend.rows("rhythms")] == [False, False]


def test_what_comes_late_during_a_lesson_is_learned_at_the_next_look(make_backend, late, cast, now):
    calm, other = late(make_backend("calm")), late(make_backend("other", wrap=Pausing))
    events = [cast.event(201, cast.noon + 30 * cast.minute, bf=True), cast.event(202, now)]
    with other.core.timeseries.paused(cast.gateway):
        ticking = Ticking(other, now)
        ticking.start()
        assert other.core.timeseries.reading.wait(PATIENCE_S)
        other.send(other.batch(events, now=now))
        before = other.snapshot()
    assert ticking.result() == 0
    assert other.snapshot() == before, "a lesson without the late event is put in force"
    calm.send(calm.batch(events, now=now))
    later = now + 2 * cast.minute
    assert (other.nightly.tick(later), calm.nightly.tick(later)) == (1, 1)
    assert other.snapshot() == calm.snapshot()


def test_a_late_event_whose_commit_fails_during_a_lesson_is_in_the_next(make_backend, late, cast, now, monkeypatch):
    calm, other = late(make_backend("calm")), late(make_backend("other", wrap=Pausing))
    events = [cast.event(201, cast.noon + 30 * cast.minute, bf=True)]
    with other.core.timeseries.paused(cast.gateway):
        ticking = Ticking(other, now)
        ticking.start()
        assert other.core.timeseries.reading.wait(PATIENCE_S)
        with monkeypatch.context() as patch:
            patch.setattr("ingest.pipeline.write_rows", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                other.send(other.batch(events, now=now))
        other.send(other.batch(events, now=now))
    assert ticking.result() == 0
    calm.send(calm.batch(events, now=now))
    later = now + 2 * cast.minute
    assert (other.nightly.tick(later), calm.nightly.tick(later)) == (1, 1)
    assert other.snapshot() == calm.snapshot()


def test_a_home_erased_during_its_lesson_is_not_written_again(make_backend, late, cast, now):
    from store.retention import erase_person

    backend = late(make_backend(wrap=Pausing))
    with backend.core.timeseries.paused(cast.gateway):
        ticking = Ticking(backend, now)
        ticking.start()
        assert backend.core.timeseries.reading.wait(PATIENCE_S)
        erase_person(backend.engine, backend.timeseries, f"person-of-{cast.home}", "test", now)
    assert ticking.result() == 0
    assert [row["home_id"] for row in backend.rows("rhythms")] == ["home-2"]


def test_a_night_that_events_bring_about_does_not_learn_anew_while_all_wait(make_backend, late, cast, now):
    """It goes on from what is learned; the late event is learned at the next look."""
    backend = late(make_backend(wrap=Recording))
    spans = backend.core.timeseries.spans_ms[cast.gateway]
    spans.clear()
    backend.send(backend.batch([cast.event(201, now + 8 * cast.hour)]))
    assert spans == [cast.day]
    assert backend.rows("rhythms")[0]["relearn"]
    backend.nightly.tick(now + 8 * cast.hour + 2 * cast.minute)
    assert spans[-1] > 300 * cast.day
    assert not backend.rows("rhythms")[0]["relearn"]
