"""The link against a real broker and a backend that speaks the contract."""

import sqlite3
import threading
import time
from dataclasses import replace

import pytest

from contracts.envelope import Ack
from contracts.health import GatewayState, Sensor, SensorRole
from contracts.topics import Leaf
from edge_agent.agent import VERSION, Agent
from edge_agent.outbox.outbox import Outbox
from edge_agent.ports import Reading
from edge_agent.settings import LinkSettings

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

HALL = Reading("hall", "motion", {"motion": True})
HELP = Reading("pendant", "button", {"press": "help"})
GATEWAY = "gw-0001"


@pytest.fixture
def agent(agents, settings, broker) -> Agent:
    return agents(settings(broker.port))


def offer_many(agent: Agent, count: int) -> None:
    for i in range(count):
        agent.submit(Reading(f"s{i % 5}", "motion", {"motion": i % 2 == 0}, wall_ms=1_700_000_000_000 + i * 1000))
    agent.flush()


def test_events_arrive_once_and_leave_the_outbox_on_the_ack(agent: Agent, backend, outbox: Outbox):
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 1_000)
    assert agent.wait_until_acked(20)
    assert outbox.backlog == 0
    assert backend.numbers(outbox.epoch) == set(range(1, 1_001))
    assert backend.deliveries == 1_000
    assert [n for leaf, n in backend.order if leaf is Leaf.EVENTS] == list(range(1, 1_001))


def test_only_what_was_made_without_a_link_is_marked_as_back_filled(agent: Agent, backend, outbox: Outbox):
    agent.start(connect=False)
    offer_many(agent, 3)
    agent.connect()
    assert agent.wait_until_connected(10)
    offer_many(agent, 2)
    assert agent.wait_until_acked(20)
    agent.disconnect()
    offer_many(agent, 1)
    agent.connect()
    assert agent.wait_until_acked(20)
    marks = {n: event.bf for (_, _, n), event in backend.stored.items()}
    assert marks == {1: True, 2: True, 3: True, 4: False, 5: False, 6: True}


def test_the_home_is_announced_and_its_farewell_and_its_death_are_told(
    agents, settings, broker, backend, outbox, caplog
):
    sensors = (Sensor("hall", SensorRole.ROOM, "hall"),)
    agent = agents(settings(broker.port, sensors=sensors))
    agent.start()
    assert backend.wait_for(lambda: bool(backend.beats))
    assert backend.states[-1] == GatewayState(online=True, boot=outbox.boot)
    assert backend.metas[-1].agent == VERSION
    assert tuple(backend.metas[-1].sensors) == sensors
    assert backend.beats[-1].epoch == outbox.epoch
    agent.disconnect()
    assert backend.wait_for(lambda: not backend.states[-1].online), "the last will"
    agent.connect()
    assert backend.wait_for(lambda: backend.states[-1].online)
    agent.stop()
    assert backend.wait_for(lambda: not backend.states[-1].online), "the farewell"
    assert "refused" not in caplog.text


def test_a_heartbeat_comes_by_the_given_clock_and_on_demand(agents, settings, broker, backend, clock):
    agent = agents(settings(broker.port, heartbeat_s=300))
    agent.start()
    assert backend.wait_for(lambda: len(backend.beats) == 1), "the first comes with the connection"
    assert agent.wait_until_connected(10), "and before it counts as connected"
    assert agent.send_heartbeat()
    assert backend.wait_for(lambda: len(backend.beats) == 2)
    clock.forward(299_000)
    agent.do_due()
    clock.forward(2_000)
    assert backend.wait_for(lambda: len(backend.beats) == 3)
    assert backend.beats[-1].t == clock.wall


def test_a_button_overtakes_a_backlog(agent: Agent, backend, outbox: Outbox):
    agent.start(connect=False)
    offer_many(agent, 5_000)
    agent.submit(HELP)
    agent.connect()
    assert agent.wait_until_acked(20)
    assert backend.order[0] == (Leaf.PRIORITY, 5_001)
    assert backend.numbers(outbox.epoch) == set(range(1, 5_002))


