"""Documents, splits and their fingerprints, and how text files become them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise
from pathlib import Path

import regex

from lmbench.errors import CorpusError, UnknownNameError

DOCUMENT_UNITS = ("line", "block", "article", "file")
_ARTICLE = re.compile(r"^\s*= [^=].* =\s*$")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_LOOKED_AT = 1 << 16  # characters
_LONGEST_MEAN_WORD = 4.0  # characters: segmented Chinese has about 2


@dataclass(frozen=True, slots=True)
class TaggedWord:
    """A word and its parts of speech: the universal one, and the language's own; ``_`` where there is none."""

    form: str
    upos: str
    xpos: str


@dataclass(frozen=True)
class Split:
    """One split's documents, in order: a tuple of them, or StoredDocuments that stay in their file.

    tagged  where the text is tagged: for each document its lines, each the words that its white space separates
    """

    documents: Sequence[str]
    tagged: tuple[tuple[tuple[TaggedWord, ...], ...], ...] | None = None

    @cached_property
    def size(self) -> int:
        """Number of UTF-8 bytes."""
        return sum(len(document.encode()) for document in self.documents)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the split's bytes, in hexadecimal."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(document.encode())
        return digest.hexdigest()

    @property
    def lines(self) -> list[str]:
        """All lines, without their line ends."""
        return [line for document in self.documents for line in lines_of(document)]


def lines_of(document: str) -> list[str]:
    """A document's lines, without their line ends."""
    return document.removesuffix("\n").split("\n")


@dataclass(frozen=True)
class TrainingText:
    """What a model may see: the training and validation splits, never the test split.

    tokenised  whether words and punctuation are already separated by spaces
    """

    train: Split
    valid: Split
    tokenised: bool = False


@dataclass(frozen=True)
class Corpus:
    """A text with its splits.

    reading      how the bytes became documents and splits, for the signature
    description  one line for people
    spaced       whether white space separates its words, so that a perplexity per word means something
    floor        nats that the source itself needs for each test document, where the source is known
    floor_note   what the floor is, for people
    """

    name: str
    train: Split
    valid: Split
    test: Split
    reading: str
    tokenised: bool = False
    description: str = ""
    spaced: bool = True
    floor: tuple[float, ...] | None = None
    floor_note: str = ""

    @property
    def training(self) -> TrainingText:
        """The part of the corpus that models are fitted on."""
        return TrainingText(self.train, self.valid, self.tokenised)


def corpora_folder() -> Path:
    """Where the project's own corpora are: beside the package in a checkout, inside it when installed from a wheel."""
    installed = Path(__file__).with_name("corpora")
    return installed if installed.is_dir() else Path(__file__).parent.parent / "corpora"


def decode(data: bytes, name: str, encoding: str = "utf-8", offset: int = 0) -> str:
    """`data` as text, line ends untouched.

    Args: encoding, a name that Python knows; offset, of `data` in what `name` names. Raises CorpusError for bytes that
    the encoding does not have, for NUL characters, and for an unknown encoding.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        at = f"byte 0x{data[error.start]:02x} at offset {offset + error.start}"
        hint = "; name its --encoding, such as gb18030 or latin-1" if encoding == "utf-8" else ""
        raise CorpusError(f"{name} is not {encoding.upper()}: {at}{hint}") from None
    except (LookupError, ValueError):  # no codec, or one that is none of text
        raise CorpusError(
            f"{name} cannot be read as '{encoding}': give one of Python's text encodings, such as utf-8 or gb18030"
        ) from None
    return refuse_no_text(text, name, offset)


def refuse_no_text(text: str, name: str, offset: int = 0) -> str:
    """`text`, where it is text: no NUL, and no half of a surrogate pair, which UTF-8 cannot write. Raises CorpusError.

    Args: offset, of the text's first UTF-8 byte in what `name` names.
    """
    wrong = _NO_TEXT.search(text)
    if wrong:
        at = offset + len(text[: wrong.start()].encode())
        what = "a NUL byte" if wrong[0] == "\0" else "half of a surrogate pair"
        raise CorpusError(f"{name} is not text: it has {what} at offset {at}")
    return text


def documents(text: str, unit: str) -> tuple[str, ...]:
    """`text` cut into documents, which join to `text` again.

    unit: "line"; "block", paragraphs with the empty lines after them; "article", from one of WikiText's ``= Title =``
    between empty lines to the next; "file", the whole text.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if unit == "line":
        return tuple(lines)
    starts = [i for i, begin in enumerate(begins(lines, unit)) if begin]
    borders = [0, *starts[1:], len(lines)]  # what stands before the first document belongs to it
    return tuple("".join(lines[a:b]) for a, b in pairwise(borders) if a < b)


def begins(lines: Iterable[str], unit: str) -> Iterator[bool]:
    """Whether a document begins with each of the lines; what stands before the first that begins one is its part."""
    if unit not in DOCUMENT_UNITS:
        raise UnknownNameError("unit of documents", unit, DOCUMENT_UNITS)
    before, rest = "", iter(lines)
    line = next(rest, None)
    number = 0
    while line is not None:
        after = next(rest, None)
        yield _begins(unit, number, before, line, after or "")
        before, line, number = line, after, number + 1


def _begins(unit: str, number: int, before: str, line: str, after: str) -> bool:
    if unit == "article":  # with an empty line on both sides: WikiText's text has lines that look like a title
        return not before.strip() and not after.strip() and _ARTICLE.match(line) is not None
    if unit == "block":
        return bool(line.strip()) and not before.strip()
    return unit == "line" or number == 0


def cut(documents: Sequence[str], sizes: tuple[int, int, int] = (8, 1, 1)) -> tuple[Split, Split, Split]:
    """Consecutive documents as training, validation and test splits in these proportions, none of them empty.

    Args: documents, at least three.
    """
    total, count = sum(sizes), len(documents)
    first = min(max(1, round(count * sizes[0] / total)), count - 2)
    second = min(max(first + 1, round(count * (sizes[0] + sizes[1]) / total)), count - 1)
    return Split(documents[:first]), Split(documents[first:second]), Split(documents[second:])


def hold_out(documents: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Documents without their last tenth, at least one of them, and that tenth, for validation."""
    held_out = max(1, round(len(documents) / 10))
    return documents[:-held_out], documents[-held_out:]


def line_ended(text: str) -> str:
    """`text` with a line end, added where it has none."""
    return text if text.endswith("\n") else text + "\n"


def separates_words(documents: Iterable[str]) -> bool:
    """Whether white space separates the words of a text, from its beginning: not in Chinese, Japanese or Thai.

    Text of such scripts that is segmented, with a space after each word, is known by its short words.
    """
    text = "".join(islice(chain.from_iterable(documents), _LOOKED_AT))
    letters = sum(map(str.isalpha, text))
    if not letters or len(_UNSPACED.findall(text)) * 2 <= letters:
        return True
    words = text.split()
    return sum(map(len, words)) <= _LONGEST_MEAN_WORD * len(words)


def strip_lines(text: str) -> str:
    """`text` with the spaces at both ends of every line taken away, as WikiText's files are read."""
    return "\n".join(line.strip(" ") for line in text.split("\n"))
