"""Killed at the worst moments, then sent again: stored exactly once, and every state as if nothing had happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.envelope import Ack
from store.timeseries.port import TimeSeriesError

CONFTEST = Path(__file__).with_name("conftest.py")

CRASH = """
import importlib.util, os, pathlib, sys
from sqlalchemy import event

spec = importlib.util.spec_from_file_location("cast", sys.argv[1])
cast = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cast)
backend = cast.Backend(pathlib.Path(sys.argv[2]))
where = sys.argv[3]


def leave(connection):
    if not connection.get_execution_options().get("mimamori_reading"):
        os._exit(9)


messages = cast.eventful_days(backend)
backend.send(*messages[:2])

if where == "before the time series":
    backend.timeseries.write = lambda points: os._exit(9)
elif where == "between time series and commit":
    write = backend.timeseries.write
    backend.timeseries.write = lambda points: (write(points), os._exit(9))
elif where == "inside the transaction":
    event.listen(backend.engine, "commit", leave)
backend.send(*messages[2:4])
os._exit(9)  # between commit and ack: process() has returned, nothing was published
"""

MOMENTS = ("before the time series", "between time series and commit", "inside the transaction", "before the ack")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_killed_at_any_moment_stores_each_event_once(make_backend, cast, moment):
    calm = make_backend("calm")
    calm.register()
    messages = cast.eventful_days(calm)
    for start in range(0, len(messages), 2):
        calm.send(*messages[start : start + 2])

    stormy = make_backend("stormy")
    stormy.register()
    stormy.close()
    killed = subprocess.run(
        [sys.executable, "-c", CRASH, str(CONFTEST), str(stormy.folder), moment],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert killed.returncode == 9, killed.stderr

    again = make_backend("stormy")
    if moment != "before the ack":
        assert again.row("cursors")["upto"] == 30, "the group that was cut short left no cursor"
    assert len(again.stored()) == {"before the time series": 30}.get(moment, 60)
    for start in range(2, len(messages), 2):  # nothing from the second group on was acked, so it comes again
        again.send(*messages[start : start + 2])
    assert again.snapshot() == calm.snapshot()
    assert sorted(again.stored()) == list(range(1, 121))


class Failing:
    """A time series whose next calls fail before or after they did their work."""

    def __init__(self, real):
        self._real, self.fail = real, ""

    def __getattr__(self, name):
        def call(*arguments):
            if self.fail == f"before {name}":
                raise TimeSeriesError(self.fail)
            result = getattr(self._real, name)(*arguments)
            if self.fail == f"after {name}":
                raise TimeSeriesError(self.fail)
            return result

        return call


@pytest.mark.parametrize("fault", ["before write", "after write", "before read", "commit"])
def test_memory_never_runs_ahead_of_what_was_committed(make_backend, cast, fault, monkeypatch):
    calm = make_backend("calm")
    stormy = make_backend("stormy", wrap=Failing)
    for backend in (calm, stormy):
        backend.register()
        backend.send(*cast.eventful_days(backend)[:3])
    life = stormy.core.home_states.edit(cast.home)
    stormy.core.home_states.commit()
    before = stormy.snapshot(), stormy.core.watch.hot(life.index), stormy.core.watch.table(life.index)

    rest = cast.eventful_days(stormy)[3:]
    with monkeypatch.context() as patch:
        if fault == "commit":
            patch.setattr("ingest.pipeline.write_rows", _refuse)
        else:
            stormy.core.timeseries.fail = fault
        with pytest.raises((TimeSeriesError, ZeroDivisionError)):
            stormy.send(*rest)
    stormy.core.timeseries.fail = ""

    state = stormy.snapshot()
    points = state.pop("points")
    assert state == {name: rows for name, rows in before[0].items() if name != "points"}
    assert len(points) == (60 if fault == "before write" else 120)
    assert (stormy.core.watch.hot(life.index), stormy.core.watch.table(life.index)) == before[1:]

    acks = stormy.send(*rest)
    assert acks == calm.send(*rest) == {(cast.gateway, cast.epoch): Ack(cast.epoch, 120)}
    assert stormy.snapshot() == calm.snapshot()


def _refuse(*_):
    raise ZeroDivisionError


def test_a_second_ingest_on_the_same_store_is_noticed_and_doubles_nothing(make_backend, cast):
    from ingest.intake.cursors import CursorConflict

    one = make_backend("shared")
    one.register()
    two = make_backend("shared")
    batch = [cast.event(n, cast.noon + n) for n in range(1, 4)]
    one.send(one.batch(batch[:1]))
    two.send(two.batch(batch[:1]))
    one.send(one.batch(batch[1:2]))
    with pytest.raises(CursorConflict, match="one process only"):
        two.send(two.batch(batch))
    acks = two.send(two.batch(batch))
    assert acks == {(cast.gateway, cast.epoch): Ack(cast.epoch, 3)}
    assert two.stored() == [1, 2, 3]
    assert two.row("cursors")["events"] == 3


def test_who_has_lost_the_role_commits_nothing_and_acks_nothing(make_backend, cast):
    from store.lease import INGEST, Lease, LeaseLost, Process
    from store.schema import leases

    class Now:
        wall_ms = monotonic_ms = staticmethod(lambda: cast.noon)

    backend = make_backend()
    backend.register()
    backend.core.lease = Lease(backend.engine, INGEST, Process.this())
    backend.core.lease.take(Now)
    backend.send(backend.meta(), backend.batch([cast.event(1, cast.noon)]))
    before = backend.snapshot()
    with backend.engine.begin() as connection:
        connection.execute(leases.update().values(owner="another process"))
    calls = (
        lambda: backend.send(backend.batch([cast.event(2, cast.noon + 1)])),
        lambda: backend.nightly.tick(cast.noon + 16 * cast.hour),
        lambda: backend.pipeline.set_aside(backend.raw(b"?"), "why"),
    )
    for call in calls:
        with pytest.raises(LeaseLost, match="taken over by process"):
            call()
    assert backend.snapshot() | {"points": None} == before | {"points": None}
