"""What holds for every provider of channels, the next one included."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import alerts.channels
from alerts.channels import registry
from alerts.channels.home.settings import HomeSettings
from alerts.channels.provider import Surroundings
from alerts.channels.registry import ChannelSettings
from alerts.settings import AlertsSettings
from contracts.broker import BrokerSettings
from store.register.checks import CHANNELS
from store.settings import SettingsError

FOLDER = Path(alerts.channels.__file__).parent


def around(broker=None):
    return Surroundings(broker or BrokerSettings(), AlertsSettings())


def test_every_folder_of_a_channel_is_registered_by_its_line():
    folders = [path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert sorted(folders) == sorted(item.name for item in fields(ChannelSettings))


def test_the_register_accepts_the_names_that_providers_bring_and_no_other():
    assert set(registry.how_to_set_up()) == set(CHANNELS)


def test_nothing_is_on_unless_it_is_set():
    assert registry.names_on(ChannelSettings()) == set()
    assert registry.open_channels(ChannelSettings(), around()) == []
    assert registry.longest_sends_s(ChannelSettings()) == {}
    assert list(registry.look(ChannelSettings())) == []


def test_what_is_switched_on_is_opened_under_its_name(tmp_path):
    settings = ChannelSettings(console=True, outbox=tmp_path / "phones", home=HomeSettings(enabled=True))
    opened = registry.open_channels(settings, around())
    channels = registry.by_name(opened)
    assert set(channels) == registry.names_on(settings) == {"console", "outbox", "home"}
    assert all(channel.name == name for name, channel in channels.items())
    assert registry.longest_sends_s(settings) == {"console": 0, "outbox": 0, "home": 10}
    assert (tmp_path / "phones").is_dir()
    assert [item.close is not None for item in opened] == [False, False, True]
    opened[-1].close()


def test_a_key_of_the_broker_that_is_missing_is_named_before_anything_is_asked(tmp_path):
    broker = BrokerSettings(username="server", password_file=tmp_path / "none")
    with pytest.raises(SettingsError, match=r"broker: .* cannot be used: .*none"):
        registry.open_channels(ChannelSettings(home=HomeSettings(enabled=True)), around(broker))


def test_no_library_of_a_vendor_is_loaded_before_its_channel_is_on():
    loaded = "import sys, mimamori.server.build; print(sorted({'linebot', 'twilio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
