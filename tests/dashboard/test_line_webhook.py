"""LINE both ways over HTTP: the sender pushes to the double, the double's phones answer with signed webhooks."""

import asyncio
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from sqlalchemy import select, update

from alerts.channels.line import linking
from alerts.channels.line.api import LineApi
from alerts.channels.line.channel import LineChannel
from alerts.channels.line.inbox import LineInbox
from alerts.channels.line.webhook import PATH, line_routes
from alerts.channels.line.webhook_events import LARGEST_BODY
from alerts.channels.outbox.channel import OutboxChannel
from alerts.counters import WEBHOOK_EVENTS
from alerts.delivery.sender import Sender
from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from dashboard.app import create_app
from dashboard.reading.open_incidents import read_open_incidents
from simulators.vendors.line.process import LineProcess
from simulators.vendors.line.webhooks import sign
from store.register.registry import edit
from store.schema import (
    contact_methods,
    deliveries,
    gateways,
    incidents,
    link_invitations,
    metadata,
    relations,
    statements,
    vendor_events,
)

MINUTE = 60_000
PEOPLE = ("person1", "tanaka", "suzuki", "staff")


class Served:
    """The pages in a thread, as the server serves them; ``say`` counts what the account says back."""

    def __init__(self, app: Any) -> None:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.server.serve(sockets=[self.socket])), daemon=True
        )
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < until, "the pages did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()


@dataclass
class Hamlet:
    """One home whose person, neighbours and staff all have LINE."""

    town: Any
    line: LineProcess
    engine: Engine
    sender: Sender
    url: str
    users: dict[str, str]

    def at(self, minutes: float = 0) -> None:
        """Time passes; the backend works."""
        self.town.clock.now += round(minutes * MINUTE)
        self.town.write(update(gateways).values(proven_ms=self.town.clock.now, heartbeat_ms=self.town.clock.now))
        self.engine.tick(self.town.clock.now)
        self.sender.run_due(self.town.clock.now)

    def rows(self, table: Any, **same: Any) -> list[Any]:
        found = select(table).where(*(table.c[name] == value for name, value in same.items()))
        with self.town.db.connect() as connection:
            return list(connection.execute(found.order_by(*table.primary_key.columns)))

    def case(self) -> Any:
        return self.rows(incidents)[0]

    def answers(self) -> list[tuple[str, str]]:
        return [(row.said_by, row.kind) for row in sorted(self.rows(statements), key=lambda row: row.key)]

    def hears(self, who: str, words: str) -> bool:
        """Whether the last bubble of a person's phone, or of a user of LINE, is the account's with these words.

        LINE takes our 200 first and our words after it: an idle webhook is no sign that they have been said.
        """
        until = time.monotonic() + 10
        while time.monotonic() < until:
            last = next(reversed(self.line.chat(self.users.get(who, who))), None)
            if (
                last
                and last["by"] == "account"
                and words in (last["message"].get("text") or last["message"]["altText"])
            ):
                return True
            time.sleep(0.05)
        return False

    def everything(self, but: tuple[str, ...] = ("vendor_events",)) -> str:
        with self.town.db.connect() as connection:
            tables = [table for table in metadata.sorted_tables if table.name not in but]
            return repr([connection.execute(select(table)).all() for table in tables])

    def outcomes(self) -> list[str]:
        return sorted(row.outcome for row in self.rows(vendor_events))

    def post(self, body: bytes, signature: str | None) -> int:
        headers = {"Content-Type": "application/json"} | ({"X-Line-Signature": signature} if signature else {})
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body, headers), timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def send(self, kind: str, who: str = "person1", number: int = 1, **content: Any) -> int:
        """An event as LINE would sign it."""
        return self.post(*self.event(kind, who, number, **content))

    def event(self, kind: str, who: str, number: int, **content: Any) -> tuple[bytes, str]:
        event = {
            "type": kind,
            "mode": "active",
            "timestamp": 1_767_225_600_000 + number,
            "source": {"type": "user", "userId": self.users.get(who, who)},
            "webhookEventId": f"event-{number}",
            "deliveryContext": {"isRedelivery": False},
        }
        body = json.dumps({"destination": "U", "events": [event | content]}).encode()
        return body, sign(self.line.secret, body)


