"""Ways in which a call for help could be taken for answered, or left unread; each was found by trying to lose one."""

from contextlib import suppress
from itertools import count

import pytest
from sqlalchemy import update

from alerts.incidents import answers
from alerts.signals import active
from contracts.clock import ClockQuality
from contracts.envelope import Batch, encode_batch
from contracts.events import Event, Kind
from contracts.topics import Leaf, topic
from ingest.intake.ports import Inbound
from ingest.intake.presses import record_presses
from ingest.settings import IngestSettings
from store.register.registry import edit
from store.schema import homes, incidents, statements

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
GATEWAY = "gw-hana"


@pytest.fixture
def press(village):
    """花 presses the button for help; ingest hears of it at that moment."""
    numbers = count(1)

    def pressed(at_ms, what="help"):
        fields = {"press": what}
        event = Event(next(numbers), at_ms, ClockQuality.SYNCED, 0, "button", Kind.BUTTON, fields, bf=False)
        batch = encode_batch(Batch(GATEWAY, "e", 1, [event]))
        message = Inbound(topic(GATEWAY, Leaf.PRIORITY), batch, at_ms)
        assert record_presses(village.db.begin, [message], IngestSettings()) == 1

    return pressed


@pytest.fixture
def called(village, press, start):
    """花 pressed the button a minute ago, and those beside her know; the moment now."""
    press(start + MINUTE)
    village.at(start + MINUTE + SECOND)
    return start + 2 * MINUTE


def is_helped(village):
    return any(row.kind == "help" and row.state not in ("resolved", "cancelled") for row in village.rows(incidents))


def safe(village, who, at_ms):
    answers.answer_for(village.db, village.case().id, who, "safe", at_ms, "page")


def close(village, at_ms):
    answers.close(village.db, village.case().id, "shiki", "false_alarm", "押し間違い", at_ms)


@pytest.mark.parametrize(
    "ends",
    [lambda village, at_ms: safe(village, "hana", at_ms), lambda village, at_ms: safe(village, "ichiro", at_ms), close],
    ids=["OK", "safe", "closed"],
)
def test_an_answer_that_waited_for_the_store_answers_no_press_that_came_in_after_it(village, press, called, ends):
    press(called + 3 * SECOND)
    ends(village, called)
    for seconds in (4, 9):
        village.at(called + seconds * SECOND)
    assert is_helped(village)


@pytest.mark.parametrize("ends", [lambda village, at_ms: safe(village, "ichiro", at_ms), close], ids=["safe", "closed"])
@pytest.mark.parametrize("back_ms", [0, 500, 2 * HOUR], ids=["same moment", "a step back", "set back by hours"])
def test_a_press_after_an_end_is_new_whatever_our_clock_says(village, press, called, ends, back_ms):
    ends(village, called)
    assert not is_helped(village)
    press(called - back_ms)
    village.at(called + SECOND)
    assert is_helped(village)


def test_i_need_help_after_a_movement_ended_the_asking_is_new_whatever_our_clock_says(village, start):
    village.at(start + 2 * HOUR + MINUTE)
    question = village.phone("hana")[-1]
    village.lives(start + 2 * HOUR + 2 * MINUTE)
    village.at(start + 2 * HOUR + 3 * MINUTE)
    assert village.case().state == "resolved"
    village.answers_message(question, "cannot", start + 2 * HOUR + 90 * SECOND)
    village.at(start + 2 * HOUR + 4 * MINUTE)
    assert is_helped(village)


@pytest.fixture
def other_home(village, start):
    """A second home, whose person presses the button."""
    with edit(village.db, actor="test", now_ms=start) as register:
        register.add_person("太郎", id="taro")
        register.add_home("taro", "council", "gw-taro", area="北", id="home-taro")

    def presses_and_is_helped(now_ms):
        village.presses("help", now_ms, home="home-taro")
        with suppress(ExceptionGroup):  # of the incident that cannot be moved
            village.engine.tick(now_ms)
        return [row.kind for row in village.rows(incidents) if row.home_id == "home-taro"] == ["help"]

    return presses_and_is_helped


def test_an_incident_that_cannot_be_judged_stops_no_other_home(village, start, other_home):
    village.at(start + 2 * HOUR + MINUTE)
    policy = dict(village.case().policy)
    policy |= {"zone": "Asia/Nowhere", "quiet": [0, 1439], "steps": policy["steps"][-1:]}
    waiting = {"state": "deferred", "step": 0, "next_due_ms": start + 20 * HOUR, "policy": policy}
    with village.db.begin() as connection:
        connection.execute(update(incidents).values(waiting))
    assert other_home(start + 3 * HOUR)


def test_a_call_about_an_incident_of_an_unknown_kind_stops_no_other_home(village, start, other_home):
    village.at(start + 2 * HOUR + MINUTE)
    village.presses("help", start + 2 * HOUR + 2 * MINUTE)
    incident = village.case().id
    ended = {"kind": "leak", "state": "resolved", "outcome": "safe", "closed_ms": start + 3 * HOUR, "next_due_ms": None}
    with village.db.begin() as connection:
        connection.execute(update(incidents).values(ended))
        connection.execute(update(statements).values(incident_id=incident))
    assert other_home(start + 3 * HOUR)


def test_a_home_with_an_unknown_time_zone_is_asked_and_stops_no_call(village, start, other_home):
    with village.db.begin() as connection:
        connection.execute(update(homes).values(zone="Mars/Olympus"))
    village.at(start + 2 * HOUR + MINUTE)
    assert village.case().kind == "silence"
    assert other_home(start + 3 * HOUR)


def test_what_cannot_be_read_of_other_signals_stops_no_call(village, start, other_home, monkeypatch):
    def fails(*_more):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(active, "expected_silences", fails)
    with pytest.raises(ExceptionGroup):
        village.engine.tick(start + MINUTE)
    assert other_home(start + 3 * HOUR)
