"""Corpora that users bring: a text file, a folder with splits, or standard input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from lmbench.corpora import documents
from lmbench.corpora.documents import OwnText
from lmbench.corpora.formats import AUTO, TextFormat
from lmbench.corpus import DIVIDED, HELD_OUT, NO_TEXT, Corpus, Split, divide, hold_out, separates_words
from lmbench.errors import CorpusError
from lmbench.printable import printable
from lmbench.progress import SILENT, Progress

_SPLIT_NAMES = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
_USE = {"training": "learn from", "test": "score"}
_PLACES = {"stdin": "standard input"}


def read_path(path: Path, text_format: TextFormat = AUTO, progress: Progress = SILENT, whole: bool = False) -> Corpus:
    """Read the corpus in a text file, or in a folder with train, valid and test files.

    The documents of a single file are divided, in order, into three parts of 80, 10 and 10 %. If a folder lacks a
    validation file, the last 10 % of its training documents are held out. Files may be compressed, and a byte-order
    mark is skipped. Plain UTF-8 text of more than 64 MiB stays on disk. The words of treebanks keep their tags.

    Args:
        path: The file or folder.
        text_format: How to read the bytes of the files.
        progress: Receives lines that say how files are read, unless the user has chosen it.
        whole: Whether nothing is fitted on the corpus. All of a single file is then its test split, and a folder does
            not need a train file.

    Raises:
        CorpusError: The text cannot be read, is empty, or cannot be divided.
    """
    try:
        if path.is_dir():
            return _read_folder(path, text_format, progress, whole)
    except OSError as error:
        raise CorpusError(f"cannot read {printable(str(error.filename or path))}: {error.strerror}") from error
    text = documents.read_file(path, text_format, progress)
    return _make_from_file(printable(str(path)), text, progress, whole)


def read_standard_input(text_format: TextFormat = AUTO, progress: Progress = SILENT, whole: bool = False) -> Corpus:
    """Read the corpus in standard input, as from a single file.

    Raises:
        CorpusError: The text cannot be read, is empty, or cannot be divided.
    """
    return _make_from_file("stdin", documents.read_standard_input(text_format, progress), progress, whole)


def _make_from_file(name: str, text: OwnText, progress: Progress, whole: bool) -> Corpus:
    documents.announce(name, [text], progress)
    if whole:
        return _make_corpus(name, NO_TEXT, NO_TEXT, text.split, f"{text.provenance},scored=all")
    return _make_corpus(name, *_divide(name, text), f"{text.provenance},{DIVIDED}")


def _divide(name: str, text: OwnText) -> tuple[Split, Split, Split]:
    found = text.split.documents
    if len(found) >= 3:
        return divide(text.split)
    is_tagged = text.split.tagged is not None
    unit = "document" if is_tagged else text.provenance.partition(",")[0].removesuffix("s")
    hint = "" if is_tagged else _too_few_hint(found, unit)
    count = f"{len(found)} document{'s' * (len(found) != 1)} (unit: {unit})"
    raise CorpusError(
        f"{_PLACES.get(name, name)} has {count}, and three splits need at least 3; {hint}give a folder with train, "
        "valid and test files"
    )


def _too_few_hint(found: Sequence[str], unit: str) -> str:
    if unit == "line":
        return "only \\n ends a line, and it has \\r alone; " if any("\r" in text for text in found) else ""
    return "choose a smaller unit with --documents, or "


def _read_folder(folder: Path, text_format: TextFormat, progress: Progress, whole: bool) -> Corpus:
    files = _find_split_files(folder, whole)
    _check_distinct(files, folder)
    name = printable(str(folder))
    texts = _read_files(files, text_format, progress)
    documents.announce(name, list(texts.values()), progress)
    splits = {split: text.split for split, text in texts.items()}
    provenance = f"{_join_provenances({split: text.provenance for split, text in texts.items()})},split=files"
    if "valid" not in splits and "train" in splits:
        splits["train"], splits["valid"] = _hold_out(splits["train"], folder)
        provenance += f",{HELD_OUT}"
    train, valid, test = (splits.get(split, NO_TEXT) for split in _SPLIT_NAMES)
    corpus = _make_corpus(name, train, valid, test, provenance)
    for one, other in combinations(splits, 2):
        if splits[one].fingerprint == splits[other].fingerprint:
            raise CorpusError(f"the {one} and {other} files of {corpus.name} hold the same text")
    return corpus


def _read_files(files: Mapping[str, Path], text_format: TextFormat, progress: Progress) -> dict[str, OwnText]:
    """Read the files of all splits with the unit of documents that suits the first one."""
    texts = {split: documents.read_file(file, text_format, progress) for split, file in files.items()}
    unit = next((text.unit for text in texts.values() if text.unit), None)
    for split, text in texts.items():
        if text.unit not in (None, unit):
            again = documents.read_file(files[split], replace(text_format, unit=unit), progress)
            texts[split] = replace(again, unit=unit)
    return texts


def _check_distinct(files: Mapping[str, Path], folder: Path) -> None:
    """Check that no file is another one by way of a link."""
    for (one, path), (other, linked) in combinations(files.items(), 2):
        if path.samefile(linked):
            link = next((file.name for file in (linked, path) if file.is_symlink()), "")
            reason = f"{link} is a symbolic link" if link else f"{path.name} and {linked.name} are hard links"
            raise CorpusError(printable(f"the {one} and {other} files of {folder} are the same file: {reason}"))


def _hold_out(train: Split, folder: Path) -> tuple[Split, Split]:
    if len(train.documents) < 2:
        raise CorpusError(
            f"{folder} lacks a validation file, and its only training document cannot be divided; add valid.txt"
        )
    return hold_out(train)


def _join_provenances(provenances: Mapping[str, str]) -> str:
    """Return the provenance of all splits: a single one if they agree, else one for each split."""
    if len(set(provenances.values())) == 1:
        return next(iter(provenances.values()))
    return ",".join(f"{split}={provenance}" for split, provenance in provenances.items())


def _make_corpus(name: str, train: Split, valid: Split, test: Split, provenance: str) -> Corpus:
    for split, found in (("training", train), ("test", test)):
        if found.documents and not any(document.strip() for document in found.documents):
            raise CorpusError(f"the {split} split of {name} is blank: there is nothing to {_USE[split]}")
    tokenized = all(split.tagged is not None for split in (train, valid, test) if split.documents)
    spaced = separates_words(test.documents)
    return Corpus(name, train, valid, test, provenance=provenance, tokenized=tokenized, spaced=spaced)


def _find_split_files(folder: Path, whole: bool) -> dict[str, Path]:
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
        elif split == "test" or (split == "train" and not whole):
            raise CorpusError(f"{folder} lacks a {split} file; it needs train.txt, test.txt and preferably valid.txt")
    return found
