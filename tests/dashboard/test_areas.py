"""A whole area in trouble: above everything else on the board, every home on a page of its own, closed by staff."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from alerts.channels.outbox.channel import OutboxChannel
from alerts.delivery.sender import Sender
from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from store.schema import gateways, incidents, statements

ENDED = {"state": "resolved", "outcome": "recovered", "next_due_ms": None}


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def outage(town: Any) -> str:
    """Three homes of 本町: one whose person needs someone, one that is not heard of, one that is back."""
    back = town.home("井上 実", "いのうえ みのる", area="本町")
    lost = town.home("高橋 ミツ", "たかはし みつ", area="本町", proven=3_600_000)
    needs = town.home("渡辺 はる", "わたなべ はる", area="本町")
    for home, kind in ((back, "gateway_lost"), (lost, "gateway_lost"), (needs, "silence")):
        town.incident(home, kind=kind, called_ms=town.clock.now - 60_000)
    town.write(update(incidents).where(incidents.c.home_id == back).values(closed_ms=town.clock.now - 120_000, **ENDED))
    return str(town.area("本町", back, lost, needs))


def test_the_area_stands_on_the_board_above_everything_else(browser: TestClient, town: Any, outage: str):
    town.delivery(outage, "staff", "staff", state="delivered")
    page = browser.get("/").text
    assert "<title>(1) 【地域】 見守りボード</title>" in page
    assert page.index(f'id="case-{outage}"') < page.index("渡辺 はる 様</a>")
    words = text_of(page)
    assert "本町 3軒のお宅（うち2軒が続いています） 10分 経過" in words
    assert "本町で多くのお宅の異常が同時に起きています。" in words
    assert "段階 社会福祉協議会に連絡 次の自動連絡 18:50:00 あと20分" in words
    assert "中村 恵 様 電話 配達 18:20" in words
    assert f'href="/areas/{outage}"' in page
    for member in ("渡辺 はる 様", "高橋 ミツ 様", "井上 実 様"):
        assert member in words, "every home stays on the board"


def test_without_an_area_in_trouble_the_board_does_not_speak_of_areas(browser: TestClient, town: Any):
    town.home("山田 花子")
    page = browser.get("/").text
    assert "地域一帯" not in page
    assert "【地域】" not in page


def test_the_page_lists_every_home_those_who_need_someone_first(browser: TestClient, outage: str):
    page = browser.get(f"/areas/{outage}").text
    members = re.findall(r'id="home-link-\w+" href="(/homes/\w+)">(.+?)</a>', page)
    assert [name for _path, name in members] == ["渡辺 はる 様", "高橋 ミツ 様", "井上 実 様"]
    assert browser.get(members[0][0]).status_code == 200
    words = text_of(page)
    assert "対応が必要 渡辺 はる 様 わたなべ はる いつもより長く動きがありません 18:10 20分前" in words
    assert "不明 高橋 ミツ 様" in words
    assert "端末から知らせがありません 終わりました 18:28（通信が戻った）" in words
    badges = re.findall(r'<span class="badge s-(\w+)">(<svg.*?</svg>)<span>(.+?)</span>', page)
    assert {state for state, _, _ in badges} == {"needs", "unknown", "quiet"}


def test_the_page_speaks_english_and_works_without_a_script(browser: TestClient, outage: str):
    page = browser.get(f"/areas/{outage}?lang=en").text
    assert "Every home, those who need someone first." in page
    assert "3 homes (2 still going on)" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)


@pytest.mark.parametrize("path", ["/", "/areas/area1"])
def test_looking_writes_nothing(browser: TestClient, town: Any, outage: str, path: str):
    before = town.everything()
    assert browser.get(path).status_code == 200
    assert town.everything() == before


def close(browser: TestClient, case: str, **form: str) -> Any:
    told = {"by": "staff", "outcome": "repaired", "reason": "停電が終わった", **form}
    return browser.post(f"/areas/{case}/close", data=told)


def test_staff_close_the_area_with_an_outcome_and_a_reason(browser: TestClient, town: Any, outage: str):
    assert '<option value="repaired">' in browser.get(f"/areas/{outage}").text
    answer = close(browser, outage)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/areas/{outage}?said=closed#main")
    with town.db.connect() as connection:
        row = connection.execute(select(incidents).where(incidents.c.id == outage)).one()
        assert connection.execute(select(statements.c.note)).scalars().all() == ["停電が終わった"]
    assert (row.state, row.outcome, row.outcome_by) == ("resolved", "repaired", "staff")
    page = browser.get(answer.headers["location"]).text
    assert "18:30 に対応を終えました（修理・復旧）" in page
    assert "<form" not in page
    assert "停電が終わった" in page
    assert f"/areas/{outage}" not in browser.get("/").text
    assert close(browser, outage).headers["location"] == f"/areas/{outage}?said=kept#main"


def test_a_call_to_the_power_company_is_noted(browser: TestClient, town: Any, outage: str):
    answer = browser.post(f"/areas/{outage}/phoned", data={"by": "staff", "note": "復旧は20時ごろ"})
    assert answer.headers["location"] == f"/areas/{outage}?said=phoned#main"
    assert "電話しました 中村 恵 様 · ボード · 復旧は20時ごろ" in text_of(browser.get(f"/areas/{outage}").text)


@pytest.mark.parametrize(
    ("form", "location"),
    [({"reason": " "}, "refused"), ({"outcome": "nonsense"}, "refused")],
)
def test_an_end_without_a_reason_or_an_outcome_is_refused(
    browser: TestClient, town: Any, outage: str, form: dict[str, str], location: str
):
    assert close(browser, outage, **form).headers["location"] == f"/areas/{outage}?said={location}#main"
    assert f"/areas/{outage}" in browser.get("/").text


@pytest.mark.parametrize("by", ["tanaka", "person1", "nobody", ""])
def test_only_staff_of_the_organisation_close_it(browser: TestClient, town: Any, outage: str, by: str):
    before = town.everything()
    assert close(browser, outage, by=by).status_code in (400, 403)
    assert town.everything() == before


def test_the_case_of_a_home_is_no_area_and_an_area_no_case_of_a_home(browser: TestClient, town: Any, outage: str):
    case = "case-home3"
    assert browser.get(f"/areas/{case}").status_code == 404
    assert browser.get("/areas/nowhere").status_code == 404
    assert close(browser, case).status_code == 404
    form = {"incident": outage, "by": "staff", "outcome": "repaired", "reason": "x"}
    assert browser.post("/homes/home3/close", data=form).status_code == 404


def test_a_home_of_the_area_says_so_on_the_page_of_its_person(browser: TestClient, town: Any, outage: str):
    page = browser.get("/homes/home3").text
    assert f'<a href="/areas/{outage}">本町の地域一帯の異常を見る</a>' in page
    close(browser, outage)
    assert "地域一帯の異常を見る" not in browser.get("/homes/home3").text


def test_a_power_cut_of_twelve_homes_from_the_engine_to_the_last_word(
    open_page: Callable[..., TestClient], town: Any, times: SimpleNamespace
):
    browser = open_page(phones=town.folder)
    for number in range(12):
        town.home(f"住民 {number:02}", area="本町", proven=0, ask=9 * times.hour)
    engine = Engine(town.db, AlertsSettings())
    sender = Sender(town.db, {"outbox": OutboxChannel(town.folder)}, "test", town.links)
    engine.tick(town.clock.now)
    for _ in range(2):
        town.clock.now += 16 * times.minute
        engine.tick(town.clock.now)
        sender.run_due(town.clock.now)
    board = text_of(browser.get("/").text)
    assert "本町 12軒のお宅（うち12軒が続いています）" in board
    (path,) = set(re.findall(r'href="(/areas/[^"]+)"', browser.get("/").text))
    page = browser.get(path).text
    assert len(re.findall(r'id="home-link-', page)) == 12
    assert page.count("端末から知らせがありません") >= 12
    assert "地域全体のこととして職員に知らせているため" in text_of(browser.get("/homes/home1").text)
    (link,) = set(re.findall(r'href="(/r/[^"]+)"', browser.get("/phones").text))
    told = browser.get(link).text
    assert "本町: 地域一帯の異常" in told
    assert "結果は、職員が見守りボードに記録します。" in told
    assert "<button" not in told
    town.write(update(gateways).values(heartbeat_ms=town.clock.now, proven_ms=town.clock.now))
    for _ in range(2):  # first the homes come back, then their area is over
        town.clock.now += 1000
        engine.tick(town.clock.now)
    assert "対応を終えました（通信が戻った）" in browser.get(path).text
    assert "本町の件は対応が終わっています" in browser.get(link).text
