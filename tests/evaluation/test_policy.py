"""What a policy costs in calls for nothing, and how soon a neighbour is called."""

import numpy as np
import pytest

from evaluation.detectors.baselines import FixedLimit
from evaluation.homes import home_of
from evaluation.policy import AlarmPolicy, judge, policies
from evaluation.protocol import DAY_S, HOUR_S, prepare

FIRST_S = 1_767_225_600.0


@pytest.fixture
def nights():
    """Forty days with a movement every 15 min from 07:00 to 21:45: a silence of 9.25 h every night."""
    times = [FIRST_S + day * DAY_S + quarter * 900.0 for day in range(40) for quarter in range(28, 88)]
    return prepare(home_of("nights", [(at_s, "room", "motion", 1.0) for at_s in times]))


def ask_after(hours):
    return AlarmPolicy("ask", FixedLimit(hours), asks_first=True)


def test_asking_first_calls_only_when_there_was_neither_answer_nor_movement(nights):
    found = judge(ask_after(8), [nights], reply_rate=0.7)
    assert found.false_calls == pytest.approx(0.3 * found.false_asks)
    assert judge(ask_after(8), [nights], reply_rate=1.0).false_calls == 0
    assert judge(ask_after(8), [nights], reply_rate=0.0).false_calls == pytest.approx(found.false_asks)


def test_a_movement_within_the_half_hour_spares_the_call(nights):
    found = judge(ask_after(9), [nights], reply_rate=0.0)
    assert found.false_asks == pytest.approx(30, rel=0.05)
    assert found.false_calls == 0


def test_a_neighbour_is_called_half_an_hour_after_the_ask_and_at_once_where_nobody_asks(nights):
    asked = judge(ask_after(5), [nights], reply_rate=0.7).called["day"]
    direct = judge(AlarmPolicy("call", FixedLimit(5), asks_first=False), [nights], reply_rate=0.7)
    assert asked.median_h == pytest.approx(direct.called["day"].median_h + 0.5)
    assert direct.false_asks == 0
    assert direct.false_calls == pytest.approx(30, rel=0.05)


def test_a_delay_is_counted_up_to_two_days(nights):
    assert judge(ask_after(47.9), [nights], reply_rate=0.7).called["day"].median_h == 48


def test_the_policies_of_today_stand_beside_asking_first():
    names = [policy.name for policy in policies([7.0, 30.0])]
    assert names == [
        "ask first, 1 in 7 d",
        "ask first, 1 in 30 d",
        "call at once, 1 in 90 d",
        "call at once after 12 h",
        "call at once after 24 h",
    ]


def test_what_was_not_counted_has_no_rate():
    home = home_of("short", [(FIRST_S + hour * HOUR_S, "room", "motion", 1.0) for hour in range(24)])
    found = judge(ask_after(5), [prepare(home)], reply_rate=0.5)
    assert found.false_calls is None
    assert found.called["day"].median_h is None or np.isfinite(found.called["day"].median_h)
