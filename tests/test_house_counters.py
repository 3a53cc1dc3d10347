"""The counters of `test_house` count: each on a house small enough to count by hand."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

house = SimpleNamespace(**run_path(str(Path(__file__).with_name("test_house.py"))))

DOCUMENTED = '''"""Of the module.

Two paragraphs."""
# a comment
import os  # counts

LIMIT = 3
"""Below a constant."""


class Thing:
    """Of a class."""

    size: int = 0
    """Below an attribute."""

    @property
    def text(self):
        """Of a function."""
        return """three

lines""" + f(
            # a comment between
            1,
        )
'''


def test_a_code_line_is_neither_comment_nor_docstring_nor_blank():
    assert house.code_lines(DOCUMENTED) == len(["import", "LIMIT", "class", "size", "@", "def", *"tlf1)"])
    assert house.all_code_lines({"a/x.py": "x = 1\n", "a/b/y.py": "\n", "b/z.py": "x = [\n1]\n"}).parts == (
        "2 b",
        "1 a",
    )


def test_a_function_is_as_long_as_from_def_to_its_end_and_a_migration_may_be_long():
    assert (
        house.longest_function({"a.py": DOCUMENTED, "store/migrations/m.py": "def f():\n" + "    x\n" * 99}).value == 8
    )
    assert house.longest_file({"a.py": DOCUMENTED, "store/migrations/m.py": "\n" * 99}).value == 25


def test_a_folder_holds_the_files_directly_in_it():
    files = dict.fromkeys(["a/__init__.py", "a/x.py", "a/b/y.py", "a/b/z.py", "a/b/__init__.py"], "")
    assert house.files_in(files, "a").parts == ("a/__init__.py", "a/x.py")
    assert house.fullest_folder(files).parts == ("3 a/b", "2 a")


HOUSE = {
    "a/__init__.py": "",
    "a/top.py": "from a.b import one\nimport c",
    "a/b/__init__.py": "",
    "a/b/one.py": "def f():\n    from a.d import two",
    "a/d/__init__.py": "",
    "a/d/two.py": "from .. import base\nfrom a.d import three",
    "a/d/three.py": "import os.path, third",
    "a/base.py": "",
    "c.py": "",
}


def test_imports_are_seen_wherever_and_however_they_are_written():
    graph = house.import_graph(HOUSE)
    assert graph["a.top"] == {"a.b.one", "c"}
    assert (graph["a.b.one"], graph["a.d.two"]) == ({"a.d.two"}, {"a.base", "a.d.three"})
    assert house.longest_chain(graph) == ["a.top", "a.b.one", "a.d.two", "a.base"]
    assert house.third_parties(HOUSE, {"a", "c"}) == {"third": "a/d/three.py"}


@pytest.mark.parametrize(
    ("change", "of_modules", "of_rooms"),
    [
        ({}, [], []),
        ({"a/d/three.py": "import a.d.two"}, [("a.d.three", "a.d.two")], []),
        ({"a/d/three.py": "import a.b"}, [], [("a.b", "a.d")]),
        ({"a/base.py": "from a.b import one"}, [("a.b.one", "a.base", "a.d.two")], [("a.b", "a.base", "a.d")]),
        ({"c.py": "import a"}, [], [("a", "c")]),
    ],
)
def test_a_circle_of_modules_and_one_of_rooms_are_found(change, of_modules, of_rooms):
    graph = house.import_graph(HOUSE | change)
    assert (house.circles(graph), house.room_circles(graph)) == (of_modules, of_rooms)


def test_what_is_imported_is_declared_by_the_name_of_its_distribution():
    project = '[project]\ndependencies=["A.b>=1"]\noptional-dependencies={x=["scikit_learn[y]~=1"], dev=["t ; p"]}'
    assert house.declared_in(project) == {"a-b", "scikit-learn", "t"}
    imported = dict.fromkeys(["sklearn", "t", "gone"], "f.py")
    names = {"sklearn": ["scikit-learn"], "t": ["t"]}
    assert house.undeclared(imported, house.declared_in(project, without="dev"), names) == ["gone in f.py", "t in f.py"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[(name, True) for name in ("Case", "case_id", "_OpenCases", "HTTPCase", "fall_over", "AFallOver", "studies")],
        *[(name, False) for name in ("lowercase", "Casebook", "cased", "fall", "over_fall", "FallsOver", "studio")],
    ],
)
def test_a_forbidden_word_is_found_as_a_word(name, expected):
    rows = [
        "| word in code | ja | meaning | not called |",
        "|---|---|---|---|",
        "| x | | | case, fall over |",
        "| y | | | — |",
    ]
    page = "\n".join([*rows, "| z | | | study |"])
    assert house.is_forbidden(name, house.forbidden_in(page)) is expected


def test_names_are_found_where_they_are_given():
    source = "A = B.c = 1\nclass K:\n    d: int\n    def e(self, *, f, **g):\n        self.h = i = lambda j: k(l=m.n)\n"
    assert {name for _, name, _ in house.names_in("p/o.py", source)} == {*"AcKdefghjo", "self"}
    assert house.forbidden_names({"p/o.py": source}, [["h"], ["o"]]).parts == (
        "p/o.py:1 module o",
        "p/o.py:5 attribute h",
    )
