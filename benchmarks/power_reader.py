"""What the power reader costs: microseconds a reading, milliseconds a nightly learning, bytes a home.

Usage: python benchmarks/power_reader.py [DAYS]
"""

import sys
import time

import numpy as np

from anomaly import PowerReader

DAY_S, MINUTES = 86_400.0, 1440


def made_home(days: int) -> np.ndarray:
    """Watts by the minute: a fridge, eight kettles and two ovens a day, noise."""
    rng = np.random.default_rng(1)
    watts = 60 + 110.0 * (np.arange(days * MINUTES) % 45 < 18) + rng.normal(0, 8, days * MINUTES)
    for day in range(days):
        for minute in rng.integers(420, 1320, 8) + day * MINUTES:
            watts[minute : minute + 3] += 2000
        for minute in rng.integers(600, 1200, 2) + day * MINUTES:
            for cycle in range(6):
                watts[minute + cycle * 8 : minute + cycle * 8 + 3] += 1800
    return watts


def main() -> None:
    """Run and print."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    reader, by_reading, nights, signs = PowerReader(), 0.0, [], 0
    for index, watts in enumerate(made_home(days).tolist()):
        begun = time.perf_counter()
        signs += len(reader.observe(index * 60.0, watts))
        took = time.perf_counter() - begun
        if index % MINUTES == 5 * 60 + 1:  # the reading that ends the first minute past 05:00 learns
            nights.append(took)
        else:
            by_reading += took
    print(f"{days} days, {signs} signs of life, can tell: {reader.trustworthy}")
    print(f"{by_reading / (days * MINUTES) * 1e6:.1f} us a reading (60 s readings; timing included)")
    print(f"{np.median(nights[28:]) * 1e3:.2f} ms a nightly learning (median of {len(nights[28:])})")
    print(f"{len(reader.to_bytes()) / 1000:.1f} kB of state a home")


if __name__ == "__main__":
    main()
