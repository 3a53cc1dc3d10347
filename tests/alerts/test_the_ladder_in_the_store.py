"""The whole way of a silence, on a real database, with the outbox as everybody's phone."""

import sqlite3

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from alerts.decisions.events import TimePassed
from alerts.errors import InvalidLink, StaleIncident, UnknownIncident, UnusableAnswer
from alerts.incidents import answers, loaded_incident, response_log, transitions
from alerts.incidents.engine import Engine
from alerts.ports import SendOutcome, SendResult
from alerts.register import read_recipients
from alerts.signals.active import read_signals
from alerts.signals.expected import Outlook
from alerts.tools.next_moment import next_moment_ms
from store.register.registry import edit
from store.retention import erase_person
from store.schema import attempts, audit, claims, deliveries, incidents, metadata, people, statements
from store.timeseries.sqlite import SqliteTimeSeries

HOUR = 3_600_000
MINUTE = 60_000


@pytest.mark.on_both_stores
def test_it_asks_the_person_then_two_neighbours_then_the_council_for_ever(village, start):
    village.at(start + 2 * HOUR - 1)
    assert village.told("ask") == []
    village.at(start + 2 * HOUR)
    assert village.told("ask") == ["hana"]
    village.at(start + 2 * HOUR + 30 * MINUTE - 1)
    assert village.told("call") == []
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert village.told("call") == ["ichiro", "jiro"]
    village.at(start + 2 * HOUR + 90 * MINUTE - 1)
    assert village.told("staff") == []
    for times in range(1, 15):
        village.at(start + 2 * HOUR + 90 * MINUTE + (times - 1) * 30 * MINUTE)
        assert village.told("staff") == ["shiki"] * times
    assert village.case().state == "staff_attention"


@pytest.mark.on_both_stores
def test_safe_ends_it_and_the_others_are_told(village, start):
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert village.answers("ichiro", "going", start + 2 * HOUR + 31 * MINUTE).state == "claimed"
    village.at(start + 2 * HOUR + 31 * MINUTE)
    assert village.answers("ichiro", "safe", start + 2 * HOUR + 45 * MINUTE).state == "resolved"
    village.at(start + 2 * HOUR + 45 * MINUTE)
    case = village.case()
    assert (case.outcome, case.outcome_by) == ("safe", "ichiro")
    assert village.told("news") == ["jiro", "jiro"]
    assert village.told("staff") == []
    assert [row.what for row in village.rows(audit) if row.incident_id] == ["opened", "escalated", "claimed", "ended"]


def escalated(village, start):
    """Neighbours are called; the moment at which they were."""
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    return start + 2 * HOUR + 30 * MINUTE


@pytest.mark.on_both_stores
def test_a_movement_while_the_person_is_asked_ends_it_and_nobody_else_hears_of_it(village, start):
    village.at(start + 2 * HOUR)
    village.lives(start + 2 * HOUR + MINUTE)
    village.at(start + 2 * HOUR + 2 * MINUTE)
    assert (village.case().state, village.case().outcome) == ("resolved", "movement")
    village.at(start + 3 * HOUR)
    assert village.told("call") + village.told("news") == []


def test_a_movement_does_not_end_a_case_to_which_staff_are_going(village, start):
    village.at(start + 2 * HOUR)
    case_id = village.case().id
    answers.answer_for(village.db, case_id, "shiki", "going", start + 2 * HOUR + MINUTE, "board", eta_s=600)
    village.lives(start + 2 * HOUR + 11 * MINUTE)  # the door, opened by whoever came to look
    village.at(start + 2 * HOUR + 12 * MINUTE)
    assert (village.case().state, village.case().outcome) == ("claimed", None)
    assert village.told("news") == ["shiki"]
    village.at(start + 2 * HOUR + 21 * MINUTE)
    assert sorted(village.told("call")) == ["ichiro", "jiro"], "who went was not heard of again"


