"""How long to wait before trying again: the one back-off of the agent and of the backend. Pure."""

from typing import Final

_MOST_DOUBLINGS: Final = 16  # the longest pause is reached long before, and 2**1024 is no float


def backoff_s(tries: int, first_s: float, longest_s: float) -> float:
    """Seconds between the try number ``tries`` and the next: ``first_s``, doubled each time, at most ``longest_s``.

    Args:
        tries: how often it was tried in vain, at least 1.
        first_s: pause after the first try, seconds, above 0.
        longest_s: longest pause, seconds.
    """
    return min(first_s * 2.0 ** min(tries - 1, _MOST_DOUBLINGS), longest_s)
