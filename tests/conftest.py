"""What the tests of several parts share."""

from collections.abc import Iterator

import pytest

from simulators.line_process import LineProcess


@pytest.fixture(scope="session")
def line_process() -> Iterator[LineProcess]:
    """The LINE double in a process of its own, so that a test may fork or be killed beside it."""
    with LineProcess() as running:
        yield running


@pytest.fixture
def line(line_process: LineProcess) -> LineProcess:
    """The double, with nobody and nothing in it."""
    line_process.reset()
    return line_process
