"""Corpora from Hugging Face datasets: ``hf:DATASET[/CONFIG][:COLUMN]``, on the hub or in a local folder."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lmbench.corpora.encoding import refuse_no_text
from lmbench.corpora.files import LINES, TextFormat
from lmbench.corpora.splitting import cut, documents, hold_out, separates_words
from lmbench.corpus import Corpus, Split, line_ended
from lmbench.errors import CorpusError, UnavailableError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

PREFIX = "hf:"
_VALID_NAMES = ("validation", "valid", "dev", "val")


def read_dataset(name: str, form: TextFormat = LINES) -> Corpus:
    """The corpus that ``hf:DATASET[/CONFIG][:COLUMN]`` names.

    A document is a row of the column ("text", or the only one that holds strings), a line end added where it has none;
    with the format's unit, the rows are one text that is cut into these. Splits are the dataset's; without a validation
    split the last 10 % of the training rows are held out, and a dataset of one split is cut 80/10/10 in order. No code
    of a dataset is run. Raises UnavailableError where the dataset cannot be had, CorpusError where it has no such text.
    """
    if form.encoding != LINES.encoding or form.field is not None:
        raise CorpusError(f"'{name}' has its own encoding; its column is written hf:DATASET:COLUMN")
    unit = form.unit
    place, _, column = name.removeprefix(PREFIX).partition(":")
    if not place.strip("/"):
        raise CorpusError(f"'{name}' names no dataset; write hf:DATASET, hf:DATASET/CONFIG or hf:DATASET:COLUMN")
    path, config = _path_and_config(place)
    found = _load(path, config)
    column = _column(name, found, column)
    texts = {split: _documents(rows, column, unit) for split, rows in found.items()}
    train, valid, test, how = _splits(name, texts)
    provenance = f"{f'{unit}s' if unit else 'rows'},column={column},line-ends-added,split={how}"
    return Corpus(
        name,
        train,
        valid,
        test,
        provenance=provenance,
        description=f"Hugging Face dataset {place}",
        spaced=separates_words(test.documents),
    )


def _path_and_config(place: str) -> tuple[str, str | None]:
    """What names the dataset, a folder that exists or OWNER/NAME, and what is left of `place`: its configuration."""
    parts = place.split("/")
    folders = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    path = next((folder for folder in folders if folder and Path(folder).is_dir()), "/".join(parts[:2]))
    return path, place.removeprefix(path).strip("/") or None


def _load(path: str, config: str | None) -> DatasetDict:
    try:
        import datasets
    except ImportError as error:
        raise UnavailableError(
            "hf: corpora need the package datasets: pip install 'lmbench-suite[datasets]'"
        ) from error
    for noisy in ("datasets", "huggingface_hub"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(path, config)
    except (ValueError, FileNotFoundError) as error:  # no such configuration; no such dataset, or none with data
        raise CorpusError(f"hf:{path}: {error}") from error
    except datasets.exceptions.DatasetsError as error:
        raise CorpusError(f"hf:{path} cannot be read: {error.__cause__ or error}") from error
    except OSError as error:
        raise UnavailableError(f"hf:{path} cannot be had: {error}; a folder with its files works without") from error


def _column(name: str, found: DatasetDict, asked: str) -> str:
    features = next(iter(found.values())).features
    texts = [
        column for column, feature in features.items() if getattr(feature, "dtype", "") in ("string", "large_string")
    ]
    column = asked or ("text" if "text" in texts else texts[0] if len(texts) == 1 else "")
    if column not in texts:
        if not texts:
            raise CorpusError(f"{name} has no column of text; its columns are: {', '.join(features)}")
        wrong = f"no column '{column}' of text" if column else "several columns of text, and none is named"
        raise CorpusError(f"{name} has {wrong}; write hf:DATASET:COLUMN with one of: {', '.join(texts)}")
    return column


def _documents(rows: Dataset, column: str, unit: str | None) -> tuple[str, ...]:
    texts = tuple(refuse_no_text(line_ended(text), f"a row of {column}") for text in rows[column] if text is not None)
    return documents("".join(texts), unit) if unit else texts


def _splits(name: str, texts: dict[str, tuple[str, ...]]) -> tuple[Split, Split, Split, str]:
    """Training, validation and test splits, and how they came about."""
    if len(texts) == 1:
        [whole] = texts.values()
        if len(whole) < 3:
            raise CorpusError(f"{name} has {len(whole)} rows in one split, and three splits need at least 3")
        return *cut(whole), "80/10/10-contiguous"
    if "train" not in texts or "test" not in texts:
        raise CorpusError(f"{name} has the splits {', '.join(texts)}; a corpus needs train and test")
    valid = next((texts[split] for split in _VALID_NAMES if split in texts), None)
    if valid is not None:
        return Split(texts["train"]), Split(valid), Split(texts["test"]), "dataset"
    if len(texts["train"]) < 2:
        raise CorpusError(f"{name} has no validation split, and its one training row cannot be divided")
    train, last = hold_out(texts["train"])
    return Split(train), Split(last), Split(texts["test"]), "dataset,valid=last-10%-of-train"
