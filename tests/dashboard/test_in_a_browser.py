"""The pages in a real browser, served by a real server."""

import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from alerts.wording.links import Links
from dashboard.app import create_app
from dashboard.settings import DashboardSettings
from dashboard.site.access import check_bind

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SOON_MS = 15_000
WIDTHS = (1280, 390, 320)
HEIGHTS_OF_TARGETS = """[...document.querySelectorAll('button, .button, input:not([type=hidden]), select')]
    .filter(e => e.offsetParent).map(e => e.getBoundingClientRect().height)"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not os.path.exists(CHROMIUM):
        remedy = "chromium is missing; install it: apt-get install chromium fonts-noto-cjk"
        pytest.fail(remedy) if os.environ.get("CI") == "true" else pytest.skip(remedy)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Served:
    """The dashboard on a free port, in a thread of its own."""

    def __init__(self, town: Any, **settings: Any) -> None:
        with socket.socket() as free:
            free.bind((check_bind("127.0.0.1"), 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        links = Links("a secret that is long enough", self.url)
        app = create_app(town.db, town.timeseries, links, town.clock, DashboardSettings(**settings))
        config = uvicorn.Config(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")
        config.timeout_graceful_shutdown = 2
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def serve(town: Any) -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(**settings: Any) -> Served:
        # Polling is set out of reach, so that what is seen to change came over the live connection.
        running.append(Served(town, **{"refresh_s": 600.0, "poll_s": 0.05, "calm_s": 0.05, **settings}))
        return running[-1]

    yield start
    for served in running:
        served.stop()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(locale="ja-JP")
    opened = context.new_page()
    opened.troubles = []
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.on("console", lambda said: opened.troubles.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()


def test_a_case_from_call_to_safe_without_a_reload(serve: Callable[..., Served], town: Any, chromium: Any, page: Any):
    home = town.home("山田 花子", "やまだ はなこ")
    served = serve()
    page.goto(served.url)
    page.evaluate("window.sameDocument = true")
    page.get_by_text("いま対応が必要な方はいません").wait_for(timeout=SOON_MS)

    case = town.incident(home, step=1, called_ms=town.clock.now - 60_000)
    link = f"{served.url}/r/{town.token(town.delivery(case, 'tanaka', 'call', step=1))}"
    page.locator(".case.s-needs").get_by_text("山田 花子 様").first.wait_for(timeout=SOON_MS)
    assert page.title() == "(1) 見守りボード"
    assert page.locator("#announce").inner_text() == "対応が必要な方: 1名"

    phone = chromium.new_context(java_script_enabled=False, viewport={"width": 360, "height": 640})
    neighbour = phone.new_page()
    neighbour.goto(link)
    neighbour.get_by_label("到着までの時間").select_option("10")
    neighbour.get_by_role("button", name="今から行きます").click()
    neighbour.get_by_text("18:40 に着く予定です").wait_for(timeout=SOON_MS)
    page.locator(".case.s-going").get_by_text("田中 一郎 様").first.wait_for(timeout=SOON_MS)
    assert "18:40 到着予定" in page.locator(".facts__going").inner_text()
    assert page.title() == "見守りボード"

    neighbour.get_by_role("button", name="無事を確認しました").click()
    neighbour.get_by_text("対応は終わりました").wait_for(timeout=SOON_MS)
    page.get_by_text("いま対応が必要な方はいません").wait_for(timeout=SOON_MS)
    phone.close()

    assert page.evaluate("window.sameDocument") is True, "the board was reloaded"
    assert page.troubles == [], "the browser complained, of the content policy or of a script"


def test_an_update_takes_neither_the_focus_nor_a_half_written_note(serve: Callable[..., Served], town: Any, page: Any):
    home = town.home("山田 花子")
    case = town.incident(home, step=1, called_ms=town.clock.now - 60_000)
    served = serve()
    page.goto(f"{served.url}/homes/{home}")
    note = page.get_by_label("本人や近所の方に電話した結果")
    note.click()
    page.keyboard.type("呼び出しに")
    page.locator("#day-table summary").click()
    note.focus()
    town.delivery(case, "suzuki", "call", step=1)
    page.get_by_text("鈴木 幸子 様").first.wait_for(timeout=SOON_MS)
    page.keyboard.type("応答なし")
    assert note.input_value() == "呼び出しに応答なし"
    assert page.locator("#day-table").get_attribute("open") is not None
    page.get_by_role("button", name="電話した").click()
    page.get_by_text("電話したことを記録しました").wait_for(timeout=SOON_MS)
    assert page.troubles == []


def test_the_board_keeps_the_focus_on_the_same_link(serve: Callable[..., Served], town: Any, page: Any):
    town.home("山田 花子")
    page.goto(serve().url)
    page.get_by_role("link", name="山田 花子 様").focus()
    town.home("西村 文子")
    page.get_by_text("西村 文子 様").wait_for(timeout=SOON_MS)
    assert page.evaluate("document.activeElement.textContent") == "山田 花子 様"


def test_updates_can_be_paused_and_resumed(serve: Callable[..., Served], town: Any, page: Any):
    town.home("山田 花子")
    page.goto(serve(refresh_s=0.2).url)
    pause = page.get_by_role("button", name="自動更新を止める")
    pause.click()
    assert pause.get_attribute("aria-pressed") == "true"
    page.wait_for_timeout(300)  # what was on its way has arrived
    town.home("西村 文子")
    page.wait_for_timeout(1000)
    assert page.get_by_text("西村 文子 様").count() == 0
    pause.click()
    page.get_by_text("西村 文子 様").wait_for(timeout=SOON_MS)


def test_a_lost_server_is_said_on_the_page(serve: Callable[..., Served], town: Any, page: Any):
    town.home("山田 花子")
    served = serve(refresh_s=0.3)
    page.goto(served.url)
    page.wait_for_timeout(500)
    assert page.locator("#lost").is_hidden()
    served.stop()
    page.get_by_text("接続が切れています").wait_for(timeout=SOON_MS)
    assert page.get_by_text("山田 花子 様").is_visible(), "what is known stays readable"


def test_without_the_live_connection_the_page_polls(serve: Callable[..., Served], town: Any, page: Any):
    town.home("山田 花子")
    page.route("**/events", lambda route: route.abort())
    page.goto(serve(refresh_s=0.3).url)
    town.home("西村 文子")
    page.get_by_text("西村 文子 様").wait_for(timeout=SOON_MS)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_nothing_overflows_and_targets_are_large(serve: Callable[..., Served], town: Any, page: Any, language: str):
    home = town.home("山田 花子", "やまだ はなこ")
    case = town.incident(home, step=1, called_ms=town.clock.now - 60_000)
    token = town.token(town.delivery(case, "tanaka", "call", step=1))
    town.lapse(home, 3)
    town.sensor(home, "living.motion", role="room", room="居間")
    other = town.incident(town.home("渡辺 はる", area="本町"), step=1, called_ms=town.clock.now - 60_000)
    town.delivery(other, "suzuki", "call", step=1, id="leader")
    town.delivery(case, "suzuki", "call", step=1, id="told", state="bundled", bundle_id="leader")
    area = town.area("本町", "home2")
    served = serve()
    digest = f"/r/{town.token('leader')}"
    for path in ("/", f"/homes/{home}", f"/r/{token}", f"/areas/{area}", digest, f"{digest}/case"):
        page.goto(f"{served.url}{path}?lang={language}")
        assert page.locator("html").get_attribute("lang") == language
        assert re.search(r"\S", page.title())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("innerWidth") == width
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            heights = page.evaluate(HEIGHTS_OF_TARGETS)
            assert heights
            assert min(heights) >= 44, (path, width)
