"""Compare the time and memory of n-gram models in lmbench, in KenLM's programs and Python package, and in NLTK.

    PATH=$PATH:kenlm/build/bin python benchmarks/ngrams.py --tokens 100000,1000000,10000000

Models are trained on the beginning of a corpus's training split and scored on its test split. If the training split is
too short, the training text is sampled from its 4-grams, and the title of the table says so. KenLM's programs (lmplz,
build_binary and query) run on the same files if they are on PATH. NLTK is measured for texts of up to --nltk-tokens
tokens; it has order 3 and is called by lmbench's own backend. Times are medians, and memory is the peak resident memory
of one process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmbench import build, load_corpus
from lmbench.backends.ngrams.fitted import read_lines
from lmbench.corpus import Split, TrainingText
from lmbench.ngrams.backoff import Order
from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate
from lmbench.text.lexicon import LexiconOptions

_STREAMS = 20_000
_UNKNOWN = "⟨unk⟩"  # lmplz refuses a literal <unk>


@dataclass(frozen=True)
class Cost:
    """The cost of a command.

    Attributes:
        seconds: Wall-clock time.
        cpu: CPU time in seconds, summed over all cores.
        mebibytes: Peak resident memory.
        output: The text that the command printed.
    """

    seconds: float
    cpu: float
    mebibytes: float
    output: str = ""

    def row(self, name: str) -> Row:
        """Return a row of the table."""
        return (name, f"{self.seconds:.2f} s", f"{self.cpu:.2f} s", f"{self.mebibytes:,.0f} MiB")


Row = tuple[str, str, str, str]


def summarize_costs(costs: Sequence[Cost], output: str = "") -> Cost:
    """Return the median times and the largest memory."""
    seconds, cpu = (statistics.median(getattr(cost, name) for cost in costs) for name in ("seconds", "cpu"))
    return Cost(seconds, cpu, max(cost.mebibytes for cost in costs), output)


def main() -> None:
    """Print one table for each number of tokens."""
    options = parse_options()
    corpus = load_corpus(options.corpus)
    train = normalize_lines("".join(corpus.train.documents))
    test = normalize_lines("".join(corpus.test.documents))
    for tokens in options.tokens:
        text, origin = take_text(train, tokens)
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            for split, content in (("train", text), ("valid", test[: len(test) // 10]), ("test", test)):
                (folder / f"{split}.txt").write_text("".join(f"{line}\n" for line in content), encoding="utf-8")
            print(f"\n## {tokens:,} tokens: {origin} of {corpus.name}, order {options.order}\n")
            compare(folder, options, tokens)


def parse_options() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="wikitext-2", help="corpus to train and test on")
    parser.add_argument(
        "--tokens", type=numbers, default=[100_000, 1_000_000, 10_000_000], help="sizes of the training text"
    )
    parser.add_argument("--order", type=int, default=5, help="order of the n-grams")
    parser.add_argument("--repeats", type=int, default=3, help="number of measurements behind each median")
    parser.add_argument("--nltk-tokens", type=int, default=100_000, help="largest training text for NLTK")
    parser.add_argument("--memory", default="1G", help="memory limit of lmplz, and of a second run of lmbench")
    parser.add_argument("--folder", type=Path, help="folder for the texts (default: the system's temporary folder)")
    parser.add_argument("--estimate", type=Path, help=argparse.SUPPRESS)  # used in the process that is measured
    options = parser.parse_args()
    if options.estimate:
        estimate_and_score(options.estimate, options.order)
        sys.exit()
    return options


def normalize_lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.replace("<unk>", _UNKNOWN).splitlines()]


def take_text(lines: Sequence[str], tokens: int) -> tuple[list[str], str]:
    """Return lines with about `tokens` words and line ends, and a description of their origin."""
    sizes = np.cumsum([len(line.split()) + 1 for line in lines])
    if sizes[-1] >= tokens * 0.999:
        return list(lines[: int(np.searchsorted(sizes, tokens)) + 1]), "the beginning"
    return sample_lines(lines, tokens), f"sampled from the 4-grams of the {sizes[-1]:,} training tokens"


def sample_lines(lines: Sequence[str], tokens: int) -> list[str]:
    """Sample lines from a 4-gram model of `lines` with interpolated Kneser-Ney smoothing."""
    options = LexiconOptions(tokenizer="words", min_count=1)
    data = TrainingText(Split(tuple(f"{line}\n" for line in lines)), Split(()), tokenized=True)
    lexicon, text = read_lines(data, options)
    draw = LineSampler(estimate(text, len(lexicon), KneserNeySettings(4)).orders, len(lexicon))
    types = np.array([_UNKNOWN, *lexicon.types[1:]], dtype=object)
    streams: list[list[int]] = [[] for _ in range(_STREAMS)]
    for _ in range(tokens // _STREAMS + 1):
        for stream, word in zip(streams, draw.step().tolist(), strict=True):
            stream.append(word)
    return "".join(" ".join(types[stream]) for stream in streams).replace(" \n", "\n").replace("\n ", "\n").splitlines()


class LineSampler:
    """Samples many streams of lines in parallel, one word of each stream at a time."""

    def __init__(self, orders: Sequence[Order], start: int) -> None:
        self._orders, self._start = orders, start
        self._rng = np.random.default_rng(0)
        self._history = np.full((_STREAMS, len(orders) - 1), -1)
        self._history[:, -1] = start
        self._sums = [np.concatenate([[0.0], np.cumsum(self._discounted(k))]) for k in range(len(orders))]

    def step(self) -> np.ndarray:
        """Return the next word of each stream."""
        words = np.full(_STREAMS, -1)
        left = self._rng.random(_STREAMS)
        for length in range(len(self._orders) - 1, -1, -1):
            open_ = np.flatnonzero(words < 0)
            lines, rows = self._contexts(open_, length)
            keys, bits, sums = self._orders[length].keys, self._orders[length].bits, self._sums[length]
            first = np.searchsorted(keys, rows << bits)
            last = np.searchsorted(keys, (rows + 1) << bits)
            mass = sums[last] - sums[first]
            drawn = left[lines] < mass
            at = np.searchsorted(sums, sums[first[drawn]] + left[lines[drawn]], side="right") - 1
            words[lines[drawn]] = keys[np.clip(at, first[drawn], last[drawn] - 1)] & ((1 << bits) - 1)
            rest = lines[~drawn]
            left[rest] = (left[rest] - mass[~drawn]) / np.maximum(1 - mass[~drawn], 1e-12)
        words[words < 0] = 1
        words[words == self._start] = 1
        self._history = np.column_stack([self._history[:, 1:], words])
        ended = words == 1
        self._history[ended] = -1
        self._history[ended, -1] = self._start
        return words

    def _contexts(self, lines: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return those of `lines` whose last `length` words are a known n-gram, and the rows of these n-grams."""
        if not length:
            return lines, np.zeros(len(lines), dtype=np.int64)
        words = self._history[lines][:, -length:]
        lines, words = lines[words[:, 0] >= 0], words[words[:, 0] >= 0]
        rows = words[:, 0]
        for k in range(1, length):
            rows = self._orders[k].rows(rows, words[:, k])
            found = rows >= 0
            lines, words, rows = lines[found], words[found], rows[found]
        return lines, rows

    def _discounted(self, k: int) -> np.ndarray:
        """Return the probability of each n-gram of order `k` + 1 without the part that comes from the lower order."""
        order = self._orders[k]
        if not k:
            return np.where(order.word == self._start, 0.0, order.probs)
        suffixes = find_suffix_rows(self._orders, k)
        return order.probs - self._orders[k - 1].backoffs[order.history] * self._orders[k - 1].probs[suffixes]


