"""What the pipeline and the nightly learning put in force is, at every moment, what a rhythm by itself would."""

import random
from itertools import pairwise

import pytest

from anomaly import Rhythm, RhythmSettings
from ingest.homes.localtime import last_nightly_ms, local_s

ZONE = "Asia/Tokyo"
WORDS = {"living": "motion", "front": "door", "fridge": "item"}
DAYS = 28
OVERDUE = {9: 15, 17: 13, 18: 16, 26: 14}
"""The day, and the hour from which nothing more is heard until the next forenoon: past 03:00 that is overdue."""


@pytest.fixture
def life(cast):
    """Events of five weeks, from seven to half past ten; some evenings and nights without any."""
    rng = random.Random(5)
    midnight = cast.noon - 12 * cast.hour
    events = []
    for day in range(DAYS):
        t = midnight + day * cast.day + (10 if day - 1 in OVERDUE else 7) * cast.hour
        end = midnight + day * cast.day + OVERDUE.get(day, 22.5) * cast.hour
        while t < end:
            t += round(rng.expovariate(1 / 55) * cast.minute) + 7_000
            sensor = rng.choices(("living", "front", "fridge"), (8, 2, 3))[0]
            events.append(cast.event(len(events) + 1, t, sensor))
    return events


class Side:
    """A rhythm beside the backend, and the deadlines of both."""

    def __init__(self, backend):
        self.backend, self.rhythm = backend, Rhythm(RhythmSettings())
        self.held_at = None  # last event before the last night at which a table was held back

    def night(self, t_ms):
        self.backend.nightly.tick(t_ms)
        self.rhythm.advance(local_s(ZONE, t_ms))

    def event(self, event):
        self.backend.send(self.backend.batch([event]))
        self.rhythm.observe(local_s(ZONE, event.t), event.s, WORDS[event.s], 1.0)

    def expected(self):
        found = self.rhythm.deadlines()
        return [round((at - found.since) * 1000) for at in (found.ask_at, found.call_at)], found.context

    def in_force(self):
        row = self.backend.row("live_states")
        return [row[name] - row["last_sign_ms"] for name in ("ask_at_ms", "call_at_ms")], row["context"]

    def assert_same(self, when):
        assert self.in_force() == self.expected(), when


def test_every_deadline_in_force_is_that_of_the_rhythm(backend, life):
    backend.send(backend.meta())
    side, made_up = Side(backend), 0
    side.event(life[0])
    for before, event in pairwise(life):
        night = last_nightly_ms(ZONE, event.t)
        if before.t < night:
            side.night(night)
            side.assert_same(f"in the night before event {event.n}")
        was_held, table = side.rhythm.held, side.rhythm.table().to_bytes()
        assert was_held == (backend.rows("rhythms") != [] and backend.row("rhythms")["held"])
        if was_held and made_up % 2:
            backend.start()  # a restart while the silence goes on loses nothing
        side.event(event)
        side.assert_same(f"after event {event.n}")
        made_up += was_held and table != side.rhythm.table().to_bytes()
    assert made_up == len(OVERDUE), "the recording holds no overdue silence that brings another table"


@pytest.mark.parametrize("size", [7, 200])
def test_a_replay_gives_the_lapses_of_the_rhythm_however_it_is_cut(backend, life, size):
    """Without any night but those that the events bring about, and all of a day in one batch."""
    backend.send(backend.meta())
    for i in range(0, len(life), size):
        backend.send(backend.batch(life[i : i + size]))
    rhythm, expected = Rhythm(RhythmSettings()), []
    for before, event in pairwise(life):
        rhythm.observe(local_s(ZONE, before.t), before.s, WORDS[before.s], 1.0)
        rhythm.advance(local_s(ZONE, event.t))
        found = rhythm.deadlines()
        for kind, at in (("ask", found.ask_at), ("call", found.call_at)):
            if local_s(ZONE, event.t) > at:
                expected.append((kind, before.t, before.t + round((at - found.since) * 1000)))
    lapses = [(row["kind"], row["since_ms"], row["due_ms"]) for row in backend.rows("lapses")]
    assert sorted(lapses) == sorted(expected)
    assert len(expected) >= len(OVERDUE)
