"""The one reckoning of when a home is asked about and called for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.decisions.deadlines import UNKNOWN_START_MS, Deadlines, deadlines_after, is_silence_proven

NOW = 1_767_225_600_000
MOMENTS = st.integers(NOW - 10**9, NOW)


def test_without_a_word_the_deadlines_are_those_of_the_store():
    assert deadlines_after(100, 7, 200, 300, [None, 50]) == Deadlines(100, 200, 300)
    assert deadlines_after(None, 100, 200, 300, [None]) == Deadlines(100, 200, 300)
    assert deadlines_after(None, None, None, None, [None, 50]) == Deadlines(None, None, None)


def test_a_word_that_all_is_well_grants_the_same_silence_anew():
    assert deadlines_after(100, 7, 200, 300, [150, 120]) == Deadlines(150, 250, 350, 150)
    assert deadlines_after(100, 7, None, 300, [150]) == Deadlines(150, None, 350, 150)


def test_a_home_never_heard_of_is_granted_the_same_wait_anew():
    assert deadlines_after(None, 100, 200, 300, [205]) == Deadlines(205, 305, 405, 205)


def test_where_nobody_knows_since_when_the_longest_wait_is_granted():
    held = deadlines_after(None, None, NOW, NOW + 60, [NOW + 5])
    assert (held.ask_at_ms, held.call_at_ms) == (NOW + 5 + UNKNOWN_START_MS, NOW + 65 + UNKNOWN_START_MS)


@given(
    sign=st.none() | MOMENTS, watched=st.none() | MOMENTS, word=MOMENTS, waits=st.tuples(*[st.integers(1, 10**8)] * 2)
)
def test_a_word_after_the_beginning_puts_both_deadlines_off_by_the_whole_wait(sign, watched, word, waits):
    start = sign if sign is not None else watched
    ask_wait, call_wait = waits
    ask = (start or NOW) + ask_wait
    held = deadlines_after(sign, watched, ask, ask + call_wait, [word])
    if start is None:
        assert held.ask_at_ms >= ask
    elif word > start:
        assert (held.since_ms, held.ask_at_ms, held.confirmed_ok_ms) == (word, word + ask_wait, word)
    else:
        assert (held.since_ms, held.ask_at_ms, held.confirmed_ok_ms) == (start, ask, None)
    assert held.call_at_ms - held.ask_at_ms == call_wait


@pytest.mark.parametrize(
    ("sign", "proof", "proven"),
    [
        (NOW - 10**7, NOW - 900_000, True),
        (NOW - 10**7, NOW - 900_001, False),
        (NOW - 1000, NOW - 1000, True),
        (NOW - 1000, NOW - 1001, False),
        (None, NOW, True),
        (None, None, False),
    ],
)
def test_a_silence_is_proven_by_a_fresh_proof_that_came_after_the_last_sign_of_life(sign, proof, proven):
    assert is_silence_proven(sign, proof, NOW) is proven
