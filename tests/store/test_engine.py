"""The store is opened with the settings that lose nothing, or not at all."""

import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from store.engine import BUSY_TIMEOUT_MS, StoreError, open_store, reading


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL
        ("foreign_keys", 1),
        ("busy_timeout", BUSY_TIMEOUT_MS),
        ("secure_delete", 1),
    ],
)
def test_sqlite_is_opened_with_the_settings_that_lose_nothing(engine: Engine, pragma: str, value: object):
    with engine.connect() as first, engine.connect() as second:  # a second one: not only the first of the pool
        assert first.execution_options(mimamori_reading=True).exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
        second.execution_options(mimamori_reading=True)
        assert second.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_reading_takes_no_write_lock(engine: Engine):
    """A second writer gets the lock at once while somebody reads; between two writers one has to wait."""
    impatient = open_store(str(engine.url), migrate=False)
    with reading(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM people")).scalar_one() == 0
        with impatient.begin() as writer:
            writer.exec_driver_sql("PRAGMA busy_timeout=0")
            writer.execute(text("INSERT INTO people (id, name) VALUES ('p', 'x')"))
    impatient.dispose()


def test_reading_sees_one_state_however_long_it_lasts(any_engine: Engine):
    with reading(any_engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM people")).scalar_one() == 0
        with any_engine.begin() as writer:
            writer.execute(text("INSERT INTO people (id, name) VALUES ('p', 'x')"))
        assert reader.execute(text("SELECT count(*) FROM people")).scalar_one() == 0
    with reading(any_engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM people")).scalar_one() == 1


def test_after_reading_the_connection_can_write_again(any_engine: Engine):
    for i in range(3):
        with reading(any_engine) as reader:
            reader.execute(text("SELECT 1"))
        with any_engine.begin() as writer:
            writer.execute(text(f"INSERT INTO people (id, name) VALUES ('p{i}', 'x')"))


def test_writers_take_turns_and_no_change_is_lost(engine: Engine):
    """Each reads, then writes: begun as readers, they would fail half-way or overwrite each other."""
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO organisations (id, name, kind) VALUES ('o', '0', 'council')"))

    def count_up() -> None:
        for _ in range(25):
            with engine.begin() as connection:
                number = int(connection.execute(text("SELECT name FROM organisations")).scalar_one())
                connection.execute(text(f"UPDATE organisations SET name = '{number + 1}'"))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT name FROM organisations")).scalar_one() == "100"


def test_an_exception_undoes_the_whole_transaction(any_engine: Engine):
    def add_the_same_person_twice() -> None:
        with any_engine.begin() as connection:
            connection.execute(text("INSERT INTO people (id, name) VALUES ('p', 'x')"))
            connection.execute(text("INSERT INTO people (id, name) VALUES ('p', 'y')"))

    with pytest.raises(IntegrityError):
        add_the_same_person_twice()
    with reading(any_engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM people")).scalar_one() == 0


def test_the_error_of_a_failed_statement_does_not_repeat_personal_data(any_engine: Engine):
    statement = text("INSERT INTO people (id, name) VALUES (:id, :name)")
    with any_engine.begin() as connection:
        connection.execute(statement, {"id": "p", "name": "山田 花子"})
    with pytest.raises(IntegrityError) as caught, any_engine.begin() as connection:
        connection.execute(statement, {"id": "p", "name": "山田 花子"})
    assert "花子" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("mimamori.db", "sqlite:////path/to/file.db"),
        ("oracel://x", "sqlite:////path/to/file.db"),
        ("sqlite:////no/such/folder/mimamori.db", "create it or change store.url"),
        ("postgresql+psycopg://mimamori:hush@127.0.0.1:1/none", "check that it runs"),
    ],
)
def test_an_address_that_cannot_be_opened_is_refused_with_the_remedy(url: str, remedy: str):
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert remedy in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path):
    path = tmp_path / "notes.db"
    path.write_text("shopping list " * 100)
    with pytest.raises(StoreError, match=r"notes\.db"):
        open_store(f"sqlite:///{path}")


@pytest.mark.skipif(os.name != "posix", reason="needs a folder name that only POSIX allows")
def test_a_folder_with_a_percent_sign_is_no_obstacle(tmp_path: Path):
    folder = tmp_path / "100%"
    folder.mkdir()
    open_store(f"sqlite:///{folder}/mimamori.db").dispose()
