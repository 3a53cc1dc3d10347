"""A store that is built once, and fresh copies of it: in a file, or on a PostgreSQL server."""

import shutil
from pathlib import Path

from sqlalchemy import create_engine, make_url

from store.engine import open_store
from ticking.town import build


class SqliteFile:
    """A store in a file, of which a fresh copy is taken for each measurement."""

    def __init__(self, folder: Path) -> None:
        self._base, self._work = folder / "base.db", folder / "work.db"
        self.db = open_store(f"sqlite:///{self._work}", migrate=False)

    def build(self, home_count: int, history: int) -> None:
        """Fill the one that is copied."""
        db = open_store(f"sqlite:///{self._base}")
        build(db, home_count, history)
        db.dispose()

    def renew(self) -> None:
        """Begin again as it was built. One engine for all: it compiles each statement once, as a server's does."""
        self.db.dispose()
        for former in self._work.parent.glob(f"{self._work.name}*"):
            former.unlink()
        shutil.copy(self._base, self._work)

    def close(self) -> None:
        """Nothing is left open."""
        self.db.dispose()


class PostgresDatabase:
    """The same in PostgreSQL: two databases of our own, the second one a copy of the first."""

    BASE, WORK = "mimamori_tick_base", "mimamori_tick_work"

    def __init__(self, address: str) -> None:
        self._server = create_engine(address, isolation_level="AUTOCOMMIT")
        url = make_url(address)
        self._base_url = url.set(database=self.BASE).render_as_string(hide_password=False)
        self.db = open_store(url.set(database=self.WORK).render_as_string(hide_password=False), migrate=False)

    def build(self, home_count: int, history: int) -> None:
        """Fill the one that is copied."""
        self._execute(f"CREATE DATABASE {self.BASE}")
        db = open_store(self._base_url)
        build(db, home_count, history)
        db.dispose()

    def renew(self) -> None:
        """Begin again as it was built."""
        self.db.dispose()
        self._execute(f"DROP DATABASE IF EXISTS {self.WORK} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {self.WORK} TEMPLATE {self.BASE}")

    def close(self) -> None:
        """Nothing is left on the server."""
        self.db.dispose()
        for name in (self.WORK, self.BASE):
            self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._server.dispose()

    def _execute(self, statement: str) -> None:
        with self._server.connect() as connection:
            connection.exec_driver_sql(statement)


Store = SqliteFile | PostgresDatabase
