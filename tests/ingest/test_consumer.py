"""The consumer against real brokers, with an agent made by hand."""

import asyncio
import threading
import time
from dataclasses import replace

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from contracts.broker import BrokerSettings
from contracts.envelope import decode_ack
from contracts.topics import Leaf, subscription
from ingest.consumer import Consumer, lane_queue
from ingest.intake.ports import Inbound, Outbound
from ingest.settings import IngestSettings
from mimamori.server.broker import Broker
from store.lease import LeaseLost
from store.timeseries.port import TimeSeriesError

PATIENCE_S = 20.0
SETTINGS = IngestSettings(retry_least_s=0.05, retry_most_s=0.2)


class FixedClock:
    def __init__(self, now_ms):
        self.now_ms = now_ms

    def wall_ms(self):
        return self.now_ms

    monotonic_ms = wall_ms


class Running:
    """A consumer in a thread with a loop of its own."""

    def __init__(self, pipeline, port, now_ms, settings):
        self.consumer = Consumer(pipeline, FixedClock(now_ms), BrokerSettings(f"mqtt://127.0.0.1:{port}"), settings)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._started = threading.Event()
        self._thread.start()

    async def _run(self):
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self.consumer.run(self._stop)

    def stop(self):
        assert self._started.wait(PATIENCE_S)
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "it must stop when told to"


class Agent:
    """A client that publishes prepared messages and keeps the acks."""

    def __init__(self, port, gateway):
        self.acks, self._connected = [], threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "agent", protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _client, _data, message: self.acks.append(decode_ack(message.payload))
        self._client.on_subscribe = lambda *_: self._connected.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(subscription(Leaf.ACK, gateway), qos=1)
        assert self._connected.wait(PATIENCE_S)

    def publish(self, *messages):
        for message in messages:
            retain = message.topic.endswith(("/meta", "/state"))
            self._client.publish(message.topic, message.payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def has_ack(self, upto):
        return any(ack.upto == upto and not ack.missing for ack in self.acks)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def wait_until(true, what):
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.02)


KINDS = [pytest.param("mosquitto", marks=pytest.mark.system), "iotcore"]


@pytest.fixture(params=KINDS)
def broker(request, tmp_path):
    from mimamori.server.broker import find_mosquitto

    if request.param == "mosquitto" and find_mosquitto() is None:
        import os

        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto is missing; apt-get install mosquitto")
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    with Broker(tmp_path, prefer=request.param) as running:
        yield running


@pytest.fixture
def stage(broker):
    """Starts consumers and agents on the broker, and stops them."""
    parts = []

    class Stage:
        @staticmethod
        def consumer(pipeline, now_ms, settings=SETTINGS):
            parts.append(Running(pipeline, broker.port, now_ms, settings))
            assert parts[-1].consumer.subscribed.wait(PATIENCE_S)
            return parts[-1]

        @staticmethod
        def agent(gateway):
            parts.append(Agent(broker.port, gateway))
            return parts[-1]

    stage = Stage()
    stage.broker = broker
    yield stage
    for part in parts:
        getattr(part, "close", getattr(part, "stop", None))()


def batches_of(backend, cast, count, size=20):
    events = [cast.event(n, cast.noon + n * 1000) for n in range(1, count * size + 1)]
    return [backend.batch(events[i : i + size]) for i in range(0, len(events), size)]


def test_what_an_agent_publishes_is_stored_and_acked(stage, backend, cast):
    agent = stage.agent(cast.gateway)
    agent.publish(backend.meta(), backend.state(True))  # before the consumer: retained
    stage.consumer(backend.pipeline, cast.noon + cast.hour)
    agent.publish(*batches_of(backend, cast, 10), backend.raw(b"{"), backend.heartbeat(cast.noon))
    help_press = cast.press(201, cast.noon + cast.hour, "help")
    agent.publish(backend.batch([help_press], leaf=Leaf.PRIORITY))
    wait_until(lambda: agent.has_ack(201), "everything is acked")
    wait_until(lambda: backend.rows("quarantine"), "the broken message is set aside")
    wait_until(lambda: backend.rows("gateways"), "the heartbeat is kept")
    assert sorted(backend.stored()) == list(range(1, 202))
    assert backend.said_ms("help") == help_press.t
    assert {row["sensor"] for row in backend.rows("sensors")} == {"front", "living", "fridge"}


