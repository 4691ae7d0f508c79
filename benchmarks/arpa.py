"""Compare the time and memory that lmbench and KenLM need to read an ARPA file. Only lmbench checks every line.

    python benchmarks/arpa.py --corpus wikitext-2 --order 5

The file is the one that `lmbench export kenlm` writes for the corpus. The readers alternate, each in a new process, so
both find the file in the system's cache. Times are medians and do not include imports. Both processes import lmbench,
so the memory of its libraries is in both figures.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lmbench import build, load_corpus

_READ = """
import sys, time
from pathlib import Path
import pyarrow.compute
from lmbench.ngrams.arpa_reader import read_arpa
from lmbench.runs.memory import peak_bytes
started = time.perf_counter()
read_arpa(Path(sys.argv[1]))
"""
_LOAD = """
import sys, time
import kenlm
from lmbench.runs.memory import peak_bytes
config = kenlm.Config()
config.show_progress = False
config.arpa_complain = kenlm.ARPALoadComplain.NONE
started = time.perf_counter()
kenlm.Model(sys.argv[1], config)
"""
_PRINT_COST = "print(time.perf_counter() - started, peak_bytes() / (1 << 20))"


def main() -> None:
    """Print the time and memory of both readers, and the ratio of their times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="wikitext-2", help="corpus to count n-grams in")
    parser.add_argument("--order", type=int, default=5, choices=range(2, 7), help="order of the n-grams")
    parser.add_argument("--repeats", type=int, default=5, help="number of measurements behind each median")
    arguments = parser.parse_args()
    model = build(f"kenlm:order={arguments.order}")
    model.fit(load_corpus(arguments.corpus).training)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        model.export(path)
        print(f"{arguments.corpus}, order {arguments.order}: {path.stat().st_size / 1e6:,.0f} MB")
        costs = [(measure(_READ, path), measure(_LOAD, path)) for _ in range(arguments.repeats)]
    for name, runs in zip(("lmbench", "KenLM"), zip(*costs, strict=True), strict=True):
        seconds, mebibytes = zip(*runs, strict=True)
        print(f"{name:8} {statistics.median(seconds):7.2f} s {max(mebibytes):7,.0f} MiB")
    ratios = sorted(ours[0] / theirs[0] for ours, theirs in costs)
    print(f"ratio    {statistics.median(ratios):7.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def measure(code: str, path: Path) -> tuple[float, float]:
    """Run code on a file in a new process, and return the seconds of its last statement and its peak memory in MiB."""
    done = subprocess.run([sys.executable, "-c", code + _PRINT_COST, path], check=True, capture_output=True, text=True)
    seconds, mebibytes = map(float, done.stdout.split())
    return seconds, mebibytes


if __name__ == "__main__":
    main()
