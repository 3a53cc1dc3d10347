"""Twilio's webhooks: nothing without its signature, nothing twice, and everything that is wrong is counted."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from sqlalchemy import insert, select, update
from twilio.request_validator import RequestValidator

from alerts.channels.twilio.settings import TwilioSettings
from alerts.channels.twilio.signature import LARGEST_BODY
from alerts.channels.twilio.webhook import twilio_routes
from alerts.settings import AlertsSettings
from dashboard.app import create_app
from store.register.registry import edit
from store.schema import attempts, claims, deliveries, people, receipts, relations, statements

OUTER = "https://mimamori.example.jp"
ACCOUNT = "AC" + "a" * 32
TOKEN, FORMER = "the-present-token-000000000000000", "the-former-token-0000000000000000"
NUMBER = "+819000000002"
SID = "SM" + "1" * 32
CALL = "CA" + "1" * 32


class Vendor:
    """Sends as Twilio would, through a TLS proxy: the outer address is signed, ours is called."""

    def __init__(self, town: Any, browser: TestClient, delivery: str) -> None:
        self.town, self.browser, self.delivery = town, browser, delivery

    def post(self, path: str, *, token: str = TOKEN, signed: str = "", account: str = ACCOUNT, **fields: str) -> Any:
        form = {"AccountSid": account} | fields
        signature = RequestValidator(token).compute_signature(signed or OUTER + path, form)
        return self.browser.post(path, data=form, headers={"X-Twilio-Signature": signature})

    def sms(self, status: str, **fields: str) -> Any:
        return self.post(f"/webhooks/twilio/sms/{self.delivery}", MessageSid=SID, MessageStatus=status, **fields)

    def key(self, digit: str, **fields: str) -> Any:
        return self.post(f"/webhooks/twilio/key/{self.delivery}", CallSid=CALL, Digits=digit, **fields)

    def state(self) -> str:
        with self.town.db.connect() as connection:
            found = select(deliveries.c.state).where(deliveries.c.id == self.delivery)
            return str(connection.execute(found).scalar_one())


@pytest.fixture
def vendor(town: Any, tmp_path: Path) -> Vendor:
    """田中 was called about 山田 by SMS, which Twilio accepted."""
    case = town.incident(town.home("山田 花子", "やまだ はなこ"))
    delivery = town.delivery(case, "tanaka", "call", channel="sms")
    with edit(town.db, actor="test", now_ms=town.clock.now) as registry:
        method = registry.add_contact_method("tanaka", "sms", NUMBER, rank=5)
    town.write(
        update(deliveries).where(deliveries.c.id == delivery).values(contact_method_id=method),
        insert(attempts).values(delivery_id=delivery, n=1, started_ms=town.clock.now, outcome="ok", vendor_id=SID),
    )
    settings = TwilioSettings(ACCOUNT, tmp_path / "token", "+815000000000", "+815000000000", OUTER)
    routes = twilio_routes(town.db, town.clock, settings, (TOKEN, FORMER), AlertsSettings())
    app = create_app(town.db, town.timeseries, town.links, town.clock, webhooks=[routes])
    return Vendor(town, TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False), delivery)


def counted(channel: str, outcome: str) -> float:
    labels = {"channel": channel, "outcome": outcome}
    return REGISTRY.get_sample_value("mimamori_webhook_events_total", labels) or 0.0


def test_a_receipt_is_believed_with_either_token_while_they_are_rotated(vendor: Vendor):
    assert vendor.sms("sent").status_code == 204
    assert vendor.sms("delivered", token=FORMER).status_code == 204
    assert vendor.state() == "delivered"


@pytest.mark.parametrize(
    ("changes", "why", "status"),
    [
        ({"token": "another-token-00000000000000000"}, "bad_signature", 403),
        ({"signed": "http://127.0.0.1:8080/webhooks/twilio/sms/x"}, "bad_signature", 403),
        ({"signed": f"{OUTER}/webhooks/twilio/sms/another"}, "bad_signature", 403),
        ({"account": "AC" + "b" * 32}, "other_account", 403),
        ({"MessageStatus": "eaten"}, "unknown_status", 400),
        ({"MessageSid": ""}, "unknown_status", 400),
        ({"MessageSid": "x" * 200}, "unknown_status", 400),
        ({"More": "x" * LARGEST_BODY}, "too_large", 413),
        ({f"f{number}": "x" for number in range(201)}, "not_a_form", 400),
    ],
)
def test_what_is_wrong_changes_nothing_and_is_counted(vendor: Vendor, changes: dict[str, str], why: str, status: int):
    before, count = vendor.town.everything(), counted("sms", why)
    fields = {"MessageSid": SID, "MessageStatus": "failed"} | changes
    assert vendor.post(f"/webhooks/twilio/sms/{vendor.delivery}", **fields).status_code == status
    assert vendor.town.everything() == before
    assert counted("sms", why) == count + 1


def test_an_altered_or_added_field_breaks_the_signature(vendor: Vendor):
    path = f"/webhooks/twilio/sms/{vendor.delivery}"
    form = {"AccountSid": ACCOUNT, "MessageSid": SID, "MessageStatus": "sent"}
    headers = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(OUTER + path, form)}
    before = vendor.town.everything()
    for altered in (form | {"MessageStatus": "failed"}, form | {"ErrorCode": "30005"}):
        assert vendor.browser.post(path, data=altered, headers=headers).status_code == 403
    assert vendor.browser.post(f"{path}?more=1", data=form, headers=headers).status_code == 403
    assert vendor.browser.post(path, data=form).status_code == 403, "no signature at all"
    assert vendor.town.everything() == before
    assert vendor.browser.post(path, data=form, headers=headers).status_code == 204


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_what_is_no_form_is_refused(vendor: Vendor, kind: str):
    path = f"/webhooks/twilio/sms/{vendor.delivery}"
    assert vendor.browser.post(path, content=b"{}", headers={"Content-Type": kind}).status_code == 415


def test_looking_at_an_address_changes_nothing(vendor: Vendor):
    before = vendor.town.everything()
    for name in (f"sms/{vendor.delivery}", f"voice/{vendor.delivery}", f"key/{vendor.delivery}", "incoming"):
        assert vendor.browser.get(f"/webhooks/twilio/{name}").status_code == 405
    assert vendor.town.everything() == before


def test_receipts_of_unknown_messages_are_not_kept(vendor: Vendor):
    answer = vendor.post("/webhooks/twilio/sms/nobody-knows-it", MessageSid=SID, MessageStatus="delivered")
    assert answer.status_code == 404
    assert vendor.town.count("receipts") == 0


def test_a_replayed_webhook_changes_nothing(vendor: Vendor):
    vendor.sms("delivered")
    vendor.key("1")
    vendor.post("/webhooks/twilio/incoming", From=NUMBER, Body="1", MessageSid="SM9")
    before = vendor.town.everything()
    for _ in range(3):
        assert vendor.sms("delivered").status_code == 204
        vendor.key("1")
        answer = vendor.post("/webhooks/twilio/incoming", From=NUMBER, Body="2", MessageSid="SM9")
        assert "<Message>" not in answer.text, "thanked for once"
    assert vendor.town.everything() == before


def test_undelivered_is_kept_with_its_code_and_without_the_number(vendor: Vendor):
    assert vendor.sms("undelivered", ErrorCode="30005", To=NUMBER).status_code == 204
    assert vendor.state() == "failed"
    with vendor.town.db.connect() as connection:
        (row,) = connection.execute(select(receipts)).all()
    assert (row.kind, row.detail) == ("failed", "undelivered 30005")


def spoken(answer: Any) -> list[tuple[str, str]]:
    return [
        (item.tag, item.text or "") for item in ElementTree.fromstring(answer.text).iter() if item.tag != "Response"
    ]


def test_a_call_says_who_where_and_the_keys_with_the_name_as_it_is_read(vendor: Vendor):
    answer = vendor.post(f"/webhooks/twilio/voice/{vendor.delivery}", CallSid=CALL, AnsweredBy="human")
    assert answer.headers["content-type"].startswith("application/xml")
    root = ElementTree.fromstring(answer.text)
    gathers = root.findall("Gather")
    assert len(gathers) == 2
    assert gathers[0].attrib["numDigits"] == "1"
    assert gathers[0].attrib["action"].startswith(f"{OUTER}/webhooks/twilio/key/{vendor.delivery}#")
    say = gathers[0].find("Say")
    assert say is not None
    assert say.attrib["language"] == "ja-JP"
    assert "やまだ はなこ様" in (say.text or "")
    assert "本山 1丁目" in (say.text or "")
    assert "3を、押してください" in (say.text or "")


@pytest.mark.parametrize("by", ["machine_start", "machine_end_beep", "fax"])
def test_a_machine_is_told_nothing(vendor: Vendor, by: str):
    answer = vendor.post(f"/webhooks/twilio/voice/{vendor.delivery}", CallSid=CALL, AnsweredBy=by)
    assert spoken(answer) == [("Hangup", "")]


def test_a_reader_of_english_hears_english(vendor: Vendor):
    vendor.town.write(update(people).where(people.c.id == "tanaka").values(language="en"))
    answer = vendor.post(f"/webhooks/twilio/voice/{vendor.delivery}", CallSid=CALL)
    assert 'language="en-US"' in answer.text
    assert "press 1" in answer.text


def test_a_key_is_an_answer_once_and_another_key_of_the_same_call_another(vendor: Vendor):
    assert "お気をつけて" in vendor.key("1").text
    assert "ご無事と承りました" in vendor.key("2").text
    with vendor.town.db.connect() as connection:
        kinds = connection.execute(select(statements.c.kind).order_by(statements.c.n)).scalars()
        assert sorted(kinds) == ["going", "safe"]
    assert vendor.state() == "read"


def test_who_is_not_asked_any_more_hears_and_reads_that_they_need_not_go(vendor: Vendor):
    held = relations.c.other_id == "tanaka"
    vendor.town.write(update(relations).where(held).values(to_ms=vendor.town.clock.now))
    assert "取り消されました" in vendor.key("1").text
    reply = vendor.post("/webhooks/twilio/incoming", From=NUMBER, Body="向かいます", MessageSid="SM8")
    assert "取り消されました" in reply.text
    with vendor.town.db.connect() as connection:
        assert connection.execute(select(claims)).all() == []
    assert "ご無事と承りました" in vendor.key("2").text, "what they know counts"


@pytest.mark.parametrize("digit", ["", "0", "9", "#", "11"])
def test_a_key_without_a_meaning_changes_nothing(vendor: Vendor, digit: str):
    before = vendor.town.everything()
    assert "<Redirect" in vendor.key(digit).text
    assert vendor.town.everything() == before


def test_a_very_long_reply_is_cut_and_kept_for_staff(vendor: Vendor):
    vendor.post("/webhooks/twilio/incoming", From=NUMBER, Body="あ" * 6000, MessageSid="SM5")
    with vendor.town.db.connect() as connection:
        (row,) = connection.execute(select(statements)).all()
    assert (row.kind, len(row.note)) == ("unclear", 2000)


def test_what_was_written_stands_in_no_log(vendor: Vendor, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    vendor.post("/webhooks/twilio/incoming", From=NUMBER, Body="山田さんは入院しました", MessageSid="SM6")
    vendor.sms("failed", token="another-token-00000000000000000")
    assert "入院" not in caplog.text
    assert NUMBER not in caplog.text


def test_without_twilio_there_is_no_such_address(browser: TestClient):
    assert browser.post("/webhooks/twilio/incoming").status_code in (404, 405)
