import pytest

from contracts.envelope import Ack
from contracts.health import Sensor, SensorRole
from contracts.topics import Leaf
from ingest.core import Core


def test_an_event_is_stored_moves_the_deadline_and_is_acked(backend, cast):
    acks = backend.send(backend.batch([cast.event(1, cast.noon)]))
    assert acks == {(cast.gateway, cast.epoch): Ack(cast.epoch, 1)}
    assert backend.stored() == [1]
    live = backend.row("live_states")
    assert (live["last_event_ms"], live["last_sign_ms"], live["last_sensor"]) == (cast.noon, cast.noon, "living")
    assert cast.noon + 30 * cast.minute <= live["ask_at_ms"] <= live["call_at_ms"] <= cast.noon + 12 * cast.hour
    assert not live["ready"]
    assert live["reason_ja"]
    assert live["reason_en"]


def test_a_home_without_any_event_has_a_deadline_counted_from_its_first_watch(backend, cast):
    backend.core.refresh(cast.noon)
    live = backend.row("live_states")
    assert live["last_sign_ms"] is None
    assert cast.noon < live["ask_at_ms"] <= live["call_at_ms"] <= cast.noon + 12 * cast.hour
    backend.start()
    backend.core.refresh(cast.noon + cast.hour)
    assert backend.row("live_states") == live, "a restart does not put the deadline off"


@pytest.mark.parametrize("mishap", ["a restart", "a failed commit"])
def test_a_home_of_which_only_a_meter_is_heard_keeps_its_first_deadline_after(backend, cast, mishap, monkeypatch):
    backend.core.refresh(cast.noon)
    first = backend.row("live_states")
    reports = [
        backend.batch([cast.event(n, cast.noon + n * cast.hour, "meter", k="power", x={"w": 5.0})]) for n in (1, 2, 3)
    ]
    backend.send(reports[0])
    if mishap == "a restart":
        backend.start()
    else:
        with monkeypatch.context() as patch:
            patch.setattr(Core, "write_homes", failing("full disk"))
            with pytest.raises(RuntimeError, match="full disk"):
                backend.send(reports[1])
    backend.send(reports[1])
    backend.send(reports[2])
    live = backend.row("live_states")
    assert live["last_sign_ms"] is None
    assert live["updated_ms"] == cast.noon + 3 * cast.hour
    for name in ("watched_from_ms", "ask_at_ms", "call_at_ms"):
        assert live[name] == first[name], name


def test_since_when_a_home_is_watched_is_written_once(backend, cast):
    backend.core.refresh(cast.noon)
    backend.send(backend.batch([cast.event(1, cast.noon + cast.hour)]))
    backend.start()
    backend.send(backend.batch([cast.event(2, cast.noon + 2 * cast.hour)]))
    assert backend.row("live_states")["watched_from_ms"] == cast.noon


def failing(words):
    def fail(*_args, **_named):
        raise RuntimeError(words)

    return fail


def test_the_first_event_of_a_home_may_be_older_than_its_registration(backend, cast):
    backend.core.refresh(cast.noon)
    then = cast.noon - 5 * cast.hour
    backend.send(backend.batch([cast.event(1, then)], now=cast.noon))
    live = backend.row("live_states")
    assert live["last_sign_ms"] == then
    assert then < live["ask_at_ms"] <= then + 12 * cast.hour


def test_two_messages_with_the_same_events_in_one_group_are_stored_once(backend, cast):
    events = [cast.event(n, cast.noon + n) for n in (1, 2, 3)]
    acks = backend.send(backend.batch(events), backend.batch(events[1:]), backend.batch(events))
    assert backend.stored() == [1, 2, 3]
    assert acks[cast.gateway, cast.epoch] == Ack(cast.epoch, 3)
    assert backend.row("cursors")["events"] == 3
    assert backend.pipeline.counts.duplicates == 5


def test_a_resend_changes_nothing_and_is_acked_again(backend, cast):
    batch = backend.batch([cast.event(n, cast.noon + n * cast.minute) for n in range(1, 20)])
    first = backend.send(batch)
    before = backend.snapshot()
    assert backend.send(batch) == first
    backend.start()
    assert backend.send(batch) == first
    assert backend.snapshot() == before


def test_an_ack_names_the_numbers_that_are_missing_and_later_that_none_is(backend, cast):
    late, early = (backend.batch([cast.event(n, cast.noon + n)]) for n in (5, 3))
    assert backend.send(late)[cast.gateway, cast.epoch] == Ack(cast.epoch, 5, ((1, 4),))
    assert backend.send(early)[cast.gateway, cast.epoch] == Ack(cast.epoch, 5, ((1, 2), (4, 4)))
    rest = backend.batch([cast.event(n, cast.noon + n) for n in (1, 2, 4)])
    assert backend.send(rest)[cast.gateway, cast.epoch] == Ack(cast.epoch, 5)
    assert backend.row("cursors")["missing"] == []


