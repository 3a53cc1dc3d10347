"""A storm of cases is no storm of messages, and none of them is lost in it."""

from collections import Counter
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from alerts.channels.line.accounts import chat_user_of, on_unfollow
from alerts.channels.line.webhook_events import LineEvent
from alerts.channels.twilio.inbound import read_message
from alerts.decisions.sending.bundling import BundleLimits, BundlePlan, SentMessage, WaitingMessage, plan
from alerts.delivery import bundles
from alerts.delivery.failover import did_not_arrive
from alerts.errors import Failure
from alerts.incidents.answers import answer_for
from alerts.incidents.transitions import in_transaction
from alerts.ports import SendOutcome
from alerts.settings import AlertsSettings
from store.register.registry import edit
from store.retention import erase_person
from store.schema import attempts, contact_methods, deliveries, gateways, incidents, relations
from store.timeseries.sqlite import SqliteTimeSeries

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
LIMITS = BundleLimits(3, 10 * MINUTE, 20 * SECOND)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3_600), st.integers(0, 40)), max_size=60), st.integers(2, 5))
def test_in_any_window_few_messages_tell_of_many_cases_and_nothing_waits_for_ever(arrivals, most):
    """Played from each moment at which something is due to the next: who is told of how many cases, and when."""
    limits = BundleLimits(most, 10 * MINUTE, 20 * SECOND)
    inbox = sorted((at_s * SECOND, f"m{number}", f"case-{case}") for number, (at_s, case) in enumerate(arrivals))
    waiting, sent, told = [], [], []
    held_until = {}
    while inbox or waiting:
        now = min([held_until[message.id] for message in waiting] + [at_ms for at_ms, *_rest in inbox[:1]])
        assert now < 12 * HOUR, "it waits for ever"
        while inbox and inbox[0][0] <= now:
            at_ms, name, case = inbox.pop(0)
            waiting.append(WaitingMessage(name, case, at_ms))
        due = [message for message in waiting if held_until.get(message.id, 0) <= now]
        if due:
            found = plan(due, [item for item in sent if item.at_ms > now - limits.window_ms], now, limits)
            assert not found.held or found.until_ms > now
            held_until.update({message.id: found.until_ms for message in found.held})
            free = [message for message in due if message not in found.together and message not in found.held]
            sent += [SentMessage(message.incident, now) for message in free]
            if found.together:
                sent.append(SentMessage(found.together[0].incident, now))
            gone = [*free, *found.together]
            told += [message.id for message in gone]
            waiting = [message for message in waiting if message not in gone]
    assert Counter(told) == Counter(f"m{number}" for number in range(len(arrivals))), "each is told once"
    for first in sent:
        window = [item for item in sent if first.at_ms <= item.at_ms < first.at_ms + limits.window_ms]
        if len({item.incident for item in window}) >= most:
            assert len(window) <= most or len({item.incident for item in window[:most]}) < most


def test_few_cases_are_told_at_once():
    waiting = [WaitingMessage("a", "case-1", 0), WaitingMessage("b", "case-2", 0)]
    assert plan(waiting, [SentMessage("case-1", -1)] * 9, 0, LIMITS).held == ()


def test_the_last_message_gathers_what_comes_and_then_there_is_room_again_when_the_first_is_old():
    waiting = [WaitingMessage(f"m{n}", f"case-{n}", 0) for n in range(5)]
    assert [m.id for m in plan(waiting, [], 0, LIMITS).held] == ["m2", "m3", "m4"]
    sent = [SentMessage("case-0", 0), SentMessage("case-1", 0)]
    assert [m.id for m in plan(waiting[2:], sent, 20 * SECOND, LIMITS).together] == ["m2", "m3", "m4"]
    full = [*sent, SentMessage("case-2", 20 * SECOND)]
    later = plan([WaitingMessage("m9", "case-9", 30 * SECOND)], full, 30 * SECOND, LIMITS)
    assert (later.held[0].id, later.until_ms) == ("m9", 10 * MINUTE)


# ---- on the store ----


