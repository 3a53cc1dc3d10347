"""Weekly hours are read, kept in one way, and looked at on the responder's wall clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.register.hours import DAYS, HoursError, canonical, covers, is_night


def at(text: str, zone: str = "Asia/Tokyo") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ""),
        ("mon-fri 8:00-20:00", "mon-fri 08:00-20:00"),
        ("Sat, Sun 09:00 - 12:00 13:00-18:00;", "sat,sun 09:00-12:00 13:00-18:00"),
        ("月-金 ８：００〜２０：００；土日 9:00-12:00", "mon-fri 08:00-20:00; sat,sun 09:00-12:00"),
        ("fri-sun 22:00-06:00", "fri-sun 22:00-06:00"),
        ("sun 00:00-24:00", "sun 00:00-24:00"),
    ],
)
def test_hours_are_kept_in_one_way(written: str, kept: str):
    assert canonical(written) == kept
    assert canonical(kept) == kept


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("always", "'always' has no days or no times"),
        ("someday 08:00-09:00", "'someday' is no day; days are mon, tue"),
        ("mon- 08:00-09:00", "'mon- 08:00-09:00' has no days or no times"),
        ("mon 8-20", "'8-20' is no span of time"),
        ("mon 08:00-08:00", "and not empty"),
        ("mon 24:00-25:00", "00:00 to 24:00"),
        ("mon 08:60-09:00", "00:00 to 24:00"),
    ],
)
def test_what_is_no_hours_is_refused_with_the_part_and_an_example(written: str, says: str):
    with pytest.raises(HoursError) as caught:
        canonical(written)
    assert says in str(caught.value)
    assert "mon-fri 08:00-20:00" in str(caught.value)


@pytest.mark.parametrize(
    ("moment", "free"),
    [
        ("2026-04-06T07:59", False),  # a Monday
        ("2026-04-06T08:00", True),
        ("2026-04-06T19:59", True),
        ("2026-04-06T20:00", False),
        ("2026-04-11T23:00", True),  # Saturday night into Sunday
        ("2026-04-12T05:59", True),
        ("2026-04-12T06:00", False),
        ("2026-04-13T01:00", True),  # Sunday night, over the end of the week
        ("2026-04-13T02:00", False),
    ],
)
def test_a_moment_lies_in_the_hours_or_not(moment: str, free: bool):
    hours = "mon-fri 08:00-20:00; sat 22:00-06:00; sun 23:00-02:00"
    assert covers(hours, "Asia/Tokyo", at(moment)) is free


def test_the_clock_is_the_one_on_the_wall_also_when_it_changes():
    assert covers("sun 08:00-09:00", "Europe/Berlin", at("2026-03-29T08:30", "Europe/Berlin"))
    assert covers("sun 08:00-09:00", "Europe/Berlin", at("2026-10-25T08:30", "Europe/Berlin"))
    assert not covers("sun 08:00-09:00", "Europe/Berlin", at("2026-10-25T08:30", "Asia/Tokyo"))


def test_the_night_is_from_22_to_6():
    hours = [is_night("Asia/Tokyo", at(f"2026-04-06T{hour:02}:00")) for hour in range(24)]
    assert [hour for hour, night in enumerate(hours) if night] == [0, 1, 2, 3, 4, 5, 22, 23]


spans = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda span: span[0] != span[1])
weeks = st.lists(st.tuples(st.sets(st.sampled_from(DAYS), min_size=1), spans), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(weeks, st.integers(0, 2 * 7 * 24 * 60 - 1))
def test_hours_cover_exactly_what_they_say(week: list[tuple[set[str], tuple[int, int]]], minute: int):
    texts = [f"{','.join(days)} {a // 60}:{a % 60:02}-{b // 60}:{b % 60:02}" for days, (a, b) in week]
    monday_ms = at("2026-04-06T00:00")
    day, of_day = divmod(minute, 1440)
    expected = any(
        (DAYS[day % 7] in days and a <= of_day < (b if b > a else 1441))
        or (DAYS[(day - 1) % 7] in days and b <= a and of_day < b)
        for days, (a, b) in week
    )
    for text in ("; ".join(texts), canonical("; ".join(texts))):
        assert covers(text, "Asia/Tokyo", monday_ms + minute * 60_000) is expected


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30) | st.text("mon-fri 08:;,月", max_size=20))
def test_any_text_is_hours_or_refused(text: str):
    try:
        kept = canonical(text)
    except HoursError:
        return
    assert canonical(kept) == kept
