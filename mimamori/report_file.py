"""The report of a run as a JSON file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimamori.exits import UsageError


def check_writable(path: Path | None) -> None:
    """Look, before minutes of work, whether the report can be written at the end; None: there is none.

    Raises:
        UsageError: it cannot.
    """
    if path is None:
        return
    place = path if path.exists() else path.absolute().parent
    if path.is_dir() or not os.access(place, os.W_OK):
        raise UsageError(f"--report {path}: cannot be written; name a file in a folder that exists and is yours")


def write(path: Path | None, report: Mapping[str, Any]) -> None:
    """Write the report. Raises UsageError; None: no report."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--report {path}: cannot be written: {error.strerror}") from None
