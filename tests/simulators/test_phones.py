"""What a story asks of the doubles: its own time on their screens, and hands that do as they are told."""

import base64
import json
import urllib.parse
import urllib.request
import uuid

import pytest

from alerts.channels.line.api import LineApi
from alerts.channels.twilio.settings import TwilioSettings
from alerts.channels.twilio.voice import TwilioVoice
from alerts.decisions.model import Purpose
from alerts.ports import OutgoingMessage
from simulators.town.contacts import VENDORS, draw_contacts
from simulators.town.neighbourhood import draw_neighbourhood
from simulators.vendors.base.clock import SharedClock, reads
from simulators.vendors.twilio.process import TwilioProcess
from simulators.vendors.twilio.world import ACCOUNT_SID, TOKEN

NOON_MS = 1_764_558_000_000
NUMBER = "+819000000005"
OUTER = "https://mimamori.example.jp"


def test_a_clock_is_read_where_another_sets_it(tmp_path):
    clock = SharedClock(tmp_path / "clock", NOON_MS)
    shown = reads(tmp_path / "clock")
    assert shown() == NOON_MS
    clock.set(NOON_MS + 60_000)
    assert shown() == NOON_MS + 60_000
    clock.close()
    assert shown() == NOON_MS + 60_000


@pytest.mark.parametrize("homes", [2, 12, 40])
def test_everybody_can_be_reached_most_by_line_and_few_by_telephone_alone(homes):
    town = draw_neighbourhood(7, homes)
    contacts = draw_contacts(town)
    assert contacts == draw_contacts(town)
    assert set(contacts) == {member.id for member in town.people}
    kinds = [tuple(way.channel for way in ways) for ways in contacts.values()]
    assert all(kinds)
    assert sum(kind[0] == "line" for kind in kinds) >= len(kinds) / 2
    assert kinds.count(("voice",)) == (homes > 7) + len(town.landlines)
    owners = {}
    for person, ways in contacts.items():
        for way in ways:
            assert owners.setdefault(way.address, person) == person
    numbers = {way.address for ways in contacts.values() for way in ways if way.channel in VENDORS - {"line"}}
    assert all(number.startswith("+81900000") for number in numbers), "090-0 is nobody's in Japan"


def test_a_button_is_pressed_by_what_it_sends_if_it_is_there(line):
    user = line.friend("花")
    action = {"type": "postback", "label": "はい", "data": "a=yes", "displayText": "はい"}
    message = {"type": "text", "text": "?", "quickReply": {"items": [{"type": "action", "action": action}]}}
    assert LineApi(line.token, line.url).push(user, [message], str(uuid.uuid4())).status == 200
    assert line.press(user, "a=no") is False
    assert line.press("U" + "0" * 32, "a=yes") is False
    assert line.press(user, "a=yes") is True
    assert [event["postback"]["data"] for event in line.state()["events"]] == ["a=yes"]
    assert line.chat(user)[-1]["message"]["text"] == "はい"


def test_a_call_rings_until_the_story_says_that_nobody_picked_up(tmp_path):
    clock = SharedClock(tmp_path / "clock", NOON_MS)
    with TwilioProcess(clock=clock.path) as twilio:
        twilio.control("number", number=NUMBER, name="花")
        sid = call(twilio.url)
        assert twilio.settle()
        assert [item["status"] for item in twilio.state()["calls"]] == ["ringing"]
        assert twilio.ring_out(sid) is True
        assert [item["status"] for item in twilio.state()["calls"]] == ["no-answer"]
        assert twilio.ring_out(sid) is False
        assert "花 さんの電話" in opened(f"{twilio.url}/phone/{urllib.parse.quote(NUMBER)}")
    clock.close()


def test_what_a_test_call_says_can_be_read_after_it_was_picked_up(tmp_path):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    with TwilioProcess() as twilio:
        settings = TwilioSettings(ACCOUNT_SID, token, voice_from="+815000000000", public_url=OUTER, api_url=twilio.url)
        words = "見守りサービスの試験です。確認番号は123456です。"
        message = OutgoingMessage(
            "t1", "hana", NUMBER, "試験", words, None, Purpose.TEST, "ja", NOON_MS + 3_600_000, NOON_MS
        )
        sent = TwilioVoice(settings).send(message)
        assert sent.outcome == "ok"
        assert twilio.settle()
        page = f"{twilio.url}/phone/{urllib.parse.quote(NUMBER)}"
        assert "着信中" in opened(page)
        assert "試験" not in opened(page), "nobody has picked up"
        twilio.pick_up(NUMBER, sent.vendor_id)
        heard = opened(page)
        assert "通話しました" in heard
        assert heard.count("見守りサービスの試験です。確認番号は1、2、3、4、5、6です。") == 1, "said twice, read once"


def call(url):
    fields = {"To": NUMBER, "From": "+815000000000", "Url": f"{url}/nothing-is-said", "Timeout": "40"}
    request = urllib.request.Request(
        f"{url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json", urllib.parse.urlencode(fields).encode()
    )
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{TOKEN}".encode()).decode())
    return json.loads(opened(request))["sid"]


def opened(what):
    with urllib.request.urlopen(what, timeout=30) as answer:
        return answer.read().decode()
