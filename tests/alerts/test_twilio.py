"""SMS and calls over real HTTP: our sender, Twilio's double, and our webhooks, each a server on a port of its own."""

import contextlib
import os
import random
import signal
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

import pytest
import uvicorn
from fastapi import FastAPI

from alerts.channels.twilio.settings import TwilioSettings
from alerts.channels.twilio.sms import TwilioSms
from alerts.channels.twilio.voice import TwilioVoice
from alerts.channels.twilio.webhook import twilio_routes
from alerts.errors import Failure
from alerts.incidents.answers import answer_for
from alerts.ports import OutgoingMessage, SendOutcome
from alerts.tools.next_moment import next_moment_ms
from alerts.tools.test_message import send_test, verify
from simulators.vendors.twilio.double import create_double
from simulators.vendors.twilio.world import ACCOUNT_SID, TOKEN
from store.register.registry import edit
from store.schema import attempts, claims, deliveries, people, receipts, statements

HOUR = 3_600_000
MINUTE = 60_000
OUTER = "https://mimamori.example.jp"
PHONES = {"hana": "+819000000001", "ichiro": "+819000000002", "jiro": "+819000000003", "shiki": "+819000000009"}


class HandClock:
    def __init__(self):
        self.now = 0

    def wall_ms(self):
        return self.now

    def monotonic_ms(self):
        return self.now


@contextlib.contextmanager
def served(app):
    """An application on a free port; gives its address."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    until_s = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until_s, "the server does not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()


class Exchange:
    """The double, the webhooks, and the village's sender on the double."""

    def __init__(self, url, world, app, token_file):
        self.url, self.world, self.app = url, world, app
        self.clock = HandClock()
        self.token_file = token_file
        self.village = None

    def join(self, village, **settings):
        self.village = village
        values = {"sms_from": "+815000000000", "voice_from": "+815000000000", "public_url": OUTER, "timeout_s": 4}
        self.settings = TwilioSettings(
            account_sid=ACCOUNT_SID, token_file=self.token_file, api_url=self.url, **(values | settings)
        )
        self.app.router.routes.clear()
        tokens = self.settings.tokens()
        self.app.include_router(twilio_routes(village.db, self.clock, self.settings, tokens, village.settings))
        village.sender = self.sender("worker-1")

    def sender(self, owner):
        channels = {
            "outbox": self.village.channel,
            "sms": TwilioSms(self.settings),
            "voice": TwilioVoice(self.settings),
        }
        return self.village.new_sender(owner, channels)

    def at(self, now_ms):
        """The backend works, and everything that Twilio sends back has come."""
        self.clock.now = now_ms
        self.village.at(now_ms)
        self.settle()

    def settle(self):
        callbacks = self.app.state.callbacks
        until_s = time.monotonic() + 20
        while not callbacks.idle:
            assert time.monotonic() < until_s, "the double never comes to rest"
            time.sleep(0.005)

    def by_hand(self, path, **fields):
        """A form on a phone of the double."""
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(f"{self.url}/phone/{urllib.parse.quote(path)}", data, timeout=20) as answer:
            page = answer.read().decode()
        self.settle()
        return page

    def taken(self):
        """How often the vendor took each delivery."""
        addresses = [item.callback for item in (*self.world.messages, *self.world.calls) if item.callback]
        return Counter(address.partition("#")[0].rsplit("/", 1)[1] for address in addresses)

    def states(self, person):
        rows = sorted(self.village.messages(person), key=lambda row: (row.created_ms, row.channel != "sms"))
        return [(row.channel, row.state) for row in rows]


@pytest.fixture(scope="module")
def twilio_server(tmp_path_factory):
    """The double and an empty application for our webhooks, reached as behind a TLS proxy."""
    webhooks, clock = FastAPI(), HandClock()
    with served(webhooks) as inner:
        double = create_double(
            incoming=f"{OUTER}/webhooks/twilio/incoming", reach={OUTER: inner}, clock=clock.wall_ms, late_s=6.0
        )
        webhooks.state.callbacks = double.state.callbacks
        with served(double) as url:
            token_file = tmp_path_factory.mktemp("twilio") / "twilio.token"
            made = Exchange(url, double.state.world, webhooks, token_file)
            made.clock = clock
            yield made


