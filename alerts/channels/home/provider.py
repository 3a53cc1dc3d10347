"""``[channels.home]``: the homes themselves, asked through the broker."""

from collections.abc import Iterable
from typing import Final

from alerts.channels.home.channel import HomeChannel
from alerts.channels.home.settings import HomeSettings
from alerts.channels.provider import Opened, Surroundings
from store.findings import Finding
from store.settings import usable_broker

OFF: Final = HomeSettings()
SET_UP: Final = {"home": "enabled = true in [channels.home]"}


def names(settings: HomeSettings) -> Iterable[str]:
    """As `alerts.channels.provider.Provider`."""
    return SET_UP if settings.is_on else ()


def open_channels(settings: HomeSettings, around: Surroundings) -> Opened:
    """As `alerts.channels.provider.Provider`; it connects when there is something to ask."""
    from alerts.channels.home.mqtt import MqttHomeLine
    from alerts.channels.home.stop_asking import Hush

    channel = HomeChannel(MqttHomeLine(usable_broker(around.broker)), settings.timeout_s)
    return Opened({"home": channel}, maintenance=lambda db: Hush(db, channel).run, close=channel.close)


def look(_settings: HomeSettings) -> Iterable[Finding]:
    """There is nothing of its own to look at: the broker is looked at by itself."""
    return ()
