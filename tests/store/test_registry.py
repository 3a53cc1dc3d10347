"""The register is written in one place, checked, and with an audit line for each change."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from store.engine import reading
from store.register.registry import Registry, RegistryError, edit
from store.schema import absences, audit, contact_methods, homes, leaves, people, relations


def rows(engine: Engine, table: Any) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        ordered = select(table).order_by(*table.primary_key.columns)
        return [dict(row) for row in connection.execute(ordered).mappings()]


def change(cast: SimpleNamespace, do: Callable[[Registry], Any], now_ms: int | None = None) -> Any:
    with edit(cast.engine, actor="sachiko", now_ms=cast.now_ms if now_ms is None else now_ms) as registry:
        return do(registry)


def test_ids_are_random_unless_given(cast: SimpleNamespace):
    first = change(cast, lambda registry: registry.add_person("一"))
    second = change(cast, lambda registry: registry.add_person("二"))
    given = change(cast, lambda registry: registry.add_person("三", id="saburo"))
    assert len({first, second, "saburo"}) == 3
    assert given == "saburo"
    assert {row["id"] for row in rows(cast.engine, people)} >= {first, second, given}


def test_each_change_leaves_an_audit_line_that_says_who_and_when_but_nothing_personal(any_cast: SimpleNamespace):
    change(any_cast, lambda registry: registry.revoke("r1"), any_cast.now_ms + 5)
    lines = rows(any_cast.engine, audit)
    assert len(lines) == 9 + 1  # the cast's own entries, and this
    assert lines[-1] | {"id": 0} == {
        "id": 0,
        "at_ms": any_cast.now_ms + 5,
        "actor": "sachiko",
        "channel": "",
        "incident_id": None,
        "home_id": None,
        "what": "relation_revoked",
        "from_state": None,
        "to_state": None,
        "reasons": [],
        "params": {"id": "r1"},
    }
    told = " ".join(str(value) for line in lines for value in line.values())
    assert not any(secret in told for secret in ("花子", "U5ec2e75ec2e75ec2e75ec2e75ec2e700", "+81312345678"))


def test_a_refused_change_undoes_all_of_its_transaction_with_its_audit_lines(any_cast: SimpleNamespace):
    before = rows(any_cast.engine, people), rows(any_cast.engine, audit)

    def two_of_which_the_second_is_wrong(registry: Registry) -> None:
        registry.add_person("四", id="shiro")
        registry.add_home("shiro", "council", "gw1")

    with pytest.raises(RegistryError):
        change(any_cast, two_of_which_the_second_is_wrong)
    assert (rows(any_cast.engine, people), rows(any_cast.engine, audit)) == before


BEGIN = 1_790_000_000_000
LINE_USER = "U" + "1" * 32


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda r: r.add_home("hanako", "council", "gw2", zone="Asia/Tokio"), "did you mean 'Asia/Tokyo'?"),
        (lambda r: r.add_home("hanako", "council", "gw2", zone="Asia"), "home.zone 'Asia' is no IANA time zone"),
        (lambda r: r.add_home("hanako", "council", "gw2", zone="../../etc/passwd"), "is no IANA time zone"),
        (lambda r: r.add_home("hanako", "council", "gw2", zone=""), "is no IANA time zone"),
        (lambda r: r.add_home("hanako", "council", "gw/2"), "home.gateway: a gateway id has 1 to 64"),
        (lambda r: r.add_home("hanako", "council", "+"), "home.gateway: a gateway id has 1 to 64"),
        (lambda r: r.add_home("hanako", "council", "gw1"), "gateway 'gw1' stands in home 'h1' already"),
        (lambda r: r.add_home("hanako", "council", "gw2", id="h1"), "home 'h1' is in the register already"),
        (lambda r: r.add_home("nobody", "council", "gw2"), "person 'nobody' is not in the register; add it first"),
        (lambda r: r.add_home("hanako", "club", "gw2"), "organisation 'club' is not in the register"),
        (lambda r: r.put_home("h1", "taro", "council", "gw1"), "home 'h1' is another person's"),
        (lambda r: r.put_home("h2", "taro", "council", "gw1"), "gateway 'gw1' stands in home 'h1' already"),
        (lambda r: r.add_organisation("x", "counsil"), "organisation.kind 'counsil' is not known; did you mean 'counc"),
        (lambda r: r.add_organisation("", "council"), "organisation.name must be a text that is not empty"),
        (lambda r: r.add_person("山田\n花子"), "person.name holds a line break"),
        (lambda r: r.add_person("山" * 201), "person.name has more than 200 characters"),
        (lambda r: r.add_person("x", language="jp"), "person.language 'jp' is not known; known: en, ja"),
        (lambda r: r.add_person("x", id="hanako"), "person 'hanako' is in the register already"),
        (lambda r: r.add_person("x", id="a:b"), "person: an id has 1 to 64 letters"),
        (lambda r: r.relate("hanako", "taro", "nieghbour"), "relation.role 'nieghbour' is not known; did you mean 'ne"),
        (lambda r: r.relate("hanako", "taro", "boss"), "known: family, hub_volunteer, neighbour, staff"),
        (lambda r: r.relate("hanako", "hanako", "neighbour"), "person 'hanako' cannot be related to themself"),
        (lambda r: r.relate("hanako", "taro", "neighbour"), "relation 'r1' already says so"),
        (lambda r: r.relate("hanako", "taro", "neighbour", "", BEGIN - 9, BEGIN + 1), "relation 'r1' already says so"),
        (lambda r: r.relate("hanako", "taro", "family", "", 5, 5), "relation: it ends before it begins or at once"),
        (lambda r: r.relate("hanako", "taro", "family", "", -1), "relation.from_ms must be whole milliseconds"),
        (lambda r: r.relate("hanako", "taro", "family", "", 10**15), "before the year 3000"),
        (lambda r: r.relate("hanako", "taro", "family", "", 1.5), "relation.from_ms must be whole milliseconds"),
        (lambda r: r.revoke("r9"), "relation 'r9' is not in the register"),
        (lambda r: r.add_contact_method("taro", "smss", "+81312345679"), "contact_method.channel 'smss' is not known"),
        (lambda r: r.add_contact_method("taro", "sms", "03-1234-567"), "write the phone number with its country"),
        (lambda r: r.add_contact_method("taro", "voice", "+8109012345678"), "no 0 after +81"),
        (lambda r: r.add_contact_method("taro", "sms", "+81-3-1234-5678"), "contact method 'c2' of that person is the"),
        (lambda r: r.set_hours("taro", "mon-fri 8-20"), "person.hours: '8-20' is no span of time"),
        (lambda r: r.set_hours("taro", "noon 08:00-20:00"), "person.hours: 'noon' is no day; days are mon, tue"),
        (lambda r: r.set_hours("taro", "mon 08:00-20:00", "Asia/Tokio"), "did you mean 'Asia/Tokyo'?"),
        (lambda r: r.take_leave("taro", 5, 5), "leave: it ends before it begins or at once"),
        (lambda r: r.take_leave("nobody", 5, 6), "person 'nobody' is not in the register"),
        (lambda r: r.take_leave("taro", 5, 6), "leave: it is over already and would change nothing; let it end at a"),
        (lambda r: r.cancel_leave("l9"), "leave 'l9' is not in the register"),
        (lambda r: r.opt_in("taro"), "person 'taro' has not opted out"),
        (lambda r: r.enable_contact_method("c2"), "contact method 'c2' is in use already"),
        (lambda r: r.verify_contact_method("c9"), "contact method 'c9' is not in the register"),
        (lambda r: r.add_contact_method("taro", "email", "taro"), "write an e-mail address"),
        (lambda r: r.add_contact_method("taro", "line", "  "), "contact_method.address must be a text that is not"),
        (
            lambda r: r.add_contact_method("taro", "line", "taro-chan"),
            "a LINE user id is U and 32 of the letters 0-9 and",
        ),
        (lambda r: r.add_contact_method("taro", "line", LINE_USER[:-1]), "'mimamori link-line' gives a code"),
        (lambda r: r.add_contact_method("taro", "line", LINE_USER + "A"), "a LINE user id is U and 32 of the letters"),
        (lambda r: r.add_contact_method("taro", "sms", "+81312345678"), "contact method 'c2' of that person is the"),
        (lambda r: r.add_contact_method("taro", "line", LINE_USER, 100), "contact_method.rank must be a whole number"),
        (
            lambda r: r.add_contact_method("taro", "line", LINE_USER, 0, True),
            "contact_method.verified_ms must be whole",
        ),
        (lambda r: r.disable_contact_method("c9", "blocked"), "contact method 'c9' is not in the register"),
        (lambda r: r.disable_contact_method("c2", "he said no"), "reason: an id has 1 to 64"),
        (lambda r: r.register_absence("h9", 1, 2), "home 'h9' is not in the register"),
        (lambda r: r.register_absence("h1", 2, 2), "absence: it ends before it begins or at once"),
        (lambda r: r.register_absence("h1", 1, None), "absence.to_ms must be whole milliseconds"),
        (lambda r: r.cancel_absence("a9"), "absence 'a9' is not in the register"),
        (lambda r: r.revoke("'; DROP TABLE people; --"), "relation: an id has 1 to 64"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_with_the_remedy(cast: SimpleNamespace, do: Any, says: str):
    with pytest.raises(RegistryError) as caught:
        change(cast, do)
    assert says in str(caught.value)
    assert "03-1234" not in str(caught.value)
    assert "花子" not in str(caught.value)


@pytest.mark.parametrize("actor", ["", "two words", "電話"])
def test_who_acts_must_be_an_id(cast: SimpleNamespace, actor: str):
    with pytest.raises(RegistryError, match="actor"), edit(cast.engine, actor=actor, now_ms=1):
        pass


def test_two_who_add_the_same_at_the_same_moment_are_told_to_try_again(any_engine: Engine):
    """What a unique index refuses although the check before saw nothing; its own text would repeat the row."""
    row = {"id": "x", "name": "山田 花子"}
    with (
        pytest.raises(RegistryError, match="try again") as caught,
        edit(any_engine, actor="test", now_ms=1) as registry,
    ):
        registry._connection.execute(insert(people), [row, row])
    assert "花子" not in str(caught.value)


def test_a_revoked_relation_ends_now_and_a_new_consent_can_follow(cast: SimpleNamespace):
    change(cast, lambda registry: registry.revoke("r1"), cast.now_ms + 1000)
    new = change(cast, lambda registry: registry.relate("hanako", "taro", "neighbour"), cast.now_ms + 2000)
    ends = {row["id"]: (row["from_ms"], row["to_ms"]) for row in rows(cast.engine, relations)}
    assert ends["r1"] == (cast.now_ms, cast.now_ms + 1000)
    assert ends[new] == (cast.now_ms + 2000, None)


def test_a_relation_revoked_before_it_begins_is_never_in_force(cast: SimpleNamespace):
    later = change(cast, lambda r: r.relate("hanako", "taro", "family", "", cast.now_ms + 1000))
    change(cast, lambda registry: registry.revoke(later))
    (row,) = [row for row in rows(cast.engine, relations) if row["id"] == later]
    assert row["to_ms"] == row["from_ms"]


def test_revoking_never_prolongs(cast: SimpleNamespace):
    change(cast, lambda registry: registry.revoke("r1"))
    with pytest.raises(RegistryError, match="ends by then already"):
        change(cast, lambda registry: registry.revoke("r1", cast.now_ms + 1000))


def test_one_person_can_have_several_parts_and_watch_back(cast: SimpleNamespace):
    change(cast, lambda registry: registry.relate("taro", "hanako", "neighbour"))
    change(cast, lambda registry: registry.relate("hanako", "taro", "hub_volunteer"))
    assert len(rows(cast.engine, relations)) == 4


def test_a_disabled_contact_method_says_why_and_is_disabled_once(cast: SimpleNamespace):
    change(cast, lambda registry: registry.disable_contact_method("c2", "blocked"))
    (row,) = [row for row in rows(cast.engine, contact_methods) if row["id"] == "c2"]
    assert row["disabled_reason"] == "blocked"
    with pytest.raises(RegistryError, match="disabled already"):
        change(cast, lambda registry: registry.disable_contact_method("c2", "blocked"))


def test_an_absence_under_way_ends_now_one_to_come_is_removed_one_past_is_left(any_cast: SimpleNamespace):
    now_ms = any_cast.now_ms
    change(any_cast, lambda registry: registry.register_absence("h1", now_ms - 10, now_ms + 10, "病院", id="a1"))
    change(any_cast, lambda registry: registry.register_absence("h1", now_ms + 20, now_ms + 30, id="a2"))
    change(any_cast, lambda registry: registry.register_absence("h1", now_ms - 30, now_ms - 20, id="a3"))
    change(any_cast, lambda registry: registry.cancel_absence("a1"))
    change(any_cast, lambda registry: registry.cancel_absence("a2"))
    with pytest.raises(RegistryError, match="over already"):
        change(any_cast, lambda registry: registry.cancel_absence("a3"))
    ends = {row["id"]: row["to_ms"] for row in rows(any_cast.engine, absences)}
    assert ends == {"a1": now_ms, "a3": now_ms - 20}
    lines = [line for line in rows(any_cast.engine, audit) if line["what"] == "absence_cancelled"]
    assert [(line["params"], line["home_id"]) for line in lines] == [({"id": "a1"}, "h1"), ({"id": "a2"}, "h1")]


def test_the_same_absence_is_registered_once(cast: SimpleNamespace):
    change(cast, lambda registry: registry.register_absence("h1", 1, 2))
    with pytest.raises(RegistryError, match="says the same"):
        change(cast, lambda registry: registry.register_absence("h1", 1, 2))


def test_putting_what_is_there_changes_nothing_and_says_so(cast: SimpleNamespace):
    before = rows(cast.engine, audit)
    put: Callable[[Registry], str] = lambda r: r.put_home("h1", "hanako", "council", "gw1", area="本町")  # noqa: E731
    assert change(cast, put) == "same"
    assert rows(cast.engine, audit) == before


def test_putting_something_else_changes_it_and_the_audit_names_the_fields_not_the_values(cast: SimpleNamespace):
    assert change(cast, lambda r: r.put_home("h1", "hanako", "council", "gw9", area="新町")) == "changed"
    (row,) = rows(cast.engine, homes)
    assert (row["gateway"], row["area"]) == ("gw9", "新町")
    line = rows(cast.engine, audit)[-1]
    assert (line["what"], line["params"]) == ("home_changed", {"id": "h1", "columns": ["area", "gateway"]})


def last_line(cast: SimpleNamespace) -> tuple[str, str, str]:
    line = rows(cast.engine, audit)[-1]
    return line["actor"], line["what"], line["params"]["id"]


def person(cast: SimpleNamespace, key: str) -> dict[str, Any]:
    return next(row for row in rows(cast.engine, people) if row["id"] == key)


def test_an_opt_out_is_dated_audited_and_holds_until_they_opt_in(any_cast: SimpleNamespace):
    change(any_cast, lambda registry: registry.opt_out("taro"), any_cast.now_ms + 7)
    assert person(any_cast, "taro")["opt_out_ms"] == any_cast.now_ms + 7
    assert last_line(any_cast) == ("sachiko", "person_opted_out", "taro")
    change(any_cast, lambda registry: registry.put_person("taro", "鈴木 太郎"))
    assert person(any_cast, "taro")["opt_out_ms"] is not None, "a register that is read again must not undo it"
    change(any_cast, lambda registry: registry.opt_in("taro"))
    assert person(any_cast, "taro")["opt_out_ms"] is None
    assert last_line(any_cast)[1] == "person_opted_in"


def test_hours_are_kept_in_one_way_and_stay_when_an_entry_does_not_name_them(cast: SimpleNamespace):
    change(cast, lambda registry: registry.set_hours("taro", "月-金 ８：００〜２０：００"))
    assert person(cast, "taro")["hours"] == "mon-fri 08:00-20:00"
    assert change(cast, lambda registry: registry.put_person("taro", "鈴木 太郎")) == "same"
    assert change(cast, lambda registry: registry.put_person("taro", "鈴木 太郎", hours="")) == "changed"
    assert person(cast, "taro")["hours"] == ""


def test_a_leave_under_way_ends_when_it_is_cancelled_and_one_to_come_is_removed(cast: SimpleNamespace):
    now_ms = cast.now_ms
    change(cast, lambda registry: registry.take_leave("taro", now_ms - 5, now_ms + 5, "旅行", id="l1"))
    change(cast, lambda registry: registry.take_leave("taro", now_ms + 50, now_ms + 60, id="l2"))
    for leave in ("l1", "l2"):
        change(cast, lambda registry, leave=leave: registry.cancel_leave(leave))
    assert [(row["id"], row["to_ms"]) for row in rows(cast.engine, leaves)] == [("l1", now_ms)]
    with pytest.raises(RegistryError, match="over already"):
        change(cast, lambda registry: registry.cancel_leave("l1"))


def test_what_was_verified_stays_verified_when_the_register_is_read_again(cast: SimpleNamespace):
    change(cast, lambda registry: registry.verify_contact_method("c2"), cast.now_ms + 9)
    assert change(cast, lambda registry: registry.put_contact_method("taro", "sms", "03-1234-5678")) == "same"
    (row,) = [row for row in rows(cast.engine, contact_methods) if row["id"] == "c2"]
    assert row["verified_ms"] == cast.now_ms + 9


def test_a_disabled_method_can_be_used_again(cast: SimpleNamespace):
    change(cast, lambda registry: registry.disable_contact_method("c2", "blocked"))
    change(cast, lambda registry: registry.enable_contact_method("c2"))
    (row,) = [row for row in rows(cast.engine, contact_methods) if row["id"] == "c2"]
    assert row["disabled_reason"] is None
    assert last_line(cast)[1] == "contact_method_enabled"
