"""The protocol counts what it says it counts."""

import numpy as np
import pytest

from evaluation.detectors.baselines import FixedLimit, HourPercentile, LearnedLimit
from evaluation.detectors.cuddihy import AlertLine, SmoothLine
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.detectors.windowed import HalfSpaceTreesCounts, IsolationForestCounts
from evaluation.homes import find_recordings, home_of
from evaluation.protocol import COLLAPSES, DAY_S, HOUR_S, SLEEP_S, measure, prepare

DETECTORS = [
    LearnedLimit(1.0),
    AlertLine(),
    AlertLine(buffer=0.0, margin_h=1.0),
    SmoothLine(1.0),
    HourPercentile(1.5),
    IsolationForestCounts(0.6),
    HalfSpaceTreesCounts(2.0),
    RhythmDetector(7.0),
]

FIRST_S = 1_767_225_600.0


def test_a_night_of_nine_hours_is_a_false_alarm_of_a_limit_of_eight(regular):
    signs = prepare(regular(40))
    nights = int((signs.gap_s[signs.counted] == 9.25 * HOUR_S).sum())
    assert nights == 25
    assert measure(FixedLimit(8), signs).false_alarms == nights
    assert measure(FixedLimit(10), signs).false_alarms == 0


def test_nothing_is_counted_in_the_warm_up_which_is_shorter_for_a_short_home(regular):
    assert measure(FixedLimit(8), prepare(regular(20))).false_alarms == 19 - 7
    assert measure(FixedLimit(8), prepare(regular(14))).days == pytest.approx(6.6, abs=0.1)
    assert not prepare(regular(6)).counted.any()


def test_off_events_are_no_signs_of_life():
    rows = [(FIRST_S + hour * HOUR_S, "tap", "item", float(hour % 2)) for hour in range(800)]
    assert (np.diff(prepare(home_of("taps", rows)).local_s) == 2 * HOUR_S).all()


def test_a_silence_over_two_days_is_neither_alarm_nor_exposure(regular):
    home = regular(60)
    away = (home.local_s >= FIRST_S + 30 * DAY_S) & (home.local_s < FIRST_S + 34 * DAY_S)
    rows = zip(home.local_s[~away], home.sensor[~away], strict=True)
    cut = home_of("cut", [(t, *home.sensors[s], 1.0) for t, s in rows])
    whole, part = measure(FixedLimit(12), prepare(home)), measure(FixedLimit(12), prepare(cut))
    assert part.false_alarms == 0
    assert whole.days - part.days == pytest.approx(4.4, abs=0.1)


def test_what_precedes_a_long_outage_is_learned_from_but_not_counted(regular):
    home = regular(80)
    out = (home.local_s >= FIRST_S + 30 * DAY_S) & (home.local_s < FIRST_S + 50 * DAY_S)
    rows = zip(home.local_s[~out], home.sensor[~out], strict=True)
    signs = prepare(home_of("cut", [(t, *home.sensors[s], 1.0) for t, s in rows]))
    assert signs.local_s[signs.counted].min() >= FIRST_S + 50 * DAY_S


def test_collapses_lie_where_their_stratum_says(noisy):
    signs = prepare(noisy(60))
    last = {name: np.searchsorted(signs.local_s, at, side="right") - 1 for name, at in signs.collapses.items()}
    hour = {name: at % DAY_S / HOUR_S for name, at in signs.collapses.items()}
    assert len(signs.collapses["day"]) == COLLAPSES
    assert ((hour["day"] >= 6) & (hour["day"] < 22)).all()
    assert ((hour["night"] < 6) | (hour["night"] >= 22)).all()
    assert (hour["sleep"] < 5).all()
    for name in ("day", "night"):
        since = signs.collapses[name] - signs.local_s[last[name]]
        assert (since <= 600).all()
        assert (signs.gap_s[last[name]] - since <= 7200).all()
    gaps = signs.gap_s[last["sleep"]]
    assert ((gaps >= SLEEP_S[0]) & (gaps <= SLEEP_S[1])).all()


def test_no_day_collapse_follows_a_departure(regular):
    signs = prepare(regular(60))
    hour = signs.collapses["day"] % DAY_S / HOUR_S
    assert len(hour)
    assert not ((hour >= 10) & (hour < 11)).any()


def test_a_collapse_is_found_a_limit_after_the_last_sign_of_life(noisy):
    signs = prepare(noisy(60))
    result = measure(FixedLimit(4), signs)
    assert (result.delay_h["day"] <= 4).all()
    assert (result.delay_h["day"] >= 4 - 1 / 6).all()
    assert (measure(FixedLimit(100), signs).delay_h["day"] == 48).all()


def test_the_same_seed_gives_the_same_collapses_and_another_gives_others(noisy):
    one, same, other = prepare(noisy(60), seed=3), prepare(noisy(60), seed=3), prepare(noisy(60), seed=4)
    assert one.collapses["day"].tolist() == same.collapses["day"].tolist()
    assert one.collapses["day"].tolist() != other.collapses["day"].tolist()


@pytest.mark.parametrize("detector", DETECTORS, ids=repr)
def test_no_detector_looks_into_the_future(detector, noisy):
    home = noisy(50)
    whole = prepare(home)
    kept = home.local_s < FIRST_S + 35 * DAY_S
    rows = zip(home.local_s[kept], home.sensor[kept], strict=True)
    cut = prepare(home_of("noisy", [(t, *home.sensors[s], 1.0) for t, s in rows]))
    count = len(cut.local_s) - 1
    alarms, cut_alarms = detector.alarms(whole)[:count], detector.alarms(cut)[:count]
    both = whole.needed[:count] & cut.needed[:count]
    assert both.sum() > 100
    # Beyond the silence itself nobody needs to know when the alarm would have come.
    ends_s = np.where(whole.gap_s[:count] == cut.gap_s[:count], whole.local_s[:count] + cut.gap_s[:count], np.inf)
    assert np.minimum(alarms, ends_s)[both].tolist() == np.minimum(cut_alarms, ends_s)[both].tolist()


@pytest.mark.parametrize("detector", [IsolationForestCounts(0.01), HalfSpaceTreesCounts(0.01)], ids=repr)
def test_an_anomaly_model_that_has_not_learned_enough_raises_nothing_instead_of_saying_usual(detector, noisy):
    signs = prepare(noisy(40))
    early = signs.needed & (signs.local_s < signs.local_s[0] + 5 * DAY_S)
    late = signs.needed & (signs.local_s > signs.local_s[0] + 10 * DAY_S)
    wait_h = (detector.alarms(signs) - signs.local_s) / HOUR_S
    assert (wait_h[early] >= 48).all()
    assert (wait_h[late] <= 1.5).all()


def test_alerts_in_absences_are_told_by_length(regular):
    found = measure(FixedLimit(0.75), prepare(regular(40))).absences
    assert found["up to 3 h"] == (26, 26)
    assert found["3 to 6 h"] == (0, 0)
    assert measure(FixedLimit(2), prepare(regular(40))).absences["up to 3 h"] == (26, 0)


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        find_recordings([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match="no recording"):
        find_recordings([tmp_path])