def street(found_village, start, people=30):
    """So many homes in different districts, all with the same neighbour and the same of the staff."""
    village = found_village(neighbours=1, staff=1, settings=AlertsSettings(area_least=10_000))
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("ichiro", "outbox", "second-ichiro", rank=3)
        for number in range(people):
            registry.add_person(f"住民 {number}", id=f"p{number}")
            registry.add_contact_method(f"p{number}", "outbox", f"phone-p{number}")
            registry.add_home(f"p{number}", "council", f"gw-{number}", area=f"{number}丁目", id=f"home-{number}")
            registry.relate(f"p{number}", "ichiro", "neighbour", "見守り")
    for number in range(people):
        village.lives(start, home=f"home-{number}")
        village.beats(start, f"gw-{number}")
    return village


def work(village, now_ms):
    with village.db.begin() as connection:
        connection.execute(update(gateways).values(heartbeat_ms=now_ms, proven_ms=now_ms))
    village.at(now_ms)
    return now_ms


def work_until(village, now_ms, until_ms, step_ms=10 * SECOND):
    while now_ms < until_ms:
        now_ms += step_ms
        work(village, now_ms)
    return now_ms


@pytest.mark.on_both_stores
def test_thirty_silent_people_are_three_messages_to_their_neighbour_and_each_has_a_case(found_village, start):
    village = street(found_village, start)
    due = work(village, start + 2 * HOUR)
    assert len(village.told("ask")) == 30, "everybody is asked themselves, at once"
    called = due + 30 * MINUTE
    work(village, called)
    assert len(village.phone("ichiro")) == 2, "the third waits for more to tell"
    work_until(village, called, called + 30 * SECOND)
    shown = village.phone("ichiro")
    assert len(shown) == 3
    assert "28件" in shown[-1].body
    assert len(village.rows(incidents)) == 30
    calls = [row for row in village.rows(deliveries) if row.purpose == "call"]
    assert Counter(row.state for row in calls) == Counter(accepted=3, bundled=27)
    late = [row for row in village.rows(incidents) if row.called_ms != called]
    assert late == [], "the ladder of each went on in time"


def test_when_the_messages_to_one_person_cannot_be_bundled_they_go_out_singly_and_all_others_as_ever(
    found_village, start
):
    village = street(found_village, start, people=10)
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_person("高橋 次郎", id="jiro")
        registry.add_contact_method("jiro", "outbox", "phone-jiro")
        for number in range(10):
            registry.relate(f"p{number}", "jiro", "neighbour", "見守り")
    due = work(village, start + 2 * HOUR)
    called = work(village, due + 30 * MINUTE)
    of_ichiro_alone = "NEW.state = 'bundled' AND NEW.person_id = 'ichiro'"
    with village.refusing("UPDATE", "deliveries", of_ichiro_alone), pytest.raises(ExceptionGroup) as raised:
        work(village, called + 20 * SECOND)
    (failed,) = raised.value.exceptions[0].exceptions
    of_ichiro = [row.incident_id for row in village.messages("ichiro")]
    assert {word.strip(",") for word in failed.__notes__[0].split()} & set(of_ichiro) == set(of_ichiro[2:])
    assert len(village.phone("ichiro")) == 10, "he is told of each by itself"
    assert [len(village.phone("jiro")), "8件" in village.phone("jiro")[-1].body] == [3, True]
    work(village, called + 40 * SECOND)
    assert {row.state for row in village.rows(deliveries)} == {"accepted", "bundled"}


@pytest.mark.on_both_stores
def test_a_bundle_that_is_refused_goes_on_by_the_next_way_and_nobody_is_lost(found_village, start):
    village = street(found_village, start, people=8)
    due = work(village, start + 2 * HOUR)
    called = due + 30 * MINUTE
    village.channel.faults["phone-ichiro"] = [SendOutcome.OK, SendOutcome.OK, *[SendOutcome.PERMANENT] * 50]
    work(village, called)
    work_until(village, called, called + 15 * MINUTE, MINUTE)
    calls = [row for row in village.rows(deliveries) if row.purpose == "call"]
    told = {row.incident_id for row in calls if row.state == "accepted"}
    leaders = {row.id for row in calls if row.state == "accepted"}
    told |= {row.incident_id for row in calls if row.bundle_id in leaders}
    assert len(told) == 8
    refused = [row for row in calls if row.state == "failed"]
    assert {row.contact_method_id for row in refused} == {"m-ichiro"}


