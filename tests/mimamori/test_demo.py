import json
import os
import re
import signal
from pathlib import Path

import pytest

from mimamori.cli import main
from simulators.processes import free_port

NAMES_OF_THE_REPORT = {"events", "incidents", "collapse_found", "false_asks", "false_calls", "deliveries"}
MOMENTS = ("opened_at", "asked_at", "called_at", "council_at", "closed_at")
ENDS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(scope="module")
def both(start_mimamori, tmp_path_factory):
    """The reports of two runs of one seed, side by side; each left nothing behind."""
    folder = tmp_path_factory.mktemp("runs")
    paths = [folder / "first.json", folder / "again.json"]
    runs = [
        start_mimamori("demo", "--headless", "--seed", 7, "--homes", 6, "--days", 0.3, "--report", path)
        for path in paths
    ]
    for run in runs:
        assert run.wait(400) == 0, run.output
        assert run.family() == []
    return [json.loads(path.read_text()) for path in paths]


@pytest.mark.timeout(600)
def test_two_runs_of_a_seed_find_the_collapse_and_tell_the_same_story(both):
    first, again = both
    assert set(first) >= NAMES_OF_THE_REPORT
    for report in both:
        events = report["events"]
        assert events["published"] == events["stored"] > 10_000
        assert events["missing"] == events["duplicates_stored"] == events["quarantined"] == 0
        assert report["collapse_found"] is True
    assert first["events"] == again["events"]
    assert [story(case) for case in first["incidents"]] == [story(case) for case in again["incidents"]]
    assert [message(sent) for sent in first["deliveries"]] == [message(sent) for sent in again["deliveries"]]


def test_a_telephone_alone_is_called_first_when_neighbours_are_called(both):
    calls = [item for item in both[0]["deliveries"] if item["purpose"] == "call"]
    assert (calls[0]["person"], calls[0]["channel"]) == ("landline-02", "voice")


def test_people_are_reached_by_line_by_sms_and_by_telephone(both):
    sent = both[0]["deliveries"]
    reached = {(item["channel"], item["state"]) for item in sent if item["purpose"] in ("ask", "call", "staff")}
    assert reached >= {("line", "accepted"), ("sms", "delivered"), ("voice", "read")}, "a key was pressed in a call"
    assert not {item["state"] for item in sent} & {"unknown", "retry_wait", "sending"}


def story(case):
    return tuple(case[name] for name in ("person", "kind", "outcome", "outcome_by", *MOMENTS))


def message(sent):
    return tuple(sent[name] for name in ("person", "purpose", "channel", "state", "created_at"))


def test_the_one_who_collapsed_is_asked_first_then_others_are_called(both):
    report = both[0]
    (collapse,) = report["collapses"]
    case = next(case for case in report["incidents"] if case["home"] == collapse["home"] and case["called_at"])
    assert collapse["at"] < case["opened_at"] <= case["asked_at"] < case["called_at"]
    assert case["outcome"] is not None
    assert re.search(r"動きがありません", case["reason_ja"])
    purposes = [delivery["purpose"] for delivery in report["deliveries"]]
    assert purposes.index("ask") < purposes.index("call")


@pytest.mark.timeout(400)
def test_ctrl_c_and_sigterm_leave_no_process_and_no_folder_behind(mimamori, tmp_path, wait_for):
    commands = {number: mimamori("demo", "--no-browser", "--homes", 2, "--port", free_port()) for number in ENDS}
    for command in commands.values():
        wait_for(lambda at=command: "Ctrl-C ends" in at.output or at.process.poll() is not None, 180, "the page")
        assert len(command.family()) >= 5  # itself, the broker, the homes, LINE, Twilio
    for number, command in commands.items():
        os.kill(command.process.pid, number)
    for command in commands.values():
        assert command.wait(60) == 130
        assert command.family() == []
        assert "Traceback" not in command.output
    assert list(tmp_path.glob("mimamori-demo-*")) == []


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--homes", "1"], "--homes must be 2 to 200"),
        (["--headless", "--days", "0"], "--days must be above 0"),
        (["--seed", "-1"], "--seed must not be negative"),
        (["--report", "r.json"], "--report goes with --headless"),
    ],
)
def test_wrong_usage_is_refused_with_the_remedy(capsys, arguments, remedy):
    assert main(["demo", *arguments]) == 2
    assert remedy in capsys.readouterr().err


@pytest.mark.system
@pytest.mark.timeout(400)
def test_a_visitor_plays_the_neighbours_by_telephone_line_and_sms_to_safe(mimamori, browser, wait_for):
    """Seed 3: who is called first has a landline alone, the second LINE, whoever comes next SMS."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    picture = os.environ.get("MIMAMORI_PICTURE")
    town = [] if picture else ["--homes", 4, "--seed", 3]  # the picture is of the demo as everybody sees it
    command = mimamori("demo", "--no-browser", "--port", port, *town)
    wait_for(lambda: "Ctrl-C ends" in command.output or command.process.poll() is not None, 180, "the page")
    page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="ja-JP")
    page.goto(url)
    page.get_by_role("button", name="×300").click()
    page.get_by_text("近所の方に連絡").first.wait_for(timeout=120_000)  # it came by itself: nothing was reloaded
    page.get_by_role("button", name="×1", exact=True).click()
    case = page.locator(".case", has_text="近所の方に連絡")
    name = case.get_by_role("link").filter(has_text="様").first.inner_text()
    if picture:
        page.screenshot(path=str(Path(picture)))
        return

    phones = browser.new_page(viewport={"width": 1280, "height": 900}, locale="ja-JP")
    phones.goto(f"{url}/phones")
    screen = phones.frame_locator("iframe").first

    def take(phone):
        phone.get_by_role("link", name="スマホの画面を開く").first.click(timeout=120_000)  # a missed call comes again

    take(phones.locator(".phone", has_text="電話が鳴っています"))  # nobody had to make it ring
    screen.get_by_role("button", name="出る").click()
    screen.get_by_text("連絡がとれません").wait_for(timeout=10_000)
    screen.get_by_role("button", name="3", exact=True).click()
    screen.get_by_text("ほかの方に連絡します").wait_for(timeout=10_000)
    page.locator("main").get_by_text("行けません").first.wait_for(timeout=30_000)

    phones.goto(f"{url}/phones")
    called = phones.locator(".phone", has_text="様子を見てください")
    take(called.filter(has_text="LINE"))
    screen.get_by_role("button", name="向かいます").click()
    screen.get_by_text("「向かいます」と伝えました").wait_for(timeout=10_000)
    page.locator("main").get_by_text("向かっています").first.wait_for(timeout=30_000)

    phones.goto(f"{url}/phones")
    take(phones.locator(".phone", has_text="SMS").filter(has_not_text="LINE"))
    screen.get_by_role("button", name="2 を返信").click()
    screen.get_by_text("ご無事と承りました").wait_for(timeout=10_000)
    page.locator(".case", has_text=name).wait_for(state="detached", timeout=30_000)
