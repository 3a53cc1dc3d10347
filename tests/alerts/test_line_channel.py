"""Messages by LINE, through the real sender to the double's HTTP server: each is accepted once, whatever goes wrong."""

import os
import signal
import threading
from collections import Counter

import pytest

from alerts.channels.line.api import LineApi, LineUnreachable
from alerts.channels.line.channel import LineChannel
from alerts.ports import OutgoingMessage
from alerts.settings import AlertsSettings
from store.register.registry import edit
from store.schema import attempts

HOUR = 3_600_000
SECOND = 1_000
FAULTS = (
    "error_after_accept",
    "error_before_accept",
    "timeout_after_accept",
    "timeout_before_accept",
    "drip_after_accept",
)
TIMEOUT_S = 0.7


def channel_to(line, **changes):
    values = {"token": line.token, "base_url": line.url, "timeout_s": TIMEOUT_S} | changes
    return LineChannel(LineApi(**values), values["timeout_s"])


@pytest.fixture
def chatty(found_village, line, start):
    """A village in which everybody has LINE first, and 花 a second way; her silence is due at `asked_ms`."""
    village = found_village(neighbours=2, settings=AlertsSettings(retry_first_s=15))
    village.users = {}
    with edit(village.db, actor="test", now_ms=start - HOUR) as registry:
        for who in ("hana", "ichiro", "jiro", "shiki"):
            village.users[who] = line.friend(who)
            registry.link_contact_method(who, "line", village.users[who])
            registry.disable_contact_method(f"m-{who}", "replaced")
        registry.add_contact_method("hana", "outbox", "second-phone", rank=9, id="m-hana-2")
    village.lives(start)
    village.asked_ms = start + 2 * HOUR
    village.line = channel_to(line)
    village.both = {"line": village.line, "outbox": village.channel}
    return village


def ask(village, worker="worker-1", channels=None, at_ms=None):
    now_ms = at_ms or village.asked_ms
    village.beats(now_ms)
    village.engine.tick(now_ms)
    return village.new_sender(worker, channels or village.both).run_due(now_ms)


def per_key(line):
    return Counter(item["key"] for item in line.state()["acceptances"])


def test_a_question_comes_with_its_buttons_and_its_key(chatty, line):
    assert ask(chatty).ok == 1
    (row,) = chatty.messages("hana")
    (accepted,) = line.state()["acceptances"]
    assert (row.state, accepted["key"], accepted["to"]) == ("accepted", row.id, chatty.users["hana"])
    assert line.chat(chatty.users["hana"])[0]["message"]["contents"]["header"]["contents"][0]["text"] == "お元気ですか"
    (attempt,) = chatty.rows(attempts)
    assert attempt.vendor_id == line.chat(chatty.users["hana"])[0]["id"]
    assert chatty.users["hana"] not in repr(attempt)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_ambiguous_send_is_repeated_with_the_same_key_and_accepted_once(chatty, line, fault):
    line.control("faults", kind=fault, times=2, hold_s=1.2)
    now_ms = chatty.asked_ms
    for _ in range(4):
        ask(chatty, at_ms=now_ms)
        now_ms += 60 * SECOND
    (row,) = chatty.messages("hana")
    assert row.state == "accepted"
    assert per_key(line) == {row.id: 1}
    assert {attempt.outcome for attempt in chatty.rows(attempts)} == {"ambiguous", "ok"}
    assert len([item for item in line.chat(chatty.users["hana"]) if item["by"] == "account"]) == 1
    assert line.state()["violations"] == []


def test_too_fast_is_tried_again_and_none_left_uses_the_other_way_at_once(chatty, line):
    line.control("faults", kind="rate")
    assert ask(chatty).retry == 1
    assert chatty.messages("hana")[0].state == "retry_wait"
    line.control("quota", limit=200, used=200)
    assert ask(chatty, at_ms=chatty.asked_ms + 20 * SECOND).quota == 1
    ask(chatty, at_ms=chatty.asked_ms + 21 * SECOND)
    by_line, by_phone = chatty.messages("hana")
    assert (by_line.state, by_line.failure) == ("failed", "quota")
    assert (by_phone.channel, by_phone.state, by_phone.step) == ("outbox", "accepted", by_line.step)
    assert line.state()["acceptances"] == []


def test_a_user_who_is_not_there_is_permanent_and_falls_over(chatty, line, start):
    with edit(chatty.db, actor="test", now_ms=start) as registry:
        registry.link_contact_method("hana", "line", "U" + "0" * 32)
    assert ask(chatty).permanent == 1
    ask(chatty, at_ms=chatty.asked_ms + SECOND)
    assert {row.channel: row.state for row in chatty.messages("hana")} == {"line": "failed", "outbox": "accepted"}


def test_a_wrong_token_is_permanent_and_stands_in_no_log(chatty, line, caplog):
    result = ask(chatty, channels={"line": channel_to(line, token="not-the-token")})
    assert result.permanent == 1
    assert "token_file" in caplog.text
    assert "not-the-token" not in caplog.text
    assert chatty.users["hana"] not in caplog.text


