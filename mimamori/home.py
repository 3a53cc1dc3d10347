"""The home as a channel, wired: commands go through the broker that the events come through."""

from alerts.channels.home import HomeChannel
from ingest.consumer import BrokerAddress
from mimamori.channel_settings import HomeSettings


def open_home(settings: HomeSettings, broker: BrokerAddress) -> HomeChannel:
    """The channel; it connects when there is something to ask."""
    from alerts.channels.home_line import BrokerDoor, MqttHomeLine

    door = BrokerDoor(broker.host, broker.port, broker.username, broker.password, broker.tls, broker.keepalive_s)
    return HomeChannel(MqttHomeLine(door), settings.timeout_s)
