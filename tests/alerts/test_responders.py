"""Hours, leave, opting out and unverified addresses, on the real ladder: who is free is looked at at each step."""

import pytest

from alerts.incidents.answers import answer_for
from alerts.incidents.opt_out import opt_out
from alerts.tools.next_moment import next_moment_ms
from store.register.registry import RegistryError, edit
from store.schema import audit, claims, contact_methods, deliveries, statements

MINUTE = 60_000
HOUR = 60 * MINUTE
CALLED = 2 * HOUR + 30 * MINUTE  # after the last sign of life at Thursday 09:00: neighbours are called at 11:30
DAY = 24 * HOUR


def change(village, now_ms, do):
    with edit(village.db, actor="test", now_ms=now_ms) as registry:
        return do(registry)


def escalate(village, start):
    """The person was asked and did not answer; the backend works at the moment of the calls and once more."""
    village.at(start + 2 * HOUR)
    for _ in range(2):
        village.at(start + CALLED)
    return start + CALLED


def test_a_neighbour_outside_their_hours_is_not_called_and_another_is(village, start):
    change(village, start, lambda registry: registry.set_hours("ichiro", "mon-sun 12:00-20:00"))
    escalate(village, start)
    assert sorted(village.told("call")) == ["jiro", "saburo"]


def test_hours_are_looked_at_when_the_step_begins_not_when_the_case_opens(village, start):
    change(village, start, lambda registry: registry.set_hours("ichiro", "thu 11:15-20:00"))
    escalate(village, start)  # opened at 11:00, called at 11:30
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def test_a_neighbour_on_leave_is_not_called_until_they_are_back(village, start):
    leave = change(village, start, lambda registry: registry.take_leave("ichiro", start, start + 5 * DAY))
    escalate(village, start)
    assert "ichiro" not in village.told("call")
    village.answers("jiro", "safe", start + CALLED + MINUTE)
    change(village, start + 4 * HOUR, lambda registry: registry.cancel_leave(leave))
    village.lives(start + 5 * HOUR)
    escalate(village, start + 5 * HOUR)
    assert sorted(village.told("call")[-2:]) == ["ichiro", "jiro"], "whose turn it was comes first"


def test_when_no_neighbour_is_free_the_council_is_asked_at_once(village, start):
    for who in ("ichiro", "jiro", "saburo"):
        change(village, start, lambda registry, who=who: registry.set_hours(who, "fri 08:00-20:00"))
    escalate(village, start)
    assert (village.told("call"), village.told("staff")) == ([], ["shiki"])
    assert village.case().next_due_ms == start + CALLED + 30 * MINUTE


def test_staff_outside_their_hours_are_asked_when_there_is_nobody_else(found_village, start):
    village = found_village(staff=2)
    village.lives(start)
    change(village, start, lambda registry: registry.set_hours("shiki", "sat 08:00-20:00"))
    escalate(village, start)
    village.at(start + CALLED + HOUR)
    assert village.told("staff") == ["goro"]
    change(village, start, lambda registry: registry.set_hours("goro", "sat 08:00-20:00"))
    village.at(start + CALLED + HOUR + 30 * MINUTE)
    assert sorted(village.told("staff")) == ["goro", "goro", "shiki"]


# ---- Opting out ----


def test_who_opted_out_is_never_contacted_again_until_they_opt_in(village, start):
    opt_out(village.db, "ichiro", "operator", start, "cli")
    now = escalate(village, start)
    assert sorted(village.told("call")) == ["jiro", "saburo"]
    village.answers("jiro", "safe", now + MINUTE)
    village.at(now + MINUTE)
    assert village.phone("ichiro") == []
    change(village, now + HOUR, lambda registry: registry.opt_in("ichiro"))
    village.lives(start + 5 * HOUR)
    escalate(village, start + 5 * HOUR)
    assert village.told("call").count("ichiro") == 1
    lines = [(row.actor, row.what) for row in village.rows(audit) if row.params.get("id") == "ichiro"]
    assert lines[-2:] == [("operator", "person_opted_out"), ("test", "person_opted_in")]


def test_opting_out_while_asked_has_the_next_one_asked_at_once(village, start):
    now = escalate(village, start)
    assert village.told("call") == ["ichiro", "jiro"]
    assert opt_out(village.db, "ichiro", "operator", now + MINUTE, "cli") == (village.case().id,)
    village.at(now + MINUTE)
    assert village.told("call") == ["ichiro", "jiro", "saburo"]
    declined = [row for row in village.rows(audit) if row.what == "declined"]
    assert [(row.actor, row.channel) for row in declined] == [("ichiro", "cli")]


