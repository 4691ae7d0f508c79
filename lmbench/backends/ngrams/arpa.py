"""The arpa model: n-grams that were estimated elsewhere, in an ARPA file or a KenLM binary."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from lmbench.backends.ngrams.arpa_lexicon import ArpaLexicon, lexicon_file, tokenizer_file
from lmbench.backends.ngrams.ngram_file import BinaryFile, NgramFile, TextFile, is_kenlm_binary
from lmbench.compression import open_regular
from lmbench.errors import SpecError, UnavailableError
from lmbench.exhibit import Exhibit
from lmbench.model import Fitted, Footprint, HistoryOptions, LanguageModel, ModelOptions, Traits
from lmbench.ngrams.arpa_reader import read_arpa
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.letter_model import LetterModel


class _PathOptions(ModelOptions):
    """The option that is listed first."""

    positional: ClassVar[str | None] = "path"

    path: str = Field(min_length=1, description="ARPA file, plain or .gz, .bz2, .xz, .zst, or KenLM binary")


class ArpaFileOptions(HistoryOptions, _PathOptions):
    """Options of the arpa model."""

    tokenizer: Literal["auto", "words", "pieces", "jieba", "bytes", "bpe"] = Field(
        "auto",
        description="tokenizer of the file's words: words, pieces, jieba, bytes or bpe; auto: the one that `lmbench "
        "export` names next to the file, else words",
    )
    escaped: bool = Field(
        False,
        description="true if white space and <unk> are escaped in words, as `lmbench export` does, and the file "
        "with the lexicon is not there to say so",
    )

    def files(self) -> tuple[Path, ...]:
        path = Path(self.path).expanduser()
        return (path, *(other for other in (lexicon_file(path), tokenizer_file(path)) if other.is_file()))


class ArpaFile(LanguageModel):
    """N-grams that were estimated elsewhere: `load` reads them, and nothing is fitted.

    A type that the file lacks, or that ARPA cannot hold (white space, ``<s>``, ``<unk>``), costs the file's
    P(<unk> | history). In a file without ``<unk>`` that probability is 1e-100, as in KenLM, and the signature says so.
    The letter model of `lmbench export`, next to the file, prices the spelling. Without it, each byte and their end
    cost log 257 nats. Scoring does not check whether the probabilities after each history sum to 1; `lmbench check`
    does.
    """

    Options: ClassVar[type[ModelOptions]] = ArpaFileOptions
    options: ArpaFileOptions
    traits = Traits(weights="pretrained", threads=1)
    _file = Fitted[NgramFile]()
    _words = Fitted[ArpaLexicon]()

    def load(self, progress: Progress = SILENT) -> None:
        """Read the file, and the lexicon that `lmbench export` wrote next to it.

        Raises:
            SpecError: The file was exported with another tokenizer, or is a KenLM binary whose history is to be cut.
            UnavailableError: A file is missing, or malformed; the message then names the line.
        """
        path = self._path
        _require_file(path)
        progress(f"reading '{path}'", 0.0)
        words = ArpaLexicon.find(path, self.options.tokenizer, self.options.escaped)
        if is_kenlm_binary(path):
            if self.options.history is not None:
                raise SpecError(f"'{path}' is a KenLM binary, whose history cannot be cut; leave out history")
            self._file = BinaryFile.read(path, words)
        else:
            text = read_arpa(path, progress)
            words.require_words(path, text.words[2:-1])
            self._file = TextFile.of(text, words).cut(self.options.history)
        self._words = words
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
        file, words = self._file, self._words
        own = Signature.of(file=self._path.name, sha256=_digest(self._path), order=file.order)
        own += self.options.sign_history()
        own += Signature.of(bos="line" if file.opens_lines else "absent") + file.engine
        own += Signature.of(tok=words.tokenizer.name)
        if words.tokenizer.name.startswith("bpe"):
            own += Signature.of(merges=_digest(tokenizer_file(self._path)))
        letters = f"letters{LetterModel().order}" if words.is_exported else "letters-uniform"
        return own + Signature.of(unk=f"{'file' if file.has_unknown else 'absent(1e-100)'}+{letters}")

    def footprint(self) -> Footprint:
        """Return the number of n-grams, and of back-offs below the highest order, that an ARPA file announces."""
        return Footprint(self._file.parameters, self._path.stat().st_size)

    def exhibits(self) -> tuple[Exhibit, ...]:
        return self._file.exhibits()

    @property
    def _path(self) -> Path:
        return self.options.files()[0]


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise UnavailableError(f"'{path}' is a folder, not a file")
    if not path.is_file():
        raise UnavailableError(f"'{path}' does not exist")


def _digest(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