def test_nobody_listening_is_surely_not_sent(chatty):
    assert ask(chatty, channels={"line": channel_to_nowhere()}).retry == 1


def channel_to_nowhere():
    return LineChannel(LineApi("t", "http://127.0.0.1:9", 1.0), 1.0)


def test_the_quota_is_told_and_its_absence_is_said(line):
    line.control("quota", limit=500, used=42)
    api = LineApi(line.token, line.url)
    assert (api.quota().limit, api.quota().used, api.quota().left) == (500, 42, 458)
    line.control("quota", used=7)
    assert (api.quota().limit, api.quota().left) == (None, None)
    with pytest.raises(LineUnreachable, match="401"):
        LineApi("wrong", line.url).quota()


def test_a_key_that_line_has_forgotten_is_not_used_again(chatty, line):
    """As a server does that was off for a day with an ambiguous send in its hand."""
    line.control("faults", kind="error_after_accept")
    ask(chatty)
    (row,) = chatty.messages("hana")
    line.advance(24 * HOUR)
    for age_ms, outcome in ((24 * HOUR, "permanent"), (23 * HOUR, "ok")):
        sent = chatty.line.send(
            OutgoingMessage(
                delivery_id=row.id,
                person_id="hana",
                address=chatty.users["hana"],
                subject=row.subject,
                body=row.body,
                link=None,
                purpose=row.purpose,
                language="ja",
                expires_ms=row.expires_ms,
                at_ms=chatty.asked_ms + age_ms,
                ambiguous_since_ms=chatty.asked_ms,
            )
        )
        assert sent.outcome == outcome
        assert len(line.state()["acceptances"]) == (1 if outcome == "permanent" else 2), "the double's day is over"


def test_two_workers_at_once_are_accepted_once(chatty, line):
    line.control("faults", kind="error_after_accept", times=2)
    chatty.beats(chatty.asked_ms)
    chatty.engine.tick(chatty.asked_ms)
    for now_ms in (chatty.asked_ms, chatty.asked_ms + 60 * SECOND, chatty.asked_ms + 120 * SECOND):
        senders = [chatty.new_sender(f"worker-{n}", chatty.both) for n in range(2)]
        threads = [threading.Thread(target=sender.run_due, args=(now_ms,)) for sender in senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    (row,) = chatty.messages("hana")
    assert row.state == "accepted"
    assert per_key(line) == {row.id: 1}


class Killed(LineChannel):
    """Ends its own process, as a power cut would, before or after the n-th request."""

    def arm(self, point, number):
        self.point, self.left = point, number
        return self

    def send(self, message):
        self._reached("before")
        result = super().send(message)
        self._reached("after")
        return result

    def _reached(self, point):
        if point == self.point:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def send_and_die(village, line, now_ms, point, number):
    """Whether a forked sender was killed at that point; False when it lived through."""
    village.db.dispose()  # no connection is shared with the child
    child = os.fork()
    if not child:
        try:
            armed = Killed(LineApi(line.token, line.url, TIMEOUT_S), TIMEOUT_S).arm(point, number)
            village.new_sender(f"worker-{os.getpid()}", village.both | {"line": armed}).run_due(now_ms)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must never run on as a second pytest
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


@pytest.mark.parametrize("fault", [None, "error_after_accept", "timeout_after_accept"])
@pytest.mark.parametrize("point", ["before", "after"])
def test_a_killed_sender_loses_nothing_and_doubles_nothing(chatty, line, point, fault):
    called_ms = chatty.asked_ms + 40 * 60 * SECOND  # two neighbours at once, so that there is something to kill between
    ask(chatty)
    chatty.beats(called_ms)
    chatty.engine.tick(called_ms)
    kills = 0
    for number in (0, 1):
        if fault:
            line.control("faults", kind=fault, hold_s=1.2)
        kills += send_and_die(chatty, line, called_ms + number * 90 * SECOND, point, number)
    for restart in range(3, 9):
        ask(chatty, f"after-{restart}", at_ms=called_ms + restart * 90 * SECOND)
    rows = [row for who in ("hana", "ichiro", "jiro") for row in chatty.messages(who)]
    assert kills >= 1, "nobody was killed: the test would prove nothing"
    assert [row.state for row in rows] == ["accepted"] * 3
    assert per_key(line) == {row.id: 1 for row in rows}
    assert line.state()["violations"] == []


def test_a_blocked_account_is_accepted_and_nobody_sees_it(chatty, line):
    """As LINE has it: only the ``unfollow`` event tells. The webhook's tests show what follows."""
    line.block(chatty.users["hana"])
    assert ask(chatty).ok == 1
    friend = next(item for item in line.state()["friends"] if item["id"] == chatty.users["hana"])
    assert (friend["unseen"], friend["chat"]) == (1, [])