def test_opting_out_while_going_ends_the_claim_and_has_the_next_one_asked_at_once(village, start):
    now = escalate(village, start)
    village.answers("ichiro", "going", now + MINUTE)
    opt_out(village.db, "ichiro", "operator", now + 2 * MINUTE, "cli")
    village.at(now + 2 * MINUTE)
    (claim,) = village.rows(claims)
    assert (claim.ended_by, claim.ended_ms) == ("cannot", now + 2 * MINUTE)
    assert village.told("call")[-1] == "saburo"
    assert village.case().state == "notifying"


def test_a_call_decided_on_before_the_opt_out_is_not_sent_and_another_is_called(village, start):
    village.at(start + 2 * HOUR)
    village.beats(start + CALLED)
    village.engine.tick(start + CALLED)  # the calls are intents; nothing was sent
    opt_out(village.db, "ichiro", "operator", start + CALLED + 1, "cli")
    for _ in range(2):
        village.at(start + CALLED + 2)
    assert village.phone("ichiro") == []
    assert sorted(village.told("call")) == ["jiro", "saburo"]
    assert [(row.state, row.failure) for row in village.messages("ichiro")] == [("failed", "opted_out")]


def test_the_last_neighbour_who_opts_out_leaves_the_case_to_the_council_at_once(found_village, start):
    village = found_village(neighbours=1)
    village.lives(start)
    now = escalate(village, start)
    assert village.told("call") == ["ichiro"]
    opt_out(village.db, "ichiro", "operator", now + MINUTE, "cli")
    village.at(now + MINUTE)
    assert village.told("staff") == ["shiki"]


def test_a_watched_person_who_opted_out_is_not_asked_and_help_is_called_at_the_call_deadline(village, start):
    opt_out(village.db, "hana", "operator", start, "cli")
    for minutes in (0, 30, 59):
        village.at(start + 2 * HOUR + minutes * MINUTE)
    assert (village.told("ask"), village.told("call")) == ([], [])
    village.at(start + 3 * HOUR)
    assert sorted(village.told("call")) == ["ichiro", "jiro"]


def test_who_opts_out_of_being_asked_about_themself_does_not_call_for_help_by_it(village, start):
    village.at(start + 2 * HOUR)
    assert opt_out(village.db, "hana", "operator", start + 2 * HOUR + MINUTE, "cli") == ()
    village.at(start + 2 * HOUR + MINUTE)
    assert village.told("call") == []


def test_an_opt_out_that_is_refused_changes_nothing(village, start):
    with pytest.raises(RegistryError, match="not in the register"):
        opt_out(village.db, "nobody", "operator", start, "cli")
    opt_out(village.db, "ichiro", "operator", start, "cli")
    with pytest.raises(RegistryError, match="opted out already"):
        opt_out(village.db, "ichiro", "operator", start, "cli")


# ---- Between the decision and the sending ----


@pytest.mark.parametrize(
    ("do", "failure"),
    [
        (lambda registry: registry.disable_contact_method("m-ichiro", "wrong_number"), "disabled"),
        (lambda registry: registry.revoke("r-ichiro"), "revoked"),
    ],
)
def test_what_is_no_longer_allowed_is_not_sent_and_another_is_called(village, start, do, failure):
    village.at(start + 2 * HOUR)
    village.beats(start + CALLED)
    village.engine.tick(start + CALLED)
    change(village, start + CALLED + 1, do)
    for _ in range(2):
        village.at(start + CALLED + 2)
    assert village.phone("ichiro") == []
    assert sorted(village.told("call")) == ["jiro", "saburo"]
    assert [row.failure for row in village.messages("ichiro")] == [failure]


def test_news_is_not_sent_to_somebody_whose_consent_was_revoked(village, start):
    now = escalate(village, start)
    change(village, now + 1, lambda registry: registry.revoke("r-ichiro"))
    village.answers("jiro", "safe", now + MINUTE)
    village.at(now + MINUTE)
    assert village.told("news") == []
    assert [row.failure for row in village.messages("ichiro")] == [None, "revoked"]


# ---- Verified addresses ----


