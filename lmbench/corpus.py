"""Corpora as values: documents, splits and their fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

from lmbench.errors import CorpusError, kind_of

WORD_SEPARATORS = " \t\r\n"
"""The characters that separate words in ARPA files, and for lmplz, SRILM and IRSTLM. All others are letters of a word,
no-break and ideographic spaces included."""

DIVIDED = "split=80/10/10-contiguous"
"""The part of a provenance that says that `divide` made the splits."""

HELD_OUT = "valid=last-10%-of-train"
"""The part of a provenance that says that `hold_out` made the validation split."""

_UNSPACED_SCRIPT = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_INSPECTED = 1 << 16  # characters
_LONGEST_MEAN_WORD = 4.0  # characters; segmented Chinese has about 2


@dataclass(frozen=True, slots=True)
class TaggedWord:
    """A word and its parts of speech.

    Attributes:
        form: The word as it is written.
        upos: The universal part of speech; ``_`` if there is none.
        xpos: The part of speech in the language's own tag set; ``_`` if there is none.
    """

    form: str
    upos: str
    xpos: str


@dataclass(frozen=True)
class Split:
    """The documents of one split, in order.

    Attributes:
        documents: A tuple of texts, or StoredDocuments that stay in their file.
        tagged: The tagged words of each line of each document; None if the text is not tagged. White space separates
            exactly these words in the text.
    """

    documents: Sequence[str]
    tagged: tuple[tuple[tuple[TaggedWord, ...], ...], ...] | None = None

    def __repr__(self) -> str:
        """Return the extent of the split, and none of its text."""
        return f"Split({self.extent}{', tagged' * (self.tagged is not None)})"

    @property
    def extent(self) -> str:
        """The numbers of documents and bytes, in words. Documents that stay in their file are not read for it."""
        size = f", {_count(self.size, 'byte')}" if isinstance(self.documents, tuple | list) else ""
        return _count(len(self.documents), "document") + size

    @cached_property
    def size(self) -> int:
        """Number of UTF-8 bytes."""
        return sum(len(document.encode()) for document in self.documents)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the split's bytes, in hexadecimal."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(document.encode())
        return digest.hexdigest()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the documents, their borders and their tags: of all that a model can see of the split."""
        digest = hashlib.sha256()
        for document in self.documents:
            data = document.encode()
            digest.update(f"{len(data)}:".encode())
            digest.update(data)
        if self.tagged is not None:
            digest.update(repr(self.tagged).encode())
        return digest.hexdigest()

    @property
    def lines(self) -> list[str]:
        """All lines, without their line ends."""
        return [line for document in self.documents for line in lines_of(document)]


NO_TEXT = Split(())
"""The training and validation splits of a text that is scored as a whole."""


def lines_of(document: str) -> list[str]:
    """Return the lines of a document, without their line ends."""
    return document.removesuffix("\n").split("\n")


@dataclass(frozen=True)
class TrainingText:
    """The text that a model may see: the training and validation splits, never the test split.

    Attributes:
        train: Documents to fit on.
        valid: Documents for tuning and early stopping.
        tokenized: Whether spaces already separate words and punctuation.
    """

    train: Split
    valid: Split
    tokenized: bool = False


