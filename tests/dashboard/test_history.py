"""The history of a case: what repeats itself is one line that opens, and nothing of it is lost."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from alerts.incidents import response_log
from contracts.statements import StatementKind
from dashboard.reading.incident_queries import LEAST, folded
from store.schema import audit


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def entry(what: str = "asked_again", at_ms: int = 0, **more: str) -> dict[str, Any]:
    return {
        "what": what,
        "actor": "alerts",
        "channel": "",
        "reasons": [],
        "params": {},
        "note": "",
        "at_ms": at_ms,
    } | more


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["asked_again", "claimed", "moved"])))
def test_nothing_is_lost_and_nothing_changes_its_place(whats: list[str]):
    entries = [entry(what, number) for number, what in enumerate(whats)]
    told = folded(entries)
    assert [line for group in told for line in group] == entries
    assert all(len(group) == 1 or len(group) >= LEAST for group in told)
    assert all(len({line["what"] for line in group}) == 1 for group in told)


@pytest.mark.parametrize(
    "other",
    [
        {"actor": "tanaka"},
        {"channel": "sms"},
        {"reasons": ["x"]},
        {"params": {"kind": "help"}},
        {"note": "x"},
        {"what": "moved"},
    ],
)
def test_only_what_says_the_same_is_folded(other: dict[str, str]):
    alike = [entry(at_ms=number) for number in range(LEAST)]
    assert [len(told) for told in folded([*alike, entry() | other, *alike])] == [LEAST, 1, LEAST]


def test_two_alike_stand_by_themselves():
    assert [len(told) for told in folded([entry(), entry()])] == [1, 1]


@pytest.fixture
def long_case(town: Any, times: SimpleNamespace) -> str:
    """A home in whose case the council was asked again 90 times over two days, then somebody was going."""
    home = str(town.home("山田 花子"))
    case = town.incident(home, step=2, opened_ms=times.now - 50 * times.hour, council_ms=times.now - 49 * times.hour)
    begun = times.now - 48 * times.hour
    row = {
        "actor": "alerts",
        "incident_id": case,
        "home_id": home,
        "what": "asked_again",
        "reasons": ["no_outcome_yet"],
    }
    rows = [{**row, "at_ms": begun + n * 30 * times.minute} for n in range(90)]
    rows.append({**row, "at_ms": times.now - times.hour, "what": "claimed", "actor": "tanaka", "reasons": []})
    town.write(insert(audit).values(rows))
    return home


def test_the_council_asked_ninety_times_is_one_line_with_first_and_last_time(browser: TestClient, long_case: str):
    page = browser.get(f"/homes/{long_case}").text
    history = page.partition('id="h-history"')[2].partition("</section>")[0]
    assert len(re.findall(r'<details class="fold" id="fold-\d+">', history)) == 1, "closed, and opened without a script"
    summary = re.search(r"<summary>(<time>.*?)</summary>", history, re.DOTALL)
    assert summary is not None
    assert text_of(summary[1]).strip() == (
        "18:30:00 – 1月1日 15:00:00 90回 もう一度連絡しました 自動 · 結果の記録がまだありません"
    )
    assert history.count("もう一度連絡しました") == 91, "all of them are behind the one line"
    assert "1月1日 17:30:00 向かうとの返事 田中 一郎 様" in text_of(history)
    english = text_of(browser.get(f"/homes/{long_case}?lang=en").text)
    assert "18:30:00 – 1 Jan 15:00:00 90 times asked again" in english


def test_the_history_of_an_area_is_folded_as_well(browser: TestClient, town: Any, times: SimpleNamespace):
    area = town.area("本山", town.home("山田 花子"))
    again = {"actor": "alerts", "incident_id": area, "what": "asked_again", "reasons": ["no_outcome_yet"]}
    town.write(insert(audit).values([{**again, "at_ms": times.now + n} for n in range(5)]))
    assert "5回 もう一度連絡しました" in text_of(browser.get(f"/areas/{area}").text)


def test_words_that_came_at_the_same_moment_are_all_there_to_be_read(
    browser: TestClient, town: Any, times: SimpleNamespace
):
    """LINE delivers what was written in quick succession in one request."""
    home = town.home("山田 花子")
    asked = town.delivery(town.incident(home), "tanaka", "call")
    words = ["転んで", "動けないそうです", "すぐ来てください"]
    with town.db.begin() as connection:
        for number, said in enumerate(words):
            response_log.record_words(
                connection,
                asked,
                StatementKind.WROTE,
                response_log.StatementSource(times.now, "line", f"line:{number}", said),
            )
    history = browser.get(f"/homes/{home}").text.partition('id="h-history"')[2]
    assert all(said in history for said in words)
