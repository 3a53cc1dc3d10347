"""When the person is asked and others are called: what is still to come, or that it is being done or was done."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from dashboard.reading.contact_times import ContactStatus, coming
from store.register.registry import edit
from store.schema import incidents

MINUTE, HOUR = 60_000, 3_600_000


def deadlines(browser: TestClient, home: str, language: str = "ja") -> str:
    page = browser.get(f"/homes/{home}?lang={language}").text
    section = page.partition('id="h-deadlines"')[2].partition("</dl>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section)).strip()


def test_a_contact_is_to_come_then_being_made_then_late():
    assert coming(None, 0, 120).status is ContactStatus.NONE
    assert coming(1, 0, 120).status is ContactStatus.TO_COME
    assert coming(0, 0, 120).status is ContactStatus.NOW
    assert coming(0, 120_000, 120).status is ContactStatus.NOW
    assert coming(0, 120_001, 120).status is ContactStatus.LATE


def test_while_nothing_is_wrong_both_times_are_to_come(browser: TestClient, town: Any):
    home = town.home("山田 花子")
    assert "本人への確認時刻 20:00 あと1時間30分 連絡時刻 21:00 あと2時間30分" in deadlines(browser, home)


def test_while_the_person_is_asked_the_call_is_when_the_case_says(browser: TestClient, town: Any):
    home = town.home("山田 花子", ask=-10 * MINUTE, call=2 * HOUR)
    town.incident(home)
    said = deadlines(browser, home)
    assert "本人への確認時刻 18:20 に確認しました" in said
    assert "連絡時刻 18:50 あと20分" in said


def test_a_call_that_was_made_is_told_as_made_with_the_next_to_come(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    home = town.home("山田 花子", ask=-3 * HOUR, call=-2 * HOUR)
    case = town.incident(
        home, asked_ms=times.now - 3 * HOUR, called_ms=times.now - 2 * HOUR, opened_ms=times.now - 3 * HOUR
    )
    said = deadlines(browser, home)
    assert "本人への確認時刻 15:30 に確認しました" in said
    assert "連絡時刻 16:30 に連絡しました 次の連絡は 18:50（あと20分）" in said
    assert "過ぎ" not in said
    assert "called at 16:30 next contact at 18:50 (in 20 min)" in deadlines(browser, home, "en")
    town.write(update(incidents).where(incidents.c.id == case).values(next_due_ms=times.now - 30_000))
    assert "いま、次の連絡をしています" in deadlines(browser, home)


def test_a_call_that_is_due_is_being_made(browser: TestClient, town: Any, times: SimpleNamespace):
    home = town.home("山田 花子", ask=-HOUR, call=-30_000)
    town.incident(home, next_due_ms=times.now - 30_000)
    assert "連絡時刻 いま連絡しています" in deadlines(browser, home)


def test_a_question_that_is_due_is_being_asked_and_a_late_one_is_said_to_be_late(browser: TestClient, town: Any):
    assert "本人への確認時刻 いま確認しています 連絡時刻 21:00" in deadlines(browser, town.home("花", ask=-30_000))
    late = deadlines(browser, town.home("月", ask=-10 * MINUTE))
    assert "18:20 を過ぎましたが、まだ確認していません（10分過ぎ）" in late


def test_after_the_end_of_the_case_the_call_stays_made(browser: TestClient, town: Any, times: SimpleNamespace):
    home = town.home("山田 花子", last=4 * HOUR, ask=-3 * HOUR, call=-2 * HOUR)
    case = town.incident(home, asked_ms=times.now - 3 * HOUR, called_ms=times.now - 2 * HOUR)
    ended = {"state": "resolved", "outcome": "movement", "next_due_ms": None, "closed_ms": times.now - MINUTE}
    town.write(update(incidents).where(incidents.c.id == case).values(ended))
    said = deadlines(browser, home)
    assert "連絡時刻 16:30 に連絡しました" in said
    assert "次の連絡" not in said


def test_a_call_of_an_earlier_silence_is_not_taken_for_one_of_this(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    home = town.home("山田 花子", last=HOUR, ask=-30_000, call=-20_000)
    case = town.incident(home, asked_ms=times.now - 9 * HOUR, called_ms=times.now - 8 * HOUR)
    ended = {"state": "resolved", "outcome": "movement", "next_due_ms": None, "closed_ms": times.now - 7 * HOUR}
    town.write(update(incidents).where(incidents.c.id == case).values(ended))
    assert "本人への確認時刻 いま確認しています 連絡時刻 いま連絡しています" in deadlines(browser, home)


def test_nobody_is_asked_during_an_absence_or_while_devices_are_unknown(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    away = town.home("山田 花子", ask=-3 * HOUR, call=-2 * HOUR)
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        registry.register_absence(away, times.now - 4 * HOUR, times.now + HOUR)
    unknown = town.home("高橋 ミツ", proven=None, ask=-3 * HOUR, call=-2 * HOUR)
    assert "確認時刻 不在のため 19:30 まで確認しません 連絡時刻 不在のため 19:30 まで連絡しません" in deadlines(
        browser, away
    )
    assert "本人への確認時刻 いまは確認しません 連絡時刻 いまは連絡しません" in deadlines(browser, unknown)


def test_a_time_that_will_pass_during_an_absence_waits_for_its_end(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    within, after = town.home("山田 花子"), town.home("高橋 ミツ")
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        registry.register_absence(within, times.now - HOUR, times.now + 18 * times.day)
        registry.register_absence(after, times.now - HOUR, times.now + HOUR)
    board = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", browser.get("/").text))
    assert "不在のため 1月19日 18:30 まで確認しません" in board
    assert "away: not asked before 19 Jan 18:30" in deadlines(browser, within, "en")
    assert board.count("あと1時間30分") == 1, "of the one whose absence ends before"
    assert "本人への確認時刻 20:00 あと1時間30分" in deadlines(browser, after)
    assert "このまま" not in browser.get(f"/homes/{within}").text


def test_a_case_in_which_the_person_is_not_asked_says_so(browser: TestClient, town: Any, times: SimpleNamespace):
    home = town.home("山田 花子", ask=-HOUR, call=-30 * MINUTE)
    town.incident(home, asked_ms=None, called_ms=times.now - 30 * MINUTE)
    assert "本人への確認時刻 確認していません 連絡時刻 18:00 に連絡しました" in deadlines(browser, home)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_chart_of_the_day_shows_the_times_of_the_page_and_no_others(
    browser: TestClient, town: Any, times: SimpleNamespace, language: str
):
    """A case moves the next contact; the deadline of the rhythm behind it is no second answer."""
    home = town.home("山田 花子")
    town.incident(home, next_due_ms=times.now + 26 * times.minute)
    page = browser.get(f"/homes/{home}?lang={language}").text
    words = re.sub(r"<[^>]+>", " ", page)
    legend = words[words.index("いま" if language == "ja" else "Now") :]
    word = "連絡" if language == "ja" else "Call"
    assert re.search(rf"{word}\s+18:56", legend), legend[:300]
