"""Measure the speed and peak memory of scoring a text larger than memory: a corpus's training split, repeated.

    python benchmarks/streaming.py --corpus wikitext-2 --documents block --sizes 128MiB,1GiB

The model is fitted on the corpus's validation split, so that most of the scored text is new to it. The corpus may also
be a source with options (grammar:lines=200000). As in `lmbench run`, a text of each size is read, fingerprinted,
compared with the training text and scored, in a new process. The difference between two sizes shows how memory grows
with the number of documents.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

from lmbench import Split, load_corpus
from lmbench.corpora.splitting import DOCUMENT_UNITS
from lmbench.errors import LmbenchError, SpecError
from lmbench.ngrams.workspace import parse_size
from lmbench.runs.engines import LocalEngine
from lmbench.runs.events import RunProgress
from lmbench.runs.experiment import Experiment
from lmbench.runs.memory import peak_bytes
from lmbench.runs.models import select_models
from lmbench.runs.runner import RunOptions, run
from lmbench.runs.templates import Workers


@dataclass(frozen=True)
class Measurement:
    """The time and memory that one size took.

    Attributes:
        documents: Number of scored documents.
        bytes: Size of the scored text.
        seconds: Total time, including reading.
        bytes_per_second: Speed of scoring alone.
        run_peak: Peak resident bytes of the run's own process.
        cell_peak: Peak resident bytes of the cell's process.
    """

    documents: int
    bytes: int
    seconds: float
    bytes_per_second: float
    run_peak: int
    cell_peak: int


def main() -> None:
    """Print a row for each size, and the growth of memory from the first to the last."""
    options = _parse_options()
    rows = []
    print("documents        bytes   seconds   scoring MB/s   run's process MiB   cell's process MiB")
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder, _new_process() as pool:
            pool.submit(_write, Path(folder), options.corpus, options.documents, size).result()
            row = pool.submit(_measure, Path(folder), options.model, options.documents).result()
        rows.append(row)
        print(
            f"{row.documents:>9,} {row.bytes:>12,} {row.seconds:>9.0f} {row.bytes_per_second / 1e6:>14.2f} "
            f"{row.run_peak / 2**20:>19,.0f} {row.cell_peak / 2**20:>20,.0f}",
            flush=True,
        )
    more = rows[-1].documents - rows[0].documents
    if more:
        run_growth, cell_growth = (
            (getattr(rows[-1], peak) - getattr(rows[0], peak)) / more for peak in ("run_peak", "cell_peak")
        )
        print(f"growth: {run_growth:.0f} bytes per document in the run's process, {cell_growth:.0f} in the cell's")


def _parse_options() -> argparse.Namespace:
    def sizes(text: str) -> list[int]:
        try:
            return [parse_size(part) for part in text.split(",")]
        except SpecError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="grammar:lines=100000", help="a name, a source with options, or a path")
    parser.add_argument("--model", default="kenlm", help="the model to fit and score with")
    parser.add_argument("--documents", choices=DOCUMENT_UNITS[:2], default="line", help="unit of documents")
    parser.add_argument("--sizes", type=sizes, default=sizes("64MiB,256MiB"), metavar="SIZE,SIZE", help="text sizes")
    parser.add_argument("--folder", type=Path, help="folder for the text (default: the system's temporary folder)")
    return parser.parse_args()


def _new_process() -> ProcessPoolExecutor:
    """Return a pool that runs each call in a new process, so that each has its own peak memory."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)


def _write(folder: Path, name: str, unit: str, size: int) -> None:
    """Write the splits of a corpus into a folder, with at least `size` bytes of text to score."""
    try:
        corpus = load_corpus(name)
    except LmbenchError as error:  # this error cannot be pickled
        raise SystemExit(f"Error: {error}") from None
    for split, source in (("train", corpus.valid), ("valid", corpus.test)):
        (folder / f"{split}.txt").write_text("".join(_texts(source, unit)), encoding="utf-8")
    texts = [text.encode() for text in _texts(corpus.train, unit)]
    with (folder / "test.txt").open("wb") as file:
        for text in cycle(texts):
            size -= file.write(text)
            if size <= 0:
                return


def _texts(split: Split, unit: str) -> Iterator[str]:
    """Yield the documents with a line end, and an empty line if the unit needs it as a separator."""
    for document in split.documents:
        yield document.removesuffix("\n") + ("\n\n" if unit == "block" else "\n")


def _measure(folder: Path, model: str, unit: str) -> Measurement:
    """Run a model on a folder with splits."""
    started = time.perf_counter()
    corpus = load_corpus(f"{folder}:documents={unit}")
    experiment = Experiment(select_models(model), (corpus,), check=False)
    options = RunOptions(use_store=False)
    with Workers() as workers:
        [cell] = run(experiment, folder / "run", LocalEngine(workers), RunProgress(), options).cells()
    if cell.costs is None:
        raise SystemExit(cell.error)
    return Measurement(
        documents=len(corpus.test.documents),
        bytes=corpus.test.size,
        seconds=time.perf_counter() - started,
        bytes_per_second=cell.costs.bytes_per_second,
        run_peak=peak_bytes(),
        cell_peak=cell.costs.peak_bytes,
    )


if __name__ == "__main__":
    main()
