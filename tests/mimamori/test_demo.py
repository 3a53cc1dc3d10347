import json
import os
import re
import signal
import socket
from datetime import datetime
from pathlib import Path

import pytest

NAMES_OF_THE_REPORT = {"events", "incidents", "collapse_found", "false_asks", "false_calls", "deliveries"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def played(mimamori, tmp_path, name, *more):
    path = tmp_path / name
    command = mimamori("demo", "--headless", "--seed", 7, "--report", path, *more)
    assert command.wait(280) == 0, command.output
    assert command.family() == []
    return json.loads(path.read_text())


@pytest.mark.timeout(600)
def test_two_runs_of_a_seed_find_the_collapse_and_tell_the_same_story(mimamori, tmp_path):
    first = played(mimamori, tmp_path, "first.json", "--homes", 5, "--days", 1)
    again = played(mimamori, tmp_path, "again.json", "--homes", 5, "--days", 1)
    assert set(first) >= NAMES_OF_THE_REPORT
    for report in (first, again):
        events = report["events"]
        assert events["published"] == events["stored"] > 10_000
        assert events["missing"] == events["duplicates_stored"] == events["quarantined"] == 0
        assert report["collapse_found"] is True
        assert report["deliveries"]
    assert first["events"] == again["events"]
    assert [story(case) for case in first["incidents"]] == [story(case) for case in again["incidents"]]
    for one, other in zip(first["incidents"], again["incidents"], strict=True):
        for moment in ("opened_at", "asked_at", "called_at", "council_at"):
            assert seconds_apart(one[moment], other[moment]) <= 60


def story(case):
    return case["person"], case["kind"], case["outcome"]


def seconds_apart(one, other):
    if one is None or other is None:
        return 0 if one == other else float("inf")
    return abs((datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds())


def test_the_one_who_collapsed_is_asked_first_then_others_are_called(mimamori, tmp_path):
    report = played(mimamori, tmp_path, "r.json", "--homes", 3, "--days", 0.6)
    (collapse,) = report["collapses"]
    case = next(case for case in report["incidents"] if case["home"] == collapse["home"] and case["called_at"])
    assert collapse["at"] < case["opened_at"] <= case["asked_at"] < case["called_at"]
    assert case["outcome"] is not None
    assert re.search(r"動きがありません", case["reason_ja"])
    purposes = [delivery["purpose"] for delivery in report["deliveries"]]
    assert purposes.index("ask") < purposes.index("call")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_process_and_no_folder_behind(mimamori, tmp_path, wait_for, number):
    port = free_port()
    command = mimamori("demo", "--no-browser", "--homes", 2, "--port", port)
    wait_for(lambda: "Ctrl-C ends" in command.output or command.process.poll() is not None, 120, "the page")
    assert len(command.family()) >= 3  # itself, the broker, the homes
    os.kill(command.process.pid, number)
    assert command.wait(30) == 130
    assert command.family() == []
    assert list(tmp_path.glob("mimamori-demo-*")) == []
    assert "Traceback" not in command.output


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--homes", "1"], "--homes must be 2 to 200"),
        (["--headless", "--days", "0"], "--days must be above 0"),
        (["--seed", "-1"], "--seed must not be negative"),
        (["--report", "r.json"], "--report goes with --headless"),
    ],
)
def test_wrong_usage_is_refused_with_the_remedy(mimamori, arguments, remedy):
    command = mimamori("demo", *arguments)
    assert command.wait(60) == 2
    assert remedy in command.output


@pytest.mark.system
@pytest.mark.timeout(400)
def test_a_visitor_plays_the_neighbour_in_the_browser_from_the_ask_to_safe(mimamori, browser, wait_for):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = mimamori("demo", "--no-browser", "--port", port)
    wait_for(lambda: "Ctrl-C ends" in command.output or command.process.poll() is not None, 180, "the page")
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="ja-JP")
    page.goto(url)
    page.locator("main").get_by_text("本人に確認中").first.wait_for()
    page.get_by_text("いま対応中の方").wait_for(timeout=120_000)
    page.get_by_text("近所の方に連絡").first.wait_for(timeout=120_000)  # it came by itself: nothing was reloaded
    case = page.locator(".case", has_text="近所の方に連絡")
    name = case.get_by_role("link").filter(has_text="様").first.inner_text()
    picture = os.environ.get("MIMAMORI_PICTURE")
    if picture:
        page.screenshot(path=str(Path(picture)))

    phones = browser.new_page(locale="ja-JP")
    phones.goto(f"{url}/phones")
    neighbour = phones.locator("a", has_text="開いて返事をする").first
    neighbour.click()
    phones.get_by_role("button", name="今から行きます").click()
    phones.get_by_text("着く予定です").first.wait_for(timeout=10_000)
    page.locator("main").get_by_text("向かっています").first.wait_for(timeout=30_000)

    phones.get_by_role("button", name="無事を確認しました").click()
    phones.get_by_text("この見守りは終わりました").or_(phones.get_by_text("ありがとうございました")).first.wait_for(
        timeout=10_000
    )
    page.locator(".case", has_text=name).wait_for(state="detached", timeout=30_000)
