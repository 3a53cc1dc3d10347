import socket
from dataclasses import replace

import pytest
from sqlalchemy import update

from edge_agent.clock import SystemClock
from mail_double import MailDouble
from mimamori.commands import doctor
from mimamori.server.broker import Broker
from simulators.processes import free_port
from store.engine import open_store
from store.lease import INGEST, Lease, Process
from store.register.registry import edit
from store.schema import leases


def findings(tmp_path, text):
    path = tmp_path / "mimamori.toml"
    path.write_text(text)
    return {finding.what: finding for finding in doctor.look_at_settings(path)}


def test_a_first_start_lacks_nothing_and_the_look_leaves_nothing_behind(tmp_path):
    text = f'[channels]\nconsole = true\n[dashboard]\nport = {free_port()}\n[broker]\nurl = "embedded:{free_port()}"\n'
    found = findings(tmp_path, text)
    assert not any(finding.remedy for finding in found.values() if finding.grave), found
    assert [path.name for path in tmp_path.iterdir()] == ["mimamori.toml"]


def test_a_machine_that_nobody_outside_watches_is_a_note_and_the_switch_keeps_its_secret(tmp_path):
    note = findings(tmp_path, "")["dead-man switch"]
    assert "audit.ping_url" in note.remedy
    assert note.command == f"mimamori audit --config {tmp_path}/mimamori.toml"
    assert not note.grave
    named = findings(tmp_path, '[audit]\nping_url = "https://hc.example/secret-path"\n')["dead-man switch"]
    assert (named.seen, named.remedy) == ("hc.example", "")


def test_the_packages_are_those_that_the_extra_of_the_server_declares(monkeypatch):
    asked = ["paho-mqtt<3,>=2.1", 'numpy>=1.26; extra == "server"', 'not-there>=1; extra == "server"']
    monkeypatch.setattr("mimamori.commands.doctor.machine.requires", lambda _name: asked)
    found = {finding.what: finding for finding in doctor.look_at_machine()}["packages of the server"]
    assert (found.seen, found.remedy) == ("1 of 2", "missing: not-there")


def test_a_typo_is_named_with_the_nearest_key(tmp_path):
    assert "did you mean 'alerts'?" in findings(tmp_path, "[alert]\n")["settings"].remedy


def test_a_store_without_homes_says_that_nobody_is_watched(tmp_path):
    open_store(f"sqlite:///{tmp_path}/mimamori.db").dispose()
    assert "nobody is watched" in findings(tmp_path, "")["homes"].remedy


def is_ready_for_the_first_start(tmp_path, url):
    found = findings(tmp_path, f'[store]\nurl = "{url}"\n')["store"]
    return ", without tables: made at the next start" in found.seen and not found.remedy


def test_a_file_without_tables_is_ready_for_the_first_start(tmp_path):
    (tmp_path / "empty.db").touch()
    assert is_ready_for_the_first_start(tmp_path, f"sqlite:///{tmp_path}/empty.db")


def test_a_store_of_an_earlier_version_is_looked_at_without_a_stumble(tmp_path):
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    leases.drop(db)
    db.dispose()
    found = findings(tmp_path, "")["store"]
    assert "without all of its tables: made at the next start" in found.seen
    assert not found.remedy


@pytest.mark.system
def test_a_new_database_of_postgresql_is_ready_for_the_first_start(tmp_path, new_database):
    assert is_ready_for_the_first_start(tmp_path, new_database("template0"))


def test_a_home_that_nobody_can_be_called_for_is_grave(tmp_path):
    (tmp_path / "register.toml").write_text("")
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    with edit(db, actor="test", now_ms=1) as registry:
        council = registry.add_organisation("社協", "council")
        registry.add_home(registry.add_person("山田 花子"), council, gateway="gw-1")
    db.dispose()
    finding = findings(tmp_path, "")["homes that nobody can be called for"]
    assert finding.grave
    assert finding.seen == "1"
    assert "contact method" in finding.remedy


