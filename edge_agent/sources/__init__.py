"""One family of sensors a file, behind the port in ``edge_agent.ports``: its settings, how it is opened, what it reads.

A new family is a file here and a line in `KINDS`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge_agent.ports import SourceSettings
from edge_agent.sources.replay import read_replay
from edge_agent.toml_reader import Table

KINDS: Final[Mapping[str, Callable[[Table, Path], SourceSettings]]] = {
    "replay": read_replay,
}
"""What reads a table ``[[sources]]`` of this ``kind``; paths in it start at the folder given."""
