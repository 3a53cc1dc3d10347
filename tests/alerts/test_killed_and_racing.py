"""kill -9 at every commit and every send, and several workers at once: nothing lost, nothing doubled."""

import gc
import multiprocessing
import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, select

from alerts.channels.outbox.channel import read_outbox
from alerts.incidents import transitions
from alerts.incidents.engine import Engine
from alerts.tools.next_moment import next_moment_ms
from store.engine import reading
from store.schema import attempts, deliveries, incidents, people

HOUR = 3_600_000
MINUTE = 60_000
POINTS = ("before a commit", "after a commit", "before a send", "after a send")


class Killer:
    """Ends its own process, as a power cut would, the n-th time that a point is reached."""

    def __init__(self, point, number):
        self.point, self.number = point, number

    def reached(self, point):
        if point == self.point:
            self.number -= 1
            if self.number < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, village):
        event.listen(village.db, "commit", lambda connection: self._write(connection, "before a commit"))
        event.listen(village.db, "begin", lambda connection: self._write(connection, "after a commit"))
        send = village.channel.send

        def watched(message):
            self.reached("before a send")
            result = send(message)
            self.reached("after a send")
            return result

        village.channel.send = watched

    def _write(self, connection, point):
        if not connection.get_execution_options().get("mimamori_reading"):
            self.reached(point)


def live_through(village, now_ms, beats_ms):
    """The backend works until the council was asked and nothing is left to send; gives the last moment."""
    engine, sender = Engine(village.db, village.settings), village.new_sender(f"worker-{os.getpid()}")
    for _ in range(60):
        if now_ms - beats_ms[0] > 4 * MINUTE:
            village.beats(now_ms)
            beats_ms[0] = now_ms
        engine.tick(now_ms)
        sender.run_due(now_ms)
        due_ms = next_moment_ms(engine, now_ms)
        case = village.case()
        if case.council_ms is not None and due_ms == case.next_due_ms:
            return now_ms
        assert due_ms is not None
        now_ms = max(now_ms, due_ms)
    raise AssertionError("it never comes to rest")


def killed(village, now_ms, point, number):
    """Whether a forked backend was killed at that point; False when it lived through without reaching it."""
    village.db.dispose()  # no connection is shared with the child
    child = os.fork()
    if not child:
        gc.disable()  # it would copy all the memory of its parent
        try:
            Killer(point, number).watch(village)
            live_through(village, now_ms, [now_ms])
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must never run on as a second pytest
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


@pytest.mark.on_both_stores
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(found_village, start, store_kind, point):
    asked_ms = start + 2 * HOUR
    stride = 1 if store_kind == "sqlite" else 6  # a new connection costs more there
    for number in range(0, 40, stride):
        village = found_village()
        village.lives(start)
        village.beats(asked_ms)
        if not killed(village, asked_ms, point, number):
            break
        restart_ms = asked_ms + 20 * MINUTE if not village.rows(incidents) else last_moment(village) + 2 * MINUTE
        village.beats(restart_ms)
        live_through(village, restart_ms, [restart_ms])
        shown = Counter((item.purpose, item.person_id) for item in read_outbox(village.folder))
        everybody = [("ask", "hana"), ("call", "ichiro"), ("call", "jiro"), ("staff", "shiki")]
        assert shown == Counter(everybody), f"killed {point} {number}"
        assert {row.state for row in village.rows(deliveries)} == {"accepted"}
        assert village.case().state == "notifying"
    assert number >= 4, "the points were not reached: the test would prove nothing"
    assert number < 39


def last_moment(village):
    with reading(village.db):
        known = [row.created_ms for row in village.rows(deliveries)] + [
            row.started_ms for row in village.rows(attempts)
        ]
    return max(known)


@pytest.mark.on_both_stores
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_three_workers_do_what_one_would(found_village, start, kind):
    alone, crowd = found_village(), found_village()
    moments = [start + 2 * HOUR, start + 2 * HOUR + 30 * MINUTE, start + 3 * HOUR + 30 * MINUTE, start + 4 * HOUR]
    for village in (alone, crowd):
        village.lives(start)
    for now_ms in moments:
        alone.at(now_ms)
    accepted = (race if kind == "threads" else race_of_processes)(crowd, moments, workers=3)
    assert crowd.rows(incidents) == alone.rows(incidents)
    same = ("id", "state", "person_id", "epoch", "step", "repeat", "purpose")
    assert [[getattr(row, name) for name in same] for row in crowd.rows(deliveries)] == [
        [getattr(row, name) for name in same] for row in alone.rows(deliveries)
    ]
    assert sorted(accepted) == sorted(key for key, _person in alone.channel.accepted), "each message once"
    assert len(crowd.rows(attempts)) == len(alone.rows(attempts))


@pytest.mark.on_both_stores
def test_two_workers_that_wait_for_each_other_in_a_ring_both_get_their_turn(found_village, start):
    village = found_village()
    both_hold_one = threading.Barrier(2, timeout=20)
    waited = set()

    def work(number):
        order = ("hana", "ichiro")[:: 1 if number else -1]

        def lock(connection):
            for who in order:
                connection.execute(select(people.c.id).where(people.c.id == who).with_for_update()).one()
                if village.db.dialect.name == "postgresql" and number not in waited:
                    waited.add(number)  # at the first try alone: each holds what the other wants next
                    both_hold_one.wait()
            return number

        return transitions.in_transaction(village.db, lock)

    with ThreadPoolExecutor(2) as workers:
        assert list(workers.map(work, range(2))) == [0, 1]


def race(village, moments, workers):
    """Each worker ticks and sends at every moment, all of them at the same time; gives what was accepted."""
    barrier = threading.Barrier(workers, timeout=60)
    errors = []

    def begin(number):
        try:
            work(village, moments, barrier, number)
        except BaseException as error:  # noqa: BLE001 - shown by the test, which must not hang
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    return [key for key, _person in village.channel.accepted]


def race_of_processes(village, moments, workers):
    """The same with a process for each worker: nothing but the store is shared."""
    village.db.dispose()
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(workers, timeout=60)
    children = [fork.Process(target=work_alone, args=(village, moments, barrier, n)) for n in range(workers)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * workers
    return (village.folder.parent / "accepted").read_text().split()


def work_alone(village, moments, barrier, number):
    try:
        work(village, moments, barrier, number)
    except BaseException:
        barrier.abort()
        raise
    with (village.folder.parent / "accepted").open("a") as said:
        said.write("".join(key + "\n" for key, _person in village.channel.accepted))
        said.flush()
    os._exit(0)  # the child must never run the ends of pytest's fixtures


def work(village, moments, barrier, number):
    engine = Engine(village.db, village.settings)
    sender = village.new_sender(f"worker-{number}")
    for now_ms in moments:
        if barrier.wait() == 0:
            village.beats(now_ms)
        barrier.wait()
        for _ in range(2):
            engine.tick(now_ms)
            sender.run_due(now_ms)
