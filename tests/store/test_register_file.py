"""A register in a file is brought into the store as often as wanted, wholly or not at all."""

import contextlib
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from store.engine import reading
from store.register.file import ImportSummary, import_register, load_register
from store.register.registry import RegistryError, edit
from store.schema import audit, contact_methods, homes, leaves, people, relations

TOML = """
zone = "Asia/Tokyo"
[[organisations]]
id = "council"
name = "香南町社会福祉協議会"
kind = "council"
[[people]]
id = "hanako"
name = "山田 花子"
kana = "ヤマダ ハナコ"
contacts = [{ channel = "line", address = "U11111111111111111111111111111111", verified = 2026-04-01 }]
[[people]]
id = "taro"
name = "鈴木 太郎"
hours = "mon-sat 08:00-21:00"
leave = [{ from = 2026-08-12, to = 2026-08-17, note = "帰省" }]
contacts = [{ channel = "sms", address = "+81312345678", rank = 1 }]
[[homes]]
id = "h1"
person = "hanako"
organisation = "council"
gateway = "gw1"
[[relations]]
subject = "hanako"
other = "taro"
role = "neighbour"
purpose = "安否確認"
from = 2026-04-01
to = 2027-04-01
"""
NOW_MS = 1_790_000_000_000


@pytest.fixture
def register(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "register.toml"
    path.write_text(TOML, encoding="utf-8")
    return dict(load_register(path))


def bring(engine: Engine, register: Any, now_ms: int = NOW_MS) -> ImportSummary:
    return import_register(engine, register, "import", now_ms)


def one(engine: Engine, table: Any, **where: Any) -> SimpleNamespace:
    query = select(table).where(*(table.c[name] == value for name, value in where.items()))
    with reading(engine) as connection:
        return SimpleNamespace(**connection.execute(query).mappings().one())


def count(engine: Engine, table: Any) -> int:
    with reading(engine) as connection:
        return len(connection.execute(select(table)).all())


def test_a_register_is_brought_in(any_engine: Engine, register: dict[str, Any]):
    assert bring(any_engine, register) == ImportSummary(added=8, changed=0, same=0)
    assert one(any_engine, people, id="hanako").name == "山田 花子"
    assert one(any_engine, homes).zone == "Asia/Tokyo"
    assert one(any_engine, contact_methods, person_id="taro").rank == 1
    assert one(any_engine, people, id="taro").hours == "mon-sat 08:00-21:00"
    assert one(any_engine, leaves).to_ms == 1_786_892_400_000  # 2026-08-16T15:00Z


def test_a_date_is_midnight_in_the_zone_of_the_register(engine: Engine, register: dict[str, Any]):
    bring(engine, register)
    assert one(engine, relations).from_ms == 1_774_969_200_000  # 2026-03-31T15:00Z
    assert one(engine, contact_methods, person_id="hanako").verified_ms == 1_774_969_200_000


@pytest.mark.parametrize(
    ("written", "expected_ms"),
    [
        ("2026-04-01", 1_774_969_200_000),
        ("2026-04-01T09:00", 1_774_969_200_000 + 9 * 3_600_000),
        ("2026-04-01T00:00:00Z", 1_774_969_200_000 + 9 * 3_600_000),
    ],
)
def test_json_writes_dates_as_text(engine: Engine, register: dict[str, Any], written: str, expected_ms: int):
    register["relations"][0]["from"] = written
    bring(engine, register)
    assert one(engine, relations).from_ms == expected_ms


def test_json_and_toml_say_the_same(engine: Engine, register: dict[str, Any], tmp_path: Path):
    bring(engine, register)
    path = tmp_path / "register.json"
    path.write_text(json.dumps(register, default=str))
    assert bring(engine, load_register(path)) == ImportSummary(added=0, changed=0, same=8)


def test_a_second_time_changes_nothing(any_engine: Engine, register: dict[str, Any]):
    bring(any_engine, register)
    lines = count(any_engine, audit)
    assert bring(any_engine, register, NOW_MS + 1) == ImportSummary(added=0, changed=0, same=8)
    assert count(any_engine, audit) == lines


def test_what_changed_in_the_file_changes_in_the_store(engine: Engine, register: dict[str, Any]):
    bring(engine, register)
    register["people"][0]["name"] = "山田 はな子"
    register["homes"][0]["area"] = "本町"
    register["relations"][0]["to"] = "2026-12-01"
    assert bring(engine, register) == ImportSummary(added=0, changed=3, same=5)
    assert one(engine, people, id="hanako").name == "山田 はな子"
    assert one(engine, relations).to_ms == 1_796_050_800_000  # 2026-11-30T15:00Z


def test_what_is_no_longer_in_the_file_stays(engine: Engine, register: dict[str, Any]):
    bring(engine, register)
    register["relations"] = []
    bring(engine, register)
    assert count(engine, relations) == 1


def test_what_was_revoked_or_disabled_stays_so_however_often_the_file_is_read(engine: Engine, register: dict[str, Any]):
    bring(engine, register)
    relation, method = one(engine, relations).id, one(engine, contact_methods, person_id="taro").id
    with edit(engine, actor="hanako", now_ms=NOW_MS) as registry:
        registry.revoke(relation)
        registry.disable_contact_method(method, "blocked")
    assert bring(engine, register) == ImportSummary(added=0, changed=0, same=8)
    assert one(engine, relations).to_ms == NOW_MS
    assert one(engine, contact_methods, person_id="taro").disabled_reason == "blocked"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("peopel",), [], "'peopel' is no field of the register; did you mean 'people'?"),
        (("zone",), "Asia/Tokio", "zone 'Asia/Tokio' is no IANA time zone; did you mean 'Asia/Tokyo'?"),
        (("people",), {}, "people must be a list"),
        (("people", 0), "hanako", "people[0] must be an entry"),
        (("people", 1, "nmae"), "x", "people[1]: 'nmae' is no field of the person; did you mean 'name'?"),
        (("people", 1, "name"), None, "people[1]: person.name must be a text"),
        (
            ("people", 1, "contacts", 0, "chanel"),
            "x",
            "people[1]: 'chanel' is no field of contacts[0]; did you mean 'ch",
        ),
        (("people", 1, "contacts", 0, "address"), "090-1", "people[1]: contact_method.address: write the phone number"),
        (("people", 0, "contacts", 0, "verified"), "soon", "people[0]: contacts[0].verified must be a date"),
        (("people", 1, "hours"), "8-20", "people[1]: person.hours: '8-20' has no days"),
        (("people", 1, "leave", 0, "to"), "2026-08-01", "people[1]: leave: it ends before it begins"),
        (("people", 1, "leave", 0, "form"), "x", "people[1]: 'form' is no field of leave[0]; did you mean 'from'?"),
        (("homes", 0, "person"), "jiro", "homes[0]: person 'jiro' is not in the register; add it first"),
        (("homes", 0, "gateway"), "a b", "homes[0]: home.gateway: a gateway id"),
        (("homes", 0, "id"), 7, "homes[0]: home: an id has"),
        (
            ("relations", 0, "role"),
            "neighbor",
            "relations[0]: relation.role 'neighbor' is not known; did you mean 'neig",
        ),
        (("relations", 0, "from"), "2026-13-01", "relations[0]: from must be a date such as 2026-04-01"),
        (("relations", 0, "from"), 20260401, "relations[0]: from must be a date"),
        (("relations", 0, "to"), "2026-03-01", "relations[0]: relation: it ends before it begins"),
        (("relations", 0, "other"), "hanako", "relations[0]: person 'hanako' cannot be related to themself"),
    ],
)
def test_a_wrong_entry_is_named_and_nothing_is_brought_in(
    engine: Engine, register: dict[str, Any], path: tuple[Any, ...], value: Any, says: str
):
    register = json.loads(json.dumps(register, default=str))
    place: Any = register
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(RegistryError) as caught:
        bring(engine, register)
    assert says in str(caught.value)
    assert "花子" not in str(caught.value)
    assert "090-1" not in str(caught.value)
    assert count(engine, people) == count(engine, audit) == 0