@pytest.mark.on_both_stores
def test_a_leader_whose_case_ends_sets_the_others_free(found_village, start):
    village = street(found_village, start, people=6)
    due = work(village, start + 2 * HOUR)
    called = due + 30 * MINUTE
    village.channel.faults["phone-ichiro"] = [SendOutcome.OK, SendOutcome.OK, SendOutcome.RETRY]
    work(village, called)
    work_until(village, called, called + 20 * SECOND)
    leader = next(row for row in village.rows(deliveries) if row.state == "retry_wait")
    about = next(row.person_id for row in village.rows(incidents) if row.id == leader.incident_id)
    village.answers(about, "safe", called + 25 * SECOND)
    work_until(village, called + 20 * SECOND, called + 15 * MINUTE, MINUTE)
    open_cases = {row.id for row in village.rows(incidents) if row.state == "notifying"}
    calls = [row for row in village.rows(deliveries) if row.purpose == "call" and row.incident_id in open_cases]
    leaders = {row.id for row in calls if row.state == "accepted"}
    assert all(row.state == "accepted" or row.bundle_id in leaders for row in calls)
    assert len(open_cases) == 5


def bundled_for_ichiro(village, start):
    """When the neighbour was told of two by themselves and of the rest at once; and the leader of the rest."""
    called = work(village, work(village, start + 2 * HOUR) + 30 * MINUTE)
    now = work_until(village, called, called + 30 * SECOND)
    (leader,) = {row.bundle_id for row in village.rows(deliveries) if row.bundle_id}
    return now, next(row for row in village.rows(deliveries) if row.id == leader)


def test_a_bundle_that_came_to_nothing_leaves_no_words_behind(found_village, start):
    """Its leader goes on alone by the next way: it must not say there that it tells of many."""
    village = street(found_village, start, people=8)
    village.channel.faults["phone-ichiro"] = [SendOutcome.OK, SendOutcome.OK, SendOutcome.PERMANENT]
    called = work(village, work(village, start + 2 * HOUR) + 30 * MINUTE)
    work_until(village, called, called + 15 * MINUTE, MINUTE)
    refused = next(row for row in village.rows(deliveries) if row.state == "failed")
    again = next(
        row for row in village.rows(deliveries) if row.incident_id == refused.incident_id and row.channel == "outbox"
        and row.contact_method_id != refused.contact_method_id and row.person_id == "ichiro"
    )  # fmt: skip
    assert "件" not in again.body
    leaders = {row.bundle_id for row in village.rows(deliveries) if row.bundle_id}
    assert len([item for item in village.phone("ichiro") if "件" in item.body]) == len(leaders) > 0


@pytest.mark.on_both_stores
@pytest.mark.parametrize("leader_ended", [False, True])
def test_who_never_got_a_bundle_is_told_of_each_in_it_by_another_way(found_village, start, leader_ended):
    """A receipt, or a blocked account, tells it after the channel had accepted it."""
    village = street(found_village, start, people=8)
    now, leader = bundled_for_ichiro(village, start)
    if leader_ended:
        about = next(row.person_id for row in village.rows(incidents) if row.id == leader.incident_id)
        village.answers(about, "safe", now)
    assert in_transaction(village.db, lambda c: did_not_arrive(c, leader.id, Failure.BLOCKED, now, "test"))
    work_until(village, now, now + 15 * MINUTE, MINUTE)
    calls = [row for row in village.rows(deliveries) if row.purpose == "call"]
    still_open = {row.id for row in village.rows(incidents) if row.state == "notifying"}
    assert len(still_open) == 7 if leader_ended else 8
    accepted = {row.id for row in calls if row.state == "accepted"}
    told = {row.incident_id for row in calls if row.state == "accepted" or row.bundle_id in accepted}
    assert still_open <= told


def test_who_blocks_line_after_a_bundle_is_told_of_each_in_it_by_another_way(found_village, start):
    village = street(found_village, start, people=8)
    now, leader = bundled_for_ichiro(village, start)
    about = next(row.person_id for row in village.rows(incidents) if row.id == leader.incident_id)
    village.answers(about, "safe", now)
    with village.db.begin() as connection:  # the phone of before was his LINE
        mine = contact_methods.c.id == "m-ichiro"
        connection.execute(update(contact_methods).where(mine).values(channel="line", address="U-ichiro"))
        connection.execute(
            update(deliveries).where(deliveries.c.contact_method_id == "m-ichiro").values(channel="line")
        )
    with village.db.begin() as connection:
        on_unfollow(connection, LineEvent("e1", "unfollow", now, "U-ichiro"), chat_user_of(connection, "U-ichiro"), now)
    work_until(village, now, now + 15 * MINUTE, MINUTE)
    calls = [row for row in village.rows(deliveries) if row.purpose == "call" and row.channel == "outbox"]
    by_phone = {row.id for row in calls if row.state == "accepted"}
    told = {row.incident_id for row in calls if row.id in by_phone or row.bundle_id in by_phone}
    assert {row.id for row in village.rows(incidents) if row.state == "notifying"} <= told


