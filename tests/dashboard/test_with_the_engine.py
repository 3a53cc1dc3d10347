"""The real engine and sender behind the pages: from a passed deadline to a phone, to an answer, to the end."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select

from alerts.channels.outbox.channel import OutboxChannel
from alerts.delivery.sender import Sender
from alerts.incidents.engine import Engine
from alerts.ports import OutgoingMessage, SendOutcome, SendResult
from alerts.settings import AlertsSettings
from contracts.health import PROOF_VALID_S
from store.schema import gateways, incidents


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_silence_is_asked_called_and_answered_on_the_pages(
    open_page: Callable[..., TestClient], town: Any, times: SimpleNamespace
):
    home = town.home("山田 花子", "やまだ はなこ", ask=times.minute, call=31 * times.minute)
    browser = open_page(phones=town.folder)
    engine = Engine(town.db, AlertsSettings())
    sender = Sender(town.db, {"outbox": OutboxChannel(town.folder)}, "test", town.links)

    def pass_time(minutes: int) -> None:
        for _ in range(minutes):
            town.clock.now += times.minute
            town.write(gateways.update().values(proven_ms=town.clock.now, heartbeat_ms=town.clock.now))
            engine.tick(town.clock.now)
            sender.run_due(town.clock.now)

    def links() -> dict[str, str]:
        """The newest link on each phone."""
        page = browser.get("/phones").text
        phones = re.findall(r'id="phone-(\w+)".*?href="(/r/[^"]+)"', page, re.S)
        return dict(phones)

    engine.tick(town.clock.now)
    pass_time(1)
    assert "本人に確認中 山田 花子 様" in text_of(browser.get("/").text)
    assert list(links()) == ["person1"]
    assert "お元気ですか" in browser.get(links()["person1"]).text

    pass_time(31)
    board = text_of(browser.get("/").text)
    assert "対応が必要 山田 花子 様" in board
    assert "段階 2/3 近所の方に連絡" in board
    assert {"tanaka", "suzuki"} <= set(links())

    neighbour = links()["tanaka"]
    browser.post(neighbour, data={"answer": "going", "minutes": "5"})
    assert "向かっています 山田 花子 様" in text_of(browser.get("/").text)

    browser.post(neighbour, data={"answer": "safe"})
    assert "対応は終わりました" in browser.get(neighbour).text
    assert "対応は終わりました" in browser.get(links()["suzuki"]).text
    assert "注意" not in text_of(browser.get("/").text), "who was found safe is granted the same silence anew"
    history = text_of(browser.get(f"/homes/{home}").text)
    assert "無事" in history
    assert "訪ねた方が無事を確認" in history
    assert "19:02 に無事が確かめられたので、そこから数え直しています" in history
    assert "本人への確認時刻 19:23 あと21分" in history

    pass_time(20)
    assert "平常 山田 花子 様" in text_of(browser.get("/").text)
    pass_time(1)
    assert "本人に確認中 山田 花子 様" in text_of(browser.get("/").text), "the engine reckons as the page does"


class Broken:
    """A phone that is refused for good."""

    name = "outbox"

    def send(self, _message: OutgoingMessage) -> SendResult:
        return SendResult(SendOutcome.PERMANENT)


def test_a_person_whose_question_cannot_be_delivered_needs_someone_from_that_moment_on(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    home = town.home("山田 花子", last=4 * times.hour, ask=0, call=times.hour)
    engine = Engine(town.db, AlertsSettings())
    engine.tick(town.clock.now)
    assert "本人に確認中 山田 花子 様" in text_of(browser.get("/").text)
    Sender(town.db, {"outbox": Broken()}, "test", town.links).run_due(town.clock.now)
    assert "対応が必要 山田 花子 様" in text_of(browser.get("/").text)
    assert "本人に連絡する手段がありません、連絡時刻に連絡します" in text_of(browser.get(f"/homes/{home}").text)
    with town.db.connect() as connection:
        (case,) = connection.execute(select(incidents)).all()
    assert (case.called_ms, case.next_due_ms) == (None, town.clock.now + times.hour)


def test_what_the_board_calls_unknown_is_what_the_engine_does_not_ask_about(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    town.home("山田 花子", last=4 * times.hour, ask=-times.minute, proven=PROOF_VALID_S * 1000)
    town.home("高橋 ミツ", last=4 * times.hour, ask=-times.minute, proven=PROOF_VALID_S * 1000 + 1)
    Engine(town.db, AlertsSettings(gateway_lost_s=3600)).tick(town.clock.now)
    board = text_of(browser.get("/").text)
    assert "本人に確認中 山田 花子 様" in board
    assert "不明 高橋 ミツ 様" in board


def test_a_decline_is_asked_about_and_rung_up_for_on_the_pages(
    open_page: Callable[..., TestClient], town: Any, times: SimpleNamespace
):
    home = town.home("山田 花子", ask=9 * times.hour, call=10 * times.hour, proven=0)
    town.note(home, days_ago=0)
    browser = open_page(phones=town.folder)
    engine = Engine(town.db, AlertsSettings())
    sender = Sender(town.db, {"outbox": OutboxChannel(town.folder)}, "test", town.links)

    def at(minutes: int) -> None:
        town.clock.now += minutes * times.minute
        town.write(gateways.update().values(proven_ms=town.clock.now, heartbeat_ms=town.clock.now))
        engine.tick(town.clock.now)
        sender.run_due(town.clock.now)

    def pages() -> dict[str, str]:
        """What each phone's newest link shows."""
        links = re.findall(r'id="phone-(\w+)".*?href="(/r/[^"]+)"', browser.get("/phones").text, re.S)
        return {phone: text_of(browser.get(link).text) for phone, link in links}

    at(0)
    board = text_of(browser.get("/").text)
    assert "本人に確認中 山田 花子 様" in board
    assert "いつもより動きがとても少ない 生活は続いていますが、動きはいつもの20%です。" in board
    assert "段階 1/2 本人に確認" in board
    shown = pages()
    assert list(shown) == ["person1"], "nobody else hears of it"
    assert "近くの方に" not in shown["person1"], "no neighbour will be called"

    at(30)
    assert "対応が必要 山田 花子 様" in text_of(browser.get("/").text)
    staff = next(page for phone, page in pages().items() if phone != "person1")
    assert "の無事を確かめてください" in staff
    assert "20%" not in staff
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "動きの大幅な減少" in page
    assert "いつもより動きがとても少ない" in page
