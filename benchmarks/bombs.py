"""Small or endless inputs that could fill memory: what lmbench answers, how soon, and at what peak.

    python benchmarks/bombs.py --memory 2GiB --seconds 60

Each attempt runs a command in a fresh process under a limit on its memory (as `ulimit -v` sets it) and on its time.
"one line" is the only good answer to an attack; "result" is good if the text is merely large. Sizes are those of real
bombs: 64 KiB of zstandard, 0.3 MiB of xz and 2 MiB of gzip that become 2 GiB. With `--command`, another installation
is measured: `--command "other/bin/python -m lmbench"`.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import lzma
import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from lmbench.ngrams.workspace import parse_size

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LINES = 16 << 20  # of one compressed member
_COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd.compress}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One input.

    Attributes:
        name: What it is.
        path: The file that is named in the command.
        standard_input: The shell command whose output is standard input, if any.
    """

    name: str
    path: str
    standard_input: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The outcome of one attempt.

    Attributes:
        outcome: "one line", "result", "traceback", "too slow", "killed" or "other".
        seconds: Its time.
        peak: Peak resident bytes of the process.
        message: The last line that it printed.
    """

    outcome: str
    seconds: float
    peak: int
    message: str


def main() -> None:
    """Print a row for each attempt and command, and the number of each outcome."""
    options = _parse_options()
    outcomes: Counter[str] = Counter()
    print(f"{'input':<36} {'bytes':>13}  {'command':<7} {'outcome':<9} {'seconds':>8} {'MiB':>7}  last line")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for attempt in _make_attempts(Path(folder), options):
            for command in ("check", "score") if options.only in attempt.name else ():
                measured = _measure(attempt, command, options, Path(folder))
                outcomes[measured.outcome] += 1
                message = measured.message.replace(folder, "…")
                print(
                    f"{attempt.name:<36} {_size_of(attempt):>13,}  {command:<7} {measured.outcome:<9} "
                    f"{measured.seconds:>8.1f} {measured.peak / 2**20:>7,.0f}  {message[:100]}",
                    flush=True,
                )
    print(f"{outcomes.total()} attempts: {', '.join(f'{count} {outcome}' for outcome, count in outcomes.items())}")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=parse_size, default="2G", metavar="SIZE", help="limit of a process")
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of an attempt")
    parser.add_argument("--size", type=parse_size, default="2G", metavar="SIZE", help="size of an expanded bomb")
    parser.add_argument("--only", default="", metavar="TEXT", help="try only inputs whose names contain this text")
    parser.add_argument("--command", default=f"{sys.executable} -m lmbench", help="the command to measure")
    parser.add_argument("--folder", type=Path, help="folder for the files (default: the system's temporary folder)")
    return parser.parse_args()


def _make_attempts(folder: Path, options: argparse.Namespace) -> Iterator[Attempt]:
    """Yield the attempts; each file is written when it is needed, and removed afterward."""
    for kind, compress in _COMPRESSORS.items():
        if options.only not in f"{kind} bomb, piped":
            continue
        bomb = folder / f"bomb.{kind}"
        bomb.write_bytes(compress(b"a b c\n" * _LINES) * -(-options.size // (6 * _LINES)))
        yield Attempt(f"{kind} bomb", str(bomb))
        yield Attempt(f"{kind} bomb, piped", "-", f"cat {shlex.quote(str(bomb))}")
        bomb.unlink()
    sparse = folder / "sparse.txt"
    sparse.touch()
    os.truncate(sparse, 5 << 30)
    yield Attempt("sparse file", str(sparse))
    sparse.rename(sparse.with_suffix(".jsonl"))
    yield Attempt("sparse file, as JSON lines", str(sparse.with_suffix(".jsonl")))
    line = folder / "line.txt"
    line.write_bytes(b"a b " * (210_000_000 // 4))
    yield Attempt("single line of 210 MB", str(line))
    line.write_bytes(b"a b c\n" * (210_000_000 // 6))
    yield Attempt("35 million lines, 210 MB", str(line))
    line.unlink()
    os.mkfifo(folder / "pipe")
    yield Attempt("named pipe without a writer", str(folder / "pipe"))
    for path in ("/dev/zero", "/dev/urandom", "/dev/tty", "/proc/kmsg", "/proc/self/mem", "/dev", "/proc/kcore"):
        yield Attempt(path, path)
    yield Attempt("endless NUL bytes, piped", "-", "cat /dev/zero")
    yield Attempt("endless lines, piped", "-", "yes")
    yield Attempt("endless line, piped", "-", "yes | tr -d '\\n'")
    yield Attempt("endless compressed lines, piped", "-", "yes | gzip")


def _size_of(attempt: Attempt) -> int:
    return Path(attempt.path).stat().st_size if Path(attempt.path).is_file() else 0


def _measure(attempt: Attempt, command: str, options: argparse.Namespace, folder: Path) -> Measurement:
    """Run one command on one input, and wait for it as long as allowed."""
    arguments = {"check": ["corpora", "check", attempt.path], "score": ["score", "uniform", attempt.path]}[command]
    started = time.perf_counter()
    with _open_standard_input(attempt) as standard_input, (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(
            [*shlex.split(options.command), *arguments],
            stdin=standard_input,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=folder,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (options.memory, options.memory)),
        )
        status, usage = _wait(process.pid, options.seconds)
        seconds = time.perf_counter() - started
        errors.seek(0)
        lines = errors.read().splitlines()
    return Measurement(_judge(status, lines), seconds, usage.ru_maxrss * 1024, lines[-1] if lines else "")


@contextmanager
def _open_standard_input(attempt: Attempt) -> Iterator[IO[bytes] | int]:
    if not attempt.standard_input:
        yield subprocess.DEVNULL
        return
    shell = ["/bin/bash", "-c", attempt.standard_input]
    source = subprocess.Popen(shell, stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield cast(IO[bytes], source.stdout)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(source.pid, signal.SIGKILL)
        source.communicate()


def _wait(pid: int, seconds: float) -> tuple[int | None, resource.struct_rusage]:
    """Return a process's exit status, None if it took too long and was killed, and its use of resources."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status), usage
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return None, os.wait4(pid, 0)[2]


def _judge(status: int | None, lines: list[str]) -> str:
    if status is None:
        return "too slow"
    if any(line.startswith("Traceback") for line in lines):
        return "traceback"
    if status == 0:
        return "result"
    if status < 0:
        return "killed"
    return "one line" if lines and lines[-1].startswith("Error: ") else "other"


if __name__ == "__main__":
    main()
