"""The house in figures: how large it is, how it is divided, which words it uses. Each figure has a limit.

``python tests/test_house.py`` prints every figure and what counts towards it; ``pytest -s`` prints the table.

- A *code line* is a line on which a token of code starts or goes on. Comments, blank lines and docstrings are none; a
  docstring is any string that is a statement by itself, also the one below an attribute or a constant. Counted over the
  ten packages of the product, migrations included.
- *Files in a folder* are the ``.py`` files directly in it, ``__init__.py`` included.
- A *function* is as long as from ``def`` to its last line: with its docstring, without its decorators.
- An *import* counts wherever it stands: at the top, in a function, or for the type checker alone. That a module imports
  the packages around it does not count.
- A *room* is a folder. The files and folders directly in a folder must not import each other in a circle.
- *Third parties* are declared in pyproject.toml; those of the product in the base or in an extra other than ``dev``.
- *Names* are those of classes, functions, parameters, attributes, constants and modules, against docs/words.md. Local
  variables do not count, nor what others named.
- A *docstring* names something in single backticks, under ``Raises``, or in a tree of errors. That must be a name, or
  stand in a string, somewhere in the product or the benchmarks.

Files, functions and names are those of the product and of the benchmarks. A migration may be long.
"""

import ast
import builtins
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest

LIMITS = {
    "code lines": 27_393,  # 7 % below the 29,455 of commit 7348e1d
    "files in alerts/": 6,
    "files in mimamori/": 4,
    "files in dashboard/": 4,
    "files in ingest/": 8,
    "files in the fullest folder": 16,
    "lines of the longest file": 400,
    "lines of the longest function": 50,
    "modules in the longest chain of imports": 24,
    "circles of modules": 0,
    "circles of rooms": 0,
    "third parties not declared": 0,
    "names with a forbidden word": 0,
    "names in docstrings that exist nowhere": 0,
}

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ["alerts", "anomaly", "contracts", "dashboard", "edge_agent"]
PRODUCT += ["evaluation", "ingest", "mimamori", "simulators", "store"]

Sources = Mapping[str, str]
"""The text of each file by its path from the root."""
Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Figure:
    """A number, and what counts towards it, the largest or first part first."""

    value: int
    parts: tuple[str, ...] = ()


# ---- Size ------------------------------------------------------------------------------------------------------------

NO_CODE = {"COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENCODING", "ENDMARKER"}


@cache
def nodes_of(source: str) -> list[ast.AST]:
    """All of the syntax tree, its top first."""
    return list(ast.walk(ast.parse(source)))