def test_an_unverified_address_is_used_after_the_verified_ones_whatever_its_rank(village, start):
    def give(registry):
        registry.add_contact_method("hana", "outbox", "unverified-first", rank=0, id="m-0")
        registry.add_contact_method("hana", "outbox", "verified", rank=9, verified_ms=start, id="m-9")

    change(village, start, give)
    village.at(start + 2 * HOUR)
    assert [shown.address for shown in village.phone("hana")] == ["verified"]


def test_when_a_message_was_last_accepted_is_kept_with_the_address(village, start):
    village.at(start + 2 * HOUR)
    last = {row.id: row.last_ok_ms for row in village.rows(contact_methods)}
    assert (last["m-hana"], last["m-ichiro"]) == (start + 2 * HOUR, None)


def test_nobody_who_is_refused_counts_as_reached(village, start):
    village.at(start + 2 * HOUR)
    village.beats(start + CALLED)
    village.engine.tick(start + CALLED)
    opt_out(village.db, "ichiro", "operator", start + CALLED + 1, "cli")
    village.at(start + CALLED + 2)
    assert {row.id: row.last_ok_ms for row in village.rows(contact_methods)}["m-ichiro"] is None
    assert all(row.state != "accepted" for row in village.rows(deliveries) if row.person_id == "ichiro")


@pytest.mark.parametrize(("answer", "state"), [("going", "notifying"), ("safe", "resolved")])
def test_who_is_not_asked_any_more_cannot_take_the_case_by_an_old_message(village, start, answer, state):
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 31 * MINUTE)
    (called, *_others) = village.told("call")
    with edit(village.db, actor="test", now_ms=start + 2 * HOUR + 32 * MINUTE) as registry:
        registry.revoke(f"r-{called}")
    recorded = village.answers(called, answer, start + 2 * HOUR + 33 * MINUTE)
    assert (recorded.revoked, village.case().state) == (answer == "going", state)
    assert [row.kind for row in village.rows(statements)] == [answer], "what was said is kept, whatever it does"
    line = village.rows(audit)[-1]
    refused = ("answer_kept", ["answered", "consent_revoked"], {"answer": "going"})
    ended = ("ended", ["found_safe"], {})
    assert (line.what, line.reasons, line.params) == (refused if answer == "going" else ended)


@pytest.mark.on_both_stores
def test_who_is_going_and_is_not_asked_any_more_is_not_waited_for(village, start):
    now = escalate(village, start)
    (called, *_others) = village.told("call")
    village.answers(called, "going", now + MINUTE)
    assert village.case().state == "claimed"
    change(village, now + 2 * MINUTE, lambda registry: registry.revoke(f"r-{called}"))
    assert next_moment_ms(village.engine, now + 2 * MINUTE) <= now + 2 * MINUTE
    village.at(now + 2 * MINUTE)
    assert (village.case().state, len(village.told("call"))) == ("notifying", 3), "the next one is asked at once"
    (claim,) = village.rows(claims)
    assert (claim.ended_ms, claim.ended_by) == (now + 2 * MINUTE, "revoked")
    line = village.rows(audit)[-1]
    assert (line.what, line.reasons, line.to_state) == ("claim_revoked", ["consent_revoked"], "notifying")


def test_a_consent_that_ends_by_its_date_ends_the_claim_at_that_moment(village, start):
    now = escalate(village, start)
    (called, *_others) = village.told("call")
    change(village, start, lambda registry: registry.revoke(f"r-{called}", now + 5 * MINUTE))
    village.answers(called, "going", now + MINUTE)
    assert next_moment_ms(village.engine, now + MINUTE) <= now + 5 * MINUTE
    village.at(now + 5 * MINUTE - 1)
    assert village.case().state == "claimed"
    village.at(now + 5 * MINUTE)
    assert village.case().state == "notifying"


def test_staff_who_go_of_themselves_are_not_stopped(found_village, start):
    village = found_village(staff=2)
    village.lives(start)
    village.at(start + 2 * HOUR)
    for who in ("shiki", "goro"):
        answer_for(village.db, village.case().id, who, "going", start + 2 * HOUR + MINUTE)
    change(village, start + 2 * HOUR + 2 * MINUTE, lambda registry: registry.revoke("r-goro"))
    village.at(start + 2 * HOUR + 2 * MINUTE)
    assert [row.ended_by for row in village.rows(claims) if row.person_id == "shiki"] == [None]
    assert [row.ended_by for row in village.rows(claims) if row.person_id == "goro"] == ["revoked"]
