"""Links, texts, settings and the outbox: what leaves the machine."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.console.channel import ConsoleChannel
from alerts.channels.outbox.channel import OutboxChannel, read_outbox
from alerts.decisions.model import News, Purpose
from alerts.decisions.policy import Policy
from alerts.errors import ExpiredLink, InvalidLink
from alerts.ports import OutgoingMessage, SendOutcome
from alerts.settings import AlertsSettings
from alerts.wording import messages
from alerts.wording.links import Links
from alerts.wording.messages import ONE_SMS, Subject
from contracts.signals import SignalKind
from store.settings import SettingsError, read_settings

ABOUT_PERSON = [kind for kind in SignalKind if kind.concerns_person]
NOW = 1_767_225_600_000
LINKS = Links("a secret of the tests only", "http://127.0.0.1:1/", valid_s=60)


def message(**changes):
    values = {
        "delivery_id": "d-1",
        "person_id": "ichiro",
        "address": "phone-ichiro",
        "subject": "様子を見てください",
        "body": "本文",
        "link": None,
        "purpose": "call",
        "language": "ja",
        "expires_ms": NOW,
        "at_ms": NOW,
    }
    return OutgoingMessage(**(values | changes))


# ---- links ----


def test_a_link_gives_the_message_back_and_is_the_same_at_every_try():
    url = LINKS.url("d-1", NOW)
    assert url == LINKS.url("d-1", NOW)
    assert url.startswith("http://127.0.0.1:1/r/")
    assert LINKS.read(url.rsplit("/", 1)[1], NOW) == "d-1"


def test_an_old_link_changes_nothing():
    token = LINKS.sign("d-1", NOW)
    assert LINKS.read(token, NOW + 59_999) == "d-1"
    with pytest.raises(ExpiredLink):
        LINKS.read(token, NOW + 60_000)


@given(st.data())
def test_an_altered_link_changes_nothing(data):
    token = LINKS.sign("d-1", NOW)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_."))
    altered = token[:at] + letter + token[at + 1 :]
    try:
        assert LINKS.read(altered, NOW) == "d-1"
        assert altered == token or at == len(token) - 1, "the last letter of base64 has bits without a meaning"
    except InvalidLink:
        assert altered != token


@pytest.mark.parametrize("token", ["", "x", "a.b", "é" * 20, "A" * 10_000, Links("another secret here").sign("d", NOW)])
def test_anything_else_is_no_link(token):
    with pytest.raises(InvalidLink):
        LINKS.read(token, NOW)


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="16 characters"):
        Links("short")


# ---- texts ----

NAMES = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=80)


@given(NAMES, NAMES, st.sampled_from(["ja", "en"]), st.sampled_from(ABOUT_PERSON))
def test_a_neighbours_text_fits_one_sms(name, area, language, kind):
    text = messages.request(Purpose.CALL, kind, Subject(name, area), language)
    assert len(text.body) <= ONE_SMS
    for news in News:
        assert len(messages.news(news, kind, Subject(name, area), language).body) <= ONE_SMS


@pytest.mark.parametrize("language", ["ja", "en"])
def test_an_ordinary_name_and_area_are_there_in_full(language):
    for kind in ABOUT_PERSON:
        body = messages.request(Purpose.CALL, kind, Subject("佐藤 花", "本町"), language).body
        assert "佐藤 花（本町）" in body
        assert "{" not in body


def test_every_request_and_every_news_has_both_languages():
    for language in ("ja", "en"):
        for kind in SignalKind:
            assert messages.request(Purpose.STAFF, kind, Subject("花", "本町"), language).body
        for kind in set(ABOUT_PERSON) - {SignalKind.HELP}:
            assert messages.request(Purpose.ASK, kind, Subject("花"), language).subject
        for news in News:
            assert "花" in messages.news(news, SignalKind.SILENCE, Subject("花"), language).body


# ---- settings ----


def test_a_wrong_key_is_named_with_the_nearest_right_one():
    with pytest.raises(SettingsError, match=r"alerts\.person_anwser_s .* 'person_answer_s'"):
        read_settings(AlertsSettings, {"person_anwser_s": 60}, "alerts")


@pytest.mark.parametrize("value", [0, -5, "60", 1.5, True, None])
def test_a_value_out_of_range_is_named(value):
    with pytest.raises(SettingsError, match=r"alerts\.council_repeat_s"):
        read_settings(AlertsSettings, {"council_repeat_s": value}, "alerts")


@pytest.mark.parametrize(
    ("ladder", "remedy"),
    [
        (["person"], "must end with council"),
        (["council", "person"], "must end with council"),
        (["council", "council"], "name nobody twice"),
        (["person", "police"], "known: council, neighbours, person"),
        ("council", "must be a list, not a text"),
        ([1], "not a whole number"),
    ],
)
def test_a_ladder_that_would_end_in_silence_is_refused(ladder, remedy):
    with pytest.raises(SettingsError, match=rf"alerts\.decline_ladder\b.*{remedy}"):
        read_settings(AlertsSettings, {"decline_ladder": ladder}, "alerts")


def test_a_ladder_says_who_is_asked_and_an_empty_one_asks_nobody():
    settings = read_settings(
        AlertsSettings, {"decline_ladder": ["person", "neighbours", "council"], "no_return_ladder": []}, "alerts"
    )
    steps = settings.policy(SignalKind.DECLINE).steps
    assert [step.audiences[0] for step in steps] == ["person", "neighbours", "council"]
    assert [step.answer_s for step in steps] == [1800, 3600, 1800]
    assert settings.noticed_kinds() == (SignalKind.DECLINE,)
    assert set(AlertsSettings().noticed_kinds()) == {SignalKind.DECLINE, SignalKind.NO_RETURN}


def test_a_policy_is_the_same_after_it_was_stored():
    for kind in SignalKind:
        policy = AlertsSettings(extensions=0).policy(kind)
        assert Policy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


# ---- channels ----


def test_the_outbox_shows_a_message_once_however_often_it_is_sent(tmp_path):
    channel = OutboxChannel(tmp_path)
    for _ in range(3):
        assert channel.send(message()).outcome is SendOutcome.OK
    (shown,) = read_outbox(tmp_path)
    assert (shown.person_id, shown.subject, shown.link) == ("ichiro", "様子を見てください", None)
    assert [path.name for path in tmp_path.iterdir()] == ["d-1.json"], "no half-written file is left"


def test_the_outbox_shows_the_oldest_first_and_nothing_of_a_write_that_was_cut_off(tmp_path):
    channel = OutboxChannel(tmp_path)
    for delivery, at_ms in (("d-2", NOW + 1), ("d-1", NOW)):
        channel.send(message(delivery_id=delivery, at_ms=at_ms))
    (tmp_path / ".d-3.json.77").write_text('{"deliv')
    assert [shown.delivery_id for shown in read_outbox(tmp_path)] == ["d-1", "d-2"]


def test_a_missing_folder_may_come_back(tmp_path):
    assert OutboxChannel(tmp_path / "gone").send(message()).outcome is SendOutcome.RETRY
    assert read_outbox(tmp_path / "gone") == []


def test_the_console_shows_the_message_and_a_closed_one_is_refused_for_good():
    stream = io.StringIO()
    channel = ConsoleChannel(stream)
    assert channel.send(message(link="http://127.0.0.1:1/r/t")).outcome is SendOutcome.OK
    assert "本文" in stream.getvalue()
    assert "http://127.0.0.1:1/r/t" in stream.getvalue()
    stream.close()
    assert channel.send(message()).outcome is SendOutcome.PERMANENT
