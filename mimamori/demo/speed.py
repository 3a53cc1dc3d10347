"""How fast simulated time runs on the demo's page."""

import threading

from contracts.clock import Clock


class SimulatedSpeed:
    """The speed of simulated time; the page's buttons set it from another thread.

    Args:
        clock: the simulated one, moved by somebody else.
        speed: simulated seconds a real second.
    """

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._speed = speed
        self._chosen = False
        self._behind_ms = 0.0

    def now_ms(self) -> int:
        """Simulated time, ms UTC."""
        return self._clock.wall_ms()

    def speed(self) -> float:
        """Simulated seconds a real second; 0 while paused."""
        return self._speed

    def set_speed(self, speed: float) -> None:
        """What the visitor chose stays until they choose again; 0 pauses."""
        with self._lock:
            self._speed, self._chosen = speed, True

    def suggest(self, speed: float) -> None:
        """The speed that suits what is happening, unless the visitor has chosen one."""
        with self._lock:
            if not self._chosen:
                self._speed = speed

    def after(self, real_s: float) -> int:
        """The simulated time (ms UTC) to be reached after ``real_s`` more seconds, at most ten at a time.

        The fraction of a millisecond that is left over is kept, so that speed 1 is exactly speed 1.
        """
        with self._lock:
            self._behind_ms += min(real_s, 10.0) * self._speed * 1000
            whole = int(self._behind_ms)
            self._behind_ms -= whole
        return self.now_ms() + whole
