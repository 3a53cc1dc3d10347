import pytest

from ingest.settings import IngestSettings
from store.settings import SettingsError, read_settings


def test_settings_come_from_a_mapping():
    assert read_settings(IngestSettings, {"max_lag_s": None, "group_messages": 8}, "ingest").group_messages == 8


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_future": 1}, "did you mean 'max_future_s'"),
        ({"max_future_s": 0}, "max_future_s must be a number above 0"),
        ({"max_future_s": None}, "max_future_s"),
        ({"help_valid_s": "900"}, "help_valid_s"),
        ({"group_messages": 1.5}, "whole number"),
        ({"history_days": float("nan")}, "history_days"),
        ({"retry_least_s": 60.0}, "retry_most_s"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(values, message):
    with pytest.raises(SettingsError, match=message):
        read_settings(IngestSettings, values, "ingest")
