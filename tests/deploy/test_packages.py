"""What is installed is the whole product: pyproject.toml lists every package, every file that is no code, and whatever
others' code is imported by name."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = {"base": WHOLE["project"]["dependencies"], **WHOLE["project"]["optional-dependencies"]}
PROJECT = WHOLE["tool"]
PARTS = PROJECT["importlinter"]["root_packages"]
LISTED = PROJECT["setuptools"]["packages"]
DATA = PROJECT["setuptools"]["package-data"]


def files() -> list[Path]:
    found = [path.relative_to(ROOT) for part in PARTS for path in (ROOT / part).rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts]


def test_every_folder_with_code_is_a_package_that_is_installed():
    assert {".".join(path.parent.parts) for path in files() if path.suffix == ".py"} == set(LISTED)


def test_every_other_file_is_installed_with_its_package():
    named = {
        path
        for package, globs in DATA.items()
        for glob in globs
        for path in (ROOT / Path(*package.split("."))).glob(glob)
    }
    others = {path for path in files() if path.suffix != ".py"}
    assert len(others) > 40
    assert {str(path) for path in others if ROOT / path not in named} == set()


EXTRAS = {
    "contracts": ["base"],
    "edge_agent": ["base"],
    "evaluation": ["base", "server", "evaluation"],
    "simulators": ["base", "server", "simulators"],
    "tests": list(DECLARED),
    "benchmarks": list(DECLARED),
}
"""What may be installed where a part is used; for the other parts the base and the server."""


def imported(part: str) -> Iterator[tuple[str, str]]:
    """Top-level names that the code of a part imports, and the file."""
    for path in sorted((ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                yield name.partition(".")[0], str(path.relative_to(ROOT))


def plain(distribution: str) -> str:
    """The name of a distribution as registries compare them, without versions and extras."""
    name = re.match(r"[\w.-]+", distribution)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


@pytest.mark.parametrize("part", [*PARTS, "tests", "benchmarks"])
def test_every_package_of_others_that_is_imported_by_name_is_declared(part: str):
    """What only comes along with another package goes with it one day."""
    declared = {plain(line) for extra in EXTRAS.get(part, ["base", "server"]) for line in DECLARED[extra]}
    own = {*PARTS, "tests", *(path.stem for folder in ("benchmarks", "tests") for path in (ROOT / folder).rglob("*"))}
    distributions = packages_distributions()
    others = [(name, file) for name, file in imported(part) if name not in own | sys.stdlib_module_names]
    assert others or part == "contracts"
    undeclared = [(name, file) for name, file in others if not declared & set(map(plain, distributions.get(name, [])))]
    assert undeclared == []
