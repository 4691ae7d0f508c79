"""Random and hostile command lines: how each one ends, and whether anything raw reaches the terminal or the tables.

    python benchmarks/fuzz_commands.py --attempts 300 --seed 1

Each attempt runs one command line in a folder of hostile files, in a process of its own and under a time limit. Good
endings are "done" (exit 0), "failed cell" (1, with a table) and "one-line error" (2). All others are faults: a
traceback, a hang, another exit code, an error of no or several lines; control characters, escape sequences or changes
of direction in the output or in a table; raw HTML in table.md; a formula in table.csv. The first example of each fault
is printed.
With `--command`, another installation is attacked: `--command "other/bin/python -m lmbench"`.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LINES = "".join(f"the cat {word} sat on the mat .\n" for word in "abcdefghijklmnopqrst")
_ESCAPES = "\x1b[31m\x1b]52;c;eA==\x07"
_HOSTILE = (
    _ESCAPES,
    "\u202egnp",
    "a\u2028b\u2029",
    "\x9b31m\x85",
    "a\rb\x7f\x08",
    "a\nb\n\n<img src=x onerror=alert(1)>",
    "`|<b>",
    "=1+1",
    "@SUM(1)",
    "-1+1",
    os.fsdecode(b"\xff\xfe"),
    "[red]x[/red]",
    "汉字",
    "👩\u200d👧",
    "'\"; $(x)",
    "%s{0}\\0",
    "~",
    "--help",
    " ",
)
_CONTENTS: dict[str, bytes] = {
    "text": _LINES.encode(),
    "controls": (_LINES + _ESCAPES + "\u202e\n" + "=1+1\t|`<b>\r\n" * 20).encode(),
    "empty": b"",
    "binary": bytes(range(256)) * 20,
    "zeros": b"\0" * 5000,
    "utf-16": _LINES.encode("utf-16"),
    "long": b"x" * 200_000,
    "records": b'{"text": "a b c"}\n' * 30,
    "broken": b'{"text": "a b c"}\n' * 20 + b'{"text": \x1b',
    "arpa": b"\\data\\\nngram 1=2\n\n\\1-grams:\n-1\t<s>\n-1\t\x1b[31m\n\\end\\\n",
    "huge": b"\\data\\\nngram 1=99999999999999\n\n\\1-grams:\n",
    "gzip": b"\x1f\x8b\x08\x00\xff",
}
_SUFFIXES = ("", ".txt", ".jsonl", ".arpa", ".gz", ".conllu", ".csv", ".png")
_GOOD_MODELS = (
    "uniform", "kenlm:order=2", "ngram:order=2", "ppm", "nltk:order=2", "hmm:states=2,iterations=1", "cache",
    "mix:models=kenlm:order=2+uniform",
)  # fmt: skip
_OPTIONS = {
    "uniform": ("nonsense",),
    "kenlm": ("order", "min_count", "tokenizer", "prune", "limit_vocab", "memory", "path", "escaped", "engine"),
    "ngram": ("order", "min_count", "tokenizer", "smoothing", "discount", "gamma", "weight"),
    "ppm": ("order", "escape", "adaptive"),
    "nltk": ("order", "smoothing", "discount", "gamma"),
    "hmm": ("states", "iterations", "tolerance", "budget", "prior", "seed", "engine", "dtype", "supervised"),
    "cache": ("decay", "window", "weight", "tokenizer"),
    "mix": ("models", "weight"),
    "arpa": ("path", "escaped", "tokenizer"),
    "hf": ("path", "dtype", "context", "stride", "device"),
    "mlm": ("path",),
    "kenml": ("order",),
}
_VALUES = (
    "0", "1", "2", "-1", "99999999999999999999", "1e400", "nan", "inf", "-0", "0x10", "", "words", "bytes", "bpe:300",
    "kneser-ney", "mle", "true", "kenlm:order=2+uniform", "0-0-1", "1G", "99999999T", "١٢", "²",
)  # fmt: skip
_CORPORA = ("fables-en", "markov:lines=200", "recall:lines=99999999999999", "grammar:x=1", "hf:", "a=b", "", ",", "-")


@dataclass(frozen=True, slots=True)
class Ending:
    """How one command line ended.

    Attributes:
        command: Its arguments.
        kind: One of the good endings, or a fault.
        detail: The last line that it printed, or what is wrong.
    """

    command: tuple[str, ...]
    kind: str
    detail: str


_GOOD = ("done", "failed cell", "one-line error")


class Fuzzer:
    """Makes command lines out of the files of a folder.

    Args:
        seed: The seed.
        names: The files and folders.
        texts: The names of ordinary texts among them.
    """

    def __init__(self, seed: str, names: tuple[str, ...], texts: tuple[str, ...]) -> None:
        self._random = random.Random(seed)
        self._names, self._texts = names, texts

    def command(self) -> tuple[str, ...]:
        """Return the arguments of one command line."""
        make = self._random.choice(
            (self._run, self._run, self._run, self._score, self._generate, self._inspect, self._export, self._other)
        )
        arguments = list(make())
        if self._random.random() < 0.1:
            arguments.insert(self._random.randrange(len(arguments) + 1), self._word())
        return ("--offline", *arguments)

    def _likely(self, good: Callable[[], str], bad: Callable[[], str]) -> str:
        return good() if self._random.random() < 0.6 else bad()

    def _word(self) -> str:
        return self._random.choice((*_HOSTILE, *_VALUES, *self._names))

    def _value(self) -> str:
        return self._random.choice((*_VALUES, *_VALUES, *_HOSTILE, *self._names))

    def _model(self) -> str:
        return self._likely(lambda: self._random.choice(_GOOD_MODELS), self._odd_model)

    def _odd_model(self) -> str:
        name = self._random.choice(list(_OPTIONS))
        options = {
            option: self._value() for option in self._random.choices(_OPTIONS[name], k=self._random.choice((1, 2)))
        }
        if name == "hmm":
            options = {"states": "2", "iterations": "1"} | options
        return f"{self._likely(lambda: name, self._word)}:{','.join(f'{key}={options[key]}' for key in options)}"

    def _corpus(self) -> str:
        name = self._likely(lambda: self._random.choice(self._texts), self._odd_corpus)
        if self._random.random() < 0.7:
            return name
        option = self._random.choice(("documents", "field", "encoding", "format", "strip", "split", "limit", "x"))
        good = self._random.choice(("auto", "block", "text", "true", "all", "valid", "2"))
        return f"{name}:{option}={self._likely(lambda: good, self._value)}"

    def _odd_corpus(self) -> str:
        return self._random.choice((*self._names, *self._names, *_CORPORA))

    def _format(self) -> tuple[str, ...]:
        if self._random.random() < 0.6:
            return ()
        encoding, field = self._random.choice(("latin-1", "utf-16", "x\x1b", self._value())), self._value()
        unit = self._random.choice(("auto", "line", "block", "file", "x"))
        return self._random.choice((("--encoding", encoding), ("--field", field), ("--documents", unit), ("--strip",)))

    def _run(self) -> Iterator[str]:
        models = ",".join(self._model() for _ in range(self._random.choice((1, 1, 2))))
        yield from ("run", "--models", models, "--corpora", self._corpus(), *self._format())
        yield from ("--no-check", "--out", self._likely(lambda: "out", self._word))

    def _score(self) -> Iterator[str]:
        yield from ("score", self._model(), self._corpus(), "--corpus", self._corpus(), *self._format())

    def _generate(self) -> Iterator[str]:
        yield from ("generate", self._model(), "--corpus", self._corpus(), *self._format(), "--prompt", self._word())
        yield from ("--max-new-tokens", self._random.choice(("-1", "5", "5", "5")))
        option = self._random.choice(("--temperature", "--top-k", "--top-p", "--seed"))
        yield from (option, self._likely(lambda: self._random.choice(("1", "0.5", "0", "1e400", "nan")), self._value))

    def _inspect(self) -> Iterator[str]:
        yield from ("inspect", self._likely(lambda: "hmm:states=2,iterations=1", self._model))
        yield from ("--corpus", self._corpus(), "--save", self._likely(lambda: "x.png", lambda: f"{self._word()}.png"))

    def _export(self) -> Iterator[str]:
        yield from ("export", self._random.choice((self._model(), "kenlm:order=2")), self._word())
        yield from ("--corpus", self._corpus())

    def _other(self) -> tuple[str, ...]:
        return self._random.choice(
            (
                ("check", self._random.choice((self._word(), "uniform:x=1", "arpa:path=" + self._word())), "--json"),
                ("corpora", "show", self._corpus(), *self._format()),
                ("corpora", "check", self._corpus(), *self._format()),
                ("corpora", "fetch", self._word()),
                ("models", self._word()),
                ("new-model", self._word()),
                ("report", self._word()),
                (self._word(), self._word()),
            )
        )


def write_files(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write hostile files and folders. Return all of their names, and those of ordinary texts."""
    texts = []
    for number, name in enumerate(_HOSTILE):
        path = folder / f"{name}{('.txt', '')[number % 3 // 2]}"
        with suppress(OSError, ValueError):
            path.write_bytes(_CONTENTS["controls" if number % 4 == 3 else "text"])
            texts.append(path.name)
    names = []
    for number, (kind, content) in enumerate(_CONTENTS.items()):
        for suffix in sorted({_SUFFIXES[number % len(_SUFFIXES)], ".txt", ".arpa"}):
            (folder / f"{kind}{suffix}").write_bytes(content)
            names.append(f"{kind}{suffix}")
    splits = folder / f"splits{_ESCAPES}"
    splits.mkdir()
    for split in ("train", "valid", "test"):
        (splits / f"{split}.txt").write_text(_LINES + split)
    (folder / "no-files").mkdir()
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    odd = ("no-files", "dangling", "loop", "absent.txt", "/", ".", "..", "/dev/null", "x" * 300)
    return (*texts, *names, *odd), (*texts, splits.name)


