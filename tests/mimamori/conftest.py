import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "detection" / "homes"


class Command:
    """``mimamori …`` as a user starts it: a process of its own, in a folder of its own."""

    def __init__(self, folder, arguments):
        self.mark = uuid.uuid4().hex
        self._log_path = folder / f"output-{self.mark}.txt"
        environment = {**os.environ, "MIMAMORI_TEST": self.mark, "TMPDIR": str(folder)}
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mimamori", *map(str, arguments)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    @property
    def output(self):
        return self._log_path.read_text(errors="replace")

    def wait(self, within_s):
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {within_s} s:\n{self.output}")

    def family(self):
        """Process ids of everything it started that still runs, itself included."""
        wanted = f"MIMAMORI_TEST={self.mark}".encode()
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if wanted in environment_of(pid)]

    def end(self):
        for pid in self.family():
            os.kill(pid, 9)
        self.process.wait()


def environment_of(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it ended while we looked, or is not ours
        return b""


@contextlib.contextmanager
def starting(folder):
    started = []

    def start(*arguments):
        started.append(Command(folder, arguments))
        return started[-1]

    try:
        yield start
    finally:
        for command in started:
            command.end()


@pytest.fixture
def mimamori(tmp_path):
    with starting(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_mimamori(tmp_path_factory):
    """As `mimamori`, for what several tests of a module look at."""
    with starting(tmp_path_factory.mktemp("commands")) as start:
        yield start


@pytest.fixture
def wait_for():
    def wait(condition, within_s, what):
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        return pytest.fail(f"{what} did not happen within {within_s} s")

    return wait


@pytest.fixture(scope="session")
def recordings():
    """The folder of recorded homes, which is not part of the project."""
    if not RECORDINGS.is_dir():
        pytest.skip("no recorded homes beside the checkout (../shared/detection/homes)")
    return RECORDINGS


@pytest.fixture
def browser():
    path = shutil.which("chromium")
    if path is None:
        remedy = "chromium is missing: apt-get install chromium fonts-noto-cjk"
        pytest.fail(remedy) if os.environ.get("CI") == "true" else pytest.skip(remedy)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        running = playwright.chromium.launch(executable_path=path, args=quiet)
        yield running
        running.close()