@pytest.fixture
def hamlet(town: Any, line: LineProcess):
    home = town.home("山田 花子", ask=1 * MINUTE, call=31 * MINUTE)
    users = {who: line.friend(who) for who in PEOPLE}
    old = [row.id for who in PEOPLE for row in _methods(town, who)]
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        for who in PEOPLE:
            registry.link_contact_method(who, "line", users[who])
        for method in old:
            registry.disable_contact_method(method, "replaced")
        registry.add_contact_method("person1", "outbox", "second-phone", rank=9)
    channel = LineChannel(LineApi(line.token, line.url, 5.0), 5.0)
    routes = line_routes(town.db, town.links, town.clock, [line.secret], channel.answer)
    app = create_app(town.db, town.timeseries, town.links, town.clock, webhooks=[routes])
    served = Served(app)
    line.reset(f"http://127.0.0.1:{served.port}{PATH}")
    for who, user in users.items():
        line.friend(who, user)
    sender = Sender(town.db, {"line": channel, "outbox": OutboxChannel(town.folder)}, "test", town.links)
    made = Hamlet(town, line, Engine(town.db, AlertsSettings()), sender, f"http://127.0.0.1:{served.port}{PATH}", users)
    made.home = home
    made.at()
    made.at(1)  # the person is asked
    yield made
    line.reset()
    served.stop()


def _methods(town: Any, who: str) -> list[Any]:
    with town.db.connect() as connection:
        return list(connection.execute(select(contact_methods).where(contact_methods.c.person_id == who)))


def counted(outcome: str) -> float:
    return WEBHOOK_EVENTS.labels(channel="line", outcome=outcome)._value.get()


# ---- answers ----


def test_the_person_presses_and_the_case_ends(hamlet):
    assert hamlet.hears("person1", "お変わりありませんか")
    hamlet.line.tap(hamlet.users["person1"], "大丈夫です")
    hamlet.line.settle()
    assert (hamlet.case().state, hamlet.case().outcome_by) == ("resolved", "person1")
    assert hamlet.hears("person1", "お返事ありがとうございます。お元気とわかり、安心しました。")
    assert hamlet.outcomes() == ["answered"]


def test_an_older_all_right_that_line_delivers_after_the_call_for_help_does_not_end_the_case(hamlet):
    """LINE could not reach us while both were pressed, and delivers again in any order."""
    (question,) = hamlet.rows(deliveries, person_id="person1", purpose="ask")
    token = hamlet.town.links.sign(question.id, question.created_ms)
    for number, word in ((9, "cannot"), (5, "safe")):
        assert hamlet.send("postback", number=number, postback={"data": f"a={word}&t={token}"}) == 200
    assert (hamlet.case().state, hamlet.case().step) == ("notifying", 1)
    with hamlet.town.db.connect() as connection:
        ((incident,),) = read_open_incidents(connection).values()
    (person,) = (each for each in incident.contacted if each.message["person_id"] == "person1")
    assert person.answer_word == "help", "staff see the answer that counts, not the one that came last"
    hamlet.send("postback", number=12, postback={"data": f"a=safe&t={token}"})
    assert (hamlet.case().state, hamlet.case().outcome) == ("resolved", "self_ok"), "one that they say after it counts"


def test_a_neighbour_goes_and_finds_the_person_safe(hamlet):
    hamlet.at(31)
    hamlet.line.tap(hamlet.users["tanaka"], "向かいます")
    hamlet.line.settle()
    assert hamlet.case().state == "claimed"
    assert hamlet.hears("tanaka", "山田 花子様に会えたら")
    hamlet.at(1)
    assert hamlet.hears("suzuki", "ほかの方が向かっています")
    hamlet.line.tap(hamlet.users["tanaka"], "無事でした")
    hamlet.line.settle()
    assert (hamlet.case().state, hamlet.case().outcome_by) == ("resolved", "tanaka")
    assert hamlet.answers() == [("tanaka", "going"), ("tanaka", "safe")]
    hamlet.line.tap(hamlet.users["suzuki"], "行けません")
    hamlet.line.settle()
    assert hamlet.hears("suzuki", "この件は対応が終わっています。ありがとうございました。")
    assert hamlet.case().state == "resolved"


