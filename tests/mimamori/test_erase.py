"""A person is forgotten from the command line, as an operator would do it."""

import pytest

from contracts.clock import ClockQuality
from store.engine import open_store, reading
from store.register.registry import edit
from store.schema import audit, homes, incidents, people
from store.timeseries.port import Point
from store.timeseries.sqlite import SqliteTimeSeries

NOW_MS = 1_790_000_000_000
SETTINGS = """
[store]
url = "sqlite:///m.db"
timeseries = "sqlite:///e.db"
"""


@pytest.fixture
def server(tmp_path):
    """A server's folder with Hanako, whom Taro watches over, and seven events of her home."""
    (tmp_path / "mimamori.toml").write_text(SETTINGS)
    db = open_store(f"sqlite:///{tmp_path}/m.db")
    with edit(db, actor="test", now_ms=NOW_MS) as registry:
        registry.add_organisation("社協", "council", id="council")
        registry.add_person("山田 花子", id="hanako")
        registry.add_person("鈴木 太郎", id="taro")
        registry.add_home("hanako", "council", "gw-1", id="h1")
        registry.relate("hanako", "taro", "neighbour")
        registry.add_contact_method("hanako", "sms", "+81312345678")
    series = SqliteTimeSeries(tmp_path / "e.db")
    series.write([point("gw-1", n) for n in range(7)] + [point("gw-2", 1)])
    yield db, series
    series.close()
    db.dispose()


def point(gateway, n):
    return Point(gateway, NOW_MS * 1_000_000 + n, "hall", "motion", "{}", "e", n, int(ClockQuality.SYNCED), False)


def ids(db, table):
    with reading(db) as connection:
        return list(connection.execute(table.select()).scalars())


def erase(mimamori, *arguments):
    command = mimamori("erase", *arguments, "--config", "mimamori.toml")
    code = command.wait(30)
    assert "Traceback" not in command.output
    assert "花子" not in command.output
    return code, command.output


def test_an_erased_person_is_gone_and_the_command_says_what_went(mimamori, server):
    db, series = server
    code, output = erase(mimamori, "hanako", "--yes")
    assert code == 0, output
    assert "homes 1, incidents 0, relations 1, addresses 1, events 7" in output
    assert "gateway gw-1 may still hold events" in output
    assert (ids(db, people), ids(db, homes)) == (["taro"], [])
    assert (series.count("gw-1"), series.count()) == (0, 1)
    with reading(db) as connection:
        last = connection.execute(audit.select().order_by(audit.c.id.desc())).mappings().first()
    assert (last["what"], last["params"], last["actor"]) == ("person_erased", {"id": "hanako"}, "operator")
    assert erase(mimamori, "hanako", "--yes")[0] == 2, "there is nobody to erase any more"


def test_without_yes_it_only_says_what_would_go(mimamori, server):
    db, series = server
    code, output = erase(mimamori, "hanako")
    assert code == 2
    assert "would go: homes 1, incidents 0, relations 1, addresses 1, events 7" in output
    assert "--yes" in output
    assert ids(db, people) == ["hanako", "taro"]
    assert series.count("gw-1") == 7


def test_an_open_case_is_named_and_nothing_is_erased(mimamori, server):
    db, series = server
    case = {"id": "i1", "dedup_key": "k", "home_id": "h1", "person_id": "hanako", "organisation_id": "council"}
    state = {"kind": "silence", "state": "notifying", "epoch": 1, "step": 0, "repeat": 0, "policy": {}, "version": 1}
    times = {"since_ms": 1, "opened_ms": 2, "next_due_ms": 3, "reason_ja": "", "reason_en": ""}
    with db.begin() as connection:
        connection.execute(incidents.insert().values(**case, **state, **times))
    code, output = erase(mimamori, "hanako", "--yes")
    assert code == 2
    assert "open incident 'i1' is about them; close it first" in output
    assert series.count("gw-1") == 7
    assert "hanako" in ids(db, people)


def test_a_person_whom_the_register_file_would_bring_back_is_not_erased(mimamori, server, tmp_path):
    db, _ = server
    (tmp_path / "mimamori.toml").write_text('[server]\nregister = "r.toml"\n' + SETTINGS)
    (tmp_path / "r.toml").write_text('[[people]]\nid = "hanako"\nname = "山田 花子"\n')
    code, output = erase(mimamori, "hanako", "--yes")
    assert code == 2
    assert "r.toml names 'hanako'" in output
    assert "remove their entries" in output
    assert "hanako" in ids(db, people)


def test_a_person_who_is_not_there_and_a_store_that_is_not_there_are_said(mimamori, server, tmp_path):
    code, output = erase(mimamori, "jiro", "--yes")
    assert (code, "person 'jiro' is not in the register" in output) == (2, True)
    (tmp_path / "mimamori.toml").write_text('[store]\nurl = "sqlite:///other.db"\n')
    code, output = erase(mimamori, "hanako", "--yes")
    assert (code, "there is no store" in output) == (2, True)
    assert not (tmp_path / "other.db").exists()