def test_in_an_emergency_a_claim_lapses_too(village, start):
    now = escalated(village, start)
    village.answers("ichiro", "going", now + MINUTE, eta_s=600)
    village.answers("ichiro", "called_119", now + 5 * MINUTE)
    village.at(now + 5 * MINUTE)
    village.at(now + 21 * MINUTE)
    (claim,) = village.rows(claims)
    assert (claim.ended_by, village.case().state) == ("lapsed", "emergency")
    assert village.told("staff") == ["shiki", "shiki"]


@pytest.mark.parametrize(("language", "says"), [("ja", "一郎様が119番に通報しました"), ("en", "by 一郎")])
def test_staff_read_that_119_was_called_and_by_whom_each_time_they_are_asked(village, start, language, says):
    with village.db.begin() as connection:
        connection.execute(update(people).where(people.c.id == "shiki").values(language=language))
        connection.execute(update(people).where(people.c.id == "ichiro").values(name="一郎"))
    now = escalated(village, start)
    village.answers("ichiro", "called_119", now + 5 * MINUTE)
    village.at(now + 5 * MINUTE)
    village.at(now + 35 * MINUTE)
    shown = village.phone("shiki")
    assert len(shown) >= 2, "and its reminder"
    for message in shown:
        assert "119" in message.subject
        assert says in message.body
        assert "佐藤 花" in message.body
        assert "phone-" not in message.body


def test_the_person_who_called_119_is_not_named_as_somebody_else(village, start):
    now = escalated(village, start)
    answers.answer_for(village.db, village.case().id, "hana", "called_119", now + MINUTE, "board")
    village.at(now + MINUTE)
    assert "ご本人が119番に通報しました" in village.phone("shiki")[-1].body


def test_a_movement_after_neighbours_were_called_is_news_told_once(village, start):
    now = escalated(village, start)
    for minutes in (1, 2, 3):
        village.lives(now + minutes * MINUTE)
        village.at(now + minutes * MINUTE)
    assert village.case().state == "notifying"
    assert sorted(village.told("news")) == ["ichiro", "jiro"]


def test_the_ok_button_ends_it_at_any_time_and_the_called_are_told(village, start):
    now = escalated(village, start)
    village.presses("ok", now + MINUTE)
    village.at(now + MINUTE)
    assert (village.case().outcome, village.case().outcome_by) == ("self_ok", "hana")
    assert sorted(village.told("news")) == ["ichiro", "jiro"]


