"""A run directory: the files that a run writes, from which it resumes and grows, and from which reports are made.

results/RUN/
  manifest.json                        the models, the texts, and the cells that were asked for
  study.toml                           how they were asked for: `lmbench run` repeats it
  cells/kenlm-on-fables-en/            one cell of a corpus; see cell_files.py
  tasks/kenlm-on-blimp/                one cell of a task
  checks/kenlm.json                    a model's results in the conformance suite
  logs/check-kenlm.txt                 what the process of a model's checks printed
  report.html  table.{md,csv,tex,parquet}  pairs.{csv,parquet}  exhibits/*.{md,svg}        `lmbench report` writes them

Each file and each cell's folder is written under a temporary name first, so that it is complete or missing. A record is
believed only if its checksum is right and it is what the manifest asks for. Nothing is written once the directory was
moved or removed. JSON and finished logs are safe to print on a terminal.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lmbench import atomic
from lmbench.checks import Outcome
from lmbench.errors import ResultsError
from lmbench.exhibit import Exhibit
from lmbench.identity import digest
from lmbench.printable import printable_lines
from lmbench.runs import cell_files
from lmbench.runs.records import Cell, Manifest, Row, RowKind, Verification
from lmbench.runs.sealed import DamageError, read_sealed, write_sealed
from lmbench.runs.study import HEADER

_STUDY = "study.toml"
_WORK = ".work"
_TABLES = (
    "table.md", "table.csv", "pairs.csv", "table.tex", "report.html", "table.parquet", "pairs.parquet", "tasks.csv",
    "tasks.parquet",
)  # fmt: skip
_OWN = (".lock", _WORK, "cells", "tasks", "checks", "logs", "exhibits", *_TABLES)


@dataclass(frozen=True, slots=True)
class Damage:
    """A stored cell that is not believed.

    Attributes:
        row: The row that it was stored for.
        reason: What is wrong, in one line.
    """

    row: Row
    reason: str


class RunDirectory:
    """The files of one run.

    Attributes:
        path: The folder.
        manifest: The record of the run.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._read: dict[Path, tuple[object, Cell]] = {}

    @classmethod
    @contextmanager
    def growing(cls, path: Path, manifest: Manifest) -> Iterator[RunDirectory]:
        """Create a run directory at `path`, or extend the one that is there, and lock it until the context ends.

        Raises:
            ResultsError: `path` holds anything else, a run with other texts, or one to which another run is writing; or
                it cannot be written.
        """
        cls.refuse_other(path)
        with _lock(path):
            directory = cls(path, manifest)
            if cls.is_at(path):
                directory = cls.open(path)
                directory.extend(manifest)
            else:
                write_sealed(path / "manifest.json", manifest)
            directory._write_study()
            shutil.rmtree(path / _WORK, ignore_errors=True)
            try:
                yield directory
            except ResultsError:
                directory.check_place()  # a more useful reason, if it is not there anymore
                raise
            finally:
                shutil.rmtree(path / _WORK, ignore_errors=True)

    @staticmethod
    def is_at(path: Path) -> bool:
        """Return whether `path` is a run directory."""
        return (path / "manifest.json").is_file()

    @staticmethod
    def refuse_other(path: Path) -> None:
        """Check that a run can be stored at `path`.

        Raises:
            ResultsError: It holds anything else.
        """
        if path.exists() and not _is_run_or_empty(path):
            raise ResultsError(f"{path} is not a run directory: manifest.json is missing; choose another folder")

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open the run directory at `path`.

        Raises:
            ResultsError: It is not a run directory, or its manifest cannot be read.
        """
        if not cls.is_at(path):
            raise ResultsError(f"{path} is not a run directory: manifest.json is missing")
        try:
            return cls(path, read_sealed(Manifest, path / "manifest.json"))
        except DamageError as error:
            hint = f"remove it, and `lmbench run {path}/study.toml --out {path}` uses the stored cells again"
            raise ResultsError(f"{error}; {hint}") from error

    def extend(self, manifest: Manifest) -> None:
        """Add the models, corpora and rows of another manifest.

        Raises:
            ResultsError: A corpus of the same name has another text.
        """
        try:
            extended = self.manifest.extended(manifest)
        except ResultsError as error:
            raise ResultsError(f"{self.path} holds another run: {error}; choose another folder") from None
        if extended != self.manifest:
            self.manifest = extended
            write_sealed(self._place("manifest.json"), extended)

    def cells(self, corpus: str | None = None) -> list[Cell]:
        """Return the stored cells of corpora that can be believed, in the order of the manifest's rows.

        Args:
            corpus: The name of a corpus, to leave out the others, which takes less time.
        """
        return self._list_cells("text", corpus)

    def task_cells(self, task: str | None = None) -> list[Cell]:
        """Return the stored cells of tasks, or of one task, as `cells` does."""
        return self._list_cells("task", task)

    def all_cells(self) -> list[Cell]:
        """Return the stored cells of corpora and tasks that can be believed, in the order of the manifest's rows."""
        return [found for _, found in self._survey(self.manifest.rows) if isinstance(found, Cell)]

    def describe_stored(self) -> str:
        """Return how many cells are stored, such as "3 of 12 cells are stored"."""
        return f"{len(self.all_cells())} of {len(self.manifest.rows)} cells are stored"

    def damage(self) -> list[Damage]:
        """Return the stored cells that cannot be believed."""
        return [
            Damage(row, found) for row, found in self._survey(self.manifest.rows) if isinstance(found, str) and found
        ]

    def missing(self, kind: RowKind = "text") -> list[Row]:
        """Return the rows of corpora, or of tasks, that have no cell that can be believed."""
        rows = [row for row in self.manifest.rows if row.kind == kind]
        return [row for row, found in self._survey(rows) if not isinstance(found, Cell)]

    def folder(self, row: Row) -> Path:
        """Return the folder of a row's cell."""
        return self.path / cell_place(row)

    def exhibits(self, cell: Cell) -> tuple[Exhibit, ...]:
        """Return the exhibits of a cell's model, if it has any."""
        return cell_files.read_exhibits(self.folder(cell.row)) if cell_files.EXHIBITS in cell.files else ()

    def items(self, cell: Cell) -> Mapping[str, Sequence[Any]]:
        """Return the items of a task's cell, which are columns of equal length.

        Returns:
            `id`; the name of each group; the name of each metric that is a mean over the items, with None if the model
            did not answer; `chosen`, the index of the likeliest choice, or None; and `text`, what the model wrote, or
            None.
        """
        return cell_files.read_items(self.folder(cell.row))

    def responses(self, cell: Cell) -> Mapping[str, Sequence[Any]]:
        """Return the answers to the requests of a task's cell: item, request, logprob (nats), events, greedy, text."""
        return cell_files.read_responses(self.folder(cell.row))

    def new_work_folder(self) -> Path:
        """Create a folder for the files of a job, on the same disk. It is removed when the lock is released.

        Raises:
            ResultsError: It cannot be created.
        """
        place = self._place(_WORK)
        try:
            place.mkdir(exist_ok=True)
            folder = place / secrets.token_hex(8)
            folder.mkdir()  # with the usual permissions: it will hold a cell, which others may read
            return folder
        except OSError as error:
            raise ResultsError(f"cannot write {place}: {error.strerror or error}") from error

    def adopt(self, folder: Path, cell: Cell) -> None:
        """Store a cell whose files are complete, instead of one in the same place.

        Args:
            folder: The folder with its files, in a work folder. It is moved.
            cell: The cell.

        Raises:
            ResultsError: The cell cannot be stored.
        """
        place = self._place(str(cell_place(cell.row)))
        replaced = folder.with_name(f"{folder.name}.replaced")
        try:
            place.parent.mkdir(exist_ok=True)
            if place.exists():
                place.rename(replaced)
            folder.rename(place)
        except OSError as error:
            raise ResultsError(f"cannot write {place}: {error.strerror}") from error

    def verifications(self) -> dict[str, Verification]:
        """Return the results of the conformance suite that can be believed, by the model's label.

        Those of another version of a model are left out.
        """
        found, models = {}, {model.label: model for model in self.manifest.models}
        for file in sorted((self.path / "checks").glob("*.json")):
            with suppress(ResultsError):
                verification = read_sealed(Verification, file)
                model = models.get(verification.model)
                is_current = model is None or verification.is_of(model)
                if is_current and file.name == f"{model_stem(verification.model)}.json":
                    found[verification.model] = verification
        return found

    def write_verification(self, verification: Verification) -> None:
        """Store the results of a model in the conformance suite."""
        write_sealed(self._place("checks", f"{model_stem(verification.model)}.json"), verification)

    def add_own_outcomes(self, model: str, outcomes: tuple[Outcome, ...]) -> Verification | None:
        """Store the outcomes of a model with its own options, and return all its results.

        If its other results are not there anymore, nothing is stored, and None is returned.
        """
        found = self.verifications().get(model)
        if found is None:
            return None
        joined = found.with_own(outcomes)
        self.write_verification(joined)
        return joined

    def write_text(self, name: str, text: str) -> None:
        """Store a table or a page."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, data: bytes) -> None:
        """Store a picture."""
        atomic.write(self._place(name), data)

    def keep_log(self, file: Path, model: str) -> None:
        """Store the log of a model's checks."""
        if file.is_file():
            atomic.write(self._place(str(check_log_place(model))), file.read_bytes())

    def _write_study(self) -> None:
        if self.manifest.study is not None:
            self.write_text(_STUDY, self.manifest.study.format())

    def _list_cells(self, kind: RowKind, name: str | None) -> list[Cell]:
        rows = [row for row in self.manifest.rows if row.kind == kind and name in (None, row.corpus)]
        return [found for _, found in self._survey(rows) if isinstance(found, Cell)]

    def _survey(self, rows: Sequence[Row]) -> list[tuple[Row, Cell | str]]:
        """Return each of these rows with its cell, or with why it is not believed; "" if it is not stored."""
        return [(row, self._find(row)) for row in rows]

    def _find(self, row: Row) -> Cell | str:
        folder = self.folder(row)
        if not folder.is_dir():
            return ""
        try:
            cell = self._read_once(folder)
        except ResultsError as error:
            return str(error)
        if (cell.row.slot, cell.key) != (row.slot, row.key):
            return "" if cell.row.slot == row.slot else f"{folder} holds the cell of another row"
        return cell

    def _read_once(self, folder: Path) -> Cell:
        """Return the cell in a folder, which is read again only if its files changed."""
        state = [(file.name, file.lstat().st_mtime_ns, file.lstat().st_size) for file in sorted(folder.iterdir())]
        known = self._read.get(folder)
        if known is None or known[0] != state:
            known = self._read[folder] = (state, cell_files.read_cell(folder))
        return known[1]

    def check_place(self) -> None:
        """Check that the directory is still there.

        Raises:
            ResultsError: It is not.
        """
        if not self.is_at(self.path):
            raise ResultsError(f"{self.path} was moved or removed during the run; resume with --out and its new place")

    def _place(self, *names: str) -> Path:
        """Return the path of a file to write.

        Raises:
            ResultsError: The directory is not there anymore.
        """
        self.check_place()
        return self.path.joinpath(*names)


