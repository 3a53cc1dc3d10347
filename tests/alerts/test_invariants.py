"""Promises that no other file here is about: a policy edited meanwhile, a clock that jumps, the crash injection."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from alerts.incidents.engine import Engine
from alerts.settings import AlertsSettings
from store.engine import reading
from store.register.registry import edit
from store.schema import contact_methods, incidents

HOUR = 3_600_000
MINUTE = 60_000
ROOT = Path(__file__).resolve().parents[2]
LIVES = 6  # the script itself does a thousand


@pytest.mark.on_both_stores
def test_a_policy_edited_meanwhile_counts_for_new_cases_alone(found_village, start):
    village = found_village(settings=AlertsSettings(person_answer_s=20 * 60, neighbours_at_once=1))
    village.lives(start)
    village.at(start + 2 * HOUR)
    assert village.case().next_due_ms == start + 2 * HOUR + 20 * MINUTE
    village.engine = Engine(village.db, replace(village.settings, person_answer_s=10 * 60, neighbours_at_once=3))
    for minutes in range(1, 21):
        assert village.told("call") == []
        village.at(start + 2 * HOUR + minutes * MINUTE)
    assert len(village.told("call")) == 1, "one at a time, after twenty minutes: as it was when the case was opened"


@pytest.mark.on_both_stores
def test_who_is_taken_from_the_register_is_not_called_and_nobody_after_them_is_skipped(village, start):
    village.at(start + 2 * HOUR)
    with edit(village.db, actor="test", now_ms=start + 2 * HOUR) as registry:
        registry.revoke("r-ichiro")
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert sorted(village.told("call")) == ["jiro", "saburo"]
    with edit(village.db, actor="test", now_ms=start + 2 * HOUR + 31 * MINUTE) as registry:
        registry.revoke("r-jiro")
        registry.revoke("r-saburo")
    village.at(start + 2 * HOUR + 90 * MINUTE)
    assert village.told("staff") == ["shiki"]


def test_a_clock_that_jumps_an_hour_ahead_or_back_skips_nobody_and_repeats_nothing(village, start):
    asked = start + 2 * HOUR
    for now in (asked, asked - HOUR, asked - HOUR + MINUTE, asked + 30 * MINUTE - 1):
        village.at(now)
    assert (village.told("ask"), village.told("call")) == (["hana"], [])
    village.at(asked + 30 * MINUTE)
    called = Counter(village.told("call"))
    assert called == {"ichiro": 1, "jiro": 1}
    village.at(asked - 30 * MINUTE)
    village.at(asked + 91 * MINUTE)  # and an hour ahead of where it had been
    assert Counter(village.told("call")) == called
    assert village.told("staff") == ["shiki"]
    village.at(asked + 91 * MINUTE)
    assert (village.told("ask"), village.told("staff")) == (["hana"], ["shiki"])


def test_a_message_that_waits_is_sent_when_the_clock_comes_back_to_it(village, start):
    village.beats(start + 2 * HOUR)
    village.engine.tick(start + 2 * HOUR)
    village.sender.run_due(start + HOUR)
    assert village.told("ask") == []
    village.sender.run_due(start + 2 * HOUR)
    assert village.told("ask") == ["hana"]


def test_with_nobody_left_to_tell_the_case_stays_open_and_looks_again_for_ever(village, start):
    with village.db.begin() as connection:
        connection.execute(update(contact_methods).values(disabled_reason="moved"))
    for hours in range(2, 40):
        village.at(start + hours * HOUR)
        with reading(village.db) as connection:
            case = connection.execute(select(incidents)).first()
        assert case is None or (case.outcome is None and case.next_due_ms > start + hours * HOUR)
    assert case.state == "staff_attention"


@pytest.mark.system
@pytest.mark.timeout(280)
def test_lives_in_which_the_backend_is_killed_before_the_doubles_of_the_vendors(new_database):
    command = [sys.executable, str(ROOT / "benchmarks" / "crash_injection.py"), "--json", "--incidents", str(LIVES)]
    command += ["--store", "sqlite", "--store", new_database("template1")]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=270, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    both = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(both) == 2
    for seen in both:
        assert seen["incidents"] == LIVES <= seen["kills"]
        assert (seen["lost"], seen["unsettled"], seen["twilio_duplicates_unexplained"]) == (0, 0, 0)
        assert seen["line_most"] == 1
        assert len(seen["killed_at"]) >= 4, "the points were not reached: it would prove nothing"
