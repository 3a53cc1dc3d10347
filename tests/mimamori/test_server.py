"""How the backend starts, and that trouble of one part does not hold back another."""

import asyncio
import os
import signal
import socket
import stat
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from alerts.channels.provider import Surroundings
from alerts.channels.registry import ChannelSettings, open_channels
from alerts.settings import AlertsSettings
from contracts.broker import BrokerSettings
from contracts.clock import Clock
from mimamori.exits import UsageError
from mimamori.server.broker import Broker
from mimamori.server.build import Backend, assemble
from mimamori.server.keys import secret_of
from mimamori.server.run import broker_of, listening, only_lost_lease, repeat, restarting, serve
from mimamori.server.settings import BackendSettings, ServerBroker, ServerSettings, StoreSettings
from simulators.processes import free_port
from store.duties import read_errors
from store.engine import open_store, reading
from store.lease import INGEST, LeaseLost, holder_of
from store.register.registry import edit
from store.schema import gateways, incidents, leases, live_states
from store.settings import SettingsError
from store.timeseries.port import Point

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000


class FixedClock:
    def wall_ms(self) -> int:
        return START_MS

    monotonic_ms = wall_ms


@pytest.fixture
def backend(tmp_path):
    settings = BackendSettings(
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
    for turns in (1, 2):
        with pytest.raises(ExceptionGroup) as raised:
            backend.tick_alerts(START_MS + 62 * MINUTE_MS)
        with reading(backend.db) as connection:
            (damaged,) = connection.execute(select(incidents.c.id).where(incidents.c.home_id == "h1")).scalars()
            assert read_errors(connection) == {"engine": turns}, "counted where the auditor reads it"
        logged = "".join(traceback.format_exception(raised.value))
        assert logged.count(f"incident {damaged}") == 1
    assert backend.ticked_ms is None
    assert len(list((tmp_path / "phones").glob("*.json"))) == 2


def old_home(backend: Backend) -> None:
    """A home of which there are 410 events, one a day, up to now."""
    settle(backend, 1)
    days = range(410)
    backend.timeseries.write(
        [Point("gw-h1", (START_MS - day * DAY_MS) * 1_000_000, "s", "motion", "{}", "e", day, 2, False) for day in days]
    )
    with backend.db.begin() as connection:
        connection.execute(update(gateways).values(heartbeat_ms=START_MS))


def ingesting(backend: Backend, keep_days: int) -> Backend:
    settings = replace(backend.settings, server=replace(backend.settings.server, roles=("ingest",)))
    return replace(backend, settings=replace(settings, store=replace(settings.store, keep_days=keep_days)))


def served(backend: Backend, until: Callable[[], bool]) -> None:
    """Serve until something holds, or in vain for some seconds; without a broker."""
    deadline = time.monotonic() + 20

    def wait() -> None:
        while not until() and time.monotonic() < deadline:
            time.sleep(0.05)

    async def run() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(backend, None, stop))
        await asyncio.to_thread(wait)
        stop.set()
        await serving

    asyncio.run(run())


def test_the_role_ingest_removes_what_is_older_than_the_days_kept(backend):
    old_home(backend)
    served(ingesting(backend, 400), lambda: backend.timeseries.count() < 410)
    assert backend.timeseries.count() == 401


def test_with_no_days_to_keep_nothing_is_ever_removed(backend):
    old_home(backend)
    begun = time.monotonic()
    served(ingesting(backend, 0), lambda: time.monotonic() > begun + 1)
    assert backend.timeseries.count() == 410


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
    [('host = "0.0.0.0"\n', (), "127.0.0.1 only"), ("", ("--store", "bolt://x"), "sqlite:////path")],
)
def test_a_wrong_address_is_an_error_in_plain_words(mimamori, tmp_path, text, arguments, said):
    page = f"[dashboard]\nport = {free_port()}\n{text}"
    (tmp_path / "mimamori.toml").write_text(f"{page}[broker]\nurl = 'mqtt://127.0.0.1:1'\n")
    command = mimamori("serve", "--config", "mimamori.toml", *arguments)
    assert command.wait(30) == 2
    assert said in command.output
    assert "Traceback" not in command.output


