"""The backend asks, the home sounds and shines, and the button answers: over a real broker, with real command lines."""

import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.clock import ClockQuality
from contracts.commands import Command, CommandOutcome, CommandResult, Verb, encode_command
from contracts.topics import Leaf
from edge_agent.agent import Agent
from edge_agent.asking import Asker, refusal
from edge_agent.errors import NotifierError, OutboxError
from edge_agent.notifier import CommandNotifier, ConsoleNotifier, build_notifier
from edge_agent.outbox.outbox import KNOWN_COMMANDS, Outbox
from edge_agent.ports import Reading
from edge_agent.settings import AttentionSettings

START_MS = 1_700_000_000_000
LATER_MS = START_MS + 600_000
ASK = Command("c-1", Verb.ASK, LATER_MS, "お元気ですか。\nボタンを押してください。")
NOTE = "import os, sys; open(sys.argv[1], 'a').write(sys.argv[2] + os.environ['MIMAMORI_TEXT'] + chr(10))"


def press(what: str) -> Reading:
    return Reading("bedside.button", "button", {"press": what})


@pytest.fixture
def log_of_devices(tmp_path: Path) -> Path:
    return tmp_path / "devices.log"


@pytest.fixture
def devices(log_of_devices: Path):
    """Command lines that write down what they are run for."""

    def line(word: str) -> list[str]:
        return [sys.executable, "-c", NOTE, str(log_of_devices), word]

    def make(**changes: object) -> AttentionSettings:
        usual = {"chime": line("chime:"), "light_on": line("on:"), "light_off": line("off:"), "limit_s": 20.0}
        return AttentionSettings(**(usual | changes))  # type: ignore[arg-type]

    return make


def wait_for(what, timeout_s: float = 10) -> bool:
    until_s = time.monotonic() + timeout_s
    while time.monotonic() < until_s:
        if what():
            return True
        time.sleep(0.02)
    return bool(what())


def open_question(asker: Asker) -> str | None:
    """Id of the command whose question waits for an answer; None: none does."""
    return asker._question.id if asker._question else None


class Home:
    """An agent whose devices are those of the settings, connected to the broker."""

    def __init__(self, agent: Agent, log: Path) -> None:
        self.agent, self._log = agent, log

    def sounded(self) -> list[str]:
        return [word for word in self.heard() if word == "chime"]

    def heard(self) -> list[str]:
        """The words of the devices in order: chime, on, off."""
        lines = self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
        return [line.partition(":")[0] for line in lines if ":" in line]


@pytest.fixture
def homes(outbox, clock, settings, broker, backend, log_of_devices):
    made: list[Agent] = []

    def make(own: AttentionSettings, quality: ClockQuality = ClockQuality.SYNCED) -> Home:
        whole = settings(broker.port, attention=own)
        made.append(Agent(whole, outbox, clock, (), lambda: quality, build_notifier(own)))
        known = len(backend.states)
        made[-1].start()
        # The birth goes out behind the subscriptions: a command from now on arrives.
        assert backend.wait_for(lambda: any(state.online for state in backend.states[known:]))
        return Home(made[-1], log_of_devices)

    yield make
    for agent in made:
        agent.stop()


# ---- over a broker ----


@pytest.mark.system
def test_the_person_is_asked_and_presses_ok(homes, devices, backend, log_of_devices):
    home = homes(devices())
    backend.command("c-1", ASK)
    assert backend.wait_for(lambda: backend.results == [CommandResult("c-1", CommandOutcome.DONE)])
    assert log_of_devices.read_text(encoding="utf-8").startswith("on:お元気ですか。")
    assert open_question(home.agent.asker) == "c-1"
    home.agent.submit(press("ok"))
    assert backend.wait_for(lambda: len(backend.stored) == 1)
    (event,) = backend.stored.values()
    assert event.x == {"press": "ok", "cmd": "c-1"}
    assert backend.order[-1][0] is Leaf.PRIORITY
    assert wait_for(lambda: home.heard() == ["on", "chime", "off"])
    home.agent.submit(press("ok"))  # nobody asks any more
    assert backend.wait_for(lambda: len(backend.stored) == 2)
    assert [dict(found.x) for found in backend.stored.values()][1] == {"press": "ok"}