@pytest.mark.on_both_stores
def test_the_help_button_calls_neighbours_and_staff_at_once_even_during_an_absence(village, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.register_absence("home-hana", start, start + 48 * HOUR)
    village.presses("help", start + 10 * MINUTE)
    village.at(start + 10 * MINUTE)
    assert sorted(village.told("call") + village.told("staff")) == ["ichiro", "jiro", "shiki"]
    assert village.told("news") == ["hana"]


def test_pressing_help_again_while_help_is_on_the_way_opens_no_second_case(village, start):
    for minutes in (10, 11, 12):
        village.presses("help", start + minutes * MINUTE)
        village.at(start + minutes * MINUTE)
    village.answers("ichiro", "safe", start + 20 * MINUTE)
    village.at(start + 20 * MINUTE)
    assert len(village.rows(incidents)) == 1
    village.presses("help", start + 30 * MINUTE)
    village.at(start + 30 * MINUTE)
    assert len(village.rows(incidents)) == 2


@pytest.mark.on_both_stores
def test_an_absence_puts_a_silence_off_until_it_ends(village, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.register_absence("home-hana", start + HOUR, start + 24 * HOUR)
    assert next_moment_ms(village.engine, start + HOUR) <= start + 24 * HOUR
    for hours in (2, 3, 12, 23):
        village.at(start + hours * HOUR)
    assert village.rows(incidents) == []
    village.at(start + 24 * HOUR)
    assert village.told("ask") == ["hana"]


def test_who_was_found_safe_and_then_is_not_heard_of_is_missed_again(village, start):
    now = escalated(village, start)
    village.answers("ichiro", "safe", now + 10 * MINUTE)
    village.at(now + 10 * MINUTE + 2 * HOUR - 1)
    assert village.told("ask") == ["hana"]
    village.at(now + 10 * MINUTE + 2 * HOUR)
    assert village.told("ask") == ["hana", "hana"]


def test_a_home_whose_devices_are_not_proven_alive_is_not_silent(village, start):
    village.beats(start + 2 * HOUR - 16 * MINUTE)
    village.beats(start + 2 * HOUR, proven=False)
    village.at(start + 2 * HOUR, beat=False)
    assert village.rows(incidents) == []
    village.beats(start + 2 * HOUR + 5 * MINUTE)
    village.at(start + 2 * HOUR + 5 * MINUTE, beat=False)
    assert village.told("ask") == ["hana"]


def test_a_meter_that_reports_every_second_does_not_keep_a_silence_from_being_noticed(village, start):
    village.beats(start + 2 * HOUR - 4 * MINUTE)
    village.put_live("home-hana", {"last_event_ms": start + 2 * HOUR - 1000}, start + 2 * HOUR - 1000)
    assert next_moment_ms(village.engine, start + 2 * HOUR) == start + 2 * HOUR
    village.at(start + 2 * HOUR, beat=False)
    assert village.told("ask") == ["hana"], "the last proof is fresh: nothing waits for the next heartbeat"


@pytest.mark.parametrize("watched", [True, False])
def test_a_home_never_heard_of_is_not_asked_again_before_it_had_the_same_time_anew(found_village, start, watched):
    village = found_village()
    deadlines = {"ask_at_ms": start + 12 * HOUR, "call_at_ms": start + 13 * HOUR}
    village.put_live("home-hana", deadlines | ({"watched_from_ms": start} if watched else {}), start)
    now = start + 12 * HOUR
    for asked in (1, 2, 3):
        village.at(now)
        village.answers("hana", "safe", now + MINUTE)
        for minutes in (1, 2, 60, 12 * 60):
            village.at(now + minutes * MINUTE)
        assert village.told("ask") == ["hana"] * asked
        now += 12 * HOUR + MINUTE


@pytest.mark.parametrize("store_kind", ["sqlite"])  # it looks into the driver
def test_a_tick_reads_nothing_of_homes_that_are_well(found_village, start, minute):
    village = found_village()
    with edit(village.db, actor="test", now_ms=start) as registry:
        for n in range(60):
            registry.add_person("山本", id=f"p{n}")
            registry.add_home(f"p{n}", "council", f"gw-{n}", id=f"home-{n}")
    for n in range(60):
        village.beats(start + 100 * minute, f"gw-{n}")
    read = []

    def seen(_cursor, row):
        read.append(row)
        return row

    village.engine.tick(start)
    with village.db.connect() as connection:
        connection.connection.dbapi_connection.row_factory = seen
        signals = read_signals(connection, Outlook(start + 101 * minute, village.settings))
        connection.connection.dbapi_connection.row_factory = None
    assert (signals, len(read)) == ([], 0)


@pytest.mark.parametrize("store_kind", ["sqlite"])  # it looks into the driver
def test_an_organisation_may_have_more_homes_than_a_statement_takes_values(found_village, start):
    village = found_village(neighbours=0, staff=0)
    with edit(village.db, actor="test", now_ms=start) as registry:
        for n in range(150):
            registry.add_person("山本", id=f"p{n}")
            registry.add_home(f"p{n}", "council", f"gw-{n}", id=f"home-{n}")
        registry.add_person("伊藤 四季", id="shiki")
        registry.add_contact_method("shiki", "outbox", "phone-shiki")
        registry.relate("p7", "shiki", "staff")
    with village.db.connect() as connection:
        driver = connection.connection.dbapi_connection
        before = driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100)  # thousands in a real one
        found = read_recipients(connection, "hana", "council", start)
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, before)
    assert found.staff == ("shiki",)


