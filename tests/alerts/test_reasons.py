"""The reason of a case is true when it opens, whatever moved the deadline that the rhythm wrote it for."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.decisions.reasons import WaitStart, is_still_true, quiet_since
from alerts.incidents import answers
from alerts.wording.catalogue import in_both
from store.register.registry import edit
from store.schema import incidents

HOUR = 3_600_000
RHYTHM = {"reason_ja": "今日は11:00まで2時間何も動きがありません。", "reason_en": "today nothing until 11:00."}


def tokyo_ms(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")).timestamp() * 1000)


SIGN, ENDED, BACK, OPENS = (tokyo_ms(f"2026-11-{at}") for at in ("02 13:50", "02 13:55", "02 16:05", "03 00:40"))


def said(last_sign_ms, since_ms):
    quiet = quiet_since(last_sign_ms, since_ms, OPENS)
    sentence = in_both(lambda words: words.quiet(quiet, "Asia/Tokyo"))
    return sentence.ja, sentence.en


def test_the_sentence_says_the_last_movement_and_what_the_wait_counts_from():
    assert said(SIGN, {WaitStart.OK: None, WaitStart.INCIDENT_ENDED: ENDED}) == (
        "11月2日13:50から動きがありません(11月2日13:55に前の対応が終わったあとも動きがありません)。",
        "Nothing has been noticed since 13:50 on 2 Nov, nor since the last incident ended at 13:55 on 2 Nov.",
    )
    assert said(None, {WaitStart.OK: ENDED})[0] == (
        "まだ何も動きを受け取っていません(11月2日13:55に本人が大丈夫と知らせたあとも動きがありません)。"
    )


def test_the_latest_counts_and_nothing_from_before_the_movement_or_still_to_come():
    assert "機器の通信が戻ったあとも" in said(SIGN, {WaitStart.INCIDENT_ENDED: ENDED, WaitStart.DEVICES_BACK: BACK})[0]
    alone = "11月2日13:50から動きがありません。", "Nothing has been noticed since 13:50 on 2 Nov."
    assert said(SIGN, {WaitStart.OK: SIGN - 1, WaitStart.HOME_AGAIN: OPENS + 1}) == alone


@pytest.mark.parametrize(
    ("ask_at_ms", "now_ms", "expected"),
    [(SIGN, SIGN, True), (SIGN, BACK, True), (ENDED, ENDED, False), (SIGN, OPENS, False)],
)
def test_the_sentence_of_the_rhythm_holds_for_its_own_deadline_on_its_own_day(ask_at_ms, now_ms, expected):
    assert is_still_true(SIGN, ask_at_ms, now_ms, "Asia/Tokyo") is expected


def reasons(village):
    return [row.reason_ja for row in sorted(village.rows(incidents), key=lambda row: row.opened_ms)]


def test_a_second_case_after_a_humans_word_says_so_on_the_day_after(village, start, minute):
    village.lives(start)  # at 9:00 in the home
    village.put_live("home-hana", RHYTHM, start)
    village.at(start)
    village.at(start + 121 * minute)
    village.at(start + 14 * HOUR)
    answers.close(village.db, village.case().id, "shiki", "safe", "訪ねて確かめた", start + 14 * HOUR)
    village.at(start + 16 * HOUR)
    assert reasons(village) == [
        RHYTHM["reason_ja"],
        "1月1日9:00から動きがありません(1月1日23:00に前の対応が終わったあとも動きがありません)。",
    ]


def test_a_case_that_waited_for_an_absence_says_so(village, start, minute):
    village.lives(start)
    village.put_live("home-hana", RHYTHM, start)
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.register_absence("home-hana", start + HOUR, start + 30 * HOUR)
    village.at(start + 3 * HOUR)
    assert reasons(village) == []
    village.at(start + 30 * HOUR + minute)
    assert reasons(village) == ["1月1日9:00から動きがありません(1月2日15:00に不在が終わったあとも動きがありません)。"]


def test_a_case_that_waited_for_devices_says_so(village, start, minute):
    village.lives(start)
    village.beats(start)
    village.put_live("home-hana", RHYTHM, start)
    village.at(start + HOUR, beat=False)
    village.at(start + 3 * HOUR, beat=False)
    village.at(start + 4 * HOUR)
    village.at(start + 4 * HOUR + 31 * minute)
    assert reasons(village)[-1] == (
        "1月1日9:00から動きがありません(1月1日13:00に機器の通信が戻ったあとも動きがありません)。"
    )
