"""``[channels]``: every provider of channels, each on one line of `ChannelSettings`, and what all of them are asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, fields
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from alerts.channels.console import provider as console_provider
from alerts.channels.email import provider as email_provider
from alerts.channels.email.settings import EmailSettings
from alerts.channels.home import provider as home_provider
from alerts.channels.home.settings import HomeSettings
from alerts.channels.line import provider as line_provider
from alerts.channels.line.settings import LineSettings
from alerts.channels.outbox import provider as outbox_provider
from alerts.channels.provider import Opened, Provider, Surroundings
from alerts.channels.twilio import provider as twilio_provider
from alerts.channels.twilio.settings import TwilioSettings
from alerts.ports import Channel
from store.findings import Finding
from store.settings import STRICT_KEYS


def _by(provider: Provider) -> Any:  # noqa: ANN401 - a field of whatever type the provider's settings have
    return field(default=provider.OFF, metadata={"provider": provider})


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class ChannelSettings:
    """How people are reached. A new channel is registered by its line here.

    Attributes:
        console: print messages.
        outbox: a folder that shows what each phone would show; None: none.
        line, twilio, home, email: tables of their own, with the vendors' keys in files of their own.
    """

    console: bool = _by(console_provider)
    outbox: Path | None = _by(outbox_provider)
    line: LineSettings = _by(line_provider)
    twilio: TwilioSettings = _by(twilio_provider)
    home: HomeSettings = _by(home_provider)
    email: EmailSettings = _by(email_provider)


def _providers(settings: ChannelSettings) -> Iterator[tuple[str, Provider, Any]]:
    for item in fields(settings):
        yield item.name, item.metadata["provider"], getattr(settings, item.name)


def names_on(settings: ChannelSettings) -> set[str]:
    """Names of the channels that the settings switch on. Opens none."""
    return {name for _, provider, own in _providers(settings) for name in provider.names(own)}


def how_to_set_up() -> Mapping[str, str]:
    """By the name of each channel that there is: what to set so that it is on."""
    return {name: what for _, provider, _ in _providers(ChannelSettings()) for name, what in provider.SET_UP.items()}


def longest_sends_s(settings: ChannelSettings) -> Mapping[str, int]:
    """By table: how long sending one message may take, in seconds, where that can be set and the channel is on."""
    on = [(name, own) for name, provider, own in _providers(settings) if provider.names(own)]
    return {name: own.longest_send_s for name, own in on if hasattr(own, "longest_send_s")}


def open_channels(settings: ChannelSettings, around: Surroundings) -> Sequence[Opened]:
    """All that the settings switch on, a provider each. Raises SettingsError: one cannot be opened."""
    return [provider.open_channels(own, around) for _, provider, own in _providers(settings) if provider.names(own)]


def by_name(opened: Sequence[Opened]) -> Mapping[str, Channel]:
    """The channels of several providers, by name."""
    return {name: channel for item in opened for name, channel in item.channels.items()}


def look(settings: ChannelSettings) -> Iterator[Finding]:
    """What the doctor sees of the channels that are on."""
    for _, provider, own in _providers(settings):
        if provider.names(own):
            yield from provider.look(own)
