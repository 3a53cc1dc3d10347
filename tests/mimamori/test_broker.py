import os
import signal
import socket
import threading

import paho.mqtt.client as mqtt
import pytest

from mimamori.server.broker import Broker, BrokerError, find_mosquitto

KINDS = ["iotcore", pytest.param("mosquitto", marks=pytest.mark.system)]


@pytest.fixture(params=KINDS)
def broker(request, tmp_path):
    if request.param == "mosquitto" and find_mosquitto() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto is missing under CI")
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    with Broker(tmp_path, prefer=request.param) as running:
        yield running


def client(port, name):
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
    made.connect("127.0.0.1", port)
    return made


def test_it_hands_every_message_to_a_subscriber_over_mqtt_5(broker):
    got, done, ready = [], threading.Event(), threading.Event()
    subscriber = client(broker.port, "subscriber")
    subscriber.on_subscribe = lambda *_: ready.set()
    subscriber.on_message = lambda _c, _u, message: (got.append(message.payload), len(got) == 2000 and done.set())
    subscriber.subscribe("mim/v1/+/ev", qos=1)
    subscriber.loop_start()
    assert ready.wait(10)
    publisher = client(broker.port, "publisher")
    publisher.loop_start()
    for number in range(2000):
        publisher.publish("mim/v1/g/ev", str(number), qos=1)
    assert done.wait(30), f"{len(got)} of 2000 came"
    assert [int(payload) for payload in got] == list(range(2000))
    publisher.disconnect()
    subscriber.disconnect()
    publisher.loop_stop()
    subscriber.loop_stop()


def test_it_keeps_its_port_when_it_is_killed_and_started_again(broker):
    port = broker.port
    os.kill(broker.child.pid, signal.SIGKILL)
    broker.restart()
    assert broker.port == port
    client(port, "again").disconnect()


def test_it_listens_on_the_loopback_only(broker):
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1"}:
        if address.startswith("127."):
            continue
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, broker.port), timeout=1)


@pytest.mark.parametrize("listens", [False, True])
def test_a_port_in_use_is_an_error_and_who_listens_there_is_not_taken_for_ours(tmp_path, listens):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listens:
            taken.listen()
        with pytest.raises(BrokerError, match=r"cannot listen on 127\.0\.0\.1.*stop what uses the port"):
            Broker(tmp_path, port=taken.getsockname()[1]).start()
    assert not list(tmp_path.iterdir())