@pytest.mark.system
def test_a_command_that_comes_again_is_answered_again_and_carried_out_once(homes, devices, backend, outbox):
    home = homes(devices())
    for times in (1, 2, 3):
        backend.command("c-1", ASK)
        assert backend.wait_for(lambda times=times: len(backend.results) == times)
    assert {result.outcome for result in backend.results} == {CommandOutcome.DONE}
    assert len(home.sounded()) == 1
    assert outbox.carried_out("c-1")


@pytest.mark.system
def test_an_id_of_before_a_restart_is_known_after_it(homes, devices, backend, log_of_devices):
    first = homes(devices())
    backend.command("c-1", ASK)
    assert backend.wait_for(lambda: len(backend.results) == 1)
    first.agent.stop()
    second = homes(devices())
    backend.command("c-1", ASK)
    assert backend.wait_for(lambda: len(backend.results) == 2)
    assert len(second.sounded()) == 1
    assert second.heard()[-1] == "off", "an agent that ends leaves no light on"


@pytest.mark.system
@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (Command("c-2", Verb.ASK, START_MS, "?"), CommandOutcome.EXPIRED),
        (Command("c-2", Verb.RESTART, LATER_MS), CommandOutcome.UNSUPPORTED),
        (b'{"v":1,"verb":"open_door","exp":1800000000000}', CommandOutcome.UNSUPPORTED),
        (b'{"v":2,"verb":"ask","exp":1800000000000}', CommandOutcome.UNSUPPORTED),
        (b'{"v":1,"verb":"ask"}', CommandOutcome.MALFORMED),
        (b"\xff\x00", CommandOutcome.MALFORMED),
    ],
    ids=["too late", "not ours to do", "unknown verb", "later version", "without expiry", "no JSON"],
)
def test_what_cannot_be_done_is_refused_with_its_reason_and_not_remembered(
    homes, devices, backend, outbox, payload, outcome
):
    home = homes(devices())
    backend.command("c-2", payload)
    assert backend.wait_for(lambda: len(backend.results) == 1)
    assert (backend.results[0].id, backend.results[0].outcome) == ("c-2", outcome)
    assert home.heard() == []
    assert not outbox.carried_out("c-2")


@pytest.mark.system
def test_a_home_without_a_clock_cannot_tell_whether_it_is_too_late(homes, devices, backend):
    home = homes(devices(), ClockQuality.NEVER_SYNCED)
    backend.command("c-1", ASK)
    assert backend.wait_for(lambda: len(backend.results) == 1)
    assert backend.results[0].outcome is CommandOutcome.UNSYNCED
    assert home.heard() == []


@pytest.mark.system
def test_a_home_without_devices_says_so(homes, backend):
    home = homes(AttentionSettings())
    backend.command("c-1", ASK)
    assert backend.wait_for(lambda: len(backend.results) == 1)
    assert backend.results[0].outcome is CommandOutcome.UNSUPPORTED
    assert "[attention]" in backend.results[0].detail
    assert open_question(home.agent.asker) is None


@pytest.mark.system
def test_a_chime_that_does_not_work_is_reported_and_tried_again_when_asked_again(homes, devices, backend, outbox):
    home = homes(devices(chime=["/bin/false"]))
    backend.command("c-1", ASK)
    assert backend.wait_for(lambda: len(backend.results) == 1)
    assert backend.results[0].outcome is CommandOutcome.FAILED
    assert "attention.chime" in backend.results[0].detail
    assert not outbox.carried_out("c-1")
    home.agent.submit(press("help"))  # they saw the light
    assert backend.wait_for(lambda: len(backend.stored) == 1)
    (event,) = backend.stored.values()
    assert event.x == {"press": "help", "cmd": "c-1"}


