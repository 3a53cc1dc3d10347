import pytest

from mimamori.exits import UsageError
from mimamori.server.settings import build_settings, load_settings

EMAIL = "[channels.email]\nhost = 'mail.example.jp'\nsender = 'm@example.jp'\n"
TWILIO = f"[channels.twilio]\naccount_sid = 'AC{'0' * 32}'\ntoken_file = 'token'\nsms_from = '+815012345678'\n"
HOME = "[channels.home]\nenabled = true\n"


def settings_of(tmp_path, text):
    path = tmp_path / "mimamori.toml"
    path.write_text(text)
    return load_settings(path)


def test_an_empty_file_gives_one_process_with_everything_embedded(tmp_path):
    settings = settings_of(tmp_path, "")
    assert settings.server.roles == ("ingest", "alerts", "dashboard")
    assert settings.broker.is_embedded
    assert settings.dashboard.base_url == "http://127.0.0.1:8800"


@pytest.mark.parametrize(
    ("text", "days"), [("", 400), ("[store]\nkeep_days = 0\n", 0), ("[store]\nkeep_days = 30\n", 30)]
)
def test_events_are_kept_for_400_days_unless_the_file_says_otherwise(tmp_path, text, days):
    assert settings_of(tmp_path, text).store.keep_days == days


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path):
    settings = settings_of(tmp_path, '[store]\nurl = "sqlite:///a.db"\n[channels]\noutbox = "phones"\n')
    assert settings.store.url == f"sqlite:///{tmp_path.resolve()}/a.db"
    assert settings.store.timeseries == f"sqlite:///{tmp_path.resolve()}/events.db"
    assert settings.channels.outbox == tmp_path / "phones"


@pytest.mark.parametrize(
    ("text", "named", "remedy"),
    [
        ("[ingset]\n", "ingset is not a setting", "did you mean 'ingest'?"),
        ("[ingest]\nmax_futrue_s = 5\n", "max_futrue_s", "max_future_s"),
        ("[alerts]\nperson_anser_s = 5\n", "person_anser_s", "person_answer_s"),
        ("[dashboard]\nprot = 1\n", "prot", "port"),
        (
            "[dashboard]\npublic_url = 'https://council.example'\n",
            "dashboard.public_url",
            "known: behind_s, calm_s, host, lapse_days, phones, poll_s, port",
        ),
        ("[dashboard]\nport = 99999\n", "dashboard.port", "at most 65535, not 99999"),
        ("[server]\nroles = ['ingset']\n", "ingset", "did you mean 'ingest'?"),
        ("[server]\nroles = 'ingest'\n", "server.roles", "a list, not a text"),
        ("[server]\nroles = []\n", "server.roles", "at least one"),
        ("[store]\nurll = 'x'\n", "store.urll", "did you mean 'url'?"),
        ("[store]\nkeep_days = 29\n", "store.keep_days", "30 to 3650, or 0 for ever"),
        ("[store]\nkeep_days = 3651\n", "store.keep_days", "30 to 3650"),
        ("[store]\nkeep_days = -1\n", "store.keep_days", "30 to 3650"),
        ("[store]\nkeep_days = 400.5\n", "store.keep_days", "a whole number"),
        ("[broker]\nurl = 'http://x'\n", "broker.url", "mqtt://host:port"),
        ("[broker]\nurl = 'embedded:http'\n", "embedded:http", "embedded:1884"),
        ("[broker]\nuser = 'x'\n", "broker.user", "username"),
        ("[broker]\nurl = 5\n", "broker.url", "a text"),
        ("[broker]\nurl = 'mqtt://h'\nca = 3\n", "broker.ca", "a text"),
        ("[broker]\nurl = 'mqtt://h'\nkeepalive_s = '30'\n", "broker.keepalive_s", "a whole number"),
        ("[dashboard]\nphones = 3\n", "dashboard.phones", "a text, not a whole number"),
        ("[dashboard]\nzone = 'Asia'\n", "dashboard.zone", "did you mean"),
        ("[channels]\nconsole = 1\n", "channels.console", "true or false"),
        (EMAIL + "timeout_s = 30\n", "channels.email.timeout_s", "less than half of alerts.lease_s (60)"),
        (TWILIO + "timeout_s = 10\n", "channels.twilio.timeout_s", "lets a message take 30 s"),
        (HOME + "timeout_s = 30\n", "channels.home.timeout_s", "less than half of alerts.lease_s (60)"),
        (HOME + "[alerts]\nlease_s = 20\n", "channels.home.timeout_s", "less than half of alerts.lease_s (20)"),
        ("store = 3\n", "store", "[store]"),
        ("[store\n", "not TOML", "line 1"),
    ],
)
def test_a_mistake_names_the_file_the_key_and_the_remedy(tmp_path, text, named, remedy):
    with pytest.raises(UsageError) as caught:
        settings_of(tmp_path, text)
    assert "mimamori.toml" in str(caught.value)
    assert named in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("url", ["mqtt://council:hunter2@broker", "http://council:hunter2@broker"])
def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path, url):
    with pytest.raises(UsageError, match="password_file") as caught:
        settings_of(tmp_path, f"[broker]\nurl = '{url}'\n")
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.toml: cannot be read"):
        load_settings(tmp_path / "nowhere.toml")


def test_a_broker_elsewhere_keeps_its_url(tmp_path):
    settings = build_settings({"broker": {"url": "mqtts://broker.example:8883", "ca": "ca.pem"}}, tmp_path)
    assert not settings.broker.is_embedded
    assert settings.broker.tls
    assert settings.broker.ca == tmp_path / "ca.pem"
