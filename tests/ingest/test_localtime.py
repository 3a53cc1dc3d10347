from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.homes.localtime import last_nightly_ms, local_s, next_nightly_ms, offset_s

ZONES = ("Asia/Tokyo", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "UTC")
moments = st.integers(946_684_800_000, 2_000_000_000_000)


@given(st.sampled_from(ZONES), moments)
@settings(max_examples=300, deadline=None)
def test_the_offset_is_that_of_the_zone(zone, t_ms):
    moment = datetime.fromtimestamp(t_ms // 1000, ZoneInfo(zone))
    assert timedelta(seconds=offset_s(zone, t_ms)) == moment.utcoffset()
    assert local_s(zone, t_ms) == t_ms / 1000 + offset_s(zone, t_ms)


@given(st.sampled_from(ZONES), moments)
@settings(max_examples=300, deadline=None)
def test_a_moment_lies_between_its_last_and_its_next_night(zone, t_ms):
    last, following = last_nightly_ms(zone, t_ms), next_nightly_ms(zone, t_ms)
    assert last <= t_ms < following
    assert timedelta(hours=22).total_seconds() <= (following - last) / 1000 <= timedelta(hours=26).total_seconds()
    assert next_nightly_ms(zone, last) == following
    assert last_nightly_ms(zone, following) == following
    assert last_nightly_ms(zone, following - 1) == last


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-06-01"])
def test_the_night_is_at_three_also_when_the_clock_changes(day):
    zone = ZoneInfo("Europe/Berlin")
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=zone)
    night = datetime.fromtimestamp(last_nightly_ms("Europe/Berlin", int(noon.timestamp() * 1000)) / 1000, UTC)
    assert night.astimezone(zone).strftime("%Y-%m-%d %H:%M") == f"{day} 03:00"