def test_who_is_not_asked_any_more_reads_that_they_need_not_go(hamlet):
    hamlet.at(31)
    held = relations.c.other_id == "tanaka"
    hamlet.town.write(update(relations).where(held).values(to_ms=hamlet.town.clock.now))
    hamlet.line.tap(hamlet.users["tanaka"], "向かいます")
    hamlet.line.settle()
    assert hamlet.hears("tanaka", "この方の見守りのお願いは取り消されました")
    assert hamlet.case().state == "notifying"
    assert hamlet.outcomes() == ["answer_kept"]


def test_cannot_of_an_older_message_moves_nothing(hamlet):
    hamlet.at(31)
    hamlet.at(61)  # now the council is asked
    before = hamlet.case()
    hamlet.line.tap(hamlet.users["tanaka"], "行けません")
    hamlet.line.settle()
    assert (hamlet.case().state, hamlet.case().epoch) == (before.state, before.epoch)
    assert hamlet.outcomes() == ["answer_kept"]
    assert hamlet.hears("tanaka", "お返事を記録しました")


@pytest.mark.parametrize("fault", ["duplicate", "late", "reorder"])
def test_duplicates_delay_and_reorder_come_to_the_same(hamlet, fault):
    hamlet.at(31)
    hamlet.line.control("faults", kind=fault, delay_s=0.5)
    hamlet.line.tap(hamlet.users["tanaka"], "向かいます")
    hamlet.line.tap(hamlet.users["suzuki"], "無事でした")
    hamlet.line.settle()
    assert hamlet.case().state == "resolved"
    assert sorted(hamlet.answers()) == [("suzuki", "safe"), ("tanaka", "going")]
    assert len(hamlet.rows(vendor_events)) == 2


def test_a_replayed_event_changes_nothing_and_is_not_answered_again(hamlet):
    hamlet.line.tap(hamlet.users["person1"], "大丈夫です")
    hamlet.line.settle()
    before, replies, repeated = hamlet.everything(but=()), len(hamlet.line.state()["replies"]), counted("repeated")
    for _ in range(3):
        hamlet.line.replay()
    hamlet.line.settle()
    assert hamlet.everything(but=()) == before
    assert len(hamlet.line.state()["replies"]) == replies
    assert counted("repeated") == repeated + 3


def test_the_same_event_at_the_same_moment_counts_once(hamlet):
    hamlet.at(31)
    button = hamlet.line.chat(hamlet.users["tanaka"])[0]["message"]["contents"]["footer"]["contents"][0]
    request = hamlet.event("postback", "tanaka", 7, postback={"data": button["action"]["data"]})
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: hamlet.post(*request), range(6)))
    assert set(statuses) == {200}
    assert hamlet.answers() == [("tanaka", "going")]
    assert len(hamlet.rows(vendor_events)) == 1


def test_an_event_that_cannot_be_stored_now_is_taken_when_line_delivers_it_again(hamlet, monkeypatch):
    whole, calls = LineInbox._take, []

    def failing_first(self, connection, event, now_ms):
        calls.append(event.id)
        taken = whole(self, connection, event, now_ms)
        if len(calls) == 1:
            raise OSError("the disk is full")  # after the effect, before the commit
        return taken

    monkeypatch.setattr(LineInbox, "_take", failing_first)
    hamlet.line.tap(hamlet.users["person1"], "大丈夫です")
    state = hamlet.line.settle()
    answered = {how: times for how, times in state["seen"].items() if how.startswith("webhook ")}
    assert answered == {"webhook 500": 1, "webhook 200": 1}
    assert hamlet.answers() == [("person1", "ok")]
    assert hamlet.case().state == "resolved"


# ---- what is refused ----


def test_a_wrong_signature_changes_nothing_and_is_counted(hamlet):
    body, right = hamlet.event("postback", "person1", 1, postback={"data": "a=safe&t=x"})
    before, bad = hamlet.everything(but=()), counted("bad_signature")
    wrong = [(body, None), (body, ""), (body, "AAAA"), (body, sign("another secret", body)), (body + b" ", right)]
    assert [hamlet.post(*request) for request in wrong] == [403] * 5
    assert hamlet.everything(but=()) == before
    assert counted("bad_signature") == bad + 5


def test_a_body_that_is_too_large_or_not_readable_changes_nothing_and_is_counted(hamlet):
    before = hamlet.everything(but=())
    large, unreadable = counted("too_large"), counted("unreadable")
    body = b"x" * (LARGEST_BODY + 1)
    assert hamlet.post(body, sign(hamlet.line.secret, body)) == 413
    assert hamlet.post(b"{", sign(hamlet.line.secret, b"{")) == 400
    assert hamlet.everything(but=()) == before
    assert (counted("too_large"), counted("unreadable")) == (large + 1, unreadable + 1)


