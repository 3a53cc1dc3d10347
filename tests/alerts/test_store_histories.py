"""Any history of the real engine and sender on a real database keeps the promises."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import event, select

from alerts.channels.outbox.channel import read_outbox
from alerts.decisions.codes import DeferredFor, Reason, What
from alerts.decisions.model import TERMINAL
from alerts.incidents import answers
from alerts.incidents.engine import Engine
from alerts.ports import SendOutcome
from alerts.tools.next_moment import next_moment_ms
from alerts.wording.catalogue import catalogue
from store.audit_codes import RegisterChange
from store.engine import reading
from store.register.registry import edit
from store.schema import attempts, audit, claims, deliveries, incidents, statements

WHATS = (set(What) - {What.EARLIER_VERSION}) | set(RegisterChange)
MINUTE = 60_000
HOUR = 60 * MINUTE
ADDRESSES = ("phone-hana", "second-hana", "phone-ichiro", "phone-jiro", "phone-saburo", "phone-shiki")
EXAMPLES = int(os.environ.get("MIMAMORI_ALERT_HISTORIES", "12"))


class PowerCut(BaseException):
    """The process ends in the middle of a send."""


def histories(found_village, start):
    class StoreHistories(RuleBasedStateMachine):
        @initialize(neighbours=st.integers(0, 3), staff=st.integers(0, 2))
        def begin(self, neighbours, staff):
            self.village = found_village(neighbours, staff)
            with edit(self.village.db, actor="test", now_ms=start) as registry:
                registry.add_contact_method("hana", "outbox", "second-hana", rank=3)
            self.now, self.staff = start, staff
            self.village.lives(start)
            self.village.beats(start)
            self.cut = None
            self.ended = {}
            self.known = {}
            self.send = self.village.channel.send
            self.village.channel.send = self.watched
            event.listen(self.village.db, "commit", self.forget)
            self.settle()

        def forget(self, connection):
            if not connection.get_execution_options().get("mimamori_reading"):
                self.known.clear()

        def rows(self, table):
            """As the village's, which are read once between two changes."""
            if table not in self.known:
                self.known[table] = self.village.rows(table)
            return self.known[table]

        # ---- the world ----

        def watched(self, message):
            with reading(self.village.db) as connection:
                case = select(incidents.c.state).join(deliveries, deliveries.c.incident_id == incidents.c.id)
                state = connection.execute(case.where(deliveries.c.id == message.delivery_id)).scalar_one()
            assert message.purpose == "news" or state not in TERMINAL, "I5: nothing is asked after the end"
            cut, self.cut = self.cut, None
            if cut == "before":
                raise PowerCut
            result = self.send(message)
            if cut == "after":
                raise PowerCut
            return result

        def settle(self):
            """The backend does everything there is to do now."""
            self.village.beats(self.now)
            village = self.village
            accepted = len(village.channel.accepted)
            for _ in range(40):
                village.engine.tick(self.now)
                try:
                    village.sender.run_due(self.now)
                except PowerCut:
                    village.engine = Engine(village.db, village.settings)
                due = next_moment_ms(village.engine, self.now)
                if due is None or due > self.now:
                    break
            else:
                raise AssertionError("next_due_ms says there is something to do, and nothing does it")
            self.check_collapse(village.channel.accepted[accepted:])

        def check_collapse(self, accepted):
            # One that came although nobody knows it is counted as failed: the next way is tried, and rightly.
            known = [row for row in self.village.rows(deliveries) if row.state not in ("failed", "expired")]
            purposes = {row.id: (row.incident_id, row.purpose) for row in known if row.purpose != "news"}
            asked = Counter((purposes[key], person) for key, person in set(accepted) if key in purposes)
            assert all(times == 1 for times in asked.values()), "I16: one send a person, however much is overdue"

        # ---- what happens ----

        @rule()
        def the_next_moment_comes_and_nothing_before_it(self):
            village = self.village
            due = next_moment_ms(village.engine, self.now)
            if due is None:
                return
            early = min(due - 1, self.now + 4 * MINUTE)  # heartbeats go on every few minutes
            if early > self.now:
                self.now = early
                village.beats(self.now)
                quiet = next_moment_ms(village.engine, self.now)
                report, sent = village.engine.tick(self.now), village.sender.run_due(self.now)
                assert not any((report.opened, report.moved, report.skipped)), "something happened before it was due"
                assert sent == type(sent)()
                due = quiet if quiet is not None else due
            self.now = max(self.now, due)
            self.settle()

        @rule(minutes=st.sampled_from([1, 5, 15, 40, 130, 720]))
        def time_passes(self, minutes):
            self.now += minutes * MINUTE
            self.settle()

        @rule()
        def somebody_moves(self):
            self.now += 1000
            self.village.lives(self.now)
            self.settle()

        @rule(kind=st.sampled_from(["decline", "no_return", "unrest"]), ago=st.integers(0, 130))
        def something_is_noticed(self, kind, ago):
            self.now += 1000
            self.village.is_noticed(kind, self.now - ago * MINUTE, self.now - ago * MINUTE // 2)
            self.settle()

        @rule()
        def what_was_noticed_holds_on(self):
            self.now += 1000
            self.village.still_holds(self.now)
            self.settle()

        @rule(what=st.sampled_from(["ok", "help"]))
        def a_button_is_pressed(self, what):
            self.now += 1000
            self.village.presses(what, self.now)
            self.settle()

        @rule(pick=st.integers(0, 50), answer=st.sampled_from(["going", "safe", "cannot", "called_119"]))
        def somebody_answers(self, pick, answer):
            shown = [item for item in read_outbox(self.village.folder) if item.link]
            if not shown:
                return
            self.now += 1000
            message = shown[-1 - pick % len(shown)]
            held = [row for row in self.village.rows(claims) if row.ended_ms is None]
            recorded = self.village.answers_message(message, answer, self.now)
            self.settle()
            mine = [row for row in held if row.incident_id == recorded.incident_id]
            if answer == "cannot" and [row.person_id for row in mine] == [message.person_id]:
                state = next(row.state for row in self.village.rows(incidents) if row.id == recorded.incident_id)
                assert state in ("notifying", "staff_attention", "emergency"), "I6: nobody is going any more"

        @rule(minutes=st.integers(0, 60))
        def staff_go_of_themselves(self, minutes):
            for row in self.village.rows(incidents):
                if row.state not in TERMINAL and self.staff:
                    self.now += 1000
                    going = answers.answer_for
                    going(self.village.db, row.id, "shiki", "going", self.now, "board", eta_s=60 * minutes)
                    self.settle()
                    return

        @rule()
        def staff_close_the_oldest(self):
            for row in self.village.rows(incidents):
                if row.state not in TERMINAL and self.staff:
                    self.now += 1000
                    answers.close(self.village.db, row.id, "shiki", "safe", "訪問した", self.now)
                    self.settle()
                    return

        @rule(address=st.sampled_from(ADDRESSES), outcomes=st.lists(st.sampled_from(list(SendOutcome)), max_size=4))
        def a_channel_fails(self, address, outcomes):
            self.village.channel.faults[address] = list(outcomes)

        @rule(when=st.sampled_from(["before", "after"]))
        def the_power_will_be_cut(self, when):
            self.cut = when

        # ---- what always holds ----

        @invariant()
        def every_open_case_has_a_timer_ahead(self):
            for row in self.rows(incidents):
                if row.state not in TERMINAL:
                    assert row.next_due_ms is not None, "I1"
                    assert row.next_due_ms > self.now, "I1: nothing overdue is left lying"

        @invariant()
        def the_audit_tells_the_whole_way(self):
            lines = [row for row in self.rows(audit) if row.incident_id]
            for case in self.rows(incidents):
                mine = [row for row in lines if row.incident_id == case.id]
                assert [row.from_state for row in mine] == [None, *(row.to_state for row in mine[:-1])], "I15"
                assert mine[-1].to_state == case.state, "I15: the replay ends where the case is"
                # What is said after the end is written down and moves nothing.
                moved = [row for row in mine if row.what != "answer_kept" and row.from_state not in TERMINAL]
                assert len(moved) == case.version, "I15: one line a transition"
                assert all(row.actor for row in mine), "I15: somebody did it"

        @invariant()
        def the_audit_says_codes_alone(self):
            for row in self.rows(audit):
                assert row.what in WHATS
                assert set(row.reasons) <= set(Reason) - {Reason.EARLIER_VERSION}
                assert all(" " not in str(value) for value in row.params.values()), "codes, ids and numbers"
                assert catalogue("ja").reasons(row.reasons, row.params) or not row.reasons

        @invariant()
        def what_puts_a_case_off_stands_with_it(self):
            for row in self.rows(incidents):
                assert (row.state == "deferred") == (row.deferred_for in set(DeferredFor))

        @invariant()
        def nobody_is_counted_on_for_longer_than_they_said(self):
            for row in self.rows(claims):
                assert row.ended_ms is not None or row.expires_ms > self.now, "I6"

        @invariant()
        def ends_are_human_and_final(self):
            for row in self.rows(incidents):
                if row.state not in TERMINAL:
                    assert row.id not in self.ended, "I7"
                    continue
                assert self.ended.setdefault(row.id, row) == row, "I7"
                if row.outcome == "movement":
                    assert row.kind in ("silence", "no_return"), "I2"
                    assert (row.called_ms, row.council_ms) == (None, None), "I2"
                    held = [item for item in self.rows(claims) if item.incident_id == row.id]
                    assert all(item.ended_by != "closed" for item in held), "I2: nobody was going"
                elif row.kind not in ("gateway_lost", "sensor_lost"):
                    assert row.outcome in ("self_ok", "safe"), "I2"
                    said = [item.received_ms for item in self.rows(statements) if item.kind != "going"]
                    assert row.closed_ms in said or row.outcome == "self_ok", "somebody said so, at that moment"

        @invariant()
        def what_is_noticed_never_calls_neighbours_and_never_for_the_past(self):
            for row in self.rows(incidents):
                if row.kind in ("decline", "no_return"):
                    assert row.called_ms is None
                    assert row.opened_ms - row.since_ms < 24 * HOUR
                assert row.kind != "unrest"

        @invariant()
        def who_was_heard_or_seen_to_be_well_is_not_worried_about_any_more(self):
            rows = self.rows(incidents)
            well_ms = max((row.closed_ms for row in rows if row.outcome in ("self_ok", "safe")), default=0)
            for row in rows:
                if row.state not in TERMINAL and row.kind in ("silence", "decline", "no_return"):
                    assert row.since_ms >= well_ms

        @invariant()
        def a_person_who_can_be_asked_is_asked_before_others_are_called(self):
            tries = {row.delivery_id: row.started_ms for row in reversed(self.rows(attempts))}
            answered = {(row.incident_id, row.said_by) for row in self.rows(statements)}
            # I6: whoever was going and does not come leaves the case to the next at once, whenever she was asked.
            left = {
                (row.incident_id, row.ended_ms) for row in self.rows(claims) if row.ended_by in ("cannot", "lapsed")
            }
            for row in self.rows(incidents):
                if row.kind != "silence" or row.called_ms is None or (row.id, "hana") in answered:
                    continue
                if (row.id, row.called_ms) in left:
                    continue
                asks = [item for item in self.rows(deliveries) if (item.incident_id, item.purpose) == (row.id, "ask")]
                # A tick in time does not wait for a message that was tried before and may be taken in the same moment.
                taken = [item for item in asks if item.state == "accepted" and item.settled_ms <= row.called_ms]
                reached = [
                    item.settled_ms
                    for item in taken
                    if item.settled_ms < row.called_ms or tries[item.id] == item.settled_ms
                ]
                if reached:
                    assert row.called_ms - min(reached) >= 10 * MINUTE, "I16: nobody is skipped"
                else:
                    assert all(item.id in tries for item in asks if item.state != "cancelled")

        @invariant()
        def nothing_is_doubled_but_where_nobody_knew(self):
            accepted = Counter(key for key, _person in self.village.channel.accepted)
            unclear = Counter(row.delivery_id for row in self.rows(attempts) if row.outcome == "ambiguous")
            unclear.update(row.delivery_id for row in self.rows(attempts) if row.outcome is None)
            for key, times in accepted.items():
                assert times <= 1 + unclear[key], "I4"

        @invariant()
        def a_step_at_which_all_failed_is_not_waited_out(self):
            rows = self.rows(deliveries)
            for case in self.rows(incidents):
                present = [
                    row
                    for row in rows
                    if (row.incident_id, row.step, row.repeat) == (case.id, case.step, case.repeat)
                    and row.purpose != "news"
                ]
                if case.state == "notifying" and present and case.step + 1 < len(case.policy["steps"]):
                    if all(row.purpose == "ask" for row in present) and case.next_due_ms == case.call_at_ms:
                        continue  # nobody else is called for a person who cannot be asked before the call deadline
                    assert any(row.state not in ("failed", "expired") for row in present), "I10"

    return StoreHistories


@pytest.mark.on_both_stores
def test_any_history_on_the_real_store_keeps_the_promises(found_village, start, store_kind):
    run_state_machine_as_test(
        histories(found_village, start),
        settings=settings(
            max_examples=EXAMPLES if store_kind == "sqlite" else max(EXAMPLES // 4, 1),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
