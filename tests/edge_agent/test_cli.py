"""The command as it is run: real processes, a real broker, real signals."""

import gzip
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.agent import VERSION
from edge_agent.cli import main
from edge_agent.outbox.outbox import Outbox

GATEWAY = "gw-0001"


def write_recording(folder: Path, rows: int, tail: str = "") -> Path:
    start = datetime(2012, 7, 18, 12)  # noqa: DTZ001 - the home's wall clock
    lines = ["ts_iso_local,sensor,kind,value"]
    for i in range(rows):
        kind = ("motion", "door", "item", "power")[i % 4]
        lines.append(f"{(start + timedelta(seconds=30 * i)).isoformat()},{kind}{i % 8},{kind},{i // 4 % 2}")
    path = folder / "home.csv.gz"
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n" + tail).encode()))
    return path


def write_settings(folder: Path, port: int = 9, more: str = "") -> Path:
    path = folder / "agent.toml"
    path.write_text(
        f'gateway = "{GATEWAY}"\n[broker]\nurl = "mqtt://127.0.0.1:{port}"\n'
        "[link]\nack_timeout_s = 0.5\nreconnect_max_s = 0.2\n"
        f'[[sources]]\nkind = "replay"\npath = "home.csv.gz"\nexit_when_done = true\n{more}',
        encoding="utf-8",
    )
    return path


def launch(settings: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "edge_agent.cli", "run", "--config", str(settings)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_check_reads_everything_and_says_what_it_found(tmp_path: Path, capsys):
    write_recording(tmp_path, 100)
    assert main(["check", "--config", str(write_settings(tmp_path))]) == 0
    said = capsys.readouterr().out
    assert "gateway gw-0001" in said
    assert "100 rows" in said
    assert not (tmp_path / "outbox.db").exists()


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_typo_in_the_settings_ends_with_code_2_and_the_remedy(tmp_path: Path, capsys, command: str):
    settings = write_settings(tmp_path, more='zoen = "Asia/Tokyo"\n')
    assert main([command, "--config", str(settings)]) == 2
    assert f"{settings}: unknown key 'sources[0].zoen'; did you mean 'zone'?" in capsys.readouterr().err


def test_a_certificate_that_is_not_there_ends_with_code_2(tmp_path: Path, capsys):
    settings = tmp_path / "agent.toml"
    settings.write_text('gateway = "g"\n[broker]\nurl = "mqtts://127.0.0.1"\nca = "none.pem"\n', encoding="utf-8")
    assert main(["check", "--config", str(settings)]) == 2
    assert "broker.ca" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_broken_recording_ends_with_code_1_and_stores_nothing(tmp_path: Path, capsys, command: str):
    write_recording(tmp_path, 10, tail="2012-13-01T00:00:00,Hall,motion,1\n")
    assert main([command, "--config", str(write_settings(tmp_path))]) == 1
    assert "home.csv.gz:12: bad time" in capsys.readouterr().err
    assert not (tmp_path / "outbox.db").exists()


@pytest.mark.parametrize(("command", "code"), [("check", 2), ("run", 1)])
def test_a_folder_is_no_outbox(tmp_path: Path, capsys, command: str, code: int):
    write_recording(tmp_path, 10)
    (tmp_path / "outbox.db").mkdir()
    assert main([command, "--config", str(write_settings(tmp_path))]) == code
    assert "is a folder; name a file in it" in capsys.readouterr().err
    assert list((tmp_path / "outbox.db").iterdir()) == []


def test_a_second_agent_on_the_same_outbox_ends_with_code_1(tmp_path: Path, capsys):
    write_recording(tmp_path, 10)
    with Outbox(tmp_path / "outbox.db"):
        assert main(["run", "--config", str(write_settings(tmp_path))]) == 1
    assert "is in use by another agent" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["run"], ["walk", "--config", "x"]])
def test_a_wrong_call_ends_with_code_2(arguments: list[str], capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: mimamori-edge" in capsys.readouterr().err


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == VERSION


@pytest.mark.system
def test_a_replay_ends_with_code_0_when_all_of_it_is_acknowledged(tmp_path: Path, broker, backend):
    write_recording(tmp_path, 3_000)
    agent = launch(write_settings(tmp_path, broker.port))
    _, said = agent.communicate(timeout=60)
    assert agent.returncode == 0, said
    (epoch,) = {epoch for _, epoch, _ in backend.stored}
    assert backend.numbers(epoch) == set(range(1, 3_001))
    assert backend.wait_for(lambda: not backend.states[-1].online)
    again = launch(write_settings(tmp_path, broker.port))
    _, said = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert len(backend.stored) == 3_000, "what was replayed once is not replayed again"


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(tmp_path: Path, broker, backend, number: signal.Signals):
    write_recording(tmp_path, 10)
    settings = tmp_path / "agent.toml"
    settings.write_text(f'gateway = "g"\n[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n', encoding="utf-8")
    agent = launch(settings)
    assert backend.wait_for(lambda: any(state.online for state in backend.states), 20)
    agent.send_signal(number)
    _, said = agent.communicate(timeout=20)
    assert agent.returncode == 0, said
    assert backend.wait_for(lambda: not backend.states[-1].online)


@pytest.mark.system
@pytest.mark.timeout(180)
def test_an_agent_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path, broker, backend):
    write_recording(tmp_path, 6_000)
    settings = write_settings(tmp_path, broker.port, more="[outbox]\ncommit_rows = 50\n")
    killed = 0
    for kill in range(6):
        agent = launch(settings)
        target = min(backend.deliveries + 400 + 150 * kill, 5_900)
        assert backend.wait_for(lambda target=target: backend.deliveries >= target, 30)
        agent.kill()
        agent.communicate(timeout=10)
        killed += agent.returncode == -signal.SIGKILL
    assert killed >= 4, "most of the kills hit an agent at work"
    agent = launch(settings)
    _, said = agent.communicate(timeout=60)
    assert agent.returncode == 0, said
    (epoch,) = {epoch for _, epoch, _ in backend.stored}
    assert backend.numbers(epoch) == set(range(1, 6_001))
    in_order = [backend.stored[(GATEWAY, epoch, n)] for n in range(1, 6_001)]
    assert [event.t for event in in_order] == sorted(event.t for event in in_order)
    assert len({event.t for event in in_order}) == 6_000, "each row of the recording once"
