"""How the backend starts, and that trouble of one part does not hold back another."""

import asyncio
import os
import signal
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from contracts.clock import Clock
from edge_agent.settings import BrokerSettings
from mimamori.assembly import Backend, assemble, open_channels, secret_of
from mimamori.broker import Broker
from mimamori.children import free_port
from mimamori.exits import UsageError
from mimamori.server import broker_of, kept_running, listening, repeat
from mimamori.settings import ChannelSettings, PageSettings, ServerSettings, Settings, StoreSettings
from store.registry import edit
from store.schema import gateways, incidents, live_states

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000


class FixedClock:
    def wall_ms(self) -> int:
        return START_MS

    monotonic_ms = wall_ms


@pytest.fixture
def backend(tmp_path):
    settings = Settings(
        server=ServerSettings(secret_file=tmp_path / "secret.key"),
        store=StoreSettings(f"sqlite:///{tmp_path}/mimamori.db", f"sqlite:///{tmp_path}/events.db"),
        channels=ChannelSettings(outbox=tmp_path / "phones"),
    )
    clock: Clock = FixedClock()
    with assemble(settings, clock, BrokerSettings()) as made:
        yield made


def settle(backend: Backend, number: int) -> None:
    """A home whose person fell silent: the deadline to ask has passed, the devices are proven alive."""
    name = f"h{number}"
    with edit(backend.db, actor="test", now_ms=START_MS) as registry:
        if number == 1:
            registry.add_organisation("社協", "council", id="council")
        registry.add_person(f"人 {number}", id=name)
        registry.add_contact_method(name, "outbox", f"phone-{name}")
        registry.add_home(name, "council", f"gw-{name}", id=name)
    values = {"last_event_ms": START_MS, "last_sign_ms": START_MS, "updated_ms": START_MS}
    due = {"ask_at_ms": START_MS + 60 * MINUTE_MS, "call_at_ms": START_MS + 600 * MINUTE_MS}
    with backend.db.begin() as connection:
        connection.execute(live_states.insert().values(home_id=name, **values, **due))
        connection.execute(gateways.insert().values(gateway=f"gw-{name}", proven_ms=START_MS + 61 * MINUTE_MS))


def test_a_case_that_cannot_be_moved_holds_back_no_message_of_another(backend, tmp_path):
    settle(backend, 1)
    backend.engine.tick(START_MS + 61 * MINUTE_MS)
    backend.sender.run_due(START_MS + 61 * MINUTE_MS)
    with backend.db.begin() as connection:
        connection.execute(update(incidents).values(policy={"steps": "damaged"}, next_due_ms=START_MS))
    settle(backend, 2)
    with pytest.raises(ExceptionGroup):
        backend.tick_alerts(START_MS + 62 * MINUTE_MS)
    assert backend.ticked_ms is None
    assert len(list((tmp_path / "phones").glob("*.json"))) == 2


def test_a_port_in_use_is_said_before_anything_is_started(mimamori, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "mimamori.toml").write_text(f"[dashboard]\nport = {port}\n")
        for arguments in (("serve", "--config", "mimamori.toml"), ("demo", "--port", port, "--no-browser")):
            command = mimamori(*arguments)
            assert command.wait(30) == 2
            assert f"127.0.0.1:{port}" in command.output
            assert "Traceback" not in command.output
    assert not (tmp_path / "mimamori.db").exists()


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [('[dashboard]\nhost = "0.0.0.0"\n', (), "127.0.0.1 only"), ("", ("--store", "bolt://x"), "sqlite:////path")],
)
def test_a_wrong_address_is_an_error_in_plain_words(mimamori, tmp_path, text, arguments, said):
    (tmp_path / "mimamori.toml").write_text(text + "\n[broker]\nurl = 'mqtt://127.0.0.1:1'\n")
    command = mimamori("serve", "--config", "mimamori.toml", *arguments)
    assert command.wait(30) == 2
    assert said in command.output
    assert "Traceback" not in command.output


@pytest.mark.parametrize(("roles", "starts"), [(("alerts", "dashboard"), False), (("ingest",), True)])
def test_only_ingest_starts_a_broker_of_its_own(roles, starts):
    settings = Settings(server=ServerSettings(roles=roles), embedded_port=free_port())
    with broker_of(settings), socket.socket() as probe:
        assert (probe.connect_ex(("127.0.0.1", settings.embedded_port)) == 0) is starts


def test_a_broker_of_our_own_that_is_killed_is_started_again_on_its_port(tmp_path):
    with Broker(tmp_path, prefer="iotcore") as broker, kept_running(broker):
        killed = broker.pid
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not (broker.running and broker.pid != killed and _listens(broker.port)):
            assert time.monotonic() < deadline, "no broker came back"
            time.sleep(0.05)
        port = broker.port
    assert not _listens(port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_roles_that_start_at_once_share_one_secret(tmp_path):
    paths = [tmp_path / "secret.key"] * 8
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(secret_of, paths))
    assert len(found) == 1
    assert len(found.pop()) == 64
    assert stat.S_IMODE(paths[0].stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_an_empty_secret_is_refused_with_the_remedy(tmp_path: Path):
    (tmp_path / "secret.key").touch()
    with pytest.raises(UsageError, match="remove the file"):
        secret_of(tmp_path / "secret.key")
    with pytest.raises(UsageError, match=r"secret\.key cannot be read or made"):
        secret_of(tmp_path / "nowhere" / "secret.key")


def test_a_folder_for_the_phones_that_cannot_be_made_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"channels\.outbox .*phones: cannot be made"):
        open_channels(ChannelSettings(outbox=tmp_path / "none" / "phones"))


def test_a_port_that_does_not_exist_is_refused_in_words():
    with pytest.raises(UsageError, match="a port is 1 to 65535"):
        listening(PageSettings(port=99_999))


def test_what_fails_for_ever_is_tried_again_without_ever_longer_pauses():
    calls = []

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def fail() -> None:
            calls.append(None)
            if len(calls) == 14:
                loop.call_soon_threadsafe(stop.set)
            raise ZeroDivisionError

        async with asyncio.timeout(20):  # doubling without an end would take 80 s
            await repeat("a test", fail, 0.01, stop, longest_s=0.02)

    asyncio.run(run())
    assert len(calls) >= 14
