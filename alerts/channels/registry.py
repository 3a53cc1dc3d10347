"""``[channels]``: every provider of channels, each on one line of `ChannelSettings`, and what all of them are asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, fields
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from alerts.channels.console.provider import CONSOLE
from alerts.channels.email.provider import EMAIL
from alerts.channels.email.settings import EmailSettings
from alerts.channels.home.provider import HOME
from alerts.channels.home.settings import HomeSettings
from alerts.channels.line.provider import LINE
from alerts.channels.line.settings import LineSettings
from alerts.channels.outbox.provider import OUTBOX
from alerts.channels.provider import Opened, Provider, Surroundings
from alerts.channels.twilio.provider import TWILIO
from alerts.channels.twilio.settings import TwilioSettings
from alerts.ports import Channel
from store.findings import Finding
from store.settings import STRICT_KEYS, SettingsError


def _by(provider: Provider[Any]) -> Any:  # noqa: ANN401 - a field of whatever type the provider's settings have
    return field(default=provider.off, metadata={"provider": provider})


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class ChannelSettings:
    """How people are reached. A new channel is registered by its line here.

    Attributes:
        console: print messages.
        outbox: a folder that shows what each phone would show; None: none.
        line, twilio, home, email: tables of their own, with the vendors' keys in files of their own.
    """

    console: bool = _by(CONSOLE)
    outbox: Path | None = _by(OUTBOX)
    line: LineSettings = _by(LINE)
    twilio: TwilioSettings = _by(TWILIO)
    home: HomeSettings = _by(HOME)
    email: EmailSettings = _by(EMAIL)


def _on(settings: ChannelSettings) -> Iterator[tuple[str, Provider[Any], Any]]:
    """Key, provider and its settings, of those that are on."""
    for item in fields(settings):
        provider, own = item.metadata["provider"], getattr(settings, item.name)
        if provider.names(own):
            yield item.name, provider, own


def names_on(settings: ChannelSettings) -> set[str]:
    """Names of the channels that the settings switch on. Opens none."""
    return {name for _, provider, own in _on(settings) for name in provider.names(own)}


def how_to_set_up() -> Mapping[str, str]:
    """By the name of each channel that there is: what to set so that it is on."""
    return {name: how for item in fields(ChannelSettings) for name, how in item.metadata["provider"].set_up.items()}


def longest_sends_s(settings: ChannelSettings) -> Mapping[str, int]:
    """By key: how long sending one message may take with what is on, in seconds."""
    return {key: provider.longest_send_s(own) for key, provider, own in _on(settings)}


def open_channels(settings: ChannelSettings, around: Surroundings) -> Sequence[Opened]:
    """All that the settings switch on, a provider each. Raises SettingsError: one cannot be opened."""
    return [provider.opened(own, around) for _, provider, own in _on(settings)]


def by_name(opened: Sequence[Opened]) -> Mapping[str, Channel]:
    """The channels of several providers, by name."""
    return {name: channel for item in opened for name, channel in item.channels.items()}


def look(settings: ChannelSettings) -> Iterator[Finding]:
    """What the doctor sees of the channels that are on."""
    for _, provider, own in _on(settings):
        try:
            yield from provider.look(own)
        except SettingsError as error:
            yield Finding(provider.title, "not usable", str(error))
