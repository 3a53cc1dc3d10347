"""The systemd units, read by systemd itself."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "server"
UNITS = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.service")), ids=lambda path: path.stem)


@UNITS
def test_what_the_settings_name_by_default_lies_where_the_server_may_write(path: Path) -> None:
    """Relative paths start at the folder of the settings; under ProtectSystem=strict only the state can be written."""
    lines = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and line[0] != "#")
    assert lines["ProtectSystem"] == "strict"
    config = Path(lines["ExecStart"].split("--config ")[1])
    assert config.parent == Path("/var/lib") / lines["StateDirectory"]


@UNITS
def test_systemd_understands_every_line(tmp_path: Path, path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here; the unit is for machines that run systemd")
    # The program is not installed at its place here; systemd only wants one that is there.
    unit = tmp_path / path.name
    unit.write_text(path.read_text().replace("/opt/mimamori/.venv/bin/mimamori", sys.executable))
    said = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in said.stderr.splitlines() if path.name in line]
    assert ours == []
    broken = tmp_path / "broken.service"
    broken.write_text(unit.read_text().replace("Restart=always", "Restart=allways"))
    said = subprocess.run([analyze, "verify", str(broken)], capture_output=True, text=True, check=False, timeout=60)
    assert "broken.service" in said.stderr, "systemd-analyze finds no mistake here: the check above shows nothing"
