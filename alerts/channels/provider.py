"""What a folder of channels gives the product: its settings, how it is opened, what the doctor looks at.

Each folder has a module ``provider`` with one `Provider`; `alerts.channels.registry` lists them. A vendor's library is
imported when its channel is opened, not before: that takes seconds, which only who uses it waits for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlalchemy import Engine

from alerts.ports import Channel
from alerts.settings import AlertsSettings
from alerts.wording.links import Links
from contracts.broker import BrokerSettings
from contracts.clock import Clock
from store.findings import Finding

if TYPE_CHECKING:
    from fastapi import APIRouter

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a provider may use of the server: where the broker is, and how alerts behave."""

    broker: BrokerSettings
    alerts: AlertsSettings


@dataclass(frozen=True, slots=True)
class Opened:
    """What one provider opened; nothing of it has connected yet.

    Attributes:
        channels: by name.
        webhooks: makes the addresses where the vendor calls back; None: it has none.
        beside: makes what is to be done every few seconds besides sending, at a time in ms UTC; None: nothing.
        close: ends its connections; None: it has none of its own.
    """

    channels: Mapping[str, Channel]
    webhooks: "Callable[[Engine, Links, Clock], APIRouter] | None" = None
    beside: Callable[[Engine], Callable[[int], object]] | None = None
    close: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Provider(Generic[S]):
    """What brings one channel or several.

    Attributes:
        off: settings with which it is off.
        set_up: by the name of each of its channels: what to set so that it is on.
        names: which of them its settings switch on. Opens nothing.
        opened: those, ready to send. Raises SettingsError: a file cannot be used.
        longest_send_s: how long sending one message may take, by the settings, in seconds.
        look: what the doctor sees of it: keys that others can read, a vendor that does not let us in. Raises
            SettingsError: it cannot be opened.
        title: what the doctor calls it then.
    """

    off: S
    set_up: Mapping[str, str]
    names: Callable[[S], Iterable[str]]
    opened: Callable[[S, Surroundings], Opened]
    longest_send_s: Callable[[S], int] = lambda _settings: 0
    look: Callable[[S], Iterable[Finding]] = lambda _settings: ()
    title: str = ""