def test_a_button_that_is_not_ours_changes_nothing_and_is_recorded(hamlet):
    (row,) = hamlet.rows(deliveries)
    token = hamlet.town.links.sign(row.id, row.created_ms)
    old = hamlet.town.links.sign(row.id, 1)
    nobody = hamlet.town.links.sign("no-such-message", row.created_ms)
    before, count = hamlet.everything(), counted("refused_invalidlink")
    expected = {
        "richmenu=1": "unknown_postback",
        "": "unknown_postback",
        "a=safe&t=forged": "refused_invalidlink",
        f"a=dance&t={token}": "refused_unusableanswer",
        f"a=safe&t={token}x": "refused_invalidlink",
        f"a=safe&t={old}": "refused_expiredlink",
        f"a=safe&t={nobody}": "refused_invalidlink",
    }
    for number, data in enumerate(expected):
        assert hamlet.send("postback", number=number, postback={"data": data}, replyToken="gone") == 200
    assert hamlet.everything() == before
    assert [row.outcome for row in hamlet.rows(vendor_events)] == list(expected.values())
    assert counted("refused_invalidlink") == count + 3


def test_a_button_of_somebody_elses_message_changes_nothing(hamlet):
    (row,) = hamlet.rows(deliveries)
    token = hamlet.town.links.sign(row.id, row.created_ms)
    before = hamlet.everything()
    for number, who in enumerate(("tanaka", "U" + "9" * 32)):
        assert hamlet.send("postback", who, number, postback={"data": f"a=safe&t={token}"}) == 200
    assert hamlet.everything() == before
    assert hamlet.outcomes() == ["refused_invalidlink"] * 2


def test_groups_and_kinds_we_do_not_use_are_recorded_and_do_nothing(hamlet):
    before = hamlet.everything()
    assert hamlet.send("message", number=1, source={"type": "group", "groupId": "C1"}, message={"type": "text"}) == 200
    assert hamlet.send("videoPlayComplete", number=2) == 200
    body = b'{"destination":"U","events":[]}'
    assert hamlet.post(body, sign(hamlet.line.secret, body)) == 200, "LINE's test of the address"
    assert hamlet.everything() == before
    assert hamlet.outcomes() == ["not_a_person", "not_used"]


# ---- words ----


@pytest.mark.parametrize("words", ["大丈夫", "あ" * 6_000, "😀" * 3_000])
def test_words_in_place_of_a_button_are_kept_for_staff_and_answered_with_the_buttons(hamlet, words):
    hamlet.line.say(hamlet.users["person1"], words)
    hamlet.line.settle()
    assert hamlet.outcomes() == ["wrote_instead"]
    (kept,) = hamlet.rows(statements)
    assert (kept.kind, kept.note) == ("wrote", words[:2_000])
    assert hamlet.case().state == "notifying", "words end nothing"
    assert hamlet.hears("person1", "お返事はまだ済んでいません")
    hamlet.line.tap(hamlet.users["person1"], "大丈夫です")
    hamlet.line.settle()
    assert hamlet.case().state == "resolved"


def test_words_without_a_question_and_words_of_a_stranger_are_answered(hamlet):
    stranger = hamlet.line.friend("stranger")
    hamlet.line.say(stranger, "こんにちは")
    hamlet.line.say(hamlet.users["tanaka"], "こんにちは")
    hamlet.line.settle()
    assert hamlet.hears(stranger, "12けたの番号")
    assert hamlet.hears("tanaka", "119番")
    assert hamlet.outcomes() == ["stranger_wrote", "wrote"]


# ---- friends ----


def methods_of(hamlet, who):
    return {
        row.channel: row.disabled_reason
        for row in hamlet.rows(contact_methods, person_id=who)
        if row.rank != 0 or row.channel == "line"
    }


def test_who_blocks_the_account_is_asked_by_the_other_way_at_once(hamlet):
    hamlet.line.block(hamlet.users["person1"])
    hamlet.line.settle()
    hamlet.at()
    assert methods_of(hamlet, "person1") == {"line": "unfollowed", "outbox": None}
    by = {row.channel: (row.state, row.failure, row.step) for row in hamlet.rows(deliveries)}
    assert by == {"line": ("failed", "blocked", 0), "outbox": ("accepted", None, 0)}