def test_a_lost_gateway_is_told_to_staff_alone_and_ends_when_it_is_heard_of(village, start):
    village.at(start + 15 * MINUTE - 1, beat=False)
    assert village.rows(incidents) == []
    village.at(start + 15 * MINUTE, beat=False)
    assert (village.told("staff"), village.told("call")) == (["shiki"], [])
    village.at(start + 40 * MINUTE)
    assert (village.case().outcome, village.case().state) == ("recovered", "resolved")


def test_a_home_that_is_heard_of_but_not_vouched_for_is_told_to_staff_alone_until_the_next_proof(village, start):
    for minutes in range(0, 60, 10):
        village.beats(start + minutes * MINUTE, proven=minutes == 0)
        village.at(start + minutes * MINUTE, beat=False)
    assert village.rows(incidents) == []
    village.beats(start + HOUR, proven=False)
    assert next_moment_ms(village.engine, start + HOUR) == start + HOUR
    village.at(start + HOUR, beat=False)
    assert (village.told("staff"), village.told("call"), village.told("ask")) == (["shiki"], [], [])
    assert village.case().kind == "sensor_lost"
    village.beats(start + HOUR + 5 * MINUTE, proven=False)
    village.at(start + HOUR + 5 * MINUTE, beat=False)
    assert village.case().outcome is None, "a heartbeat alone proves nothing"
    village.beats(start + HOUR + 10 * MINUTE)
    village.at(start + HOUR + 10 * MINUTE, beat=False)
    assert (village.case().outcome, village.case().state) == ("recovered", "resolved")


def test_while_somebody_is_registered_as_absent_no_sensor_need_vouch_for_the_home(village, start):
    end = start + 3 * HOUR
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.register_absence("home-hana", start, end)
    village.beats(start)
    for now in (start + HOUR, start + 2 * HOUR):
        village.beats(now, proven=False)
        assert next_moment_ms(village.engine, now) == now + 15 * MINUTE, "only the gateway may be lost"
        village.at(now, beat=False)
        assert village.rows(incidents) == []
    village.beats(end, proven=False)
    village.at(end, beat=False)
    assert village.case().kind == "sensor_lost", "and it is told once they should be back"


def test_after_downtime_of_the_backend_no_gateway_counts_as_lost_before_it_had_time_to_be_heard(village, start):
    restarted = Engine(village.db, village.settings)
    restarted.tick(start + 12 * HOUR)
    assert village.rows(incidents) == []
    restarted.tick(start + 12 * HOUR + 15 * MINUTE)
    assert village.case().kind == "gateway_lost"


@pytest.mark.on_both_stores
def test_after_hours_of_downtime_nothing_is_skipped_and_everybody_hears_once(village, start):
    village.beats(start + 2 * HOUR)
    village.engine.tick(start + 2 * HOUR)  # the intent is written, then the power fails
    now = start + 14 * HOUR
    for _ in range(3):
        village.sender.run_due(now)
        village.at(now)
    assert (village.told("ask"), village.told("call")) == (["hana"], [])
    village.at(now + 10 * MINUTE)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]
    village.at(now + 30 * HOUR)
    assert village.told("staff") == ["shiki"]


def test_who_may_not_have_got_the_question_is_asked_again_before_others_are_called(village, start):
    village.beats(start + 2 * HOUR)
    village.engine.tick(start + 2 * HOUR)
    village.channel.send = cut_the_power
    with pytest.raises(KeyboardInterrupt):
        village.sender.run_due(start + 2 * HOUR)
    del village.channel.send
    now = start + 5 * HOUR
    village.at(now)
    assert (village.told("ask"), village.told("call")) == (["hana"], [])
    assert [row.outcome for row in village.rows(attempts)] == ["ambiguous", "ok"]
    village.at(now + 10 * MINUTE)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def cut_the_power(message):
    raise KeyboardInterrupt


