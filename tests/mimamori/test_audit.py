"""Who watches the watching: a dead-man switch outside hears of it when the engine stops, and when the auditor does."""

import os
import signal
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import insert, select

from alerts.channels.outbox.channel import OutboxChannel
from alerts.counters import count_webhook
from alerts.ports import Quota
from alerts.watchdog.settings import AuditSettings
from mimamori.commands.audit import Auditor
from mimamori.exits import UsageError
from mimamori.server.metrics import MetricsPage, serving
from mimamori.server.one_machine import toml
from mimamori.server.settings import BackendSettings, StoreSettings
from simulators.processes import free_port
from store.duties import Duty, DutyBook
from store.engine import open_store, reading
from store.register.registry import edit
from store.schema import audit, gateways, quarantine

PATIENCE_S = 90
SILENCE_S = 3.0
NOW_MS = 1_767_225_600_000


class Switch(ThreadingHTTPServer):
    """An outside switch: raises the alarm when it was not asked for longer than `SILENCE_S`."""

    def __init__(self):
        self.pings_s = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805 - the switch is self here
                self.pings_s.append(time.monotonic())
                handler.send_response(200)
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(handler, *_):  # noqa: N805
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def alarms(self):
        return bool(self.pings_s) and time.monotonic() - self.pings_s[-1] > SILENCE_S

    def heard_since(self, moment_s):
        return bool(self.pings_s) and self.pings_s[-1] > moment_s


@pytest.fixture
def switch():
    server = Switch()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(20)


def configured(folder, switch, duties):
    """A server that plays alerts alone, and the auditor beside it; gives the port of the metrics."""
    port = free_port()
    ping_url = f"http://127.0.0.1:{switch.server_address[1]}/ping/of-this-test"
    times = {"every_s": 1, "duty_stopped_s": 4, "metrics_port": port}
    tables = {
        "server": {"roles": ["alerts"]},
        "channels": {"outbox": "phones"},
        "audit": {"ping_url": ping_url, "plain_host": "127.0.0.1", "duties": duties, **times},
    }
    (folder / "mimamori.toml").write_text(toml(tables))
    return port


