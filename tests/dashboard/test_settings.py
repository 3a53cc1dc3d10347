"""Settings of the pages are checked at start."""

import pytest

from dashboard.settings import DashboardSettings, SettingsError


def test_a_misspelt_key_names_the_nearest_one():
    with pytest.raises(SettingsError, match=r"dashboard\.refresh is no setting; did you mean 'refresh_s'\?"):
        DashboardSettings.from_mapping({"refresh": 3})


@pytest.mark.parametrize("key", ["poll_s", "calm_s", "refresh_s", "proven_within_s", "behind_s", "usual_days"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "30", True])
def test_a_number_that_makes_no_sense_is_refused(key: str, value: object):
    with pytest.raises(SettingsError, match=key):
        DashboardSettings.from_mapping({key: value})


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "Asia", "", 9])
def test_an_unknown_zone_is_refused(zone: object):
    with pytest.raises(SettingsError, match=r"dashboard\.zone"):
        DashboardSettings.from_mapping({"zone": zone})


def test_half_a_day_is_refused():
    with pytest.raises(SettingsError, match="whole number"):
        DashboardSettings.from_mapping({"usual_days": 2.5})


def test_good_settings_are_taken():
    assert DashboardSettings.from_mapping({"refresh_s": 2, "zone": "Europe/Berlin"}).refresh_s == 2
