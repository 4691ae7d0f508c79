"""Answers on disk, so that no request is paid for twice, whatever interrupts a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import ValidationError

from lmbench.backends.servers.answers import Answer
from lmbench.errors import UnavailableError

_PATIENCE = 60.0  # seconds to wait for another process
_AT_ONCE = 500  # keys in a query


class AnswerStore:
    """A database of answers by key, for several threads and processes. An answer is in it whole or not at all.

    Args:
        path: The file, which is created if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Return the answers that are stored, by key.

        Raises:
            UnavailableError: The file cannot be read.
        """
        found: dict[str, Answer] = {}
        with self._open() as database:
            for start in range(0, len(keys), _AT_ONCE):
                chosen = keys[start : start + _AT_ONCE]
                places = ",".join("?" * len(chosen))
                for key, text in database.execute(f"SELECT key, answer FROM answers WHERE key IN ({places})", chosen):
                    found |= _parse(key, text)
        return found

    def keep(self, answers: Mapping[str, Answer]) -> None:
        """Store answers by key.

        Raises:
            UnavailableError: The file cannot be written.
        """
        rows = [(key, answer.model_dump_json()) for key, answer in answers.items()]
        with self._open() as database:
            database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one transaction."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as database, database:
                database.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")
                yield database
        except (sqlite3.Error, OSError) as error:
            raise UnavailableError(
                f"cannot store the server's answers in {self._path}: {getattr(error, 'strerror', None) or error}; "
                "delete the file, or let LMBENCH_CACHE name another folder"
            ) from error


def _parse(key: str, text: str) -> dict[str, Answer]:
    """Return an answer by its key; nothing if another version of lmbench stored it."""
    try:
        return {key: Answer.model_validate_json(text)}
    except ValidationError:
        return {}
