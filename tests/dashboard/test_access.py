"""Until staff accounts come: this machine alone, and no other site through its browser."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboard.site.access import RefusedAddress, check_bind

PAGES = ["/", "/board", "/homes/home1", "/phones", "/static/mimamori.css", "/nowhere"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.4", "mimamori.example", "127.0.0.1.example", "::1"])
def test_any_address_but_the_machines_own_is_refused(host: str):
    with pytest.raises(RefusedAddress, match="no staff accounts yet"):
        check_bind(host)


def test_the_machines_own_address_is_let_through():
    assert check_bind("127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example", "10.0.0.1:8080", "", "127.0.0.1@x"])
@pytest.mark.parametrize("path", ["/", "/r/token", "/events", "/static/htmx.min.js"])
def test_a_request_for_another_host_is_refused(browser: TestClient, host: str, path: str):
    answer = browser.get(path, headers={"host": host})
    assert answer.status_code == 400
    assert "127.0.0.1" in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9999", "localhost", "localhost:8080", "LOCALHOST"])
def test_the_machines_own_names_are_served(browser: TestClient, host: str):
    assert browser.get("/", headers={"host": host}).status_code == 200


@pytest.fixture
def posts(town: Any) -> dict[str, dict[str, str]]:
    home = town.home("山田 花子")
    case = town.incident(home)
    token = town.token(town.delivery(case, "tanaka", "call"))
    return {
        f"/r/{token}": {"answer": "safe"},
        f"/homes/{home}/close": {"incident": case, "by": "staff", "outcome": "safe", "reason": "visited"},
        f"/homes/{home}/emergency": {"incident": case, "by": "staff"},
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},  # another program on another port of this machine
        {"origin": "https://attacker.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8080"},
    ],
)
def test_a_form_sent_by_another_site_changes_nothing(
    browser: TestClient, town: Any, posts: dict[str, dict[str, str]], headers: dict[str, str]
):
    for path, form in posts.items():
        assert browser.post(path, data=form, headers=headers).status_code == 403
    assert town.count("statements") == 0


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://127.0.0.1:8080"}]
)
def test_our_own_form_is_taken(
    browser: TestClient, town: Any, posts: dict[str, dict[str, str]], headers: dict[str, str]
):
    path, form = next(iter(posts.items()))
    assert browser.post(path, data=form, headers=headers).status_code == 303
    assert town.count("statements") == 1


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_security_headers(open_page: Callable[..., TestClient], town: Any, path: str):
    town.home("山田 花子")
    headers = open_page(phones=town.folder).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("same-origin", "no-referrer")


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/phones", "/demo/speed"])
def test_pages_that_are_not_asked_for_do_not_exist(browser: TestClient, path: str):
    assert browser.get(path).status_code in (404, 405)
