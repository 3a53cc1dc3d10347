"""Settings of the pages are checked at start."""

import pytest

from dashboard.settings import DashboardSettings
from store.settings import SettingsError, read_settings


def test_a_misspelt_key_names_the_nearest_one():
    with pytest.raises(SettingsError, match=r"dashboard\.refresh is not a setting; did you mean 'refresh_s'\?"):
        read_settings(DashboardSettings, {"refresh": 3}, "dashboard")


@pytest.mark.parametrize("key", ["poll_s", "calm_s", "refresh_s", "proven_within_s", "behind_s", "usual_days"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "30", True])
def test_a_number_that_makes_no_sense_is_refused(key: str, value: object):
    with pytest.raises(SettingsError, match=key):
        read_settings(DashboardSettings, {key: value}, "dashboard")


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "Asia", "", 9])
def test_an_unknown_zone_is_refused(zone: object):
    with pytest.raises(SettingsError, match=r"dashboard\.zone"):
        read_settings(DashboardSettings, {"zone": zone}, "dashboard")


def test_half_a_day_is_refused():
    with pytest.raises(SettingsError, match="whole number"):
        read_settings(DashboardSettings, {"usual_days": 2.5}, "dashboard")


def test_good_settings_are_taken():
    assert read_settings(DashboardSettings, {"refresh_s": 2, "zone": "Europe/Berlin"}, "dashboard").refresh_s == 2
