"""Pauses between tries grow up to a longest, however often something fails."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.backoff import backoff_s


def test_each_pause_is_twice_the_one_before_up_to_the_longest():
    assert [backoff_s(tries, 0.5, 5.0) for tries in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@pytest.mark.parametrize("tries", [17, 2_000, 10**9])
def test_what_fails_for_ever_is_tried_again_after_the_longest_pause(tries: int):
    assert backoff_s(tries, 0.1, 60.0) == 60.0


@given(st.integers(1, 3_000), st.floats(0.01, 3_600), st.floats(0.01, 86_400))
def test_a_pause_is_never_longer_than_the_longest_and_never_shrinks(tries: int, first_s: float, longest_s: float):
    pause_s = backoff_s(tries, first_s, longest_s)
    assert 0 < pause_s <= longest_s
    assert pause_s <= backoff_s(tries + 1, first_s, longest_s)
