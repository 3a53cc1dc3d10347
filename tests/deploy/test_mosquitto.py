"""The documented broker set-up, in a real mosquitto with real certificates: a home is itself and nobody else."""

import contextlib
import os
import queue
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contracts.topics import DOWN, UP, Leaf, Topic

pytestmark = pytest.mark.system

SERVER = Path(__file__).resolve().parents[2] / "deploy" / "server"
PATIENCE_S = 10.0
WITH_ID = (Leaf.COMMAND, Leaf.RESULT)


def find(program: str) -> str:
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        message = f"{program} is not installed (make parts installs what the tests need)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def topic(gateway: str, leaf: Leaf) -> str:
    return str(Topic(gateway, leaf, "c1" if leaf in WITH_ID else None))


class Site:
    """Certificates of one authority, and where the broker listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca("homes-ca")
        self.certificate("broker", "localhost", "homes-ca", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            self.homes_port, self.server_port = one.getsockname()[1], other.getsockname()[1]

    def ca(self, name: str) -> None:
        self._openssl("req", "-x509", "-subj", f"/CN={name}", "-days", "2", *self._new_key(name), "-out", f"{name}.crt")

    def certificate(self, name: str, common_name: str, ca: str, extension: str = "keyUsage=digitalSignature") -> None:
        (self.folder / f"{name}.ext").write_text(extension)
        self._openssl(
            "req",
            "-new",
            "-subj",
            "/CN=" + common_name.replace("+", "\\+"),
            *self._new_key(name),
            "-out",
            f"{name}.csr",
        )
        signing = ("-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2")
        self._openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-extfile", f"{name}.ext", "-out", f"{name}.crt")

    def write_configuration(self) -> Path:
        """The documented files, with our folder and ports for the documented ones."""
        for name in ("mosquitto-homes.acl", "mosquitto-server.acl"):
            shutil.copy(SERVER / name, self.folder / name)
        text = (SERVER / "mosquitto.conf").read_text()
        for documented, ours in (
            ("/etc/mosquitto/mimamori/", f"{self.folder}/"),
            ("/etc/mosquitto/mosquitto-", f"{self.folder}/mosquitto-"),
            ("/var/lib/mosquitto/", f"{self.folder}/"),
            ("listener 8883", f"listener {self.homes_port} 127.0.0.1"),
            ("listener 1883", f"listener {self.server_port}"),
        ):
            assert documented in text
            text = text.replace(documented, ours)
        user = "user root\n" if os.geteuid() == 0 else ""
        (self.folder / "mosquitto.conf").write_text(text + user)
        return self.folder / "mosquitto.conf"

    def _new_key(self, name: str) -> list[str]:
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]

    def _openssl(self, *arguments: str) -> None:
        command = [find("openssl"), *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    mosquitto, mosquitto_passwd = find("mosquitto"), find("mosquitto_passwd")
    site = Site(tmp_path_factory.mktemp("mosquitto"))
    passwords = str(site.folder / "passwords")
    subprocess.run([mosquitto_passwd, "-b", "-c", passwords, "mimamori", "s3cret"], check=True, timeout=30)
    for gateway in ("01JHANAKO", "01JTARO"):
        site.certificate(gateway, gateway, "homes-ca")
    with (site.folder / "log").open("wb") as log:
        command = [mosquitto, "-c", str(site.write_configuration())]
        broker = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        wait_for_port(broker, site)
        yield site
    finally:
        broker.terminate()
        broker.wait(PATIENCE_S)


def wait_for_port(broker: subprocess.Popen[bytes], site: Site) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", site.server_port), timeout=1):
            return
        assert broker.poll() is None, (site.folder / "log").read_text()
        assert time.monotonic() < until
        time.sleep(0.05)


class Talker:
    """An MQTT 5 client that says what the broker answered."""

    def __init__(self, client_id: str = "") -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self.answers: queue.Queue[str] = queue.Queue()
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.lost = queue.Queue[str]()
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.answers.put(str(reason))
        self.client.on_publish = lambda _c, _u, _m, reason, _p: self.answers.put(str(reason))
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: self.answers.put(str(reasons[0]))
        self.client.on_message = lambda _c, _u, message: self.heard.put((message.topic, message.payload))
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.lost.put(str(reason))

    def connect(self, port: int, patience_s: float = PATIENCE_S) -> str:
        self.client.connect("localhost", port)
        self.client.loop_start()
        return self.answers.get(timeout=patience_s)

    def publish(self, to: str, payload: bytes = b"x") -> str:
        self.client.publish(to, payload, qos=1)
        return self.answers.get(timeout=PATIENCE_S)

    def subscribe(self, pattern: str) -> str:
        self.client.subscribe(pattern, qos=1)
        return self.answers.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


Connect = Callable[..., Talker]


@pytest.fixture
def home(site: Site) -> Iterator[Connect]:
    """Connects a home by its certificate."""
    with contextlib.ExitStack() as stack:

        def connect(name: str, client_id: str = "", patience_s: float = PATIENCE_S) -> Talker:
            talker = Talker(client_id)
            folder = site.folder
            talker.client.tls_set(
                str(folder / "homes-ca.crt"), str(folder / f"{name}.crt"), str(folder / f"{name}.key")
            )
            stack.callback(talker.close)
            assert talker.connect(site.homes_port, patience_s) == "Success"
            return talker

        yield connect


@pytest.fixture
def server(site: Site) -> Iterator[Talker]:
    talker = Talker()
    talker.client.username_pw_set("mimamori", "s3cret")
    assert talker.connect(site.server_port) == "Success"
    yield talker
    talker.close()


def test_a_home_sends_as_itself_and_the_server_hears_it(home: Connect, server: Talker) -> None:
    hanako = home("01JHANAKO")
    for leaf in UP:
        assert server.subscribe(topic("+", leaf).replace("c1", "+")) == "Granted QoS 1"
        assert hanako.publish(topic("01JHANAKO", leaf), b"hello") == "Success"
        assert server.heard.get(timeout=PATIENCE_S) == (topic("01JHANAKO", leaf), b"hello")


def test_a_home_cannot_send_as_another_nor_as_the_server(home: Connect) -> None:
    hanako = home("01JHANAKO")
    assert {leaf: hanako.publish(topic("01JTARO", leaf)) for leaf in Leaf} == dict.fromkeys(Leaf, "Not authorized")
    assert {leaf: hanako.publish(topic("01JHANAKO", leaf)) for leaf in DOWN} == dict.fromkeys(DOWN, "Not authorized")


def test_a_home_hears_what_is_meant_for_it(home: Connect, server: Talker) -> None:
    hanako = home("01JHANAKO")
    for leaf in DOWN:
        assert hanako.subscribe(topic("01JHANAKO", leaf)) == "Granted QoS 1"
        assert server.publish(topic("01JHANAKO", leaf), b"for her") == "Success"
        assert hanako.heard.get(timeout=PATIENCE_S) == (topic("01JHANAKO", leaf), b"for her")


def test_a_home_hears_nothing_else(home: Connect, server: Talker) -> None:
    hanako, taro = home("01JHANAKO"), home("01JTARO")
    for pattern in ("mim/v1/01JTARO/ack", "mim/v1/+/ack", "mim/v1/01JTARO/ev", "mim/#", "#", "$SYS/#"):
        hanako.subscribe(pattern)  # mosquitto grants what it will never deliver
    assert taro.subscribe("mim/v1/01JTARO/ack") == "Granted QoS 1"
    assert server.subscribe("mim/v1/+/ev") == "Granted QoS 1"
    server.publish("mim/v1/01JTARO/ack", b"his")
    taro.publish("mim/v1/01JTARO/ev", b"his")
    assert taro.heard.get(timeout=PATIENCE_S) == ("mim/v1/01JTARO/ack", b"his")
    assert server.heard.get(timeout=PATIENCE_S) == ("mim/v1/01JTARO/ev", b"his")
    server.publish("mim/v1/01JHANAKO/ack", b"hers")  # comes after whatever else she would have heard
    assert hanako.heard.get(timeout=PATIENCE_S) == ("mim/v1/01JHANAKO/ack", b"hers")


def test_a_home_cannot_throw_another_off_the_line(home: Connect) -> None:
    hanako = home("01JHANAKO", client_id="01JHANAKO")
    home("01JTARO", client_id="01JHANAKO")
    assert hanako.publish("mim/v1/01JHANAKO/ev") in ("Success", "No matching subscribers")
    assert hanako.lost.empty()


@pytest.mark.parametrize("common_name", ["+", "#"])
def test_a_common_name_with_a_wildcard_opens_nothing(site: Site, home: Connect, common_name: str) -> None:
    site.certificate("wild", common_name, "homes-ca")
    talker = home("wild")
    assert talker.publish("mim/v1/01JHANAKO/ev") == "Not authorized"


def test_a_certificate_of_another_authority_is_refused(site: Site, home: Connect) -> None:
    site.ca("stranger-ca")
    site.certificate("stranger", "01JHANAKO", "stranger-ca")
    with pytest.raises((queue.Empty, OSError)):
        home("stranger", patience_s=1.0)


def test_nobody_comes_in_without_a_certificate(site: Site) -> None:
    talker = Talker()
    talker.client.tls_set(str(site.folder / "homes-ca.crt"))
    with pytest.raises((queue.Empty, OSError)):  # with TLS 1.3 the refusal comes after the handshake
        talker.connect(site.homes_port, patience_s=1.0)
    talker.close()


@pytest.mark.parametrize(("user", "password"), [(None, None), ("mimamori", "wrong"), ("01JHANAKO", "s3cret")])
def test_the_servers_door_asks_for_its_password(site: Site, user: str | None, password: str | None) -> None:
    talker = Talker()
    talker.client.username_pw_set(user, password)
    assert talker.connect(site.server_port) == "Not authorized"
    talker.close()


def test_the_server_cannot_speak_as_a_home(server: Talker) -> None:
    assert {leaf: server.publish(topic("01JHANAKO", leaf)) for leaf in UP} == dict.fromkeys(UP, "Not authorized")
