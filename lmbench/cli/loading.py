"""Models and corpora for commands, with what loading them shows on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmbench.corpora.files import TextFormat
    from lmbench.corpus import Corpus
    from lmbench.model import LanguageModel


def prepare(model: LanguageModel, corpus: str) -> LanguageModel:
    """Load a model's weights, or fit it on the corpus of this name; return the model.

    Raises:
        LmbenchError: The weights are missing, or there is no such corpus.
    """
    from rich.console import Console

    from lmbench.cli.displays import NoticeDisplay, RunDisplay

    if model.traits.pretrained:
        model.prepare(None, NoticeDisplay())
        return model
    text = load_corpus(corpus).training
    with RunDisplay(Console(stderr=True)) as display:
        display.fit_started(corpus)
        model.prepare(text, display)
    return model


def load_corpus(name: str, form: TextFormat | None = None) -> Corpus:
    """Return the corpus of this name, showing a download's progress.

    Raises:
        LmbenchError: There is no such corpus, or it cannot be read.
    """
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay
    from lmbench.corpora import catalog
    from lmbench.corpora.files import LINES

    with DownloadDisplay(Console(stderr=True)) as display:
        return catalog.load_corpus(name, form or LINES, display)
