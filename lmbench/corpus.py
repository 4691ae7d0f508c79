"""Documents, splits and their fingerprints, and how text files become them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lmbench.errors import CorpusError, UnknownNameError

DOCUMENT_UNITS = ("line", "block", "article", "file")
_SPLIT_NAMES = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
_TRAIN_SHARE, _VALID_SHARE = 0.8, 0.1
_ARTICLE = re.compile(r"^\s*= [^=].* =\s*$")


@dataclass(frozen=True, slots=True)
class TaggedWord:
    """A word and its parts of speech: the universal one, and the language's own; ``_`` where there is none."""

    form: str
    upos: str
    xpos: str


@dataclass(frozen=True)
class Split:
    """One split's documents, in order.

    tagged  where the text is tagged: for each document its lines, each the words that its white space separates
    """

    documents: tuple[str, ...]
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


def decode(data: bytes, name: str) -> str:
    """`data` as text, line ends untouched. Raises CorpusError for bytes that are not UTF-8, and for NUL bytes."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}; convert it first"
        ) from None
    if "\0" in text:
        raise CorpusError(f"{name} is not text: it has a NUL byte at offset {data.index(0)}")
    return text


def documents(text: str, unit: str) -> tuple[str, ...]:
    """`text` cut into documents, which join to `text` again.

    unit: "line"; "block", paragraphs with the empty lines after them; "article", from one of WikiText's ``= Title =``
    between empty lines to the next; "file", the whole text.
    """
    if unit not in DOCUMENT_UNITS:
        raise UnknownNameError("unit of documents", unit, DOCUMENT_UNITS)
    if not text:
        return ()
    if unit == "file":
        return (text,)
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if unit == "line":
        return tuple(lines)
    begins = _article_begins if unit == "article" else _block_begins
    starts = [i for i in range(len(lines)) if begins(lines, i)]
    starts[:1] = [0]  # what stands before the first document belongs to it
    return tuple("".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True))


def _article_begins(lines: list[str], i: int) -> bool:
    """Whether line i is a title, with an empty line on both sides: WikiText's text has lines that look like one."""
    alone = (i == 0 or not lines[i - 1].strip()) and (i + 1 == len(lines) or not lines[i + 1].strip())
    return alone and _ARTICLE.match(lines[i]) is not None


def _block_begins(lines: list[str], i: int) -> bool:
    return bool(lines[i].strip()) and (i == 0 or not lines[i - 1].strip())


def strip_lines(text: str) -> str:
    """`text` with the spaces at both ends of every line taken away, as WikiText's files are read."""
    return "\n".join(line.strip(" ") for line in text.split("\n"))


def read_path(path: Path, unit: str = "line") -> Corpus:
    """The corpus in a text file, or in a folder with train, valid and test files.

    A single file is cut into documents and these into three contiguous parts of 80, 10 and 10 %. A folder without a
    validation file holds out the last 10 % of its training documents. Raises CorpusError.
    """
    name = str(path)
    if path.is_dir():
        return _read_folder(path, unit)
    cut = documents(_read(path), unit)
    if len(cut) < 3:
        raise CorpusError(
            f"{name} has {len(cut)} document{'s' * (len(cut) != 1)} (unit: {unit}), and three splits need at least 3; "
            f"{'' if unit == 'line' else 'choose a smaller unit with --documents, or '}"
            f"give a folder with train.txt, valid.txt and test.txt"
        )
    first = min(max(1, round(len(cut) * _TRAIN_SHARE)), len(cut) - 2)
    second = min(max(first + 1, round(len(cut) * (_TRAIN_SHARE + _VALID_SHARE))), len(cut) - 1)
    return Corpus(
        name,
        Split(cut[:first]),
        Split(cut[first:second]),
        Split(cut[second:]),
        reading=f"{unit}s,split=80/10/10-contiguous",
    )


def _read_folder(folder: Path, unit: str) -> Corpus:
    splits = {split: documents(_read(file), unit) for split, file in _split_files(folder).items()}
    reading = f"{unit}s,split=files"
    if "valid" not in splits:
        train = splits["train"]
        if len(train) < 2:
            raise CorpusError(
                f"{folder} has no validation file, and its one training document cannot be divided; add valid.txt"
            )
        held_out = max(1, round(len(train) * _VALID_SHARE))
        splits["train"], splits["valid"] = train[:-held_out], train[-held_out:]
        reading += ",valid=last-10%-of-train"
    if splits["train"] == splits["test"]:
        raise CorpusError(f"the training and test files of {folder} hold the same text")
    return Corpus(str(folder), Split(splits["train"]), Split(splits["valid"]), Split(splits["test"]), reading=reading)


def _split_files(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    found: dict[str, Path] = {}
    for split, words in _SPLIT_NAMES.items():
        matches = [file for file in files if set(re.split(r"[._-]", file.name.lower())) & set(words)]
        if set(matches) & set(found.values()):
            raise CorpusError(f"{folder}/{matches[0].name} is named like two splits; a split needs a file of its own")
        if len(matches) > 1:
            raise CorpusError(f"{folder} has more than one {split} file: {', '.join(file.name for file in matches)}")
        if matches:
            found[split] = matches[0]
        elif split != "valid":
            raise CorpusError(f"{folder} has no {split} file; it needs train.txt, test.txt and, best, valid.txt")
    return found


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error
    text = decode(data, str(path))
    if not text.strip():
        raise CorpusError(f"{path} is empty: there is nothing to score")
    return text
