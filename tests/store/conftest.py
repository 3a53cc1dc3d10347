"""Stores to test against: SQLite in a file, and PostgreSQL in the private cluster of `tests/conftest.py`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, delete

from store.engine import open_store
from store.register.registry import edit
from store.schema import metadata

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


@pytest.fixture(scope="session")
def engine_of_session(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One for all tests, so that SQLAlchemy compiles each statement once; it connects when it is first used."""
    return open_store(f"sqlite:///{tmp_path_factory.mktemp('store')}/mimamori.db", migrate=False)


@pytest.fixture
def engine(engine_of_session: Engine, migrated_file: Path) -> Iterator[Engine]:
    """A store that the migrations made, in a file that nobody has opened yet."""
    path = Path(str(engine_of_session.url.database))
    for former in path.parent.iterdir():
        former.unlink()
    shutil.copy(migrated_file, path)
    yield engine_of_session
    engine_of_session.dispose()


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
        line = registry.add_contact_method(hanako, "line", "U5ec2e75ec2e75ec2e75ec2e75ec2e700", 0, NOW_MS, id="c1")
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


@pytest.fixture
def postgres_url(new_database: Callable[..., str]) -> str:
    """The address of an empty database."""
    return new_database("template1")


@pytest.fixture(scope="session")
def postgres_of_session(new_database_of_session: Callable[[], str]) -> Iterator[Engine]:
    """One for all tests: to empty it is quicker than to make another."""
    opened = open_store(new_database_of_session(), migrate=False)
    yield opened
    opened.dispose()


@pytest.fixture
def postgres_engine(postgres_of_session: Engine) -> Iterator[Engine]:
    """A store that the migrations made, without rows."""
    yield postgres_of_session
    postgres_of_session.dispose()
    with postgres_of_session.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
