"""The page behind a signed link: looking changes nothing, pressing answers once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from store.register.registry import edit
from store.schema import claims, incidents, people, relations, statements

HOUR = 3_600_000


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def case(town: Any) -> str:
    home = town.home("山田 花子", "やまだ はなこ", area="本山 2丁目")
    return str(town.incident(home, step=1, called_ms=town.clock.now - 60_000))


@pytest.fixture
def link(town: Any, case: str) -> str:
    """The link of the neighbour's message."""
    return f"/r/{town.token(town.delivery(case, 'tanaka', 'call', step=1))}"


@pytest.fixture
def own_link(town: Any, case: str) -> str:
    """The link of the question to the person themself."""
    return f"/r/{town.token(town.delivery(case, 'person1', 'ask'))}"


def state_of(town: Any, case: str) -> str:
    with town.db.connect() as connection:
        return str(connection.execute(select(incidents.c.state).where(incidents.c.id == case)).scalar_one())


def once_of(page: str) -> str:
    found = re.search(r'name="once" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_the_page_says_who_where_and_what_to_do_and_no_sensor_data(browser: TestClient, link: str):
    page = browser.get(link).text
    words = text_of(page)
    for said in ("山田 花子 様", "本山 2丁目", "本山町社会福祉協議会", "119番"):
        assert said in words
    for button in ("今から行きます", "無事を確認しました", "行けません"):
        assert f"{button}</button>" in page
    for kept_back in ("14:30", "ふだん", "1時間半", "living.motion", "gw1"):
        assert kept_back not in words
    assert "<script" not in page


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("purpose", ["", "prefetch"])
def test_looking_changes_nothing(browser: TestClient, town: Any, link: str, method: str, purpose: str):
    before = town.everything()
    for _ in range(3):
        answer = browser.request(method, link, headers={"purpose": purpose, "user-agent": "LinePreview"})
        assert answer.status_code == 200
    assert town.everything() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_do_nothing(browser: TestClient, town: Any, link: str, method: str):
    before = town.everything()
    assert browser.request(method, link).status_code == 405
    assert town.everything() == before


def test_going_says_when_and_what_happens_next(browser: TestClient, town: Any, case: str, link: str):
    answer = browser.post(link, data={"answer": "going", "minutes": "10"})
    assert (answer.status_code, answer.headers["location"]) == (303, link)
    assert state_of(town, case) == "claimed"
    page = text_of(browser.get(link).text)
    assert "18:40 に着く予定です" in page
    assert "ほかの方にお願いします" in page
    assert "到着時刻を変える" in page


def test_safe_ends_the_case_and_the_page_says_so(browser: TestClient, town: Any, case: str, link: str):
    browser.post(link, data={"answer": "safe"})
    assert state_of(town, case) == "resolved"
    page = browser.get(link).text
    assert "対応は終わりました" in page
    assert "<button" not in page


def test_cannot_is_thanked_and_can_be_taken_back(browser: TestClient, town: Any, case: str, link: str):
    browser.post(link, data={"answer": "cannot"})
    page = text_of(browser.get(link).text)
    assert "ほかの方にお願いします" in page
    assert "今から行きます" in page
    assert state_of(town, case) == "notifying"


def test_someone_else_going_is_said_by_name(browser: TestClient, town: Any, case: str, link: str):
    town.going(case, "suzuki")
    assert "鈴木 幸子 さんが向かっています" in text_of(browser.get(link).text)


def test_calling_119_is_one_more_answer(browser: TestClient, town: Any, case: str, link: str):
    browser.post(link, data={"answer": "called_119"})
    assert state_of(town, case) == "emergency"
    assert "119番に通報済みです" in text_of(browser.get(link).text)


def test_a_double_tap_counts_once(browser: TestClient, town: Any, link: str):
    once = once_of(browser.get(link).text)
    for _ in range(3):
        assert browser.post(link, data={"answer": "going", "minutes": "10", "once": once}).status_code == 303
    assert town.count("statements") == 1
    assert town.count("claims") == 1


def test_another_button_of_the_same_page_is_another_answer(browser: TestClient, town: Any, case: str, link: str):
    """Going is tapped by mistake, and cannot before the page has come again, or after the browser's back button."""
    once = once_of(browser.get(link).text)
    for answer in ("going", "cannot", "cannot"):
        browser.post(link, data={"answer": answer, "once": once})
    with town.db.connect() as connection:
        kinds = connection.execute(select(statements.c.kind).order_by(statements.c.at_ms, statements.c.kind)).scalars()
        assert sorted(kinds) == ["cannot", "going"]
        assert connection.execute(select(claims.c.ended_by)).scalars().all() == ["cannot"]


def test_the_same_page_token_of_another_message_is_another_answer(browser: TestClient, town: Any, case: str, link: str):
    other = f"/r/{town.token(town.delivery(case, 'suzuki', 'call', step=1))}"
    for path in (link, other):
        browser.post(path, data={"answer": "going", "once": "same"})
    assert town.count("claims") == 2


def test_opened_again_a_new_arrival_time_can_be_given(browser: TestClient, town: Any, link: str):
    for minutes in ("10", "45"):
        once = once_of(browser.get(link).text)
        browser.post(link, data={"answer": "going", "minutes": minutes, "once": once})
    with town.db.connect() as connection:
        assert connection.execute(select(claims.c.eta_ms)).scalar_one() == town.clock.now + 45 * 60_000


def test_the_person_themself_sees_two_buttons(browser: TestClient, own_link: str):
    page = browser.get(own_link).text
    assert "山田 花子 様、お元気ですか" in page
    assert re.findall(r'name="answer" value="(\w+)"', page) == ["safe", "cannot"]


def test_the_person_says_all_right_and_the_case_ends(browser: TestClient, town: Any, case: str, own_link: str):
    browser.post(own_link, data={"answer": "safe"})
    assert state_of(town, case) == "resolved"
    assert "お返事を受け取りました" in browser.get(own_link).text


def test_the_person_asks_for_help_and_is_told_who_is_called(browser: TestClient, own_link: str):
    browser.post(own_link, data={"answer": "cannot"})
    page = text_of(browser.get(own_link).text)
    assert "助けを求めていることを伝えました" in page
    assert "大丈夫です" in page


def altered(link: str) -> str:
    # Not the last character: some of its bits are padding.
    return link[:-5] + ("A" if link[-5] != "A" else "B") + link[-4:]


@pytest.mark.parametrize("verb", ["GET", "HEAD", "POST"])
def test_an_altered_link_changes_nothing_and_says_what_to_do(browser: TestClient, town: Any, link: str, verb: str):
    before = town.everything()
    bad_links = [altered(link), "/r/x", "/r/" + "a" * 600, link[:-8], "/r/%00"]
    for path in bad_links:
        answer = browser.request(verb, path, data={"answer": "safe"} if verb == "POST" else None)
        assert answer.status_code == 404, path
        assert verb == "HEAD" or "このリンクは使えません" in answer.text
        assert 'href="/"' not in answer.text, "no way into the board"
    assert town.everything() == before


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_an_expired_link_is_gone(browser: TestClient, town: Any, link: str, verb: str):
    town.clock.now += 4 * 24 * HOUR
    before = town.everything()
    answer = browser.request(verb, link, data={"answer": "safe"} if verb == "POST" else None)
    assert answer.status_code == 410
    assert "期限が切れています" in answer.text
    assert town.everything() == before


def test_a_good_signature_of_a_message_nobody_knows_is_refused(browser: TestClient, town: Any):
    assert browser.get(f"/r/{town.token('no-such-delivery')}").status_code == 404
    assert browser.post(f"/r/{town.token('no-such-delivery')}", data={"answer": "safe"}).status_code == 404


@pytest.mark.parametrize(
    "form",
    [{"answer": "perhaps"}, {}, {"answer": "going", "minutes": "-1"}, {"answer": "safe", "once": "x" * 33}],
)
def test_an_answer_that_makes_no_sense_is_refused(browser: TestClient, town: Any, link: str, form: dict[str, str]):
    answer = browser.post(link, data=form)
    assert answer.status_code == 400
    assert 'href="/"' not in answer.text
    assert town.count("statements") == 0


def test_a_refused_link_is_logged_without_its_token(browser: TestClient, link: str, caplog: pytest.LogCaptureFixture):
    browser.get(altered(link))
    assert "link was refused: altered" in caplog.text
    assert link[3:20] not in " ".join(
        record.getMessage() for record in caplog.records if record.name == "dashboard.responder.page"
    )


def test_the_page_speaks_the_readers_language(browser: TestClient, town: Any, link: str):
    town.write(update(people).where(people.c.id == "tanaka").values(language="en"))
    assert "I am going now" in browser.get(link).text
    assert "今から行きます" in browser.get(f"{link}?lang=ja").text


def test_a_matter_of_devices_has_nothing_to_answer(browser: TestClient, town: Any):
    home = town.home("高橋 ミツ", proven=None)
    case = town.incident(home, kind="gateway_lost", council_ms=town.clock.now)
    link = f"/r/{town.token(town.delivery(case, 'staff', 'staff'))}"
    page = browser.get(link).text
    assert "機器の確認" in page
    assert "<button" not in page


def test_after_the_case_is_closed_an_answer_is_kept_and_changes_nothing(
    browser: TestClient, town: Any, case: str, link: str, open_page: Callable[..., TestClient]
):
    browser.post(link, data={"answer": "safe"})
    browser.post(link, data={"answer": "going", "minutes": "5"})
    assert state_of(town, case) == "resolved"
    with town.db.connect() as connection:
        assert [row.kind for row in connection.execute(select(statements))] == ["safe", "going"]
    assert town.count("claims") == 0


def test_after_all_right_help_can_still_be_called_and_is_told_at_once(
    browser: TestClient, town: Any, case: str, own_link: str
):
    browser.post(own_link, data={"answer": "safe"})
    page = browser.get(own_link).text
    assert re.findall(r'name="answer" value="(\w+)"', page) == ["cannot"]
    assert 'href="tel:119"' in page
    answer = browser.post(own_link, data={"answer": "cannot", "once": once_of(page)})
    assert (answer.status_code, answer.headers["location"]) == (303, own_link)
    told = text_of(browser.get(own_link).text)
    assert "助けを求めていることを伝えました。 近くの方と社会福祉協議会に連絡しています。" in told
    assert "119番に電話する" in told
    assert state_of(town, case) == "resolved", "an end is an end"
    engine = Engine(town.db, AlertsSettings())
    engine.tick(town.clock.now)
    assert "対応が必要 山田 花子 様" in text_of(browser.get("/").text)
    assert "ご本人から助けを求める返事がありました。" in browser.get("/").text
    assert "助けを求めていることを伝えました" in browser.get(own_link).text


def test_after_that_help_has_come_the_button_is_there_again(browser: TestClient, town: Any, case: str, own_link: str):
    for answer in ("safe", "cannot"):
        browser.post(own_link, data={"answer": answer})
    Engine(town.db, AlertsSettings()).tick(town.clock.now)
    with town.db.connect() as connection:
        called = connection.execute(select(incidents.c.id).where(incidents.c.kind == "help")).scalar_one()
    town.clock.now += 60_000
    form = {"incident": called, "by": "staff", "outcome": "safe", "reason": "訪ねて確かめた"}
    browser.post("/homes/home1/close", data=form)
    page = browser.get(own_link).text
    assert "助けを求めていることを伝えました" not in page
    assert re.findall(r'name="answer" value="(\w+)"', page) == ["cannot"]


def test_a_link_that_has_expired_calls_nobody(browser: TestClient, town: Any, own_link: str):
    browser.post(own_link, data={"answer": "safe"})
    town.clock.now += 4 * 24 * HOUR
    assert browser.post(own_link, data={"answer": "cannot"}).status_code == 410
    Engine(town.db, AlertsSettings(gateway_lost_s=10**7, unproven_s=10**7)).tick(town.clock.now)
    with town.db.connect() as connection:
        assert connection.execute(select(incidents.c.kind)).scalars().all() == ["silence"]


def test_a_neighbours_page_of_an_ended_case_offers_no_help_button(browser: TestClient, link: str):
    browser.post(link, data={"answer": "safe"})
    assert "助けてください" not in browser.get(link).text


def revoke(town: Any, reader: str) -> None:
    with town.db.connect() as connection:
        relation = connection.execute(select(relations.c.id).where(relations.c.other_id == reader)).scalar_one()
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        registry.revoke(relation)


@pytest.mark.parametrize(("language", "words"), [("ja", "取り消されました"), ("en", "no longer asked")])
def test_who_is_not_asked_any_more_sees_neither_the_name_nor_who_goes(
    browser: TestClient, town: Any, case: str, link: str, language: str, words: str
):
    town.going(case, "suzuki")
    assert "鈴木 幸子" in browser.get(link).text
    revoke(town, "tanaka")
    page = browser.get(link, params={"lang": language})
    assert page.status_code == 410
    assert words in page.text
    for kept_back in ("山田", "本山", "鈴木"):
        assert kept_back not in page.text


@pytest.mark.parametrize(
    ("answer", "state"), [("going", "notifying"), ("safe", "resolved"), ("called_119", "emergency")]
)
def test_who_is_not_asked_any_more_cannot_take_the_case_but_what_they_know_counts(
    browser: TestClient, town: Any, case: str, link: str, answer: str, state: str
):
    once = once_of(browser.get(link).text)
    revoke(town, "tanaka")
    for _ in range(2):  # a page that was opened before; and once more by a double tap
        answered = browser.post(link, data={"answer": answer, "once": once})
        assert "取り消されました" in browser.get(answered.headers["location"]).text
    assert state_of(town, case) == state
    with town.db.connect() as connection:
        assert [row.kind for row in connection.execute(select(statements))] == [answer]
        assert connection.execute(select(claims)).all() == []


def test_the_person_and_staff_keep_their_page_when_a_neighbour_is_not_asked_any_more(
    browser: TestClient, town: Any, case: str, own_link: str
):
    staff_link = f"/r/{town.token(town.delivery(case, town.staff, 'staff', step=2))}"
    revoke(town, "tanaka")
    for path in (own_link, staff_link):
        page = browser.get(path)
        assert page.status_code == 200
        assert "山田 花子" in page.text
