"""One message that tells of several cases: a list, and from each case back to it."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from store.register.registry import edit
from store.schema import claims, incidents, relations, statements

MINUTE = 60_000


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def told(town: Any) -> list[str]:
    """Three calls to the neighbour, told in the first of them; the ids of the messages."""
    names = (("山田 花子", "本山 1丁目"), ("渡辺 はる", "本山 2丁目"), ("井上 実", "本山 3丁目"))
    homes = [town.home(name, area=area) for name, area in names]
    cases = [town.incident(home, step=1, called_ms=town.clock.now - MINUTE) for home in homes]
    leader = town.delivery(cases[0], "tanaka", "call", step=1, ago=3 * MINUTE)
    bundled = {"step": 1, "state": "bundled", "bundle_id": leader}
    others = [
        town.delivery(case, "tanaka", "call", ago=ago * MINUTE, **bundled)
        for case, ago in zip(cases[1:], (2, 1), strict=True)
    ]
    return [leader, *others]


@pytest.fixture
def link(town: Any, told: list[str]) -> str:
    """The link of the one message."""
    return f"/r/{town.token(told[0], town.clock.now - 3 * MINUTE)}"


def cases_of(page: str) -> dict[str, str]:
    """The name of each case on the list, and the way to its page."""
    items = re.findall(r'<li class="sheet">\s*<h2>(.+?) 様.*?href="(/r/[^"]+)"', page, re.S)
    return dict(items)


def test_all_the_cases_are_listed_with_name_area_and_a_link_of_their_own(browser: TestClient, link: str):
    page = browser.get(link).text
    found = cases_of(page)
    assert list(found) == ["山田 花子", "渡辺 はる", "井上 実"]
    assert len({*found.values(), link}) == 4
    words = text_of(page)
    assert "3件のお知らせがあります" in words
    assert "渡辺 はる 様 本山 2丁目 お返事をお待ちしています 開いて返事をする" in words
    for name, path in found.items():
        own = text_of(browser.get(path).text)
        assert f"{name} 様のようすを見てください" in own
        assert "一覧に戻る" in own


def test_answering_one_leads_back_to_the_list_and_moves_that_case_alone(browser: TestClient, town: Any, link: str):
    for name, answer in (("渡辺 はる", "going"), ("山田 花子", "cannot")):
        path = cases_of(browser.get(link).text)[name]
        target = re.search(r'<form method="post" action="([^"]+)"', browser.get(path).text)
        assert target is not None
        answered = browser.post(target[1], data={"answer": answer, "minutes": "12"})
        assert (answered.status_code, answered.headers["location"]) == (303, link)
    with town.db.connect() as connection:
        said = {row.incident_id: row.kind for row in connection.execute(select(statements))}
        (claim,) = connection.execute(select(claims)).all()
    assert said == {"case-home2": "going", "case-home1": "cannot"}
    assert claim.incident_id == "case-home2"
    words = text_of(browser.get(link).text)
    assert "渡辺 はる 様 本山 2丁目 あなたが向かっています 18:42 に着く予定" in words
    assert "山田 花子 様 本山 1丁目 行けないとのお返事" in words
    assert "井上 実 様 本山 3丁目 お返事をお待ちしています" in words


def test_the_link_of_a_case_in_the_list_answers_that_case(browser: TestClient, town: Any, told: list[str], link: str):
    path = cases_of(browser.get(link).text)["井上 実"]
    assert path == f"/r/{town.token(told[2], town.clock.now - MINUTE)}"
    browser.post(path, data={"answer": "safe"})
    with town.db.connect() as connection:
        ended = connection.execute(select(incidents.c.id).where(incidents.c.outcome == "safe")).scalars().all()
    assert ended == ["case-home3"]


def test_a_case_that_has_ended_and_one_to_which_another_goes_say_so(browser: TestClient, town: Any, link: str):
    over = {"state": "resolved", "outcome": "safe", "next_due_ms": None, "closed_ms": town.clock.now}
    town.write(update(incidents).where(incidents.c.id == "case-home1").values(over))
    town.going("case-home2", "suzuki")
    words = text_of(browser.get(link).text)
    assert "山田 花子 様 本山 1丁目 終わりました くわしく見る" in words
    assert "渡辺 はる 様 本山 2丁目 ほかの方が向かっています くわしく見る" in words


def revoke(town: Any, person: str, reader: str = "tanaka") -> None:
    held = (relations.c.subject_id == person) & (relations.c.other_id == reader)
    with town.db.connect() as connection:
        relation = connection.execute(select(relations.c.id).where(held)).scalar_one()
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        registry.revoke(relation)


def test_a_case_whose_consent_was_revoked_is_not_on_the_list_any_more(browser: TestClient, town: Any, link: str):
    before = cases_of(browser.get(link).text)
    revoke(town, "person2")
    assert list(cases_of(browser.get(link).text)) == ["山田 花子", "井上 実"]
    assert "渡辺" not in browser.get(before["渡辺 はる"]).text
    revoke(town, "person1")  # of whom the message itself tells
    assert list(cases_of(browser.get(link).text)) == ["井上 実"]
    assert "山田" not in browser.get(before["山田 花子"]).text
    revoke(town, "person3")
    page = browser.get(link)
    assert page.status_code == 410
    assert "取り消されました" in text_of(page.text)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_the_list_changes_nothing(browser: TestClient, town: Any, link: str, method: str):
    before = town.everything()
    for path in (link, f"{link}/case"):
        assert browser.request(method, path).status_code == 200
    assert town.everything() == before


def test_a_case_told_twice_stands_on_the_list_once_with_the_message_that_asks(
    browser: TestClient, town: Any, told: list[str], link: str
):
    news = {"step": 1, "state": "bundled", "bundle_id": told[0], "repeat": 5}
    town.delivery("case-home2", "tanaka", "news", ago=2 * MINUTE, **news)
    found = cases_of(browser.get(link).text)
    assert len(found) == 3
    assert found["渡辺 はる"] == f"/r/{town.token(told[1], town.clock.now - 2 * MINUTE)}"


def test_a_whole_area_and_devices_on_the_list_have_nothing_to_answer(browser: TestClient, town: Any):
    home = town.home("高橋 ミツ", area="本町", proven=None)
    device = town.incident(home, kind="gateway_lost", council_ms=town.clock.now)
    area = town.area("本町", home)
    leader = town.delivery(area, "staff", "staff", ago=MINUTE)
    town.delivery(device, "staff", "staff", ago=0, state="bundled", bundle_id=leader)
    link = f"/r/{town.token(leader, town.clock.now - MINUTE)}"
    page = browser.get(link).text
    words = text_of(page)
    assert "本町 地域一帯の異常 くわしく見る" in words
    assert "高橋 ミツ 様 本町 機器の確認 くわしく見る" in words
    for path in re.findall(r'href="(/r/[^"?]+)"', page)[-2:]:
        assert "<button" not in browser.get(path).text
    assert "1軒のお宅（うち1軒が続いています）" in text_of(browser.get(f"{link}/case").text)


def test_the_list_speaks_the_readers_language_and_has_no_sensor_data(browser: TestClient, link: str):
    page = browser.get(f"{link}?lang=en").text
    assert "3 incidents for you" in page
    for kept_back in ("14:30", "usual", "living.motion", "gw1", "<script"):
        assert kept_back not in page


def test_a_message_of_one_case_has_no_list(browser: TestClient, town: Any):
    case = town.incident(town.home("山田 花子"), step=1, called_ms=town.clock.now)
    link = f"/r/{town.token(town.delivery(case, 'tanaka', 'call', step=1))}"
    page = browser.get(link).text
    assert "一覧に戻る" not in page
    assert "山田 花子 様のようすを見てください" in page
