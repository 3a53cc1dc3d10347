import numpy as np
import pytest

from anomaly import UnreadableState
from anomaly.memory.memory import day_of
from anomaly.notes.diary import DIARY_DAYS, MAX_SENSORS, Diary, day_start_s

FIRST_S = 1_767_225_600.0  # 2026-01-01 00:00 on the wall clock
HOUR_S, DAY_S = 3600.0, 86_400.0
TODAY = int(day_of(FIRST_S + 12 * HOUR_S))


def diary_of(*events):
    diary = Diary()
    for at_s, sensor, kind in events:
        diary.observe(FIRST_S + at_s, sensor, kind, 1.0)
    return diary


def test_signs_are_counted_by_sensor_and_hour_from_three_to_three():
    diary = diary_of(
        (10 * HOUR_S, "living", "motion"), (10.5 * HOUR_S, "living", "motion"), (26 * HOUR_S, "wc", "item")
    )
    counts = diary.counts([TODAY])
    assert counts[0, 0, 7] == 2
    assert counts[1, 0, 23] == 1, "two in the morning still belongs to the day before"
    assert counts.sum() == 3


def test_a_sensor_that_chatters_counts_once_a_minute():
    diary = diary_of(*((10 * HOUR_S + second, "living", "motion") for second in range(0, 180, 5)))
    assert diary.counts([TODAY]).sum() == 3


def test_off_and_late_events_count_for_nothing():
    diary = diary_of((10 * HOUR_S, "living", "motion"))
    before = diary.to_bytes()
    diary.observe(FIRST_S + 11 * HOUR_S, "living", "motion", 0.0)
    diary.observe(FIRST_S + 9 * HOUR_S, "living", "motion", 1.0)
    assert diary.to_bytes() == before


def test_a_silence_between_two_doors_is_an_outing_and_its_hours_are_not_at_home():
    diary = diary_of(
        (10 * HOUR_S, "front", "door"), (12.5 * HOUR_S, "hall", "motion"), (12.5 * HOUR_S + 20, "front", "door")
    )
    assert [outing.length_s for outing in diary.outings] == [2.5 * HOUR_S]
    diary.observe(FIRST_S + 12.6 * HOUR_S, "hall", "motion", 1.0)
    at_home = diary.at_home([TODAY], FIRST_S + 14 * HOUR_S)[0]
    assert at_home[7:11].tolist() == pytest.approx([0.0, 0.0, 0.5, 1.0])


def test_a_silence_that_begins_inside_is_no_outing_even_if_the_door_ends_it():
    diary = diary_of((9 * HOUR_S, "front", "door"), (10 * HOUR_S, "bed", "motion"), (15 * HOUR_S, "front", "door"))
    assert diary.outings == []


def test_who_is_out_now_is_not_at_home_and_who_was_seen_inside_is():
    diary = diary_of((10 * HOUR_S, "front", "door"))
    assert diary.left_s == FIRST_S + 10 * HOUR_S
    assert diary.at_home([TODAY], FIRST_S + 12 * HOUR_S)[0, 7:9].tolist() == [0.0, 0.0]
    diary.observe(FIRST_S + 12 * HOUR_S, "living", "motion", 1.0)
    assert diary.left_s is None


def test_of_a_silence_of_half_a_day_nothing_is_known():
    diary = diary_of((8 * HOUR_S, "living", "motion"), (22 * HOUR_S, "living", "motion"))
    at_home = diary.at_home([TODAY], FIRST_S + 23 * HOUR_S)[0]
    assert at_home[5:19].sum() == 0


def test_only_the_last_days_are_kept_and_a_gap_of_months_does_no_harm():
    diary = diary_of(*((day * DAY_S + 10 * HOUR_S, "living", "motion") for day in (0, 1, 200, 200 + DIARY_DAYS)))
    assert len(diary.pages) == 2
    assert diary.days_before(TODAY + 201) == [TODAY + 200]


def test_a_home_of_very_many_sensors_counts_them_all_in_bounded_space():
    diary = diary_of(*((10 * HOUR_S + n, f"drawer {n}", "item") for n in range(200)))
    assert len(diary.sensors) == MAX_SENSORS
    assert 0 < diary.counts([TODAY]).sum() <= 200


def test_a_restored_diary_goes_on_exactly_where_it_was(life):
    events = life(12)
    whole, cut = Diary(), Diary()
    for i, event in enumerate(events):
        whole.observe(*event)
        cut.observe(*event)
        if i % 97 == 0:
            cut = Diary.from_bytes(cut.to_bytes())
    assert cut.to_bytes() == whole.to_bytes()


def test_damaged_bytes_are_refused_by_name(life):
    diary = Diary()
    for event in life(2):
        diary.observe(*event)
    with pytest.raises(UnreadableState):
        Diary.from_bytes(diary.to_bytes()[:-3])


def test_a_wrong_kind_and_a_wrong_time_are_refused():
    with pytest.raises(ValueError, match="kind"):
        Diary().observe(FIRST_S, "living", "presence", 1.0)
    with pytest.raises(ValueError, match="local_s"):
        Diary().observe(float("nan"), "living", "motion", 1.0)


def test_a_day_begins_at_three():
    assert day_of(day_start_s(TODAY)) == TODAY
    assert day_of(np.nextafter(day_start_s(TODAY), 0)) == TODAY - 1
