"""The board: who needs someone, who is going and by when, what happens next, every home's next deadline."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, insert, update

from store.register.registry import edit
from store.schema import claims, gateways, homes, incidents, live_states, people


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def order_of(page: str, *names: str) -> list[str]:
    return sorted(names, key=page.index)


def test_without_homes_the_board_says_so_and_not_that_all_is_well(browser: TestClient):
    page = browser.get("/")
    assert page.status_code == 200
    assert "まだ見守りの登録がありません" in page.text
    assert "いま対応が必要な方はいません" not in page.text


def test_a_quiet_town_says_that_nobody_needs_anyone(browser: TestClient, town: Any):
    town.home("山田 花子", "やまだ はなこ")
    page = text_of(browser.get("/").text)
    assert "いま対応が必要な方はいません" in page
    assert "山田 花子 様" in page
    assert "本人への確認 20:00 あと1時間30分" in page


def test_unknown_homes_are_named_where_nobody_seems_to_need_anyone(browser: TestClient, town: Any):
    town.home("山田 花子")
    town.home("高橋 ミツ", proven=3_600_000)
    page = text_of(browser.get("/").text)
    assert "いま対応が必要な方はいません" not in page
    assert "1名 は機器が確認できず" in page
    assert "機器が動いていることを確認できません 高橋 ミツ 様のお宅" in page


def test_a_home_whose_rhythm_is_not_learned_is_learning(browser: TestClient, town: Any):
    town.home("川村 勇", ready=False)
    page = text_of(browser.get("/").text)
    assert "学習中 川村 勇 様" in page


def test_a_home_that_never_reported_is_unknown(browser: TestClient, town: Any):
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        registry.add_home(registry.add_person("新井 誠"), "council", "never-heard")
    assert "不明 新井 誠 様" in text_of(browser.get("/").text)


def test_asking_the_person_shows_step_timer_and_message(browser: TestClient, town: Any):
    case = town.incident(town.home("山田 花子"))
    town.delivery(case, "person1", "ask", state="delivered")
    page = text_of(browser.get("/").text)
    assert "本人に確認中 山田 花子 様" in page
    assert "段階 1/3 本人に確認" in page
    assert "次の自動連絡 18:50:00 あと20分" in page
    assert "山田 花子 様 電話 配達 18:20" in page
    assert "10分 経過" in page


def test_a_case_with_nobody_going_needs_someone_and_is_counted_in_the_title(browser: TestClient, town: Any):
    home = town.home("山田 花子")
    case = town.incident(home, step=1, called_ms=town.clock.now - 60_000)
    town.delivery(case, "tanaka", "call")
    town.answer(case, "tanaka", "cannot")
    page = browser.get("/").text
    assert "<title>(1) 見守りボード</title>" in page
    words = text_of(page)
    assert "対応が必要 山田 花子 様" in words
    assert "向かっている方はいません" in words
    assert "行けません" in words


@pytest.mark.parametrize("page", ["/", "/homes/home1"])
@pytest.mark.parametrize(("language", "headline", "answer"), [
    ("ja", "助けを求めています", "助けが必要"), ("en", "Asks for help", "needs help"),
])  # fmt: skip
def test_who_answers_that_they_need_help_is_read_so_when_others_were_called_already(
    browser: TestClient, town: Any, page: str, language: str, headline: str, answer: str
):
    case = town.incident(town.home("山田 花子"), step=1, called_ms=town.clock.now - 60_000)
    town.delivery(case, "person1", "ask")
    town.delivery(case, "tanaka", "call")
    before = browser.get(f"{page}?lang={language}").text
    assert headline not in before
    town.answer(case, "person1", "help")
    words = text_of(browser.get(f"{page}?lang={language}").text)
    assert headline in words
    assert answer in words
    assert not re.search(r"行けません|\bcannot\b", words)


def test_a_neighbours_cannot_is_no_call_for_help_and_the_persons_ok_is_no_finding(browser: TestClient, town: Any):
    case = town.incident(town.home("山田 花子"), step=1, called_ms=town.clock.now - 60_000)
    town.answer(case, "tanaka", "cannot")
    town.answer(case, "person1", "ok")
    words = text_of(browser.get("/").text)
    assert "助けを求めています" not in words
    assert "行けません" in words
    assert "山田 花子 様 大丈夫" in words
    assert "無事でした" not in words


def test_someone_going_is_named_with_the_time_of_arrival(browser: TestClient, town: Any):
    case = town.incident(town.home("山田 花子"), step=1, called_ms=town.clock.now - 60_000)
    town.going(case, "tanaka")
    page = browser.get("/").text
    assert "<title>見守りボード</title>" in page
    assert "対応者と到着予定 田中 一郎 様 18:42 到着予定（あと12分）" in text_of(page)


def test_who_said_going_and_was_not_heard_of_again_is_marked(browser: TestClient, town: Any):
    case = town.incident(town.home("山田 花子"), step=1, called_ms=town.clock.now - 60_000)
    town.delivery(case, "tanaka", "call")
    town.answer(case, "tanaka", "going")
    town.going(case, "tanaka")
    assert "到着の知らせなし" not in browser.get("/").text
    town.write(update(claims).values(ended_ms=town.clock.now, ended_by="lapsed"))
    assert "向かいます（到着の知らせなし）" in text_of(browser.get("/").text)


def test_a_case_that_asked_nobody_because_nobody_could_be_asked_needs_someone(browser: TestClient, town: Any):
    town.incident(town.home("山田 花子"), asked_ms=None)
    assert "対応が必要 山田 花子 様" in text_of(browser.get("/").text)


def test_a_lost_gateway_is_a_matter_of_devices_and_not_of_people(browser: TestClient, town: Any):
    home = town.home("山田 花子", proven=3_600_000)
    town.incident(home, kind="gateway_lost", council_ms=town.clock.now)
    page = browser.get("/").text
    assert "<title>見守りボード</title>" in page
    assert "対応が必要 山田" not in text_of(page)
    assert "端末から知らせがありません（対応中） 山田 花子 様のお宅" in text_of(page)


def test_troubled_sensors_and_low_batteries_are_listed(browser: TestClient, town: Any):
    home = town.home("山田 花子")
    town.sensor(home, "fridge.door", trouble="silent")
    town.sensor(home, "hall.motion", battery_pct=9.0)
    town.sensor(home, "bath.motion", battery_pct=80.0)
    page = text_of(browser.get("/").text)
    assert "センサーの不具合 山田 花子 様のお宅 冷蔵庫のドア" in page
    assert "電池残量わずか 山田 花子 様のお宅 廊下の人感センサー · 9%" in page
    assert "浴室" not in page


def test_who_needs_someone_comes_first_then_the_next_deadline(browser: TestClient, town: Any, times: SimpleNamespace):
    late, soon = town.home("遅", ask=5 * times.hour), town.home("早", ask=5 * times.minute)
    going, needing = town.home("行"), town.home("要")
    town.going(town.incident(going, called_ms=times.now), "tanaka")
    town.incident(needing, called_ms=times.now)
    page = browser.get("/").text
    assert order_of(page, "遅 様</a>", "早 様</a>", "行 様</a>", "要 様</a>") == [
        "要 様</a>", "行 様</a>", "早 様</a>", "遅 様</a>",
    ]  # fmt: skip
    assert late != soon


def test_a_closed_case_is_no_longer_on_the_board(browser: TestClient, town: Any):
    case = town.incident(town.home("山田 花子"))
    town.write(
        update(incidents)
        .where(incidents.c.id == case)
        .values(state="resolved", outcome="safe", next_due_ms=None, closed_ms=town.clock.now)
    )
    assert "平常 山田 花子 様" in text_of(browser.get("/").text)


def test_an_absence_is_shown_while_it_lasts(browser: TestClient, town: Any, times: SimpleNamespace):
    home = town.home("山田 花子")
    with edit(town.db, actor="test", now_ms=times.now) as registry:
        registry.register_absence(home, times.now - times.hour, times.now + times.hour)
    assert "不在登録 山田 花子 様" in text_of(browser.get("/").text)
    town.clock.now += times.hour
    assert "不在登録" not in text_of(browser.get("/").text)


def test_a_timer_that_is_long_overdue_says_that_the_watching_is_behind(browser: TestClient, town: Any):
    town.incident(town.home("山田 花子"), next_due_ms=town.clock.now - 600_000)
    assert "見守りの処理が 10分 遅れています" in text_of(browser.get("/").text)


def test_a_deadline_nobody_acted_on_says_that_the_watching_is_behind(browser: TestClient, town: Any):
    town.home("山田 花子", ask=-600_000)
    page = text_of(browser.get("/").text)
    assert "注意 山田 花子 様" in page
    assert "見守りの処理が 10分 遅れています" in page


def test_the_header_says_when_the_engine_last_ran(open_page: Callable[..., TestClient], town: Any):
    browser = open_page(engine_tick_ms=lambda: town.clock.now - 7_000)
    assert "最終更新 18:30:00 見守りの点検 7秒前" in text_of(browser.get("/").text)


def test_a_name_is_text_and_never_markup(browser: TestClient, town: Any):
    attack = "<script>alert(1)</script>"
    home = town.home(attack, attack, area='"><img src=x onerror=alert(1)>')
    case = town.incident(home, reason_ja=attack, called_ms=town.clock.now)
    town.delivery(case, "tanaka", "call")
    for path in ("/", f"/homes/{home}"):
        page = browser.get(path).text
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_english_is_a_switch_that_is_remembered(browser: TestClient, town: Any):
    town.home("山田 花子")
    assert '<html lang="ja">' in browser.get("/").text
    switched = browser.get("/?lang=en")
    assert '<html lang="en">' in switched.text
    assert "Nobody needs anyone now" in switched.text
    assert '<html lang="en">' in browser.get("/").text
    assert '<html lang="ja">' in browser.get("/?lang=ja").text


def test_an_unknown_language_is_japanese(browser: TestClient):
    assert '<html lang="ja">' in browser.get("/?lang=xx").text


def test_the_page_reloads_itself_where_there_is_no_script(browser: TestClient):
    page = browser.get("/").text
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page
    assert not re.search(r"<script(?![^>]*\ssrc=)", page), "the policy allows no inline script"
    assert not re.search(r"\son[a-z]+=", page), "nor inline handlers"
    assert not re.search(r"\sstyle=", page), "nor inline styles"


def test_the_status_region_is_there_before_any_content(browser: TestClient):
    page = browser.get("/").text
    assert page.index('role="status"') < page.index("<main")


def test_the_fragment_is_the_part_that_changes_and_carries_the_title(browser: TestClient, town: Any):
    town.incident(town.home("山田 花子"), called_ms=town.clock.now)
    part = browser.get("/board").text
    assert "<title>(1) 見守りボード</title>" in part
    assert 'id="fresh" hx-swap-oob="true"' in part
    assert "<html" not in part


def test_every_state_has_a_word_and_a_shape_beside_its_colour(browser: TestClient, town: Any):
    town.home("山田 花子")
    town.home("高橋 ミツ", proven=None)
    town.home("川村 勇", ready=False)
    badges = re.findall(r'<span class="badge s-(\w+)">(<svg.*?</svg>)<span>(.+?)</span>', browser.get("/").text)
    assert {state for state, _, _ in badges} == {"quiet", "unknown", "learning"}
    assert len({shape for _, shape, _ in badges}) == 3
    assert {word for _, _, word in badges} == {"平常", "不明", "学習中"}


@contextmanager
def statements_of(db: Any) -> Iterator[list[str]]:
    seen: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(db, "before_cursor_execute", see)


def many_homes(town: Any, first: int, count: int) -> None:
    now, numbers = town.clock.now, range(first, first + count)
    rows = {
        people: [{"id": f"resident{n}", "name": f"住民 {n}"} for n in numbers],
        homes: [
            {"id": f"house{n}", "gateway": f"gate{n}", "person_id": f"resident{n}", "organisation_id": "council"}
            for n in numbers
        ],
        live_states: [
            {"home_id": f"house{n}", "ask_at_ms": now + n, "ready": True, "updated_ms": now} for n in numbers
        ],
        gateways: [{"gateway": f"gate{n}", "online": True, "proven_ms": now} for n in numbers],
    }
    with town.db.begin() as connection:
        for table, of_table in rows.items():
            connection.execute(insert(table), of_table)


def test_a_thousand_homes_cost_as_many_statements_as_one(browser: TestClient, town: Any):
    many_homes(town, 0, 1)
    town.incident(town.home("山田 花子"))
    with statements_of(town.db) as few:
        assert browser.get("/").status_code == 200
    many_homes(town, 1, 999)
    for number in range(20):
        town.incident(town.home(f"要 {number}"), called_ms=town.clock.now)
    with statements_of(town.db) as many:
        page = browser.get("/").text
    assert len(many) == len(few) <= 10
    assert page.count('class="c-name"') == 1000
    assert "<title>(20) 見守りボード</title>" in page


@pytest.mark.parametrize("path", ["/", "/board", "/homes/home1", "/?lang=en"])
def test_looking_writes_nothing(browser: TestClient, town: Any, path: str):
    town.incident(town.home("山田 花子"))
    before = town.everything()
    assert browser.get(path).status_code == 200
    assert town.everything() == before
