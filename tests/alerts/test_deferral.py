"""Absences, quiet hours and an area of which staff are told as a whole only put off; nothing ends by them."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from alerts.decisions.deferral import quiet_until_ms
from alerts.incidents import answers
from alerts.ports import SendOutcome
from alerts.settings import AlertsSettings
from alerts.tools.next_moment import next_moment_ms
from contracts.signals import SignalKind
from store.register.registry import edit
from store.schema import absences, audit, deliveries, incidents
from store.settings import SettingsError, read_settings

MINUTE = 60_000
HOUR = 60 * MINUTE


def tokyo_ms(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")).timestamp() * 1000)


def away(village, from_ms, to_ms):
    with edit(village.db, actor="test", now_ms=from_ms) as registry:
        registry.register_absence("home-hana", from_ms, to_ms)


def cancel(village, now_ms):
    """The absence that ends last."""
    last = max(village.rows(absences), key=lambda row: row.to_ms)
    with edit(village.db, actor="test", now_ms=now_ms) as registry:
        registry.cancel_absence(last.id)


# ---- an absence that is registered while the person is looked for ----


@pytest.mark.on_both_stores
def test_an_absence_puts_off_and_the_person_is_asked_again_when_it_ends(village, start):
    village.at(start + 2 * HOUR)
    assert village.told("ask") == ["hana"]
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    assert (village.case().state, village.case().next_due_ms) == ("deferred", start + 9 * HOUR)
    village.at(start + 5 * HOUR)
    assert village.told("call") == []
    village.at(start + 9 * HOUR)
    assert (village.case().state, village.told("ask")) == ("notifying", ["hana", "hana"])
    village.at(start + 9 * HOUR + 31 * MINUTE)
    assert village.told("call") == ["ichiro", "jiro"], "it goes on where an answer does not come"


def test_neighbours_who_were_called_are_told_that_the_person_is_away(village, start):
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + 31 * MINUTE)
    assert village.case().state == "deferred"
    assert "ご不在" in village.phone("ichiro")[-1].body


def test_somebody_who_is_going_goes_on_and_the_absence_counts_when_they_are_not_heard_of(village, start):
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    village.answers("ichiro", "going", start + 2 * HOUR + 31 * MINUTE)
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + 32 * MINUTE)
    assert village.case().state == "claimed"
    village.at(start + 3 * HOUR + 10 * MINUTE)
    assert village.case().state == "deferred"


def test_a_longer_absence_puts_off_further_and_a_help_button_is_never_put_off(village, start):
    village.at(start + 2 * HOUR)
    away(village, start + 2 * HOUR, start + 4 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    away(village, start + 4 * HOUR, start + 8 * HOUR)
    village.at(start + 4 * HOUR)
    assert village.case().next_due_ms == start + 8 * HOUR
    village.presses("help", start + 5 * HOUR)
    village.at(start + 5 * HOUR)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def test_answers_count_while_it_is_put_off(village, start):
    village.at(start + 2 * HOUR)
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    village.answers("hana", "cannot", start + 3 * HOUR)
    village.at(start + 3 * HOUR)
    assert sorted(village.told("call")) == ["ichiro", "jiro"], "who says that they need help is away no more"


@pytest.mark.on_both_stores
def test_who_comes_home_early_is_watched_again_at_once(village, start):
    """The absence is cancelled: what waited for its end waits no longer, whatever moment it was put off to."""
    village.at(start + 2 * HOUR)
    away(village, start + 2 * HOUR, start + 200 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    assert village.case().state == "deferred"
    back = start + 3 * HOUR
    cancel(village, back)
    assert next_moment_ms(village.engine, back) <= back, (
        "a clock that jumps from moment to moment must not jump over it"
    )
    village.at(back)
    assert (village.case().state, village.told("ask")) == ("notifying", ["hana", "hana"])
    village.at(back + 31 * MINUTE)
    assert village.told("call") == ["ichiro", "jiro"]


def test_a_second_absence_goes_on_when_the_first_is_cancelled(village, start):
    village.at(start + 2 * HOUR)
    away(village, start + 2 * HOUR, start + 20 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    away(village, start + 3 * HOUR, start + 9 * HOUR)
    cancel(village, start + 4 * HOUR)
    village.at(start + 4 * HOUR)
    assert (village.case().state, village.told("ask")) == ("deferred", ["hana"])
    village.at(start + 9 * HOUR)
    assert village.told("ask") == ["hana", "hana"], "and not at the end of the one that was cancelled"


def test_an_absence_cancelled_while_the_area_is_in_trouble_keeps_nobody_waiting(found_village, start):
    """Staff are told of the area as a whole; who was put off by an absence is asked again all the same."""
    village = found_village(neighbours=1, staff=1)
    others = [f"home-{number}" for number in range(11)]
    with edit(village.db, actor="test", now_ms=start) as registry:
        for home in others:
            who = registry.add_person(f"住民 {home}")
            registry.add_contact_method(who, "outbox", f"phone-{home}")
            registry.add_home(who, "council", f"gw-{home}", area="本町", id=home)
    due = start + 2 * HOUR
    village.lives(start)
    for home in others:
        village.lives(start, home=home)
        village.beats(due, f"gw-{home}")
    village.at(due)
    assert "area_outage" in {row.kind for row in village.rows(incidents)}
    away(village, due, due + 200 * HOUR)
    village.at(due + MINUTE)
    assert next(row.state for row in village.rows(incidents) if row.home_id == "home-hana") == "deferred"
    cancel(village, due + 5 * MINUTE)
    assert next_moment_ms(village.engine, due + 5 * MINUTE) <= due + 5 * MINUTE
    village.at(due + 5 * MINUTE)
    assert village.told("ask").count("hana") == 2
    (hers,) = [row for row in village.rows(incidents) if row.home_id == "home-hana"]
    assert hers.state == "notifying"


def test_a_stale_answer_from_before_an_absence_moves_nothing(village, start):
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 31 * MINUTE)
    before = {who: village.phone(who)[-1] for who in village.told("call")}
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + 40 * MINUTE)
    village.at(start + 9 * HOUR)
    village.at(start + 9 * HOUR + 31 * MINUTE)
    now = [row for row in village.rows(deliveries) if row.purpose == "call" and row.epoch == village.case().epoch]
    (left_out,) = set(before) - {row.person_id for row in now}
    village.answers_message(before[left_out], "cannot", start + 9 * HOUR + 32 * MINUTE)
    village.at(start + 9 * HOUR + 32 * MINUTE)
    assert (village.case().step, village.told("staff")) == (1, []), "nobody waits for that answer any more"


def test_who_comes_back_a_little_later_than_registered_finds_no_neighbour_at_the_door(found_village, start):
    """The call deadline was for a silence at home, and passed while they were away."""
    village = found_village()
    village.lives(start, ask_ms=2 * HOUR, call_ms=3 * HOUR)
    village.at(start)
    village.at(start + 2 * HOUR)
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    village.at(start + 9 * HOUR)
    assert village.case().next_due_ms == start + 9 * HOUR + 30 * MINUTE
    village.at(start + 9 * HOUR + 29 * MINUTE)
    assert village.told("call") == []
    village.at(start + 9 * HOUR + 30 * MINUTE)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def test_when_the_question_after_an_absence_fails_neighbours_are_called_when_its_time_is_over(village, start):
    """The question of before the absence, which came, is no question that still waits for an answer."""
    village.at(start + 2 * HOUR)
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    village.channel.faults["phone-hana"] = [SendOutcome.PERMANENT] * 5
    village.at(start + 9 * HOUR)
    village.at(start + 9 * HOUR + MINUTE)
    assert (village.told("call"), village.case().next_due_ms) == ([], start + 9 * HOUR + 30 * MINUTE)
    village.at(start + 9 * HOUR + 30 * MINUTE)
    assert village.told("call") == ["ichiro", "jiro"]


@pytest.mark.parametrize("ends_by", ["its end", "being cancelled"])
def test_after_an_absence_as_before_it_help_is_called_at_the_call_deadline_for_who_cannot_be_asked(
    found_village, start, ends_by
):
    village = found_village()
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.disable_contact_method("m-hana", "lost_phone")
    village.lives(start, ask_ms=2 * HOUR, call_ms=12 * HOUR)
    village.at(start)
    village.at(start + 2 * HOUR)
    assert village.case().next_due_ms == start + 12 * HOUR
    away(village, start + 2 * HOUR, start + 3 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    if ends_by == "being cancelled":
        cancel(village, start + 2 * HOUR + 2 * MINUTE)
    village.at(start + 3 * HOUR)
    assert (village.told("call"), village.case().next_due_ms) == ([], start + 12 * HOUR)
    village.at(start + 12 * HOUR)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def test_help_asked_for_of_themselves_is_never_put_off(found_village, start):
    """By telephone to the council: they were never asked, so there is no message that the word answers."""
    village = found_village(neighbours=0)
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.disable_contact_method("m-hana", "lost_phone")
    village.lives(start)
    village.at(start)
    village.at(start + 2 * HOUR)
    answers.answer_for(village.db, village.case().id, "hana", "cannot", start + 2 * HOUR + MINUTE)
    away(village, start + 2 * HOUR, start + 48 * HOUR)
    village.at(start + 2 * HOUR + 2 * MINUTE)
    assert (village.case().state, village.told("staff")) == ("notifying", ["shiki"])


# ---- quiet hours ----


def night_village(found_village, hour):
    village = found_village(settings=AlertsSettings(gateway_lost_s=900))
    begin = tokyo_ms(f"2026-01-02T{hour:02}:00")
    village.beats(begin)
    village.engine.tick(begin)
    village.engine.tick(begin + 20 * MINUTE)
    village.sender.run_due(begin + 20 * MINUTE)
    return village


@pytest.mark.on_both_stores
def test_staff_are_not_woken_for_a_lost_gateway(found_village):
    village = night_village(found_village, 23)
    morning = tokyo_ms("2026-01-03T07:00")
    assert (village.case().state, village.case().next_due_ms) == ("deferred", morning)
    assert village.told("staff") == []
    village.at(morning, beat=False)
    assert village.told("staff") == ["shiki"]


def test_by_day_they_are_told_at_once_and_one_that_comes_back_by_night_never_wakes_them(found_village):
    assert night_village(found_village, 10).told("staff") == ["shiki"]
    village = night_village(found_village, 2)
    village.at(tokyo_ms("2026-01-02T05:00"))
    assert (village.case().state, village.told("staff")) == ("resolved", [])


def test_quiet_hours_can_be_switched_off_and_are_checked(found_village):
    assert AlertsSettings(quiet_from_h=7, quiet_to_h=7).policy(SignalKind.GATEWAY_LOST).quiet is None
    assert AlertsSettings().policy(SignalKind.SILENCE).quiet is None
    with pytest.raises(SettingsError, match="quiet_from_h must be at most 23"):
        read_settings(AlertsSettings, {"quiet_from_h": 24}, "alerts")
    with pytest.raises(SettingsError, match=r"alerts\.zone"):
        read_settings(AlertsSettings, {"zone": "Asia/Tokio"}, "alerts")


@given(
    st.integers(0, 23),
    st.integers(0, 23),
    st.sampled_from(["Asia/Tokyo", "Europe/Berlin"]),
    st.integers(0, 365 * 24 * 60),
)
def test_quiet_hours_end_within_a_day_at_the_hour_that_people_read(begin, end, zone, minutes):
    policy = replace(AlertsSettings().policy(SignalKind.GATEWAY_LOST), quiet=(begin, end), zone=zone)
    now_ms = tokyo_ms("2026-01-01T00:00") + minutes * MINUTE
    until_ms = quiet_until_ms(policy, now_ms)
    local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone))
    inside = begin <= local.hour < end if begin <= end else local.hour >= begin or local.hour < end
    assert (until_ms is not None) == inside
    if until_ms is not None:
        assert now_ms < until_ms <= now_ms + 25 * HOUR
        assert (quiet_until_ms(policy, until_ms) is None) or begin == end
        # The hour that a change of clock skips is read as the next one.
        assert datetime.fromtimestamp(until_ms / 1000, ZoneInfo(zone)).hour in (end, (end + 1) % 24)


# ---- an area ----


@pytest.fixture
def town(found_village, start):
    """花 and eleven more people of one district, with one neighbour and one of the staff for all of them."""
    village = found_village(neighbours=1, staff=1)
    with edit(village.db, actor="test", now_ms=start) as registry:
        for number in range(11):
            registry.add_person(f"住民 {number}", id=f"p{number}")
            registry.add_contact_method(f"p{number}", "outbox", f"phone-p{number}")
            registry.add_home(f"p{number}", "council", f"gw-{number}", area="本町", id=f"home-{number}")
            registry.relate(f"p{number}", "ichiro", "neighbour", "見守り")
    return village


def homes_live(village, now_ms, count=11):
    for number in range(count):
        village.lives(now_ms, home=f"home-{number}")


def beat_all(village, now_ms, count=11):
    village.beats(now_ms)
    for number in range(count):
        village.beats(now_ms, f"gw-{number}")


def of_kind(village, kind):
    return [row for row in village.rows(incidents) if row.kind == kind]


@pytest.mark.on_both_stores
def test_a_power_cut_in_an_area_is_one_matter_for_staff_and_every_home_stays_listed(town, start):
    beat_all(town, start)
    town.engine.tick(start)
    dark = start + 20 * MINUTE
    town.at(dark, beat=False)
    (root,) = of_kind(town, "area_outage")
    members = of_kind(town, "gateway_lost")
    assert (root.area, root.home_id, root.state) == ("本町", None, "notifying")
    assert len(members) == 12
    assert {row.group_id for row in members} == {root.id}
    assert {row.state for row in members} == {"deferred"}
    assert town.told("staff") == ["shiki"]
    assert "本町" in town.phone("shiki")[0].body
    town.at(dark + 6 * HOUR, beat=False)
    assert {item.body for item in town.phone("shiki")} == {town.phone("shiki")[0].body}, "the area again, no home"


def test_an_area_that_cannot_be_opened_holds_up_no_other_and_is_tried_again(town, start):
    with edit(town.db, actor="test", now_ms=start) as registry:
        for number in range(6, 11):
            registry.put_home(f"home-{number}", f"p{number}", "council", f"gw-{number}", area="浜町")
    beat_all(town, start)
    town.engine.tick(start)
    dark = start + 20 * MINUTE
    with town.refusing("INSERT", "incidents", "NEW.area = '本町'"), pytest.raises(ExceptionGroup) as raised:
        town.engine.tick(dark)
    (failed,) = raised.value.exceptions[0].exceptions
    assert "本町" in failed.__notes__[0]
    assert failed.__notes__[0].startswith("incident ")
    assert [row.area for row in of_kind(town, "area_outage")] == ["浜町"]
    assert len(of_kind(town, "gateway_lost")) == 12, "each home has its case all the same"
    town.engine.tick(dark + MINUTE)
    assert {row.area for row in of_kind(town, "area_outage")} == {"本町", "浜町"}


def test_an_area_that_comes_back_ends_by_itself_and_staff_are_told(town, start):
    beat_all(town, start)
    town.engine.tick(start)
    town.at(start + 20 * MINUTE, beat=False)
    back = start + 3 * HOUR
    beat_all(town, back)
    town.at(back)
    town.at(back + 1000)
    assert {row.state for row in town.rows(incidents)} == {"resolved"}
    assert "戻りました" in town.phone("shiki")[-1].body


@pytest.mark.on_both_stores
def test_what_is_left_when_staff_close_the_area_is_told_one_by_one(town, start):
    beat_all(town, start)
    town.engine.tick(start)
    town.at(start + 20 * MINUTE, beat=False)
    (root,) = of_kind(town, "area_outage")
    now = start + 2 * HOUR
    beat_all(town, now, count=10)  # 花 and ten others are back; one is not
    town.at(now)
    answers.close(town.db, root.id, "shiki", "repaired", "停電が復旧", now)
    town.at(now)
    left = [row for row in of_kind(town, "gateway_lost") if row.state != "resolved"]
    assert [row.home_id for row in left] == ["home-10"]
    assert left[0].state == "notifying"
    assert "住民 10" in town.phone("shiki")[-1].body


@pytest.mark.on_both_stores
def test_silent_people_of_an_area_are_asked_themselves_and_staff_hear_of_the_area(town, start):
    homes_live(town, start)
    town.lives(start)
    beat_all(town, start)
    town.engine.tick(start)
    due = start + 2 * HOUR
    beat_all(town, due)
    town.at(due)
    assert len(town.told("ask")) == 12
    assert town.told("staff") == ["shiki"], "at once, of the whole area"
    for late in (31, 92):
        beat_all(town, due + late * MINUTE)
        town.at(due + late * MINUTE)
    states = {row.state for row in of_kind(town, "silence")}
    assert states <= {"notifying", "staff_attention", "deferred"}
    assert len(of_kind(town, "silence")) == 12, "nobody is swallowed by the area"


def test_a_silent_person_is_held_back_for_an_hour_at_most(town, start):
    test_silent_people_of_an_area_are_asked_themselves_and_staff_hear_of_the_area(town, start)
    now = start + 2 * HOUR + 125 * MINUTE
    for minutes in range(0, 125, 5):
        beat_all(town, now + minutes * MINUTE)
        town.at(now + minutes * MINUTE)
    council = {row.home_id for row in of_kind(town, "silence") if row.council_ms is not None}
    assert len(council) == 12


def test_a_few_homes_of_a_large_area_are_a_few_homes(town, start):
    for number in range(4):
        town.lives(start, home=f"home-{number}")
    beat_all(town, start)
    town.engine.tick(start)
    beat_all(town, start + 2 * HOUR)
    town.at(start + 2 * HOUR)
    assert len(of_kind(town, "silence")) == 4
    assert of_kind(town, "area_outage") == []


def test_every_transition_of_an_area_has_its_line(town, start):
    test_an_area_that_comes_back_ends_by_itself_and_staff_are_told(town, start)
    (root,) = of_kind(town, "area_outage")
    lines = [(row.what, row.from_state, row.to_state) for row in town.rows(audit) if row.incident_id == root.id]
    assert lines[0] == ("opened", None, "notifying")
    assert lines[-1][0] == "ended"


# ---- after an outage ----


def test_after_an_outage_there_is_time_for_a_movement_before_anybody_is_asked_once(village, start):
    """The deadline passed while nobody could hear: the silence was not observed."""
    village.engine.tick(start + 30 * MINUTE)  # lost
    back = start + 4 * HOUR
    village.at(back)
    assert [row.outcome for row in of_kind(village, "gateway_lost")] == ["recovered"]
    assert village.told("ask") == []
    village.at(back + 29 * MINUTE)
    assert village.told("ask") == []
    village.engine.tick(back + 50 * MINUTE)  # lost again: that puts nothing off any more
    village.at(back + 51 * MINUTE)
    village.at(back + 52 * MINUTE)
    assert village.told("ask") == ["hana"]


def test_an_outage_that_was_over_before_the_deadline_puts_nothing_off(village, start):
    village.engine.tick(start + 30 * MINUTE)
    village.at(start + HOUR)
    village.at(start + 2 * HOUR)
    assert village.told("ask") == ["hana"]


def test_who_asks_for_help_after_an_absence_is_helped_at_once(village, start):
    """Neighbours were called before the absence; they wait for nothing now, and must be called again."""
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert village.told("call") == ["ichiro", "jiro"]
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + 31 * MINUTE)
    village.at(start + 9 * HOUR)
    village.answers("hana", "cannot", start + 9 * HOUR + MINUTE)
    village.at(start + 9 * HOUR + MINUTE)
    assert len(village.told("call")) > 2


def test_homes_whose_message_an_area_replaced_are_looked_at_when_it_is_closed(town, start):
    """The first few are told by name before it is many; their reminder is a day away."""
    beat_all(town, start)
    town.engine.tick(start)
    late = start + 14 * MINUTE
    beat_all(town, late, count=8)
    town.at(start + 16 * MINUTE, beat=False)  # three are lost, one by one
    assert of_kind(town, "area_outage") == []
    town.at(late + 16 * MINUTE, beat=False)
    (root,) = of_kind(town, "area_outage")
    town.at(late + 17 * MINUTE, beat=False)
    members = [row for row in of_kind(town, "gateway_lost") if row.group_id == root.id]
    assert {row.state for row in members} == {"deferred"}


def test_a_waiting_case_whose_ladder_cannot_be_read_holds_up_no_other(found_village, start):
    """As after a return to an earlier version, which does not know all that stands in the ladder."""
    village = found_village()
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_home("ichiro", "council", "gw-ichiro", id="home-ichiro")
    village.lives(start)
    village.at(start + 2 * HOUR)
    away(village, start + 2 * HOUR, start + 9 * HOUR)
    village.at(start + 2 * HOUR + MINUTE)
    with village.db.begin() as connection:
        connection.execute(update(incidents).values(policy={**village.case().policy, "of_a_later_version": 1}))
    cancel(village, start + 3 * HOUR)
    village.presses("help", start + 3 * HOUR, home="home-ichiro")
    village.beats(start + 3 * HOUR)
    with pytest.raises(ExceptionGroup, match="some incidents could not be opened or moved"):
        village.engine.tick(start + 3 * HOUR)
    assert sorted(row.kind for row in village.rows(incidents)) == ["help", "silence"]
