"""Corpora that users bring: a text file, a folder with splits, or standard input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from lmbench.corpora import documents
from lmbench.corpora.documents import OwnText
from lmbench.corpora.formats import LINES, TextFormat
from lmbench.corpora.splitting import divide, hold_out, separates_words
from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress

_SPLIT_NAMES = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
_USE = {"training": "learn from", "test": "score"}


def read_path(path: Path, text_format: TextFormat = LINES, progress: Progress = SILENT) -> Corpus:
    """Read the corpus in a text file, or in a folder with train, valid and test files.

    The documents of a single file are divided, in order, into three parts of 80, 10 and 10 %. If a folder lacks a
    validation file, the last 10 % of its training documents are held out. Files may be compressed, and a byte-order
    mark is skipped. Plain UTF-8 text of more than 64 MiB stays on disk. The words of treebanks keep their tags.

    Args:
        path: The file or folder.
        text_format: How to read the bytes of the files.
        progress: Receives a line for each file that is not plain text, which says how it is read.

    Raises:
        CorpusError: The text cannot be read, is empty, or cannot be divided.
    """
    try:
        if path.is_dir():
            return _read_folder(path, text_format, progress)
    except OSError as error:
        raise CorpusError(f"cannot read {printable(str(error.filename or path))}: {error.strerror}") from error
    return _divide(printable(str(path)), documents.read_file(path, text_format, progress))


def read_standard_input(text_format: TextFormat = LINES, progress: Progress = SILENT) -> Corpus:
    """Read the corpus in standard input, as from a single file.

    Raises:
        CorpusError: The text cannot be read, is empty, or cannot be divided.
    """
    return _divide("stdin", documents.read_standard_input(text_format, progress), "standard input")


def _divide(name: str, text: OwnText, place: str = "") -> Corpus:
    """Divide the documents of a single file into a corpus; `place` names the file in errors, by default `name`."""
    whole, found = text.split, text.split.documents
    if len(found) < 3:
        unit = "document" if whole.tagged else text.provenance.partition(",")[0].removesuffix("s")
        hint = "" if whole.tagged else _too_few_hint(found, unit)
        raise CorpusError(
            f"{place or name} has {len(found)} document{'s' * (len(found) != 1)} (unit: {unit}), and three splits need "
            f"at least 3; {hint}give a folder with train, valid and test files"
        )
    train, valid, test = divide(found)
    first = len(train.documents)
    second = first + len(valid.documents)
    parts = (_add_tags(train, whole, 0), _add_tags(valid, whole, first), _add_tags(test, whole, second))
    return _make_corpus(name, *parts, f"{text.provenance},split=80/10/10-contiguous")


def _add_tags(part: Split, whole: Split, first: int) -> Split:
    """Return `part`, whose first document is number `first` of `whole`, with the tags of `whole`, if any."""
    return part if whole.tagged is None else Split(part.documents, whole.tagged[first : first + len(part.documents)])


def _too_few_hint(found: Sequence[str], unit: str) -> str:
    if unit == "line":
        return "only \\n ends a line, and it has \\r alone; " if any("\r" in text for text in found) else ""
    return "choose a smaller unit with --documents, or "


def _read_folder(folder: Path, text_format: TextFormat, progress: Progress) -> Corpus:
    files = _find_split_files(folder)
    _check_distinct(files, folder)
    texts = {split: documents.read_file(file, text_format, progress) for split, file in files.items()}
    splits = {split: text.split for split, text in texts.items()}
    provenance = f"{_join_provenances({split: text.provenance for split, text in texts.items()})},split=files"
    if "valid" not in splits:
        splits["train"], splits["valid"] = _hold_out(splits["train"], folder)
        provenance += ",valid=last-10%-of-train"
    corpus = _make_corpus(printable(str(folder)), splits["train"], splits["valid"], splits["test"], provenance)
    for one, other in combinations(("train", "valid", "test"), 2):
        if getattr(corpus, one).fingerprint == getattr(corpus, other).fingerprint:
            raise CorpusError(f"the {one} and {other} files of {corpus.name} hold the same text")
    return corpus


def _check_distinct(files: Mapping[str, Path], folder: Path) -> None:
    """Check that no file is another one by way of a link."""
    for (one, path), (other, linked) in combinations(files.items(), 2):
        if path.samefile(linked):
            link = next((file.name for file in (linked, path) if file.is_symlink()), "")
            reason = f"{link} is a symbolic link" if link else f"{path.name} and {linked.name} are hard links"
            raise CorpusError(printable(f"the {one} and {other} files of {folder} are the same file: {reason}"))


def _hold_out(whole: Split, folder: Path) -> tuple[Split, Split]:
    if len(whole.documents) < 2:
        raise CorpusError(
            f"{folder} lacks a validation file, and its only training document cannot be divided; add valid.txt"
        )
    train, valid = map(Split, hold_out(whole.documents))
    return _add_tags(train, whole, 0), _add_tags(valid, whole, len(train.documents))


def _join_provenances(provenances: Mapping[str, str]) -> str:
    """Return the provenance of all splits: a single one if they agree, else one for each split."""
    if len(set(provenances.values())) == 1:
        return provenances["train"]
    return ",".join(f"{split}={provenance}" for split, provenance in provenances.items())


def _make_corpus(name: str, train: Split, valid: Split, test: Split, provenance: str) -> Corpus:
    for split, found in (("training", train), ("test", test)):
        if not any(document.strip() for document in found.documents):
            raise CorpusError(f"the {split} split of {name} is blank: there is nothing to {_USE[split]}")
    tokenized = all(split.tagged is not None for split in (train, valid, test))
    spaced = separates_words(test.documents)
    return Corpus(name, train, valid, test, provenance=provenance, tokenized=tokenized, spaced=spaced)


def _find_split_files(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if not file.is_dir() and not file.name.startswith("."))
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
            raise CorpusError(f"{folder} lacks a {split} file; it needs train.txt, test.txt and preferably valid.txt")
    return found
