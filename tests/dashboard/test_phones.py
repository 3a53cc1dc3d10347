"""The demo's phones and the demo's clock."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, update

from alerts.channels.outbox.channel import OutboxChannel
from alerts.ports import OutgoingMessage
from dashboard.demo.phones import add_screens
from dashboard.demo.speed import add_speeds, own_path
from store.register.registry import edit
from store.schema import attempts, deliveries


class HandConductor:
    """A conductor that writes down what it is told."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self.told: list[float] = []

    def now_ms(self) -> int:
        return self._now_ms

    def speed(self) -> float:
        return self.told[-1] if self.told else 60.0

    def set_speed(self, speed: float) -> None:
        self.told.append(speed)


def send(town: Any, person: str, body: str, *, link: str | None, ago_ms: int) -> None:
    now = town.clock.now
    message = OutgoingMessage(
        f"{person}-{ago_ms}", person, person, "件名", body, link, "call", "ja", now + 1, now - ago_ms
    )
    OutboxChannel(town.folder).send(message)


@pytest.fixture
def phones(open_page: Callable[..., TestClient], town: Any) -> TestClient:
    return open_page(phones=town.folder)


def test_no_messages_are_said_in_words(phones: TestClient):
    assert "まだメッセージはありません" in phones.get("/phones").text


def test_each_phone_shows_its_messages_newest_first_with_the_link_to_answer(phones: TestClient, town: Any):
    case = town.incident(town.home("山田 花子"))
    link = town.links.url(town.delivery(case, "tanaka", "call"), town.clock.now)
    send(town, "tanaka", "はじめ", link=None, ago_ms=60_000)
    send(town, "tanaka", "あと", link=link, ago_ms=30_000)
    send(town, "person1", "お元気ですか", link=link, ago_ms=90_000)
    page = phones.get("/phones").text
    assert page.index("田中 一郎 様") < page.index("あと") < page.index("はじめ") < page.index("山田 花子 様")
    assert "近所の方" in page
    assert "見守り対象者" in page
    (href,) = set(re.findall(r'href="(/r/[^"]+)"', page))
    assert phones.get(href).status_code == 200


def test_the_watched_who_watch_others_are_shown_as_both(phones: TestClient, town: Any):
    town.home("山田 花子")
    town.home("鈴木 トメ")
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        registry.relate("person1", "person2", "neighbour")
    send(town, "person2", "お元気ですか", link=None, ago_ms=1)
    assert "見守り対象者 · 近所の方" in phones.get("/phones").text


def test_a_message_is_text_and_its_link_stays_on_this_site(phones: TestClient, town: Any):
    send(town, "tanaka", "<b>x</b>", link="https://attacker.example/r/x?y#z", ago_ms=1)
    send(town, "suzuki", "x", link="javascript:alert(1)", ago_ms=1)
    page = phones.get("/phones").text
    assert "<b>x</b>" not in page
    assert "attacker.example" not in page
    assert "javascript:" not in page


@pytest.mark.parametrize("path", ["//attacker.example", "https://attacker.example", "javascript:alert(1)", "", "/a\nb"])
def test_a_form_leads_back_to_a_page_of_ours_only(path: str):
    assert own_path(path) == "/"


def test_pages_of_ours_are_led_back_to():
    assert own_path("/homes/home-1") == "/homes/home-1"


@pytest.fixture
def conductor(town: Any) -> HandConductor:
    return HandConductor(town.clock.now)


@pytest.fixture
def demo(open_page: Callable[..., TestClient], conductor: HandConductor) -> TestClient:
    browser = open_page(refresh_s=2.0)
    add_speeds(browser.app, conductor)
    return browser


def test_the_demo_shows_its_clock_and_its_speed(demo: TestClient):
    page = demo.get("/").text
    assert "1月1日（木） <b>18:30:00</b>" in page
    assert "×60" in page
    assert 'content="2"' in page


