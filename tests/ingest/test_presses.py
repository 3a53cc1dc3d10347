"""A call for help is heard whatever the clock says; an OK never answers what began after it was said."""

from dataclasses import replace

import pytest

from alerts.incidents import answers
from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from contracts.clock import ClockQuality
from contracts.topics import Leaf
from store.register.registry import edit


@pytest.fixture
def engine(backend, cast):
    with edit(backend.engine, actor="test", now_ms=cast.noon - cast.day) as register:
        register.add_person("四季", id="shiki")
        register.add_contact_method("shiki", "outbox", "shiki")
        register.relate("person-of-home-1", "shiki", "staff", "shiki")
    return Engine(backend.engine, AlertsSettings())


@pytest.fixture
def hear(backend, cast, engine):
    """A press is heard ``at_ms``, and the alerts look at it."""

    def hear(press, at_ms):
        backend.send(backend.batch([press], leaf=Leaf.PRIORITY, now=at_ms))
        engine.tick(at_ms)

    return hear


@pytest.mark.parametrize("bf", [False, True])
@pytest.mark.parametrize("quality", list(ClockQuality))
def test_an_ok_that_was_said_before_the_call_for_help_and_comes_after_it_does_not_end_it(
    backend, cast, hear, quality, bf
):
    hear(cast.press(2, cast.noon, "help"), cast.noon)
    said = replace(cast.press(1, cast.noon - 10_000, "ok", bf=bf), q=quality)
    hear(said, cast.noon + 30_000)
    assert backend.row("incidents")["outcome"] is None
    assert backend.stored() == [1, 2]


def test_an_overtaken_ok_of_a_clock_that_is_ahead_does_not_end_a_call_for_help(backend, cast, hear):
    hear(cast.press(2, cast.noon, "help"), cast.noon)
    hear(cast.press(1, cast.noon + 2 * cast.hour, "ok"), cast.noon + 30_000)
    assert backend.row("incidents")["outcome"] is None


@pytest.mark.parametrize("behind_ms", [0, 65_000, 6 * 3_600_000])
def test_an_ok_that_was_said_after_the_call_for_help_ends_it_whatever_a_clock_says_that_was_not_set(
    backend, cast, hear, behind_ms
):
    hear(cast.press(1, cast.noon, "help"), cast.noon)
    now = cast.noon + 30_000
    hear(replace(cast.press(2, now - behind_ms, "ok"), q=ClockQuality.NEVER_SYNCED), now)
    assert backend.row("incidents")["outcome"] == "self_ok"


def test_an_ok_of_a_clock_that_is_a_minute_slow_ends_the_call_for_help_before_it(backend, cast, hear):
    hear(cast.press(1, cast.noon, "help"), cast.noon)
    hear(cast.press(2, cast.noon + 30_000 - 65_000, "ok"), cast.noon + 30_000)
    assert backend.row("incidents")["outcome"] == "self_ok"


def test_an_ok_that_waited_for_the_backend_was_said_when_it_was_said(backend, cast):
    """It was not back-filled, the broker was there; what came after it may be a silence."""
    said = cast.press(1, cast.noon - 3 * cast.hour, "ok")
    backend.send(backend.batch([said], leaf=Leaf.PRIORITY, now=cast.noon))
    assert backend.said_ms("ok") == said.t


def test_an_old_backfilled_ok_of_a_good_clock_keeps_its_time(backend, cast):
    said = cast.press(1, cast.noon - 60_000, "ok", bf=True)
    backend.send(backend.batch([said], leaf=Leaf.PRIORITY, now=cast.noon))
    assert backend.said_ms("ok") == said.t


@pytest.mark.parametrize("behind_h", [0, 6])
def test_a_call_for_help_that_was_overtaken_is_heard_all_the_same(backend, cast, hear, behind_h):
    hear(cast.press(2, cast.noon, "ok"), cast.noon)
    lost = cast.press(1, cast.noon - behind_h * cast.hour, "help")
    hear(replace(lost, q=ClockQuality.NEVER_SYNCED), cast.noon + 30_000)
    assert [(row["kind"], row["outcome"]) for row in backend.rows("incidents")] == [("help", None)]


