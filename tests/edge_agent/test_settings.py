import threading
from pathlib import Path

import pytest

from contracts.broker import BrokerSettings
from contracts.health import Sensor, SensorRole
from edge_agent.cli import opened_agent
from edge_agent.errors import SettingsError
from edge_agent.ports import Emit
from edge_agent.settings import AgentSettings, load_settings
from edge_agent.sources import KINDS
from edge_agent.toml_reader import Table

WHOLE = """
gateway = "gw-0001"
[broker]
url = "mqtts://broker.example:8884"
ca = "ca.pem"
certificate = "/etc/mimamori/gw.pem"
key = "gw.key"
username = "gw-0001"
password_file = "password"
keepalive_s = 60
[outbox]
path = "data/outbox.db"
max_mb = 50
commit_ms = 100
commit_rows = 20
[link]
window_batches = 4
ack_timeout_s = 2
ack_timeout_max_s = 30
reconnect_max_s = 10.5
paced_backlog = 1000
[health]
heartbeat_s = 60
[clock]
assume_synced = true
sync_marker = "/run/chrony/synchronized"
[[sensors]]
id = "toilet.door"
role = "room"
room = "toilet"
[[sources]]
kind = "replay"
path = "home.csv.gz"
zone = "Europe/Vienna"
name = "home"
exit_when_done = true
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "agent.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_key_arrives(written, tmp_path: Path):
    found = load_settings(written(WHOLE))
    assert found.gateway == "gw-0001"
    assert (found.broker.host, found.broker.port, found.broker.tls) == ("broker.example", 8884, True)
    assert found.broker.ca == tmp_path / "ca.pem"
    assert found.broker.certificate == Path("/etc/mimamori/gw.pem")
    assert found.broker.password_file == tmp_path / "password"
    assert (found.broker.username, found.broker.keepalive_s) == ("gw-0001", 60)
    assert (found.outbox.path, found.outbox.max_mb) == (tmp_path / "data" / "outbox.db", 50)
    assert (found.outbox.commit_ms, found.outbox.commit_rows) == (100, 20)
    assert (found.link.window_batches, found.link.ack_timeout_s, found.link.ack_timeout_max_s) == (4, 2.0, 30.0)
    assert (found.link.reconnect_max_s, found.link.paced_backlog) == (10.5, 1000)
    assert (found.heartbeat_s, found.assume_synced) == (60, True)
    assert found.sync_marker == Path("/run/chrony/synchronized")
    assert found.sensors == (Sensor("toilet.door", SensorRole.ROOM, "toilet"),)
    (replay,) = found.sources
    assert (replay.path, replay.zone, replay.name) == (tmp_path / "home.csv.gz", "Europe/Vienna", "home")
    assert replay.exit_when_done


def test_the_gateway_is_enough(written, tmp_path: Path):
    found = load_settings(written('gateway = "g"'))
    assert found.broker == BrokerSettings()
    assert found.outbox.path == tmp_path / "outbox.db"
    assert (found.broker.port, found.heartbeat_s, found.sensors, found.sources) == (1883, 300, (), ())
    assert BrokerSettings("mqtts://[::1]").port == 8883


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('gatway = "g"', r"unknown key 'gatway'; did you mean 'gateway'\?"),
        ('gateway = "g"\n[broker]\nulr = "x"', r"unknown key 'broker.ulr'; did you mean 'url'\?"),
        ('gateway = "g"\n[zzz]', "unknown key 'zzz'; known keys: gateway, broker, outbox"),
        ("", "'gateway' is missing: it must be a text"),
        ("gateway = 7", "'gateway': expected a text, got 7"),
        ('gateway = ""', "'gateway': expected a text that is not empty"),
        ('gateway = "a/b"', "gateway: a gateway id has 1 to 64 letters"),
        ('gateway = "g"\n[broker]\nurl = "http://x"', "broker.url: expected mqtt://host:port or mqtts://host:port"),
        ('gateway = "g"\n[broker]\nurl = "mqtt://x:99999"', "broker.url: expected mqtt://host:port"),
        ('gateway = "g"\n[broker]\ncertificate = "c"', "broker.certificate and key: give both or neither"),
        ('gateway = "g"\nbroker = 1', "'broker': expected a table, got 1"),
        ('gateway = "g"\n[outbox]\nmax_mb = "1"', "'outbox.max_mb': expected a whole number, got '1'"),
        ('gateway = "g"\n[outbox]\nmax_mb = true', "'outbox.max_mb': expected a whole number, got True"),
        ('gateway = "g"\n[outbox]\nmax_mb = 0', "'outbox.max_mb': expected a whole number from 1 to 1000000, got 0"),
        (
            'gateway = "g"\n[link]\nack_timeout_s = -1',
            "'link.ack_timeout_s': expected a number from 0.1 to 600",
        ),
        ('gateway = "g"\n[clock]\nassume_synced = 1', "'clock.assume_synced': expected true or false, got 1"),
        ('gateway = "g"\n[[sensors]]\nid = "a"\nrole = "rom"', r"'sensors\[0\].role': .*did you mean 'room'\?"),
        ('gateway = "g"\n[[sensors]]\nrole = "room"', r"'sensors\[0\].id' is missing"),
        ('gateway = "g"\n[sensors]\nid = "a"', "'sensors': expected a list of tables"),
        ('gateway = "g"\nsensors = [1]', r"'sensors': expected a list of tables, written \[\[sensors\]\]"),
        (
            'gateway = "g"\n[[sensors]]\nid = "a"\nrole = "room"\n[[sensors]]\nid = "a"\nrole = "room"',
            "two have the same id",
        ),
        (
            'gateway = "g"\n[[sources]]\nkind = "repaly"',
            r"expected one of replay, .* did you mean 'replay'\?",
        ),
        ('gateway = "g"\n[[sources]]\nkind = "replay"', r"'sources\[0\].path' is missing"),
        (
            'gateway = "g"\n[[sources]]\nkind = "replay"\npaht = "x.csv"',
            r"unknown key 'sources\[0\].paht'; did you mean 'path'\?",
        ),
        ("gateway = ", "not TOML"),
    ],
)
def test_a_mistake_names_the_file_the_key_and_the_remedy(written, text: str, said: str):
    path = written(text)
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_new_family_of_sensors_is_its_own_file_and_one_line(written, tmp_path: Path, monkeypatch):
    class MatSource:
        name, sensors = "mat", [Sensor("bed", SensorRole.ROOM)]

        def run(self, emit: Emit, stop: threading.Event) -> None:
            raise NotImplementedError

    class MatSettings:
        def __init__(self, table: Table, folder: Path) -> None:
            table.only("kind", "port")
            self.port = table.required_path("port", folder)

        def open(self) -> MatSource:
            return MatSource()

    monkeypatch.setitem(KINDS, "mat", MatSettings)
    found = load_settings(written('gateway = "g"\n[[sources]]\nkind = "mat"\nport = "ttyUSB0"'))
    assert [settings.port for settings in found.sources] == [tmp_path / "ttyUSB0"]
    with opened_agent(found) as agent:
        assert agent.inventory == [Sensor("bed", SensorRole.ROOM)]
    with pytest.raises(SettingsError, match=r"unknown key 'sources\[0\].prot'; did you mean 'port'\?"):
        load_settings(written('gateway = "g"\n[[sources]]\nkind = "mat"\nprot = "ttyUSB0"'))


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "none.toml")


def test_settings_made_in_code_are_checked_as_well():
    with pytest.raises(SettingsError, match="gateway"):
        AgentSettings("not a word")
