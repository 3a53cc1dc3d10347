"""LINE's webhooks: what is signed, and what can be read."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.line.webhook_events import LineEvent, UnreadableWebhook, is_signed, read_events

SECRET = "channel secret"
USER = "U" + "0" * 32


def sign(body, secret=SECRET):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def body_of(**changes):
    event = {
        "type": "postback",
        "mode": "active",
        "timestamp": 1_767_225_600_000,
        "source": {"type": "user", "userId": USER},
        "webhookEventId": "01FZ74A0TDDPYRVKNK77XKC3ZR",
        "deliveryContext": {"isRedelivery": False},
        "replyToken": "r",
        "postback": {"data": "a=safe&t=x"},
    }
    return json.dumps({"destination": USER, "events": [event | changes]}).encode()


def test_an_event_is_read():
    (event,) = read_events(body_of())
    assert event == LineEvent("01FZ74A0TDDPYRVKNK77XKC3ZR", "postback", 1_767_225_600_000, USER, "r", "a=safe&t=x")


def test_the_signature_is_of_the_bytes_as_they_came():
    body = body_of()
    assert is_signed(body, sign(body), [SECRET])
    assert is_signed(body, sign(body, "next"), [SECRET, "next"]), "two secrets while they change"
    assert not is_signed(body + b" ", sign(body), [SECRET])
    assert not is_signed(body, sign(body, "other"), [SECRET])


@pytest.mark.parametrize("signature", ["", "x", "é", "====", "AAAA", sign(b"other")])
def test_anything_else_is_no_signature(signature):
    assert not is_signed(body_of(), signature, [SECRET])


@pytest.mark.parametrize(
    "source",
    [None, 3, {"type": "group", "groupId": "C", "userId": USER}, {"type": "user"}, {"type": "user", "userId": "x"}],
)
def test_only_a_one_to_one_chat_has_a_user(source):
    assert read_events(body_of(source=source))[0].user_id is None


def test_unknown_kinds_and_fields_are_no_error():
    (event,) = read_events(body_of(type="somethingNew", extra={"a": [1]}))
    assert (event.kind, event.content) == ("somethingNew", None)


def test_the_test_of_the_address_has_no_events():
    assert read_events(b'{"destination":"U","events":[]}') == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"events": {}}',
        b'{"events": [3]}',
        b"[" * 100_000,
        body_of(webhookEventId=None),
        body_of(webhookEventId="x" * 65),
        body_of(webhookEventId="a b"),
        body_of(type=3),
        body_of(timestamp="1"),
        body_of(timestamp=True),
        body_of(timestamp=-1),
    ],
)
def test_what_cannot_be_read_is_said(body):
    with pytest.raises(UnreadableWebhook):
        read_events(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["events", "type", "source", "timestamp", "webhookEventId", "postback", "link", "message"]
                ),
                x,
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=100, deadline=None)
def test_no_json_breaks_the_reader(content):
    try:
        events = read_events(json.dumps(content).encode())
    except UnreadableWebhook:
        return
    assert all(isinstance(event, LineEvent) for event in events)
