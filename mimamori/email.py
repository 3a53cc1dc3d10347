"""Mail, wired: the password out of its file."""

from alerts.channels.email import EmailChannel
from alerts.channels.email_settings import EmailSettings
from alerts.errors import SettingsError
from mimamori.exits import UsageError


def open_email(settings: EmailSettings) -> EmailChannel:
    """The channel. Connects to nothing. Raises UsageError: the password cannot be read."""
    try:
        return EmailChannel(settings, settings.password())
    except SettingsError as error:
        raise UsageError(str(error)) from None
