"""A day in quarters against the usual day."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.wording.catalogue import local
from dashboard.person.activity import (
    QUARTER_MS,
    QUARTERS,
    Usual,
    days_before,
    midnight_ms,
    signs_by_quarter,
    today_against,
    usual_day,
)
from store.timeseries.port import Point

DAY = 86_400_000
TOKYO_MIDNIGHT = 1_767_193_200_000  # 1 January 2026, 00:00 in Tokyo


def point(at_ms: int, kind: str = "motion", **fields: object) -> Point:
    return Point("gw", at_ms * 10**6 + 1, "s", kind, json.dumps(fields), "e", 1, 2, False)


def test_only_signs_of_life_count():
    points = [
        point(TOKYO_MIDNIGHT, motion=True),
        point(TOKYO_MIDNIGHT + 1, motion=False),
        point(TOKYO_MIDNIGHT + 2, "power", w=300.0),
        point(TOKYO_MIDNIGHT + QUARTER_MS, "contact", open=True),
    ]
    first = TOKYO_MIDNIGHT // QUARTER_MS
    assert signs_by_quarter(points) == {first: 1, first + 1: 1}


def test_the_usual_day_is_the_share_of_days_with_life_in_each_quarter():
    eight = TOKYO_MIDNIGHT + 8 * 3_600_000
    signs = signs_by_quarter([point(eight - day * DAY, motion=True) for day in (1, 2, 3)])
    signs.update(signs_by_quarter([point(eight - 4 * DAY + 3_600_000, motion=True)]))
    usual = usual_day(signs, "Asia/Tokyo")
    assert usual.days == 4
    assert usual.share[32] == 0.75
    assert usual.share[36] == 0.25
    assert sum(usual.share) == 1.0


def test_no_earlier_days_give_no_shares_rather_than_zeros():
    usual = usual_day({}, "Asia/Tokyo")
    day = today_against(usual, {}, "Asia/Tokyo", TOKYO_MIDNIGHT, {})
    assert usual.days == 0
    assert {quarter.share for quarter in day.quarters} == {None}


def test_yesterdays_signs_are_not_todays():
    signs = signs_by_quarter([point(TOKYO_MIDNIGHT - 1, motion=True), point(TOKYO_MIDNIGHT, motion=True)])
    day = today_against(Usual(0, []), signs, "Asia/Tokyo", TOKYO_MIDNIGHT + 3_600_000, {})
    assert [quarter.index for quarter in day.quarters if quarter.today] == [0]
    assert [quarter.over for quarter in day.quarters].index(False) == 5


def test_only_deadlines_of_today_are_marked():
    now = TOKYO_MIDNIGHT + 12 * 3_600_000
    deadlines = {"ask": now + 6 * 3_600_000, "call": now + 13 * 3_600_000}
    day = today_against(Usual(0, []), {}, "Asia/Tokyo", now, deadlines)
    assert [(mark.kind, mark.share) for mark in day.marks] == [("ask", 0.75)]
    assert day.now_share == 0.5


def test_days_before_are_whole_local_days_across_a_change_of_clock():
    today = local(1_743_500_000_000, "Europe/Berlin").date()  # 1 April 2025; the clock went forward on 30 March
    start, end = days_before(today, 3, "Europe/Berlin")
    assert end == midnight_ms(today, "Europe/Berlin")
    assert end - start == 3 * DAY - 3_600_000


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 40 * 96), max_size=80), st.sampled_from(["Asia/Tokyo", "Europe/Berlin", "Asia/Kathmandu"])
)
def test_shares_lie_between_nothing_and_every_day(quarters: list[int], zone: str):
    signs = {TOKYO_MIDNIGHT // QUARTER_MS + quarter: 1 for quarter in quarters}
    usual = usual_day(signs, zone)
    assert len(usual.share) == (QUARTERS if quarters else 0)
    assert all(0 <= share <= 1 for share in usual.share)
    assert round(sum(usual.share) * usual.days) <= len(signs)