def test_after_a_broker_restart_the_agent_learns_what_is_stored_and_sends_the_rest(stage, backend, cast):
    first, second = batches_of(backend, cast, 2)
    consumer = stage.consumer(backend.pipeline, cast.noon + cast.hour)
    agent = stage.agent(cast.gateway)
    agent.publish(first)
    wait_until(lambda: agent.has_ack(20), "the first batch is acked")
    agent.close()
    stage.broker.stop()
    wait_until(lambda: not consumer.consumer.subscribed.is_set(), "the loss is noticed")
    agent_before = agent.acks.copy()
    stage.broker.start()
    assert consumer.consumer.subscribed.wait(PATIENCE_S)
    agent = stage.agent(cast.gateway)
    agent.publish(first, second)
    wait_until(lambda: agent.has_ack(40), "the rest is acked")
    assert agent_before
    assert backend.stored() == list(range(1, 41))
    assert backend.row("cursors")["events"] == 40


def test_a_new_consumer_says_at_once_what_is_stored(stage, backend, cast):
    agent = stage.agent(cast.gateway)
    backend.send(batches_of(backend, cast, 1)[0])
    stage.consumer(backend.pipeline, cast.noon + cast.hour)
    wait_until(lambda: agent.has_ack(20), "the ack of what was stored before")


def test_two_consumers_at_one_broker_throw_each_other_out_ever_more_slowly_and_say_why(stage, backend, cast, caplog):
    stage.consumer(backend.pipeline, cast.noon, IngestSettings())
    stage.consumer(backend.pipeline, cast.noon, IngestSettings())
    wait_until(lambda: "if another server plays the role 'ingest'" in caplog.text, "the reason is named")
    before = caplog.text.count("trying again")
    time.sleep(3)
    assert caplog.text.count("trying again") - before <= 6  # back at once every time, it would be 15


class Flaky:
    """A pipeline that fails as told before it works."""

    def __init__(self, real, errors=(), poison=None):
        self._real, self.errors, self._poison = real, list(errors), poison
        self.current_acks, self.set_aside = real.current_acks, real.set_aside

    def process(self, messages):
        if self.errors:
            raise self.errors.pop()
        if any(self._poison and self._poison in message.payload for message in messages):
            raise ZeroDivisionError("a fault of ours")
        return self._real.process(messages)


@pytest.mark.parametrize("error", [TimeSeriesError("out of reach"), NoConnectionFree("the pages hold them all")])
def test_a_group_waits_for_a_store_that_is_out_of_reach(stage, backend, cast, error):
    flaky = Flaky(backend.pipeline, [error] * 8)
    stage.consumer(flaky, cast.noon + cast.hour)
    agent = stage.agent(cast.gateway)
    agent.publish(*batches_of(backend, cast, 3))
    wait_until(lambda: agent.has_ack(60), "the group that waited is acked")
    assert not flaky.errors
    assert backend.stored() == list(range(1, 61))
    assert backend.rows("quarantine") == []


def test_a_message_that_cannot_be_processed_is_set_aside_and_stops_no_other(stage, backend, cast):
    stage.consumer(Flaky(backend.pipeline, poison=b"poisoned"), cast.noon + cast.hour)
    agent = stage.agent(cast.gateway)
    good = batches_of(backend, cast, 4)
    agent.publish(good[0], replace(good[1], payload=b"poisoned"), *good[1:])
    wait_until(lambda: agent.has_ack(80), "the others are acked")
    wait_until(lambda: backend.rows("quarantine"), "the poison is set aside")
    row = backend.row("quarantine")
    assert (row["reason"], row["payload"]) == ("internal", b"poisoned")