def test_a_neighbour_who_blocks_after_answering_is_not_called_again(hamlet):
    hamlet.at(31)
    hamlet.line.tap(hamlet.users["tanaka"], "行けません")
    hamlet.line.settle()
    hamlet.at()
    before = len(hamlet.rows(deliveries, person_id="tanaka"))
    hamlet.line.block(hamlet.users["tanaka"])
    hamlet.line.settle()
    hamlet.at()
    assert len(hamlet.rows(deliveries, person_id="tanaka")) == before


def test_who_comes_back_is_reached_by_line_again(hamlet):
    hamlet.line.block(hamlet.users["person1"])
    hamlet.line.follow(hamlet.users["person1"])
    hamlet.line.settle()
    assert methods_of(hamlet, "person1")["line"] is None
    assert hamlet.hears("person1", "お帰りなさい")


@pytest.mark.parametrize("first", ["unfollow", "follow"])
def test_of_coming_and_going_the_later_one_holds_in_whatever_order_it_is_told(hamlet, first):
    left = ("unfollow", 10, {})
    back = ("follow", 20, {"follow": {"isUnblocked": True}})
    for kind, number, content in sorted([left, back], key=lambda item: item[0] != first):
        assert hamlet.send(kind, number=number, **content) == 200
    assert methods_of(hamlet, "person1")["line"] is None


def test_a_blocked_contact_for_another_reason_is_not_enabled_by_a_follow(hamlet):
    (method,) = hamlet.rows(contact_methods, person_id="tanaka", channel="line")
    with edit(hamlet.town.db, actor="test", now_ms=hamlet.town.clock.now) as registry:
        registry.disable_contact_method(method.id, "wrong_person")
    hamlet.line.follow(hamlet.users["tanaka"])
    hamlet.line.settle()
    assert methods_of(hamlet, "tanaka")["line"] == "wrong_person"
    assert hamlet.hears("tanaka", "12けたの番号"), "nobody is promised messages that will not come"


# ---- linking ----


def invite(hamlet, who="tanaka"):
    with hamlet.town.db.begin() as connection:
        return linking.invite(connection, who, "staff", hamlet.town.clock.now)


def test_a_new_friend_sends_the_code_and_is_reached_from_then_on(hamlet):
    user = hamlet.line.friend("new phone", follows=False)
    code = invite(hamlet)
    hamlet.line.follow(user)
    hamlet.line.settle()
    assert hamlet.hears(user, "12けたの番号")
    hamlet.line.say(user, code)
    hamlet.line.settle()
    assert hamlet.hears(user, "登録できました")
    in_use = [row for row in hamlet.rows(contact_methods, person_id="tanaka") if row.disabled_reason is None]
    assert [(row.address, row.verified_ms) for row in in_use] == [(user, hamlet.town.clock.now)]


def test_a_wrong_code_links_nobody_and_says_so(hamlet):
    user = hamlet.line.friend("guesser")
    before = hamlet.everything()
    hamlet.line.say(user, "1234 5678 9012")
    hamlet.line.settle()
    assert hamlet.everything() == before
    assert hamlet.hears(user, "この番号は使えません")
    assert hamlet.outcomes() == ["bad_code"]


def test_lines_own_account_link_is_not_used_and_changes_nothing(hamlet):
    user = hamlet.line.friend("new phone")
    invite(hamlet)
    before = hamlet.rows(contact_methods), hamlet.rows(link_invitations)
    assert hamlet.send("accountLink", user, link={"result": "ok", "nonce": "x" * 20}) == 200
    assert [row.outcome for row in hamlet.rows(vendor_events)] == ["not_used"]
    assert (hamlet.rows(contact_methods), hamlet.rows(link_invitations)) == before


def test_no_address_and_no_words_stand_in_the_log(hamlet, caplog):
    hamlet.line.say(hamlet.users["person1"], "ひみつのことば")
    hamlet.send("postback", postback={"data": "?"})
    hamlet.line.settle()
    assert hamlet.users["person1"] not in caplog.text
    assert "ひみつ" not in caplog.text


def test_without_line_there_is_no_such_address(open_page, town):
    assert open_page().post(PATH, content=b"{}").status_code == 404
