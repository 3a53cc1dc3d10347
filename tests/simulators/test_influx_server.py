"""The command that keeps an InfluxDB running to try the product by hand."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.vendors.influx_server import missing_parts

ROOT = Path(__file__).resolve().parents[2]


def started(folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "simulators.vendors.influx_server", str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def descendants(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children")
    own = [int(word) for word in children.read_text().split()] if children.exists() else []
    return own + [below for child in own for below in descendants(child)]


@pytest.fixture
def server(tmp_path):
    if missing := missing_parts():
        message = f"not installed: {' '.join(missing)} (make parts installs them)"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    process = started(tmp_path / "influx")
    yield process
    left = [*descendants(process.pid), process.pid] if process.poll() is None else []
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()


@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_all_that_it_started_and_removes_what_it_made(server, tmp_path, number):
    assert server.stdout.readline().startswith("url:   influx+http://127.0.0.1:")
    family = descendants(server.pid)
    assert len(family) >= 3  # influxd, nginx and its worker
    server.send_signal(number)
    assert server.wait(30) == 0
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
    assert list(tmp_path.iterdir()) == []


def test_it_touches_no_folder_that_holds_something(tmp_path):
    (tmp_path / "mine").write_text("kept")
    process = started(tmp_path)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 1
    assert "is not empty; name a new folder" in said
    assert (tmp_path / "mine").read_text() == "kept"
