"""Who is contacted about a person, in which order, and what puts a case off, as the page of the person says it."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, update

from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from store.register.registry import edit
from store.schema import contact_methods, leaves, people


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def home(town: Any) -> str:
    return str(town.home("山田 花子", "やまだ はなこ"))


def contacts(browser: TestClient, home: str) -> dict[str, str]:
    """The row of each person in the table, by name."""
    page = browser.get(f"/homes/{home}").text
    section = page[page.index("h-responders") : page.index("h-day")]
    rows = re.findall(r'<tr role="row">\s*<th role="rowheader" scope="row">(.+?) 様</th>(.*?)</tr>', section, re.S)
    return {name: text_of(row).strip() for name, row in rows}


def test_everybody_is_listed_in_the_order_in_which_they_would_be_asked(browser: TestClient, home: str):
    found = contacts(browser, home)
    assert list(found) == ["山田 花子", "鈴木 幸子", "田中 一郎", "中村 恵"]
    assert found["山田 花子"] == "見守り対象者 はじめに 電話 未確認（最後に試します）"
    assert found["鈴木 幸子"] == "近所の方 近所の方の1番目 電話 未確認（最後に試します）"
    assert found["中村 恵"] == "職員 最後に 電話 未確認（最後に試します）"


def test_the_order_is_that_of_the_rotation(browser: TestClient, town: Any, home: str):
    case = town.incident(home, step=1, called_ms=town.clock.now)
    town.delivery(case, "suzuki", "call", step=1)
    assert list(contacts(browser, home))[1:3] == ["田中 一郎", "鈴木 幸子"]


def test_the_state_of_each_method_is_said_and_never_its_address(browser: TestClient, town: Any, home: str):
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        registry.add_contact_method("tanaka", "sms", "+819012345678", rank=1, id="tanaka-sms")
        registry.add_contact_method("tanaka", "voice", "+819012345678", rank=2, id="tanaka-voice")
    town.write(
        update(contact_methods).where(contact_methods.c.id == "tanaka-sms").values(verified_ms=town.clock.now),
        update(contact_methods).where(contact_methods.c.id == "tanaka-voice").values(disabled_reason="+819012345678"),
    )
    found = contacts(browser, home)["田中 一郎"]
    assert found.endswith("SMS 確認済み 電話 未確認（最後に試します） 電話 停止中")
    assert "9012345678" not in browser.get(f"/homes/{home}").text


def test_leave_hours_and_opting_out_are_said_in_words(
    browser: TestClient, town: Any, home: str, times: SimpleNamespace
):
    town.write(
        update(people).where(people.c.id == "tanaka").values(opt_out_ms=times.now - times.day),
        insert(leaves).values(id="l", person_id="suzuki", from_ms=times.now - 1, to_ms=times.now + times.day),
        update(people).where(people.c.id == "staff").values(hours="mon-fri 09:00-17:00"),
    )
    found = contacts(browser, home)
    assert "連絡を望まれていません" in found["田中 一郎"]
    assert "1月2日 18:30 まで休み" in found["鈴木 幸子"]
    assert found["中村 恵"].startswith("職員 最後に いまは時間外"), "staff are the end of the ladder"
    assert "番目" not in found["田中 一郎"] + found["鈴木 幸子"]


def test_who_cannot_be_reached_at_all_is_said(browser: TestClient, town: Any, home: str):
    town.write(update(contact_methods).where(contact_methods.c.person_id == "person1").values(disabled_reason="x"))
    assert contacts(browser, home)["山田 花子"] == "見守り対象者 連絡できる手段がありません 電話 停止中"


def test_an_open_case_names_those_who_are_asked_next(browser: TestClient, town: Any, home: str):
    town.incident(home)
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "18:50:00 あと20分 次にお願いする方: 鈴木 幸子 様、田中 一郎 様" in page


def test_the_last_step_names_the_staff_who_are_asked_again(browser: TestClient, town: Any, home: str):
    town.incident(home, step=2, state="staff_attention", council_ms=town.clock.now)
    assert "次にお願いする方: 中村 恵 様" in text_of(browser.get(f"/homes/{home}").text)


def test_while_somebody_goes_nobody_is_named_as_next(browser: TestClient, town: Any, home: str):
    town.going(town.incident(home, step=1, called_ms=town.clock.now), "tanaka")
    assert "次にお願いする方" not in browser.get(f"/homes/{home}").text


def test_an_absence_that_puts_a_case_off_is_named_with_its_end(browser: TestClient, town: Any, times: SimpleNamespace):
    home = town.home("渡辺 はる", last=4 * times.hour, ask=0, proven=0)
    engine = Engine(town.db, AlertsSettings())
    engine.tick(town.clock.now)
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        registry.register_absence(home, times.now, times.now + 2 * times.hour)
    town.clock.now += 1000
    engine.tick(town.clock.now)
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "保留のわけ ご不在の登録があるため、20:30 まで待って、もう一度ご本人に確かめます（あと1時間59分）。" in page
    assert "次にお願いする方: 渡辺 はる 様" in page
    assert "ご不在の登録があるため、20:30 まで" in text_of(browser.get("/").text)


def test_quiet_hours_that_put_a_lost_gateway_off_are_named_with_their_end(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    home = town.home("渡辺 はる", ask=9 * times.hour, proven=0)
    engine = Engine(town.db, AlertsSettings(quiet_from_h=18, quiet_to_h=7))
    engine.tick(town.clock.now)
    town.clock.now += 20 * times.minute
    engine.tick(town.clock.now)
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "夜間のため、職員への連絡は 1月2日 07:00 まで待ちます" in page
