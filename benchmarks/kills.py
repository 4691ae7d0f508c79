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
        for losses in kill_runs(Path(folder), options.kills, options.seed):
            print(
                f"{time.monotonic() - started:6.0f} s: {losses.kills} kills of {losses.runs} runs; "
                f"{losses.redone} finished cells evaluated again, {losses.failed} runs that did not end well, "
                f"{losses.different} final tables that differ from an uninterrupted run's",
                flush=True,
            )


if __name__ == "__main__":
    main()
