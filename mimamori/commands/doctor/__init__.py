"""``mimamori doctor``: what is missing or misconfigured, and what to do about it. A file a subject."""

from pathlib import Path

from mimamori import exits
from mimamori.commands.doctor.machine import look_at_machine
from mimamori.commands.doctor.report import show
from mimamori.commands.doctor.settings import look_at_settings
from store.findings import Finding

__all__ = ["Finding", "look_at_machine", "look_at_settings", "run"]


def run(config: Path | None) -> int:
    """Look at the machine, and at the settings if given; returns 0 when nothing grave was found, else 1."""
    findings = list(look_at_machine())
    if config is not None:
        findings += look_at_settings(config)
    show(findings)
    return exits.FAILED if any(finding.remedy and finding.grave for finding in findings) else exits.DONE