def test_numbers_that_the_device_gave_up_are_counted_and_not_waited_for(backend, cast):
    ack = backend.send(backend.batch([cast.event(10, cast.noon)], lowest=8))[cast.gateway, cast.epoch]
    assert ack == Ack(cast.epoch, 10, ((8, 9),))
    cursor = backend.row("cursors")
    assert (cursor["gone"], cursor["missing"]) == (7, [[8, 9]])


def test_a_lowest_number_above_the_batch_itself_gives_up_nothing_of_it(backend, cast):
    backend.send(backend.batch([cast.event(4, cast.noon), cast.event(5, cast.noon)], lowest=900))
    assert backend.stored() == [4, 5]
    assert backend.row("cursors")["gone"] == 3


def test_a_new_outbox_of_the_same_gateway_starts_a_count_of_its_own(backend, cast):
    backend.send(backend.batch([cast.event(1, cast.noon)]))
    acks = backend.send(backend.batch([cast.event(1, cast.noon + 1)], epoch="epoch-2"))
    assert acks == {(cast.gateway, "epoch-2"): Ack("epoch-2", 1)}
    assert len(backend.stored()) == 2
    (newest,) = backend.pipeline.current_acks()
    assert b"epoch-2" in newest.payload


def test_events_of_two_homes_in_one_group_move_their_own_deadlines(backend, cast):
    backend.register("home-2", "gw-2")
    backend.send(
        backend.batch([cast.event(1, cast.noon)]),
        backend.batch([cast.event(1, cast.noon + cast.hour)], gateway="gw-2"),
    )
    signs = {row["home_id"]: row["last_sign_ms"] for row in backend.rows("live_states")}
    assert signs == {"home-1": cast.noon, "home-2": cast.noon + cast.hour}


def test_a_home_registered_while_running_is_picked_up(backend, cast):
    batch = backend.batch([cast.event(1, cast.noon)], gateway="gw-9")
    assert backend.send(batch) == {}
    backend.register("home-9", "gw-9")
    assert backend.send(batch) == {("gw-9", cast.epoch): Ack(cast.epoch, 1)}
    assert backend.stored("gw-9") == [1]


def test_an_unknown_kind_is_stored_and_moves_no_deadline(backend, cast):
    backend.core.refresh(cast.noon)
    before = backend.row("live_states")
    backend.send(backend.batch([cast.event(1, cast.noon, k="humidity", x={"rh": 40})], now=cast.noon))
    live = backend.row("live_states")
    assert backend.stored() == [1]
    assert live["last_event_ms"] == cast.noon
    assert (live["last_sign_ms"], live["ask_at_ms"]) == (None, before["ask_at_ms"])


@pytest.mark.parametrize(("sensor", "on"), [("living", False), ("front", False), ("fridge", False)])
def test_what_a_spring_or_a_timer_can_do_is_no_sign_of_life(backend, cast, sensor, on):
    backend.send(backend.batch([cast.event(1, cast.noon, sensor, on)]))
    assert backend.row("live_states")["last_sign_ms"] is None


def test_a_contact_is_the_entrance_once_the_gateway_has_said_so(backend, cast):
    backend.send(backend.batch([cast.event(1, cast.noon, "front")]))
    assert backend.row("live_states")["context"] == 1, "not told yet: an object in a quiet room"
    backend.send(backend.meta(), backend.batch([cast.event(2, cast.noon + 1, "front")]))
    assert backend.row("live_states")["context"] == 0
    backend.start()
    backend.send(backend.batch([cast.event(3, cast.noon + 2, "front")]))
    assert backend.row("live_states")["context"] == 0, "the role is read from the store after a restart"


def test_an_inventory_replaces_the_one_before(backend, cast):
    backend.send(backend.meta())
    backend.send(backend.meta([Sensor("front", SensorRole.OBJECT, "hall")]))
    assert {(row["sensor"], row["role"]) for row in backend.rows("sensors")} == {("front", "object")}


@pytest.mark.parametrize(
    ("what", "said", "alive"), [("help", ["help"], True), ("ok", ["ok"], True), ("tamper", [], False)]
)
def test_a_press_is_recorded_by_what_it_means(backend, cast, what, said, alive):
    backend.send(backend.batch([cast.press(1, cast.noon, what)], leaf=Leaf.PRIORITY))
    live = backend.row("live_states")
    assert [row["kind"] for row in backend.rows("statements")] == said
    assert (live["last_sign_ms"] == cast.noon) == alive


