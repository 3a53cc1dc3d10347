import configparser
import re
from pathlib import Path

from contracts.broker import BrokerSettings
from edge_agent.settings import LinkSettings, OutboxSettings, load_settings

EDGE = Path(__file__).resolve().parents[2] / "deploy" / "edge"


def test_the_example_settings_load_and_show_the_defaults(tmp_path: Path):
    found = load_settings(EDGE / "agent.toml")
    assert (found.gateway, found.heartbeat_s, len(found.sensors)) == ("gw-0001", 300, 2)
    assert found.broker == BrokerSettings(found.broker.url)
    assert found.link == LinkSettings()
    assert found.outbox == OutboxSettings(found.outbox.path)


def test_the_example_settings_load_with_every_comment_taken_off_as_well(tmp_path: Path):
    text = (EDGE / "agent.toml").read_text(encoding="utf-8")
    whole = re.sub(r"^# (?=\[\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)
    (tmp_path / "agent.toml").write_text(whole, encoding="utf-8")
    found = load_settings(tmp_path / "agent.toml")
    assert found.assume_synced
    assert found.sources[0].exit_when_done
    assert found.broker.key == Path("/etc/mimamori/gateway.key")


def test_the_unit_runs_the_command_that_is_there():
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(EDGE / "mimamori-edge.service")
    assert unit["Service"]["Type"] == "notify"
    for line, command in (("ExecStart", "run"), ("ExecStartPre", "check")):
        assert unit["Service"][line].split()[1:] == [command, "--config", "/etc/mimamori/agent.toml"]
    assert "RestartPreventExitStatus" in unit["Service"]
    assert int(unit["Service"]["WatchdogSec"]) > 60, "longer than what the agent itself calls stuck"