@pytest.mark.parametrize(("from_ms", "to_ms", "alone"), [(1, 2**42, "0"), (1, 2, "1"), (2**42, None, "1")])
def test_only_a_relation_in_force_counts(tmp_path, from_ms, to_ms, alone):
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    with edit(db, actor="test", now_ms=1) as registry:
        council = registry.add_organisation("社協", "council")
        person, other = registry.add_person("山田 花子"), registry.add_person("鈴木 太郎")
        registry.add_home(person, council, gateway="gw-1")
        registry.add_contact_method(other, "outbox", "phone")
        registry.relate(person, other, "neighbour", from_ms=from_ms, to_ms=to_ms)
    db.dispose()
    assert findings(tmp_path, "")["homes that nobody can be called for"].seen == alone


def test_a_secret_that_others_can_read_is_found(tmp_path):
    (tmp_path / "secret.key").write_text("x" * 64)
    (tmp_path / "secret.key").chmod(0o644)
    found = findings(tmp_path, "")["secret of the links"]
    assert found.remedy
    assert found.command == f"chmod 600 {tmp_path}/secret.key"


def test_a_command_is_printed_whole_on_a_line_of_its_own_however_narrow_the_screen_is(mimamori, tmp_path):
    folder = tmp_path / ("a folder with a long name " * 5).strip()
    folder.mkdir()
    (folder / "m.toml").write_text("")
    secret = folder / "secret.key"
    secret.write_text("x" * 64)
    secret.chmod(0o644)
    command = mimamori("doctor", "--config", folder / "m.toml")
    assert command.wait(60) == 1
    assert f"chmod 600 '{secret}'" in [line.strip() for line in command.output.splitlines()]


def test_contacts_of_a_channel_that_is_not_set_up_are_counted_with_the_remedy(tmp_path):
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    with edit(db, actor="test", now_ms=1) as registry:
        for name in ("a", "b"):
            registry.add_person(name, id=name)
            registry.add_contact_method(name, "line", "U" + name * 32, id=f"line-{name}")
        registry.add_contact_method("a", "outbox", "phone", rank=1)
        registry.add_contact_method("b", "sms", "+819012345678", id="sms-b")
        registry.disable_contact_method("sms-b", "wrong_number")
    db.dispose()
    found = findings(tmp_path, '[channels]\noutbox = "phones"\n')
    assert [what for what in found if what.startswith("contacts by")] == ["contacts by line"]
    finding = found["contacts by line"]
    assert finding.grave
    assert finding.seen.startswith("2, but the channel is not set up")
    assert "token_file and secret_file in [channels.line]" in finding.remedy
    assert finding.command == f"mimamori contacts disable line-a no_channel --config {tmp_path}/mimamori.toml"
    assert "contacts by line" not in findings(tmp_path, '[server]\nroles = ["dashboard"]\n')


def test_a_register_is_tried_out_before_the_first_start(tmp_path):
    register = tmp_path / "register.toml"
    settings = '[server]\nregister = "register.toml"\n[channels]\nconsole = true\n'
    register.write_text(
        '[[people]]\nid = "a"\nname = "a"\ncontacts = [{ channel = "sms", address = "090-1234-5678" }]\n'
    )
    found = findings(tmp_path, settings)
    assert found["register"].remedy == ""
    assert found["contacts by sms"].seen.startswith("1, but the channel is not set up")
    assert "sms_from in [channels.twilio], or take them out" in found["contacts by sms"].remedy
    register.write_text('[[people]]\nid = "a"\n')
    assert "people[0]" in findings(tmp_path, settings)["register"].remedy
    assert {path.name for path in tmp_path.iterdir()} == {"mimamori.toml", "register.toml"}


def test_a_broker_that_does_not_answer_is_found_and_one_that_does_is_not(tmp_path):
    with Broker(tmp_path) as broker:
        settings = f'[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
        assert findings(tmp_path, settings)["broker"].remedy == ""
    assert "broker.url" in findings(tmp_path, settings)["broker"].remedy


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("", "channels", "no message reaches anybody"),
        ('[channels]\noutbox = "none/phones"\n', "outbox", "make the folder"),
        ('[server]\nsecret_file = "none/secret"\n', "secret of the links", "make the folder"),
        ('[server]\nsecret_file = "short.key"\n', "secret of the links", "no secret of 16 characters"),
        ('[server]\nregister = "none.toml"\n', "register", "check the path"),
        ('[store]\nurl = "sqlite:///none/mimamori.db"\n', "store", "make the folder"),
        ('[broker]\nurl = "mqtts://127.0.0.1:9"\nca = "none.pem"\n', "broker", "cannot be used"),
        ('[dashboard]\nhost = "0.0.0.0"\n', "port of the page", "SSH tunnel"),
    ],
)
def test_what_serve_would_refuse_at_its_start_is_found(tmp_path, text, what, remedy):
    (tmp_path / "short.key").write_text("short\n")
    (tmp_path / "short.key").chmod(0o600)
    finding = findings(tmp_path, text)[what]
    assert finding.grave
    assert remedy in finding.remedy