def test_a_message_in_a_dead_workers_hand_is_not_sent_after_the_end(village, start):
    now = escalated(village, start)
    village.at(now + HOUR - 1)
    village.engine.tick(now + HOUR)
    village.channel.send = cut_the_power
    with pytest.raises(KeyboardInterrupt):
        village.sender.run_due(now + HOUR)
    del village.channel.send
    village.answers("ichiro", "safe", now + HOUR + 1)
    village.at(now + HOUR + 2 * MINUTE)
    assert village.told("staff") == []
    assert [(row.state, row.failure) for row in village.messages("shiki") if row.purpose == "staff"] == [
        ("cancelled", "ended")
    ]


@pytest.mark.on_both_stores
def test_a_worker_whose_lease_ran_out_does_not_undo_what_the_next_one_did(village, start):
    village.beats(start + 2 * HOUR)
    village.engine.tick(start + 2 * HOUR)
    other = village.new_sender("worker-2")

    class Slow:
        name = "outbox"

        def send(self, _message):
            assert other.run_due(start + 2 * HOUR + 30_000).ok == 0, "the lease holds"
            assert other.run_due(start + 2 * HOUR + 60_000).ok == 1, "the lease ran out"
            return SendResult(SendOutcome.RETRY)

    village.new_sender("worker-1", {"outbox": Slow()}).run_due(start + 2 * HOUR)
    (message,) = village.messages("hana")
    assert message.state == "accepted"
    assert [row.outcome for row in village.rows(attempts)] == ["ambiguous", "ok"]


@pytest.mark.on_both_stores
def test_a_worker_whose_lease_ran_out_does_not_take_the_next_ones_lease(village, start):
    village.beats(start + 2 * HOUR)
    village.engine.tick(start + 2 * HOUR)
    village.channel.send = cut_the_power
    other = village.new_sender("worker-2")

    class Slow:
        name = "outbox"

        def send(self, _message):
            with pytest.raises(KeyboardInterrupt):
                other.run_due(start + 2 * HOUR + 60_000)
            return SendResult(SendOutcome.RETRY)

    village.new_sender("worker-1", {"outbox": Slow()}).run_due(start + 2 * HOUR)
    (message,) = village.messages("hana")
    assert (message.state, message.lease_owner) == ("sending", "worker-2")


@pytest.mark.on_both_stores
def test_a_case_that_another_worker_moved_is_not_written_over(village, start):
    now = escalated(village, start)
    case_id = village.case().id
    with village.db.begin() as connection:
        stale = loaded_incident.load(connection, case_id, now)
    village.answers("ichiro", "going", now + 1)
    before = village.rows(incidents), village.rows(deliveries), village.rows(audit)
    with pytest.raises(StaleIncident), village.db.begin() as connection:
        transitions.apply(connection, stale, TimePassed(), transitions.Occasion(now + 2 * HOUR))
    assert (village.rows(incidents), village.rows(deliveries), village.rows(audit)) == before


def test_a_reminder_that_was_never_sent_is_replaced_by_the_next_one(village, start):
    now = escalated(village, start)
    village.beats(now + HOUR)
    village.engine.tick(now + HOUR)
    for _ in range(2):
        village.at(now + 13 * HOUR)
    assert village.told("staff") == ["shiki"]
    assert sorted(row.state for row in village.messages("shiki")) == ["accepted", "cancelled"]


def test_what_is_due_next_follows_the_proof_that_the_devices_are_alive(village, start):
    now = start + 2 * HOUR + MINUTE
    village.beats(start + HOUR + 30 * MINUTE)
    village.beats(now, proven=False)
    assert next_moment_ms(village.engine, now) == now + 15 * MINUTE, "the gateway may be lost; a silence cannot be told"
    village.beats(now)
    assert next_moment_ms(village.engine, now) == start + 2 * HOUR


def test_overdue_reminders_collapse_into_one(village, start):
    now = escalated(village, start)
    village.at(now + 60 * MINUTE)
    for _ in range(3):
        village.at(now + 60 * MINUTE + 12 * HOUR)
    assert village.told("staff") == ["shiki", "shiki"]


