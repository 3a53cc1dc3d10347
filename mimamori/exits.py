"""Exit codes, and the error of a wrong usage."""

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130


class UsageError(ValueError):
    """Wrong usage, settings or input; the message names the thing and the remedy."""
