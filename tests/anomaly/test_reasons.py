"""The sentences say what happened, in plain words, in both languages."""

from dataclasses import replace

import numpy as np
import pytest

from anomaly import DeadlineTable
from anomaly.reasons import silence_sentence
from anomaly.table import Attained, SilenceEvidence

DAY_S = 86_400.0
MIDNIGHT_S = 1_767_225_600.0


@pytest.fixture
def table():
    """A home that is usually heard of in the kitchen within 70 min; longest silence at this hour 2 h 50 min."""
    waits = np.full((3, 48), 9000, np.float32)
    evidence = SilenceEvidence(
        np.full((3, 48), 70, np.uint16), np.full(48, 170, np.uint16), np.zeros(48, np.uint8), ("KitchenPIR",)
    )
    return DeadlineTable(waits, waits, True, 60, 7.0, 90.0, frozenset(), Attained(), evidence)


def test_the_evidence_stands_in_one_sentence(table):
    sentence = silence_sentence(table, MIDNIGHT_S + 8 * 3600, MIDNIGHT_S + 11 * 3600 + 2400, context=2)
    assert sentence.ja == (
        "いつもは9:10までに台所の動きがあります。今日は11:40まで3時間40分何も動きがありません"
        "(この30日でこの時間帯にいちばん長い静けさは2時間50分)。"
    )
    assert sentence.en == (
        "Usually there is movement (kitchen) by 9:10; today nothing has been noticed for 3 h 40 min, until 11:40 "
        "(the longest silence at this hour in the last 30 days was 2 h 50 min)."
    )


def test_a_silence_over_midnight_names_the_next_day(table):
    sentence = silence_sentence(table, MIDNIGHT_S + 23 * 3600, MIDNIGHT_S + DAY_S + 3600, context=1)
    assert "翌日1:00まで2時間何も" in sentence.ja
    assert "今日は" not in sentence.ja
    assert "until 1:00 the next day" in sentence.en


def test_after_the_door_it_says_so(table):
    sentence = silence_sentence(table, MIDNIGHT_S + 9 * 3600, MIDNIGHT_S + 12 * 3600, context=0)
    assert sentence.ja.endswith("最後は玄関でした。")
    assert sentence.en.endswith("The last was the entrance.")


@pytest.mark.parametrize(
    ("weekdays", "ja", "en"),
    [
        (
            0b0001001,
            "月・木曜はいつも9:10までに台所の",
            "On Mondays and Thursdays there is usually movement (kitchen) by 9:10",
        ),
        (0b0111000, "木・金・土曜はいつも", "On Thursdays, Fridays and Saturdays there is usually"),
        (0b0001000, "木曜はいつも", "On Thursdays there is usually"),
        (0b0011111, "平日はいつも", "On weekdays there is usually"),
    ],
)
def test_where_weekdays_differ_the_sentence_says_which_it_speaks_of(table, weekdays, ja, en):
    typed = replace(table, evidence=replace(table.evidence, weekdays=weekdays))
    sentence = silence_sentence(typed, MIDNIGHT_S + 8 * 3600, MIDNIGHT_S + 11 * 3600, context=2)  # a Thursday
    assert sentence.ja.startswith(ja)
    assert sentence.en.startswith(en)
    assert "この30日の同じ曜日でこの時間帯に" in sentence.ja
    assert "at this hour on such days in the last 30 days" in sentence.en


@pytest.mark.parametrize(("weekdays", "hour"), [(0b0001000, 23), (0b0001000, 2), (0b1100000, 8)])
def test_at_night_or_on_another_day_no_weekday_is_named(table, weekdays, hour):
    typed = replace(table, evidence=replace(table.evidence, weekdays=weekdays))
    since_s = MIDNIGHT_S + hour * 3600
    assert silence_sentence(typed, since_s, since_s + 9000, 1) == silence_sentence(table, since_s, since_s + 9000, 1)


def test_a_place_of_an_unknown_name_is_left_out_not_shown_raw(table):
    evidence = SilenceEvidence(table.evidence.usual_min, table.evidence.longest_min, table.evidence.place, ("M017",))
    other = DeadlineTable(table.ask_s, table.call_s, True, 60, 7.0, 90.0, frozenset(), Attained(), evidence)
    sentence = silence_sentence(other, MIDNIGHT_S + 8 * 3600, MIDNIGHT_S + 11 * 3600, 2)
    assert "M017" not in sentence.ja + sentence.en
    assert "9:10までに動きがあります" in sentence.ja


def test_a_home_that_is_not_ready_never_speaks_of_what_is_usual(table):
    young = DeadlineTable(table.ask_s, table.call_s, False, 3, 7.0, 90.0, frozenset(), Attained(), table.evidence)
    sentence = silence_sentence(young, MIDNIGHT_S + 8 * 3600, MIDNIGHT_S + 11 * 3600, 2)
    assert "学習中" in sentence.ja
    assert "3日目" in sentence.ja
    assert "いつも" not in sentence.ja
    assert "Usually" not in sentence.en
