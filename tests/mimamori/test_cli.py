"""The command itself, whatever its subcommand."""

import argparse
import pkgutil
import subprocess
import sys
from functools import partial

import pytest

from mimamori import exits
from mimamori.commands import parsers

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


def works_of(parser):
    """The work of every command below a parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from works_of(command)
    run = parser.get_default("run")
    if isinstance(run, partial) and run.func is parsers._call:
        yield run.args[0]


def test_the_work_of_every_command_is_there():
    works = list(works_of(parsers.build_parser()))
    assert len(works) > 20
    for work in works:
        assert callable(pkgutil.resolve_name(f"mimamori.{work}")), work