def test_a_port_of_our_own_broker_in_use_is_found(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        found = findings(tmp_path, f'[broker]\nurl = "embedded:{port}"\n')["port of our broker"]
    assert "embedded:PORT" in found.remedy


def test_a_port_in_use_is_found(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = findings(tmp_path, f"[dashboard]\nport = {port}\n")["port of the page"]
    assert "dashboard.port" in found.remedy


def test_an_influxdb_that_is_not_there_is_found_without_naming_the_token(tmp_path):
    (tmp_path / "token").write_text("geheim-geheim\n")
    store = '[store]\ntimeseries = "influx+http://127.0.0.1:9/mimamori"\ntoken_file = "token"\n'
    finding = findings(tmp_path, store)["time series"]
    assert finding.remedy
    assert "geheim" not in finding.remedy


def test_the_command_ends_with_one_when_something_grave_is_wrong(mimamori, tmp_path):
    (tmp_path / "m.toml").write_text("[strore]\n")
    command = mimamori("doctor", "--config", tmp_path / "m.toml")
    assert command.wait(60) == 1
    assert "did you mean 'store'?" in " ".join(command.output.split())


def test_who_takes_in_events_is_shown(tmp_path):
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    assert looked_up(tmp_path).seen == "nobody now"
    here, clock = Process.this(), SystemClock()
    lease = Lease(db, INGEST, here)
    lease.take(clock)
    assert f"process {here.pid} on {here.host}, whose lease ends at" in looked_up(tmp_path).seen
    assert not looked_up(tmp_path).remedy
    hidden = replace(here, host="other", boot=here.boot.split()[0] + " pid:[1]")
    with db.begin() as connection:
        connection.execute(update(leases).values(host=hidden.host, boot=hidden.boot))
    assert "no server here while the one on other runs" in looked_up(tmp_path).remedy
    lease.renew(clock.wall_ms() - 3_600_000)
    assert "see whether it still runs" in looked_up(tmp_path).remedy
    with db.begin() as connection:
        connection.execute(update(leases).values(boot=here.boot, began="1"))
    assert "has ended" in looked_up(tmp_path).seen
    db.dispose()


def looked_up(tmp_path):
    return findings(tmp_path, "")["who takes in events"]


def test_a_chime_in_somebody_elses_home_is_grave(tmp_path):
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    with edit(db, actor="test", now_ms=1) as registry:
        registry.add_organisation("社協", "council", id="council")
        for name in ("a", "b"):
            registry.add_person(name, id=name)
            registry.add_home(name, "council", f"gw-{name}", id=f"h-{name}")
        registry.add_contact_method("a", "home", "gw-a", id="right")
        registry.add_contact_method("b", "home", "gw-a", id="wrong")
    db.dispose()
    found = findings(tmp_path, "")["chimes in another home"]
    assert found.grave
    assert found.remedy.endswith("disable: wrong")


def test_a_mail_server_that_does_not_let_us_in_is_found(tmp_path):
    with MailDouble() as server:
        text = f'[channels.email]\nhost = "127.0.0.1"\nport = {server.port}\nsender = "m@example.jp"\nsecurity = '
        assert findings(tmp_path, text + '"none"\n')["mail server"].seen == "lets us in"
        assert "security" in findings(tmp_path, text + '"starttls"\n')["mail server"].remedy


def test_the_ports_of_a_server_that_runs_are_the_servers(tmp_path):
    """Whoever looks beside the running server must not be told to stop it."""
    db = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = f"[dashboard]\nport = {port}\n"
        assert findings(tmp_path, text)["port of the page"].remedy
        Lease(db, INGEST, Process.this()).take(SystemClock())
        found = findings(tmp_path, text)["port of the page"]
    db.dispose()
    assert (found.remedy, "our server, process" in found.seen) == ("", True)