@pytest.mark.parametrize(
    ("later_s", "behind_s", "quality", "bf"),
    [
        (60, 65, ClockQuality.SYNCED, False),
        (86_400, 30 * 3_600, ClockQuality.NEVER_SYNCED, False),
        (86_400, 30 * 3_600, ClockQuality.NEVER_SYNCED, True),
    ],
)
def test_a_call_for_help_after_a_closed_one_is_heard_though_its_clock_says_it_came_before(
    backend, cast, hear, later_s, behind_s, quality, bf
):
    hear(cast.press(1, cast.noon, "help"), cast.noon)
    closed_ms = cast.noon + 600_000
    answers.close(backend.engine, backend.row("incidents")["id"], "shiki", "safe", "well", closed_ms)
    now = closed_ms + later_s * 1000
    hear(replace(cast.press(2, now - behind_s * 1000, "help", bf=bf), q=quality), now)
    assert sorted(row["outcome"] or "" for row in backend.rows("incidents")) == ["", "safe"]


@pytest.mark.parametrize("quality", list(ClockQuality))
@pytest.mark.parametrize("apart_ms", [1_000, -6 * 3_600_000], ids=["clock", "clock-set-back"])
@pytest.mark.parametrize(
    ("pressed", "outcome"),
    [
        (("help", "ok"), "self_ok"),
        (("ok", "help"), None),
        (("help", "ok", "help"), None),
        (("ok", "help", "ok"), "self_ok"),
        (("help", "help"), None),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_presses_in_one_message_come_to_the_same_as_in_several(
    backend, cast, engine, quality, apart_ms, pressed, outcome, together
):
    if apart_ms < 0:
        quality = ClockQuality.NEVER_SYNCED  # a clock that was set waited when it says so
    events = [
        replace(cast.press(n, cast.noon - 5_000 + n * apart_ms, what), q=quality) for n, what in enumerate(pressed, 1)
    ]
    for number, some in enumerate([events] if together else [[event] for event in events]):
        backend.send(backend.batch(some, leaf=Leaf.PRIORITY, now=cast.noon + number * 1_000))
    engine.tick(cast.noon + 9_000)
    engine.tick(cast.noon + 10_000)
    assert backend.row("incidents")["outcome"] == outcome


@pytest.mark.parametrize(("pressed", "outcome"), [(("help", "ok"), "self_ok"), (("ok", "help"), None)])
def test_presses_in_two_messages_that_come_at_the_same_millisecond_count_in_their_order(
    backend, cast, engine, pressed, outcome
):
    messages = [
        backend.batch([cast.press(n, cast.noon - 5_000 + n, what)], leaf=Leaf.PRIORITY, now=cast.noon)
        for n, what in enumerate(pressed, 1)
    ]
    backend.send(*messages)
    engine.tick(cast.noon)
    engine.tick(cast.noon + 1_000)
    assert backend.row("incidents")["outcome"] == outcome


def test_a_call_for_help_after_the_clock_of_the_backend_was_set_back_is_answered_by_no_earlier_ok(backend, cast, hear):
    hear(cast.press(1, cast.noon + cast.hour, "ok"), cast.noon + cast.hour)
    hear(cast.press(2, cast.noon, "help"), cast.noon)
    assert [(row["kind"], row["outcome"]) for row in backend.rows("incidents")] == [("help", None)]


@pytest.mark.parametrize("bf", [False, True])
@pytest.mark.parametrize("together", [True, False])
def test_a_call_for_help_after_an_ok_is_not_answered_by_that_ok_though_help_was_called_before(
    backend, cast, hear, engine, together, bf
):
    hear(cast.press(1, cast.noon, "help"), cast.noon)
    said = [cast.press(n, cast.noon + n * 1_000, what, bf=bf) for n, what in [(2, "ok"), (3, "help")]]
    for some in [said] if together else [[press] for press in said]:
        backend.send(backend.batch(some, leaf=Leaf.PRIORITY, now=cast.noon + 5_000))
    for later_ms in (5_100, 6_000, 120_000):
        engine.tick(cast.noon + later_ms)
    assert [row["outcome"] for row in backend.rows("incidents") if row["outcome"] is None], "help is on the way"