def test_a_message_in_the_hand_of_a_dead_worker_is_not_sent_beside_the_next_reminder(village, start):
    now = escalated(village, start) + 60 * MINUTE
    village.beats(now)
    village.engine.tick(now)
    (waiting,) = (row for row in village.messages("shiki") if row.state == "pending")
    dead = {"state": "sending", "lease_owner": "dead", "lease_until_ms": now + MINUTE}
    with village.db.begin() as connection:
        connection.execute(update(deliveries).where(deliveries.c.id == waiting.id).values(dead))
        connection.execute(insert(attempts).values(delivery_id=waiting.id, n=1, started_ms=now))
    before = len(village.told("staff"))
    village.at(now + 12 * HOUR)
    assert len(village.told("staff")) == before + 1, "one send a person, however much is overdue"
    (left,) = (row for row in village.messages("shiki") if row.id == waiting.id)
    assert left.state == "cancelled"
    (tried,) = (row for row in village.rows(attempts) if row.delivery_id == waiting.id)
    assert tried.outcome == "ambiguous", "nobody knows whether it went out"


@pytest.mark.on_both_stores
def test_a_message_that_is_refused_goes_to_the_persons_next_contact_method(village, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("hana", "outbox", "second-hana", rank=5)
    village.channel.faults["phone-hana"] = [SendOutcome.PERMANENT]
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR)
    assert [shown.address for shown in village.phone("hana")] == ["second-hana"]
    assert village.told("call") == []


