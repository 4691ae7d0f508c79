"""transformers, kept silent and away from the hub while it reads files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import huggingface_hub


@contextmanager
def reading() -> Iterator[None]:
    """Let the library read files, without the hub and without a word."""
    with silenced(), _offline(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the library from contacting the hub, which it does for its user agent even with local_files_only."""
    constants: Any = huggingface_hub.constants
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def silenced() -> Iterator[None]:
    """Turn transformers' warnings and progress bars off, and afterwards restore them."""
    import transformers  # not at the top: it takes seconds, and a model's identity does not need it

    log: Any = transformers.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
