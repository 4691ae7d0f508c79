"""The machine that evaluates a cell: its processor, memory, GPU, packages, and the energy that it takes."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from lmbench.about import own_version
from lmbench.errors import one_line
from lmbench.identity import digest
from lmbench.machine_memory import usable_memory
from lmbench.model import Traits
from lmbench.runs.records import Machine, Provenance

_VERSIONED = ("hmmlearn", "kenlm", "nltk", "numpy", "scipy", "tokenizers", "torch", "transformers")
_COUNTERS = Path("/sys/class/powercap")
_GIT = ("git", "-C", str(Path(__file__).parent))


def describe_provenance(threads: int) -> Provenance:
    """Return where, when and with what a cell is evaluated that starts now.

    Args:
        threads: The threads that its numeric libraries get.
    """
    return Provenance(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(),
        python=platform.python_version(),
        versions=_list_versions(),
        revision=_find_revision(),
        threads=threads,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


@cache
def describe_machine() -> Machine:
    """Return this machine."""
    return Machine(
        processor=_read_field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        cpus=count_cpus(),
        memory=usable_memory(),
        gpu=_name_gpu(),
        platform=platform.platform(),
    )


@cache
def count_cpus() -> int:
    """Return how many CPUs this process may use, by its affinity and the limits of its control group."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        available = min(available, max(1, round(int(quota) / int(period))))
    return available


def count_threads(traits: Traits) -> int:
    """Return how many threads a model's numeric libraries get: on one machine, the same in every command."""
    return min(traits.threads or count_cpus(), count_cpus())


@contextmanager
def metered() -> Iterator[dict[str, float]]:
    """Measure the energy that the machine takes until the context ends.

    The dictionary then holds "joules", if the machine tells: Intel's and AMD's counters of the processor (RAPL), which
    only the administrator may read on many systems, and Nvidia's of the GPU (NVML, if nvidia-ml-py is installed).
    """
    before, measured = _read_energy(), dict[str, float]()
    yield measured
    after = _read_energy()
    used = [after[name] - joules for name, joules in before.items() if after.get(name, -1.0) >= joules]
    if used:
        measured["joules"] = sum(used)


def _read_energy() -> Mapping[str, float]:
    """Return the joules that each counter shows. A counter starts again from 0 from time to time."""
    found = {}
    for counter in sorted(_COUNTERS.glob("*-rapl:?")):  # packages; their parts have two numbers
        with suppress(OSError, ValueError):
            found[counter.name] = int((counter / "energy_uj").read_text()) / 1e6
    return found | _read_gpu_energy()


def _read_gpu_energy() -> dict[str, float]:
    if find_spec("pynvml") is None:
        return {}
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return {
            f"gpu:{number}": pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
            for number, handle in enumerate(handles)
        }
    except pynvml.NVMLError:
        return {}


@cache
def _list_versions() -> tuple[tuple[str, str], ...]:
    found = [("lmbench", own_version())]
    for package in _VERSIONED:
        with suppress(PackageNotFoundError):
            found.append((package, version(package)))
    return tuple(found)


@cache
def _find_revision() -> str:
    """Return the git revision of lmbench's source, with "+" if it is modified; "" if it is not a checkout."""
    if shutil.which("git") is None or not (Path(__file__).parents[2] / ".git").exists():
        return ""
    revision = _read_output(*_GIT, "rev-parse", "--short=12", "HEAD")
    return revision + "+" * bool(revision and _read_output(*_GIT, "status", "--porcelain", "--untracked-files=no"))


@cache
def source_digest() -> str:
    """Return the SHA-256 of lmbench's source, and of the versions of the packages that the numbers depend on."""
    package = Path(__file__).parents[1]
    sources = [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(package.rglob("*.py"))]
    return digest([*sources, *("=".join(pair) for pair in _list_versions())])


def _name_gpu() -> str:
    if shutil.which("nvidia-smi") is None:
        return ""
    names = _read_output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
    return ", ".join(dict.fromkeys(f"{names.count(name)} × {one_line(name)}" for name in names))


def _read_output(*command: str) -> str:
    """Return what a command prints; "" if it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _read_field(path: str, name: str) -> str:
    """Return the value of a field in one of Linux's lists of ``name : value``; "" if there is none."""
    with suppress(OSError):
        for line in Path(path).read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return one_line(value)
    return ""
