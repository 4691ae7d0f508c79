"""Verdicts: the results of models in the conformance suite, kept in the user's cache for later runs.

CACHE/verdicts/KEY.json   a Verification; its key stands for the model, the suite and the source of lmbench
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lmbench.cache_folder import cache_folder
from lmbench.checks import SUITE_VERSION
from lmbench.errors import ResultsError
from lmbench.identity import digest
from lmbench.runs.machine import source_digest
from lmbench.runs.models import SelectedModel
from lmbench.runs.records import Verification
from lmbench.runs.sealed import read_sealed, write_sealed


def suite_key(model: SelectedModel) -> str:
    """Return the key of a model's verdict: it holds for this model, this suite and this source of lmbench."""
    return f"{digest(model.identity)}-{digest({'suite': SUITE_VERSION, 'lmbench': source_digest()})}"


def read_verdict(key: str) -> Verification | None:
    """Return the results that the suite had on the same model in an earlier run, if they are kept."""
    with suppress(ResultsError):
        found = read_sealed(Verification, _path(key))
        return found if found.key == key else None
    return None


def keep_verdict(verification: Verification) -> None:
    """Keep the results of the suite for later runs, if the cache can be written."""
    with suppress(ResultsError):
        write_sealed(_path(verification.key), verification)


def list_verdicts() -> list[Path]:
    """Return the files of all verdicts."""
    return sorted(_folder().glob("*.json"))


def clear_verdicts() -> int:
    """Remove all verdicts, and return their number."""
    files = list_verdicts()
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def _folder() -> Path:
    return cache_folder() / "verdicts"


def _path(key: str) -> Path:
    return _folder() / f"{key}.json"
