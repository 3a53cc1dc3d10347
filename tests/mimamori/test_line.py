"""LINE in the settings, in the wiring and for the doctor."""

import pytest

from alerts.channels.line import linking, provider
from alerts.channels.line.settings import LineSettings
from alerts.channels.provider import Surroundings
from alerts.channels.registry import names_on
from alerts.ports import OutgoingMessage, SendOutcome
from alerts.settings import AlertsSettings
from contracts.broker import BrokerSettings
from edge_agent.clock import SystemClock
from mimamori.cli import main
from mimamori.commands import doctor
from mimamori.exits import UsageError
from mimamori.server.settings import load_settings
from store.engine import open_store
from store.register.registry import edit
from store.settings import SettingsError

KEYS = '[channels.line]\ntoken_file = "line.token"\nsecret_file = "line.secret"\n'

AROUND = Surroundings(BrokerSettings(), AlertsSettings())


@pytest.fixture
def folder(tmp_path, line):
    (tmp_path / "line.token").write_text(line.token + "\n")
    (tmp_path / "line.secret").write_text(f"{line.secret}\nnext-secret\n")
    for name in ("line.token", "line.secret"):
        (tmp_path / name).chmod(0o600)
    return tmp_path


def settings_of(folder, text):
    (folder / "m.toml").write_text(text)
    return load_settings(folder / "m.toml")


def findings(folder, text):
    (folder / "m.toml").write_text(text)
    return {finding.what: finding for finding in doctor.look_at_settings(folder / "m.toml")}


def test_without_its_files_line_is_off(tmp_path):
    settings = settings_of(tmp_path, "[channels.line]\n").channels
    assert not settings.line.is_on
    assert names_on(settings) == set()


def test_the_files_make_a_channel_that_sends_and_a_desk_with_both_secrets(folder, line):
    settings = settings_of(folder, KEYS + f'base_url = "{line.url}"\n')
    assert provider.secrets_of(settings.channels.line) == [line.secret, "next-secret"]
    opened = provider.LINE.opened(settings.channels.line, AROUND)
    assert opened.webhooks is not None
    sent = opened.channels["line"].send(
        OutgoingMessage(
            delivery_id="0f3a7d0a-51cb-4a86-9a4b-0a2f6d1b7c11",
            person_id="hana",
            address=line.friend("花"),
            subject="お知らせ",
            body="本文",
            link=None,
            purpose="news",
            language="ja",
            expires_ms=1,
            at_ms=1,
        )
    )
    assert sent.outcome is SendOutcome.OK


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[channels]\nline = 3\n", r"\[channels.line\]"),
        ('[channels.line]\ntoken_fil = "x"\n', "token_file"),
        ('[channels.line]\ntoken_file = "x"\n', "token_file and secret_file: give both"),
        (KEYS + "timeout_s = 30\n", "less than half of alerts.lease_s"),
        (KEYS + "timeout_s = 0\n", "at least 1"),
        (KEYS + 'base_url = "http://line.example"\n', "https"),
        (KEYS + 'base_url = "line.example"\n', "https"),
    ],
)
def test_a_mistake_is_refused_with_the_remedy(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        settings_of(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("line.token", None, "cannot be read"),
        ("line.token", "", "one line"),
        ("line.token", "a\nb\n", "one line"),
        ("line.secret", "a\nb\nc\n", "one or two lines"),
        ("line.secret", "two words\n", "a key and no more"),
    ],
)
def test_a_file_that_holds_no_key_is_named_and_not_repeated(folder, name, content, words):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(SettingsError, match=words) as error:
        provider.LINE.opened(LineSettings(folder / "line.token", folder / "line.secret"), AROUND)
    assert name in str(error.value)
    assert "two words" not in str(error.value)


def test_the_doctor_tells_what_is_left_of_the_month(folder, line):
    text = KEYS + f'base_url = "{line.url}"\n'
    line.control("quota", limit=5_000, used=1_000)
    assert findings(folder, text)["LINE messages"].seen == "4,000 of 5,000 left this month"
    assert findings(folder, text)["channels"].seen == "line"
    line.control("quota", limit=200, used=150)
    assert "larger plan" in findings(folder, text)["LINE messages"].remedy
    line.control("quota", used=5)
    assert findings(folder, text)["LINE messages"].remedy == ""


def test_the_doctor_finds_a_wrong_token_and_keys_that_others_can_read(folder, line):
    (folder / "line.token").write_text("wrong\n")
    (folder / "line.token").chmod(0o644)
    found = findings(folder, KEYS + f'base_url = "{line.url}"\n')
    assert "401" in found["LINE messages"].seen
    assert found["LINE line.token"].command.startswith("chmod 600")
    assert found["LINE line.secret"].remedy == ""
    (folder / "line.token").unlink()
    assert "cannot be read" in findings(folder, KEYS)["LINE"].remedy


def test_staff_make_a_code_and_only_for_somebody_registered(folder, capsys):
    db = open_store(f"sqlite:///{folder}/mimamori.db")
    with edit(db, actor="test", now_ms=1) as registry:
        registry.add_person("鈴木 一郎", id="ichiro")
    config = folder / "m.toml"
    config.write_text(KEYS)
    assert main(["link-line", "ichiro", "--config", str(config)]) == 0
    code = linking.code_in(capsys.readouterr().out)
    with db.begin() as connection:
        now_ms = SystemClock().wall_ms()
        assert linking.link_by_code(connection, "line", code, "U" + "0" * 32, now_ms) == "ichiro"
    db.dispose()
    assert main(["link-line", "nobody", "--config", str(config)]) == 2
    assert "not in the register" in capsys.readouterr().err
    config.write_text("")
    assert main(["link-line", "ichiro", "--config", str(config)]) == 2
    assert "LINE is off" in capsys.readouterr().err
