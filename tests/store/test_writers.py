"""Each table is written by the part it names, and by nobody else: read off the source.

A write is ``insert``, ``update`` or ``delete`` on a table, also through a function that is handed the table, or as SQL
text. What this cannot see: a table reached by ``getattr`` or through ``metadata``; one test says that nobody does that.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from store import schema

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "alerts",
    "anomaly",
    "contracts",
    "dashboard",
    "edge_agent",
    "evaluation",
    "ingest",
    "mimamori",
    "simulators",
    "store",
)
TABLES = set(schema.metadata.tables)
VERBS = {"insert": "insert", "update": "update", "delete": "delete", "delete_from": "delete"}
SQL = re.compile(
    r"\b(INSERT|REPLACE|DELETE)\s+(?:OR\s+\w+\s+)?(?:INTO|FROM)\s+\"?(\w+)|\b(UPDATE)\s+\"?(\w+)\"?\s+SET\b",
    re.IGNORECASE,
)
APPENDED = "statements"
"""The ledger: a statement is written once, by whoever may, and never changed."""
OTHER_DATABASES = (
    "edge_agent/",
    "store/timeseries/",
    "store/migrations/",
)  # SQL text there is about files of their own


@dataclass
class Function:
    """One function: the verbs it applies to a table it was handed, and what it hands on to whom."""

    verbs: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Write:
    """A table is written at a place; ``through`` names the function that was handed the table, if any."""

    table: str
    verb: str
    through: str
    file: str
    line: int


class Scanner(ast.NodeVisitor):
    """The writes of one file, and its functions that are handed a table."""

    def __init__(self, file: str, tree: ast.AST) -> None:
        self.file = file
        self.imported = imported_tables(tree)
        self.all_imported = imports_schema(tree)
        self.writes: list[Write] = []
        self.functions: dict[str, Function] = {}
        self._function = ""
        self._handed: set[str] = set()
        self._loops: dict[str, list[str]] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        before = self._function, self._handed
        self._function = node.name
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self._handed = {argument.arg for argument in arguments if _says_table(argument.annotation)}
        if self._handed:
            self.functions.setdefault(node.name, Function())
        self.generic_visit(node)
        self._function, self._handed = before

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815 - ast's name

    def visit_For(self, node: ast.For) -> None:
        if isinstance(node.target, ast.Name) and isinstance(node.iter, ast.Tuple | ast.List):
            tables = [name for item in node.iter.elts if (name := self._table_of(item))]
            if tables:
                self._loops[node.target.id] = tables
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Attribute) and called in VERBS and not values:
            values = [node.func.value]  # table.insert()
        for value in values:
            for table in self._tables(value):
                self._note(table, called, node.lineno)
            if isinstance(value, ast.Name) and value.id in self._handed:
                function = self.functions[self._function]
                (function.verbs if called in VERBS else function.calls).add(VERBS.get(called, called))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and not self.file.startswith(OTHER_DATABASES):
            for put, put_table, change, change_table in SQL.findall(node.value):
                table, verb = put_table or change_table, (put or change).lower()
                if table in TABLES:
                    self.writes.append(Write(table, verb, "", self.file, node.lineno))

    def _tables(self, value: ast.expr) -> list[str]:
        name = self._table_of(value)
        if isinstance(value, ast.Name) and value.id in self._loops:
            return self._loops[value.id]
        return [name] if name and not (isinstance(value, ast.Name) and value.id in self._handed) else []

    def _table_of(self, value: ast.expr) -> str:
        if isinstance(value, ast.Name):
            return self.imported.get(value.id, "")
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and self.all_imported:
            return value.attr if value.value.id == "schema" and value.attr in TABLES else ""
        return ""

    def _note(self, table: str, called: str, line: int) -> None:
        if called in VERBS:
            self.writes.append(Write(table, VERBS[called], "", self.file, line))
        else:
            self.writes.append(Write(table, "", called, self.file, line))


def _says_table(annotation: ast.expr | None) -> bool:
    return annotation is not None and "Table" in {getattr(node, "id", "") for node in ast.walk(annotation)}


def imports_schema(tree: ast.AST) -> bool:
    """``from store import schema``"""
    modules = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "store")
    return any(alias.name == "schema" for node in modules for alias in node.names)


def is_schema(module: str | None) -> bool:
    return module is not None and f"{module}.".startswith("store.schema.")


def imported_tables(tree: ast.AST) -> dict[str, str]:
    """``from store.schema import …``: the tables by the names they have here. A variable of that name is no table."""
    modules = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and is_schema(node.module))
    return {alias.asname or alias.name: alias.name for node in modules for alias in node.names if alias.name in TABLES}


def scan(sources: dict[str, str]) -> list[Write]:
    """Every write of a table in the sources, those through functions resolved to verbs."""
    scanners = []
    for file, source in sources.items():
        tree = ast.parse(source, file)
        scanner = Scanner(file, tree)
        scanner.visit(tree)
        scanners.append(scanner)
    verbs = writing_functions([scanner.functions for scanner in scanners])
    found: list[Write] = []
    for write in (write for scanner in scanners for write in scanner.writes):
        done = verbs.get(write.through, set()) if write.through else {write.verb}
        found += [Write(write.table, verb, write.through, write.file, write.line) for verb in sorted(done)]
    return found


def writing_functions(files: list[dict[str, Function]]) -> dict[str, set[str]]:
    """For each function that is handed a table, what it does to it, also through others it hands it on to."""
    functions = [(name, function) for file in files for name, function in file.items()]
    verbs: dict[str, set[str]] = {}
    for name, function in functions:
        verbs.setdefault(name, set()).update(function.verbs)
    for _ in functions:
        for name, function in functions:
            for called in function.calls:
                verbs[name] |= verbs.get(called, set())
    return verbs


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@pytest.fixture(scope="module")
def writes() -> list[Write]:
    return scan({str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sources()})


def part_of(file: str) -> str:
    parts = Path(file).with_suffix("").parts
    return ".".join(parts[:2]) if parts[0] == "store" else parts[0]


def allowed(write: Write) -> bool:
    part, writer = part_of(write.file), schema.metadata.tables[write.table].info["writer"]
    if write.table == APPENDED and write.verb == "update":
        return False
    if writer == "every part":
        return write.verb == "insert"
    if part == "store.retention":  # removes everywhere, and empties what the history of others points at
        return write.verb == "delete" or (
            write.verb == "update" and write.table in {"people", "contact_methods", "deliveries"}
        )
    if part == "store.scratch":  # fills a copy in memory, and never the store
        return write.verb == "insert"
    return part in writer.split(", ")


def test_nobody_but_its_writer_writes_a_table(writes: list[Write]):
    strangers = [write for write in writes if not allowed(write)]
    assert strangers == []


def test_every_writer_is_seen_writing_its_tables(writes: list[Write]):
    """Otherwise the scan would have gone blind, or the schema names a writer that there is not."""
    seen = {(part_of(write.file), write.table) for write in writes if write.verb != "delete"}
    for name, table in schema.metadata.tables.items():
        for writer in table.info["writer"].split(", "):
            if writer != "every part":
                assert (writer, name) in seen, f"{writer} does not write {name}"


def test_the_audit_is_appended_to_and_never_changed(writes: list[Write]):
    verbs = {write.verb for write in writes if write.table == "audit"}
    assert verbs == {"insert"}


def test_nobody_reaches_a_table_by_its_name():
    """Which the scan would not see."""
    for path in sources():
        if path.parts[-3:-1] == ("store", "schema") or path.parts[-2:] == ("migrations", "env.py"):
            continue
        text = path.read_text(encoding="utf-8")
        assert "metadata.tables" not in text, path
        assert "getattr(schema" not in text, path
        assert 'import_module("store.schema' not in text, path


HEAD = "from store import schema\nfrom store.schema import incidents, people, sensors\nfrom sqlalchemy import *\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("c.execute(insert(incidents).values(x))", {("incidents", "insert")}),
        ("c.execute(update(schema.people))", {("people", "update")}),
        ("c.execute(sensors.delete())", {("sensors", "delete")}),
        ("for t in (incidents, people):\n    delete(t)", {("incidents", "delete"), ("people", "delete")}),
        ("def put(c, t: Table):\n    insert(t)\nput(c, people)", {("people", "insert")}),
        (
            "def put(t: Table):\n    dialect.insert(t)\ndef on(u: Table):\n    put(u)\non(sensors)",
            {("sensors", "insert")},
        ),
        ("text('UPDATE people SET name = 1')", {("people", "update")}),
        ("text('insert or ignore into incidents values (1)')", {("incidents", "insert")}),
        ("text('They update people and delete from memory')", set()),
        ("c.execute(select(incidents).where(incidents.c.id == 1))", set()),
        ("known = {}\nknown.update(other)", set()),
        ("def read(c, t: Table):\n    select(t)\nread(c, people)", set()),
    ],
)
def test_the_scan_sees_what_it_should(source: str, expected: set[tuple[str, str]]):
    assert {(write.table, write.verb) for write in scan({"alerts/x.py": HEAD + source})} == expected


def test_the_scan_does_not_take_a_variable_for_a_table():
    assert scan({"edge_agent/x.py": "sensors = {}\nsensors.update(more)\nlog.insert(sensors)\n"}) == []


Judge = Callable[[Write], bool]


@pytest.mark.parametrize(
    ("write", "right"),
    [
        (Write("incidents", "insert", "", "alerts/incidents/engine.py", 1), True),
        (Write("incidents", "insert", "", "ingest/core.py", 1), False),
        (Write("incidents", "delete", "", "store/retention.py", 1), True),
        (Write("incidents", "update", "", "store/retention.py", 1), False),
        (Write("people", "insert", "", "simulators/people/life.py", 1), False),
        (Write("people", "insert", "", "store/register/registry.py", 1), True),
        (Write("audit", "insert", "", "dashboard/app.py", 1), True),
        (Write("audit", "delete", "", "alerts/incidents/engine.py", 1), False),
        (Write("statements", "insert", "", "ingest/intake/presses.py", 1), True),
        (Write("statements", "insert", "", "alerts/incidents/response_log.py", 1), True),
        (Write("statements", "insert", "", "dashboard/app.py", 1), False),
        (Write("statements", "update", "", "alerts/incidents/response_log.py", 1), False),
    ],
)
def test_the_judgement_is_the_one_of_the_schema(write: Write, right: bool):
    assert allowed(write) is right
