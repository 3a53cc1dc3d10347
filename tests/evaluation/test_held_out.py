"""Constants chosen on some homes and reported on another, and the ratio to the best published rule."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest

from anomaly import Tuning
from evaluation import cli
from evaluation.detectors.baselines import FAMILIES, FixedLimit
from evaluation.detectors.cuddihy import NAME, VARIANTS, AlertLine
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.evaluate import EvaluationPlan, at_rate, run
from evaluation.held_out import GRID, Replayed, TooFewHomes, criterion, evaluate_held_out
from evaluation.protocol import DAY_S, HOUR_S, measure, prepare

IMPATIENT = Tuning(length_share=3.0, survival_share=3.0)


def test_the_constants_in_use_are_a_point_of_the_grid_and_no_point_is_there_twice():
    assert Tuning() in GRID
    assert len(set(GRID)) == len(GRID)


def test_what_a_home_is_given_was_chosen_without_it(noisy):
    """The one home that differs would choose otherwise; it is given what the others chose."""
    homes = [noisy(18, seed=s, name=f"n{s}") for s in (1, 2, 3)]
    grid = (Tuning(), IMPATIENT)
    plan = EvaluationPlan([7.0], collapses=20)
    whole = evaluate_held_out(homes, plan, grid=grid)
    changed = evaluate_held_out([homes[0], homes[1], noisy(20, seed=9, name="n3")], plan, grid=grid)
    assert [choice.home for choice in whole.choices] == ["n1", "n2", "n3"]
    assert whole.choices[2] == changed.choices[2]


def test_the_row_held_out_is_the_rhythm_with_what_each_home_was_given(noisy):
    homes = [noisy(18, seed=s, name=f"n{s}") for s in (1, 2)]
    report = evaluate_held_out(homes, EvaluationPlan([7.0], collapses=20), grid=(Tuning(), IMPATIENT))
    row = report.row("rhythm, ask 1 in 7 d, held out")
    for home, choice in zip(homes, report.choices, strict=True):
        own = measure(RhythmDetector(7.0, choice.tuning), prepare(home, 0, 20))
        assert row.homes[home.name].false_per_30_days == pytest.approx(30 * own.false_alarms / own.days)
    assert report.row(NAME, row.detector).pooled.false_per_30_days >= row.pooled.false_per_30_days


def test_a_setting_that_asks_too_often_is_judged_by_the_waits_that_would_not(noisy):
    signs = prepare(noisy(50), most=40)
    patient = signs.local_s[signs.needed] + 12 * HOUR_S
    hasty = signs.local_s[signs.needed] + 2 * HOUR_S
    hours = [criterion([[(signs, Replayed("x", alarm_s))]], [30.0]) for alarm_s in (patient, hasty)]
    assert 9 < hours[0] < 12, "it raises nothing: taken as it is"
    assert hours[1] > 3, "the night of nine hours would be asked about every day"


def test_one_home_cannot_be_left_out(noisy):
    with pytest.raises(TooFewHomes, match="two homes"):
        evaluate_held_out([noisy(18), noisy(5, name="short")], EvaluationPlan())


def test_of_the_readings_of_cuddihy_the_one_that_finds_by_day_soonest_is_reported(noisy):
    signs = [prepare(noisy(40, seed=s, name=f"n{s}"), most=40) for s in (1, 2)]
    own = run(FixedLimit(9.0), signs)
    best = at_rate(NAME, FAMILIES[NAME], own, signs)
    each = [at_rate(NAME, {name: FAMILIES[NAME][name]}, own, signs) for name in VARIANTS]
    assert best.pooled.delays["day"].median_h == min(row.pooled.delays["day"].median_h for row in each)
    assert best.reading in VARIANTS
    assert best.pooled.false_per_30_days >= own.pooled.false_per_30_days


def test_the_published_line_lies_above_what_is_usual_by_its_two_buffers(regular):
    """In a home where every day is the same, the percentile is the inactivity itself and the line 1.3 to 1.7 of it."""
    signs = prepare(regular(40), most=20)
    bare = AlertLine(buffer=0.0).alarms(signs) - signs.local_s
    line = AlertLine().alarms(signs) - signs.local_s
    known = signs.needed & signs.counted
    assert (line[known] >= bare[known]).all()
    assert measure(AlertLine(), signs).false_alarms == 0
    assert measure(replace(AlertLine(), factor=0.1), signs).false_alarms > 0


def test_the_command_says_which_settings_each_home_got_and_how_far_it_is_ahead(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("evaluation.held_out.GRID", (Tuning(),))
    parser, file = argparse.ArgumentParser(), tmp_path / "report.json"
    cli.add_parser(parser.add_subparsers(), lambda seed, days: _simulated(seed, days))
    words = ["--simulate", "3-4", "--days", "16", "--quick", "--budgets", "7", "--held-out", "--json", str(file)]
    args = parser.parse_args(["evaluate", *words])
    assert args.run(args) == 0
    written = json.loads(file.read_text())
    assert [choice["home"] for choice in written["held_out"]] == ["seed 3", "seed 4"]
    assert written["held_out"][0]["tuning"]["followed_daily"] == Tuning().followed_daily
    (beside,) = written["against_cuddihy"]
    share = beside["day_median_h"] / beside["baseline_day_median_h"]
    assert beside["below_percent"] == pytest.approx(100 * (1 - share))
    out = capsys.readouterr().out
    assert "held out" in out
    assert "seed 3 was left out and got followed_daily" in out


def _simulated(seed, days):
    from mimamori.commands.simulated_homes import simulated_home

    return simulated_home(seed, days)


def test_a_setting_that_is_sooner_by_day_beats_one_that_is_as_much_sooner_by_night(noisy):
    signs = prepare(noisy(50), most=40)
    begins_s = signs.local_s[signs.needed]
    by_day = (begins_s % DAY_S >= 6 * HOUR_S) & (begins_s % DAY_S < 22 * HOUR_S)
    sooner_by_day, sooner_by_night = (begins_s + np.where(chosen, 10, 12) * HOUR_S for chosen in (by_day, ~by_day))
    hours = [criterion([[(signs, Replayed("x", alarm_s))]], [1.0]) for alarm_s in (sooner_by_day, sooner_by_night)]
    assert hours[0] < hours[1]
