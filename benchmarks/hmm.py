"""Compare the time of an EM iteration in lmbench's batched engine and in hmmlearn.

    python benchmarks/hmm.py --corpus wikitext-2 --states 16,64,128 --events 100000,1000000

Both engines start from the same parameters and lines, and their log-likelihoods must agree. Times are medians in
seconds for T events and K states. "peak" is the speed at which NumPy multiplies two float32 matrices of 2,048 x 2,048
on all cores. The column "of peak" divides the speed of a float32 iteration by it; an iteration consists of three matrix
products with 6 T K^2 operations.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import numpy as np

from lmbench import Lexicon, LexiconOptions, load_corpus
from lmbench.arrays import Ids
from lmbench.backends.hmm.baum_welch import EmStep, batched_step
from lmbench.backends.hmm.clusters import random_start
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.hmmlearn_engine import hmmlearn_step
from lmbench.backends.hmm.parameters import Parameters

_PRIOR = 0.01


def main() -> None:
    """Print one row for each number of events and of states."""
    options = _parse_options()
    corpus = load_corpus(options.corpus)
    lexicon = Lexicon.learn(corpus.training, LexiconOptions())
    lines = lexicon.lines(corpus.train.documents)
    peak = _measure_peak()
    print(f"{corpus.name}: {sum(map(len, lines)):,} events, {len(lexicon):,} symbols; peak {peak / 1e9:.0f} Gflop/s")
    print("     T      K   float32   float64  hmmlearn  ratio 32  ratio 64   of peak       MiB")
    for events in options.events:
        chosen = _sample(lines, events)
        for states in options.states:
            _compare(chosen, len(lexicon), states, options, peak)


def _parse_options() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="pydocs", help="corpus to take lines from")
    parser.add_argument("--states", type=numbers, default=[16, 64], help="numbers of states")
    parser.add_argument("--events", type=numbers, default=[20_000, 75_000], help="numbers of events")
    parser.add_argument("--repeats", type=int, default=3, help="timed iterations of the batched engine")
    parser.add_argument(
        "--peer-states", type=int, default=128, help="largest number of states for hmmlearn, which is timed once"
    )
    return parser.parse_args()


def _sample(lines: list[Ids], events: int) -> list[Ids]:
    """Draw lines in random order until they have this number of events."""
    order = np.random.default_rng(0).permutation(len(lines))
    sizes = np.cumsum([len(lines[i]) for i in order])
    return [lines[i] for i in order[: int(np.searchsorted(sizes, events)) + 1]]


def _compare(lines: list[Ids], symbols: int, states: int, options: argparse.Namespace, peak: float) -> None:
    """Time both engines on the same lines and print a row."""
    start, events = random_start(symbols, states, seed=0), sum(map(len, lines))
    times, likelihoods = {}, {}
    for dtype in ("float32", "float64"):
        engine = ForwardBackward(lines, symbols, states, dtype)
        times[dtype], likelihoods[dtype] = _time(batched_step(engine, _PRIOR), start, options.repeats)
        del engine
    if states <= options.peer_states:
        times["hmmlearn"], likelihoods["hmmlearn"] = _time(hmmlearn_step(lines, _PRIOR), start, 1)
    for likelihood in likelihoods.values():
        np.testing.assert_allclose(likelihood, likelihoods["float64"], rtol=1e-6)
    peer = times.get("hmmlearn", float("nan"))
    share = 6 * events * states**2 / times["float32"] / peak
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{events:>9,} {states:>5} {times['float32']:>9.2f} {times['float64']:>9.2f} {peer:>9.2f} "
        f"{peer / times['float32']:>9.1f} {peer / times['float64']:>9.1f} {share:>9.0%} {memory:>9,.0f}",
        flush=True,
    )


def _time(step: EmStep, start: Parameters, repeats: int) -> tuple[float, float]:
    """Return the median seconds of an iteration, and the log-likelihood of the initial parameters."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        likelihood, _ = step(start)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), likelihood


def _measure_peak() -> float:
    """Return the speed of a matrix product in operations per second."""
    matrix = np.ones((2048, 2048), dtype=np.float32)
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - began)
    return 2 * 2048**3 / min(seconds)


if __name__ == "__main__":
    main()
