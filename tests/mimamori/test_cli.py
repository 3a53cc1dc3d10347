"""The command itself, whatever its subcommand."""

import subprocess
import sys

import pytest

from mimamori import exits

WITHOUT = """
import sys
sys.modules[{module!r}] = None
from mimamori.cli import main
sys.exit(main(["people", "list", "--config", "none.toml"]))
"""


@pytest.mark.parametrize("module", ["rich", "sqlalchemy"])
def test_where_the_agent_alone_is_installed_the_missing_package_is_named_with_the_remedy(tmp_path, module):
    command = [sys.executable, "-c", WITHOUT.format(module=module)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == exits.USAGE
    assert ended.stderr == f"mimamori: the package '{module}' is not installed; pip install 'mimamori[server]'\n"


def test_a_missing_module_of_our_own_is_a_mistake_and_not_somebody_elses_package(tmp_path):
    command = [sys.executable, "-c", WITHOUT.format(module="mimamori.commands.people")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "ModuleNotFoundError" in ended.stderr