def scraped(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
        lines = page.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_a_stopped_engine_raises_the_outside_alarm(mimamori, tmp_path, switch, wait_for):
    port = configured(tmp_path, switch, ["engine", "sender"])
    server, auditor = (mimamori(word, "--config", "mimamori.toml") for word in ("serve", "audit"))
    wait_for(lambda: switch.pings_s or auditor.process.poll() is not None, PATIENCE_S, "the first ping")
    assert auditor.process.poll() is None, auditor.output
    os.kill(server.process.pid, signal.SIGSTOP)
    wait_for(lambda: switch.alarms, PATIENCE_S, "the alarm for an engine that hangs")
    assert "duty_stopped" in auditor.output
    assert scraped(port)['mimamori_findings{kind="duty_stopped"}'] == 2
    assert scraped(port)['mimamori_duty_age_seconds{duty="engine"}'] > 4
    os.kill(server.process.pid, signal.SIGCONT)
    again_s = time.monotonic()
    wait_for(lambda: switch.heard_since(again_s), PATIENCE_S, "a ping after the engine went on")
    os.kill(server.process.pid, signal.SIGKILL)
    wait_for(lambda: switch.alarms, PATIENCE_S, "the alarm for an engine that died")
    withheld = 'mimamori_dead_man_pings_total{outcome="withheld"}'
    before = scraped(port)[withheld]
    wait_for(lambda: scraped(port)[withheld] > before, PATIENCE_S, "the auditor's next look")
    assert "of-this-test" not in auditor.output
    auditor.process.terminate()
    assert auditor.wait(PATIENCE_S) == 0


def test_a_stopped_auditor_raises_the_outside_alarm(mimamori, tmp_path, switch, wait_for):
    configured(tmp_path, switch, [])
    open_store(f"sqlite:///{tmp_path}/mimamori.db").dispose()
    auditor = mimamori("audit", "--config", "mimamori.toml")
    wait_for(lambda: switch.pings_s or auditor.process.poll() is not None, PATIENCE_S, "the first ping")
    assert auditor.process.poll() is None, auditor.output
    os.kill(auditor.process.pid, signal.SIGSTOP)
    wait_for(lambda: switch.alarms, PATIENCE_S, "the alarm for an auditor that hangs")
    os.kill(auditor.process.pid, signal.SIGCONT)
    again_s = time.monotonic()
    wait_for(lambda: switch.heard_since(again_s), PATIENCE_S, "a ping after the auditor went on")
    os.kill(auditor.process.pid, signal.SIGKILL)
    wait_for(lambda: switch.alarms, PATIENCE_S, "the alarm for an auditor that died")


class MeteredChannel(OutboxChannel):
    """The outbox, with a vendor that counts."""

    answers: list

    def quota(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def db(tmp_path):
    made = open_store(f"sqlite:///{tmp_path}/mimamori.db")
    with edit(made, actor="test", now_ms=NOW_MS - 1) as registry:
        registry.add_organisation("社協", "council", id="council")
        for who in ("hana", "ichiro", "shiki"):
            registry.add_person(f"名前 {who}", id=who)
            registry.add_contact_method(who, "outbox", f"phone-{who}")
        registry.add_home("hana", "council", "gw-hana", area="本町", id="home-hana")
        registry.relate("hana", "ichiro", "neighbour", "見守り")
        registry.relate("hana", "shiki", "staff", "見守り")
    yield made
    made.dispose()


@pytest.fixture
def look(db, tmp_path):
    """Audits at a moment; a minute later is the next one."""
    (tmp_path / "phones").mkdir()
    channel = MeteredChannel(tmp_path / "phones")
    channel.answers = [Quota(200, 20)]

    def make(**changes):
        settings = BackendSettings(
            store=StoreSettings(), audit=AuditSettings(quota_every_s=60, rota_every_s=60, **changes)
        )
        auditor, page = Auditor(db, {"outbox": channel}, settings), MetricsPage()
        book = DutyBook(db, "server-1", iter(range(0, 10**6, 10)).__next__)

        def at(now_ms, duties=Duty):
            for duty in duties:
                book.done(duty, now_ms)
            return auditor.audit(now_ms, page)

        at.page, at.channel = page, channel
        return at

    return make


def lines(db):
    with reading(db) as connection:
        return [(row.what, row.params) for row in connection.execute(select(audit).where(audit.c.actor == "auditor"))]


def test_a_finding_stands_in_the_audit_when_it_comes_and_when_it_is_over(db, look):
    at = look()
    at.channel.answers = [Quota(200, 20), Quota(200, 199), Quota(200, 199), OSError(), Quota(None, 7)]
    seen = [at(NOW_MS + 60_000 * number) for number in range(5)]
    assert seen == [True, False, False, False, True]
    line = {"n": 1, "about": ["outbox"]}
    assert lines(db) == [
        ("finding", {"kind": "quota_low", **line}),
        ("finding", {"kind": "quota_unknown", **line}),
        ("finding_over", {"kind": "quota_low"}),
        ("finding_over", {"kind": "quota_unknown"}),
    ]


def test_what_is_tolerated_is_told_and_does_not_hold_back_the_ping(db, look):
    with edit(db, actor="test", now_ms=NOW_MS - 1) as registry:
        registry.add_person("木村 空", id="sora")
        registry.add_home("sora", "council", "gw-sora", area="本町", id="home-sora")
    assert not look()(NOW_MS)
    at = look(tolerate=("home_without_neighbour",))
    at.channel.answers = [Quota(200, 20)]
    assert at(NOW_MS)
    assert lines(db)[-1][1] == {"kind": "home_without_neighbour", "n": 1, "about": ["home-sora"]}


def test_nothing_is_clean_while_the_store_cannot_be_read(look, db):
    at = look()
    with db.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE incidents RENAME TO gone")
    with pytest.raises(Exception, match="incidents"):
        at(NOW_MS)


def test_the_metrics_count_and_name_nobody(db, look):
    at = look()
    with db.begin() as connection:
        row = {"received_ms": 1, "gateway": "gw-hana", "topic": "t", "reason": "clock", "detail": "", "payload": b""}
        connection.execute(insert(quarantine).values(row))
        connection.execute(insert(gateways).values(gateway="gw-hana", heartbeat_ms=NOW_MS, proven_ms=NOW_MS))
    DutyBook(db, "server-1").failed(Duty.SENDER, 3, NOW_MS)
    at(NOW_MS)
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in at.page.collect()
        for sample in family.samples
    }
    assert found["mimamori_quarantine_rows",] == 1
    assert found["mimamori_quota_left", "outbox"] == 180
    assert found["mimamori_homes", "learning"] == 1
    assert found["mimamori_duty_age_seconds", "engine"] == 0
    errors = [found["mimamori_duty_errors_total", duty] for duty in ("engine", "sender")]
    assert errors == [0, 3]
    assert found["mimamori_audit_timestamp_seconds",] == NOW_MS / 1000
    assert sum(value for name, *_ in found if name == "mimamori_findings" for value in [found[name, *_]]) == 0
    said = " ".join(str(part) for key in found for part in key)
    assert not any(word in said for word in ("hana", "名前", "phone", "本町", "gw-"))


def test_one_look_says_what_is_wrong_and_how_it_ended(mimamori, tmp_path, db, switch):
    configured(tmp_path, switch, ["engine"])
    command = mimamori("audit", "--config", "mimamori.toml", "--once")
    assert command.wait(PATIENCE_S) == 1
    assert "duty_stopped: 1 duty is not done" in command.output
    assert switch.pings_s == []


def test_one_look_without_a_store_says_so_and_makes_none(mimamori, tmp_path):
    (tmp_path / "mimamori.toml").write_text("")
    command = mimamori("audit", "--config", "mimamori.toml", "--once")
    assert command.wait(PATIENCE_S) == 2
    assert "mimamori audit: there is no store" in command.output
    assert "Traceback" not in command.output
    assert not (tmp_path / "mimamori.db").exists()


def test_what_an_auditor_makes_that_comes_before_its_server_is_for_its_user_alone(mimamori, tmp_path, wait_for):
    (tmp_path / "mimamori.toml").write_text("")
    store = tmp_path / "mimamori.db"
    mimamori("audit", "--config", "mimamori.toml")
    wait_for(store.exists, PATIENCE_S, "the first look")
    assert store.stat().st_mode & 0o077 == 0


def test_a_server_shows_what_it_counts_itself_where_the_settings_say():
    port = free_port()
    count_webhook("line", "bad_signature")
    with serving(None, port):
        found = scraped(port)
        with pytest.raises(UsageError, match="metrics_port"), serving(MetricsPage(), port):
            pass
    assert found['mimamori_webhook_events_total{channel="line",outcome="bad_signature"}'] >= 1
