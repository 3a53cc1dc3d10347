"""One process plays a role at a time, whatever becomes of processes, clocks and stores."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from store.lease import LEASE_S, LOOK_S, RENEW_S, Lease, LeaseLost, LeaseTaken, Process, has_ended
from store.schema import leases

NOW_MS = 1_790_000_000_000
LEASE_MS = round(LEASE_S * 1000)
HERE = Process.this()
ELSEWHERE = Process("other-host", 4711, f"{HERE.boot.split()[0]} pid:[1]", "55")
"""In another container of this machine: all users of an SQLite store run on one, and yet we cannot look in there."""
PATIENCE_S = 30

HOLDER = """
import sys, time
from store.engine import open_store
from store.lease import Lease, Process

class Now:
    wall_ms = staticmethod(lambda: int(sys.argv[2]))

lease = Lease(open_store(sys.argv[1], migrate=False), "ingest", Process.this())
lease.take(Now)
print("taken", flush=True)
time.sleep(60)
"""


class Clock:
    """A clock moved by hand; a pause moves it."""

    def __init__(self, now_ms=NOW_MS):
        self.now_ms, self.pauses = now_ms, []
        self.meanwhile = lambda: None

    def wall_ms(self):
        return self.now_ms

    monotonic_ms = wall_ms

    def pause(self, pause_s):
        self.pauses.append(pause_s)
        self.now_ms += round(pause_s * 1000)
        self.meanwhile()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def elsewhere(any_engine, clock):
    """A server that we cannot see and that plays the role."""
    lease = Lease(any_engine, "ingest", ELSEWHERE)
    lease.take(clock, clock.pause)
    return lease


@pytest.fixture
def ours(any_engine):
    return Lease(any_engine, "ingest", HERE)


def is_ours(lease, engine):
    with engine.begin() as connection:
        lease.check(connection)
    return True


def test_a_second_server_is_refused_and_told_who_and_until_when(elsewhere, ours, clock):
    with pytest.raises(LeaseTaken, match="process 4711 on other-host, whose lease ends at 2026-09-21 14:14:20 UTC"):
        ours.take(clock, clock.pause)
    assert clock.pauses == [], "it need not be looked at any longer"


def test_what_is_given_back_can_be_taken_at_once(elsewhere, ours, clock, any_engine):
    elsewhere.release()
    ours.take(clock, clock.pause)
    elsewhere.release()  # no longer its own to give
    assert is_ours(ours, any_engine)
    assert ours.holder().process == HERE


def test_a_lease_that_ran_out_is_taken_after_a_look(elsewhere, ours, clock, any_engine):
    clock.now_ms += LEASE_MS
    ours.take(clock, clock.pause)
    assert clock.pauses == [LOOK_S]
    assert is_ours(ours, any_engine)
    with pytest.raises(LeaseLost, match=f"taken over by process {os.getpid()} "), any_engine.begin() as connection:
        elsewhere.check(connection)
    with pytest.raises(LeaseLost, match=f"taken over by process {os.getpid()} "):
        elsewhere.renew(clock.now_ms)
    assert is_ours(ours, any_engine)


def test_a_holder_whose_clock_is_far_behind_keeps_its_role(elsewhere, ours, clock, any_engine):
    """By our clock its lease has run out long ago, but it is renewed while we look."""
    behind_ms = clock.now_ms
    clock.now_ms += 3_600_000
    clock.meanwhile = lambda: elsewhere.renew(behind_ms + round(RENEW_S * 1000))
    with pytest.raises(LeaseTaken, match="other-host"):
        ours.take(clock, clock.pause)
    assert is_ours(elsewhere, any_engine)


def test_a_holder_that_was_merely_slow_goes_on(elsewhere, any_engine, clock):
    clock.now_ms += 20 * LEASE_MS
    assert is_ours(elsewhere, any_engine), "nobody took its place, so it may commit"
    elsewhere.renew(clock.now_ms)
    assert elsewhere.holder().until_ms == clock.now_ms + LEASE_MS


def test_a_store_put_back_from_a_copy_stops_the_holder(elsewhere, any_engine):
    """What it remembers may be newer than what is stored now."""
    with any_engine.begin() as connection:
        connection.execute(delete(leases))
    with pytest.raises(LeaseLost, match="from a copy"):
        elsewhere.renew(NOW_MS)
    with pytest.raises(LeaseLost, match="from a copy"), any_engine.begin() as connection:
        elsewhere.check(connection)


@pytest.mark.parametrize("end", ["running", "killed"])
def test_a_killed_server_of_this_machine_is_followed_at_once(any_engine, ours, clock, end):
    url = any_engine.url.render_as_string(hide_password=False)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, str(NOW_MS)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    try:
        assert holder.stdout.readline() == "taken\n"
        if end == "killed":
            holder.send_signal(signal.SIGKILL)
            holder.wait(PATIENCE_S)
            ours.take(clock, clock.pause)
            assert is_ours(ours, any_engine)
        else:
            with pytest.raises(LeaseTaken, match=f"process {holder.pid} on "):
                ours.take(clock, clock.pause)
        assert clock.pauses == []
    finally:
        holder.kill()
        holder.wait(PATIENCE_S)


def test_a_number_given_out_again_is_another_process(any_engine, ours, clock):
    Lease(any_engine, "ingest", replace(HERE, began="1")).take(clock)
    ours.take(clock, clock.pause)
    assert is_ours(ours, any_engine)


def test_of_many_who_try_at_once_one_gets_it(any_engine, clock):
    def attempt(number):
        lease = Lease(any_engine, "ingest", replace(ELSEWHERE, boot=f"{ELSEWHERE.boot}{number}"))
        gate.wait(PATIENCE_S)
        try:
            lease.take(clock)
        except LeaseTaken:
            return
        winners.append(number)

    gate, winners = threading.Barrier(4), []
    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(winners) == 1


def test_nobody_takes_the_role_in_the_midst_of_a_commit(elsewhere, ours, clock, any_engine):
    clock.now_ms += LEASE_MS
    taken = threading.Event()

    def take():
        ours.take(clock, lambda _: None)
        taken.set()

    thread = threading.Thread(target=take, daemon=True)
    with any_engine.begin() as connection:
        elsewhere.check(connection)
        thread.start()
        assert not taken.wait(0.3), "the one who commits must be the one who plays the role"
        connection.execute(update(leases).values(host="still other-host"))
    thread.join(PATIENCE_S)
    assert taken.is_set()


def test_who_cannot_be_seen_may_still_run():
    here = Process("host", 1, "boot-1 pid:[1]", "100")
    assert not has_ended(replace(here, boot=""), here, one_machine=True)
    assert not has_ended(replace(here, boot="boot-1 pid:[2]"), here, one_machine=True), "another container"
    assert not has_ended(replace(here, boot="boot-2 pid:[1]"), here, one_machine=False), "another machine"
    assert has_ended(replace(here, boot="boot-2 pid:[1]"), here, one_machine=True), "before this machine began anew"
