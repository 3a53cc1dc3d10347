"""A signal keeps its key however often it is read, and says who is told of it and what answers it."""

import dataclasses

from contracts.signals import Sentence, Signal, SignalKind

SIGNAL = Signal("h1", SignalKind.SILENCE, 1000, 2000, 3000, Sentence("七時から音がありません", "Silent since seven"))


def test_reading_a_signal_again_with_a_later_deadline_or_another_reason_keeps_its_key():
    again = dataclasses.replace(SIGNAL, ask_at_ms=5000, call_at_ms=6000, reason=Sentence("別の文", "Another"))
    assert again.dedup_key == SIGNAL.dedup_key == "h1:silence:1000"


def test_another_home_kind_or_last_sign_of_life_is_another_signal():
    others = [
        dataclasses.replace(SIGNAL, home="h2"),
        dataclasses.replace(SIGNAL, kind=SignalKind.HELP),
        dataclasses.replace(SIGNAL, since_ms=1001),
    ]
    assert len({signal.dedup_key for signal in [SIGNAL, *others]}) == 4


def test_only_signals_about_a_person_are_told_outside_the_staff():
    for_staff = {SignalKind.GATEWAY_LOST, SignalKind.SENSOR_LOST, SignalKind.AREA_OUTAGE}
    assert {kind for kind in SignalKind if not kind.concerns_person} == for_staff


def test_a_movement_or_a_word_never_answers_more_than_it_can():
    by_movement = {kind for kind in SignalKind if kind.answered_by_movement}
    assert by_movement == {SignalKind.SILENCE, SignalKind.NO_RETURN}, "not a decline: it is noticed because they move"
    by_any_word = {kind for kind in SignalKind if kind.answered_by_any_word}
    assert by_any_word == {SignalKind.SILENCE, SignalKind.DECLINE, SignalKind.NO_RETURN}, "not a call for help"


def test_a_sentence_is_japanese_unless_english_is_asked_for():
    assert [SIGNAL.reason.in_language(language) for language in ("ja", "en", "fr")] == [
        "七時から音がありません",
        "Silent since seven",
        "七時から音がありません",
    ]
