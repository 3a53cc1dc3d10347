"""Who may be called, and whose turn it is: load by rounds, nights shared out within them."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.decisions.calling.rotation import NIGHTS_COUNT_MS, Availability, CallHistory, on_duty, rotated

HOUR = 3_600_000
MIDNIGHT = 1_767_193_200_000  # 2026-01-01T00:00 in Tokyo, a Thursday
PEOPLE = ("a", "b", "c", "d", "e")


def day(n: int) -> int:
    return MIDNIGHT + n * 24 * HOUR + 12 * HOUR


def night(n: int) -> int:
    return MIDNIGHT + n * 24 * HOUR + 23 * HOUR


def play(people, calls, at_once=1, called=None):
    """Who is called at each of these moments, and everybody's calls afterwards."""
    called = {person: list((called or {}).get(person, ())) for person in people}
    order = []
    for at_ms in calls:
        turns = [CallHistory(person, tuple(called[person])) for person in people]
        chosen = rotated(turns, at_ms)[:at_once]
        order += chosen
        for person in chosen:
            called[person].append(at_ms)
    return order, called


def nights(called, people):
    return [sum(at_ms % (24 * HOUR) == night(0) % (24 * HOUR) for at_ms in called[person]) for person in people]


moments = st.lists(st.booleans(), min_size=1, max_size=40).map(
    lambda at_night: [night(n) if dark else day(n) for n, dark in enumerate(at_night)]
)
crowds = st.integers(1, 5).map(lambda n: PEOPLE[:n])


def test_whoever_was_not_called_for_longest_is_first():
    turns = [CallHistory("a", (day(5),)), CallHistory("b", (day(1),)), CallHistory("c"), CallHistory("d", (day(1),))]
    assert rotated(turns, day(9)) == ("c", "b", "d", "a")


def test_who_had_fewest_night_calls_is_first_at_night_and_last_by_day():
    turns = [CallHistory("a", (night(1), day(2))), CallHistory("b", (day(1), day(3)))]
    assert rotated(turns, night(9)) == ("b", "a")
    assert rotated(turns, day(9)) == ("a", "b")


def test_a_night_call_of_long_ago_counts_no_more():
    turns = [CallHistory("a", (night(1), day(2))), CallHistory("b", (day(1), day(3)))]
    much_later_ms = night(9) + NIGHTS_COUNT_MS
    assert rotated(turns, much_later_ms) == ("a", "b")


def test_alternating_days_and_nights_do_not_leave_all_nights_to_one():
    calls = [night(n) if n % 2 else day(n) for n in range(20)]
    _order, called = play(("a", "b"), calls)
    assert nights(called, ("a", "b")) == [5, 5]


@settings(max_examples=60, deadline=None)
@given(crowds, moments)
def test_nobody_is_called_twice_before_everybody_was_called_once(people, calls):
    order, _called = play(people, calls)
    rounds = [order[first : first + len(people)] for first in range(0, len(order), len(people))]
    assert all(len(set(one)) == len(one) for one in rounds)


@settings(max_examples=60, deadline=None)
@given(crowds, moments, st.integers(1, 3))
def test_however_many_are_called_at_once_calls_differ_by_at_most_one(people, calls, at_once):
    _order, called = play(people, calls, min(at_once, len(people)))
    counts = [len(called[person]) for person in people]
    assert max(counts) - min(counts) <= 1


@settings(max_examples=60, deadline=None)
@given(crowds, moments)
def test_night_calls_differ_by_at_most_one(people, calls):
    _order, called = play(people, calls)
    spread = nights(called, people)
    assert max(spread) - min(spread) <= 1


histories = st.dictionaries(st.sampled_from(PEOPLE), st.lists(st.integers(-400, -1).map(day), max_size=12))


@settings(max_examples=60, deadline=None)
@given(crowds, histories, moments)
def test_after_any_history_everybody_is_called_once_before_anybody_is_called_again_but_for_those_left(
    people, history, calls
):
    """Whatever went before, the round under way is finished first, and from then on rounds are whole."""
    order, _called = play(people, calls, called=history)
    ends = next((n for n in range(len(order)) if set(order[: n + 1]) == set(people)), None)
    first = order if ends is None else order[: ends + 1]
    assert max(Counter(first).values()) <= 2, "at most the end of one round and the beginning of the next"
    for start in range(len(people)):
        rest = order[start:]
        rounds = [rest[n : n + len(people)] for n in range(0, len(rest), len(people))]
        if all(len(set(one)) == len(one) for one in rounds):
            return
    raise AssertionError(f"no rounds in {order}")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from(PEOPLE), min_size=1), st.booleans()), min_size=1, max_size=40))
def test_nobody_is_called_again_in_a_round_while_somebody_who_is_free_waits_in_it(plan):
    """Availability changes all the time: of those free, one who is still to be called in the round comes first."""
    called = {person: [] for person in PEOPLE}
    for n, (free, dark) in enumerate(plan):
        at_ms = night(n) if dark else day(n)
        chosen = rotated([CallHistory(person, tuple(called[person])) for person in sorted(free)], at_ms)[0]
        never = {person for person in free if not called[person]}
        assert not never or chosen in never, "whoever was never called comes before whoever was"
        called[chosen].append(at_ms)


# ---- Hours and leave ----


def test_somebody_is_free_in_their_hours_and_not_on_leave():
    duty = Availability("a", hours="thu 08:00-20:00", leaves=((day(0), day(0) + HOUR),))
    moments = (day(0) - 5 * HOUR, day(0) - HOUR, day(0), day(0) + HOUR, night(0))
    assert [duty.is_free(at_ms) for at_ms in moments] == [False, True, False, True, False]


def test_of_the_staff_those_free_are_asked_else_those_off_hours_else_those_on_leave():
    off = Availability("off", hours="fri 08:00-20:00")
    away = Availability("away", leaves=((0, day(9)),))
    assert on_duty([off, away, Availability("free")], day(0)) == ("free",)
    assert on_duty([off, away], day(0)) == ("off",)
    assert on_duty([away], day(0)) == ("away",)
    assert on_duty([], day(0)) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Availability,
            st.sampled_from(PEOPLE),
            hours=st.sampled_from(["", "mon-fri 08:00-20:00", "sat 22:00-06:00"]),
            leaves=st.sampled_from([(), ((day(-9), day(9)),), ((day(3), day(4)),)]),
        ),
        unique_by=lambda duty: duty.person,
    ),
    st.integers(0, 14 * 24).map(lambda hours: MIDNIGHT + hours * HOUR),
)
def test_while_there_are_staff_somebody_is_asked(staff, at_ms):
    assert bool(on_duty(staff, at_ms)) == bool(staff)
