"""What a LINE chat shows: always something that LINE takes, with buttons that only we can have made."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.line.messages import LONGEST_DATA, chat_messages, cut, postback_data, read_postback
from alerts.channels.line.texts import LOCALES, Say, buttons, say
from alerts.decisions.model import Answer
from alerts.ports import OutgoingMessage
from alerts.wording.catalogue import texts_in
from alerts.wording.links import Links
from alerts.wording.messages import utf16_length
from simulators.vendors.line.checks import LineRefusal, read_push
from simulators.vendors.line.world import actions_of

NOW = 1_767_225_600_000
DELIVERY = "0f3a7d0a-51cb-4a86-9a4b-0a2f6d1b7c11"
LINKS = Links("a secret of the tests only", "https://mimamori.example")
USER = "U" + "0" * 32
SCALARS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def message(**changes):
    values = {
        "delivery_id": DELIVERY,
        "person_id": "ichiro",
        "address": USER,
        "subject": "様子を見てください",
        "body": "【見守り】佐藤 花様（本町）とご連絡がとれません。",
        "link": LINKS.url(DELIVERY, NOW),
        "purpose": "call",
        "language": "ja",
        "expires_ms": NOW,
        "at_ms": NOW,
        "token": LINKS.sign(DELIVERY, NOW),
        "kind": "silence",
    }
    return OutgoingMessage(**(values | changes))


def pushed(messages):
    """The messages, if the vendor takes them."""
    return read_push(json.dumps({"to": USER, "messages": messages}).encode())["messages"]


def labels(messages):
    return [action["label"] for item in messages for action in actions_of(item)]


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("ask", ["大丈夫です", "助けてほしい", "くわしく見る"]),
        ("call", ["向かいます", "無事でした", "行けません", "119番に通報しました", "くわしく見る"]),
        ("staff", ["向かいます", "無事でした", "行けません", "119番に通報しました", "くわしく見る"]),
        ("news", []),
    ],
)
def test_who_is_asked_has_buttons_and_news_has_none(purpose, expected):
    assert labels(pushed(chat_messages(message(purpose=purpose)))) == expected


@pytest.mark.parametrize("kind", ["gateway_lost", "sensor_lost", "area_outage", ""])
def test_trouble_with_devices_and_many_cases_in_one_message_have_no_buttons(kind):
    assert labels(pushed(chat_messages(message(purpose="staff", kind=kind)))) == []


def test_after_the_end_there_is_nothing_to_press():
    assert labels(pushed(chat_messages(message(token=None, link=None)))) == []


@pytest.mark.parametrize("link", [None, "http://127.0.0.1:8800/r/x"])
def test_a_page_that_no_phone_reaches_has_no_button(link):
    assert "くわしく見る" not in labels(chat_messages(message(link=link)))


def test_the_same_message_is_the_same_at_every_try():
    assert chat_messages(message()) == chat_messages(message())


def test_a_button_names_the_answer_and_the_message():
    (card,) = chat_messages(message())
    kind, token = read_postback(actions_of(card)[0]["data"])
    assert (kind, LINKS.read(token, NOW)) == (Answer.GOING, DELIVERY)
    assert max(len(action.get("data", "")) for action in actions_of(card)) <= LONGEST_DATA


def test_a_token_that_does_not_fit_is_refused_not_cut():
    with pytest.raises(ValueError, match="300 characters"):
        postback_data(Answer.SAFE, "x" * 300)


@pytest.mark.parametrize(
    "data", ["", "a=safe", "t=x", "a=safe&t=x&z=1", "a=safe&a=going&t=x", "x" * 301, "richmenu", "%"]
)
def test_anything_else_is_no_button_of_ours(data):
    assert read_postback(data) is None


@given(
    subject=SCALARS, body=SCALARS, purpose=st.sampled_from(["ask", "call", "staff", "news"]), times=st.integers(1, 900)
)
@settings(max_examples=60, deadline=None)
def test_line_takes_whatever_we_are_given(subject, body, purpose, times):
    messages = chat_messages(message(subject=subject[:200], body=(body * times)[:9_000], purpose=purpose))
    assert pushed(messages) == messages


def test_half_a_character_does_not_refuse_the_push():
    assert pushed(chat_messages(message(body="\ud83d です")))


def test_the_check_itself_refuses():
    too_long = [{"type": "text", "text": "あ" * 5_001}]
    with pytest.raises(LineRefusal):
        pushed(too_long)


@given(st.text(), st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_words_are_cut_between_characters(words, longest):
    short = cut(words, longest)
    assert utf16_length(short) <= longest
    short.encode()  # no half characters are left
    assert short == words.encode("utf-16-le", "replace").decode("utf-16-le") or short.endswith("…")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_text_is_there_in_both_languages_and_fits(language):
    assert {key for key in texts_in(LOCALES, language) if key.startswith("say.")} == {f"say.{what}" for what in Say}
    assert all(0 < utf16_length(say(what, language)) < 300 for what in Say)
    for to_self in (True, False):
        labels_ = buttons(language, to_self=to_self).values()
        assert all(0 < len(label) <= 20 for label in labels_)
