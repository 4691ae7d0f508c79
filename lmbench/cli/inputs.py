"""The corpora and models that a command names: load and prepare them, with progress on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmbench.corpora.formats import TextFormat
    from lmbench.corpus import Corpus
    from lmbench.model import LanguageModel


def load_corpus(name: str, text_format: TextFormat | None = None) -> Corpus:
    """Return the corpus of this name.

    Args:
        name: A name of the catalog, a synthetic source, a path, or "-" for standard input.
        text_format: How to read a user's text; by default, as UTF-8 lines.

    Raises:
        LmbenchError: The corpus is unknown, or cannot be read.
    """
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay
    from lmbench.corpora import loading
    from lmbench.corpora.formats import LINES

    with DownloadDisplay(Console(stderr=True)) as display:
        return loading.load_corpus(name, text_format or LINES, display)


def load_text(name: str, text_format: TextFormat) -> str:
    """Return the text of a file, or of standard input ("-"), and say how it is read.

    Raises:
        LmbenchError: The text cannot be read.
    """
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay
    from lmbench.corpora import loading

    with DownloadDisplay(Console(stderr=True)) as display:
        return loading.load_text(name, text_format, display)


def prepare(model: LanguageModel, corpus: str) -> None:
    """Load a model's weights if it is pretrained, else fit it on a corpus.

    Args:
        model: The model.
        corpus: The name of the corpus. It is read only if the model is fitted.

    Raises:
        LmbenchError: The weights are missing, or the corpus is unknown or cannot be read.
    """
    from rich.console import Console

    from lmbench.cli.displays import NoticeDisplay, RunDisplay
    from lmbench.progress import CheckedProgress

    if model.traits.pretrained:
        model.prepare(None, CheckedProgress(NoticeDisplay()))
        return
    text = load_corpus(corpus).training
    with RunDisplay(Console(stderr=True)) as display:
        display.fit_started(corpus)
        model.prepare(text, CheckedProgress(display))
