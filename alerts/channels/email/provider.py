"""``[channels.email]``: mail, opened from its settings."""

from collections.abc import Iterator
from typing import Final

from alerts.channels.email.channel import EmailChannel
from alerts.channels.email.settings import EmailSettings
from alerts.channels.provider import Opened, Provider
from store.findings import Finding, look_at_mode


def _look(settings: EmailSettings) -> Iterator[Finding]:
    """A password that only we can read, and a server that lets us in."""
    channel = EmailChannel(settings, settings.password())
    if settings.password_file is not None:
        yield look_at_mode(f"mail {settings.password_file.name}", settings.password_file)
    trouble = channel.check_login()
    remedy = "check host, port, security, username and the password in channels.email" if trouble else ""
    yield Finding("mail server", trouble or "lets us in", remedy)


EMAIL: Final = Provider(
    off=EmailSettings(),
    set_up={"email": "host and sender in [channels.email]"},
    names=lambda settings: ["email"] if settings.host else [],
    opened=lambda settings, _around: Opened({"email": EmailChannel(settings, settings.password())}),
    longest_send_s=lambda settings: settings.timeout_s,
    look=_look,
    title="mail",
)
