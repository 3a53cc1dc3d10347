"""``[channels.twilio]``: text messages and calls by Twilio, opened from its settings."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.channels.provider import Opened, Provider, Surroundings
from alerts.channels.twilio.settings import TwilioSettings
from alerts.ports import Channel
from store.findings import Finding, look_at_mode

REQUESTS_A_SEND: Final = 3
"""A look-up of one or two pages, and the send."""


def _names(settings: TwilioSettings) -> Iterable[str]:
    numbers = {"sms": settings.sms_from, "voice": settings.voice_from}
    return [name for name, number in numbers.items() if number] if settings.is_on else ()


def _opened(settings: TwilioSettings, around: Surroundings) -> Opened:
    """The webhooks need a public address; without one there are none."""
    from alerts.channels.twilio.sms import TwilioSms
    from alerts.channels.twilio.voice import TwilioVoice
    from alerts.channels.twilio.webhook import twilio_routes

    kinds: dict[str, type[TwilioSms | TwilioVoice]] = {"sms": TwilioSms, "voice": TwilioVoice}
    channels: dict[str, Channel] = {name: kinds[name](settings) for name in _names(settings)}
    if not settings.public_url:
        return Opened(channels)
    tokens = settings.tokens()
    return Opened(
        channels, webhooks=lambda db, _links, clock: twilio_routes(db, clock, settings, tokens, around.alerts)
    )


def _look(settings: TwilioSettings) -> Iterator[Finding]:
    """A token that only we can read and that Twilio takes, and an address that its webhooks can reach."""
    from alerts.channels.twilio.api import check_account

    trouble = check_account(settings)
    if settings.token_file is not None:
        yield look_at_mode(f"Twilio {settings.token_file.name}", settings.token_file)
    remedy = "check account_sid, the token, api_url and the connection" if trouble else ""
    yield Finding("Twilio account", trouble or "answers", remedy)
    remedy = "" if settings.public_url else "set channels.twilio.public_url, or nobody hears of undelivered messages"
    yield Finding("Twilio webhooks", settings.public_url or "none", remedy, grave=False)


TWILIO: Final = Provider(
    off=TwilioSettings(),
    set_up={
        "sms": "account_sid, token_file and sms_from in [channels.twilio]",
        "voice": "account_sid, token_file and voice_from in [channels.twilio]",
    },
    names=_names,
    opened=_opened,
    longest_send_s=lambda settings: REQUESTS_A_SEND * settings.timeout_s,
    look=_look,
    title="Twilio",
)
