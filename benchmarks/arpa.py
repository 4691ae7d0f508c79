"""Time and memory of reading an ARPA file: lmbench, which checks every line, beside KenLM, which loads it.

    python benchmarks/arpa.py --corpus wikitext-2 --order 5

The file is what `lmbench export kenlm` writes of the corpus. The two read it in turn, each in a process of its own,
so that both find it in the system's cache. Times are medians, without what importing takes; the memory of both is with
lmbench's libraries.
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
from lmbench.runs.worker import peak_bytes
started = time.perf_counter()
read_arpa(Path(sys.argv[1]))
"""
_LOAD = """
import sys, time
import kenlm
from lmbench.runs.worker import peak_bytes
config = kenlm.Config()
config.show_progress = False
config.arpa_complain = kenlm.ARPALoadComplain.NONE
started = time.perf_counter()
kenlm.Model(sys.argv[1], config)
"""
_TELL = "print(time.perf_counter() - started, peak_bytes() / (1 << 20))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="wikitext-2")
    parser.add_argument("--order", type=int, default=5, choices=range(2, 7))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    model = build(f"kenlm:order={arguments.order}")
    model.fit(load_corpus(arguments.corpus).training)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        model.export(path)
        print(f"{arguments.corpus}, order {arguments.order}: {path.stat().st_size / 1e6:,.0f} MB")
        costs = [(_cost(_READ, path), _cost(_LOAD, path)) for _ in range(arguments.repeats)]
    for name, runs in zip(("lmbench", "KenLM"), zip(*costs, strict=True), strict=True):
        seconds, mebibytes = zip(*runs, strict=True)
        print(f"{name:8} {statistics.median(seconds):7.2f} s {max(mebibytes):7,.0f} MiB")
    ratios = sorted(ours[0] / theirs[0] for ours, theirs in costs)
    print(f"ratio    {statistics.median(ratios):7.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def _cost(code: str, path: Path) -> tuple[float, float]:
    """Seconds of the last statement, and MiB of its process."""
    done = subprocess.run([sys.executable, "-c", code + _TELL, path], check=True, capture_output=True, text=True)
    seconds, mebibytes = map(float, done.stdout.split())
    return seconds, mebibytes


if __name__ == "__main__":
    main()
