"""The channel ``email`` against a mail server on this machine that checks, keeps and fails."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.channels.email.channel import EmailChannel, classify_refusal, written
from alerts.channels.email.settings import EmailSettings
from alerts.errors import Failure
from alerts.ports import OutgoingMessage, SendOutcome
from mail_double import MailDouble, TakenMail, broken_rules
from simulators.processes import free_port
from store.settings import SettingsError, read_settings

NOW_MS = 1_767_225_600_000
ADDRESS = "staff@council.example.jp"
MESSAGE = OutgoingMessage(
    delivery_id="6f1c3a52-0c4e-5a8e-9d6e-0f1a2b3c4d5e",
    person_id="shiki",
    address=ADDRESS,
    subject="安否の確認をお願いします",
    body="【見守り】佐藤 花様（あおば一丁目）の安否を確かめ、結果を記録してください。\n.\nこの行も本文です。",
    link="https://mimamori.example.jp/r/abc.def",
    purpose="staff",
    language="ja",
    expires_ms=NOW_MS + 600_000,
    at_ms=NOW_MS,
)


@pytest.fixture
def server() -> Iterator[MailDouble]:
    with MailDouble() as running:
        yield running
    assert running.violations == []


def channel_of(server: MailDouble, **changes: object) -> EmailChannel:
    usual = EmailSettings("127.0.0.1", server.port, "none", sender="mimamori@council.example.jp", timeout_s=5)
    settings = replace(usual, **changes)  # type: ignore[arg-type]
    return EmailChannel(settings, settings.password())


def test_a_mail_arrives_as_it_was_written(server):
    result = channel_of(server).send(MESSAGE)
    assert result.outcome is SendOutcome.OK
    (mail,) = server.mails
    assert (mail.sender, mail.recipients) == ("mimamori@council.example.jp", (ADDRESS,))
    assert mail.message["Subject"] == MESSAGE.subject
    assert mail.text == f"{MESSAGE.body}\n\n{MESSAGE.link}\n"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Date"].datetime.timestamp() * 1000 == NOW_MS
    assert result.vendor_id == mail.message["Message-ID"] == f"<{MESSAGE.delivery_id}@council.example.jp>"


def test_a_message_without_a_link_has_none(server):
    assert channel_of(server).send(replace(MESSAGE, link=None)).outcome is SendOutcome.OK
    assert server.mails[0].text == MESSAGE.body + "\n"


@pytest.mark.parametrize("step", ["greeting", "sender", "rcpt", "data", "end"])
def test_a_refusal_for_now_is_tried_again(server, step):
    channel = channel_of(server)
    server.fail(step, 451)
    assert channel.send(MESSAGE).outcome is SendOutcome.RETRY
    assert server.mails == []
    assert channel.send(MESSAGE).outcome is SendOutcome.OK


@pytest.mark.parametrize("step", ["rcpt", "data", "end"])
def test_a_refusal_for_good_is_not_tried_again(server, step):
    server.fail(step, 550)
    result = channel_of(server).send(MESSAGE)
    assert (result.outcome, result.detail) == (SendOutcome.PERMANENT, f"{'data' if step == 'end' else step} 550")


def test_a_refusal_of_our_own_address_is_the_accounts_and_not_the_readers(server, caplog):
    server.fail("sender", 553)
    result = channel_of(server).send(MESSAGE)
    assert (result.outcome, result.failure) == (SendOutcome.PERMANENT, Failure.ACCOUNT)
    assert "channels.email" in caplog.text


@pytest.mark.parametrize("step", ["greeting", "sender", "rcpt"])
@pytest.mark.parametrize("how", ["drop", "hang"])
def test_a_connection_that_breaks_before_the_text_sent_surely_nothing(server, step, how):
    server.fail(step, how)
    began_s = time.monotonic()
    result = channel_of(server, timeout_s=1).send(MESSAGE)
    assert result.outcome is SendOutcome.RETRY
    assert time.monotonic() - began_s < 10
    assert server.mails == []


@pytest.mark.parametrize("how", ["drop", "hang"])
def test_a_connection_that_breaks_after_the_text_leaves_everybody_in_the_dark_and_the_same_id_goes_again(server, how):
    channel = channel_of(server, timeout_s=1)
    server.fail("end", how)
    assert channel.send(MESSAGE).outcome is SendOutcome.AMBIGUOUS
    assert channel.send(replace(MESSAGE, at_ms=NOW_MS + 15_000)).outcome is SendOutcome.OK
    first, second = server.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]


@pytest.mark.parametrize("how", ["drop", "hang", 421])
def test_a_server_that_took_the_mail_and_does_not_say_farewell_has_taken_it(server, how):
    server.fail("quit", how)
    assert channel_of(server, timeout_s=1).send(MESSAGE).outcome is SendOutcome.OK
    assert len(server.mails) == 1


def test_no_server_at_all_sent_surely_nothing():
    settings = EmailSettings("127.0.0.1", free_port(), "none", sender="m@example.jp", timeout_s=2)
    assert EmailChannel(settings, None).send(MESSAGE).outcome is SendOutcome.RETRY


def test_a_server_that_never_says_a_word_holds_nobody_up():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = EmailSettings("127.0.0.1", mute.getsockname()[1], "none", sender="m@example.jp", timeout_s=1)
        began_s = time.monotonic()
        assert EmailChannel(settings, None).send(MESSAGE).outcome is SendOutcome.RETRY
        assert time.monotonic() - began_s < 10


@pytest.mark.parametrize(
    "changes",
    [{"address": "花@example.jp"}, {"address": "a@example.jp\nBcc: b@example.jp"}],
    ids=["beyond ASCII", "with a second header"],
)
def test_what_no_mail_can_carry_is_refused_and_sent_to_nobody(server, changes):
    assert channel_of(server).send(replace(MESSAGE, **changes)).outcome is SendOutcome.PERMANENT
    assert server.mails == []


def test_a_line_break_in_a_subject_is_a_space():
    assert written(replace(MESSAGE, subject="a\nBcc: b"), "m@example.jp")["Subject"] == "a Bcc: b"


@pytest.mark.parametrize(
    ("code", "outcome"), [(421, SendOutcome.RETRY), (454, SendOutcome.RETRY), (535, SendOutcome.PERMANENT)]
)
def test_the_code_decides(code, outcome):
    assert classify_refusal("login", code).outcome is outcome


# ---- TLS and login ----


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        reason = "openssl is not installed: apt-get install openssl"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    named = (
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
    )
    subprocess.run(["openssl", *new, *named], cwd=tmp_path, check=True, capture_output=True, timeout=30)
    (tmp_path / "password").write_text("a secret of the tests\n")
    return tmp_path


@pytest.fixture
def secure(keys: Path) -> Iterator[MailDouble]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(keys / "cert.pem", keys / "key.pem")
    with MailDouble(context, password="a secret of the tests") as running:
        yield running


def secure_channel(server: MailDouble, keys: Path, **changes: object) -> EmailChannel:
    usual = {
        "security": "starttls",
        "ca": keys / "cert.pem",
        "username": "mimamori",
        "password_file": keys / "password",
    }
    return channel_of(server, **(usual | changes))


@pytest.mark.system
def test_the_login_goes_over_tls(secure, keys):
    channel = secure_channel(secure, keys)
    assert channel.check_login() is None
    assert channel.send(MESSAGE).outcome is SendOutcome.OK
    assert (secure.mails[0].tls, secure.mails[0].user) == (True, "mimamori")


@pytest.mark.system
def test_a_wrong_password_is_the_accounts_trouble(secure, keys):
    (keys / "password").write_text("wrong\n")
    channel = secure_channel(secure, keys)
    result = channel.send(MESSAGE)
    assert (result.outcome, result.failure, result.detail) == (SendOutcome.PERMANENT, Failure.ACCOUNT, "login 535")
    assert channel.check_login() == "login 535"


@pytest.mark.system
def test_a_server_whose_certificate_is_not_trusted_gets_no_password(secure, keys):
    channel = secure_channel(secure, keys, ca=None)
    assert channel.send(MESSAGE).outcome is SendOutcome.RETRY
    assert "CERTIFICATE_VERIFY_FAILED" in (channel.check_login() or "")
    assert secure.mails == []


def test_a_server_without_tls_gets_no_mail(server):
    result = channel_of(server, security="starttls").send(MESSAGE)
    assert (result.outcome, result.failure, result.detail) == (SendOutcome.PERMANENT, Failure.ACCOUNT, "login 502")
    assert server.mails == []


# ---- settings, and the double itself ----


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"security": "ssl"}, "security: 'ssl' is not known; known: none, starttls, tls"),
        ({"security": "none"}, "on this machine"),
        ({"sender": "見守り"}, "sender must be an address"),
        ({"username": "u"}, "username and password_file: give both"),
        ({"port": 0}, "port must be at least 1"),
        ({"timeout_s": 0}, "timeout_s must be at least 1"),
    ],
)
def test_settings_that_cannot_work_are_named(changes, said):
    with pytest.raises(SettingsError, match=said):
        read_settings(EmailSettings, {"host": "mail.example.jp", "sender": "m@example.jp", **changes}, "channels.email")


@pytest.mark.parametrize("text", ["", "one\ntwo\n"])
def test_a_password_file_holds_one_line(tmp_path, text):
    (tmp_path / "password").write_text(text)
    settings = EmailSettings(
        "mail.example.jp", sender="m@example.jp", username="u", password_file=tmp_path / "password"
    )
    with pytest.raises(SettingsError, match="one line"):
        settings.password()
    with pytest.raises(SettingsError, match="cannot be read"):
        replace(settings, password_file=tmp_path / "none").password()


def test_the_double_finds_what_breaks_the_rules():
    raw = b"From: other@example.jp\r\nSubject: \xe8\xa6\x8b\r\n\r\n" + b"x" * 999 + b"\nend\r\n"
    found = broken_rules(TakenMail("m@example.jp", (ADDRESS,), raw, False, ""))
    assert len([item for item in found if "stands 0 times" in item]) == 3
    for rule in ("without CR LF", "too long", "eight bits", "From is not the sender"):
        assert any(rule in item for item in found), rule
