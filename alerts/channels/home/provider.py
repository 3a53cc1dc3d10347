"""``[channels.home]``: the homes themselves, asked through the broker."""

from typing import Final

from alerts.channels.home.settings import HomeSettings
from alerts.channels.provider import Opened, Provider, Surroundings
from store.settings import usable_broker


def _opened(settings: HomeSettings, around: Surroundings) -> Opened:
    """It connects when there is something to ask."""
    from alerts.channels.home.channel import HomeChannel
    from alerts.channels.home.mqtt import MqttHomeCommands
    from alerts.channels.home.stop_asking import QuestionCanceller

    line = MqttHomeCommands(usable_broker(around.broker))
    channel = HomeChannel(line, settings.timeout_s)
    return Opened({"home": channel}, beside=lambda db: QuestionCanceller(db, channel).run, close=line.close)


HOME: Final = Provider(
    off=HomeSettings(),
    set_up={"home": "enabled = true in [channels.home]"},
    names=lambda settings: ["home"] if settings.enabled else [],
    opened=_opened,
    longest_send_s=lambda settings: settings.timeout_s,
)
