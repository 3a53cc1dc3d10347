"""``mimamori doctor``: what is missing or misconfigured, and what to do about it. A file a subject."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from mimamori import exits
from mimamori.commands.doctor.machine import look_at_machine
from mimamori.commands.doctor.settings import look_at_settings
from store.findings import Finding

__all__ = ["Finding", "look_at_machine", "look_at_settings", "run"]
_WIDEST: Final = 40  # columns for what was looked at; the few names that are longer push the rest aside


def run(options: argparse.Namespace) -> int:
    """Look at the machine, and at the settings if given; returns 0 when nothing grave was found, else 1."""
    findings = list(look_at_machine())
    if options.config is not None:
        findings += look_at_settings(options.config)
    _show(findings)
    return exits.FAILED if any(finding.remedy and finding.grave for finding in findings) else exits.DONE


def _show(findings: Sequence[Finding]) -> None:
    """Print them, each with its remedy and its command on lines of their own.

    No line is cut or folded: whoever copies a command gets the whole of it.
    """
    console = Console()
    width = min(max(cell_len(finding.what) for finding in findings), _WIDEST)
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
