"""What a folder of channels gives the product: its settings, how it is opened, what the doctor looks at.

Each folder has a module ``provider`` with the names of `Provider`; `alerts.channels.registry` lists them. A provider
imports its vendor's library when it is asked for, not before: that takes seconds, which only who uses it waits for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import APIRouter
from sqlalchemy import Engine

from alerts.ports import Channel
from alerts.settings import Settings
from alerts.wording.links import Links
from contracts.broker import BrokerSettings
from contracts.clock import Clock
from store.findings import Finding


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a provider may use of the server: where the broker is, and how alerts behave."""

    broker: BrokerSettings
    alerts: Settings


def nothing() -> None:
    """There is nothing to close."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What one provider opened; nothing of it has connected yet.

    Attributes:
        channels: by name.
        webhooks: makes the addresses where the vendor calls back; None: it has none.
        maintenance: makes what is to be done every few seconds besides sending, at a time in ms UTC; None: nothing.
        close: ends its connections.
    """

    channels: Mapping[str, Channel]
    webhooks: Callable[[Engine, Links, Clock], APIRouter] | None = None
    maintenance: Callable[[Engine], Callable[[int], object]] | None = None
    close: Callable[[], None] = nothing


class Provider(Protocol):
    """A module ``alerts.channels.<name>.provider``. ``settings``: what stands under ``<name>`` in ``[channels]``."""

    @property
    def OFF(self) -> Any:  # noqa: ANN401, N802 - a constant of the module, each of its own type
        """Settings with which it is off."""
        ...

    @property
    def SET_UP(self) -> Mapping[str, str]:  # noqa: N802 - a constant of the module
        """By channel: what to set so that it is on. The names are those of contact methods."""
        ...

    def names(self, settings: Any, /) -> Iterable[str]:  # noqa: ANN401
        """Names of the channels that the settings switch on. Opens nothing."""
        ...

    def open_channels(self, settings: Any, around: Surroundings, /) -> Opened:  # noqa: ANN401
        """The channels that are on. Raises SettingsError: a file cannot be used."""
        ...

    def look(self, settings: Any, /) -> Iterable[Finding]:  # noqa: ANN401
        """What the doctor sees of it: keys that others can read, a vendor that does not let us in."""
        ...