@pytest.mark.system
def test_asking_ends_when_the_backend_says_so(homes, devices, backend):
    home = homes(devices())
    backend.command("c-1", ASK)
    assert backend.wait_for(lambda: len(backend.results) == 1)
    backend.command("c-2", Command("c-2", Verb.STOP_ASKING, LATER_MS))
    assert backend.wait_for(lambda: len(backend.results) == 2)
    assert wait_for(lambda: home.heard()[-1] == "off")
    assert open_question(home.agent.asker) is None


# ---- the asker alone, on a clock of the test ----


class Recorder:
    """Devices that write down what they are told, in memory."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.broken = False

    def ask(self, text: str) -> str:
        self.said.append(f"ask {text}")
        if self.broken:
            raise NotifierError("attention.chime: broken")
        return ""

    def tell(self, text: str) -> str:
        self.said.append(f"tell {text}")
        return ""

    def light_off(self) -> str:
        self.said.append("rest")
        return ""


@pytest.fixture
def asked(outbox, clock):
    """An asker with recorded devices and the results that it gives."""
    results: list[CommandResult] = []
    devices = Recorder()
    quality = lambda: ClockQuality.SYNCED  # noqa: E731
    asker = Asker(devices, outbox, clock, quality, AttentionSettings(again_s=60, times=3, ask_s=600), results.append)
    yield asker, devices, results
    asker.stop()


def take(asker: Asker, command: Command, results: list[CommandResult]) -> None:
    before = len(results)
    asker.take(command.id, encode_command(command))
    assert wait_for(lambda: len(results) > before)


def test_the_chime_sounds_again_until_it_has_sounded_often_enough(asked, clock):
    asker, devices, results = asked
    take(asker, ASK, results)
    for times in (2, 3):
        clock.forward(60_000)
        assert wait_for(lambda times=times: len(devices.said) == times)
    clock.forward(60_000)
    time.sleep(1.2)
    assert len(devices.said) == 3
    clock.forward(600_000)
    assert wait_for(lambda: devices.said[-1] == "rest")
    assert open_question(asker) is None


def test_a_movement_ends_the_chime_and_not_the_question(asked, clock):
    asker, devices, results = asked
    take(asker, ASK, results)
    moved = asker.with_question(Reading("hall", "motion", {"motion": True}))
    assert "cmd" not in moved.fields
    clock.forward(120_000)
    time.sleep(1.2)
    assert len(devices.said) == 1
    assert open_question(asker) == "c-1"
    assert asker.with_question(press("ok")).fields["cmd"] == "c-1"


def test_what_is_told_needs_no_answer(asked):
    asker, devices, results = asked
    take(asker, Command("c-3", Verb.TELL, LATER_MS, "近くの方に連絡しました。"), results)
    assert devices.said == ["tell 近くの方に連絡しました。"]
    assert open_question(asker) is None
    assert asker.with_question(press("ok")).fields == {"press": "ok"}


def test_of_two_questions_the_newer_one_is_answered(asked):
    asker, _devices, results = asked
    take(asker, ASK, results)
    take(asker, Command("c-9", Verb.ASK, LATER_MS, "?"), results)
    assert asker.with_question(press("ok")).fields["cmd"] == "c-9"


def test_the_end_of_an_older_question_leaves_the_newer_one_open(asked):
    asker, _devices, results = asked
    take(asker, ASK, results)
    take(asker, Command("c-9", Verb.ASK, LATER_MS, "?"), results)
    take(asker, Command("c-1-stop", Verb.STOP_ASKING, LATER_MS, "c-1"), results)
    assert open_question(asker) == "c-9"
    take(asker, Command("c-9-stop", Verb.STOP_ASKING, LATER_MS, "c-9"), results)
    assert open_question(asker) is None


def test_only_a_press_that_answers_is_taken_for_an_answer(asked):
    asker, _devices, results = asked
    take(asker, ASK, results)
    for what in ("single", "tamper"):
        assert asker.with_question(press(what)).fields == {"press": what}
    assert open_question(asker) == "c-1"


def test_an_outbox_that_cannot_remember_does_not_hide_that_the_person_was_asked(asked, outbox, monkeypatch, caplog):
    asker, devices, results = asked

    def full(_command_id: str) -> None:
        raise OutboxError("the disk is full")

    monkeypatch.setattr(outbox, "remember", full)
    take(asker, ASK, results)
    assert results[0].outcome is CommandOutcome.DONE
    assert devices.said == ["ask " + ASK.text]
    assert "may be so again" in caplog.text


def test_a_press_while_the_chime_sounds_is_an_answer(outbox, clock):
    sounding, go_on, results = threading.Event(), threading.Event(), []

    class Slow(Recorder):
        def ask(self, text: str) -> str:
            sounding.set()
            go_on.wait(10)
            return super().ask(text)

    slow = Slow()
    asker = Asker(slow, outbox, clock, lambda: ClockQuality.SYNCED, AttentionSettings(), results.append)
    asker.take("c-1", encode_command(ASK))
    assert sounding.wait(10)
    assert asker.with_question(press("ok")).fields["cmd"] == "c-1"
    go_on.set()
    assert wait_for(lambda: slow.said[-1:] == ["rest"])
    asker.stop()


# ---- pure, and the devices ----


@given(
    expires_ms=st.integers(0, 2**42),
    now_ms=st.integers(0, 2**42),
    quality=st.sampled_from(ClockQuality),
    verb=st.sampled_from(Verb),
)
@hypothesis_settings(max_examples=100, deadline=None)
def test_nothing_is_done_too_late_or_without_a_clock(expires_ms, now_ms, quality, verb):
    refused = refusal(Command("c", verb, expires_ms), now_ms, quality)
    if refused is None:
        assert quality is not ClockQuality.NEVER_SYNCED
        assert now_ms < expires_ms
        assert verb in (Verb.ASK, Verb.TELL, Verb.STOP_ASKING)
    else:
        assert refused[0] is not CommandOutcome.DONE


def test_only_the_newest_commands_are_remembered(tmp_path):
    with Outbox(tmp_path / "o.db", token="t") as outbox:
        for number in range(KNOWN_COMMANDS + 20):
            outbox.remember(f"c-{number}")
        outbox.remember("c-500")
        assert outbox.carried_out(f"c-{KNOWN_COMMANDS + 19}")
        assert outbox.carried_out("c-20")
        assert not outbox.carried_out("c-19")


def test_a_light_that_is_broken_does_not_hide_that_the_chime_sounded(devices, log_of_devices):
    detail = CommandNotifier(devices(light_on=["/bin/false"])).ask("?")
    assert detail == "attention.light_on: '/bin/false' ended with 1"
    assert log_of_devices.read_text(encoding="utf-8") == "chime:?\n"


def test_a_light_alone_that_is_broken_asked_nobody(devices):
    with pytest.raises(NotifierError, match="light_on"):
        CommandNotifier(devices(chime=(), light_on=["/bin/false"])).ask("?")
    with pytest.raises(NotifierError, match="chime is"):
        CommandNotifier(devices(chime=())).tell("news")


@pytest.mark.parametrize(
    ("chime", "said"),
    [(["/no/such/program"], "cannot be run"), (["/bin/sleep", "30"], "was not over within 0.5 s")],
    ids=["missing", "too long"],
)
def test_a_chime_that_fails_is_named(chime, said):
    with pytest.raises(NotifierError, match=said):
        CommandNotifier(AttentionSettings(chime=chime, limit_s=0.5)).ask("?")


def test_the_console_shows_what_would_sound(capsys):
    console = build_notifier(AttentionSettings(console=True))
    assert isinstance(console, ConsoleNotifier)
    console.ask("お元気ですか。")
    console.light_off()
    assert capsys.readouterr().out == "[light on, chime] お元気ですか。\n[light off]\n"