@pytest.fixture
def twilio(twilio_server, village, start):
    """Everybody has SMS first and then voice; the outbox is out of use."""
    twilio_server.settle()
    twilio_server.world.reset()
    twilio_server.app.state.callbacks.forget()
    twilio_server.token_file.write_text(TOKEN + "\n")
    with edit(village.db, actor="test", now_ms=start) as registry:
        for person, number in PHONES.items():
            registry.disable_contact_method(f"m-{person}", "moved")
            registry.add_contact_method(person, "sms", number, rank=1, id=f"sms-{person}")
            registry.add_contact_method(person, "voice", number, rank=2, id=f"voice-{person}")
        registry.disable_contact_method("m-saburo", "moved")
    twilio_server.join(village)
    return twilio_server


@pytest.fixture
def called(twilio, start):
    """花 was asked, then 一郎 and 次郎 were called by SMS; gives the moment."""
    twilio.at(start + 2 * HOUR)
    twilio.at(start + 2 * HOUR + 30 * MINUTE)
    return start + 2 * HOUR + 30 * MINUTE


def bodies(twilio, person):
    return [item.body for item in twilio.world.messages if item.to == PHONES[person]]


# ---- SMS ----


def test_an_sms_goes_out_short_and_in_time_and_is_delivered(twilio, start):
    twilio.at(start + 2 * HOUR)
    (message,) = twilio.world.messages
    assert message.to == PHONES["hana"]
    assert message.body.startswith("【見守り】佐藤 花様")
    assert message.validity_s == 300, "another way waits: five minutes for this one"
    assert twilio.states("hana") == [("sms", "delivered")]
    assert twilio.world.refused == []


def test_undelivered_falls_over_to_a_call(twilio, start):
    twilio.world.sms[PHONES["hana"]] = "filtered"
    twilio.world.voice[PHONES["hana"]] = "1"
    twilio.at(start + 2 * HOUR)
    assert twilio.states("hana") == [("sms", "failed"), ("voice", "pending")]
    twilio.at(start + 2 * HOUR + 1000)
    assert twilio.states("hana") == [("sms", "failed"), ("voice", "read")]
    assert (twilio.village.case().state, twilio.village.case().outcome) == ("resolved", "self_ok")


def test_staff_read_in_an_sms_and_hear_in_a_call_who_called_119_and_again_in_the_reminder(twilio, called):
    twilio.world.sms[PHONES["shiki"]] = "filtered"
    twilio.world.voice[PHONES["shiki"]] = "listens"
    caller = next(row.name for row in twilio.village.rows(people) if row.id == "ichiro")
    answer_for(twilio.village.db, twilio.village.case().id, "ichiro", "called_119", called + MINUTE, "board")
    for minutes in (1, 2, 31, 32):
        twilio.at(called + minutes * MINUTE)
    written = bodies(twilio, "shiki")
    spoken = [item.said[0] for item in twilio.world.calls if item.to == PHONES["shiki"]]
    assert (len(written), len(spoken)) == (2, 2)
    assert all(f"{caller}様が119番に通報" in text and len(text) <= 70 for text in written)
    assert all(f"{caller}様が、119番に通報しました" in words for words in spoken)
    assert not any(number in text for number in PHONES.values() for text in written + spoken)


@pytest.mark.parametrize("behaviour", ["not_capable", "opted_out", "invalid"])
def test_a_number_that_takes_no_sms_is_called_at_once(twilio, start, behaviour):
    twilio.world.sms[PHONES["hana"]] = behaviour
    twilio.world.voice[PHONES["hana"]] = "listens"
    twilio.at(start + 2 * HOUR)
    twilio.at(start + 2 * HOUR + 1000)
    assert twilio.states("hana") == [("sms", "failed"), ("voice", "accepted")] or twilio.states("hana") == [
        ("sms", "failed"),
        ("voice", "delivered"),
    ]


def test_a_phone_that_is_off_gets_another_sms_and_then_a_call(twilio, start):
    twilio.world.sms[PHONES["hana"]] = "off"
    twilio.world.voice[PHONES["hana"]] = "1"
    for seconds in range(0, 8 * 60, 20):
        twilio.at(start + 2 * HOUR + seconds * 1000)
    assert 2 <= len(bodies(twilio, "hana")) <= 5
    assert twilio.states("hana")[0][0] == "sms"
    assert twilio.states("hana")[-1] == ("voice", "read")


