"""``[channels.email]``: mail, opened from its settings."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.channels.email.channel import EmailChannel
from alerts.channels.email.settings import EmailSettings
from alerts.channels.provider import Opened, Surroundings
from store.findings import Finding, look_at_mode
from store.settings import SettingsError

OFF: Final = EmailSettings()
SET_UP: Final = {"email": "host and sender in [channels.email]"}


def names(settings: EmailSettings) -> Iterable[str]:
    """As `alerts.channels.provider.Provider`."""
    return SET_UP if settings.is_on else ()


def open_channels(settings: EmailSettings, _around: Surroundings) -> Opened:
    """As `alerts.channels.provider.Provider`."""
    return Opened({"email": EmailChannel(settings, settings.password())})


def look(settings: EmailSettings) -> Iterator[Finding]:
    """A password that only we can read, and a server that lets us in."""
    try:
        channel = EmailChannel(settings, settings.password())
    except SettingsError as error:
        yield Finding("mail", "not usable", str(error))
        return
    if settings.password_file is not None:
        yield look_at_mode(f"mail {settings.password_file.name}", settings.password_file)
    trouble = channel.trouble()
    remedy = "check host, port, security, username and the password in channels.email" if trouble else ""
    yield Finding("mail server", trouble or "lets us in", remedy)
