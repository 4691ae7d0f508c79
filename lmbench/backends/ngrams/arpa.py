"""The arpa model: n-grams that were estimated elsewhere, in an ARPA file or a KenLM binary."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from lmbench.backends.ngrams.ngram_file import BinaryFile, NgramFile, TextFile, is_kenlm_binary
from lmbench.compression import open_regular
from lmbench.errors import UnavailableError
from lmbench.model import Fitted, Footprint, LanguageModel, ModelOptions, Traits
from lmbench.ngrams.arpa_reader import read_arpa
from lmbench.ngrams.arpa_writer import tokenizer_file
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.tokenizers import Tokenizer, make_tokenizer


class ArpaFileOptions(ModelOptions):
    """Options of the arpa model."""

    positional: ClassVar[str | None] = "path"

    path: str = Field(min_length=1, description="ARPA file, plain or .gz, .bz2, .xz, .zst, or KenLM binary")
    tokenizer: Literal["words", "pieces", "jieba", "bytes", "bpe"] = Field(
        "words",
        description="tokenizer of the file's words: words, pieces, jieba, bytes, or bpe, which `lmbench export` stores "
        "with the file",
    )
    escaped: bool = Field(
        False, description="true for a file of `lmbench export`, which escapes white space and <unk> in words"
    )

    def files(self) -> tuple[Path, ...]:
        path = Path(self.path).expanduser()
        return (path, tokenizer_file(path)) if self.tokenizer == "bpe" else (path,)


class ArpaFile(LanguageModel):
    """N-grams that were estimated elsewhere: `load` reads them, and nothing is fitted.

    A type that the file lacks, or that ARPA cannot hold (white space, ``<s>``, ``<unk>``), costs the file's
    P(<unk> | history). An untrained letter model prices its spelling: log 257 nats for each byte and for their end. In
    a file without ``<unk>`` that probability is 1e-100, as in KenLM, and the signature says so. Scoring does not check
    whether the probabilities after each history sum to 1; `lmbench check` does.
    """

    Options: ClassVar[type[ModelOptions]] = ArpaFileOptions
    options: ArpaFileOptions
    traits = Traits(weights="pretrained", threads=1)
    _file = Fitted[NgramFile]()

    def load(self, progress: Progress = SILENT) -> None:
        """Read the file.

        Raises:
            UnavailableError: The file is missing, or malformed; the message then names the line.
        """
        options, path = self.options, self._path
        for needed in options.files():
            _require_file(needed)
        progress(f"reading '{path}'", 0.0)
        tokenizer = _make_tokenizer(options)
        if is_kenlm_binary(path):
            self._file = BinaryFile.read(path, tokenizer, options.escaped)
        else:
            self._file = TextFile.of(read_arpa(path, progress), tokenizer, options.escaped)
        if not self._file.has_unknown:
            progress.notice(f"'{path}' lacks <unk>, so an unknown word has the probability 1e-100, as in KenLM")

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._file.score(documents)

    def state_after(self, text: str) -> ModelState:
        """Return the state after `text`; its events are the file's unigrams without ``<s>``.

        Raises:
            NotImplementedError: The file is a KenLM binary, which does not list its words.
        """
        return self._file.state_after(text)

    def suspect_histories(self) -> list[str]:
        """Return texts after which the file's probabilities sum furthest from 1."""
        return self._file.suspect_histories()

    def signature(self) -> Signature:
        file, tokenizer = self._file, self.options.tokenizer
        own = Signature.of(file=self._path.name, sha256=_digest(self._path), order=file.order)
        own += Signature.of(bos="line" if file.opens_lines else "absent") + file.engine + Signature.of(tok=tokenizer)
        if tokenizer == "bpe":
            own += Signature.of(merges=_digest(tokenizer_file(self._path)))
        return own + Signature.of(unk=f"{'file' if file.has_unknown else 'absent(1e-100)'}+letters-uniform")

    def footprint(self) -> Footprint:
        """Return the number of n-grams, and of back-offs below the highest order, that an ARPA file announces."""
        return Footprint(self._file.parameters, self._path.stat().st_size)

    @property
    def _path(self) -> Path:
        return self.options.files()[0]


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise UnavailableError(f"'{path}' is a folder, not a file")
    if not path.is_file():
        raise UnavailableError(f"'{path}' does not exist")


def _make_tokenizer(options: ArpaFileOptions) -> Tokenizer:
    tokenizer = make_tokenizer(options.tokenizer)
    if options.tokenizer != "bpe":
        return tokenizer
    _, path = options.files()
    try:
        tokenizer.restore(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library tokenizers raises nothing narrower
        raise UnavailableError(f"'{path}' is not a tokenizer that `lmbench export` wrote: {error}") from error
    return tokenizer


def _digest(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
