"""Kill runs with SIGKILL after random times, resume them, and count what was lost.

    python benchmarks/kills.py --kills 1000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.runs.killing import kill_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        losses = kill_runs(Path(folder), options.kills, options.seed)
    print(f"{losses.kills} kills of {losses.runs} runs in {time.monotonic() - started:.0f} s")
    print(f"finished cells evaluated again: {losses.redone}")
    print(f"runs that did not end well: {losses.failed}")
    print(f"final tables that differ from an uninterrupted run's: {losses.different}")


if __name__ == "__main__":
    main()