def cell_place(row: Row) -> Path:
    """Return the path of the folder of a row's cell, within the run directory."""
    return Path("cells" if row.kind == "text" else "tasks") / stem(row)


def check_log_place(label: str) -> Path:
    """Return the path of the log of a model's checks, within the run directory."""
    return Path("logs") / f"check-{model_stem(label)}.txt"


def stem(row: Row) -> str:
    """Return the name of the folder of a row's cell, and of its pages and pictures."""
    text = f"{row.model}-on-{row.corpus}" + (f"-{row.train_size}" if row.train_size else "")
    return _file_name(text, digest(list(row.slot)), is_unique=text.count("-on-") == 1)


def model_stem(label: str) -> str:
    """Return the name of a model's files, without the suffix."""
    return _file_name(label, digest(label))


def close_log(file: Path) -> None:
    """Escape the control characters in the log of a process that has ended. Each carriage return ends a line."""
    if file.is_file():
        with file.open(encoding="utf-8", errors="backslashreplace") as raw, atomic.replacing(file) as log:
            log.writelines(printable_lines(line).encode() for line in raw)


def _file_name(text: str, identity: str, is_unique: bool = True) -> str:
    """Return a readable file name. It ends with an identity if other texts may have the same name."""
    name = re.sub(r"[^A-Za-z0-9.=]+", "-", text).strip("-")[:80]
    return name if name == text and is_unique else f"{name}-{identity[:8]}"


def _is_run_or_empty(path: Path) -> bool:
    """Return whether a folder is a run directory, has lost its manifest, or is empty."""
    return path.is_dir() and (RunDirectory.is_at(path) or all(map(_is_own, path.iterdir())))


def _is_own(file: Path) -> bool:
    """Return whether a run wrote this. A user's own study may have the name of the run's."""
    if file.name == _STUDY and file.is_file():
        return file.read_bytes().startswith(HEADER.encode())
    return file.name.removesuffix(".partial") in (*_OWN, "manifest.json")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lock a run directory, so that no other run writes to it.

    Raises:
        ResultsError: Another run holds the lock, or the folder cannot be written.
    """
    lock = FileLock(path / ".lock", blocking=False)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ResultsError(f"another run is writing to {path}; choose another folder") from error
    except NotImplementedError as error:
        raise ResultsError(f"{path} cannot be locked on its file system; choose another folder") from error
    except OSError as error:
        raise ResultsError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
