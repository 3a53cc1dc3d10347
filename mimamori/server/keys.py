"""The server's secret, which has a file of its own."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

from mimamori.exits import UsageError

LEAST_SECRET: Final = 16


def secret_of(path: Path) -> str:
    """The secret in a file, which is made (mode 0600) when it is missing.

    Raises:
        UsageError: the file cannot be read or made, or holds no secret that is long enough.
    """
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"server.secret_file {path} cannot be read or made: {error}") from None
    if len(secret) < LEAST_SECRET:
        raise UsageError(f"server.secret_file {path} holds no secret of {LEAST_SECRET} characters; remove the file")
    return secret


def _make_secret(path: Path) -> None:
    # Linked when it is whole: of two roles that start at once, neither may read the other's empty file.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another role was first: its secret holds
            os.link(name, path)
    finally:
        os.unlink(name)
