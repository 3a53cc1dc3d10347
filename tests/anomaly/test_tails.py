import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly.notes.tails import LEAST_DAYS, once_in


def test_too_few_days_give_no_limit_instead_of_a_guess():
    assert once_in(np.arange(LEAST_DAYS - 1.0), 30.0) == float("inf")


@pytest.mark.parametrize("every_days", [7.0, 30.0, 90.0])
def test_the_limit_is_exceeded_about_as_often_as_the_budget_says(every_days):
    rng = np.random.default_rng(3)
    exceeded = [np.mean(rng.exponential(size=400) > once_in(rng.exponential(size=60), every_days)) for _ in range(300)]
    assert np.mean(exceeded) * every_days == pytest.approx(1.0, rel=0.6)


def test_two_dreadful_days_do_not_lift_the_limit_to_where_they_are():
    calm = np.linspace(0, 1, 60)
    assert once_in(np.append(calm, [1000.0]), 30.0) < 2.0


@given(st.lists(st.floats(0, 1e6), min_size=LEAST_DAYS, max_size=90), st.floats(1, 365), st.floats(1, 365))
@settings(max_examples=60, deadline=None)
def test_a_rarer_budget_never_gives_a_lower_limit(worst, one, other):
    scores = np.array(worst)
    assert once_in(scores, min(one, other)) <= once_in(scores, max(one, other)) + 1e-6
