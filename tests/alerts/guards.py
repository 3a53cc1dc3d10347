"""Takes each guard of `mutants.toml` out of a copy of the code, and shows that the promise's tests then fail.

``make guards`` runs them all; names as arguments run those alone. First the tests must pass on the untouched copy.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "images")
FAILED, PASSED = 1, 0
AT_ONCE = 2


def main(names: list[str]) -> int:
    """0 when every guard that was taken out was missed."""
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "tests/alerts/mutants.toml").read_text())["mutant"]
    chosen = [mutant for mutant in found if not names or mutant["name"] in names]
    if names and len(chosen) != len(set(names)):
        print("no such mutant; they are: " + ", ".join(mutant["name"] for mutant in found))
        return 2
    with tempfile.TemporaryDirectory(prefix="mimamori-guards-") as folder:
        copies = [Path(folder) / str(number) / "mimamori" for number in range(AT_ONCE)]
        for copy in copies:
            shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        tests = sorted({test for mutant in chosen for test in mutant["tests"]})
        if run(copies[0], tests, "-n", "2") != PASSED:
            print("the tests fail with all guards in place; nothing can be shown")
            return 2
        with ThreadPoolExecutor(AT_ONCE) as workers:
            parts = list(workers.map(surviving, copies, (chosen[number::AT_ONCE] for number in range(AT_ONCE))))
    survived = [name for part in parts for name in part]
    print(f"{len(chosen)} guards taken out, {len(chosen) - len(survived)} missed by their tests")
    if survived:
        print("nobody missed: " + ", ".join(survived))
    return 1 if survived else 0


def surviving(copy: Path, mutants: list[dict[str, Any]]) -> list[str]:
    """The names of those that no test missed, tried one after the other in this copy."""
    return [mutant["name"] for mutant in mutants if not missed(copy, mutant)]


def missed(copy: Path, mutant: dict[str, Any]) -> bool:
    """Whether the tests fail without the guard. The copy is as before afterwards."""
    file = copy / mutant["file"]
    text = file.read_text()
    assert text.count(mutant["old"]) == 1, f"{mutant['name']}: its text is not there once"
    began_s = time.monotonic()
    file.write_text(text.replace(mutant["old"], mutant["new"]))
    try:
        code = run(copy, mutant["tests"], "-x")
    finally:
        file.write_text(text)
    word = "missed" if code == FAILED else "NOT MISSED"
    print(f"{mutant['promise']:>4} {mutant['name']:32} {word} ({time.monotonic() - began_s:.0f} s)", flush=True)
    return code == FAILED


def run(copy: Path, tests: list[str], *options: str) -> int:
    """Pytest's exit code in the copy."""
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *options, *tests]
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    if ended.returncode not in (PASSED, FAILED):
        print(ended.stdout[-2000:] + ended.stderr[-2000:])
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
