"""What the tests of several parts share: the LINE double, and PostgreSQL in a private cluster where it is installed."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from simulators.processes import free_port
from simulators.vendors.line.process import LineProcess
from store.engine import open_store

LONGEST = (
    "test_incident_histories",
    "test_demo",
    "test_kill",
    "test_storm",
    "test_twilio",
    "test_replay",
    "test_killed_and_racing",
    "test_audit",
    "test_home",
    "test_evaluate",
    "test_store_histories",
    "test_migrated_from_7348e1d",
    "test_help_first",
    "test_in_a_browser",
    "test_influx",
    "test_conformance",
    "test_callbacks",
    "test_house",
)
"""Files that take long begin first, so that no worker is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(scope="session")
def line_process() -> Iterator[LineProcess]:
    """The LINE double in a process of its own, so that a test may fork or be killed beside it."""
    with LineProcess() as running:
        yield running


@pytest.fixture
def line(line_process: LineProcess) -> LineProcess:
    """The double, with nobody and nothing in it."""
    line_process.reset()
    return line_process


# ---- PostgreSQL: a private cluster that lives as long as the test session --------------------------------------------


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _identity() -> dict[str, Any]:
    """Who may run the server: it refuses root."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        remedy = "running as root, and there is no user 'postgres' to run the server as"
        pytest.fail(remedy) if os.environ.get("CI") == "true" else pytest.skip(remedy)
        raise
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a running server, up to the database name."""
    programs = _programs()
    if programs is None:
        remedy = "PostgreSQL is not installed; on Debian: apt-get install postgresql"
        pytest.fail(remedy) if os.environ.get("CI") == "true" else pytest.skip(remedy)
    identity = _identity()
    folder = Path(tempfile.mkdtemp(prefix="mimamori-postgres-"))
    try:
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        data = folder / "data"
        initdb = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "mimamori", "-E", "UTF8", "--no-sync"]
        # As a server in Japan is set up: what relies on the order of bytes in a text fails here.
        order = ["--locale-provider", "icu", "--icu-locale", "ja-JP", "--locale", "C.UTF-8"]
        subprocess.run([*initdb, *order], check=True, capture_output=True, cwd=folder, timeout=120, **identity)
        yield from _serve(programs, data, identity)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(programs: Path, data: Path, identity: dict[str, Any]) -> Iterator[str]:
    port = free_port()
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data.parent}", "-c", "fsync=off"]
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings]
    with (data.parent / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=data.parent, **identity)
    try:
        address = f"postgresql+psycopg://mimamori@127.0.0.1:{port}/"
        _wait_until_it_answers(address, server, data.parent / "log")
        yield address
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def _wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(address + "postgres")
    give_up = time.monotonic() + 60
    while True:
        try:
            with engine.connect():
                break
        except OperationalError:
            if server.poll() is not None or time.monotonic() > give_up:
                pytest.fail("the PostgreSQL server did not start:\n" + log.read_text(errors="replace")[-2000:])
            time.sleep(0.1)
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_database(postgres_server: str) -> Iterator[str]:
    """The name of a database that the migrations made once, to be copied."""
    with _database(postgres_server, "template1") as url:
        open_store(url).dispose()
        yield url.rpartition("/")[2]


@pytest.fixture
def new_database(postgres_server: str, migrated_database: str) -> Iterator[Callable[..., str]]:
    """Makes databases, with the schema unless another template is named; gives the address. Gone after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda template=migrated_database: stack.enter_context(_database(postgres_server, template))


@pytest.fixture(scope="session")
def new_database_of_session(postgres_server: str, migrated_database: str) -> Iterator[Callable[[], str]]:
    """As `new_database`, but they stay until all tests have run."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(_database(postgres_server, migrated_database))


@contextlib.contextmanager
def _database(server_url: str, template: str) -> Iterator[str]:
    name = "test_" + uuid.uuid4().hex
    server = create_engine(server_url + "postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    server.dispose()  # a test may make many
    yield server_url + name
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()