@dataclass(frozen=True)
class Corpus:
    """A text in three splits.

    Attributes:
        name: How a user names the corpus.
        train: Documents to fit on.
        valid: Documents for tuning and early stopping.
        test: Documents to score.
        provenance: How the bytes became documents and splits; part of every signature.
        tokenized: Whether spaces already separate words and punctuation.
        description: Human-readable description, in one line.
        spaced: Whether white space separates words. If not, a perplexity per word means nothing.
        floor: (test documents,) nats that the source of the text needs for each document; None if it is unknown.
        floor_note: Human-readable description of the floor.
        note: What a reader of the corpus's numbers must know, as sentences; "" if there is nothing.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    provenance: str
    tokenized: bool = False
    description: str = ""
    spaced: bool = True
    floor: tuple[float, ...] | None = None
    floor_note: str = ""
    note: str = ""

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        name: str = "texts",
        *,
        train: Iterable[str] | None = None,
        valid: Iterable[str] | None = None,
        whole: bool = False,
    ) -> Corpus:
        """Return a corpus of texts in memory, such as a list or a column of a data frame. Each text is a document.

        The texts are divided, in order, into training, validation and test splits of 80, 10 and 10 %, unless `train` or
        `whole` says otherwise.

        Args:
            texts: The texts.
            name: The name of the corpus.
            train: Texts to fit on. All of `texts` are then scored.
            valid: Texts for tuning and early stopping; by default, the last tenth of `train`.
            whole: Whether all of `texts` are scored without any to fit on, as suits pretrained models.

        Raises:
            CorpusError: They are not texts, all of them are blank, or there are too few to divide.
        """
        test = _plain_texts(texts, name)
        if valid is not None and train is None:
            raise CorpusError(f"{name} has validation texts and no training texts; give both")
        if train is not None:
            held_out = None if valid is None else _plain_texts(valid, name)
            return _name_splits(name, *_complete(name, _plain_texts(train, name), held_out), test)
        if whole:
            return _name_splits(name, "scored=all", NO_TEXT, NO_TEXT, test)
        if len(test.documents) < 3:
            raise CorpusError(
                f"{name} has {_count(len(test.documents), 'text')}, and three splits need at least 3; "
                "Corpus.from_texts takes other texts to fit on (train=), or scores all of them (whole=True)"
            )
        return _name_splits(name, DIVIDED, *divide(test))

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, train={self.train!r}, valid={self.valid!r}, test={self.test!r})"

    @property
    def training(self) -> TrainingText:
        """The part of the corpus that models are fitted on."""
        return TrainingText(self.train, self.valid, self.tokenized)


def with_line_end(text: str) -> str:
    """Return `text`, with a line end added if it lacks one."""
    return text if text.endswith("\n") else text + "\n"


def batches(documents: Iterable[str], characters: int) -> Iterator[tuple[str, ...]]:
    """Yield consecutive documents of about this many characters, to bound memory and to report progress."""
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= characters:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)


def slice_split(split: Split, start: int, stop: int) -> Split:
    """Return consecutive documents of a split, with their tags if it has any."""
    return Split(split.documents[start:stop], None if split.tagged is None else split.tagged[start:stop])


def divide(whole: Split, sizes: tuple[int, int, int] = (8, 1, 1)) -> tuple[Split, Split, Split]:
    """Divide documents, in order, into training, validation and test splits. No split is empty.

    Args:
        whole: At least three documents.
        sizes: The proportions of the splits.
    """
    total, count = sum(sizes), len(whole.documents)
    first = min(max(1, round(count * sizes[0] / total)), count - 2)
    second = min(max(first + 1, round(count * (sizes[0] + sizes[1]) / total)), count - 1)
    return slice_split(whole, 0, first), slice_split(whole, first, second), slice_split(whole, second, count)


def hold_out(train: Split) -> tuple[Split, Split]:
    """Return a training split without its last tenth, and that tenth, for validation: at least one document each.

    Args:
        train: At least two documents.
    """
    count = len(train.documents)
    kept = count - max(1, round(count / 10))
    return slice_split(train, 0, kept), slice_split(train, kept, count)


def separates_words(documents: Iterable[str]) -> bool:
    """Return whether white space separates words: not in Chinese, Japanese or Thai.

    Only the beginning of the text is inspected. Segmented text in these scripts, with a space after each word, is
    recognized by its short words.
    """
    import regex  # not at the top: `lmbench --help` imports this module, and must be quick

    text = "".join(islice(chain.from_iterable(documents), _INSPECTED))
    letters = sum(map(str.isalpha, text))
    if not letters or len(regex.findall(_UNSPACED_SCRIPT, text)) * 2 <= letters:
        return True
    words = text.split()
    return sum(map(len, words)) <= _LONGEST_MEAN_WORD * len(words)


def _plain_texts(texts: Iterable[str], name: str) -> Split:
    """Return texts as a split, if that is what they are."""
    if isinstance(texts, str):
        raise CorpusError(f"{name} is one text; write [text] for a single document, or cut it into several")
    if hasattr(texts, "columns"):
        raise CorpusError(f"{name} is a table; choose the column that holds the texts, as in table['text']")
    if not isinstance(texts, Iterable):
        raise CorpusError(f"{name} is {kind_of(texts)}; it must be a list of texts")
    return Split(tuple(_plain_text(text, number, name) for number, text in enumerate(texts)))


def _plain_text(text: object, number: int, name: str) -> str:
    if not isinstance(text, str):
        kind = "nan" if isinstance(text, float) and text != text else kind_of(text)
        raise CorpusError(f"text {number} of {name} is {kind}; leave it out")
    plain = str(text)
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(f"text {number} of {name} is not Unicode: it has {plain[error.start]!a}") from None
    return plain


def _complete(name: str, train: Split, valid: Split | None) -> tuple[str, Split, Split]:
    """Return how the splits were given, the training split, and the validation split, held out if it is missing."""
    if valid is not None:
        return "split=given", train, valid
    if len(train.documents) < 2:
        raise CorpusError(f"{name} needs at least 2 training texts, of which one is held out for validation")
    return f"split=given,{HELD_OUT}", *hold_out(train)


def _name_splits(name: str, origin: str, train: Split, valid: Split, test: Split) -> Corpus:
    """Return the corpus of these splits, of which none is blank."""
    for split, found, use in (("training", train, "learn from"), ("test", test, "score")):
        if found is not NO_TEXT and not any(text.strip() for text in found.documents):
            raise CorpusError(f"the {split} split of {name} is blank: there is nothing to {use}")
    spaced = separates_words(test.documents)
    return Corpus(name, train, valid, test, provenance=f"texts,{origin}", spaced=spaced)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
