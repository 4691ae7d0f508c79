"""Measure what `lmbench report` costs: seconds, memory, and the size of the page.

    python benchmarks/report.py
    python benchmarks/report.py --corpora "$(echo part-*.txt | tr ' ' ,)"

By default, ten models on three corpora are 30 cells. The run that they need is not timed. The peer is a process that
imports the libraries of a report and does nothing else; each report is timed next to one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_LMBENCH = (sys.executable, "-m", "lmbench")
_MODELS = "uniform,kenlm:order=1..3,kenlm,ppm,cache,hmm,ngram,nltk"
_LIBRARIES = "import jinja2, pandas, pyarrow.parquet, pydantic, rich, scipy.special"


@dataclass(frozen=True)
class Measurement:
    """The costs of a process.

    Attributes:
        seconds: From its start to its end.
        cpu_seconds: Of the processor, on all cores.
        peak: Peak resident memory in MiB.
    """

    seconds: float
    cpu_seconds: float
    peak: float


def main() -> None:
    """Evaluate the models, and print what the reports took."""
    options = _parse_options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        arguments = ["--models", options.models, "--corpora", options.corpora, "--no-check", "--audit", "none"]
        subprocess.run(
            [*_LMBENCH, "run", *arguments, "--quiet", "--out", folder], check=True, stdout=subprocess.DEVNULL
        )
        pairs = [
            (_measure([*_LMBENCH, "report", folder]), _measure([sys.executable, "-c", _LIBRARIES]))
            for _ in range(options.repeats)
        ]
        cells = len(list(Path(folder).glob("cells/**/cell.json")))
        page = (Path(folder) / "report.html").stat().st_size
    reports, imports = zip(*pairs, strict=True)
    ratio = median(report.seconds / peer.seconds for report, peer in pairs)
    print("cells  seconds    CPU s  peak MiB  page MB  imports s  ratio")
    print(
        f"{cells:5}  {median(one.seconds for one in reports):7.2f}  {median(one.cpu_seconds for one in reports):7.2f}  "
        f"{max(one.peak for one in reports):8.0f}  {page / 1e6:7.2f}  {median(one.seconds for one in imports):9.2f}  "
        f"{ratio:5.1f}"
    )


def _measure(command: list[str]) -> Measurement:
    """Run a command without its output, and return what it took."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return Measurement(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=_MODELS)
    parser.add_argument("--corpora", default="pydocs,fables-en,fables-zh")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="where the run is stored; by default the system's temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
