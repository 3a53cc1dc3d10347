"""Whatever a link does to the order of messages, whatever fails in between: the end is the same."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.envelope import Ack
from store.timeseries.port import TimeSeriesError

HOMES = itertools.count(1)


class Failing:
    """A time series that fails, before or after it has written, as the script says."""

    def __init__(self, real):
        self._real, self.script = real, []

    def __getattr__(self, name):
        return getattr(self._real, name)

    def write(self, points):
        fault = self.script.pop() if self.script else ""
        if fault == "before":
            raise TimeSeriesError("before")
        self._real.write(points)
        if fault == "after":
            raise TimeSeriesError("after")


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batches_in_any_order_with_repeats_failures_and_restarts_are_stored_once(make_backend, cast, data):
    backend = make_backend("any", wrap=Failing)
    number = next(HOMES)
    home, gateway = f"home-{number}", f"gw-{number}"
    backend.register(home, gateway)
    events = [cast.event(n, cast.noon + n * 7 * cast.minute) for n in range(1, 41)]
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=12), "sizes")
    cuts = [min(40, cut) for cut in itertools.accumulate(sizes)] + [40]
    batches = [events[a:b] for a, b in itertools.pairwise([0, *cuts]) if a < b]
    order = data.draw(st.permutations(batches), "order")
    again = data.draw(st.lists(st.sampled_from(batches), max_size=6), "again")
    faults = st.sampled_from(["", "before", "after", "restart"])
    queue = [backend.batch(batch, gateway=gateway, now=events[-1].t) for batch in (*order, *again)]
    while queue:
        size = data.draw(st.integers(1, 4), "group")
        group, queue = queue[:size], queue[size:]
        fault = data.draw(faults, "fault")
        if fault == "restart":
            backend.start()
        else:
            backend.core.timeseries.script = [fault]
        try:
            acks = backend.send(*group)
        except TimeSeriesError:
            queue = group + queue
    assert acks == {(gateway, cast.epoch): Ack(cast.epoch, 40)}
    assert backend.stored(gateway) == list(range(1, 41))
    live = next(row for row in backend.rows("live_states") if row["home_id"] == home)
    cursor = next(row for row in backend.rows("cursors") if row["gateway"] == gateway)
    assert (live["last_sign_ms"], cursor["events"], cursor["missing"]) == (events[-1].t, 40, [])
    assert backend.rows("lapses") == [], "no silence here outlasts seven minutes"
    backend.close()
