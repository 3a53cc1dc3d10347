"""What a text message says and a call speaks, and what a reply means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.twilio.texts import (
    LOCALES,
    About,
    answer_in,
    answer_of_key,
    fits_one_sms,
    keys_text,
    sms_text,
    spoken_text,
    thanks,
)
from alerts.decisions.model import Answer, News, Purpose
from alerts.wording.catalogue import texts_in
from alerts.wording.messages import Subject, news, request, utf16_length
from contracts.signals import SignalKind

HANA = About("佐藤 花", "本町", SignalKind.SILENCE)
TEXTS = texts_in(LOCALES, "ja")
ASKED = [(Purpose.ASK, SignalKind.SILENCE)]
ASKED += [(purpose, kind) for purpose in Purpose for kind in SignalKind if f"sms.{purpose}.{kind}" in TEXTS]
# Letters of every plane: kanji outside the first one take two units, variation selectors belong to the one before.
NAMES = st.text(st.sampled_from("佐藤花子髙﨑𠮷𡈽葛\U000e0100邊\U000e0101がŌō éA'🏠"), min_size=1, max_size=200)


def text_of(purpose, kind, name="佐藤 花", area="本町", language="ja", replies=False):
    return sms_text(purpose, About(name, area, kind), language, "本文", replies=replies)


@pytest.mark.parametrize("replies", [False, True])
@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(("purpose", "kind"), ASKED)
def test_a_usual_name_and_area_fit_one_sms_whole(purpose, kind, language, replies):
    text = text_of(purpose, kind, "佐々木 花子", "本山町 1丁目", language, replies)
    assert fits_one_sms(text)
    assert "佐々木 花子" in text
    assert "…" not in text


@given(NAMES, NAMES | st.just(""), st.sampled_from(ASKED), st.sampled_from(["ja", "en"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_text_fits_one_sms_whatever_the_name_and_the_area(name, area, asked, language, replies):
    text = text_of(*asked, name, area, language, replies)
    assert fits_one_sms(text), utf16_length(text)
    assert text.encode("utf-16-le").decode("utf-16-le") == text, "no half character"
    for mark in ("\U000e0100", "\U000e0101"):
        assert f"…{mark}" not in text
    if name not in text:
        kept = text[: text.index("…")]
        assert name[len(kept) :] == "" or not name[len(kept.lstrip()) :].startswith("\u200d")


@given(st.text(st.sampled_from("𠮷葛\U000e0100花"), min_size=40, max_size=90))
@settings(max_examples=200, deadline=None)
def test_a_name_is_cut_between_characters_as_they_are_read(name):
    before, mark, after = text_of(Purpose.CALL, SignalKind.SILENCE, name, "").removeprefix("【見守り】").partition("…")
    if mark and before:
        assert name.startswith(before)
        assert not name[len(before) :].startswith("\U000e0100"), "the selector stays with its kanji"
        assert after.startswith("様")


@pytest.mark.parametrize("replies", [False, True])
@pytest.mark.parametrize(("language", "by"), [("ja", "高橋 健太様"), ("ja", "ご本人"), ("en", "Tanaka Ichiro")])
@pytest.mark.parametrize("kind", [kind for kind in SignalKind if kind.concerns_person])
def test_staff_read_and_hear_in_one_sms_and_one_call_who_called_119(kind, language, by, replies):
    about = About("佐々木 花子", "本山町 1丁目", kind, by)
    text = sms_text(Purpose.STAFF, about, language, "本文", replies=replies)
    assert fits_one_sms(text), utf16_length(text)
    assert all(part in text for part in ("119", by, "佐々木 花子"))
    spoken = spoken_text(Purpose.STAFF, about, language, "本文")
    assert by in spoken
    assert {"ja": "119番に通報しました", "en": "1 1 9 was called"}[language] in spoken
    assert by not in sms_text(Purpose.CALL, about, language, "本文", replies=replies), "staff alone read it"


@given(NAMES, NAMES | st.just(""), NAMES, st.sampled_from(["ja", "en"]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_119_is_in_one_sms_whatever_the_names(name, area, by, language, replies):
    text = sms_text(Purpose.STAFF, About(name, area, SignalKind.SILENCE, by), language, "本文", replies=replies)
    assert fits_one_sms(text), utf16_length(text)
    assert "119" in text
    assert by in text or "…" in text


def test_the_area_goes_before_the_name_is_cut():
    text = text_of(
        Purpose.CALL, SignalKind.SILENCE, "長宗我部 元親", "高知県長岡郡本山町本山五百六十九番地一号室二階の東の端"
    )
    assert "長宗我部 元親様" in text
    assert "高知県" not in text


def test_a_text_has_no_link_and_says_how_to_reply_only_where_that_works():
    plain, two_way = (text_of(Purpose.CALL, SignalKind.SILENCE, replies=replies) for replies in (False, True))
    assert "http" not in plain + two_way
    assert ("返信" in plain, "1向かう 2無事 3不可" in two_way) == (False, True)
    assert "返信" not in text_of(Purpose.STAFF, SignalKind.GATEWAY_LOST, replies=True), "nothing to answer"


@pytest.mark.parametrize("kind", News)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_news_goes_out_as_it_is(kind, language):
    body = news(kind, SignalKind.SILENCE, Subject("佐々木 花子", "本町"), language).body
    assert sms_text(Purpose.NEWS, None, language, body, replies=True) == body


def test_a_plain_english_text_may_be_longer_than_a_japanese_one():
    assert fits_one_sms("a" * 160)
    assert not fits_one_sms("a" * 161)
    assert not fits_one_sms("あ" * 71)
    assert not fits_one_sms("𠮷" * 36)


@pytest.mark.parametrize(("purpose", "kind"), ASKED)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_whatever_is_asked_can_be_spoken(purpose, kind, language):
    body = request(purpose, kind, Subject("佐藤 花", "本町"), language).body
    words = spoken_text(purpose, About("さとう はな", "本町", kind), language, body)
    assert ("さとう はな" in words) is (f"spoken.{purpose}.{kind}" in TEXTS or purpose is Purpose.ASK)
    about = About("さとう はな", "本町", kind)
    assert bool(keys_text(purpose, about, language)) is kind.concerns_person
    assert keys_text(Purpose.NEWS, about, language) is None
    assert keys_text(purpose, None, language) is None


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("1", Answer.GOING),
        ("１", Answer.GOING),
        (" １。", Answer.GOING),
        ("①", Answer.GOING),
        ("1番", Answer.GOING),
        ("1です", Answer.GOING),
        ("向かいます。", Answer.GOING),
        ("2", Answer.SAFE),
        ("無事でした！", Answer.SAFE),
        ("３", Answer.CANNOT),
        ("行けません", Answer.CANNOT),
        ("119番通報しました", Answer.CALLED_119),
        ("2時に行きます", None),
        ("12", None),
        ("1か2", None),
        ("無事ではありません", None),
        ("大丈夫", None),
        ("yes", None),
        ("cancel", None),
        ("4", None),
        ("", None),
        ("あ" * 6000, None),
    ],
)
def test_a_reply_of_a_neighbour_is_read_only_if_it_can_mean_one_thing(words, answer):
    assert answer_in(words, Purpose.CALL) is answer


@pytest.mark.parametrize(
    ("words", "answer"),
    [("1", Answer.SAFE), ("大丈夫です", Answer.SAFE), ("２", Answer.CANNOT), ("助けて", Answer.CANNOT), ("3", None)],
)
def test_the_person_answers_with_words_of_their_own(words, answer):
    assert answer_in(words, Purpose.ASK) is answer


def test_news_asks_for_no_answer():
    assert answer_in("1", Purpose.NEWS) is None
    assert answer_of_key(Purpose.NEWS, "1") is None


def test_every_answer_is_thanked_for_and_every_key_is_said():
    for language in ("ja", "en"):
        assert all(thanks(purpose, answer, language) for purpose in Purpose for answer in Answer)
        assert all(digit in (keys_text(Purpose.CALL, HANA, language) or "") for digit in "123")
        assert all(digit in (keys_text(Purpose.ASK, HANA, language) or "") for digit in "12")
    assert HANA.area == "本町"
    assert len(ASKED) == 12


@pytest.mark.parametrize(("language", "claim"), [("ja", "返答がありません"), ("en", "have answered")])
def test_staff_are_not_told_that_nobody_answered_for_they_are_asked_after_cannot_and_119_too(language, claim):
    asked = request(Purpose.STAFF, SignalKind.SILENCE, Subject("佐藤 花", "本町"), language)
    assert "佐藤 花" in asked.body
    assert claim not in asked.body
