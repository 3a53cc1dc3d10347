"""What a sensor is worth, on homes where that is known."""

import numpy as np
import pytest

from evaluation.evaluate import EvaluationPlan
from evaluation.homes import home_of
from evaluation.placement import TooFewDays, advise
from evaluation.sensor_ablation import UnknownSensor, compare

FIRST_S, DAY_S = 1_767_225_600.0, 86_400.0


@pytest.fixture(scope="module")
def home():
    """A home where the living room sees almost all of the day, the shed next to nothing, and the twin what it sees."""
    rng, rows = np.random.default_rng(5), []
    for day in range(28):
        at_s = FIRST_S + day * DAY_S + 7 * 3600
        while at_s < FIRST_S + day * DAY_S + 22 * 3600:
            rows.append((at_s, "living", "motion", 1.0))
            if rng.random() < 0.2:
                rows.append((at_s + 5, "hall", "motion", 1.0))
            if rng.random() < 0.01:
                rows.append((at_s + 9, "shed", "motion", 1.0))
            at_s += rng.exponential(700)
    return home_of("made", rows)


def test_the_sensor_that_sees_most_comes_first_and_is_missed_most(home):
    advice = advise(home)
    assert advice.order[0][0] == "living"
    assert advice.without["living"].day_median_h > advice.every.day_median_h + 0.5
    assert advice.words("living").startswith("keep it")
    assert advice.words("shed").startswith("hardly missed")
    assert abs(advice.without["shed"].day_median_h - advice.every.day_median_h) < 0.15


def test_the_advice_is_plain_data_with_its_words(home):
    told = advise(home, days=21).as_json()
    assert told["days"] <= 21
    assert set(told["without"]) == {"living", "hall", "shed"}
    assert told["without"]["living"]["words"]


def test_a_home_too_short_or_with_one_sensor_gets_no_advice(home):
    with pytest.raises(TooFewDays, match="too few"):
        advise(home, days=5)
    with pytest.raises(TooFewDays, match="two sensors"):
        advise(home_of("one", [(FIRST_S + hour * 3600.0, "room", "motion", 1.0) for hour in range(600)]))


def test_without_a_sensor_delays_are_compared_at_the_same_number_of_false_alarms(home):
    report = compare([home], ["living"], EvaluationPlan([7.0]), lambda *_: None)
    own, alone, matched = report.rows
    assert matched.matches == own.detector
    assert matched.pooled.false_per_30_days >= own.pooled.false_per_30_days
    assert matched.pooled.delays["day"].median_h > own.pooled.delays["day"].median_h
    assert alone.pooled.delays["day"].collapses == own.pooled.delays["day"].collapses


def test_an_unknown_sensor_is_named_with_those_there_are(home):
    with pytest.raises(UnknownSensor, match="'bath'; there are hall, living, shed"):
        compare([home], ["bath"], EvaluationPlan(), lambda *_: None)


def test_homes_that_lack_the_sensor_are_left_out_and_named(home):
    other = home_of("other", [(FIRST_S + hour * 3600.0, "room", "motion", 1.0) for hour in range(900)])
    report = compare([home, other], ["hall"], EvaluationPlan([7.0]), lambda *_: None)
    assert report.homes == ["made"]
    assert "other" in report.notes[0]