def test_a_call_for_help_waits_for_nothing(found_village, start):
    village = street(found_village, start)
    due = work(village, start + 2 * HOUR)
    called = work(village, due + 30 * MINUTE)
    village.presses("help", called + SECOND, home="home-7")
    work(village, called + SECOND)
    urgent = [item for item in village.phone("ichiro") if "至急" in item.body]
    assert len(urgent) == 1


def test_word_of_119_waits_for_nothing_and_stands_alone(found_village, start):
    village = street(found_village, start, people=6)
    called = work(village, work(village, start + 2 * HOUR) + 30 * MINUTE)
    asked = work(village, called + HOUR)
    assert len(village.phone("shiki")) == 2, "the others wait to be told together"
    (case,) = [row for row in village.rows(incidents) if row.home_id == "home-5"]
    answer_for(village.db, case.id, "ichiro", "called_119", asked + SECOND)
    work(village, asked + SECOND)
    urgent = [item for item in village.phone("shiki") if "119" in item.subject]
    assert ["住民 5" in item.body for item in urgent] == [True]


def test_a_message_in_a_bundle_is_never_tried_by_itself(found_village, start):
    village = street(found_village, start, people=10)
    due = work(village, start + 2 * HOUR)
    called = work(village, due + 30 * MINUTE)
    work_until(village, called, called + MINUTE)
    bundled = {row.id for row in village.rows(deliveries) if row.state == "bundled"}
    assert bundled
    assert not bundled & {row.delivery_id for row in village.rows(attempts)}


# ---- who leads ----


def test_a_question_leads_and_not_the_news_of_a_case_that_ended_before_it(found_village, start):
    village = street(found_village, start, people=3)
    village.lives(start + 5 * SECOND, home="home-2")
    work_until(village, start + 2 * HOUR - SECOND, start + 2 * HOUR + 5 * SECOND, SECOND)
    called = work(village, start + 2 * HOUR + 30 * MINUTE)
    village.answers("p0", "safe", called + 4 * SECOND)
    work_until(village, called + 4 * SECOND, called + MINUTE, SECOND)
    (leader,) = {row.bundle_id for row in village.rows(deliveries) if row.bundle_id}
    led = [row.purpose for row in village.rows(deliveries) if row.bundle_id or row.id == leader]
    assert sorted(led) == ["call", "news"]
    assert next(row.purpose for row in village.rows(deliveries) if row.id == leader) == "call"


def test_who_may_not_hear_of_the_leaders_person_any_more_still_hears_of_the_others(found_village, start):
    village = street(found_village, start, people=6)
    called = work(village, work(village, start + 2 * HOUR) + 30 * MINUTE)
    held = [row for row in village.rows(deliveries) if row.person_id == "ichiro" and row.state == "pending"]
    first = min(held, key=lambda row: (row.created_ms, row.id))
    about = next(row.person_id for row in village.rows(incidents) if row.id == first.incident_id)
    with edit(village.db, actor="test", now_ms=called + SECOND) as registry:
        registry.revoke(next(row.id for row in village.rows(relations) if row.subject_id == about))
    work_until(village, called, called + 15 * MINUTE, 30 * SECOND)
    calls = [row for row in village.rows(deliveries) if row.person_id == "ichiro" and row.purpose == "call"]
    assert {row.failure for row in calls if row.incident_id == first.incident_id} == {"revoked"}
    others = [row for row in calls if row.incident_id != first.incident_id]
    assert {row.contact_method_id for row in others} == {"m-ichiro"}, "his phone works: nothing goes by another way"
    assert {row.state for row in others} == {"accepted", "bundled"}


