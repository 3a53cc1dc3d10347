"""The channels, wired: each as the settings switch it on, with the keys out of their files. Nothing connects yet."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.channels.console.channel import ConsoleChannel
from alerts.channels.email.channel import EmailChannel
from alerts.channels.email.settings import EmailSettings
from alerts.channels.home.channel import HomeChannel
from alerts.channels.home.settings import HomeSettings
from alerts.channels.line.settings import LineSettings
from alerts.channels.line.webhook import LineDesk
from alerts.channels.outbox.channel import OutboxChannel
from alerts.channels.twilio.settings import TwilioSettings
from alerts.channels.twilio.webhook import TwilioDesk
from alerts.ports import Channel
from alerts.settings import Settings as AlertsSettings
from contracts.broker import BrokerSettings
from mimamori.exits import UsageError
from mimamori.server.channel_settings import ChannelSettings
from mimamori.server.keys import usable_broker
from mimamori.server.settings import Settings

if TYPE_CHECKING:
    from alerts.channels.line.api import LineApi
    from alerts.channels.line.channel import LineChannel


@dataclass(frozen=True, slots=True)
class Line:
    """The parts of LINE in this process."""

    api: "LineApi"
    channel: "LineChannel"
    desk: LineDesk


def open_line(settings: LineSettings) -> Line | None:
    """LINE as the settings say; None when it is off. Connects to nothing.

    Raises:
        UsageError: a file cannot be read, or does not hold what it should.
    """
    if settings.token_file is None or settings.secret_file is None:
        return None
    tokens = _lines_of(settings.token_file, "token_file", most=1)
    secrets = _lines_of(settings.secret_file, "secret_file", most=2)
    # The vendor's library takes two seconds to import: only who uses LINE waits for it.
    from alerts.channels.line.api import LineApi
    from alerts.channels.line.channel import LineChannel

    api = LineApi(tokens[0], settings.base_url, settings.timeout_s)
    channel = LineChannel(api, settings.timeout_s)
    return Line(api, channel, LineDesk(secrets, channel.answer))


@dataclass(frozen=True, slots=True)
class Twilio:
    """The parts of Twilio in this process.

    Attributes:
        channels: ``sms``, ``voice``, or both, as the settings give them a number.
        desk: for the webhooks; None without a public address.
    """

    channels: Mapping[str, Channel]
    desk: TwilioDesk | None


def open_twilio(settings: TwilioSettings, alerts: AlertsSettings) -> Twilio | None:
    """Twilio as the settings say; None when it is off. Connects to nothing.

    Raises:
        SettingsError: the token cannot be read.
    """
    if not settings.is_on:
        return None
    # The vendor's library takes a second to import: only who uses it waits for it.
    from alerts.channels.twilio.sms import TwilioSms
    from alerts.channels.twilio.voice import TwilioVoice

    channels: dict[str, Channel] = {}
    if settings.sms_from:
        channels["sms"] = TwilioSms(settings)
    if settings.voice_from:
        channels["voice"] = TwilioVoice(settings)
    desk = TwilioDesk(settings, settings.tokens(), alerts) if settings.public_url else None
    return Twilio(channels, desk)


def open_email(settings: EmailSettings) -> EmailChannel:
    """The channel. Connects to nothing. Raises SettingsError: the password cannot be read."""
    return EmailChannel(settings, settings.password())


def open_home(settings: HomeSettings, broker: BrokerSettings) -> HomeChannel:
    """The channel; it connects when there is something to ask."""
    from alerts.channels.home.mqtt import MqttHomeLine

    return HomeChannel(MqttHomeLine(broker), settings.timeout_s)


def every_channel(settings: Settings) -> Mapping[str, Channel]:
    """All that the settings switch on, by name, as the server has them. Raises UsageError: one cannot be opened."""
    own = settings.channels
    home = open_home(own.home, usable_broker(settings.broker.address)) if own.home.enabled else None
    return all_channels(own, open_line(own.line), open_twilio(own.twilio, settings.alerts), home)


def all_channels(
    settings: ChannelSettings, line: Line | None, twilio: Twilio | None, home: HomeChannel | None
) -> Mapping[str, Channel]:
    """The channels without a vendor, the homes, mail, and the channels of the vendors that are there.

    Raises UsageError: one cannot be opened.
    """
    there: dict[str, Channel] = {"line": line.channel} if line else {}
    if home is not None:
        there["home"] = home
    if settings.email.is_on:
        there["email"] = open_email(settings.email)
    return {**open_channels(settings), **there, **(twilio.channels if twilio else {})}


def open_channels(settings: ChannelSettings) -> Mapping[str, Channel]:
    """The channels without a vendor that are switched on, by name. Raises UsageError: a folder cannot be made."""
    channels: dict[str, Channel] = {}
    if settings.console:
        channels["console"] = ConsoleChannel(sys.stdout)
    if settings.outbox is not None:
        try:
            settings.outbox.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(f"channels.outbox {settings.outbox}: cannot be made: {error.strerror}") from None
        channels["outbox"] = OutboxChannel(settings.outbox)
    return channels


def _lines_of(path: Path, key: str, most: int) -> list[str]:
    """The words of a file, one a line. Errors name the file, never what is in it."""
    what = f"channels.line.{key} {path}"
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{what} is not a text file") from None
    if not 1 <= len(lines) <= most or any(" " in line or not line.isascii() for line in lines):
        raise UsageError(f"{what} must hold {'one line' if most == 1 else 'one or two lines'}, each a key and no more")
    return lines
