"""The evaluation of partial decline: what it counts, and what the product reaches."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from anomaly import NoteSettings
from evaluation.decline import (
    REPORT_SEEDS,
    TUNING_SEEDS,
    Result,
    add_decline_parser,
    figures,
    play,
    recorded,
    simulated,
)
from evaluation.homes import read_home
from mimamori.lives import simulated_life

DAY_S, HOUR_S = 86_400.0, 3600.0
FIRST_S = 1_767_225_600.0


@pytest.fixture(scope="module")
def reached():
    """Four of the lives that were not used for tuning."""
    return [simulated(simulated_life, seed, NoteSettings(), onsets=6) for seed in (102, 113, 124, 135)]


def test_four_declines_in_five_are_noted_within_a_day_at_one_false_note_in_a_month(reached):
    found = figures(reached)
    assert found.declines == 24
    assert found.found_24h >= 0.8
    assert found.false_per_30_days <= 1.0
    assert found.ready_days == found.days, "45 days of learning are enough to be ready"


def test_the_same_seed_gives_the_same_figures(reached):
    assert simulated(simulated_life, 102, NoteSettings(), onsets=6) == reached[0]


def test_a_decline_to_nothing_less_than_the_usual_is_not_found():
    """Else the delays would measure chance."""
    events = simulated_life(7, FIRST_S, FIRST_S + 60 * DAY_S)
    onset_s = FIRST_S + 50 * DAY_S

    def unchanged(onset_s, _share):
        return [event for event in events if event[0] >= onset_s - DAY_S]

    counted = (FIRST_S + 45 * DAY_S, FIRST_S + 59 * DAY_S)
    result = play("7", events, counted, [(onset_s, 1.0)], unchanged, NoteSettings())
    assert result.delays_h == (float("inf"),) * 1
    assert result.false_notes == 0


def test_tuning_and_report_share_no_seed():
    assert not set(TUNING_SEEDS) & set(REPORT_SEEDS)


def test_a_life_with_a_decline_is_the_same_life_until_then():
    onset_s = FIRST_S + 5 * DAY_S + 10 * HOUR_S
    whole = simulated_life(3, FIRST_S, FIRST_S + 8 * DAY_S)
    fallen = simulated_life(3, FIRST_S, FIRST_S + 8 * DAY_S, (onset_s, 0.2))
    assert [e for e in fallen if e[0] < onset_s] == [e for e in whole if e[0] < onset_s]
    after = len([e for e in fallen if e[0] >= onset_s]) / len([e for e in whole if e[0] >= onset_s])
    assert 0.1 < after < 0.4


def test_declines_that_were_never_found_count_in_every_figure():
    inf = float("inf")
    found = figures([Result("a", 30.0, 30.0, 2, (1.0, 30.0, inf, inf))])
    assert (found.found_24h, found.found_12h, found.false_per_30_days) == (0.25, 0.25, 2.0)
    assert found.p90_h is None


def test_the_command_writes_the_figures(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    add_decline_parser(parser.add_subparsers(), simulated_life)
    args = parser.parse_args(["evaluate-decline", "--seeds", "101", "--json", str(tmp_path / "figures.json")])
    assert args.run(args) == 0
    written = json.loads((tmp_path / "figures.json").read_text())
    assert len(written["simulated"]["homes"][0]["delays_h"]) == written["simulated"]["figures"]["declines"] == 8
    assert "simulated" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--every", "0"], ["nowhere"]])
def test_a_wrong_setting_or_path_is_said_and_ends_with_2(words, capsys):
    parser = argparse.ArgumentParser()
    add_decline_parser(parser.add_subparsers(), simulated_life)
    args = parser.parse_args(["evaluate-decline", "--seeds", "101-101", *words])
    assert args.run(args) == 2
    assert "evaluate-decline:" in capsys.readouterr().err


def test_recorded_homes_keep_their_false_notes_in_bounds_and_show_declines():
    path = Path(__file__).resolve().parents[2].parent / "shared" / "detection" / "homes" / "hh104.csv.gz"
    if not path.exists():
        pytest.skip("no recorded homes beside the checkout (../shared/detection/homes)")
    result = recorded(read_home(path), NoteSettings(), onsets=10)
    assert result is not None
    assert result.false_notes <= 3, "47 days at one in 30"
    assert np.mean(np.array(result.delays_h) <= 24) >= 0.7