def code_lines(source: str) -> int:
    statements = (node.value for node in nodes_of(source) if isinstance(node, ast.Expr))
    strings = (node for node in statements if isinstance(node, ast.Constant) and isinstance(node.value, str))
    documentation = {line for node in strings for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_documentation = token.type == tokenize.STRING and token.start[0] in documentation
        if tokenize.tok_name[token.type] not in NO_CODE and not is_documentation:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def all_code_lines(sources: Sources) -> Figure:
    parts: Counter[str] = Counter()
    for path, source in sources.items():
        parts[path.partition("/")[0]] += code_lines(source)
    return Figure(parts.total(), _largest_first(parts))


def longest_file(sources: Sources) -> Figure:
    return _longest({path: len(source.splitlines()) for path, source in _may_be_long(sources)})


def longest_function(sources: Sources) -> Figure:
    lengths = {}
    for path, source in _may_be_long(sources):
        for node in nodes_of(source):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lengths[f"{path}:{node.lineno} {node.name}"] = (node.end_lineno or 0) - node.lineno + 1
    return _longest(lengths)


def _may_be_long(sources: Sources) -> Iterator[tuple[str, str]]:
    return ((path, source) for path, source in sources.items() if not path.startswith("store/migrations/"))


def files_in(sources: Sources, folder: str) -> Figure:
    files = sorted(path for path in sources if str(PurePosixPath(path).parent) == folder)
    return Figure(len(files), tuple(files))


def fullest_folder(sources: Sources) -> Figure:
    return _longest(Counter(str(PurePosixPath(path).parent) for path in sources))


def _longest(sizes: Mapping[str, int]) -> Figure:
    return Figure(max(sizes.values(), default=0), _largest_first(sizes))


def _largest_first(sizes: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{size} {name}" for name, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


# ---- Imports ---------------------------------------------------------------------------------------------------------


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_of(path: str, source: str) -> Iterator[tuple[str, str]]:
    """Each import as the module and, for ``from module import name``, the name; else an empty one."""
    for node in nodes_of(source):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(PurePosixPath(path).parts[: -node.level]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            yield from ((module, alias.name) for alias in node.names)


def import_graph(sources: Sources) -> dict[str, set[str]]:
    """What each module imports of the others. A name that is a module itself is that module, and not its package."""
    graph: dict[str, set[str]] = {module_of(path): set() for path in sources}
    for path, source in sources.items():
        for module, name in imports_of(path, source):
            found = f"{module}.{name}" if f"{module}.{name}" in graph else module
            if found in graph and found != module_of(path):
                graph[module_of(path)].add(found)
    return graph


def reached_from(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Groups of nodes each of which reaches every other, ascending."""
    reached = {node: reached_from(graph, node) for node in graph}
    within = (node for node in graph if node in reached[node])
    return sorted({tuple(sorted(other for other in reached[node] if node in reached[other])) for node in within})


def longest_chain(graph: Graph) -> list[str]:
    """The longest way down, of a circle each module once."""
    group = {node: (node,) for node in graph} | {node: circle for circle in circles(graph) for node in circle}

    @cache
    def below(members: tuple[str, ...]) -> list[str]:
        lower = {group[other] for node in members for other in graph[node]} - {members}
        return [*members, *max(map(below, sorted(lower)), key=len, default=[])]

    return max(map(below, sorted(set(group.values()))), key=len, default=[])


def room_circles(graph: Graph) -> list[tuple[str, ...]]:
    """Circles within one folder in which a folder takes part; those of files alone are `circles`."""
    folders = {".".join(module.split(".")[:depth]) for module in graph for depth in range(module.count(".") + 1)}
    found = []
    for folder in sorted(folders):
        rooms: dict[str, set[str]] = {room: set() for module in graph if (room := _room(module, folder))}
        for module, imported in graph.items():
            if room := _room(module, folder):
                rooms[room] |= {_room(other, folder) for other in imported} - {room, ""}
        found += [circle for circle in circles(rooms) if set(circle) & folders]
    return found


def _room(module: str, folder: str) -> str:
    """The file or folder directly in ``folder`` that the module is or lies in; empty: it is elsewhere."""
    above = f"{folder}." if folder else ""
    return above + module.removeprefix(above).partition(".")[0] if module.startswith(above) else ""


def third_parties(sources: Sources, own: Iterable[str]) -> dict[str, str]:
    """The packages of others that are imported, each with a file that imports it."""
    found: dict[str, str] = {}
    for path, source in sources.items():
        for module, _ in imports_of(path, source):
            found.setdefault(module.partition(".")[0], path)
    return {name: path for name, path in found.items() if name not in {*sys.stdlib_module_names, *own}}


def undeclared(imported: Mapping[str, str], declared: set[str], names: Mapping[str, list[str]]) -> list[str]:
    """Those of ``imported`` that no declared distribution brings. ``names``: distributions by what one imports."""
    missing = {name for name in imported if not {_normal(one) for one in names.get(name, [name])} & declared}
    return sorted(f"{name} in {imported[name]}" for name in missing)


def declared_in(project: str, *, without: str = "") -> set[str]:
    table = tomllib.loads(project)["project"]
    extras = (names for extra, names in table.get("optional-dependencies", {}).items() if extra != without)
    every = [*table.get("dependencies", []), *(name for names in extras for name in names)]
    return {_normal(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in every}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


# ---- Words -----------------------------------------------------------------------------------------------------------

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def glossary(page: str) -> list[list[str]]:
    """The rows of the tables, without their headings: word in code, Japanese, meaning, what it is not called."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    return [row for row in rows if row[0] != "word in code" and set(row[0]) != {"-"}]


def forbidden_in(page: str) -> list[list[str]]:
    entries = [entry.strip() for row in glossary(page) for entry in row[3].split(",")]
    return [entry.lower().split() for entry in entries if entry != "—"]


def is_forbidden(name: str, forbidden: Iterable[list[str]]) -> bool:
    """Whether the words of one entry stand in the name one after the other; the last of them in the plural, too."""
    words = [word.lower() for word in WORD.findall(name)]
    for *first, last in forbidden:
        forms = {last, f"{last}s", f"{last[:-1]}ies" if last.endswith("y") else last}
        for start in range(len(words) - len(first)):
            if words[start : start + len(first)] == first and words[start + len(first)] in forms:
                return True
    return False


def names_in(path: str, source: str) -> Iterator[tuple[str, str, int]]:
    """Kind, name and line of all that a file gives a name."""
    yield "module", PurePosixPath(path).stem, 1
    for node in nodes_of(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "function", node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield "parameter", node.arg, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield "attribute", node.attr, node.lineno
        elif isinstance(node, ast.ClassDef):
            yield "class", node.name, node.lineno
            yield from (("attribute", name, line) for name, line in _assigned(node))
        elif isinstance(node, ast.Module):
            yield from (("constant", name, line) for name, line in _assigned(node))


def _assigned(owner: ast.Module | ast.ClassDef) -> Iterator[tuple[str, int]]:
    for statement in owner.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            named = (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
            yield from ((node.id, statement.lineno) for node in named if isinstance(node.ctx, ast.Store))


def forbidden_names(sources: Sources, forbidden: list[list[str]]) -> Figure:
    found: dict[tuple[str, str, str], int] = {}
    for path, source in sources.items():
        for kind, name, line in names_in(path, source):
            if is_forbidden(name, forbidden):
                found.setdefault((path, kind, name), line)
    return Figure(len(found), tuple(f"{path}:{line} {kind} {name}" for (path, kind, name), line in found.items()))


REFERENCES = re.compile(
    r"(?<!`)`([\w.]+)`(?!`)|^ +([A-Z]\w+(?:, [A-Z]\w+)*): |Raises ([A-Z]\w+)|[├└]── (\w+)", re.MULTILINE
)


def known_names(sources: Sources) -> set[str]:
    """Whatever a docstring may refer to."""
    known = {part for path in sources for part in PurePosixPath(path).with_suffix("").parts} | set(dir(builtins))
    for source in sources.values():
        for node in nodes_of(source):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                known.update(re.findall(r"\w+", node.value))
            for _, value in ast.iter_fields(node):
                known.update(value.split(".") if isinstance(value, str) and not isinstance(node, ast.Constant) else ())
    return known


def docstrings_of(source: str) -> Iterator[tuple[int, str]]:
    for node in nodes_of(source):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def unknown_references(sources: Sources) -> Figure:
    known = known_names(sources)
    found = [
        f"{path}:{line} {name}"
        for path, source in sources.items()
        for line, docstring in docstrings_of(source)
        for match in REFERENCES.finditer(docstring)
        for name in re.split(r"[., ]+", next(filter(None, match.groups())))
        if name and name not in known
    ]
    return Figure(len(found), tuple(found))


# ---- The figures -----------------------------------------------------------------------------------------------------


def read(*folders: str) -> dict[str, str]:
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


def all_undeclared(product: Sources) -> list[str]:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    around, names = read("tests", "benchmarks"), packages_distributions()
    beside = {
        part for path in around for part in PurePosixPath(path).with_suffix("").parts
    }  # run from their own folder
    used, others = third_parties(product, PRODUCT), third_parties(around, {*PRODUCT, *beside})
    unknown = undeclared({name: path for name, path in others.items() if name not in used}, declared_in(project), names)
    return undeclared(used, declared_in(project, without="dev"), names) + unknown


def measure() -> dict[str, Figure]:
    product = read(*PRODUCT)
    written = product | read("benchmarks")
    graph = import_graph(product)
    chain = longest_chain(graph)
    of_modules = [" <-> ".join(circle) for circle in circles(graph)]
    of_rooms = [" <-> ".join(circle) for circle in room_circles(graph)]
    missing = all_undeclared(product)
    forbidden = forbidden_in((ROOT / "docs/words.md").read_text(encoding="utf-8"))
    return {
        "code lines": all_code_lines(product),
        **{f"files in {part}/": files_in(product, part) for part in ("alerts", "mimamori", "dashboard", "ingest")},
        "files in the fullest folder": fullest_folder(written),
        "lines of the longest file": longest_file(written),
        "lines of the longest function": longest_function(written),
        "modules in the longest chain of imports": Figure(len(chain), tuple(chain)),
        "circles of modules": Figure(len(of_modules), tuple(of_modules)),
        "circles of rooms": Figure(len(of_rooms), tuple(of_rooms)),
        "third parties not declared": Figure(len(missing), tuple(missing)),
        "names with a forbidden word": forbidden_names(written, forbidden),
        "names in docstrings that exist nowhere": unknown_references(written),
    }


def table(figures: Mapping[str, Figure]) -> str:
    lines = [f"{'figure':40} {'value':>7} {'limit':>7}"]
    for name, figure in figures.items():
        remark = "" if figure.value <= LIMITS[name] else "OVER"
        lines.append(f"{name:40} {figure.value:7,} {LIMITS[name]:7,}  {remark}".rstrip())
    return "\n".join(lines)


@pytest.fixture(scope="module")
def house() -> dict[str, Figure]:
    return measure()


def test_every_figure_has_a_limit(house):
    print("\n" + table(house))
    assert house.keys() == LIMITS.keys()


@pytest.mark.parametrize("name", LIMITS)
def test_the_house_keeps_within_its_limits(house, name):
    assert house[name].value <= LIMITS[name], "\n".join(house[name].parts[:50])


def test_the_glossary_has_four_columns_and_forbids_no_word_that_it_gives():
    page = (ROOT / "docs/words.md").read_text(encoding="utf-8")
    assert {len(row) for row in glossary(page)} == {4}
    assert [row[0] for row in glossary(page) if is_forbidden(row[0].replace(" ", "_"), forbidden_in(page))] == []


def test_a_name_in_a_docstring_must_exist():
    text = (
        '"""As `room.Thing`, not `room.Gone`.\n\n    Raises:\n        Lost: never.\n    """\nclass Thing(Error): ...\n'
    )
    assert unknown_references({"room.py": text}).parts == ("room.py:1 Gone", "room.py:1 Lost")


if __name__ == "__main__":
    figures = measure()
    for name, figure in figures.items():
        print(f"{name}: {figure.value:,} (limit {LIMITS[name]:,})", *figure.parts[:20], sep="\n    ")
    print("\n" + table(figures))
