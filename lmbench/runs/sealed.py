"""Sealed records: JSON files with a checksum of their contents, so that damage and edits are noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from lmbench import atomic
from lmbench.errors import ResultsError
from lmbench.identity import digest
from lmbench.printable import printable_json

Stored = TypeVar("Stored", bound=BaseModel)

_SEAL = "checksum"


class DamageError(ResultsError):
    """A record is not what was written."""


def write_sealed(path: Path, record: BaseModel) -> None:
    """Write a record and its checksum. The JSON is safe to print on a terminal.

    Raises:
        ResultsError: The file cannot be written.
    """
    contents = json.loads(record.model_dump_json())
    sealed = contents | {_SEAL: digest(contents)}
    atomic.write(path, (printable_json(json.dumps(sealed, indent=1, ensure_ascii=False)) + "\n").encode())


def read_sealed(kind: type[Stored], path: Path) -> Stored:
    """Return the record in a file.

    Raises:
        ResultsError: The file cannot be read, or has another format.
        DamageError: It is not what was written.
    """
    try:
        contents = json.loads(path.read_bytes())
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # includes text that is not UTF-8, and a million brackets
        raise DamageError(f"{path} is damaged: it is not JSON") from error
    if not isinstance(contents, dict):
        raise DamageError(f"{path} is damaged: it is not a JSON object")
    if contents.get("format", 2) != 2:
        raise ResultsError(f"{path} has format {contents['format']}, of another version of lmbench; this one reads 2")
    if contents.pop(_SEAL, None) != digest(contents):
        raise DamageError(f"{path} is damaged: its checksum is not that of its contents")
    try:
        return kind.model_validate(contents)
    except ValidationError as error:
        first = error.errors()[0]
        raise DamageError(f"{path} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
