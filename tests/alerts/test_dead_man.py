"""The ping, against a real server on this machine; and which addresses are let through at all."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from alerts.watchdog.deadman import ping
from alerts.watchdog.settings import AuditSettings
from store.settings import SettingsError, read_settings


@pytest.fixture
def switch():
    """A server that answers as the path says, and keeps what it was asked for."""
    asked = []
    let_go = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path == "/slow":
                let_go.wait(20)
            status = int(self.path.rsplit("/", 1)[1]) if self.path.startswith("/status/") else 200
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.asked, server.url = asked, f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    let_go.set()
    server.shutdown()
    server.server_close()
    thread.join(20)


def test_the_ping_asks_for_the_address_as_it_stands(switch):
    assert ping(f"{switch.url}/ping/abc?x=1", 10)
    assert ping(switch.url, 10)
    assert switch.asked == ["/ping/abc?x=1", "/"]


@pytest.mark.parametrize("status", [301, 307, 404, 500])
def test_anything_but_success_is_no_ping_and_nothing_is_followed(switch, status):
    assert not ping(f"{switch.url}/status/{status}", 10)
    assert switch.asked == [f"/status/{status}"]


def test_a_switch_that_is_slow_or_gone_is_given_up(switch, caplog):
    assert not ping(f"{switch.url}/slow", 0.2)
    assert not ping("http://127.0.0.1:1/secret-path", 1)
    assert "127.0.0.1" in caplog.text
    assert "secret-path" not in caplog.text


def test_no_proxy_of_the_environment_gets_between(switch, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert ping(f"{switch.url}/straight", 10)


@pytest.mark.parametrize("url", ["https://hc.example/ping/x", "https://hc.example:8443/x", "http://watch.local/x", ""])
def test_https_is_let_through_and_http_to_the_one_host_named(url):
    assert AuditSettings(ping_url=url, plain_host="watch.local").ping_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hc.example/x",
        "http://watch.local.evil.example/x",
        "ftp://watch.local/x",
        "file:///etc/passwd",
        "hc",
        "https://",
        "https://user:word@hc.example/x",
        "https://hc.example:port/x",
        "https://[::1/x",
    ],
)
def test_every_other_address_is_refused_with_the_remedy(url):
    with pytest.raises(SettingsError, match=r"audit\.ping_url.*https://"):
        read_settings(AuditSettings, {"ping_url": url, "plain_host": "watch.local"}, "audit")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pingurl": "x"}, "ping_url"),
        ({"every_s": 0}, "at least 1"),
        ({"every_s": True}, "whole number"),
        ({"duties": ["engin"]}, "engine"),
        ({"duties": "engine"}, "must be a list, not a text"),
        ({"tolerate": ["home_without_neighbor"]}, "home_without_neighbour"),
        ({"metrics_port": 70_000}, "65535"),
        ({"ping_url": 3}, "must be a text"),
    ],
)
def test_a_wrong_setting_names_itself_and_the_remedy(values, said):
    with pytest.raises(SettingsError, match=said):
        read_settings(AuditSettings, values, "audit")
