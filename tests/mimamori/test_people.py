"""The commands about people, as an operator uses them, on a store that the register file filled."""

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mimamori import cli, exits
from mimamori.server.build import import_register_file
from store.engine import open_store, reading
from store.register.registry import edit
from store.schema import absences, ask_budgets, audit, contact_methods, incidents, leaves, people, test_sends

REGISTER = """
[[organisations]]
id = "council"
name = "見本町社会福祉協議会"
kind = "council"
[[people]]
id = "hanako"
name = "見本 花子"
contacts = [{ channel = "outbox", address = "hanako" }]
[[people]]
id = "taro"
name = "鈴木 太郎"
hours = "mon-sat 08:00-20:00"
contacts = [{ channel = "outbox", address = "taro" }, { channel = "sms", address = "090-1234-5678", rank = 1 }]
[[people]]
id = "sachiko"
name = "佐藤 幸子"
contacts = [{ channel = "outbox", address = "sachiko" }]
[[homes]]
id = "h1"
person = "hanako"
organisation = "council"
gateway = "gw1"
[[relations]]
subject = "hanako"
other = "taro"
role = "neighbour"
from = 2026-01-01
[[relations]]
subject = "hanako"
other = "sachiko"
role = "staff"
from = 2026-01-01
"""


def ms(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")).timestamp() * 1000)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "m.toml").write_text('[channels]\noutbox = "phones"\n')
    (tmp_path / "register.toml").write_text(REGISTER, encoding="utf-8")
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    import_register_file(db, tmp_path / "register.toml", ms("2026-01-02"))
    yield db
    db.dispose()


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Run a command in this process; the exit code, and what it wrote."""
    monkeypatch.setattr("mimamori.cli.signal.signal", lambda *_: None)

    def run(*arguments):
        code = cli.main([*arguments, "--config", str(tmp_path / "m.toml")])
        written = capsys.readouterr()
        return code, written.out if code == exits.DONE else written.err

    return run


def rows(db, table):
    with reading(db) as connection:
        return [dict(row) for row in connection.execute(table.select()).mappings()]


def done(call, *arguments):
    code, written = call(*arguments)
    assert code == exits.DONE, written
    return written


def one(call, person):
    return json.loads(done(call, "people", "show", person, "--json"))


def test_a_person_is_added_with_hours_and_whom_they_watch_over(server, call):
    said = done(
        call, "people", "add", "高橋 次郎", "--id", "jiro", "--hours", "月-金 8:00-20:00", "--watches", "hanako"
    )
    assert "mimamori contacts add jiro" in said
    found = one(call, "jiro")
    assert (found["name"], found["hours"]) == ("高橋 次郎", "mon-fri 08:00-20:00")
    assert [(item["subject_id"], item["role"]) for item in found["relations"]] == [("hanako", "neighbour")]
    assert {line["actor"] for line in rows(server, audit) if line["params"].get("id") == "jiro"} == {"operator"}


def test_the_list_names_everybody_and_shows_no_phone_number(server, call):
    table = done(call, "people", "list")
    assert all(name in table for name in ("見本 花子", "鈴木 太郎", "佐藤 幸子", "mon-sat 08:00-20:00"))
    listed = {item["id"]: item for item in json.loads(done(call, "people", "list", "--json"))}
    assert listed["taro"]["roles"] == ["neighbour"]
    assert (listed["hanako"]["roles"], listed["taro"]["ways"]) == (["watched"], ["outbox", "sms"])
    for arguments in (["people", "show", "taro"], ["contacts", "list"], ["contacts", "list", "taro", "--json"]):
        assert "12345678" not in done(call, *arguments)
        assert "+81…78" in done(call, *arguments)
        assert "+819012345678" in done(call, *arguments, "--full")


def test_hours_leave_and_its_end(server, call):
    assert "mon-fri 09:00-17:00" in done(call, "people", "hours", "taro", "mon-fri 9:00-17:00")
    assert one(call, "taro")["hours"] == "mon-fri 09:00-17:00"
    done(call, "people", "hours", "taro", "always")
    assert one(call, "taro")["hours"] == ""
    said = done(call, "people", "leave", "taro", "--from", "2026-01-05", "--to", "2999-01-01", "--note", "帰省")
    (leave,) = rows(server, leaves)
    assert (leave["from_ms"], leave["note"]) == (ms("2026-01-05"), "帰省")
    assert f"--cancel {leave['id']}" in said
    done(call, "people", "leave", "taro", "--cancel", leave["id"])
    assert rows(server, leaves)[0]["to_ms"] < ms("2998-01-01")


def test_a_watched_person_who_is_away_and_back_earlier(server, call):
    said = done(call, "people", "absence", "hanako", "--from", "2026-01-05", "--to", "2999-01-01", "--note", "入院")
    (away,) = rows(server, absences)
    assert (away["home_id"], away["from_ms"], away["note"]) == ("h1", ms("2026-01-05"), "入院")
    assert f"--cancel {away['id']}" in said
    assert f"absence {away['id']}" in done(call, "people", "show", "hanako")
    done(call, "people", "absence", "hanako", "--cancel", away["id"])
    assert rows(server, absences)[0]["to_ms"] < ms("2998-01-01")


def test_the_command_that_verifies_a_way_stands_on_a_line_of_its_own(server, call, tmp_path):
    keys = [row["id"] for row in rows(server, contact_methods) if row["person_id"] == "taro"]
    done(call, "contacts", "disable", keys[0], "wrong_number")
    lines = done(call, "people", "show", "taro").splitlines()
    commands = [line for line in lines if "mimamori test-send" in line]
    assert commands == [f"to verify it: mimamori test-send {keys[1]} --config {tmp_path}/m.toml"]


def test_who_opts_out_is_marked_and_can_come_back(server, call):
    assert "is not contacted any more" in done(call, "people", "opt-out", "taro")
    assert one(call, "taro")["opt_out_ms"] is not None
    assert "opted out already" in call("people", "opt-out", "taro")[1]
    done(call, "people", "opt-in", "taro")
    assert one(call, "taro")["opt_out_ms"] is None


def test_a_relation_begins_and_ends(server, call):
    done(call, "people", "add", "高橋 次郎", "--id", "jiro")
    said = done(call, "people", "relate", "hanako", "jiro", "--role", "family", "--purpose", "見守り")
    (key,) = re.findall("relation '([0-9a-f]+)'", said)
    done(call, "people", "revoke", key)
    assert one(call, "jiro")["relations"][0]["to_ms"] is not None


def test_a_number_is_kept_as_it_is_dialled_and_a_wrong_one_is_refused_without_repeating_it(server, call):
    done(call, "contacts", "add", "hanako", "voice", "０９０-８７６５-４３２１", "--id", "c-voice")
    (row,) = [row for row in rows(server, contact_methods) if row["id"] == "c-voice"]
    assert row["address"] == "+819087654321"
    code, said = call("contacts", "add", "hanako", "voice", "090-8765-432")
    assert (code, "write the phone number with its country" in said, "8765" in said) == (exits.USAGE, True, False)


def test_a_test_send_reaches_the_phone_and_its_code_verifies(server, call, tmp_path):
    key = next(row["id"] for row in rows(server, contact_methods) if row["address"] == "taro")
    said = done(call, "test-send", key)
    assert "was accepted" in said
    assert f"mimamori contacts verify {key} CODE" in said
    (shown,) = (json.loads(path.read_text()) for path in (tmp_path / "phones").glob("*.json"))
    assert (shown["address"], shown["purpose"]) == ("taro", "test")
    code = re.search("[0-9]{6}", shown["body"])[0]
    assert code not in said
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert call("contacts", "verify", key, wrong)[0] == exits.USAGE
    assert "is verified" in done(call, "contacts", "verify", key, code)
    assert rows(server, test_sends)[0]["confirmed_ms"] is not None
    assert next(row for row in rows(server, contact_methods) if row["id"] == key)["verified_ms"] is not None


def test_a_test_send_that_cannot_be_sent_says_so_and_what_to_do(server, call):
    key = next(row["id"] for row in rows(server, contact_methods) if row["channel"] == "sms")
    code, said = call("test-send", key)
    assert (code, "channel 'sms' is not set up in [channels]" in said) == (exits.USAGE, True)
    done(call, "contacts", "disable", key, "wrong_number")
    assert "mimamori contacts enable" in call("test-send", key)[1]
    done(call, "contacts", "enable", key)


def test_the_policy_is_shown_with_its_times(server, call):
    table = done(call, "policy", "show")
    assert "2 neighbours" in table
    assert "again every 30 min, until a human records the outcome" in table
    assert json.loads(done(call, "policy", "show", "--json"))["silence"]["steps"][0]["answer_s"] == 1800


def test_explain_tells_who_would_be_told_what_and_who_would_not_and_writes_nothing(server, call):
    arguments = ("policy", "explain", "hanako", "--at", "2026-03-02T11:00")  # a Monday
    found = json.loads(done(call, *arguments, "--json"))
    told = [(item["at_ms"] - ms("2026-03-02T11:00"), item["person"], item["channel"]) for item in found["messages"]]
    minute = 60_000
    assert told == [
        (0, "hanako", "outbox"),
        (30 * minute, "taro", "outbox"),
        (90 * minute, "sachiko", "outbox"),
        (120 * minute, "sachiko", "outbox"),
    ]
    assert "鈴木 太郎 (taro)" in done(call, *arguments)
    sunday = done(call, "policy", "explain", "hanako", "--at", "2026-03-01T11:00")
    assert "not told: 鈴木 太郎 (taro): outside the hours" in sunday
    assert rows(server, incidents) == []


def test_explain_says_how_often_a_person_is_asked_who_seldom_answers(server, call):
    arguments = ("policy", "explain", "hanako", "--at", "2026-03-02T11:00")
    assert json.loads(done(call, *arguments, "--json"))["ask_budget"] is None
    with server.begin() as connection:
        row = {"home_id": "h1", "ask_every_days": 41, "answered": 4, "unanswered": 2, "at_ms": 1}
        connection.execute(ask_budgets.insert().values(row))
    assert "asked 6 times and answered 4 times: asked about once in 41 days at most" in done(call, *arguments)


def is_away(server, from_date, to_date, note=""):
    """As it was registered when it was still to come."""
    with edit(server, actor="test", now_ms=ms("2026-01-02")) as registry:
        registry.register_absence("h1", ms(from_date), ms(to_date), note)


@pytest.mark.parametrize(
    ("at", "japanese", "english"),
    [
        ("2026-03-03T11:00", "2026-03-07 00:00 までは", "Nobody is asked before 2026-03-07 00:00; then the person is."),
        (
            "2026-03-01T23:40",
            "2026-03-02 00:00 からは",
            "From 2026-03-02 00:00 on nobody is asked; at 2026-03-07",
        ),
    ],
)
def test_explain_says_which_absences_move_the_times_why_and_until_when(server, call, at, japanese, english):
    is_away(server, "2026-03-02", "2026-03-05", "入院")
    is_away(server, "2026-03-04", "2026-03-07")
    arguments = ("policy", "explain", "hanako", "--at", at)
    said = done(call, *arguments)
    missing = [words for words in (japanese, english, "理由: 入院", "理由: 記録なし") if words not in said]
    assert not missing, said
    found = json.loads(done(call, *arguments, "--json"))
    assert [(item["to_ms"], item["note"]) for item in found["absences"]] == [
        (ms("2026-03-05"), "入院"),
        (ms("2026-03-07"), ""),
    ]
    assert ms("2026-03-07") in {item["at_ms"] for item in found["messages"] if item["person"] == "hanako"}


def test_explain_is_silent_about_an_absence_that_moves_nothing(server, call):
    is_away(server, "2026-03-02", "2026-03-05", "入院")
    for at in ("2026-02-27T11:00", "2026-03-05T11:00"):
        assert "入院" not in done(call, "policy", "explain", "hanako", "--at", at)


def test_explain_says_that_an_absence_puts_off_no_call_for_help_and_what_is_too_far_ahead(server, call):
    is_away(server, "2026-03-02", "2026-06-01")
    arguments = ("policy", "explain", "hanako", "--at", "2026-03-03T11:00")
    said = done(call, *arguments)
    assert "Nobody is asked before 2026-06-01 00:00" in said
    assert "no incident would be opened for 'hanako' within a month." in said
    help_said = done(call, *arguments, "--kind", "help")
    assert "a call for help goes out at once" in help_said
    assert "Nobody is asked before" not in help_said


def test_explain_shows_what_follows_when_a_channel_fails(server, call):
    arguments = ("policy", "explain", "hanako", "--at", "2026-03-02T11:00", "--failing", "outbox", "--json")
    found = json.loads(done(call, *arguments))
    failures = {(item["person"], item["channel"]): item["failure"] for item in found["messages"]}
    assert failures[("taro", "outbox")] == "refused"
    assert failures[("taro", "sms")] == "no_channel"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["people", "show", "jiro"], "person 'jiro' is not in the register; see mimamori people list"),
        (["people", "hours", "taro", "8-20"], "person.hours: '8-20' has no days or no times; write such as"),
        (["people", "leave", "taro", "--to", "soon"], "--to must be a date such as 2026-04-01"),
        (["people", "leave", "taro"], "--to is missing"),
        (["people", "leave", "taro", "--from", "2025-01-05", "--to", "2025-01-09"], "--to 2025-01-09 is over already"),
        (
            ["people", "leave", "taro", "--from", "2999-01-10", "--to", "2999-01-01"],
            "--to 2999-01-01 is not later than --from 2999-01-10",
        ),
        (["people", "absence", "hanako", "--to", "2025-01-09"], "(2025-01-09 00:00, Asia/Tokyo) and would change noth"),
        (["contacts", "add", "taro", "line", "taro-chan"], "a LINE user id is U and 32 of the letters 0-9 and a-f"),
        (["people", "absence", "taro", "--to", "2999-01-01"], "has no home that is watched (watched: hanako)"),
        (["people", "absence", "hanako", "--cancel", "a9"], "'a9'"),
        (["people", "add", "x", "--id", "taro"], "person 'taro' is in the register already"),
        (["contacts", "add", "taro", "pigeon", "x"], "channel 'pigeon' is not known"),
        (["contacts", "verify", "c9", "123456"], "no test was sent to contact method 'c9'; send one"),
        (["policy", "explain", "taro"], "person 'taro' has no home that is watched"),
        (["policy", "explain", "hanako", "--at", "tomorrow"], "--at must be a date"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(server, call, arguments, says):
    code, said = call(*arguments)
    assert code == exits.USAGE
    assert says in said
    assert len(rows(server, people)) == 3


def test_without_a_store_none_is_made(call, tmp_path):
    (tmp_path / "m.toml").write_text("")
    code, said = call("people", "list")
    assert (code, "there is no store" in said) == (exits.USAGE, True)
    assert not (tmp_path / "mimamori.db").exists()


def test_the_doctor_counts_addresses_that_nobody_verified(server, tmp_path):
    from mimamori.commands.doctor import look_at_settings

    found = {item.what: item for item in look_at_settings(tmp_path / "m.toml")}
    finding = found["contact methods not verified"]
    assert (finding.seen, finding.grave, "mimamori test-send" in finding.command) == ("4", False, True)


def test_the_command_runs_as_a_process_of_its_own(mimamori, server):
    command = mimamori("people", "list", "--config", "m.toml")
    assert command.wait(60) == exits.DONE, command.output
    assert "鈴木 太郎" in command.output


@pytest.mark.parametrize(("verb", "table"), [("leave", leaves), ("absence", absences)])
def test_nobody_ends_somebody_elses_leave_or_absence_by_a_slip(server, call, verb, table):
    done(call, "people", verb, "hanako", "--from", "2026-01-05", "--to", "2999-01-01")
    (before,) = rows(server, table)
    code, said = call("people", verb, "sachiko", "--cancel", before["id"])
    assert (code, "is of somebody else; see mimamori people show sachiko" in said) == (exits.USAGE, True)
    assert rows(server, table) == [before]