def test_when_the_person_cannot_be_asked_others_are_called_at_the_call_deadline(village, start):
    village.channel.faults["phone-hana"] = [SendOutcome.QUOTA]
    for minutes in (0, 1, 30, 59):
        village.at(start + 2 * HOUR + minutes * MINUTE)
    assert village.told("call") == []
    assert [row.what for row in village.rows(audit) if row.incident_id] == ["opened", "unreachable"]
    village.at(start + 3 * HOUR)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def test_when_no_contact_method_works_after_the_call_deadline_the_next_step_begins_now(village, start):
    village.channel.faults["phone-hana"] = [SendOutcome.QUOTA]
    village.at(start + 4 * HOUR)
    village.at(start + 4 * HOUR)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def test_a_channel_that_is_not_set_up_is_a_failure_not_a_silence(village, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_contact_method("ichiro", "line", "U" + "1" * 32, rank=1)
        registry.disable_contact_method("m-ichiro", "blocked")
    now = escalated(village, start)
    village.at(now)
    assert sorted(village.told("call")) == ["jiro", "saburo"]
    (failed,) = village.messages("ichiro")
    assert (failed.state, failed.failure) == ("failed", "no_channel")


def test_a_try_that_nobody_knows_the_end_of_is_repeated_with_the_same_key(village, start):
    village.channel.faults["phone-hana"] = [SendOutcome.AMBIGUOUS]
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    assert len(village.channel.accepted) == 2
    assert len(set(village.channel.accepted)) == 1
    assert [row.outcome for row in village.rows(attempts)] == ["ambiguous", "ok"]


def test_what_was_not_sent_yet_is_not_sent_after_the_end(village, start):
    village.channel.faults["phone-jiro"] = [SendOutcome.RETRY]
    now = escalated(village, start)
    village.answers("ichiro", "safe", now + 1000)
    village.at(now + HOUR)
    assert village.told("call") == ["ichiro"]
    assert village.told("news") == [], "who was never reached is not told that it is over"
    assert {row.state for row in village.messages("jiro")} == {"cancelled"}


def test_a_revoked_consent_holds_at_once(village, start):
    with edit(village.db, actor="test", now_ms=start + HOUR) as registry:
        registry.revoke("r-ichiro")
    escalated(village, start)
    assert sorted(village.told("call")) == ["jiro", "saburo"]


@pytest.mark.on_both_stores
def test_neighbours_take_turns(village, start):
    for night in range(3):
        lived = start + 10 * night * HOUR
        village.lives(lived)
        now = escalated(village, lived)
        newest = max(village.rows(incidents), key=lambda row: row.opened_ms)
        answers.close(village.db, newest.id, "shiki", "false_alarm", "電話で確認", now + 1000)
        village.at(now + 2000)
    assert sorted(village.told("call")) == ["ichiro", "ichiro", "jiro", "jiro", "saburo", "saburo"]


@pytest.mark.on_both_stores
def test_without_staff_of_their_own_a_person_has_those_of_the_organisation(found_village, start):
    village = found_village(neighbours=0, staff=0)
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_person("伊藤 四季", id="shiki")
        registry.add_contact_method("shiki", "outbox", "phone-shiki")
        registry.add_person("山本 春", id="haru")
        registry.add_home("haru", "council", "gw-haru", id="home-haru")
        registry.relate("haru", "shiki", "staff")
    village.lives(start)
    escalated(village, start)
    assert village.told("staff") == ["shiki"]


# ---- answers ----


@pytest.mark.on_both_stores
def test_an_answer_delivered_twice_by_a_webhook_counts_once(village, start):
    now = escalated(village, start)
    first = village.answers("ichiro", "cannot", now + 1, vendor_event_id="event-1")
    again = village.answers("ichiro", "cannot", now + 2, vendor_event_id="event-1")
    assert (first.changed, again.repeated, again.changed) == (True, True, False)
    assert len(village.rows(statements)) == 1


def test_a_link_of_nobody_and_a_word_that_is_no_answer_change_nothing(village, start):
    now = escalated(village, start)
    before = village.rows(incidents), village.rows(statements)
    source = response_log.StatementSource(now, "page")
    with pytest.raises(InvalidLink):
        answers.answer(village.db, village.links, village.links.sign("nobody", now), "safe", source)
    with pytest.raises(UnusableAnswer):
        village.answers("ichiro", "maybe", now)
    with pytest.raises(UnusableAnswer):
        village.answers("ichiro", "safe", now, remark="あ" * 6000)
    assert (village.rows(incidents), village.rows(statements)) == before


def test_staff_close_a_case_only_with_an_outcome_and_a_reason(village, start):
    now = escalated(village, start)
    case_id = village.case().id
    for outcome, reason in (("safe", "  "), ("fine", "電話した"), ("", "")):
        with pytest.raises(UnusableAnswer):
            answers.close(village.db, case_id, "shiki", outcome, reason, now)
    with pytest.raises(UnusableAnswer, match="register"):
        answers.close(village.db, case_id, "nobody", "safe", "電話した", now)
    with pytest.raises(UnknownIncident):
        answers.close(village.db, "nothing", "shiki", "safe", "電話した", now)
    assert answers.close(village.db, case_id, "shiki", "test", "試験", now).state == "cancelled"
    assert village.rows(statements)[0].note == "試験"


def test_staff_can_answer_on_the_board(village, start):
    now = escalated(village, start)
    case_id = village.case().id
    assert answers.answer_for(village.db, case_id, "shiki", "going", now).state == "claimed"
    assert answers.answer_for(village.db, case_id, "shiki", "safe", now + 1).state == "resolved"
    assert (village.case().outcome, village.case().outcome_by) == ("safe", "shiki")


def test_what_was_said_on_the_telephone_is_kept_with_the_answers_and_moves_nothing(village, start):
    now = escalated(village, start)
    before = village.case()
    response_log.phoned(village.db, before.id, "shiki", "娘さんと話した", now)
    assert village.case() == before
    (entry,) = village.rows(statements)
    assert (entry.kind, entry.said_by, entry.note, entry.at_ms) == ("phoned", "shiki", "娘さんと話した", now)
    line = village.rows(audit)[-1]
    assert (line.what, line.actor, line.reasons, line.from_state) == ("phoned", "shiki", [], line.to_state)
    with pytest.raises(UnusableAnswer, match="register"):
        response_log.phoned(village.db, before.id, "nobody", "", now)
    with pytest.raises(UnusableAnswer, match="2000"):
        response_log.phoned(village.db, before.id, "shiki", "あ" * 2001, now)
    with pytest.raises(UnknownIncident):
        response_log.phoned(village.db, "nothing", "shiki", "", now)


@pytest.mark.on_both_stores
def test_what_was_written_about_a_person_is_erased_with_them(village, start, tmp_path):
    now = escalated(village, start)
    case_id = village.case().id
    response_log.phoned(village.db, case_id, "shiki", "娘さんと話した", now)
    answers.close(village.db, case_id, "shiki", "hospital", "市民病院に入院", now + 1)
    village.at(now + 2)
    series = SqliteTimeSeries(tmp_path / "series.db")
    erase_person(village.db, series, "hana", "test", now + MINUTE)
    series.close()
    left = "\n".join(str(row) for table in metadata.sorted_tables for row in village.rows(table))
    assert "phoned" in left, "that somebody telephoned stays in the audit"
    assert [word for word in ("娘さん", "市民病院", "佐藤") if word in left] == []


def test_answers_after_the_end_are_kept_and_change_nothing(village, start):
    now = escalated(village, start)
    village.answers("ichiro", "safe", now)
    for word in ("going", "cannot", "called_119", "safe"):
        assert not village.answers("jiro", word, now + 1).changed
    assert village.case().outcome_by == "ichiro"
    assert len(village.rows(statements)) == 5


# ---- the store itself ----


@pytest.mark.on_both_stores
def test_the_database_refuses_an_open_incident_without_a_due_time(village, start):
    escalated(village, start)
    with pytest.raises(IntegrityError, match="open_incident_has_a_due_timer"), village.db.begin() as connection:
        connection.execute(update(incidents).values(next_due_ms=None))
    with pytest.raises(IntegrityError, match="closed_incident_has_outcome"), village.db.begin() as connection:
        connection.execute(update(incidents).values(state="resolved", next_due_ms=None))


@pytest.mark.on_both_stores
def test_the_database_refuses_the_same_message_twice(village, start):
    escalated(village, start)
    (message,) = village.messages("ichiro")
    with pytest.raises(IntegrityError, match=r"(?i)unique"), village.db.begin() as connection:
        connection.execute(insert(deliveries).values({**message._asdict(), "id": "another"}))


@pytest.mark.on_both_stores
def test_every_transition_has_one_audit_line_and_the_lines_tell_the_whole_way(village, start):
    now = escalated(village, start)
    village.answers("ichiro", "going", now + 1)
    village.at(now + 31 * MINUTE)
    village.at(now + 90 * MINUTE)
    village.answers("shiki", "called_119", now + 91 * MINUTE)
    village.answers("shiki", "safe", now + 95 * MINUTE)
    lines = [row for row in village.rows(audit) if row.incident_id]
    assert len(lines) == village.case().version
    assert [line.from_state for line in lines[1:]] == [line.to_state for line in lines[:-1]]
    assert (lines[0].from_state, lines[-1].to_state) == (None, village.case().state)
    assert [line.actor for line in lines if line.what in ("claimed", "called_119", "ended")] == [
        "ichiro",
        "shiki",
        "shiki",
    ]


def test_messages_name_the_person_and_carry_no_sensor_data_and_the_log_names_nobody(village, start, caplog):
    caplog.set_level("DEBUG")
    village.put_live("home-hana", {"reason_ja": "トイレのドアが動いていません", "last_sensor": "toilet.door"}, start)
    now = escalated(village, start)
    village.at(now + HOUR)
    for shown in village.phone("ichiro") + village.phone("shiki"):
        assert "佐藤 花" in shown.body
        assert "トイレ" not in shown.body
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("alerts")]
    assert ours
    assert not [line for line in ours if "佐藤" in line or "phone-" in line]
