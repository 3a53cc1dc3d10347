"""``[channels.line]``: LINE, opened from its settings."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from alerts.channels.line.settings import LineSettings
from alerts.channels.provider import Opened, Provider, Surroundings
from store.findings import Finding, look_at_mode
from store.settings import read_keys

if TYPE_CHECKING:
    from alerts.channels.line.api import LineApi

LEAST_MESSAGES: Final = 100
"""Fewer messages left than this are a finding: ten incidents with five neighbours and news for each."""


def _opened(settings: LineSettings, _around: Surroundings) -> Opened:
    api, secrets = api_of(settings), secrets_of(settings)
    from alerts.channels.line.channel import LineChannel
    from alerts.channels.line.webhook import line_routes

    channel = LineChannel(api, settings.timeout_s)
    return Opened(
        {"line": channel}, webhooks=lambda db, links, clock: line_routes(db, links, clock, secrets, channel.answer)
    )


def _look(settings: LineSettings) -> Iterator[Finding]:
    """Keys that only we can read, and messages left this month: 200 a month are gone after twenty incidents."""
    api, _ = api_of(settings), secrets_of(settings)
    for path in (settings.token_file, settings.secret_file):
        if path is not None:
            yield look_at_mode(f"LINE {path.name}", path)
    yield _look_at_quota(api)


def api_of(settings: LineSettings) -> "LineApi":
    """The vendor's endpoints, with the token out of its file. Raises SettingsError: the file holds none."""
    (token,) = read_keys(settings.token_file, "channels.line.token_file")
    from alerts.channels.line.api import LineApi

    return LineApi(token, settings.base_url, settings.timeout_s)


def secrets_of(settings: LineSettings) -> Sequence[str]:
    """The channel's secrets, any of which may sign webhooks. Raises SettingsError: the file holds none."""
    return read_keys(settings.secret_file, "channels.line.secret_file", most=2)


def _look_at_quota(api: "LineApi") -> Finding:
    from alerts.channels.line.api import LineUnreachable

    try:
        quota = api.quota()
    except LineUnreachable as error:
        return Finding("LINE messages", f"not known ({error})", "check the token, base_url and the connection")
    if quota.left is None:
        return Finding("LINE messages", f"{quota.used:,} this month, no limit")
    seen = f"{quota.left:,} of {quota.limit:,} left this month"
    low = quota.left < LEAST_MESSAGES
    return Finding("LINE messages", seen, "take a larger plan, or messages go by other channels" if low else "", low)


LINE: Final = Provider(
    off=LineSettings(),
    set_up={"line": "token_file and secret_file in [channels.line]"},
    names=lambda settings: ["line"] if settings.is_on else [],
    opened=_opened,
    longest_send_s=lambda settings: settings.timeout_s,
    look=_look,
    title="LINE",
)