def test_a_press_is_recorded_while_every_shared_thread_waits_for_something_slow(stage, backend, cast):
    running = stage.consumer(backend.pipeline, cast.noon)
    answered = threading.Event()
    try:
        for _ in range(64):  # more than asyncio ever keeps
            running.loop.call_soon_threadsafe(running.loop.run_in_executor, None, answered.wait, PATIENCE_S)
        press = backend.batch([cast.press(1, cast.noon, "help")], leaf=Leaf.PRIORITY)
        stage.agent(cast.gateway).publish(press)
        wait_until(lambda: backend.rows("statements"), "the press is in the ledger")
        assert backend.stored() == [], "its group waits for a thread"
    finally:
        answered.set()


def test_it_stops_while_a_store_is_out_of_reach(stage, backend, cast):
    class Down(Flaky):
        def process(self, _messages):
            raise TimeSeriesError("out of reach")

    running = stage.consumer(Down(backend.pipeline), cast.noon)
    stage.agent(cast.gateway).publish(batches_of(backend, cast, 1)[0])
    running.stop()
    assert backend.stored() == []


def test_it_stops_while_the_store_cannot_even_say_what_is_stored(stage, backend, cast):
    asked = threading.Event()

    def out_of_reach():
        asked.set()
        raise OperationalError("SELECT", {}, ConnectionError())

    flaky = Flaky(backend.pipeline)
    flaky.current_acks = out_of_reach
    running = stage.consumer(flaky, cast.noon)
    assert asked.wait(PATIENCE_S)
    running.stop()


def test_the_priority_lane_leaves_the_queue_first_and_each_lane_in_order():
    import aiomqtt

    def message(topic, payload):
        return aiomqtt.Message(topic, payload, 1, False, 0, None)

    async def drained():
        clock = FixedClock(1)
        presses: asyncio.Queue[Inbound] = asyncio.Queue(1)
        queue = lane_queue(clock, presses)(maxsize=5)
        for topic, payload in (("a/ev", 1), ("a/hb", 2), ("a/evp", 3), ("a/ev", 4), ("b/evp", 5)):
            queue.put_nowait(message(topic, payload))
            clock.now_ms += 1
        assert queue.full()
        assert presses.get_nowait().payload == b"3", "a full queue of presses holds nothing up"
        return [(message.payload, message.received_ms) for message in (queue.get_nowait() for _ in range(5))]

    assert asyncio.run(drained()) == [(3, 3), (5, 5), (1, 1), (2, 2), (4, 4)]


def test_an_outbound_message_is_what_the_contract_says(backend, cast):
    (out,) = backend.pipeline.process([backend.batch([cast.event(1, cast.noon)])])
    assert out == Outbound("mim/v1/gw-1/ack", b'{"v":1,"e":"epoch-1","upto":1,"miss":[]}')


def test_a_consumer_whose_role_another_process_plays_ends_and_sets_nothing_aside(broker, backend, cast):
    class Lost:
        aside = 0

        def process(self, _messages):
            raise LeaseLost("another process plays the role")

        def current_acks(self):
            return []

        def set_aside(self, *_):
            self.aside += 1

    async def run():
        consumer = Consumer(lost, FixedClock(cast.noon), BrokerSettings(f"mqtt://127.0.0.1:{broker.port}"), SETTINGS)
        running = asyncio.create_task(consumer.run(asyncio.Event()))
        await asyncio.to_thread(consumer.subscribed.wait, PATIENCE_S)
        await asyncio.to_thread(agent.publish, *batches_of(backend, cast, 1))
        async with asyncio.timeout(PATIENCE_S):
            await running

    lost, agent = Lost(), Agent(broker.port, cast.gateway)
    try:
        with pytest.raises(LeaseLost):
            asyncio.run(run())
    finally:
        agent.close()
    assert lost.aside == 0
    assert agent.acks == []
