from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from simulators.people.wallclock import local_s, utc_ms

moments_s = st.integers(1_500_000_000_000, 1_900_000_000_000).map(lambda ms: ms / 1000)


@given(moments_s)
def test_a_zone_without_summer_time_loses_nothing_on_the_way(shown_s):
    assert abs(local_s(utc_ms(shown_s, ZoneInfo("Asia/Tokyo")), ZoneInfo("Asia/Tokyo")) - shown_s) < 0.002


@given(moments_s)
def test_with_summer_time_only_the_hour_that_is_left_out_moves(shown_s):
    zone = ZoneInfo("Europe/Berlin")
    moved_s = local_s(utc_ms(shown_s, zone), zone) - shown_s
    assert abs(moved_s) < 0.002 or abs(moved_s - 3_600) < 0.002


def test_the_hour_that_comes_twice_is_the_first_and_the_one_left_out_is_shown_later():
    zone = ZoneInfo("Europe/Berlin")
    assert utc_ms(1_761_445_800.0, zone) == 1_761_438_600_000  # 2025-10-26 02:30, the first of two
    assert local_s(utc_ms(1_743_301_800.0, zone), zone) == 1_743_305_400.0  # 2025-03-30 02:30 does not exist
