"""KenLM itself, through its Python package, an optional dependency: it is imported only when an engine is made."""

from __future__ import annotations

import importlib
import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lmbench import about
from lmbench.arrays import Floats, Ids
from lmbench.errors import UnavailableError, reason
from lmbench.ngrams.arpa_writer import UNKNOWN_WORD
from lmbench.signature import Signature

MAX_ORDER = 6
"""The longest n-grams that the package on PyPI is compiled for."""

_NATS_PER_LOG10 = math.log(10)
_LOCATION = re.compile(r"^\S+\.(?:cc|hh):\d+ in .*? threw \w+(?: because `.*?')?\. ")
"""Where in KenLM's C++ code an error comes from."""
_MESSAGE_WIDTH = 200  # KenLM may cite a whole line of the file


def import_kenlm() -> Any:
    """Import the kenlm package.

    Raises:
        UnavailableError: It is not installed.
    """
    try:
        return importlib.import_module("kenlm")
    except ImportError as error:
        raise UnavailableError(
            f"the package kenlm cannot be imported ({reason(error)}): pip install '{about.DISTRIBUTION_NAME}[kenlm]'"
        ) from error


class KenlmEngine:
    """N-grams that KenLM looks up, one after the other. Converts its log10 to nats.

    Args:
        path: An ARPA file or a KenLM binary.

    Raises:
        UnavailableError: The package is not installed, or KenLM cannot read the file.
    """

    def __init__(self, path: Path) -> None:
        self._kenlm = import_kenlm()
        self._model = _read_model(self._kenlm, path)

    def __contains__(self, word: str) -> bool:
        return word in self._model

    @property
    def order(self) -> int:
        """The length of the longest n-gram."""
        return int(self._model.order)

    @property
    def unknown_logprob(self) -> float:
        """log P(<unk>) without a history, in nats. KenLM makes it 1e-100 if the file lacks ``<unk>``."""
        state = self._kenlm.State()
        self._model.NullContextWrite(state)
        return float(self._model.BaseScore(state, UNKNOWN_WORD, self._kenlm.State()) * _NATS_PER_LOG10)

    def signature(self) -> Signature:
        """Return KenLM's version."""
        return Signature.of(kenlm=version("kenlm"))

    def score_lines(self, lines: Iterable[Ids], words: Sequence[str]) -> list[Floats]:
        """Return the log-probabilities of each line, (events,), in nats.

        Args:
            lines: Ids of words. ``<s>`` precedes each line.
            words: The word of each id.
        """
        return [self._score_line(line, words) for line in lines]

    def next_words(self, history: Iterable[str], words: Iterable[str]) -> Floats:
        """Return log P(word | <s>, history) of each word, (words,), in nats."""
        state, after = self._kenlm.State(), self._kenlm.State()
        self._model.BeginSentenceWrite(state)
        for word in history:
            self._model.BaseScore(state, word, after)
            state, after = after, state
        return np.array([self._model.BaseScore(state, word, after) for word in words]) * _NATS_PER_LOG10

    def _score_line(self, line: Ids, words: Sequence[str]) -> Floats:
        """Score a line word by word: the package splits whole lines within words that have a vertical tab."""
        state, after = self._kenlm.State(), self._kenlm.State()
        self._model.BeginSentenceWrite(state)
        log10s = []
        for word in line.tolist():
            log10s.append(self._model.BaseScore(state, words[word], after))
            state, after = after, state
        return np.array(log10s) * _NATS_PER_LOG10


def _read_model(kenlm: Any, path: Path) -> Any:
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(path), config)
    except OSError as error:
        message = str(error).removeprefix(f"Cannot read model '{path}' (").removesuffix(")")
        message = _LOCATION.sub("", message)
    except UnicodeDecodeError:  # KenLM's message cites bytes of the file
        message = "it is not an ARPA file or a KenLM binary"
    message = textwrap.shorten(message, _MESSAGE_WIDTH, placeholder="…")
    raise UnavailableError(f"KenLM cannot read '{path}': {message}")
