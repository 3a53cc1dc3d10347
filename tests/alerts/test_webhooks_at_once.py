"""The same webhook delivered twice at the same instant: the second is answered as a replay is, and changes nothing."""

import base64
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from alerts.channels.line.webhook import line_routes
from alerts.channels.twilio.settings import TwilioSettings
from alerts.channels.twilio.webhook import twilio_routes
from store.register.registry import edit
from store.schema import contact_methods, incidents, metadata, receipts, statements, vendor_events

HOUR = 3_600_000
MINUTE = 60_000
OUTER = "https://mimamori.example.jp"
ACCOUNT, TOKEN, SECRET = "AC" + "a" * 32, "the-token-00000000000000000000000", "the-secret-of-the-channel"
NUMBER, USER = "+819000000002", "U" + "0" * 32
SID, CALL = "SM" + "1" * 32, "CA" + "1" * 32
BY_SMS = {"From": NUMBER, "MessageSid": "SM" + "2" * 32}


class Vendors:
    """Posts signed webhooks about the call that 一郎 was sent."""

    def __init__(self, village, app, call, said):
        self.village, self.app, self.call, self.said = village, app, call, said

    def twilio(self, path, **fields):
        path = f"/webhooks/twilio/{path}".format(call=self.call.id)
        form = {"AccountSid": ACCOUNT} | fields
        signature = RequestValidator(TOKEN).compute_signature(OUTER + path, form)
        return self._post(path, data=form, headers={"X-Twilio-Signature": signature})

    def line(self, kind, **content):
        token = self.village.links.sign(self.call.id, self.call.created_ms)
        event = {"type": kind, "timestamp": 1, "webhookEventId": "event-1", "replyToken": "r"}
        event |= {"source": {"type": "user", "userId": USER}}
        body = json.dumps({"events": [event | content]}).replace("THE-TOKEN", token).encode()
        signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
        return self._post("/webhooks/line", content=body, headers={"X-Line-Signature": signature})

    def _post(self, path, **request):
        with TestClient(self.app, base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as client:
            return client.post(path, **request)


@pytest.fixture
def vendors(village, start, tmp_path):
    """一郎 was called by SMS, which is his LINE account and his telephone as well."""
    with edit(village.db, actor="test", now_ms=start) as registry:
        for rank, (channel, address) in enumerate({"sms": NUMBER, "line": USER}.items()):
            registry.add_contact_method("ichiro", channel, address, rank, verified_ms=start)
    everything = dict.fromkeys(("outbox", "sms", "line"), village.channel)
    village.sender = village.new_sender("worker-1", everything)
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    call = village.messages("ichiro")[-1]
    clock = SimpleNamespace(wall_ms=lambda: start + 2 * HOUR + 31 * MINUTE)
    settings = TwilioSettings(ACCOUNT, tmp_path / "token", "+815000000000", "+815000000000", OUTER)
    said = []
    app = FastAPI()
    app.include_router(twilio_routes(village.db, clock, settings, (TOKEN,), village.settings))
    reply = lambda *words: said.append(words) is None  # noqa: E731
    app.include_router(line_routes(village.db, village.links, clock, [SECRET], reply))
    return Vendors(village, app, call, said)


WEBHOOKS = {
    "a key": lambda vendors: vendors.twilio("key/{call}", CallSid=CALL, Digits="1"),
    "a reply": lambda vendors: vendors.twilio("incoming", Body="1", **BY_SMS),
    "an unclear reply": lambda vendors: vendors.twilio("incoming", Body="2時に行きます", **BY_SMS),
    "a receipt of an SMS": lambda vendors: vendors.twilio("sms/{call}", MessageSid=SID, MessageStatus="delivered"),
    "a failed SMS": lambda vendors: vendors.twilio("sms/{call}", MessageSid=SID, MessageStatus="failed"),
    "a receipt of a call": lambda vendors: vendors.twilio("call/{call}", CallSid=CALL, CallStatus="busy"),
    "a button in LINE": lambda vendors: vendors.line("postback", postback={"data": "a=going&t=THE-TOKEN"}),
    "words in LINE": lambda vendors: vendors.line("message", message={"type": "text", "text": "いま行きます"}),
    "a block in LINE": lambda vendors: vendors.line("unfollow"),
}


@pytest.mark.on_both_stores
@pytest.mark.parametrize("webhook", WEBHOOKS)
def test_the_same_webhook_twice_at_the_same_instant_counts_once(vendors, webhook, all_wait):
    post = WEBHOOKS[webhook]
    before = counted()
    first, second = at_once(vendors.village, lambda: post(vendors), all_wait)
    assert {first.status_code, second.status_code} <= {200, 204}
    assert len(rows(vendors, statements)) + len(rows(vendors, receipts)) + len(rows(vendors, vendor_events)) > 0
    assert all(row.outcome for row in rows(vendors, vendor_events))
    assert counted() - before == 2, "one for each delivery"
    assert len(vendors.said) <= 1, "answered in the chat once"
    stands = everything(vendors)
    replayed = post(vendors)
    assert replayed.text in (first.text, second.text)
    assert everything(vendors) == stands, "a replay changes nothing, and neither did the second one"


def at_once(village, post, all_wait):
    """The answers to two posts that both wait at the same lock before either can end."""
    with ThreadPoolExecutor(2) as pool:
        with village.db.begin() as held:
            for table in (incidents, contact_methods):  # on SQLite the begin itself keeps every other writer out
                held.execute(select(table.c.id).with_for_update()).all()
            posts = [pool.submit(post) for _ in range(2)]
            all_wait(village.db, posts)
        return [each.result(30) for each in posts]


def rows(vendors, table):
    return vendors.village.rows(table)


def everything(vendors):
    return [vendors.village.rows(table) for table in metadata.sorted_tables]


def counted():
    """How many webhooks were counted, whatever became of them."""
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        if metric.name == "mimamori_webhook_events"
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