def test_an_event_a_little_ahead_of_the_clock_counts_as_now(backend, cast):
    backend.send(backend.batch([cast.event(1, cast.noon + 10 * cast.minute)], now=cast.noon))
    assert backend.row("live_states")["last_sign_ms"] == cast.noon
    assert backend.stored() == [1]


def test_the_deadlines_after_a_restart_are_those_from_before(backend, cast):
    backend.send(backend.meta(), backend.batch([cast.event(1, cast.noon, "front")]))
    backend.start()
    backend.core.refresh(cast.noon)
    kept = backend.row("live_states")
    life = backend.core.home_states.edit(cast.home)
    (row,) = backend.core.home_states.rows([life], kept["updated_ms"])
    assert row == kept


def test_a_silence_past_its_deadline_is_recorded_as_a_lapse_with_its_reason(backend, cast):
    late = cast.noon + 20 * cast.hour
    backend.send(backend.batch([cast.event(1, cast.noon)]))
    live = backend.row("live_states")
    backend.send(backend.batch([cast.event(2, late)]))
    lapses = {row["kind"]: row for row in backend.rows("lapses")}
    assert lapses.keys() == {"ask", "call"}
    assert (lapses["ask"]["since_ms"], lapses["ask"]["ended_ms"]) == (cast.noon, late)
    assert lapses["ask"]["due_ms"] == live["ask_at_ms"]
    assert lapses["call"]["due_ms"] == live["call_at_ms"]
    assert lapses["ask"]["reason_en"]
    assert not lapses["ask"]["backfilled"]


def test_a_gap_in_the_numbers_proves_no_silence(backend, cast):
    backend.send(backend.batch([cast.event(1, cast.noon)]))
    backend.send(backend.batch([cast.event(3, cast.noon + 20 * cast.hour)]))
    assert backend.rows("lapses") == []
    backend.send(backend.batch([cast.event(2, cast.noon + 10 * cast.hour)], now=cast.noon + 20 * cast.hour))
    assert backend.row("live_states")["last_sign_ms"] == cast.noon + 20 * cast.hour
    assert backend.stored() == [1, 2, 3]


def test_batches_that_swapped_places_inside_a_group_are_read_in_the_order_of_time(backend, cast):
    one, two = cast.event(1, cast.noon), cast.event(2, cast.noon + 20 * cast.hour)
    backend.send(backend.batch([two]), backend.batch([one], now=two.t))
    assert {row["since_ms"] for row in backend.rows("lapses")} == {cast.noon}


def test_current_acks_say_what_is_stored(backend, cast):
    backend.send(backend.batch([cast.event(2, cast.noon)]))
    backend.start()
    (ack,) = backend.pipeline.current_acks()
    assert ack.topic == f"mim/v1/{cast.gateway}/ack"
    assert ack.payload == b'{"v":1,"e":"epoch-1","upto":2,"miss":[[1,1]]}'


def test_an_erased_home_gets_no_further_event_into_any_store(backend, cast):
    from sqlalchemy import delete

    from store.schema import cursors, homes, live_states

    backend.send(backend.batch([cast.event(1, cast.noon)]))
    with backend.engine.begin() as connection:
        for table in (live_states, cursors):
            connection.execute(delete(table))
        connection.execute(delete(homes))
    backend.timeseries.erase(cast.gateway)
    assert backend.send(backend.batch([cast.event(2, cast.noon + 1)])) == {}
    assert backend.stored() == []
    assert backend.row("quarantine")["reason"] == "unknown_gateway"


def test_a_gateway_that_is_taken_over_by_a_new_home_starts_anew(backend, cast):
    from sqlalchemy import delete

    from store.schema import cursors, homes, live_states

    backend.send(backend.batch([cast.event(1, cast.noon)]))
    with backend.engine.begin() as connection:
        for table in (live_states, cursors):
            connection.execute(delete(table))
        connection.execute(delete(homes))
    backend.timeseries.erase(cast.gateway)
    backend.register("home-7")
    batch = backend.batch([cast.event(2, cast.noon + 1)], lowest=2)
    with pytest.raises(Exception, match="changed by somebody else"):
        backend.send(batch)  # what is remembered of the outbox is no longer in the store; now it is forgotten
    assert backend.send(batch) == {(cast.gateway, cast.epoch): Ack(cast.epoch, 2)}
    assert backend.row("live_states")["home_id"] == "home-7"
    assert backend.row("cursors")["gone"] == 1
