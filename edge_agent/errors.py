"""What can go wrong on the edge, each named so that the reader knows what to do.

::

    EdgeError
    ├── SettingsError       the settings file: unknown key, wrong type, out of range, missing
    ├── RecordingError      a recording: file and line
    ├── OutboxError
    │   ├── OutboxInUse     another process holds the file
    │   ├── StorageFull     the disk is full; nothing was stored, and nothing stored before is lost
    │   └── OutboxBroken    the file cannot be opened, written or set aside
    ├── LinkError           the broker's address or the keys of the connection
    └── NotifierError       a chime or a light did not work
"""

from pathlib import Path


class EdgeError(Exception):
    """Something the person who runs the agent can fix."""


class SettingsError(EdgeError):
    """The settings are wrong: the text names the file, the key, what was expected and what was found."""


class RecordingError(EdgeError):
    """A recording cannot be read.

    Attributes:
        line: 1-based line; 0 when the file as a whole is wrong.
    """

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")
        self.line = line


class OutboxError(EdgeError):
    """The outbox cannot do what was asked."""


class OutboxInUse(OutboxError):
    """Another process holds this outbox file."""


class StorageFull(OutboxError):
    """The disk is full. The rows were not stored; rows stored before are unharmed."""


class OutboxBroken(OutboxError):
    """The file cannot be opened, read or written, and could not be replaced either."""


class LinkError(EdgeError):
    """The broker's address, certificate or key cannot be used."""


class NotifierError(EdgeError):
    """A chime or a light did not work: the text names the setting and what happened, never what was said."""
