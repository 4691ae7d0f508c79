"""How much of the processor's peak the training and the scoring of the Transformer's presets use, on one thread.

    python benchmarks/transformer.py --presets tiny,small --steps 30

Ids are drawn by Zipf's law, in documents of 400 events, for vocabularies as large as those of fables-en (tiny) and
WikiText-2 (small). The peak is that of the product of two matrices of 2,048 x 2,048. Operations are those of the
network's matrix products: 6 for each weight and event in training, 2 in scoring, attention included, Muon not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch

from lmbench.arrays import Ints
from lmbench.backends.neural.device import select_precision, use_threads
from lmbench.backends.neural.transformer.batches import Example, batches, examples
from lmbench.backends.neural.transformer.networks import Decoder, Shape
from lmbench.backends.neural.transformer.optimizer import Optimizer
from lmbench.backends.neural.transformer.options import TransformerOptions
from lmbench.backends.neural.transformer.sampled_softmax import SampledSoftmax
from lmbench.backends.neural.transformer.sequences import sequence_logprobs
from lmbench.registry import build

NEGATIVES = 2048
WARM_UP = 5  # steps that do not count


@dataclass(frozen=True)
class Case:
    preset: str
    ids: int
    sampled: bool


CASES = {case.preset: case for case in (Case("tiny", 1_643, False), Case("small", 33_280, True))}


def measure_peak(precision: torch.dtype) -> float:
    """Return the operations a second of a large matrix product."""
    matrix = torch.randn(2048, 2048).to(precision)
    return 2 * 2048**3 / min(seconds_of(lambda: matrix @ matrix) for _ in range(5))


def seconds_of(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def draw_sequences(ids: int) -> list[Ints]:
    generator = np.random.default_rng(0)
    shares = 1 / np.arange(10, ids + 10)
    return [generator.choice(ids, 401, p=shares / shares.sum()) for _ in range(100)]


def count_operations(network: Decoder, events: int, columns: int) -> float:
    """Return the operations of a pass forward over this many events, with this many logits each."""
    shape = network.shape
    blocks = sum(matrix.weight.numel() for matrix in network.block_matrices)
    attention = 2 * shape.layers * shape.context * shape.width / 2  # half of it is hidden by the causal mask
    return 2.0 * events * (blocks + attention + columns * shape.width)


def measure(case: Case, steps: int) -> None:
    options = build(f"transformer:preset={case.preset}").options
    assert isinstance(options, TransformerOptions)
    rotary = options.positions == "rotary"
    shape = Shape(case.ids, options.context, options.layers, options.width, options.heads, options.dropout, rotary)
    network, sequences = Decoder(shape), draw_sequences(case.ids)
    counts = np.bincount(np.concatenate(sequences), minlength=case.ids)
    softmax = SampledSoftmax(counts, NEGATIVES) if case.sampled else None
    precision = select_precision("auto", network.device)

    def draw_epoch(generator: np.random.Generator) -> list[Example]:
        return [example for sequence in sequences for example in examples(network, sequence, generator)]

    optimizer = Optimizer(network, options.optimizer, softmax, precision, 0)
    drawn = islice(batches(draw_epoch, options.batch_tokens, 0), WARM_UP + steps)
    times, rates = [], []
    peak = measure_peak(precision)
    for number, batch in enumerate(drawn):
        events = sum(example.scored for example in batch)
        seconds = seconds_of(lambda: optimizer.step(batch, number, 1e-3))  # noqa: B023
        columns = NEGATIVES if case.sampled else case.ids
        times.append(1000 * seconds)
        rates.append(3 * count_operations(network, events, columns) / seconds)
    rate = statistics.median(rates[WARM_UP:])
    print(
        f"{case.preset}: training {statistics.median(times[WARM_UP:]):.0f} ms a step of {options.batch_tokens} events, "
        f"{rate / 1e9:.0f} Gflop/s, {rate / peak:.0%} of {peak / 1e9:.0f} ({str(precision).removeprefix('torch.')})"
    )
    peak = measure_peak(torch.float32)
    events = sum(len(sequence) - 1 for sequence in sequences[:20])
    windowing = partial(network.windows, stride=options.context // 2)
    network.eval()
    seconds = min(seconds_of(lambda: sequence_logprobs(network, sequences[:20], windowing)) for _ in range(3))
    read = 2 * events  # nearly every event is read twice: as context, and to be scored
    rate = (count_operations(network, int(read), 0) + 2 * events * case.ids * shape.width) / seconds
    print(
        f"{case.preset}: scoring {events / seconds:,.0f} events/s, {rate / 1e9:.0f} Gflop/s, "
        f"{rate / peak:.0%} of {peak / 1e9:.0f} (float32)"
    )


def main() -> None:
    """Print two lines for each preset: training and scoring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default="tiny,small")
    parser.add_argument("--steps", type=int, default=30, help="steps to measure")
    options = parser.parse_args()
    with use_threads(1):
        for preset in options.presets.split(","):
            measure(CASES[preset], options.steps)


if __name__ == "__main__":
    main()