@pytest.mark.parametrize(("roles", "starts"), [(("alerts", "dashboard"), False), (("ingest",), True)])
def test_only_ingest_starts_a_broker_of_its_own(roles, starts):
    settings = BackendSettings(server=ServerSettings(roles=roles), broker=ServerBroker(f"embedded:{free_port()}"))
    with broker_of(settings), socket.socket() as probe:
        assert (probe.connect_ex(("127.0.0.1", settings.broker.address.port)) == 0) is starts


def test_a_broker_of_our_own_that_is_killed_is_started_again_on_its_port(tmp_path):
    with Broker(tmp_path, prefer="iotcore") as broker, restarting(broker):
        killed = broker.child.pid
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not (broker.running and broker.child.pid != killed and _listens(broker.port)):
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
    around = Surroundings(BrokerSettings(), AlertsSettings())
    with pytest.raises(SettingsError, match=r"channels\.outbox .*phones: cannot be made"):
        open_channels(ChannelSettings(outbox=tmp_path / "none" / "phones"), around)


def test_a_port_that_does_not_exist_is_refused_in_words():
    with pytest.raises(UsageError, match="a port is 1 to 65535"):
        listening("127.0.0.1", 99_999)


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


def test_a_second_server_on_one_store_is_refused_and_a_killed_one_is_followed_at_once(mimamori, tmp_path, wait_for):
    text = f'[server]\nroles = ["ingest"]\n[broker]\nurl = "embedded:{free_port()}"\n'
    (tmp_path / "mimamori.toml").write_text(text)
    other = text.replace("embedded:", "mqtt://127.0.0.1:")
    (tmp_path / "other.toml").write_text(other)
    first = mimamori("serve", "--config", "mimamori.toml")
    holder = holder_when(tmp_path, lambda holder: holder is not None)
    second = mimamori("serve", "--config", "other.toml")
    assert second.wait(30) == 2
    assert f"played by process {holder.process.pid} on {socket.gethostname()}, whose lease ends at" in second.output
    assert "Traceback" not in second.output
    assert holder_when(tmp_path, bool).owner == holder.owner, "the first is left alone"
    os.kill(holder.process.pid, signal.SIGKILL)
    first.wait(30)
    third = mimamori("--log-level", "info", "serve", "--config", "mimamori.toml")
    followed = holder_when(tmp_path, lambda now: now.owner != holder.owner)
    wait_for(lambda: "subscribed at" in third.output, 30, "that the third listens")
    os.kill(followed.process.pid, signal.SIGTERM)
    assert third.wait(30) == 0
    assert holder_when(tmp_path, lambda now: now is None) is None, "a server that is stopped gives the role back"


def holder_when(folder, is_so):
    """Who takes in events, as soon as something holds of it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if (folder / "mimamori.db").exists():
            db = open_store(f"sqlite:///{folder}/mimamori.db")
            with reading(db) as connection:
                holder = holder_of(connection, INGEST)
            db.dispose()
            if is_so(holder):
                return holder
        time.sleep(0.05)
    raise AssertionError("waited in vain for another holder of the role")


def test_a_server_that_lost_its_role_ends_and_says_who_has_it(backend):
    ingest = ingesting(backend, 0)
    with ingest.db.begin() as connection:
        connection.execute(update(leases).values(owner="another run", pid=4711, host="other-host"))

    async def run() -> None:
        async with asyncio.timeout(20):
            await serve(ingest, None, asyncio.Event())

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(run())
    lost = only_lost_lease(raised.value)
    assert isinstance(lost, LeaseLost)
    assert "process 4711 on other-host" in str(lost)


def test_an_outage_of_the_store_does_not_end_the_role_and_is_logged_in_a_line(backend, monkeypatch, caplog):
    tried = []

    def renew(now_ms):
        tried.append(now_ms)
        raise OperationalError("update", {}, Exception("out of reach"))

    ingest = ingesting(backend, 0)
    monkeypatch.setattr("mimamori.server.run.RENEW_S", 0.05)
    monkeypatch.setattr(type(ingest.lease), "renew", lambda _, now_ms: renew(now_ms))
    served(ingest, lambda: len(tried) > 2)
    said = [record for record in caplog.records if "the lease" in record.getMessage()]
    assert {record.levelname for record in said} == {"WARNING"}
    assert all("(OperationalError)" in record.getMessage() and record.exc_info is None for record in said)
    assert len(tried) > 2
