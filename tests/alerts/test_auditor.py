"""What the auditor finds on the real store, beside a real engine and sender; and nothing, where all is well."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from alerts.errors import Failure
from alerts.ports import SendOutcome
from alerts.watchdog.auditor import AHEAD_MS, PersistentFindings, WatchdogFacts, findings
from alerts.watchdog.facts import read_facts
from alerts.watchdog.rota import read_gaps
from alerts.watchdog.settings import AuditSettings, FindingKind
from store.duties import Duty, DutyBook
from store.engine import reading
from store.register.registry import edit
from store.schema import contact_methods, deliveries, duties, incidents, relations

SETTINGS = AuditSettings()
LATE_MS = 1000 * SETTINGS.late_s


def audit(village, now_ms, channels=("outbox",), unnoticed=None):
    """What is wrong at this moment, by kind."""
    with reading(village.db) as connection:
        facts = read_facts(connection, village.settings, now_ms, now_ms - LATE_MS, now_ms - 1000 * SETTINGS.refused_s)
        gaps = read_gaps(connection, now_ms)
    facts = replace(facts, channels=set(channels), gaps=gaps)
    if unnoticed is not None:
        facts = replace(facts, unnoticed=unnoticed.seen(facts.unnoticed, now_ms))
    return {finding.kind: finding for finding in findings(facts, SETTINGS, now_ms)}


def all_done(village, now_ms):
    book = DutyBook(village.db, "server-1", lambda: float(now_ms))
    for duty in Duty:
        book.done(duty, now_ms)


@pytest.fixture
def running(village, start):
    """A village in which everything works, up to now."""

    def work(now_ms):
        village.at(now_ms)
        all_done(village, now_ms)

    work(start)
    village.work = work
    return village


def test_where_everything_works_nothing_is_found_through_a_whole_case(running, start, minute):
    for after in range(0, 10 * 60, 10):
        running.work(start + after * minute)
        assert audit(running, start + after * minute) == {}
    assert running.told("staff"), "the case must have come to the council"


def test_an_incident_whose_time_has_passed_is_found(running, start, minute):
    running.work(start + 130 * minute)
    due_ms = running.case().next_due_ms
    assert audit(running, due_ms + LATE_MS).get(FindingKind.OVERDUE_TIMER) is None
    found = audit(running, due_ms + LATE_MS + 1)[FindingKind.OVERDUE_TIMER]
    assert found.about == (running.case().id,)


def test_a_silence_for_which_no_case_was_opened_is_found_once_it_has_lasted(running, start, minute):
    unnoticed = PersistentFindings(LATE_MS)
    at_ms = start + 121 * minute
    running.beats(at_ms)
    assert FindingKind.UNNOTICED not in audit(running, at_ms, unnoticed=unnoticed)
    assert FindingKind.UNNOTICED in audit(running, at_ms + LATE_MS, unnoticed=unnoticed)
    running.work(at_ms + LATE_MS)
    assert FindingKind.UNNOTICED not in audit(running, at_ms + LATE_MS, unnoticed=unnoticed)


def test_a_press_of_the_help_button_that_nobody_took_up_is_found(running, start, minute):
    running.presses("help", start + minute)
    assert FindingKind.UNNOTICED in audit(running, start + 2 * minute)


def test_a_home_that_is_not_proven_alive_is_no_silence(running, start, minute):
    assert FindingKind.UNNOTICED not in audit(running, start + 150 * minute)


def test_messages_that_nobody_sends_are_found(running, start, minute):
    running.beats(start + 125 * minute)
    running.engine.tick(start + 125 * minute)
    found = audit(running, start + 125 * minute + LATE_MS + 1)
    assert found[FindingKind.STUCK_MESSAGE].about == (running.messages("hana")[0].id,)


@pytest.mark.parametrize("outcome", [SendOutcome.RETRY, SendOutcome.AMBIGUOUS])
def test_a_message_to_be_tried_again_is_found_when_nobody_does(running, start, minute, outcome):
    running.channel.faults["phone-hana"] = [outcome]
    running.work(start + 125 * minute)
    due_ms = running.messages("hana")[0].due_ms
    assert FindingKind.STUCK_MESSAGE not in audit(running, due_ms)
    assert FindingKind.STUCK_MESSAGE in audit(running, due_ms + LATE_MS + 1)


def test_a_message_in_the_hand_of_a_dead_worker_is_found(running, start, minute):
    running.work(start + 125 * minute)
    with running.db.begin() as connection:
        lease = {"state": "sending", "lease_until_ms": start + 126 * minute, "lease_owner": "gone"}
        connection.execute(update(deliveries).values(lease))
    assert FindingKind.STUCK_MESSAGE not in audit(running, start + 126 * minute)
    assert FindingKind.STUCK_MESSAGE in audit(running, start + 126 * minute + LATE_MS + 1)


def test_a_message_whose_leader_came_to_nothing_is_found(running, start, minute):
    running.work(start + 125 * minute)
    running.work(start + 160 * minute)
    calls = [row for row in running.rows(deliveries) if row.purpose == "call"]
    settled_ms = start + 161 * minute
    with running.db.begin() as connection:
        leader, other = (update(deliveries).where(deliveries.c.id == row.id) for row in calls)
        connection.execute(leader.values(state="failed", failure="refused", settled_ms=settled_ms))
        connection.execute(other.values(state="bundled", bundle_id=calls[0].id))
    assert FindingKind.ORPHANED_MESSAGE not in audit(running, settled_ms)
    assert audit(running, settled_ms + LATE_MS)[FindingKind.ORPHANED_MESSAGE].about == (calls[1].id,)


def test_homes_areas_and_cases_without_anybody_are_found(running, start, minute):
    running.work(start + 125 * minute)
    with running.db.begin() as connection:
        connection.execute(delete(relations))
    found = audit(running, start + 126 * minute)
    assert found[FindingKind.HOME_WITHOUT_NEIGHBOUR].about == ("home-hana",)
    assert found[FindingKind.HOME_WITHOUT_STAFF].about == ("home-hana",)
    assert found[FindingKind.INCIDENT_WITHOUT_STAFF].about == (running.case().id,)
    assert found[FindingKind.AREA_WITHOUT_NEIGHBOURS].about == ("本町",)


def test_who_has_no_contact_method_in_use_is_nobody(running, start):
    with running.db.begin() as connection:
        others = update(contact_methods).where(contact_methods.c.person_id != "hana")
        connection.execute(others.values(disabled_reason="blocked"))
    assert {FindingKind.HOME_WITHOUT_NEIGHBOUR, FindingKind.HOME_WITHOUT_STAFF} <= set(audit(running, start))


def test_staff_of_the_organisation_stand_in_where_a_home_has_none_of_its_own(running, start):
    with edit(running.db, actor="test", now_ms=start) as registry:
        registry.add_person("木村 空", id="sora")
        registry.add_home("sora", "council", "gw-sora", area="本町", id="home-sora")
    found = audit(running, start)
    assert FindingKind.HOME_WITHOUT_STAFF not in found
    assert found[FindingKind.HOME_WITHOUT_NEIGHBOUR].about == ("home-sora",)
    assert FindingKind.AREA_WITHOUT_NEIGHBOURS not in found


def test_an_area_is_without_anybody_while_all_its_neighbours_are_away(running, start, minute):
    with edit(running.db, actor="test", now_ms=start) as registry:
        for who in ("ichiro", "jiro", "saburo"):
            registry.take_leave(who, start, start + 60 * minute)
    assert set(audit(running, start + minute)) == {FindingKind.AREA_WITHOUT_NEIGHBOURS}
    running.work(start + 60 * minute)
    assert audit(running, start + 60 * minute) == {}


def test_a_channel_that_addresses_name_and_nobody_switched_on_is_found(running, start):
    assert audit(running, start, channels=())[FindingKind.CHANNEL_MISSING].about == ("outbox",)


@pytest.mark.parametrize("failure", [Failure.ACCOUNT, Failure.QUOTA, Failure.NO_CHANNEL, Failure.REFUSED])
def test_what_a_vendor_refuses_for_our_accounts_sake_is_found_for_an_hour(running, start, minute, failure):
    running.work(start + 125 * minute)
    with running.db.begin() as connection:
        refused = {"state": "failed", "failure": failure, "settled_ms": start + 125 * minute}
        connection.execute(update(deliveries).values(refused))
    running.work(start + 126 * minute)
    is_found = FindingKind.CHANNEL_REFUSED in audit(running, start + 126 * minute)
    assert is_found is (failure is not Failure.REFUSED)  # a wrong number is no trouble of ours
    assert FindingKind.CHANNEL_REFUSED not in audit(running, start + 186 * minute)


def test_ingest_is_silent_when_no_gateway_at_all_is_heard_of(running, start, minute):
    all_done(running, start + 16 * minute)
    assert set(audit(running, start + 16 * minute)) == {FindingKind.INGEST_SILENT}


def test_before_any_gateway_was_ever_heard_of_nothing_is_silent():
    assert not [
        item for item in findings(done(WatchdogFacts(), 0), SETTINGS, 0) if item.kind is FindingKind.INGEST_SILENT
    ]


def done(facts, at_ms):
    return replace(facts, duties=dict.fromkeys(Duty, at_ms))


@given(st.sampled_from(list(Duty)), st.integers(-(10**8), 10**8))
@settings(max_examples=200, deadline=None)
def test_a_duty_counts_as_done_for_its_time_and_not_by_a_clock_that_is_ahead(duty, age_ms):
    now_ms = 10**12
    facts = replace(done(WatchdogFacts(), now_ms), duties={**dict.fromkeys(Duty, now_ms), duty: now_ms - age_ms})
    stopped = any(item.kind is FindingKind.DUTY_STOPPED for item in findings(facts, SETTINGS, now_ms))
    assert stopped is (age_ms > 1000 * SETTINGS.stopped_s(duty) or age_ms < -AHEAD_MS)


def test_a_duty_that_was_never_done_is_found(village, start):
    assert audit(village, start)[FindingKind.DUTY_STOPPED].about == tuple(sorted(Duty))
    with village.db.begin() as connection:
        connection.execute(insert(duties), [{"name": duty, "owner": "x", "at_ms": start} for duty in Duty])
    assert audit(village, start) == {}


def test_few_messages_left_and_a_vendor_that_does_not_say_are_found():
    left = {"line": SETTINGS.quota_least - 1, "sms": SETTINGS.quota_least, "voice": None}
    found = findings(done(WatchdogFacts(left=left, unasked=["fax"]), 0), SETTINGS, 0)
    assert [(item.kind, item.about) for item in found] == [
        (FindingKind.QUOTA_LOW, ("line",)),
        (FindingKind.QUOTA_UNKNOWN, ("fax",)),
    ]


def test_two_thousand_of_a_kind_are_one_finding_in_one_line():
    timers = {f"case-{number:04}": 0 for number in range(2000)}
    (found,) = findings(done(WatchdogFacts(timers=timers), 10**9), SETTINGS, 10**9)
    assert str(found).startswith("2000 open incidents are overdue")
    assert "(case-0000, case-0001, case-0002 and 1997 more)" in str(found)


def test_what_was_interrupted_begins_anew_to_last():
    lasting = PersistentFindings(60)
    assert lasting.seen(["a"], 0) == []
    assert lasting.seen([], 59) == []
    assert lasting.seen(["a"], 60) == []
    assert lasting.seen(["a"], 119) == []
    assert lasting.seen(["a"], 120) == ["a"]


def test_every_kind_has_its_words():
    gaps = {kind: ["a"] for kind in FindingKind if "_without_" in kind}
    facts = WatchdogFacts({"c": 0}, ["k"], {"m": 0}, ["m"], {}, 0, ["line"], [], ["line"], gaps, {"line": 0}, ["sms"])
    found = findings(facts, SETTINGS, 10**12)
    assert [item.kind for item in found] == list(FindingKind)
    assert all(str(item) for item in found)


def test_the_store_is_left_as_it_was(running, start):
    before = running.rows(incidents), running.rows(deliveries)
    audit(running, start)
    assert (running.rows(incidents), running.rows(deliveries)) == before
