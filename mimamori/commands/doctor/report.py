"""The findings on the screen. No line is cut or folded: whoever copies a command gets the whole of it."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from store.findings import Finding

_WIDEST: Final = 40  # columns for what was looked at; the few names that are longer push the rest aside


def show(findings: Sequence[Finding]) -> None:
    """Print them, each with its remedy and its command on lines of their own."""
    console = Console()
    width = min(max((cell_len(finding.what) for finding in findings), default=0), _WIDEST)
    for finding in findings:
        for line in _lines(finding, width):
            console.print(line, soft_wrap=True)


def _lines(finding: Finding, width: int) -> Iterator[Text]:
    word, colour = _mark(finding)
    what = set_cell_size(finding.what, max(width, cell_len(finding.what)))
    yield Text.assemble((f"{word:<6}", colour), what, "  ", finding.seen)
    for line in finding.remedy.splitlines():
        yield Text(f"      {line}")
    if finding.command:
        yield Text(f"        {finding.command}", "bold")


def _mark(finding: Finding) -> tuple[str, str]:
    if not finding.remedy:
        return "ok", "green"
    return ("fix", "red") if finding.grave else ("note", "yellow")
