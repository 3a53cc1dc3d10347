"""One person's page, and what staff record on it."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from alerts.wording.catalogue import local
from dashboard.person.person import UsualDays
from store.register.registry import edit
from store.schema import ask_budgets, audit, claims, incidents, statements
from store.timeseries.port import TimeSeriesError


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def home(town: Any) -> str:
    return str(town.home("山田 花子", "やまだ はなこ"))


@pytest.fixture
def case(town: Any, home: str) -> str:
    return str(town.incident(home, step=1, called_ms=town.clock.now - 60_000))


def rows(town: Any, table: Any) -> list[Any]:
    with town.db.connect() as connection:
        return list(connection.execute(select(table)).mappings().all())


def state_of(town: Any, case: str) -> str:
    with town.db.connect() as connection:
        return str(connection.execute(select(incidents.c.state).where(incidents.c.id == case)).scalar_one())


def test_a_home_nobody_knows_has_no_page(browser: TestClient):
    answer = browser.get("/homes/nobody")
    assert answer.status_code == 404
    assert "ページが見つかりません" in answer.text


def test_the_deadlines_come_with_the_sentence_that_says_why(browser: TestClient, home: str):
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "本人への確認時刻 20:00 あと1時間30分" in page
    assert "連絡時刻 21:00 あと2時間30分" in page
    assert (
        "このまま 20:00 まで動きがなければ、ご本人に確認します。 そのときの理由：「ふだんこの時間は1時間半ほどで"
        in page
    )
    english = text_of(browser.get(f"/homes/{home}?lang=en").text)
    assert "If nothing is noticed until 20:00, the person is asked. The reason will then be: “At this hour" in english


def test_the_sentence_of_the_rhythm_is_not_shown_for_a_deadline_that_was_moved(
    browser: TestClient, town: Any, home: str, times: SimpleNamespace
):
    town.presses_ok(home, times.now - 5 * times.minute)
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "このまま 20:15 まで動きがなければ、ご本人に確認します。" in page
    assert "ふだんこの時間は" not in page


def test_a_time_that_has_come_is_told_as_a_fact_and_of_an_unknown_home_nothing_is(browser: TestClient, town: Any):
    page = text_of(browser.get(f"/homes/{town.home('川村 勇', ask=-1)}").text)
    assert "このまま" not in page
    assert "ふだんこの時間は1時間半ほどで次の動きがあります。" in page
    page = text_of(browser.get(f"/homes/{town.home('高橋 ミツ', proven=None)}").text)
    assert "このまま" not in page
    assert "ふだんこの時間は" not in page


def test_how_often_the_person_is_asked_and_why_is_said_in_one_sentence(browser: TestClient, town: Any, home: str):
    assert "多くても" not in text_of(browser.get(f"/homes/{home}").text)
    with town.db.begin() as connection:
        row = {"home_id": home, "ask_every_days": 41, "answered": 4, "unanswered": 2, "at_ms": 1}
        connection.execute(insert(ask_budgets).values(row))
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "確認6回はいずれも無事で、うち4回は" in page
    assert "多くても41日に1回" in page
    assert "once in 41 days at most" in text_of(browser.get(f"/homes/{home}?lang=en").text)


def test_learning_and_unknown_are_said_in_words(browser: TestClient, town: Any):
    page = text_of(browser.get(f"/homes/{town.home('川村 勇', ready=False)}").text)
    assert "生活リズムを学習中です" in page
    page = text_of(browser.get(f"/homes/{town.home('高橋 ミツ', proven=None)}").text)
    assert "無事も異変も意味しません" in page


def test_today_stands_against_the_usual_day_in_picture_and_table(
    browser: TestClient, town: Any, home: str, times: SimpleNamespace
):
    morning = times.now - 10 * times.hour - 30 * times.minute  # 08:00
    town.signs(home, morning, morning + 1000, *[morning - day * times.day for day in (1, 2, 3, 4)])
    town.signs(home, *[morning - 2 * times.hour - day * times.day for day in (1, 2)])
    page = browser.get(f"/homes/{home}").text
    assert 'class="strips__today strips__today--2" x="320.5"' in page
    assert page.count("strips__usual") == 2
    assert "きょうは1区間に動きがありました。比べる過去の日数は4日" in page
    eight = re.search(r'<tr><th scope="row">8時</th>(.*?)</tr>', page)
    assert eight is not None
    cells = re.findall(r"<td>(.*?)</td>", eight[1])
    assert cells[:4] == ["2", "0", "0", "0"]
    assert cells[4:] == ["100%", "0%", "0%", "0%"]
    assert "<td>50%</td>" in page


def test_without_earlier_days_no_share_is_invented(browser: TestClient, home: str):
    page = browser.get(f"/homes/{home}").text
    assert "ふだん: まだ記録がありません" in page
    assert "<td>—</td>" in page
    assert "0%</td>" not in page


def test_an_unreadable_time_series_leaves_the_rest_of_the_page(
    browser: TestClient, town: Any, home: str, case: str, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: Any) -> list[Any]:
        raise TimeSeriesError("disk")

    monkeypatch.setattr(town.timeseries, "read", broken)
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "できごとの記録をいま読めません" in page
    assert "対応を記録する" in page


def test_a_month_of_events_is_read_once_and_again_after_ten_minutes(town: Any, home: str, times: SimpleNamespace):
    days = UsualDays(town.timeseries, 28)
    today = local(times.now, "Asia/Tokyo").date()
    assert days.get("gw1", today, "Asia/Tokyo", 0).days == 0
    town.signs(home, times.now - times.day)
    assert days.get("gw1", today, "Asia/Tokyo", 599_999).days == 0
    assert days.get("gw1", today, "Asia/Tokyo", 600_000).days == 1


def test_what_was_noticed_is_listed_with_its_reason_and_does_not_claim_that_nothing_means_well(
    browser: TestClient, town: Any, home: str
):
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "ここに何もなくても、無事を意味しません。" in page
    town.note(home, 2)
    town.note(home, 60, "drift")
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "動きの大幅な減少 生活は続いていますが、動きはいつもの20%です。" in page
    assert "続いている変化" not in page, "older than the page goes back"
    english = text_of(browser.get(f"/homes/{home}?lang=en").text)
    assert "far less movement Life goes on, with 20% of the usual movement." in english


def test_lapses_devices_absences_and_history_are_listed(
    browser: TestClient, town: Any, home: str, case: str, times: SimpleNamespace
):
    town.lapse(home, 3)
    town.lapse(home, 60)
    town.lapse(home, 2, backfilled=True)  # it arrived afterwards: nobody would have been asked
    town.sensor(home, "fridge.door", role="object", room="台所", trouble="silent", battery_pct=40.0)
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        registry.register_absence(home, times.now + times.day, times.now + 2 * times.day, "娘さんのところ")
    page = text_of(browser.get(f"/homes/{home}").text)
    assert "12月29日（月） 18:30 本人への確認 2時間20分 ふだんより静かな時間が2時間続きました。" in page
    assert page.count("ふだんより静かな時間が2時間続きました。") == 1
    assert "冷蔵庫のドア 台所 物 5分前 40% 知らせがない" in page
    assert "1月2日（金） 18:30 – 1月3日（土） 18:30 娘さんのところ" in page
    assert "18:20:00 気づきから対応を始めました 自動 · いつもより長い静けさ" in page


def post(browser: TestClient, home: str, what: str, **form: Any) -> Any:
    return browser.post(f"/homes/{home}/{what}", data=form)


def test_a_phone_call_is_noted_and_the_case_goes_on(browser: TestClient, town: Any, home: str, case: str):
    answer = post(browser, home, "phoned", incident=case, by="staff", note="呼び出しに応答なし")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/homes/{home}?said=phoned#main"
    line = rows(town, audit)[-1]
    assert (line["what"], line["actor"], line["channel"], line["reasons"]) == ("phoned", "staff", "board", [])
    kept = rows(town, statements)[-1]
    assert (kept["kind"], kept["said_by"], kept["note"]) == ("phoned", "staff", "呼び出しに応答なし")
    assert state_of(town, case) == "notifying"
    page = text_of(browser.get(answer.headers["location"]).text)
    assert "電話したことを記録しました" in page
    assert "電話しました 中村 恵 様 · ボード · 呼び出しに応答なし" in page


def test_a_note_of_a_telephone_call_does_not_hide_an_answer(browser: TestClient, town: Any, home: str, case: str):
    town.delivery(case, "staff", "staff", ago=60_000)
    post(browser, home, "going", incident=case, by="staff", minutes=20)
    town.clock.now += 60_000
    post(browser, home, "phoned", incident=case, by="staff", note="呼び出しに応答なし")
    assert "中村 恵 様 向かいます" in text_of(browser.get("/").text)


def test_the_reason_of_an_end_can_be_read_in_the_history(browser: TestClient, home: str, case: str):
    post(browser, home, "close", incident=case, by="staff", outcome="safe", reason="訪問して確認")
    assert "職員が結果を記録しました · 訪問して確認" in text_of(browser.get(f"/homes/{home}").text)


def test_going_makes_a_claim_with_an_arrival_time(browser: TestClient, town: Any, home: str, case: str):
    post(browser, home, "going", incident=case, by="staff", minutes=20)
    (claim,) = rows(town, claims)
    assert (claim["person_id"], claim["eta_ms"] - town.clock.now) == ("staff", 20 * 60_000)
    assert state_of(town, case) == "claimed"
    assert "中村 恵 様 18:50 到着予定" in text_of(browser.get("/").text)


def test_closing_needs_a_reason_in_words(browser: TestClient, town: Any, home: str, case: str):
    answer = post(browser, home, "close", incident=case, by="staff", outcome="safe", reason="  ")
    assert answer.headers["location"] == f"/homes/{home}?said=refused#main"
    assert state_of(town, case) == "notifying"


def test_closing_with_a_reason_ends_the_case(browser: TestClient, town: Any, home: str, case: str):
    answer = post(browser, home, "close", incident=case, by="staff", outcome="safe", reason="訪問して確認")
    assert "対応を終えました" in browser.get(answer.headers["location"]).text
    assert state_of(town, case) == "resolved"
    assert rows(town, statements)[-1]["note"] == "訪問して確認"
    again = post(browser, home, "close", incident=case, by="staff", outcome="safe", reason="訪問して確認")
    assert again.headers["location"] == f"/homes/{home}?said=kept#main"


def test_calling_119_makes_it_an_emergency(browser: TestClient, town: Any, home: str, case: str):
    post(browser, home, "emergency", incident=case, by="staff")
    assert state_of(town, case) == "emergency"
    assert "<title>(1) 見守りボード</title>" in browser.get("/").text


@pytest.mark.parametrize("by", ["tanaka", "person1", "nobody", ""])
def test_only_staff_of_this_person_can_be_named_as_who_recorded(
    browser: TestClient, town: Any, home: str, case: str, by: str
):
    answer = post(browser, home, "close", incident=case, by=by, outcome="safe", reason="x")
    assert answer.status_code in (400, 403)
    assert state_of(town, case) == "notifying"


def test_a_case_of_another_home_cannot_be_reached_through_this_one(browser: TestClient, town: Any, case: str):
    other = town.home("西村 文子")
    assert post(browser, other, "emergency", incident=case, by="staff").status_code == 404
    assert post(browser, "nowhere", "emergency", incident=case, by="staff").status_code == 404
    assert state_of(town, case) == "notifying"


@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("going", {"minutes": "soon"}),
        ("going", {"minutes": "-5"}),
        ("going", {"minutes": "99999"}),
        ("phoned", {"note": "x" * 2001}),
        ("phoned", {}),
        ("close", {}),
    ],
)
def test_a_form_that_makes_no_sense_is_answered_with_a_page(
    browser: TestClient, town: Any, home: str, case: str, what: str, form: dict[str, str]
):
    answer = post(browser, home, what, incident=case, by="staff", **form)
    assert answer.status_code == 400
    assert "この操作はできません" in answer.text
    assert town.count("statements") == 0


def test_a_matter_of_devices_is_closed_as_repaired(browser: TestClient, town: Any):
    home = town.home("高橋 ミツ", proven=None)
    case = town.incident(home, kind="gateway_lost", council_ms=town.clock.now)
    page = browser.get(f"/homes/{home}").text
    assert '<option value="repaired">' in page
    assert "/emergency" not in page
    post(browser, home, "close", incident=case, by="staff", outcome="repaired", reason="電源を入れた")
    assert state_of(town, case) == "resolved"


def test_without_a_case_there_is_nothing_to_record(browser: TestClient, home: str):
    assert "<form" not in browser.get(f"/homes/{home}").text


def test_staff_of_the_organisation_stand_in_where_none_are_related(
    open_page: Callable[..., TestClient], town: Any, home: str, times: SimpleNamespace
):
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        person = registry.add_person("新井 誠", id="arai")
        other = registry.add_home(person, "council", "gw-arai", id="home-arai")
    case = town.incident(other, id="case-arai", person_id="arai")
    assert post(open_page(), other, "emergency", incident=case, by="staff").status_code == 303


def test_where_there_are_several_staff_nobody_is_chosen_beforehand(
    browser: TestClient, town: Any, home: str, case: str, times: SimpleNamespace
):
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        registry.relate("person1", registry.add_person("青木 光", id="aoki"), "staff")
    page = browser.get(f"/homes/{home}").text
    chosen = re.findall(r'<select name="by" required><option value="" selected>([^<]+)</option>', page)
    assert set(chosen) == {"名前を選んでください"}
    assert len(chosen) == page.count('name="by"'), "in every form"
    assert post(browser, home, "emergency", incident=case, by="").status_code in (400, 403, 422)
