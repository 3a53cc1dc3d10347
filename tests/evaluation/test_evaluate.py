"""The evaluation as a command, and what it says about the rhythm."""

import argparse
import json

import pytest

from evaluation import cli
from evaluation.detectors.baselines import FAMILIES, FixedLimit, families
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.evaluate import EvaluationPlan, at_rate, evaluate_homes, run
from evaluation.homes import read_home
from evaluation.protocol import QUICK_COLLAPSES, prepare
from mimamori.commands.simulated_homes import simulated_home


def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers(), simulated_home)
    args = parser.parse_args(["evaluate", *words])
    return args.run(args)


def test_every_baseline_stands_beside_the_rhythm_at_its_rate_or_more(noisy):
    homes = [noisy(36, seed=1, name="a"), noisy(36, seed=2, name="b")]
    report = evaluate_homes(homes, EvaluationPlan([7.0], collapses=QUICK_COLLAPSES))
    own = report.row("rhythm, ask 1 in 7 d")
    known, missing = families()
    assert not missing
    assert {"fixed limit", "learned limit", "Cuddihy 2007", "IsolationForest", "River HalfSpaceTrees"} <= set(known)
    for family in known:
        row = report.row(family, matches=own.detector)
        assert row.pooled.false_per_30_days >= own.pooled.false_per_30_days
    assert report.row("fixed limit 12 h").pooled.delays["day"].median_h == pytest.approx(12, abs=0.2)
    assert set(own.homes) == {"a", "b"}


def test_what_is_not_installed_is_left_out_with_a_sentence(monkeypatch):
    every, _ = families()
    monkeypatch.setattr("evaluation.detectors.baselines.find_spec", lambda _package: None)
    known, missing = families()
    assert set(every) - set(known) == {"IsolationForest", "River HalfSpaceTrees"}
    assert [line.partition(":")[0] for line in missing] == [
        "IsolationForest is left out",
        "River HalfSpaceTrees is left out",
    ]


def test_beside_a_rhythm_that_raised_nothing_stands_the_fastest_baseline_that_raises_nothing(regular):
    home = regular(40)
    own = run(FixedLimit(10), [prepare(home)])
    assert own.pooled.false_per_30_days == 0
    row = at_rate("fixed limit", FAMILIES["fixed limit"], own, [prepare(home)])
    assert row.pooled.false_per_30_days == 0
    assert row.pooled.delays["day"].median_h == pytest.approx(9.25, abs=0.2)


def test_a_home_too_short_to_count_is_named_not_dropped(noisy):
    report = evaluate_homes([noisy(18, name="long"), noisy(5, name="short")], EvaluationPlan([30.0], collapses=10))
    assert report.not_counted == ["short"]
    assert report.homes == ["long"]


def test_the_command_writes_all_figures_by_home(recordings, tmp_path, capsys):
    file = tmp_path / "report.json"
    assert command(str(recordings / "kastA.csv.gz"), "--quick", "--budgets", "7,30", "--json", str(file)) == 0
    written = json.loads(file.read_text())
    assert written["homes"] == ["kastA"]
    rhythm = next(row for row in written["detectors"] if row["detector"] == "rhythm, ask 1 in 30 d")
    assert rhythm["homes"]["kastA"]["delay_h"]["day"]["collapses"] > 30
    assert "rhythm, ask 1 in 7 d" in capsys.readouterr().out


def test_a_broken_recording_is_an_error_that_names_file_and_line(tmp_path, capsys):
    broken = tmp_path / "broken.csv"
    broken.write_text("ts_iso_local,sensor,kind,value\n2026-01-01T00:00:00,tap,smell,1\n")
    assert command(str(broken)) == 2
    assert "broken.csv:2" in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize("budgets", ["0", "7,x", "400"])
def test_a_budget_out_of_range_is_refused(budgets, capsys):
    with pytest.raises(SystemExit):
        command("homes", "--budgets", budgets)
    assert "--budgets" in capsys.readouterr().err.splitlines()[-1]


def test_on_recorded_homes_the_rhythm_finds_a_collapse_by_day_sooner_than_a_fixed_limit_and_cuddihy(recordings):
    """At the false-alarm rate that it attains; no held-out figure, both homes were looked at to make the rule."""
    signs = [prepare(read_home(recordings / f"{name}.csv.gz")) for name in ("hh101", "hh102")]
    own = run(RhythmDetector(7.0), signs)
    fixed, cuddihy = (at_rate(name, FAMILIES[name], own, signs) for name in ("fixed limit", "Cuddihy 2007"))
    assert own.pooled.false_per_30_days <= 6
    median_h = own.pooled.delays["day"].median_h
    assert median_h <= 0.8 * fixed.pooled.delays["day"].median_h
    assert median_h < cuddihy.pooled.delays["day"].median_h


def test_simulated_lives_are_evaluated_drawn_and_written(tmp_path, capsys):
    picture, file = tmp_path / "curve.png", tmp_path / "report.json"
    words = ["--simulate", "3-4", "--days", "21", "--quick", "--budgets", "7", "--reply-rate", "0.5"]
    assert command(*words, "--plot", str(picture), "--json", str(file)) == 0
    written = json.loads(file.read_text())
    assert written["homes"] == ["seed 3", "seed 4"]
    assert written["collapses_per_stratum_and_home"] == 40
    assert written["reply_rate"] == 0.5
    assert {policy["policy"] for policy in written["policies"]} >= {"ask first, 1 in 7 d", "call at once after 24 h"}
    assert written["curves"][0]["name"] == "the rhythm"
    assert len(written["curves"][0]["day_median_h"]) >= 3
    assert picture.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "alerts in absences" in out
    assert "false calls/month" in out


def test_the_advice_for_the_installer_is_a_table_in_plain_words(capsys):
    assert command("--simulate", "3", "--days", "21", "--placement") == 0
    out = capsys.readouterr().out
    assert "the order in which to place them" in out
    assert "living.motion" in out


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ([], "--simulate 1-5"),
        (["--simulate", "1", "--days", "20", "--without", "cellar"], "there are bedroom.motion"),
        (["--simulate", "1", "--placement", "--without", "x"], "leave out --without"),
        (["--simulate", "1", "--days", "3", "--placement"], "too few for advice"),
        (["--simulate", "1", "--placement", "--plot", "x.png"], "leave out --placement"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_remedy(words, remedy, capsys):
    assert command(*words) == 2
    assert remedy in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("words", [["--simulate", "5-1"], ["--simulate", "a"], ["--reply-rate", "2"], ["--days", "0"]])
def test_an_option_out_of_range_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        command(*words)
    assert words[0] in capsys.readouterr().err.splitlines()[-1]