def attack(command: list[str], seed: str, seconds: float) -> Ending:
    """Run one random command line in a folder of its own, and return how it ended."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name) / "files"
        folder.mkdir()
        arguments = Fuzzer(seed, *write_files(folder)).command()
        environment = {**os.environ, "HOME": name, "LMBENCH_CACHE": name, "LMBENCH_MIRROR": ""}
        process = subprocess.Popen(
            [*command, *map(os.fsencode, arguments)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Ending(arguments, "hang", f"over {seconds:.0f} seconds")
        kind, detail = _judge(process.returncode, output, errors, folder)
    return Ending(arguments, kind, detail)


def _judge(code: int, output: bytes, errors: bytes, folder: Path) -> tuple[str, str]:
    """Return the kind of an ending, and its detail."""
    if b"Traceback (most recent call last)" in errors + output:
        return "traceback", errors.decode(errors="replace").strip().splitlines()[-1]
    if code not in (0, 1, 2):
        return "other exit code", f"{code}: {errors[-200:]!r}"
    for stream in (output, errors):
        if raw := _raw_character(stream):
            return "raw characters in the output", raw
    if fault := next(_table_faults(folder), None):
        return fault
    lines = errors.decode().splitlines()
    said = [line for line in lines if line.startswith("Error: ")]
    if code == 2 and (len(said) != 1 or lines[-1] != said[0]):
        return "not one line", repr(lines[-3:])
    return _GOOD[code], (lines or [""])[-1]


def _raw_character(data: bytes) -> str:
    """Return the first character that a terminal might act on, with what is around it; "" if there is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: {data[error.start - 20 : error.start + 20]!r}"
    for place, character in enumerate(text):
        if character not in "\n\t\u200c\u200d" and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp"):
            return ascii(text[max(place - 20, 0) : place + 20])
    return ""