def test_a_missing_field_is_named(engine: Engine, register: dict[str, Any]):
    del register["relations"][0]["from"]
    with pytest.raises(RegistryError, match=re.escape("relations[0]: 'from' is missing")):
        bring(engine, register)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.toml", b"[[people]]\nid = \n", "r.toml: not TOML: Invalid value (at line 2"),
        ("r.json", b'{"people": [\n}', "r.json: line 2: not JSON"),
        ("r.json", b"[]", "must be an object"),
        ("r.toml", b'name = "\xff"', "not UTF-8 at byte 8"),
        ("r.json", b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(tmp_path: Path, name: str, content: bytes, says: str):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RegistryError) as caught:
        load_register(path)
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(RegistryError, match=r"none\.toml: cannot be read"):
        load_register(tmp_path / "none.toml")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_in_a_register_it_is_brought_in_or_refused_by_name(
    data: st.DataObject, engine: Engine, register: dict[str, Any]
):
    """One entry's field gets any value at all: never another exception than RegistryError."""
    broken = json.loads(json.dumps(register, default=str))
    part = data.draw(st.sampled_from(["organisations", "people", "homes", "relations"]))
    entry = broken[part][0]
    entry[data.draw(st.sampled_from(sorted(entry)))] = data.draw(json_values)
    with contextlib.suppress(RegistryError):
        bring(engine, broken)
