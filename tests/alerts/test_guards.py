"""The table of promises, guards and mutants does not rot; `make guards` shows that each guard is missed."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = tomllib.loads((ROOT / "tests/alerts/mutants.toml").read_text())["mutant"]
PROMISES = [f"I{number}" for number in range(1, 18)]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant["name"] for mutant in MUTANTS])
def test_a_mutant_still_applies_and_its_tests_exist(mutant):
    text = (ROOT / mutant["file"]).read_text()
    assert text.count(mutant["old"]) == 1, "the guard has moved: fix mutants.toml"
    ast.parse(text.replace(mutant["old"], mutant["new"]))
    for test in mutant["tests"]:
        assert_exists(test)


def test_every_promise_has_a_mutant_and_every_mutant_a_name_of_its_own():
    assert {mutant["promise"] for mutant in MUTANTS} == set(PROMISES)
    assert len({mutant["name"] for mutant in MUTANTS}) == len(MUTANTS)


def test_the_page_of_guarantees_names_every_promise_every_mutant_and_only_tests_that_exist():
    rows = re.findall(r"^\| (I\d+) \|", PAGE, re.MULTILINE)
    assert rows == PROMISES
    for mutant in MUTANTS:
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {mutant['promise']} |")]
        assert f"`{mutant['name']}`" in row
    named = re.findall(r"`(test_\w+|[a-z]+/test_\w+)\.py(?:::(\w+))?`", PAGE)
    assert named
    for file, test in named:
        path = file if "/" in file else f"alerts/{file}"
        assert_exists(f"tests/{path}.py" + (f"::{test}" if test else ""))


def assert_exists(test):
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text()
    assert not name or f"def {name.partition('[')[0]}(" in text, f"there is no {test}"
