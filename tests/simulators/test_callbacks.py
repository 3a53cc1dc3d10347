"""What both doubles post by: in order, late, held back, forgotten; and how a child that does not start is told."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from simulators.processes import answers, start, stop, wait_until
from simulators.vendors.base.callbacks import Callbacks
from simulators.vendors.base.process import DoubleProcessError
from simulators.vendors.base.world import World
from simulators.vendors.line.process import LineProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def callbacks():
    made = Callbacks(World(lambda: 0), None, threads=1)
    yield made
    made.stop()


def at_rest(callbacks):
    return wait_until(lambda: callbacks.idle, 10)


def test_one_thread_keeps_the_order_and_what_is_late_or_held_comes_after(callbacks):
    done = []
    callbacks.hold(lambda: done.append("held"))
    callbacks.later(lambda: done.append("late"), 0.2)
    for number in range(50):
        callbacks.later(lambda number=number: done.append(number))
    assert at_rest(callbacks)
    assert done == [*range(50), "late"]
    assert callbacks.release() == 1
    assert at_rest(callbacks)
    assert done[-1] == "held"


def test_what_was_not_begun_is_forgotten_and_what_was_counts_no_more(callbacks):
    begun, go_on, done = threading.Event(), threading.Event(), []
    callbacks.later(lambda: (begun.set(), go_on.wait(10), done.append("begun")))
    callbacks.later(lambda: done.append("waiting"))
    callbacks.later(lambda: done.append("late"), 0.05)
    callbacks.hold(lambda: done.append("held"))
    assert begun.wait(10)
    callbacks.forget()
    assert callbacks.idle
    callbacks.later(lambda: done.append("new"))
    assert not callbacks.idle
    go_on.set()
    assert at_rest(callbacks)
    assert callbacks.release() == 0
    assert done == ["begun", "new"]


def test_a_failure_of_the_double_is_counted_and_ends_nothing(callbacks, caplog):
    done = []
    callbacks.later(lambda: 1 / 0)
    callbacks.later(lambda: done.append("after"))
    assert at_rest(callbacks)
    assert (done, callbacks.world.seen["failure of the double"]) == (["after"], 1)
    assert "ZeroDivisionError" in caplog.text


def nobody_answers():
    raise ConnectionRefusedError


def test_a_child_that_ends_is_not_waited_for():
    child = start([sys.executable, "-c", ""])
    assert answers(child, nobody_answers, 60) is False
    assert stop(child, "a child") == 0


def is_running(pid):
    """Not so a zombie, which waits for whoever inherited it."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the guard is setpriv of util-linux")
def test_a_child_does_not_outlive_a_parent_that_is_killed():
    code = "import time; from simulators.processes import start\n"
    code += "print(start(['sleep', '60']).pid, flush=True)\ntime.sleep(60)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as parent:
        child = int(parent.stdout.readline())
        name = Path(f"/proc/{child}/comm")
        assert wait_until(lambda: name.read_text() == "sleep\n", 10), "the guard is set, and what it guards runs"
        parent.kill()
    assert wait_until(lambda: not is_running(child), 10)


def test_a_double_that_cannot_start_says_so_and_leaves_nothing(tmp_path):
    double = LineProcess(log_path=tmp_path / "log", colour="green")
    with pytest.raises(DoubleProcessError, match="the LINE double does not answer"):
        double.start()
    double.stop()
    assert "unrecognized arguments: --colour=green" in (tmp_path / "log").read_text()
