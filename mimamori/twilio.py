"""Twilio, wired: the channels of the sender, and what the webhooks need."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.channels.twilio_settings import TwilioSettings
from alerts.errors import SettingsError
from alerts.ports import Channel
from alerts.settings import Settings
from dashboard.webhooks.twilio import TwilioDesk
from mimamori.exits import UsageError


@dataclass(frozen=True, slots=True)
class Twilio:
    """The parts of Twilio in this process.

    Attributes:
        channels: ``sms``, ``voice``, or both, as the settings give them a number.
        desk: for the webhooks; None without a public address.
    """

    channels: Mapping[str, Channel]
    desk: TwilioDesk | None


def open_twilio(settings: TwilioSettings, alerts: Settings) -> Twilio | None:
    """Twilio as the settings say; None when it is off. Connects to nothing.

    Raises:
        UsageError: the token cannot be read.
    """
    if not settings.is_on:
        return None
    # The vendor's library takes a second to import: only who uses it waits for it.
    from alerts.channels.twilio_sms import TwilioSms
    from alerts.channels.twilio_voice import TwilioVoice

    try:
        channels: dict[str, Channel] = {}
        if settings.sms_from:
            channels["sms"] = TwilioSms(settings)
        if settings.voice_from:
            channels["voice"] = TwilioVoice(settings)
        desk = TwilioDesk(settings, settings.tokens(), alerts) if settings.public_url else None
    except SettingsError as error:
        raise UsageError(str(error)) from None
    return Twilio(channels, desk)
