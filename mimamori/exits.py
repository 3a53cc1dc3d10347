"""Exit codes, and the error of a wrong usage."""

import importlib.util

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130


class UsageError(ValueError):
    """Wrong usage, settings or input; the message names the thing and the remedy."""


def missing_package(error: ModuleNotFoundError) -> str | None:
    """The package that is not there, which an extra brings; None: one of its modules is missing, which is a mistake."""
    package = (error.name or "").partition(".")[0]
    return package if package and importlib.util.find_spec(package) is None else None
