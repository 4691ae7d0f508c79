"""Corpora from Hugging Face datasets: ``hf:DATASET[/CONFIG][:COLUMN]``, on the hub or in a local folder."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lmbench.corpora.encoding import check_text
from lmbench.corpora.formats import LINES, TextFormat
from lmbench.corpora.splitting import cut_into_documents, divide, hold_out, separates_words
from lmbench.corpus import Corpus, Split, with_line_end
from lmbench.errors import CorpusError, UnavailableError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

PREFIX = "hf:"
_VALID_NAMES = ("validation", "valid", "dev", "val")


def read_dataset(name: str, text_format: TextFormat = LINES) -> Corpus:
    """Read the corpus that ``hf:DATASET[/CONFIG][:COLUMN]`` names. No code of the dataset is run.

    A document is a row of the column, with a line end added if it lacks one. The column is "text" by default, or the
    only one that holds strings. The splits are the dataset's. Without a validation split, the last 10 % of the training
    rows are held out. A dataset of one split is divided 80/10/10, in order.

    Args:
        name: The dataset's name, prefix included.
        text_format: Its unit, if any, joins the rows into one text and cuts that into documents.

    Raises:
        UnavailableError: The dataset cannot be downloaded, or the package datasets is not installed.
        CorpusError: The dataset does not exist, or lacks the column or the splits.
    """
    if text_format != TextFormat(text_format.unit):
        raise CorpusError(f"'{name}' has its own encoding; name its column as hf:DATASET:COLUMN")
    unit = text_format.unit
    place, _, column = name.removeprefix(PREFIX).partition(":")
    if not place.strip("/"):
        raise CorpusError(f"'{name}' does not name a dataset; write hf:DATASET, hf:DATASET/CONFIG or hf:DATASET:COLUMN")
    dataset = _load_dataset(*_path_and_config(place))
    column = _choose_column(name, dataset, column)
    texts = {split: _documents(rows, column, unit) for split, rows in dataset.items()}
    train, valid, test, origin = _make_splits(name, texts)
    provenance = f"{f'{unit}s' if unit else 'rows'},column={column},line-ends-added,split={origin}"
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
    """Divide `place` into the dataset (an existing folder, or else OWNER/NAME) and the configuration, if any."""
    parts = place.split("/")
    folders = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    path = next((folder for folder in folders if folder and Path(folder).is_dir()), "/".join(parts[:2]))
    return path, place.removeprefix(path).strip("/") or None


def _load_dataset(path: str, config: str | None) -> DatasetDict:
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
    except (ValueError, FileNotFoundError) as error:  # unknown configuration; unknown dataset, or one without data
        raise CorpusError(f"hf:{path}: {error}") from error
    except datasets.exceptions.DatasetsError as error:
        raise CorpusError(f"hf:{path} cannot be read: {error.__cause__ or error}") from error
    except OSError as error:
        raise UnavailableError(
            f"hf:{path} cannot be downloaded: {error}; give a local folder that holds its files"
        ) from error


def _choose_column(name: str, dataset: DatasetDict, requested: str) -> str:
    features = next(iter(dataset.values())).features
    texts = [
        column for column, feature in features.items() if getattr(feature, "dtype", "") in ("string", "large_string")
    ]
    column = requested or ("text" if "text" in texts else texts[0] if len(texts) == 1 else "")
    if column in texts:
        return column
    if not texts:
        raise CorpusError(f"{name} does not have a column of text; its columns are: {', '.join(features)}")
    wrong = f"does not have a text column '{column}'" if column else "has several text columns"
    raise CorpusError(f"{name} {wrong}; write hf:DATASET:COLUMN with one of: {', '.join(texts)}")


def _documents(rows: Dataset, column: str, unit: str | None) -> tuple[str, ...]:
    texts = tuple(check_text(with_line_end(text), f"a row of {column}") for text in rows[column] if text is not None)
    return cut_into_documents("".join(texts), unit) if unit else texts


def _make_splits(name: str, texts: dict[str, tuple[str, ...]]) -> tuple[Split, Split, Split, str]:
    """Return training, validation and test splits, and their origin, for the provenance."""
    if len(texts) == 1:
        [whole] = texts.values()
        if len(whole) < 3:
            raise CorpusError(f"{name} has {len(whole)} rows in one split, and three splits need at least 3")
        return *divide(whole), "80/10/10-contiguous"
    if "train" not in texts or "test" not in texts:
        raise CorpusError(f"{name} has the splits {', '.join(texts)}; a corpus needs train and test")
    valid = next((texts[split] for split in _VALID_NAMES if split in texts), None)
    if valid is not None:
        return Split(texts["train"]), Split(valid), Split(texts["test"]), "dataset"
    if len(texts["train"]) < 2:
        raise CorpusError(f"{name} lacks a validation split, and its only training row cannot be divided")
    train, last = hold_out(texts["train"])
    return Split(train), Split(last), Split(texts["test"]), "dataset,valid=last-10%-of-train"
