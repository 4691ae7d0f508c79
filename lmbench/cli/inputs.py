"""The corpora and models that a command names: load and prepare them, with progress on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmbench.corpora.options import CorpusOptions
    from lmbench.corpus import Corpus
    from lmbench.model import LanguageModel


def load_corpus(name: str, defaults: CorpusOptions | None = None) -> Corpus:
    """Return the corpus of this name.

    Args:
        name: A name of the catalog, a synthetic source, a path, or "-" for standard input; options may follow.
        defaults: Options that the name does not give.

    Raises:
        LmbenchError: The corpus is unknown, or cannot be read.
    """
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay
    from lmbench.corpora import loading
    from lmbench.corpora.options import NO_OPTIONS

    with DownloadDisplay(Console(stderr=True)) as display:
        return loading.load_corpus(name, defaults or NO_OPTIONS, display)


def load_documents(name: str, defaults: CorpusOptions) -> Sequence[str]:
    """Return the documents of a file, or of standard input ("-"), and say how they are read.

    Raises:
        LmbenchError: The text cannot be read.
    """
    from rich.console import Console

    from lmbench.cli.displays import DownloadDisplay
    from lmbench.corpora import loading

    with DownloadDisplay(Console(stderr=True)) as display:
        return loading.load_documents(name, defaults, display)


def prepare(model: LanguageModel, corpus: str, defaults: CorpusOptions | None = None) -> None:
    """Load a model's weights if it is pretrained, else fit it on a corpus.

    Args:
        model: The model.
        corpus: The name of the corpus. It is read only if the model is fitted.
        defaults: Options of a user's own text that the name does not give.

    Raises:
        LmbenchError: The weights are missing, or the corpus is unknown or cannot be read.
    """
    from rich.console import Console

    from lmbench.cli.displays import TaskDisplay
    from lmbench.progress import CheckedProgress

    is_pretrained = model.traits.pretrained
    text = None if is_pretrained else load_corpus(corpus, defaults).training
    label = "loading the model" if is_pretrained else f"fitting on {corpus}"
    with TaskDisplay(Console(stderr=True), label) as display:
        model.prepare(text, CheckedProgress(display))
