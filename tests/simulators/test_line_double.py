"""The LINE double is as strict as LINE, signs as LINE does, and plays its faults."""

import json
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest
from linebot.v3 import WebhookParser
from linebot.v3.exceptions import InvalidSignatureError

from simulators.vendors.base.process import DoubleProcessError
from simulators.vendors.line.webhooks import sign

TEXT = {"type": "text", "text": "こんにちは"}
DAY_MS = 24 * 3_600_000


def call(line, path, body=None, headers=None, method=None):
    """Status, headers and content of a request to the double."""
    sent = {"Authorization": f"Bearer {line.token}", "Content-Type": "application/json"} | (headers or {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        line.url + path, data, {k: v for k, v in sent.items() if v is not None}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def push(line, to, *messages, key=None, **headers):
    retry = {"X-Line-Retry-Key": key} if key else {}
    return call(line, "/v2/bot/message/push", {"to": to, "messages": list(messages) or [TEXT]}, retry | headers)


def test_a_key_is_executed_once_for_a_day(line):
    user, key = line.friend("花"), str(uuid.uuid4())
    status, headers, _ = push(line, user, key=key)
    again, named, content = push(line, user, key=key)
    assert (status, again) == (200, 409)
    assert named["X-Line-Accepted-Request-Id"] == headers["X-Line-Request-Id"]
    assert "sentMessages" in json.loads(content)
    line.advance(DAY_MS - 60_000)
    assert push(line, user, key=key)[0] == 409
    line.advance(60_000)
    assert push(line, user, key=key)[0] == 200, "the key is forgotten"
    assert line.state()["violations"] == ["a key was used again after it had expired"]


def test_a_push_without_a_key_is_taken_and_held_against_the_sender(line):
    assert push(line, line.friend("花"))[0] == 200
    assert line.state()["violations"] == ["push without a retry key"]


def quick(**action):
    item = {
        "type": "action",
        "action": {"type": "postback", "label": "はい", "data": "d", "displayText": "はい"} | action,
    }
    return {"type": "text", "text": "x", "quickReply": {"items": [item]}}


EMPTY_BOX = {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": []}}
NO_SCHEME = {"type": "action", "action": {"type": "uri", "label": "l", "uri": "javascript:1"}}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "text", "text": ""},
        {"type": "text", "text": "😀" * 2_501},
        {"type": "text", "text": "x", "unknown": 1},
        {"type": "words", "text": "x"},
        {"type": "flex", "altText": "x" * 401, "contents": {"type": "bubble"}},
        {"type": "flex", "altText": "x", "contents": EMPTY_BOX},
        {"type": "text", "text": "x", "quickReply": {"items": []}},
        quick(label="l" * 21),
        quick(data="d" * 301),
        quick(displayText=""),
        {"type": "text", "text": "x", "quickReply": {"items": [NO_SCHEME]}},
        {"type": "template", "altText": "x", "template": {"type": "confirm", "text": "x", "actions": []}},
    ],
)
def test_what_line_refuses_is_refused(line, message):
    status, _, content = push(line, line.friend("花"), message, key=str(uuid.uuid4()))
    assert status == 400, content
    assert line.state()["acceptances"] == []


def test_wrong_requests_are_refused(line):
    user = line.friend("花")
    assert push(line, user, key="not-a-uuid")[0] == 400
    assert push(line, user, *[TEXT] * 6)[0] == 400
    assert push(line, "U" + "0" * 32)[0] == 400
    assert push(line, "somebody")[0] == 400
    assert push(line, user, Authorization="Bearer wrong")[0] == 401
    assert push(line, user, **{"Content-Type": "text/plain"})[0] == 415
    assert call(line, "/v2/bot/message/reply", {"replyToken": "x", "messages": [TEXT]})[0] == 400
    assert line.state()["acceptances"] == []


def test_a_reply_token_works_once_within_a_minute_and_takes_no_key(line):
    user = line.friend("花")
    line.say(user, "一")
    line.say(user, "二")
    first, second = [event["replyToken"] for event in line.state()["events"]]
    body = {"replyToken": first, "messages": [TEXT]}
    assert call(line, "/v2/bot/message/reply", body, {"X-Line-Retry-Key": str(uuid.uuid4())})[0] == 400
    assert [call(line, "/v2/bot/message/reply", body)[0] for _ in range(2)] == [200, 400]
    line.advance(60_000)
    assert call(line, "/v2/bot/message/reply", body | {"replyToken": second})[0] == 400


def test_the_quota_is_counted_and_runs_out(line):
    user = line.friend("花")
    line.control("quota", limit=1)
    assert [push(line, user, key=str(uuid.uuid4()))[0] for _ in range(2)] == [200, 429]
    assert json.loads(call(line, "/v2/bot/message/quota")[2]) == {"type": "limited", "value": 1}
    assert json.loads(call(line, "/v2/bot/message/quota/consumption")[2]) == {"totalUsage": 1}


def test_events_are_signed_as_the_vendors_library_expects(line):
    user = line.friend("花")
    line.say(user, "大丈夫")
    line.block(user)
    line.follow(user)
    events = line.state()["events"]
    body = json.dumps({"destination": "U" + "b" * 32, "events": events}, ensure_ascii=False)
    parser = WebhookParser(line.secret)
    kinds = [event.type for event in parser.parse(body, sign(line.secret, body.encode()))]
    assert kinds == ["message", "unfollow", "follow"]
    with pytest.raises(InvalidSignatureError):
        parser.parse(body, sign("another", body.encode()))


def test_a_phone_shows_the_chat_and_its_buttons_and_nothing_of_the_message_is_markup(line):
    user = line.friend("<b>花</b>")
    push(line, user, quick() | {"text": "<script>alert(1)</script>"}, key=str(uuid.uuid4()))
    page = call(line, f"/phone/{user}")[2].decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>花" not in page
    assert 'value="はい"' in page
    line.tap(user, "はい")
    assert line.state()["events"][0]["postback"] == {"data": "d"}
    assert [item["message"]["text"] for item in line.chat(user)][1:] == ["はい"]
    assert user in call(line, "/")[2].decode()
    with pytest.raises(DoubleProcessError, match="404"):
        line.tap(user, "いいえ", line.chat(user)[0]["id"])


def test_unknown_faults_are_named(line):
    with pytest.raises(DoubleProcessError, match="error_after_accept"):
        line.control("faults", kind="earthquake")
