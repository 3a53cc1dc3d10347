"""Both sides show certificates; the broker takes the gateway's name from its own and lets it speak for itself only."""

import os
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.broker import BrokerSettings
from edge_agent.ports import Reading

pytestmark = pytest.mark.system

GATEWAY = "gw-0001"
LISTENER = (
    "cafile {folder}/ca.pem",
    "certfile {folder}/broker.pem",
    "keyfile {folder}/broker.key",
    "require_certificate true",
    "use_identity_as_username true",
    "allow_anonymous false",
    "acl_file {folder}/acl",
)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """An authority, and certificates of the broker, the backend, this gateway and another one."""
    if shutil.which("openssl") is None:
        reason = "openssl is not installed: apt-get install openssl"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    openssl(
        tmp_path, "req", "-x509", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2"
    )
    for name, subject in (("broker", "127.0.0.1"), ("backend", "backend"), ("own", GATEWAY), ("other", "gw-0002")):
        openssl(tmp_path, "req", "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (tmp_path / "ext").write_text("subjectAltName=IP:127.0.0.1\n", encoding="utf-8")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext")
        openssl(tmp_path, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    (tmp_path / "acl").write_text(
        "user backend\ntopic readwrite mim/v1/#\n"
        "pattern write mim/v1/%u/ev\npattern write mim/v1/%u/evp\npattern write mim/v1/%u/hb\n"
        "pattern write mim/v1/%u/state\npattern write mim/v1/%u/meta\npattern read mim/v1/%u/ack\n"
        "pattern read mim/v1/%u/cmd/+\npattern write mim/v1/%u/res/+\n",
        encoding="utf-8",
    )
    return tmp_path


def openssl(folder: Path, command: str, *arguments: str) -> None:
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes") if command == "req" else ()
    subprocess.run(["openssl", command, *new_key, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def tls(keys: Path, port: int, name: str) -> BrokerSettings:
    certificate, key = keys / f"{name}.pem", keys / f"{name}.key"
    return BrokerSettings(f"mqtts://127.0.0.1:{port}", ca=keys / "ca.pem", certificate=certificate, key=key)


@pytest.fixture
def secure_broker(stopped_broker, keys: Path):
    stopped_broker.start(listener=tuple(line.format(folder=keys) for line in LISTENER))
    return stopped_broker


@pytest.fixture
def secure_backend(secure_broker, backends, keys: Path):
    def secure(client) -> None:
        client.tls_set(str(keys / "ca.pem"), str(keys / "backend.pem"), str(keys / "backend.key"))

    return backends(secure_broker.port, secure)


def test_events_go_up_and_acks_come_down_over_tls(
    agents, settings, secure_broker, secure_backend, keys, outbox, caplog
):
    agent = agents(replace(settings(secure_broker.port), broker=tls(keys, secure_broker.port, "own")))
    agent.start()
    assert agent.wait_until_connected(10)
    for _ in range(300):
        agent.submit(Reading("hall", "motion", {"motion": True}))
    assert agent.wait_until_acked(20)
    assert secure_backend.numbers(outbox.epoch) == set(range(1, 301))
    assert "refused" not in caplog.text
    agent.stop()
    assert secure_backend.wait_for(lambda: not secure_backend.states[-1].online)


def test_an_authority_as_openssl_makes_it_is_trusted_by_a_python_that_is_strict_by_default(
    agents, settings, secure_broker, secure_backend, keys, outbox, monkeypatch
):
    make = ssl.create_default_context

    def as_python_3_13(**arguments) -> ssl.SSLContext:
        context = make(**arguments)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", as_python_3_13)
    agent = agents(replace(settings(secure_broker.port), broker=tls(keys, secure_broker.port, "own")))
    agent.start()
    agent.submit(Reading("pendant", "button", {"press": "help"}))
    assert agent.wait_until_acked(10)
    assert secure_backend.numbers(outbox.epoch) == {1}


def test_with_another_gateways_certificate_nothing_is_taken_for_sent(
    agents, settings, secure_broker, secure_backend, keys, outbox, caplog
):
    agent = agents(replace(settings(secure_broker.port), broker=tls(keys, secure_broker.port, "other")))
    agent.start()
    agent.submit(Reading("hall", "motion", {"motion": True}))
    assert not agent.wait_until_acked(1.5)
    assert (outbox.backlog, secure_backend.stored) == (1, {})
    assert "Not authorized" in caplog.text


def test_a_broker_of_another_authority_is_not_trusted(agents, settings, secure_broker, keys, outbox, caplog):
    openssl(keys, "req", "-x509", "-subj", "/CN=stranger", "-keyout", "ca2.key", "-out", "ca2.pem", "-days", "2")
    broker = replace(tls(keys, secure_broker.port, "own"), ca=keys / "ca2.pem")
    agent = agents(replace(settings(secure_broker.port), broker=broker))
    agent.start()
    agent.submit(Reading("hall", "motion", {"motion": True}))
    assert not agent.wait_until_acked(1)
    assert not agent.link.connected
    assert "certificate verify failed" in caplog.text