def test_a_button_arrives_while_the_normal_lane_waits_for_acks(agent: Agent, backend):
    backend.acking = False
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 4_000)
    assert backend.wait_for(lambda: backend.deliveries >= 1_600)
    agent.submit(HELP)
    assert backend.wait_for(lambda: any(leaf is Leaf.PRIORITY for leaf, _ in backend.order), 5)


def test_no_more_than_a_window_is_on_its_way_without_an_ack(agents, settings, broker, backend):
    backend.acking = False
    agent = agents(settings(broker.port, link=LinkSettings(window_batches=2, ack_timeout_s=30)))
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 1_000)
    assert backend.wait_for(lambda: backend.deliveries >= 400)
    assert not backend.wait_for(lambda: backend.deliveries > 400, 0.5)


def test_acks_that_were_lost_cost_a_repeat_and_no_event(agent: Agent, backend, outbox: Outbox):
    backend.acking = False
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 2_000)
    assert backend.wait_for(lambda: backend.deliveries >= 1_600)
    agent.disconnect()
    assert outbox.backlog == 2_000, "the broker has them, the backend has said nothing"
    backend.acking = True
    agent.connect()
    assert agent.wait_until_acked(30)
    assert backend.numbers(outbox.epoch) == set(range(1, 2_001))
    assert backend.deliveries > 2_000


def test_without_an_ack_a_batch_is_sent_again_after_a_while(agent: Agent, backend, outbox: Outbox):
    backend.acking = False
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 10)
    assert backend.wait_for(lambda: backend.deliveries >= 20)
    backend.acking = True
    assert agent.wait_until_acked(20)
    assert len(backend.stored) == 10


def test_what_an_ack_names_as_missing_is_sent_again(agent: Agent, backend, outbox: Outbox):
    backend.acking = False
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 10)
    assert backend.wait_for(lambda: backend.deliveries == 10)
    for n in (4, 5):
        del backend.stored[(GATEWAY, outbox.epoch, n)]
    backend.ack_everything(GATEWAY, outbox.epoch)
    assert backend.wait_for(lambda: backend.deliveries == 12)
    assert [n for _, n in backend.order[10:]] == [4, 5]
    backend.acking = True
    assert agent.wait_until_acked(20)


def test_an_ack_of_another_epoch_or_of_nonsense_is_ignored(agent: Agent, backend, outbox: Outbox, caplog):
    backend.acking = False
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 5)
    assert backend.wait_for(lambda: backend.deliveries >= 5)
    backend.send_ack(Ack("ffffffffffffffff", 5))
    backend.send_raw_ack(b"{")
    backend.send_raw_ack(b"\xff" * 400_000)
    backend.send_ack(Ack(outbox.epoch, 2))
    assert outbox.wait_until_below(4, 10)
    assert outbox.backlog == 3
    assert caplog.text.count("an ack that cannot be read was ignored") == 2


def test_a_broker_killed_and_started_again_loses_nothing(agent: Agent, backend, broker, outbox: Outbox):
    agent.start()
    assert agent.wait_until_connected(10)
    for _round in range(3):
        offering = threading.Thread(target=offer_many, args=(agent, 1_000))
        offering.start()
        broker.kill()
        offering.join()
        offer_many(agent, 500)
        backend.ready.clear()
        broker.start()
        assert backend.ready.wait(10)
    assert agent.wait_until_acked(30)
    assert backend.numbers(outbox.epoch) == set(range(1, 4_501))


def test_the_agent_starts_before_the_broker_and_finds_it(agents, settings, stopped_broker, backends, outbox: Outbox):
    agent = agents(settings(stopped_broker.port))
    agent.start()
    offer_many(agent, 50)
    assert not agent.wait_until_acked(0.3)
    stopped_broker.start()
    backends(stopped_broker.port)
    assert agent.wait_until_acked(20)


def test_a_publish_that_the_broker_refuses_is_logged_and_kept(
    agents, settings, stopped_broker, outbox: Outbox, tmp_path, caplog
):
    rules = tmp_path / "acl"
    rules.write_text(f"topic read mim/v1/{GATEWAY}/ack\ntopic write mim/v1/{GATEWAY}/state\n", encoding="utf-8")
    stopped_broker.start(f"acl_file {rules}")
    agent = agents(settings(stopped_broker.port))
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 5)
    deadline_s = time.monotonic() + 10
    while caplog.text.count("a publish was refused: Not authorized") < 3 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert caplog.text.count("a publish was refused: Not authorized") >= 3, "inventory, heartbeat and events"
    assert outbox.backlog == 5


