"""What a look at the installation found, and the looks that several parts share."""

import os
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: the thing. seen: how it is.
        remedy: what to do; empty: it is well.
        grave: the product does not work without it.
        command: what to type for the remedy, whole, ready to be copied; empty: there is no such command.
    """

    what: str
    seen: str
    remedy: str = ""
    grave: bool = True
    command: str = ""


def typed(*words: str | Path) -> str:
    """A command as it is typed into a shell."""
    return shlex.join(str(word) for word in words)


def look_at_mode(what: str, path: Path) -> Finding:
    """Whether nobody else can read a file that is there."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return Finding(what, oct(mode))
    return Finding(what, oct(mode), "let nobody else read it", command=typed("chmod", "600", path))


def made_later(what: str, path: Path) -> Finding:
    """Whether a file that is not there can be made at the first start."""
    if path.parent.is_dir():
        return Finding(what, "made at the first start", grave=False)
    return folder_missing(what, "cannot be made", path.parent)


def folder_missing(what: str, seen: str, folder: Path) -> Finding:
    """A folder that somebody has to make."""
    return Finding(what, seen, f"make the folder {folder}", command=typed("mkdir", "-p", folder))


def check(what: str, seen: str, act: Callable[[], None], remedy: str) -> Finding:
    """Whether something can be done without an OSError."""
    try:
        act()
    except OSError as error:
        return Finding(what, f"{seen}: {os.strerror(error.errno) if error.errno else error}", remedy)
    return Finding(what, seen)
