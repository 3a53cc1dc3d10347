"""One person is one card on the board, however many cases are open about them, and is counted once."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from store.register.registry import edit
from store.schema import homes, incidents


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def cards(page: str) -> list[str]:
    return re.findall(r'<article class="case.*?</article>', page, re.DOTALL)


@pytest.fixture
def home(town: Any) -> str:
    return str(town.home("山田 花子", "やまだ はなこ"))


@pytest.fixture
def two(town: Any, home: str, times: SimpleNamespace) -> tuple[str, str]:
    """A case in which somebody is going, and a later one in which nobody is."""
    first = town.incident(home, id="first", step=1, called_ms=times.now - times.hour, opened_ms=times.now - times.hour)
    town.going(first, "tanaka")
    second = town.incident(
        home, id="second", step=1, since_ms=times.now - times.hour, called_ms=times.now - times.minute
    )
    return first, second


def test_a_person_with_two_cases_is_one_card_and_counts_once(browser: TestClient, home: str, two: tuple[str, str]):
    page = browser.get("/").text
    (card,) = cards(page)
    assert "<title>(1) 見守りボード</title>" in page
    assert "対応が必要な方: 1名" in page
    assert re.search(r"<b>1</b> <span>対応が必要</span>", page)
    assert re.search(r"<b>0</b> <span>向かっています</span>", page)
    assert card.index('id="case-link-second"') < card.index('id="case-link-first"'), "who has nobody on the way leads"
    assert 's-needs" id="case-second"' in card
    assert f'href="/homes/{home}#case-first"' in card
    words = text_of(card)
    assert "ほかの対応 1件 いつもより長く動きがありません 向かっています 17:30 から（1時間前）" in words
    assert "1 more about this person" in text_of(browser.get("/?lang=en").text)


def test_the_links_of_a_card_lead_to_the_cases_on_the_persons_page(
    browser: TestClient, home: str, two: tuple[str, str]
):
    person = browser.get(f"/homes/{home}").text
    for case in two:
        assert f'id="case-{case}"' in person
    assert person.index('id="case-second"') < person.index('id="case-first"'), "the most urgent first"


def test_a_call_for_help_leads_an_older_silence(browser: TestClient, town: Any, home: str, times: SimpleNamespace):
    town.incident(home, id="silence", step=1, called_ms=times.now - times.hour, opened_ms=times.now - times.hour)
    town.incident(
        home, id="help", kind="help", dedup_key="help", called_ms=times.now, opened_ms=times.now - times.minute
    )
    (card,) = cards(browser.get("/").text)
    assert 'id="case-help"' in card
    assert 'id="case-link-silence"' in card


def test_a_person_with_two_homes_is_one_card_and_counts_by_the_worse(
    browser: TestClient, town: Any, home: str, times: SimpleNamespace
):
    cottage = town.home("unused")
    town.write(update(homes).where(homes.c.id == cottage).values(person_id="person1"))
    town.incident(home, called_ms=times.now - times.minute)
    town.incident(cottage, person_id="person1")
    page = browser.get("/").text
    (card,) = cards(page)
    assert f'id="case-case-{home}"' in card
    assert f'href="/homes/{cottage}#case-case-{cottage}"' in card
    assert re.search(r"<b>1</b> <span>対応が必要</span>", page)
    assert re.search(r"<b>0</b> <span>本人に確認中</span>", page)


def test_two_people_are_two_cards(browser: TestClient, town: Any, home: str, times: SimpleNamespace):
    town.incident(home, called_ms=times.now)
    town.incident(town.home("高橋 ミツ"), called_ms=times.now)
    page = browser.get("/").text
    assert len(cards(page)) == 2
    assert "<title>(2) 見守りボード</title>" in page
    assert "ほかの対応" not in page


# ---- Who was told, and what they answered ----------------------------------------------------------------------------


def told(page: str) -> str:
    return text_of(page.partition("連絡した方と返事")[2].partition("</dl>")[0])


def test_news_hide_neither_who_was_asked_nor_what_they_answered(
    browser: TestClient, town: Any, home: str, times: SimpleNamespace
):
    case = town.incident(home, step=2, called_ms=times.now - times.hour, council_ms=times.now - times.minute)
    town.delivery(case, "person1", "ask", ago=90 * times.minute, state="delivered")
    town.delivery(case, "tanaka", "call", ago=60 * times.minute)
    town.delivery(case, "suzuki", "call", ago=50 * times.minute, state="delivered")
    town.answer(case, "tanaka", "cannot")
    town.delivery(case, "tanaka", "news", ago=20 * times.minute, epoch=2)
    town.delivery(case, "person1", "news", ago=20 * times.minute, epoch=2)
    town.delivery(case, "staff", "staff", ago=10 * times.minute)  # asked after the news came
    for path in ("/", f"/homes/{home}"):
        words = told(browser.get(path).text)
        assert "中村 恵 様 電話 受付 18:20" in words
        assert "鈴木 幸子 様 電話 配達 17:40" in words
        assert "田中 一郎 様 行けません 18:29 電話 受付 17:30 お知らせ 18:10" in words
        assert "山田 花子 様 電話 配達 17:00 お知らせ 18:10" in words
    english = text_of(browser.get("/?lang=en").text)
    assert "田中 一郎 cannot 18:29 phone accepted 17:30 news 18:10" in english


def test_whoever_answered_without_having_been_told_is_listed_too(browser: TestClient, town: Any, home: str):
    case = town.incident(home, called_ms=town.clock.now)
    town.answer(case, "suzuki", "going")
    town.going(case, "suzuki")
    assert "鈴木 幸子 様 向かいます 18:29" in told(browser.get("/").text)


def test_whoever_heard_news_alone_is_marked_so(browser: TestClient, town: Any, home: str):
    case = town.incident(home, called_ms=town.clock.now)
    town.delivery(case, "suzuki", "news")
    assert "鈴木 幸子 様 お知らせ 電話 受付 18:20" in told(browser.get("/").text)


# ---- What is to come -------------------------------------------------------------------------------------------------


def test_a_contact_that_is_due_is_being_made_and_one_long_due_is_overdue(browser: TestClient, town: Any, home: str):
    case = town.incident(home, next_due_ms=town.clock.now - 30_000)
    assert "次の自動連絡 いま連絡しています" in text_of(browser.get("/").text)
    town.write(update(incidents).where(incidents.c.id == case).values(next_due_ms=town.clock.now - 600_000))
    assert "次の自動連絡 18:20:00 10分過ぎ" in text_of(browser.get("/").text)


def test_a_home_whose_time_passed_during_an_absence_does_not_wait_for_a_call(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    home = town.home("山田 花子", ask=-3 * times.hour, call=-times.hour)
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        registry.register_absence(home, times.now - 4 * times.hour, times.now + times.hour)
    words = text_of(browser.get("/").text)
    assert "不在のため 19:30 まで確認しません" in words
    assert "過ぎ" not in words