def test_a_refused_login_is_tried_again_and_nothing_is_sent(agents, settings, stopped_broker, outbox, caplog):
    stopped_broker.start(listener=("allow_anonymous false",))
    agent = agents(settings(stopped_broker.port))
    agent.start()
    offer_many(agent, 1)
    assert not agent.wait_until_connected(1)
    assert "the broker refused the connection: Not authorized" in caplog.text
    assert outbox.backlog == 1


def test_a_replaced_outbox_is_sent_under_its_new_epoch(agent: Agent, backend, outbox: Outbox):
    backend.acking = False
    agent.start()
    assert agent.wait_until_connected(10)
    offer_many(agent, 10)
    assert backend.wait_for(lambda: backend.deliveries >= 10)
    old = outbox.epoch
    with outbox._using:
        outbox._replace(sqlite3.DatabaseError("as if corrupt"))
    backend.acking = True
    agent.link.wake()
    assert agent.wait_until_acked(20)
    assert outbox.epoch != old
    assert backend.numbers(outbox.epoch) == set(range(1, 11))


def test_twelve_agents_in_lock_step_each_get_through(settings, broker, backend, tmp_path, clock):
    homes = []
    for i in range(12):
        outbox = Outbox(tmp_path / f"{i}.db")
        agent = Agent(replace(settings(broker.port), gateway=f"home-{i}"), outbox, clock)
        agent.start()
        homes.append((agent, outbox))
    try:
        assert all(agent.wait_until_connected(10) for agent, _ in homes)
        for _step in range(20):
            clock.forward(60_000)
            for agent, _ in homes:
                agent.submit(HALL)
                agent.flush()
            assert all(agent.wait_until_acked(10) for agent, _ in homes)
            assert all(agent.send_heartbeat() for agent, _ in homes)
        assert len(backend.stored) == 12 * 20
    finally:
        for agent, outbox in homes:
            agent.stop()
            outbox.close()


def test_a_source_that_can_wait_waits_for_the_backend(agents, settings, broker, backend, outbox: Outbox):
    class LongRecording:
        name, sensors, exit_when_done = "recording", (), True

        def play(self, emit, resume_after, stop):  # noqa: ARG002
            for position in range(resume_after + 1, 3_001):
                emit(Reading("hall", "motion", {"motion": True}, wall_ms=position), position)

    backend.acking = False
    rules = LinkSettings(ack_timeout_s=0.5, reconnect_max_s=0.2, paced_backlog=500)
    agent = agents(settings(broker.port, link=rules), [LongRecording()])
    agent.start(connect=False)
    time.sleep(0.3)
    assert outbox.last_n == 0, "nobody is there to hear it"
    agent.connect()
    assert backend.wait_for(lambda: backend.deliveries >= 500)
    time.sleep(0.5)
    assert outbox.last_n < 500 + 500 + 1, "the limit, and one group in memory"
    backend.acking = True
    assert agent.wait_until_done(30)
    assert backend.numbers(outbox.epoch) == set(range(1, 3_001))
    assert outbox.position("recording") == 3_000
    assert not any(event.bf for event in backend.stored.values())


def test_an_error_that_nobody_foresaw_ends_no_link(agent: Agent, backend, monkeypatch, caplog):
    """An agent that runs and sends nothing would swallow every call for help."""
    turn, failed = agent.link._turn, []

    def fails_once(notes):
        if not failed:
            failed.append(True)
            raise ZeroDivisionError
        turn(notes)

    agent.start()
    assert agent.wait_until_connected(10)
    monkeypatch.setattr(agent.link, "_turn", fails_once)
    agent.submit(HELP)
    assert backend.wait_for(lambda: backend.order)
    assert agent.wait_until_acked(20)
    assert failed
    assert "nobody foresaw" in caplog.text
