"""What is installed is the whole product: pyproject.toml lists every package, and every file that is no code."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
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
