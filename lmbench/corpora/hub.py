"""Corpora from Hugging Face datasets: ``hf:DATASET[/CONFIG][:COLUMN]``, on the hub or in a local folder."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lmbench.corpora.encoding import check_text
from lmbench.corpora.formats import AUTO, TextFormat
from lmbench.corpora.splitting import cut_into_documents, strip_lines
from lmbench.corpus import DIVIDED, HELD_OUT, NO_TEXT, Corpus, Split, divide, hold_out, separates_words, with_line_end
from lmbench.errors import CorpusError, UnavailableError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

PREFIX = "hf:"
_VALID_NAMES = ("validation", "valid", "dev", "val")


def read_dataset(name: str, text_format: TextFormat = AUTO, whole: bool = False) -> Corpus:
    """Read the corpus that ``hf:DATASET[/CONFIG][:COLUMN]`` names. No code of the dataset is run.

    A document is a row of the column, with a line end added if it lacks one. The column is "text" by default, or the
    only one that holds strings. The splits are the dataset's. Without a validation split, the last 10 % of the training
    rows are held out. A dataset of one split is divided 80/10/10, in order.

    Args:
        name: The dataset's name, prefix included.
        text_format: Its field is the column, unless the name has one. Its unit, if any, joins the rows into one text
            and cuts that into documents.
        whole: Whether nothing is fitted on the corpus. The only split of a dataset is then scored as a whole, and a
            training split is not needed.

    Raises:
        UnavailableError: The dataset cannot be downloaded, or the package datasets is not installed.
        CorpusError: The dataset does not exist, or lacks the column or the splits.
    """
    if text_format.encoding != AUTO.encoding or text_format.layout:
        raise CorpusError(f"'{name}' has its own format and encoding; leave out --format and --encoding")
    place, _, column = name.removeprefix(PREFIX).partition(":")
    if not place.strip("/"):
        raise CorpusError(f"'{name}' does not name a dataset; write hf:DATASET, hf:DATASET/CONFIG or hf:DATASET:COLUMN")
    dataset = _load_dataset(*_path_and_config(place))
    column = _choose_column(name, dataset, column or text_format.field or "")
    texts = {split: Split(_documents(rows, column, text_format)) for split, rows in dataset.items()}
    train, valid, test, origin = _make_splits(name, texts, whole)
    unit = f"{text_format.unit}s" if text_format.unit else "rows"
    stripped = ",lines-stripped" if text_format.strip else ""
    provenance = f"{unit},column={column},line-ends-added{stripped},{origin}"
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


def _documents(rows: Dataset, column: str, text_format: TextFormat) -> tuple[str, ...]:
    texts = tuple(check_text(with_line_end(text), f"a row of {column}") for text in rows[column] if text is not None)
    if text_format.strip:
        texts = tuple(map(strip_lines, texts))
    return cut_into_documents("".join(texts), text_format.unit) if text_format.unit else texts


def _make_splits(name: str, texts: dict[str, Split], whole: bool) -> tuple[Split, Split, Split, str]:
    """Return training, validation and test splits, and their origin, for the provenance."""
    if len(texts) == 1:
        [only] = texts.values()
        return (NO_TEXT, NO_TEXT, only, "scored=all") if whole else (*_divide(name, only), DIVIDED)
    if "test" not in texts or ("train" not in texts and not whole):
        raise CorpusError(f"{name} has the splits {', '.join(texts)}; a corpus needs train and test")
    train, test = texts.get("train", NO_TEXT), texts["test"]
    valid = next((texts[split] for split in _VALID_NAMES if split in texts), None)
    if valid is not None or train is NO_TEXT:
        return train, valid or NO_TEXT, test, "split=dataset"
    if len(train.documents) < 2:
        raise CorpusError(f"{name} lacks a validation split, and its only training row cannot be divided")
    return *hold_out(train), test, f"split=dataset,{HELD_OUT}"


def _divide(name: str, only: Split) -> tuple[Split, Split, Split]:
    if len(only.documents) < 3:
        raise CorpusError(f"{name} has {len(only.documents)} rows in one split, and three splits need at least 3")
    return divide(only)