def find_suffix_rows(orders: Sequence[Order], k: int) -> np.ndarray:
    """Return the row, in the next lower order, of each n-gram without its first word."""
    if k == 1:
        return orders[1].word
    below = find_suffix_rows(orders, k - 1)
    rows = orders[k - 1].rows(below[orders[k].history], orders[k].word)
    if (rows < 0).any():
        raise ValueError("an n-gram without its first word is not in the lower order")
    return rows


def compare(folder: Path, options: argparse.Namespace, tokens: int) -> None:
    """Measure all systems on one text and print the table."""
    peers = measure_kenlm_programs(folder, options)
    command = [sys.executable, __file__, "--estimate", folder, "--order", options.order]
    runs = [measure(command) for _ in range(options.repeats)]
    figures = [json.loads(run.output) for run in runs]
    own = {name: statistics.median(each[name] for each in figures) for name in figures[0]}
    spec = f"kenlm:order={options.order},tokenizer=words,min_count=1"
    whole = measure_lmbench(folder, spec, options)
    bounded = measure_lmbench(folder, f"{spec},memory={options.memory}", options)
    rows: list[Row] = [
        ("lmbench: reading", f"{own['read']:.2f} s", f"{own['read_cpu']:.2f} s", ""),
        Cost(own["estimate"], own["estimate_cpu"], own["mebibytes"]).row("lmbench: estimating"),
        whole.row("lmbench run: text to perplexity"),
        bounded.row(f"the same, memory={options.memory}"),
        *(cost.row(name) for name, cost in peers.items()),
        ("lmbench: scoring ids", f"{own['rate'] / 1e6:.2f} M tokens/s", "", ""),
        ("lmbench: scoring text", f"{own['text_rate'] / 1e6:.2f} M tokens/s", "", ""),
        *measure_kenlm_rates(folder),
    ]
    if tokens <= options.nltk_tokens:
        nltk = measure_lmbench(folder, "nltk:tokenizer=words,min_count=1", options, repeats=1)
        three = measure_lmbench(folder, "kenlm:order=3,tokenizer=words,min_count=1", options)
        rows += [nltk.row("NLTK Kneser-Ney, order 3, one command"), three.row("lmbench run, order 3")]
        rows.append(ratio("lmbench / NLTK", three, nltk))
    if peers:
        lmplz, *_ = peers.values()
        reading = Cost(own["read"] + own["estimate"], own["read_cpu"] + own["estimate_cpu"], 0)
        together = Cost(sum(cost.seconds for cost in peers.values()), sum(cost.cpu for cost in peers.values()), 0)
        rows.append(ratio("estimating / lmplz", Cost(own["estimate"], own["estimate_cpu"], 0), lmplz))
        rows.append(ratio("reading + estimating / lmplz", reading, lmplz))
        rows.append(ratio("lmbench run / lmplz + build_binary + query", whole, together))
        rows.append(("perplexity: lmbench, query", whole.output, peers["query"].output, ""))
    print("| step | wall clock, rate or ratio | CPU | memory |\n|---|---:|---:|---:|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def ratio(name: str, one: Cost, other: Cost) -> Row:
    return (f"ratio: {name}", f"{one.seconds / other.seconds:.2f}", f"{one.cpu / other.cpu:.2f}", "")


def measure_lmbench(folder: Path, spec: str, options: argparse.Namespace, repeats: int | None = None) -> Cost:
    """Measure `lmbench run` on the folder; the output is the perplexity by KenLM's convention."""
    costs = []
    cell: dict[str, dict[str, float]] = {}
    for number in range(repeats or options.repeats):
        out = folder / f"run-{number}"
        command = [sys.executable, "-c", "from lmbench.cli.main import main; main()", "run", "--no-check", "--refit"]
        costs.append(measure([*command, "--models", spec, "--corpora", folder, "--out", out]))
        [cell] = [json.loads(path.read_text()) for path in out.glob("cells/*/cell.json")]
        shutil.rmtree(out)
    return summarize_costs(costs, f"{cell['metrics']['kenlm_including_oovs']:.3f}")


def measure_kenlm_programs(folder: Path, options: argparse.Namespace) -> dict[str, Cost]:
    """Measure lmplz, build_binary and query on the folder's files, if they are on PATH."""
    if not all(map(shutil.which, ("lmplz", "build_binary", "query"))):
        return {}
    arpa, binary = folder / "lmplz.arpa", folder / "lmplz.bin"
    fallback = ["--discount_fallback"]
    lmplz = ["lmplz", "-o", options.order, "-S", options.memory, "-T", folder, *fallback, "--arpa", arpa]
    commands = {
        f"lmplz -S {options.memory}": ([*lmplz, "--text", folder / "train.txt"], None),
        "build_binary": (["build_binary", arpa, binary], None),
        "query": (["query", "-v", "summary", binary], folder / "test.txt"),
    }
    costs = {}
    for name, (command, given) in commands.items():
        runs = [measure(command, given) for _ in range(options.repeats)]
        found = [line.split()[-1] for line in runs[0].output.splitlines() if line.startswith("Perplexity including")]
        costs[name] = summarize_costs(runs, f"{float(found[0]):.3f}" if found else "")
    return costs


def measure_kenlm_rates(folder: Path) -> list[Row]:
    """Measure the tokens per second of query, without its start-up, and of the kenlm package line by line."""
    binary, empty = folder / "lmplz.bin", folder / "empty.txt"
    if not binary.exists():
        return []
    import kenlm

    empty.touch()
    lines = (folder / "test.txt").read_text(encoding="utf-8").splitlines()
    tokens = sum(len(line.split()) + 1 for line in lines)
    query = ["query", "-v", "summary", binary]
    full = min(measure(query, folder / "test.txt").seconds for _ in range(5))
    start = min(measure(query, empty).seconds for _ in range(5))
    model = kenlm.Model(str(binary))
    loops = []
    for _ in range(3):
        started = time.perf_counter()
        for line in lines:
            list(model.full_scores(line))
        loops.append(time.perf_counter() - started)
    return [
        ("query on the binary", f"{tokens / max(full - start, 1e-9) / 1e6:.2f} M tokens/s", "", ""),
        ("kenlm package, loop over lines", f"{tokens / min(loops) / 1e6:.2f} M tokens/s", "", ""),
    ]


_MEASURE = """
import json, os, sys, time
started = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    seconds, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    json.dump([seconds, cpu, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)], file)
"""
"""Starts a command from a small process, because Linux counts the memory of the starting process as well."""


def measure(command: Sequence[object], stdin: Path | None = None) -> Cost:
    """Run a command and return its cost."""
    with tempfile.TemporaryFile("w+") as output, (stdin or Path(os.devnull)).open() as file:
        with tempfile.NamedTemporaryFile("r") as figures:
            wrapped = [sys.executable, "-I", "-S", "-c", _MEASURE, figures.name, *map(str, command)]
            subprocess.run(wrapped, stdin=file, stdout=output, stderr=subprocess.DEVNULL, check=True)
            seconds, cpu, mebibytes, code = json.load(figures)
        output.seek(0)
        if code:
            raise SystemExit(f"{' '.join(map(str, command))} failed with {code}: {output.read()[-500:]}")
        return Cost(seconds, cpu, mebibytes, output.read())


def estimate_and_score(folder: Path, order: int) -> None:
    """Print the costs of reading and estimating, and the rates of scoring ids and text, as JSON."""
    train = (folder / "train.txt").read_text(encoding="utf-8")
    test = (folder / "test.txt").read_text(encoding="utf-8")
    data = TrainingText(Split((train,)), Split(()), tokenized=True)
    moments = [(time.perf_counter(), time.process_time())]
    lexicon, text = read_lines(data, LexiconOptions(tokenizer="words", min_count=1))
    moments.append((time.perf_counter(), time.process_time()))
    estimate(text, len(lexicon), KneserNeySettings(order, precision=np.float32))
    moments.append((time.perf_counter(), time.process_time()))
    (read, read_cpu), (estimated, estimated_cpu) = np.diff(moments, axis=0).tolist()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    model = build(f"kenlm:order={order},tokenizer=words,min_count=1")
    model.fit(data)
    whole = time_fastest(lambda: model.score([test]))
    encoded = time_fastest(lambda: model._fitted.ngrams.lexicon.encode(test))  # type: ignore[attr-defined]
    tokens = len(test.split()) + test.count("\n")
    rates = {"rate": tokens / max(whole - encoded, 1e-9), "text_rate": tokens / whole}
    costs = {"read": read, "read_cpu": read_cpu, "estimate": estimated, "estimate_cpu": estimated_cpu}
    costs["mebibytes"] = peak
    print(json.dumps(costs | rates))


def time_fastest(work: object) -> float:
    """Return the seconds of the fastest of four calls."""
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        work()  # type: ignore[operator]
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
