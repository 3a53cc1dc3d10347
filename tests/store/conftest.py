"""Stores to test against: SQLite in a file, and PostgreSQL in a private cluster where its programs are installed."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from store.engine import open_store
from store.registry import edit

NOW_MS = 1_790_000_000_000


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mimamori.db"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that the migrations made once; each test gets a copy."""
    path = tmp_path_factory.mktemp("migrated") / "mimamori.db"
    open_store(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def engine(sqlite_url: str, tmp_path: Path, migrated_file: Path) -> Iterator[Engine]:
    shutil.copy(migrated_file, tmp_path / "mimamori.db")
    opened = open_store(sqlite_url, migrate=False)
    yield opened
    opened.dispose()


EITHER = ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)]


@pytest.fixture(params=EITHER)
def any_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty store of either kind."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(params=EITHER)
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """A store of either kind as the migrations make it."""
    return request.getfixturevalue("engine" if request.param == "sqlite" else "postgres_engine")


@pytest.fixture
def cast(engine: Engine) -> SimpleNamespace:
    """The people of `_settle`, in SQLite."""
    return _settle(engine)


@pytest.fixture
def any_cast(any_engine: Engine) -> SimpleNamespace:
    """The people of `_settle`, in a store of either kind."""
    return _settle(any_engine)


def _settle(engine: Engine) -> SimpleNamespace:
    """Hanako lives alone in home ``h1``; Taro next door watches over her, and Sachiko of the council does."""
    with edit(engine, actor="test", now_ms=NOW_MS) as registry:
        council = registry.add_organisation("香南町社会福祉協議会", "council", id="council")
        hanako = registry.add_person("山田 花子", kana="ヤマダ ハナコ", id="hanako")
        taro = registry.add_person("鈴木 太郎", id="taro")
        sachiko = registry.add_person("佐藤 幸子", id="sachiko")
        home = registry.add_home(hanako, council, "gw1", id="h1", area="本町")
        neighbour = registry.relate(hanako, taro, "neighbour", "安否確認", NOW_MS, id="r1")
        registry.relate(hanako, sachiko, "staff", "安否確認", NOW_MS, id="r2")
        line = registry.add_contact_method(hanako, "line", "U-hanako-secret", 0, NOW_MS, id="c1")
        phone = registry.add_contact_method(taro, "sms", "+81312345678", 0, NOW_MS, id="c2")
    return SimpleNamespace(
        engine=engine,
        now_ms=NOW_MS,
        council=council,
        hanako=hanako,
        taro=taro,
        sachiko=sachiko,
        home=home,
        neighbour=neighbour,
        line=line,
        phone=phone,
    )


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
        subprocess.run([*initdb, "--locale", "C"], check=True, capture_output=True, cwd=folder, timeout=120, **identity)
        yield from _serve(programs, data, identity)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(programs: Path, data: Path, identity: dict[str, Any]) -> Iterator[str]:
    port = _free_port()
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of an empty database."""
    with database(postgres_server, "template1") as url:
        yield url


@pytest.fixture(scope="session")
def migrated_database(postgres_server: str) -> Iterator[str]:
    """The name of a database that the migrations made once; each test gets a copy."""
    with database(postgres_server, "template1") as url:
        open_store(url).dispose()
        yield url.rpartition("/")[2]


@pytest.fixture
def postgres_engine(postgres_server: str, migrated_database: str) -> Iterator[Engine]:
    with database(postgres_server, migrated_database) as url:
        opened = open_store(url, migrate=False)
        yield opened
        opened.dispose()


@contextlib.contextmanager
def database(server_url: str, template: str) -> Iterator[str]:
    """The address of a new database, a copy of another; it is gone afterwards."""
    name = "test_" + uuid.uuid4().hex
    server = create_engine(server_url + "postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield server_url + name
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()