def test_a_refused_account_is_said_loudly_and_costs_no_alert(twilio, start, caplog):
    twilio.token_file.write_text("not-the-token-of-this-account-0000\n")
    twilio.join(twilio.village)
    with edit(twilio.village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("hana", "outbox", "another-phone", rank=9, id="o-hana")
    for seconds in (0, 1, 2):
        twilio.at(start + 2 * HOUR + seconds * 1000)
    assert [row.failure for row in twilio.village.messages("hana") if row.channel != "outbox"] == ["account"] * 2
    assert ("outbox", "accepted") in twilio.states("hana")
    assert any(record.levelname == "CRITICAL" for record in caplog.records)
    assert all(number not in caplog.text for number in PHONES.values())


def test_with_two_way_numbers_the_text_says_how_to_reply(twilio, start):
    twilio.join(twilio.village, sms_replies=True, sms_link=True)
    twilio.at(start + 2 * HOUR)
    (body,) = bodies(twilio, "hana")
    assert "返信 1大丈夫 2助けて\nhttp://127.0.0.1:1/r/" in body


# ---- Duplicates, kills, callbacks in disorder ----


def unknown_tries(village):
    """How often each delivery's outcome was unknown because something may have been sent."""
    rows = village.rows(attempts)
    return Counter(
        row.delivery_id for row in rows if row.outcome == "ambiguous" and row.failure != Failure.NOT_LOOKED_UP
    )


@pytest.mark.parametrize("seed", range(6))
def test_under_any_faults_nothing_is_lost_and_twice_only_what_nobody_knew(twilio, start, seed):
    dice = random.Random(seed)
    faults = ["error_before", "error_after_accept", "rate", "look_up_error"]
    twilio.world.voice.update(dict.fromkeys(PHONES.values(), "busy"))
    twilio.world.faults.extend(["error_after_accept", *(dice.choice(faults) for _ in range(dice.randint(1, 12)))])
    twilio.world.callback_faults = set(dice.sample(["duplicate", "reverse"], dice.randint(0, 2)))
    if seed % 2:  # no receipt tells: the look-up alone must
        twilio.world.callback_faults.add("hold")
    twilio.village.presses("help", start + HOUR)
    now, end = start + HOUR, start + HOUR + 20 * MINUTE
    while now < end:  # from one moment at which something is due to the next
        twilio.at(now)
        if dice.random() < 0.2:
            twilio.app.state.callbacks.release()
            twilio.settle()
        now = max(now + 1000, min(next_moment_ms(twilio.village.engine, now) or end, now + 2 * MINUTE))
    twilio.app.state.callbacks.release()
    twilio.settle()
    taken, unknown = twilio.taken(), unknown_tries(twilio.village)
    rows = [row for row in twilio.village.rows(deliveries) if row.channel == "sms"]
    assert {row.person_id for row in rows} >= {"ichiro", "jiro", "shiki"}
    for row in rows:
        assert taken[row.id] <= 1 + unknown[row.id], f"seed {seed}"
        reached = row.state in ("accepted", "delivered")
        assert reached == (taken[row.id] >= 1), "taken by the vendor, and known to be; or failed over"
        assert reached or row.state in ("failed", "expired")
        assert reached or any(
            other.channel == "voice" and other.person_id == row.person_id for other in twilio.village.rows(deliveries)
        )
    assert max(taken[row.id] for row in rows) == 1, "the look-up found every one of them"


def test_an_answer_that_comes_too_late_leaves_one_message(twilio, start):
    twilio.join(twilio.village, timeout_s=1)
    twilio.world.faults.append("timeout_after_accept")
    twilio.world.callback_faults = {"hold"}
    twilio.at(start + 2 * HOUR)
    assert twilio.states("hana") == [("sms", "unknown")]
    twilio.at(start + 2 * HOUR + 15_000)
    assert twilio.states("hana") == [("sms", "accepted")]
    assert set(twilio.taken().values()) == {1}


@pytest.mark.parametrize("channel", ["sms", "voice"])
@pytest.mark.parametrize("callbacks", ["heard", "lost"])
def test_a_sender_killed_between_send_and_record_sends_nothing_twice(twilio, start, channel, callbacks):
    if channel == "voice":
        with edit(twilio.village.db, actor="test", now_ms=start) as registry:
            registry.disable_contact_method("sms-hana", "blocked")
        twilio.world.voice[PHONES["hana"]] = "rings"
    if callbacks == "lost":
        twilio.world.callback_faults = {"hold"}
    now = start + 2 * HOUR
    twilio.clock.now = now
    twilio.village.beats(now)
    twilio.village.engine.tick(now)
    killed_after_the_send(twilio, channel, now)
    twilio.settle()
    (row,) = twilio.village.messages("hana")
    assert (row.state, set(twilio.taken().values())) == (
        "accepted"
        if callbacks == "heard" and channel == "voice"
        else "delivered"
        if callbacks == "heard"
        else "sending",
        {1},
    )
    twilio.village.sender = twilio.sender("worker-2")
    twilio.at(now + 61_000)
    assert set(twilio.taken().values()) == {1}, "looked up, not sent again"
    assert twilio.village.messages("hana")[0].state in ("accepted", "delivered")


def killed_after_the_send(twilio, channel, now):
    twilio.village.db.dispose()
    child = os.fork()
    if not child:
        try:
            sender = twilio.sender("killed")
            send = sender._channels[channel].send
            sender._channels[channel].send = lambda message: (send(message), os.kill(os.getpid(), signal.SIGKILL))
            sender.run_due(now)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must never run on as a second pytest
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.mark.parametrize("faults", [set(), {"duplicate"}, {"reverse"}, {"duplicate", "reverse"}, {"hold", "reverse"}])
def test_callbacks_twice_late_or_turned_round_end_in_the_same_state(twilio, start, faults):
    twilio.world.callback_faults = faults
    twilio.at(start + 2 * HOUR)
    twilio.app.state.callbacks.release()
    twilio.settle()
    assert twilio.states("hana") == [("sms", "delivered")]
    assert sorted(row.kind for row in twilio.village.rows(receipts)) == ["delivered", "sent"]
    assert twilio.village.case().state == "notifying"


def test_two_messages_to_one_number_are_not_taken_for_each_other(twilio, start):
    """一郎 and 次郎 share a phone: the text is the same, and the second one's outcome is unknown."""
    with edit(twilio.village.db, actor="test", now_ms=start) as registry:
        registry.disable_contact_method("sms-jiro", "moved")
        registry.add_contact_method("jiro", "sms", PHONES["ichiro"], rank=1, id="shared")
    twilio.at(start + 2 * HOUR)
    twilio.world.faults.extend(["error_before"])
    twilio.world.callback_faults = {"hold"}
    twilio.at(start + 2 * HOUR + 30 * MINUTE)
    twilio.at(start + 2 * HOUR + 31 * MINUTE)
    assert len(bodies(twilio, "ichiro")) == 2, "each got theirs"
    assert len(set(bodies(twilio, "ichiro"))) == 1


# ---- Calls ----


@pytest.fixture
def voice_only(twilio, start):
    """People have only a phone that rings."""
    with edit(twilio.village.db, actor="test", now_ms=start) as registry:
        for person in PHONES:
            registry.disable_contact_method(f"sms-{person}", "moved")
    return twilio


@pytest.mark.parametrize(
    ("key", "state", "answer"),
    [("1", "claimed", "going"), ("2", "resolved", "safe"), ("3", "notifying", "cannot")],
)
def test_a_key_answers(voice_only, start, key, state, answer):
    voice_only.world.voice.update({PHONES["hana"]: "listens", PHONES["ichiro"]: key, PHONES["jiro"]: key})
    voice_only.at(start + 2 * HOUR)
    voice_only.at(start + 2 * HOUR + 30 * MINUTE)
    assert voice_only.village.case().state == state
    assert voice_only.village.case().step == (2 if key == "3" else 1), "with nobody left to go, staff are asked"
    assert {row.kind for row in voice_only.village.rows(statements)} == {answer}
    assert {row.channel for row in voice_only.village.rows(statements)} == {"voice"}
    assert ("voice", "read") in voice_only.states("ichiro")
    call = next(item for item in voice_only.world.calls if item.to == PHONES["ichiro"])
    assert "佐藤 花様と、連絡がとれません" in call.said[0]
    assert "向かう方は、1を" in call.said[0]
    assert voice_only.world.refused == []


def test_the_words_are_said_twice_and_silence_is_no_answer(voice_only, start):
    voice_only.world.voice[PHONES["hana"]] = "listens"
    voice_only.at(start + 2 * HOUR)
    (call,) = voice_only.world.calls
    assert [call.said.count(words) for words in dict.fromkeys(call.said)] == [2, 1]
    assert voice_only.states("hana") == [("voice", "delivered")]
    assert voice_only.village.rows(statements) == []
    voice_only.at(start + 2 * HOUR + 30 * MINUTE)
    assert voice_only.village.case().step == 1, "nobody answered: the neighbours are called"


def test_a_key_without_a_meaning_says_it_again_and_changes_nothing(voice_only, start):
    voice_only.world.voice[PHONES["hana"]] = "9"
    voice_only.at(start + 2 * HOUR)
    (call,) = voice_only.world.calls
    assert call.said[1] == "その番号は使えません。"
    assert call.said[2] == call.said[0]
    assert voice_only.village.rows(statements) == []


@pytest.mark.parametrize("behaviour", ["busy", "no_answer", "voicemail"])
def test_nobody_there_is_called_again_and_is_never_an_answer(voice_only, start, behaviour):
    voice_only.world.voice[PHONES["hana"]] = behaviour
    voice_only.at(start + 2 * HOUR)
    assert voice_only.states("hana") == [("voice", "retry_wait")]
    if behaviour == "voicemail":
        assert voice_only.world.calls[0].said == [], "a machine is told nothing"
    voice_only.at(start + 2 * HOUR + 61_000)
    assert len(voice_only.world.calls) == 2
    voice_only.world.voice[PHONES["hana"]] = "1"
    voice_only.at(start + 2 * HOUR + 200_000)
    assert voice_only.village.case().outcome == "self_ok"


def test_after_some_calls_in_vain_the_next_method_is_used(twilio, start):
    with edit(twilio.village.db, actor="test", now_ms=start) as registry:
        registry.disable_contact_method("sms-hana", "moved")
        registry.add_contact_method("hana", "outbox", "the-neighbours-tablet", rank=9, id="o-hana")
    twilio.world.voice[PHONES["hana"]] = "busy"
    for seconds in range(0, 6 * 60, 20):
        twilio.at(start + 2 * HOUR + seconds * 1000)
    assert 2 <= len(twilio.world.calls) <= 5
    assert twilio.states("hana") == [("voice", "expired"), ("outbox", "accepted")]


def test_a_hand_picks_up_and_presses_on_the_phone_page(voice_only, start):
    voice_only.at(start + 2 * HOUR)
    number, (call,) = PHONES["hana"], voice_only.world.calls
    assert "着信中" in urllib.request.urlopen(f"{voice_only.url}/", timeout=20).read().decode()
    page = voice_only.by_hand(f"{number}/call/{call.sid}", do="answer")
    assert "お変わりありませんか" in page
    voice_only.by_hand(f"{number}/call/{call.sid}", do="press", key="2")
    assert [row.kind for row in voice_only.village.rows(statements)] == ["help"], "says that help is needed"
    voice_only.at(start + 2 * HOUR + 1000)
    assert voice_only.village.case().step == 1, "neighbours are called at once"


def test_a_call_about_a_case_that_has_ended_says_so(voice_only, start):
    voice_only.at(start + 2 * HOUR)
    (call,) = voice_only.world.calls
    voice_only.village.presses("ok", start + 2 * HOUR + 1000)
    voice_only.at(start + 2 * HOUR + 1000)
    voice_only.by_hand(f"{PHONES['hana']}/call/{call.sid}", do="answer")
    assert "もう対応が終わりました" in call.said[0]


# ---- Replies by SMS ----


@pytest.mark.parametrize(
    ("words", "kind", "state"),
    [("１", "going", "claimed"), ("無事でした。", "safe", "resolved"), ("3", "cannot", "notifying")],
)
def test_a_reply_answers_and_is_thanked_for(twilio, called, words, kind, state):
    twilio.clock.now = called + MINUTE
    twilio.by_hand(f"{PHONES['ichiro']}/reply", words=words)
    assert [(row.kind, row.said_by, row.channel) for row in twilio.village.rows(statements)] == [
        (kind, "ichiro", "sms")
    ]
    if kind == "cannot":
        twilio.by_hand(f"{PHONES['jiro']}/reply", words=words)
    assert (twilio.village.case().state, twilio.village.case().step) == (state, 2 if kind == "cannot" else 1)
    assert "承りました" in bodies(twilio, "ichiro")[-1]
    assert (len(twilio.village.rows(claims)), kind) in [(1, "going"), (0, "safe"), (0, "cannot")]


def test_a_reply_that_cannot_be_read_is_kept_for_staff_and_answered_with_help(twilio, called):
    twilio.clock.now = called + MINUTE
    twilio.by_hand(f"{PHONES['ichiro']}/reply", words="2時に行きます")
    (row,) = twilio.village.rows(statements)
    assert (row.kind, row.note, twilio.village.case().state) == ("unclear", "2時に行きます", "notifying")
    assert "数字だけ" in bodies(twilio, "ichiro")[-1]


def test_a_reply_about_several_people_decides_nothing(twilio, called, start):
    with edit(twilio.village.db, actor="test", now_ms=start) as registry:
        registry.add_person("山田 太郎", id="taro")
        registry.add_home("taro", "council", "gw-taro", area="新町", id="home-taro")
        registry.relate("taro", "ichiro", "neighbour", id="r-taro")
        registry.relate("taro", "shiki", "staff", id="r-taro-staff")
    twilio.village.presses("help", called + MINUTE, home="home-taro")
    twilio.at(called + MINUTE)
    assert len(bodies(twilio, "ichiro")) == 2
    twilio.by_hand(f"{PHONES['ichiro']}/reply", words="2")
    assert {row.kind for row in twilio.village.rows(statements) if row.channel == "sms"} == {"unclear"}
    assert "複数の方" in bodies(twilio, "ichiro")[-1]


def test_a_reply_of_a_stranger_changes_nothing(twilio, called):
    before = len(twilio.world.messages)
    twilio.by_hand("+819099999999/reply", words="2")
    assert twilio.village.rows(statements) == []
    assert len(twilio.world.messages) == before + 1, "no answer to a number that nobody asked"


# ---- Keys of the account, and the double itself ----


def test_both_tokens_are_taken_while_they_are_rotated(twilio, start):
    twilio.token_file.write_text(f"{TOKEN}\nthe-former-token-0000000000000000\n")
    twilio.join(twilio.village)
    twilio.at(start + 2 * HOUR)
    assert twilio.states("hana") == [("sms", "delivered")]
    assert twilio.world.seen["webhook 204"] == 2


def message(**changes):
    values = {
        "delivery_id": "d-1", "person_id": "hana", "address": PHONES["hana"], "subject": "s", "body": "本文",
        "link": None, "purpose": "call", "language": "ja", "expires_ms": 300_000, "at_ms": 0,
        "kind": "silence", "name": "佐藤 花",
    }  # fmt: skip
    return OutgoingMessage(**(values | changes))


def test_nobody_listening_is_surely_not_sent(twilio):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        twilio.join(twilio.village)
        settings = TwilioSettings(
            account_sid=ACCOUNT_SID, token_file=twilio.token_file, sms_from="+815000000000",
            api_url=f"http://127.0.0.1:{closed.getsockname()[1]}",
        )  # fmt: skip
        assert TwilioSms(settings).send(message()).outcome is SendOutcome.RETRY


def test_the_double_refuses_what_twilio_would(twilio):
    def post(resource, account=ACCOUNT_SID, token=TOKEN, **fields):
        address = f"{twilio.url}/2010-04-01/Accounts/{account}/{resource}.json"
        manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
        manager.add_password(None, twilio.url, account, token, is_authenticated=True)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
        try:
            with opener.open(address, urllib.parse.urlencode(fields).encode(), timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    good = {"To": PHONES["hana"], "From": "+815000000000", "Body": "本文"}
    assert post("Messages", **good) == 201
    assert post("Messages", **good, ValidityPeriod="300") == 201
    for bad in (
        {"ValidityPeriod": "soon"}, {"ValidityPeriod": "0"}, {"Body": ""}, {"Body": "あ" * 1601}, {"To": "090"},
        {"From": "a name that is too long"}, {"Bodyy": "x"}, {"MessagingServiceSid": "MG1"}, {"StatusCallback": "ftp://x"},
    ):  # fmt: skip
        assert post("Messages", **(good | bad)) == 400, bad
    assert post("Messages", token="another-token", **good) == 401
    assert post("Calls", To=PHONES["hana"], From="+815000000000") == 400, "nothing to say"
    assert post("Calls", To=PHONES["hana"]) == 400


# ---- Tests of a contact method ----


def test_a_test_by_sms_and_by_voice_brings_its_code_and_calls_back_about_nothing(twilio, start):
    twilio.world.voice[PHONES["hana"]] = "listens"
    channels = {"sms": TwilioSms(twilio.settings), "voice": TwilioVoice(twilio.settings)}
    for method in ("sms-hana", "voice-hana"):
        assert send_test(twilio.village.db, channels, method, start).outcome is SendOutcome.OK
    twilio.settle()
    (body,) = bodies(twilio, "hana")
    verify(twilio.village.db, "sms-hana", body, "operator", start + 1)
    (call,) = twilio.world.calls
    assert len(call.said) == 2
    assert "、" in call.said[0], "the code digit by digit"
    verify(twilio.village.db, "voice-hana", call.said[0], "operator", start + 1)
    assert twilio.taken() == Counter()
    assert twilio.world.refused == []
