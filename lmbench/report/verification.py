"""A model's results in the conformance suite, as a page that its author can publish."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue
from tabulate import tabulate

from lmbench import atomic
from lmbench.about import own_version
from lmbench.checks import SUITE_VERSION, ChangedOption, Outcome, changed_options, find_doubt, find_prior_knowledge
from lmbench.checks.quick import show_value
from lmbench.checksum import hash_file
from lmbench.errors import PluginError, ResultsError, describe
from lmbench.model import LanguageModel, ModelSpec
from lmbench.registry import ResolvedModel, resolve
from lmbench.report.markup import code, plain


class Package(BaseModel):
    """The distribution that registers a model.

    Attributes:
        name: Its name.
        version: Its version.
        sha256: The digest of the files of the package that defines the model; empty if they cannot be read. See
            `hash_package`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    sha256: str


class CheckReport(BaseModel):
    """A model's results in the conformance suite, with everything that they depend on.

    Attributes:
        model: The model's spec.
        doubt: Why the model is not verified, in one line; empty if it is.
        outcomes: The outcome of each check.
        changed: The options that the suite changed to make the model quick.
        trained_elsewhere: Why the model seems to be trained before it is fitted, in one line; empty if it does not.
        options: All options of the model, defaults included.
        files: The files that the options name and that can be read, each with its sha256.
        package: The distribution that registers the model.
        lmbench: The version of lmbench.
        suite: The version of the suite.
        seed: The seed of the suite's random texts.
        created: When the suite ran, as an ISO 8601 time.
        python: The version of Python.
        platform: The operating system and the machine's architecture.
        command: The command that repeats the checks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    doubt: str
    outcomes: tuple[Outcome, ...]
    changed: tuple[ChangedOption, ...]
    trained_elsewhere: str
    options: dict[str, JsonValue]
    files: tuple[tuple[str, str], ...]
    package: Package
    lmbench: str
    suite: int
    seed: int
    created: str
    python: str
    platform: str
    command: str


def make_report(spec: ModelSpec, outcomes: Sequence[Outcome], seed: int) -> CheckReport:
    """Return the report of a model that was just checked. This reads the model's package and files.

    Raises:
        LmbenchError: The model's options cannot be stored, or its files cannot be listed.
    """
    model = resolve(spec)
    return CheckReport(
        model=str(spec),
        doubt=find_doubt(outcomes),
        outcomes=tuple(outcomes),
        changed=changed_options(spec),
        trained_elsewhere=find_prior_knowledge(outcomes),
        options=model.dump_options(),
        files=tuple(_digest_files(model)),
        package=Package(
            name=model.registered.origin, version=model.registered.version, sha256=hash_package(model.model)
        ),
        lmbench=own_version(),
        suite=SUITE_VERSION,
        seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        platform=platform.platform(),
        command=shlex.join(["lmbench", "check", str(spec), "--seed", str(seed)]),
    )


def check_place(path: Path) -> None:
    """Check, before the suite runs, that a page can be written to `path`. It may replace a file.

    Raises:
        ResultsError: It cannot.
    """
    folder = path.absolute().parent
    if path.is_dir():
        raise ResultsError(f"cannot write {path}: it is a folder; name a file")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ResultsError(f"cannot write {path}: it is not a regular file")
    if not folder.is_dir():
        raise ResultsError(f"cannot write {path}: the folder '{folder}' does not exist")
    if not os.access(folder, os.W_OK):
        raise ResultsError(f"cannot write {path}: the folder '{folder}' is read-only")


def write(path: Path, report: CheckReport) -> None:
    """Write the page of a report.

    Raises:
        ResultsError: It cannot be written.
    """
    atomic.write(path, page(report).encode())


def page(report: CheckReport) -> str:
    """Return a report as Markdown. The last line has the sha256 of the page above it."""
    parts = (
        f"# {plain(report.model)} in lmbench's conformance suite",
        *_verdict(report),
        _table(("", ""), _circumstances(report)),
        "## Options",
        _table(("option", "value", "in the suite"), _options(report))
        if report.options
        else "The model has no options.",
        "## Checks",
        _table(("check", "result", "seconds", "detail"), _checks(report)),
        "## How to repeat this",
        f"Install these versions, and run {code(report.command)}. The texts are the same for the same seed.",
    )
    text = "\n\n".join(parts) + "\n\n"
    return f"{text}sha256 of the page above this line: {hashlib.sha256(text.encode()).hexdigest()}\n"


def hash_package(model: type[LanguageModel]) -> str:
    """Return the sha256 of the files of the package, or of the module, that defines a model; "" if they cannot be read.

    It is the digest of the list that sha256sum prints for them, sorted by path. Compiled modules (__pycache__) do not
    count.
    """
    found = _find_source(model.__module__)
    if found is None:
        return ""
    files = sorted(_list_files(found), key=lambda file: file.relative_to(found.parent).as_posix().encode())
    lines = hashlib.sha256()
    try:
        for file in files:
            lines.update(f"{hash_file(file)}  {file.relative_to(found.parent).as_posix()}\n".encode())
    except OSError:
        return ""
    return lines.hexdigest()


def _find_source(module: str) -> Path | None:
    """Return the folder of the outermost package that contains a module, or the file of a module without a package."""
    names = module.split(".")
    for length in range(1, len(names) + 1):
        file = getattr(sys.modules.get(".".join(names[:length])), "__file__", None)
        if isinstance(file, str):  # namespace packages have none
            path = Path(file)
            return path.parent if path.stem == "__init__" else path
    return None


def _list_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return [file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def _digest_files(model: ResolvedModel) -> Iterator[tuple[str, str]]:
    """Yield each file that the model's options name and that can be read, with its sha256."""
    try:
        for path in sorted(set(model.options.files())):
            with suppress(OSError):
                yield str(path), hash_file(path)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise PluginError(f"the files of '{model.spec}' cannot be listed: {describe(error)}") from error


def _verdict(report: CheckReport) -> Iterator[str]:
    yield f"**Unverified**: {plain(report.doubt)}." if report.doubt else "**Verified**: no check found a mistake."
    if report.trained_elsewhere:
        yield f"**† Trained on other text** than it is fitted on: {plain(report.trained_elsewhere)}."


def _circumstances(report: CheckReport) -> list[tuple[str, str]]:
    package = f"{report.package.name} {report.package.version}"
    return [
        ("model", plain(report.model)),
        ("package", plain(package)),
        ("sha256 of its files", code(report.package.sha256) if report.package.sha256 else "unknown"),
        *((f"sha256 of {plain(name)}", code(digest)) for name, digest in report.files),
        ("lmbench", plain(report.lmbench)),
        ("suite", f"version {report.suite}"),
        ("seed", str(report.seed)),
        ("date", plain(report.created)),
        ("Python", plain(report.python)),
        ("platform", plain(report.platform)),
    ]


def _options(report: CheckReport) -> list[tuple[str, str, str]]:
    changed = {option.name: option.checked for option in report.changed}
    return [
        (plain(name), plain(show_value(value)) or "–", (plain(changed[name]) or "–") if name in changed else "the same")
        for name, value in report.options.items()
    ]


def _checks(report: CheckReport) -> list[tuple[str, str, str, str]]:
    return [
        (plain(outcome.check), outcome.status, f"{outcome.seconds:.2f}", plain(outcome.detail))
        for outcome in report.outcomes
    ]


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return str(tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True))
