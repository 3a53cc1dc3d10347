"""What was made while a home was cut off: stored and learned, and it pages no one about the past."""

from dataclasses import replace

import pytest

from contracts.clock import ClockQuality
from contracts.topics import Leaf


def test_a_backlog_is_stored_and_moves_the_last_sign_of_life_forward(backend, cast):
    backend.send(backend.batch([cast.event(1, cast.noon)]))
    now = cast.noon + 10 * cast.hour
    backlog = [cast.event(n, cast.noon + n * cast.hour, bf=True) for n in range(2, 8)]
    backend.send(backend.batch(backlog, now=now))
    live = backend.row("live_states")
    assert live["last_sign_ms"] == cast.noon + 7 * cast.hour
    assert backend.stored() == list(range(1, 8))


def test_older_backfilled_events_never_move_a_deadline_back(backend, cast):
    backend.send(backend.batch([cast.event(9, cast.noon)]))
    before = backend.row("live_states")
    backlog = [cast.event(n, cast.noon - (9 - n) * cast.hour, bf=True) for n in range(1, 9)]
    backend.send(backend.batch(backlog, now=cast.noon + 1))
    after = backend.row("live_states")
    assert after | {"updated_ms": 0} == before | {"updated_ms": 0}
    assert backend.rows("lapses") == []


def test_a_help_press_from_long_ago_pages_no_one_and_a_recent_one_does(backend, cast):
    old = cast.press(1, cast.noon - 16 * cast.minute, "help", bf=True)
    backend.send(backend.batch([old], leaf=Leaf.PRIORITY, now=cast.noon))
    assert backend.said_ms("help") is None
    assert backend.said_ms("help_expired") == old.t, "staff can read it"
    assert backend.stored() == [1]
    recent = cast.press(2, cast.noon - 14 * cast.minute, "help", bf=True)
    backend.send(backend.batch([recent], leaf=Leaf.PRIORITY, now=cast.noon))
    assert backend.said_ms("help") == recent.t


def test_a_help_press_that_waited_for_the_backend_still_counts(backend, cast):
    waited = cast.press(1, cast.noon - 3 * cast.hour, "help")
    backend.send(backend.batch([waited], leaf=Leaf.PRIORITY, now=cast.noon))
    assert backend.said_ms("help") == cast.noon, "nobody has heard it before"


@pytest.mark.parametrize("word", ["help", "ok"])
@pytest.mark.parametrize(("behind_h", "bf"), [(6, False), (30 * 24, False), (6, True), (30 * 24, True)])
def test_a_press_of_a_device_without_a_clock_counts_from_its_arrival(backend, cast, word, behind_h, bf):
    """Else it would lie before the end of the last case, which would then answer it."""
    backend.send(backend.batch([cast.press(1, cast.noon, word)], leaf=Leaf.PRIORITY, now=cast.noon))
    now = cast.noon + 24 * cast.hour
    lost = replace(cast.press(2, now - behind_h * cast.hour, word, bf=bf), q=ClockQuality.NEVER_SYNCED)
    backend.send(backend.batch([lost], leaf=Leaf.PRIORITY, now=now))
    assert backend.said_ms(word) == now


@pytest.mark.parametrize("word", ["help", "ok"])
def test_a_live_press_of_a_clock_that_is_slow_counts_from_its_arrival(backend, cast, word):
    slow = cast.press(1, cast.noon - 65_000, word)
    backend.send(backend.batch([slow], leaf=Leaf.PRIORITY, now=cast.noon))
    assert backend.said_ms(word) == cast.noon


def test_a_lapse_that_a_backfilled_event_ended_is_marked(backend, cast):
    backend.send(backend.batch([cast.event(1, cast.noon)]))
    now = cast.noon + 21 * cast.hour
    backend.send(backend.batch([cast.event(2, cast.noon + 20 * cast.hour, bf=True)], now=now))
    assert {row["backfilled"] for row in backend.rows("lapses")} == {True}


def test_a_home_that_catches_up_is_not_proven_until_its_backlog_is_empty(backend, cast):
    backend.send(backend.batch([cast.event(1, cast.noon)]), backend.heartbeat(cast.noon + 1))
    now = cast.noon + 9 * cast.hour
    backend.send(backend.heartbeat(now, backlog=40))
    backend.send(backend.batch([cast.event(2, cast.noon + cast.hour, bf=True)], now=now))
    gateway, live = backend.row("gateways"), backend.row("live_states")
    assert live["ask_at_ms"] < now, "by its deadline the home is silent"
    assert gateway["proven_ms"] == cast.noon + 1, "but it is not proven, so nobody may be told"
    backend.send(backend.heartbeat(now + 1))
    assert backend.row("gateways")["proven_ms"] == now + 1


def test_a_backlog_of_weeks_is_learned_in_one_go_when_it_is_done(backend, cast):
    now = cast.noon + 20 * cast.day
    backlog = _days(cast, 20, bf=True)
    for i in range(0, len(backlog), 100):
        backend.send(backend.batch(backlog[i : i + 100], now=now))
    assert backend.rows("rhythms") == []
    assert backend.nightly.tick(now + 1000) == 0, "it may still be coming in"
    assert backend.nightly.tick(now + 61_000) == 1
    live, rhythm = backend.row("live_states"), backend.row("rhythms")
    assert live["ready"]
    assert rhythm["learned_upto_ms"] == now - 9 * cast.hour, "03:00 of the same day"
    assert not rhythm["relearn"]


def test_a_live_event_after_a_backlog_learns_it_before_it_is_judged(backend, cast):
    now = cast.noon + 20 * cast.day
    backlog = _days(cast, 20, bf=True)
    live = cast.event(360, now)
    backend.send(backend.batch(backlog[:180], now=now), backend.batch([*backlog[180:359], live], now=now))
    assert backend.row("live_states")["ready"]
    assert backend.row("rhythms")["learned_upto_ms"] == now - 9 * cast.hour


def test_events_from_before_the_last_lesson_make_the_home_learn_anew(make_backend, cast):
    events = _days(cast, 20)
    hidden = {event.n for event in events if event.n % 3 == 0 or 200 < event.n < 240}
    late, calm = make_backend("late"), make_backend("calm")
    now = cast.noon + 20 * cast.day
    for backend, first in ((late, [e for e in events if e.n not in hidden]), (calm, events)):
        backend.register()
        for i in range(0, len(first), 100):
            backend.send(backend.batch(first[i : i + 100], now=now))
        backend.nightly.learn_all(now)
    assert late.row("rhythms")["table"] != calm.row("rhythms")["table"]

    missing = [e for e in events if e.n in hidden]
    late.send(late.batch(missing, now=now))
    assert late.row("rhythms")["relearn"]
    late.start()  # the mark outlives the process
    assert late.nightly.tick(now + 61_000) == 1
    assert late.snapshot()["rhythms"] == calm.snapshot()["rhythms"]
    assert late.nightly.tick(now + 62_000) == 0


def _days(cast, days, *, bf=False):
    """Three waking hours each day from noon on, an event every ten minutes."""
    times = [cast.noon + day * cast.day + i * 10 * cast.minute for day in range(days) for i in range(18)]
    return [cast.event(n, t, ("living", "fridge")[n % 2], bf=bf) for n, t in enumerate(times, 1)]
