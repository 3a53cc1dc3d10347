"""The plan says what the engine then does, and writes nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.errors import DryRunRefused
from alerts.incidents.opt_out import opt_out
from alerts.tools.dry_run import plan
from alerts.tools.next_moment import next_moment_ms
from contracts.signals import SignalKind
from store.register.registry import RegistryError, edit
from store.schema import attempts, deliveries, incidents, metadata

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
CALLED = 2 * HOUR + 30 * MINUTE
USER = "U" + "1" * 32


def expected(village, at_ms, **more):
    """What the plan says: when, to whom, why and how, and whether it would fail."""
    found = plan(village.db, "hana", village.settings, at_ms, ["outbox"], **more)
    return sorted((item.at_ms, item.person, item.purpose, item.method, item.failure) for item in found.messages)


def happens(village, at_ms, messages):
    """What the engine then does, with nobody answering, until it has decided on so many messages."""
    before = {row.id for row in village.rows(deliveries)}
    now_ms = at_ms
    for _ in range(200):
        village.at(now_ms)
        new = [row for row in village.rows(deliveries) if row.id not in before]
        if len(new) >= messages:
            break
        now_ms = max(now_ms, next_moment_ms(village.engine, now_ms))
    village.at(now_ms)
    failed = ("failed", "expired")
    return sorted(
        (
            row.created_ms,
            row.person_id,
            row.purpose,
            row.contact_method_id,
            row.failure if row.state in failed else None,
        )
        for row in village.rows(deliveries)
        if row.id not in before
    )


def everything(village):
    return {table.name: village.rows(table) for table in metadata.sorted_tables}


def test_the_plan_of_a_silence_is_the_ladder_to_its_end_and_writes_nothing(village, start):
    before = everything(village)
    found = plan(village.db, "hana", village.settings, start + 2 * HOUR, ["outbox"])
    assert [(item.at_ms - start - 2 * HOUR, item.person, item.purpose) for item in found.messages] == [
        (0, "hana", "ask"),
        (30 * MINUTE, "ichiro", "call"),
        (30 * MINUTE, "jiro", "call"),
        (90 * MINUTE, "shiki", "staff"),
        (120 * MINUTE, "shiki", "staff"),
    ]
    assert [turn.what for turn in found.turns] == ["opened", "escalated", "escalated", "asked_again"]
    assert (found.every_s, found.call_at_ms) == (1800, start + 3 * HOUR)
    assert everything(village) == before


def test_with_no_staff_the_plan_ends_when_it_would_ask_them_again(found_village, start):
    village = found_village(staff=0)
    found = plan(village.db, "hana", village.settings, start, ["outbox"])
    assert [turn.what for turn in found.turns] == ["opened", "escalated", "escalated", "asked_again"]
    assert {item.purpose for item in found.messages} == {"ask", "call"}


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: None,
        lambda village, start: opt_out(village.db, "ichiro", "test", start, "test"),
        lambda village, start: edited(village, start, lambda r: r.take_leave("jiro", start, start + DAY)),
        lambda village, start: edited(village, start, lambda r: r.set_hours("jiro", "thu 12:00-20:00")),
        lambda village, start: edited(village, start, lambda r: r.register_absence("home-hana", start, start + DAY)),
        lambda village, start: edited(village, start, lambda r: r.disable_contact_method("m-hana", "blocked")),
        lambda village, start: edited(village, start, lambda r: r.add_contact_method("hana", "line", USER, 0, start)),
    ],
)  # fmt: skip
def test_what_the_plan_says_is_what_happens(village, start, change):
    change(village, start)
    said = expected(village, start + 2 * HOUR)
    assert said
    assert happens(village, start + 2 * HOUR, len(said)) == said


def edited(village, now_ms, do):
    with edit(village.db, actor="test", now_ms=now_ms) as registry:
        do(registry)


def test_the_plan_knows_whose_turn_it_is_after_earlier_cases(village, start):
    for n in range(2):
        lived = start + n * DAY
        village.lives(lived)
        village.at(lived + 2 * HOUR)
        village.at(lived + CALLED)
        village.answers(village.told("call")[-1], "safe", lived + CALLED + MINUTE)
        village.at(lived + CALLED + MINUTE)
    lived = start + 2 * DAY
    village.lives(lived)
    said = expected(village, lived + 2 * HOUR)
    assert happens(village, lived + 2 * HOUR, len(said)) == said


def test_a_channel_that_fails_shows_the_failover_as_it_happens(village, start):
    edited(village, start, lambda r: r.add_contact_method("hana", "console", "second", rank=5, id="m-second"))
    found = plan(village.db, "hana", village.settings, start + 2 * HOUR, ["outbox", "console"], failing=["outbox"])
    first, second = found.messages[:2]
    assert (first.method, first.failure, first.otherwise) == ("m-hana", "refused", ())
    assert (second.method, second.failure, second.at_ms) == ("m-second", None, first.at_ms)
    assert {item.failure for item in found.messages if item.person in ("ichiro", "jiro", "saburo")} == {"refused"}


def test_help_is_told_to_neighbours_and_council_at_once(village, start):
    found = plan(village.db, "hana", village.settings, start, ["outbox"], kind=SignalKind.HELP)
    told = {(item.person, item.purpose) for item in found.messages if item.at_ms == start}
    assert told == {("ichiro", "call"), ("jiro", "call"), ("shiki", "staff"), ("hana", "news")}


def test_a_plan_of_nobody_and_of_nothing_is_refused(village, start):
    with pytest.raises(RegistryError, match="person 'nobody' is not in the register"):
        plan(village.db, "nobody", village.settings, start, ["outbox"])
    with pytest.raises(RegistryError, match="person 'shiki' has no home that is watched"):
        plan(village.db, "shiki", village.settings, start, ["outbox"])
    with pytest.raises(DryRunRefused, match="'sensor_lost' cannot be played; known: silence, help"):
        plan(village.db, "hana", village.settings, start, ["outbox"], kind=SignalKind.SENSOR_LOST)
    assert village.rows(incidents) == village.rows(attempts) == []


hours = st.sampled_from(["", "mon-fri 08:00-18:00", "sat,sun 09:00-21:00", "mon-sun 21:00-07:00", "thu 13:00-14:00"])
spans = st.tuples(st.integers(-48, 48), st.integers(1, 60))
registers = st.fixed_dictionaries(
    {
        "hours": st.dictionaries(st.sampled_from(["ichiro", "jiro", "saburo", "shiki"]), hours),
        "leave": st.dictionaries(st.sampled_from(["ichiro", "jiro", "saburo", "shiki"]), spans),
        "out": st.sets(st.sampled_from(["hana", "ichiro", "jiro", "saburo", "shiki"])),
        "late_h": st.integers(0, 7 * 24),
    }
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(register=registers)
def test_whatever_stands_in_the_register_the_plan_is_what_happens(found_village, start, register):
    village = found_village()
    at_ms = start + register["late_h"] * HOUR + 2 * HOUR
    village.lives(at_ms - 2 * HOUR)

    def settle(registry):
        for who, text in register["hours"].items():
            registry.set_hours(who, text)
        for who, (from_h, hours_long) in register["leave"].items():
            to_ms = at_ms + (from_h + hours_long) * HOUR
            if to_ms > start:  # one that is over is refused
                registry.take_leave(who, at_ms + from_h * HOUR, to_ms)
        for who in sorted(register["out"]):
            registry.opt_out(who)

    edited(village, start, settle)
    said = expected(village, at_ms)
    if {"hana", "shiki"} - register["out"]:  # a neighbour may be on leave; of staff somebody is always told
        assert said
    if {"hana", "ichiro", "jiro", "saburo", "shiki"} <= register["out"]:
        assert not said
    if said:
        assert happens(village, at_ms, len(said)) == said