def _table_faults(folder: Path) -> Iterator[tuple[str, str]]:
    for page in folder.rglob("table.md"):
        if raw := _raw_character(page.read_bytes()):
            yield "raw characters in table.md", raw
        yield from (("markup in table.md", line) for line in page.read_text().split("\n") if line.startswith("<img"))
    for table in (*folder.rglob("table.csv"), *folder.rglob("pairs.csv")):
        if raw := _raw_character(table.read_bytes()):
            yield f"raw characters in {table.name}", raw
        with table.open(newline="") as file:
            entries = [entry for row in csv.reader(file) for entry in row]
        yield from ((f"formula in {table.name}", entry) for entry in entries if _is_formula(entry))


def _is_formula(entry: str) -> bool:
    with suppress(ValueError):
        float(entry)
        return False
    return entry.startswith(("=", "+", "-", "@", "\t", "\r"))


def report(endings: list[Ending], write: Callable[[str], None] = print) -> int:
    """Print a table of the endings and the first example of each fault. Return the number of faults."""
    counts = Counter(ending.kind for ending in endings)
    for kind in (*_GOOD, *sorted(set(counts) - set(_GOOD))):
        write(f"{kind:<30} {counts[kind]:>6}")
    faults = [ending for ending in endings if ending.kind not in _GOOD]
    write(f"{len(endings)} attempts, {len(faults)} faults")
    for kind in sorted({fault.kind for fault in faults}):
        first = next(fault for fault in faults if fault.kind == kind)
        write(f"\n{kind}: lmbench {shlex.join(first.command)!a}\n  {first.detail!a}")
    return len(faults)


def main() -> None:
    """Attack the command line and exit with 1 if anything was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of each attempt")
    parser.add_argument("--jobs", type=int, default=2, help="attempts at a time")
    parser.add_argument("--command", default=f"{shlex.quote(sys.executable)} -m lmbench")
    parser.add_argument("--all", action="store_true", help="print every ending")
    arguments = parser.parse_args()
    command = shlex.split(arguments.command)
    seeds = [f"{arguments.seed}-{number}" for number in range(arguments.attempts)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        endings = list(pool.map(lambda seed: attack(command, seed, arguments.seconds), seeds))
    if arguments.all:
        for ending in endings:
            print(f"{ending.kind}\t{shlex.join(ending.command)!a}\t{ending.detail!a}")
    sys.exit(1 if report(endings) else 0)


if __name__ == "__main__":
    main()
