import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from dashboard.settings import DashboardSettings
from mimamori.server.build import import_register_file
from mimamori.server.settings import BackendSettings, load_settings
from store.engine import open_store, reading
from store.schema import homes, relations

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "server"
EXAMPLE = FOLDER / "mimamori.toml"


def known(settings, table=""):
    """Every key that a settings file may hold, by table."""
    for item in fields(settings):
        value = getattr(settings, item.name)
        if is_dataclass(value):
            yield from known(value, f"{table}.{item.name}".lstrip("."))
        else:
            yield table, item.name


def documented():
    """Every key of the example, whether in force or commented, with its value as written, by table."""
    found, table = {}, ""
    for line in EXAMPLE.read_text().splitlines():
        if header := re.match(r"\[([\w.]+)\]", line):
            table = header[1]
        elif key := re.match(r"(?:# )?(\w+) = (.+?)(?:\s{2,}#.*)?$", line):
            found[table, key[1]] = key[2]
    return found


def test_every_setting_stands_in_the_example_and_nothing_else():
    assert set(documented()) == set(known(BackendSettings()))


@pytest.mark.parametrize("in_force", [False, True], ids=["as it is", "with every default in force"])
def test_the_example_is_accepted(tmp_path, in_force):
    text = EXAMPLE.read_text()
    if in_force:
        text = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    (tmp_path / "mimamori.toml").write_text(text)
    assert load_settings(tmp_path / "mimamori.toml").server.register == tmp_path / "register.toml"


def test_the_defaults_written_in_the_example_are_the_defaults(tmp_path):
    (tmp_path / "empty.toml").write_text("")
    text = re.sub(r"(?m)^# (\w+ = )", r"\1", EXAMPLE.read_text())
    (tmp_path / "full.toml").write_text(text)
    empty, full = load_settings(tmp_path / "empty.toml"), load_settings(tmp_path / "full.toml")
    assert full.ingest == empty.ingest
    assert full.alerts == empty.alerts
    assert full.audit == empty.audit
    assert full.server.roles == empty.server.roles
    assert full.store.keep_days == empty.store.keep_days
    for field in fields(DashboardSettings):
        if field.name != "phones":
            assert getattr(full.dashboard, field.name) == getattr(empty.dashboard, field.name), field.name


def test_the_example_register_can_be_brought_in_twice(tmp_path):
    db = open_store(f"sqlite:///{tmp_path}/m.db")
    for now_ms in (1_800_000_000_000, 1_800_000_001_000):
        import_register_file(db, FOLDER / "register.toml", now_ms)
    with reading(db) as connection:
        assert len(connection.execute(homes.select()).all()) == 1
        assert len(connection.execute(relations.select()).all()) == 2
    db.dispose()
