"""kill -9 at every commit and every send, and two workers at once: nothing lost, nothing doubled."""

import os
import signal
import threading
from collections import Counter

import pytest
from sqlalchemy import event

from alerts.channels.outbox import read_outbox
from alerts.engine import Engine
from alerts.sender import Sender
from store.engine import reading
from store.schema import attempts, deliveries, incidents

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
        due_ms = engine.next_due_ms(now_ms)
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


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(found_village, start, point):
    asked_ms = start + 2 * HOUR
    for number in range(40):
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


def test_two_workers_do_what_one_would(found_village, start):
    alone, crowd = found_village(), found_village()
    moments = [start + 2 * HOUR, start + 2 * HOUR + 30 * MINUTE, start + 3 * HOUR + 30 * MINUTE, start + 4 * HOUR]
    for village in (alone, crowd):
        village.lives(start)
    for now_ms in moments:
        alone.at(now_ms)
    race(crowd, moments, workers=3)
    assert crowd.rows(incidents) == alone.rows(incidents)
    same = ("id", "state", "person_id", "epoch", "step", "repeat", "purpose")
    assert [[getattr(row, name) for name in same] for row in crowd.rows(deliveries)] == [
        [getattr(row, name) for name in same] for row in alone.rows(deliveries)
    ]
    assert sorted(crowd.channel.accepted) == sorted(alone.channel.accepted), "each message once"
    assert len(crowd.rows(attempts)) == len(alone.rows(attempts))


def race(village, moments, workers):
    """Each worker ticks and sends at every moment, all of them at the same time."""
    barrier = threading.Barrier(workers, timeout=60)
    errors = []

    def work(number):
        engine = Engine(village.db, village.settings)
        sender = Sender(village.db, {"outbox": village.channel}, f"worker-{number}", village.links, village.settings)
        try:
            for now_ms in moments:
                if barrier.wait() == 0:
                    village.beats(now_ms)
                barrier.wait()
                for _ in range(2):
                    engine.tick(now_ms)
                    sender.run_due(now_ms)
        except BaseException as error:  # noqa: BLE001 - shown by the test, which must not hang
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