@pytest.mark.on_both_stores
def test_a_bundle_does_not_tell_of_a_case_whose_consent_was_revoked_while_it_gathered(found_village, start):
    village = street(found_village, start, people=8)
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_person("高橋 次郎", id="jiro")
        registry.add_contact_method("jiro", "outbox", "phone-jiro", id="m-jiro")
    called = work(village, work(village, start + 2 * HOUR) + 30 * MINUTE)
    held = [row for row in village.rows(deliveries) if row.person_id == "ichiro" and row.state == "pending"]
    case_id = max(held, key=lambda row: (row.created_ms, row.id)).incident_id
    about = next(row.person_id for row in village.rows(incidents) if row.id == case_id)
    with edit(village.db, actor="test", now_ms=called + SECOND) as registry:
        registry.relate(about, "jiro", "neighbour", "見守り")
        registry.revoke(next(r.id for r in village.rows(relations) if (r.subject_id, r.other_id) == (about, "ichiro")))
    work_until(village, called, called + 2 * MINUTE)
    (bundle,) = {row.bundle_id for row in village.rows(deliveries) if row.bundle_id and row.person_id == "ichiro"}
    told = [row.incident_id for row in village.rows(deliveries) if bundle in (row.id, row.bundle_id)]
    assert f"{len(held) - 1}件" in village.phone("ichiro")[-1].body
    assert len(told) == len(held) - 1
    assert case_id not in told
    of_case = [row for row in village.rows(deliveries) if row.incident_id == case_id and row.purpose == "call"]
    assert {(row.state, row.failure) for row in of_case if row.person_id == "ichiro"} == {("failed", "revoked")}
    assert [row.state for row in of_case if row.person_id == "jiro"] == ["accepted"], "a stand-in is called"


def test_a_message_that_leads_is_never_led(found_village, start):
    """Two senders that bundle at the same moment: what a led leader tells of would be told by nobody."""
    village = street(found_village, start, people=8)
    work(village, work(village, start + 2 * HOUR) + 30 * MINUTE)
    held = [row for row in village.rows(deliveries) if row.person_id == "ichiro" and row.state == "pending"]
    first, *others, last = (WaitingMessage(row.id, row.incident_id, row.created_ms) for row in held)
    for together in ((first, *others), (last, first)):
        in_transaction(village.db, lambda c, together=together: bundles._carry_out(c, BundlePlan(together=together)))
    led_by = {row.id: row.bundle_id for row in village.rows(deliveries)}
    assert led_by[first.id] is None
    assert {led_by[message.id] for message in others} == {first.id}


def test_a_call_about_several_cases_is_not_over_when_the_first_is(found_village, start):
    village = street(found_village, start, people=8)
    now, leader = bundled_for_ichiro(village, start)
    alone = next(row for row in village.rows(deliveries) if row.person_id == "ichiro" and row.id != leader.id)
    for message in (leader, alone):
        about = next(row.person_id for row in village.rows(incidents) if row.id == message.incident_id)
        village.answers(about, "safe", now)
    assert read_message(village.db, leader.id).ended is False
    assert read_message(village.db, alone.id).ended is True


@pytest.mark.on_both_stores
@pytest.mark.parametrize("taken", [True, False])
def test_a_person_is_forgotten_whose_message_spoke_for_others(found_village, start, tmp_path, taken):
    village = street(found_village, start, people=8)
    now, leader = bundled_for_ichiro(village, start)
    about = next(row.person_id for row in village.rows(incidents) if row.id == leader.incident_id)
    village.answers(about, "safe", now)
    now = work_until(village, now, now + MINUTE)
    led = {row.id for row in village.rows(deliveries) if row.bundle_id == leader.id}
    if not taken:
        with village.db.begin() as connection:
            unsent = {"state": "pending", "settled_ms": None}
            connection.execute(update(deliveries).where(deliveries.c.id == leader.id).values(unsent))
    with closing(SqliteTimeSeries(tmp_path / "series.db")) as series:
        erase_person(village.db, series, about, "test", now)
    after = [row for row in village.rows(deliveries) if row.id in led]
    assert len(after) == len(led) == 5
    assert {row.bundle_id for row in after} == {None}
    if taken:
        assert {(row.state, row.settled_ms) for row in after} == {("accepted", leader.settled_ms)}
    else:
        assert {(row.state, row.settled_ms, row.due_ms) for row in after} == {("pending", None, now)}
    assert about not in {row.person_id for row in village.rows(incidents)}
