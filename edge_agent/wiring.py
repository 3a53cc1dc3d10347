"""The agent of a real device, put together from its settings."""

from collections.abc import Iterator
from contextlib import contextmanager

from contracts.broker import BrokerSettings
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.errors import SettingsError
from edge_agent.notifier import build_notifier
from edge_agent.outbox.outbox import Outbox
from edge_agent.settings import AgentSettings


def check_files(broker: BrokerSettings) -> None:
    """Look whether the keys of the connection can be read. Raises SettingsError naming the key and the file."""
    for key in ("ca", "certificate", "key", "password_file"):
        path = getattr(broker, key)
        if path is None:
            continue
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingsError(f"broker.{key}: {path} cannot be read: {error.strerror}") from None


@contextmanager
def opened_agent(settings: AgentSettings) -> Iterator[Agent]:
    """The agent, not yet started; its outbox is closed at the end.

    Raises:
        EdgeError: the settings, a source or the outbox is wrong; nothing was started.
    """
    check_files(settings.broker)
    sources = [source.open() for source in settings.sources]
    clock = SystemClock(settings.sync_marker, assume_synced=settings.assume_synced)
    with Outbox(settings.outbox.path) as outbox:
        yield Agent(settings, outbox, clock, sources, clock.quality, build_notifier(settings.attention))