def test_a_speed_button_sets_the_speed_and_leads_back(demo: TestClient, conductor: HandConductor):
    answer = demo.post("/demo/speed", data={"speed": "300", "back": "/homes/home1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/homes/home1")
    demo.post("/demo/speed", data={"speed": "0"})
    assert conductor.told == [300.0, 0.0]
    assert "停止中" in demo.get("/").text


@pytest.mark.parametrize("speed", ["-1", "1e9", "nan", "inf", "fast", ""])
def test_a_speed_that_makes_no_sense_is_refused(demo: TestClient, conductor: HandConductor, speed: str):
    assert demo.post("/demo/speed", data={"speed": speed}).status_code == 400
    assert conductor.told == []


def test_without_a_demo_there_is_no_clock_to_move(browser: TestClient):
    assert "demo/speed" not in browser.get("/").text
    assert browser.post("/demo/speed", data={"speed": "60"}).status_code == 404


SCREENS = {
    "line": "http://127.0.0.1:8001/phone/{address}",
    "sms": "http://127.0.0.1:8002/phone/{address}",
    "voice": "http://127.0.0.1:8002/phone/{address}",
}


@pytest.fixture
def with_screens(open_page: Callable[..., TestClient], town: Any) -> TestClient:
    """Tanaka has LINE and a telephone; Suzuki has neither."""
    case = town.incident(town.home("山田 花子"))
    town.delivery(case, "tanaka", "call", channel="line", body="様子を見てください")
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        registry.add_contact_method("tanaka", "line", "U" + "1" * 32, rank=1)
        registry.add_contact_method("tanaka", "sms", "090-0000-0011", rank=2)
        registry.add_contact_method("tanaka", "voice", "090-0000-0011", rank=3)
    browser = open_page(phones=town.folder)
    add_screens(browser.app, SCREENS)
    return browser


def test_a_phone_with_a_screen_leads_to_it_and_says_what_comes_there(with_screens: TestClient):
    page = with_screens.get("/phones").text
    assert 'href="/phones/tanaka"' in page
    assert "LINE · SMS · 電話" in page
    assert "様子を見てください" in page


def test_a_telephone_that_rings_is_marked_and_comes_first(with_screens: TestClient, town: Any):
    call = town.delivery("case-home1", "suzuki", "call", ago=900_000, channel="voice", body="見に行ってください")
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        registry.add_contact_method("suzuki", "voice", "090-0000-0012", rank=1)

    def becomes(state: str) -> str:
        town.write(update(deliveries).where(deliveries.c.id == call).values(state=state))
        return with_screens.get("/phones").text

    page = becomes("accepted")
    assert page.count("電話が鳴っています") == 1
    assert page.index("鈴木 幸子 様") < page.index("電話が鳴っています") < page.index("田中 一郎 様")
    assert "電話が鳴っています" in with_screens.get("/phones/tanaka").text, "on the list beside another phone"
    town.write(insert(attempts).values(delivery_id=call, n=1, started_ms=town.clock.now, outcome="ok"))
    page = becomes("retry_wait")
    assert "電話が鳴っています" not in page
    assert page.index("田中 一郎 様") < page.index("鈴木 幸子 様"), "a missed call stays to be seen"
    assert "電話が鳴っています" not in becomes("read")


def test_the_page_of_a_phone_holds_its_screens_sms_and_calls_of_a_number_being_one(with_screens: TestClient):
    answer = with_screens.get("/phones/tanaka")
    assert re.findall(r'<iframe[^>]* src="([^"]+)"', answer.text) == [
        "http://127.0.0.1:8001/phone/U" + "1" * 32,
        "http://127.0.0.1:8002/phone/%2B819000000011",
    ]
    policy = answer.headers["content-security-policy"]
    assert policy.endswith("frame-src http://127.0.0.1:8001 http://127.0.0.1:8002")
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("person", ["suzuki", "nobody", "%3Cb%3E"])
def test_there_is_no_page_of_a_phone_without_a_screen(with_screens: TestClient, person: str):
    assert with_screens.get(f"/phones/{person}").status_code == 404


def test_without_doubles_there_are_no_screens(phones: TestClient, town: Any):
    town.home("山田 花子")
    assert phones.get("/phones/tanaka").status_code == 404
