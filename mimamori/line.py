"""LINE, wired: the keys out of their files, the channel of the sender, and what the webhook needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.webhooks.line import LineDesk
from mimamori.channel_settings import LineSettings
from mimamori.exits import UsageError

if TYPE_CHECKING:
    from alerts.channels.line import LineChannel
    from alerts.channels.line_api import LineApi


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
    from alerts.channels.line import LineChannel
    from alerts.channels.line_api import LineApi

    api = LineApi(tokens[0], settings.base_url, settings.timeout_s)
    channel = LineChannel(api, settings.timeout_s)
    return Line(api, channel, LineDesk(secrets, channel.answer))


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
