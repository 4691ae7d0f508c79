"""The corpora and models that a command names: load and prepare them, with progress on the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmbench.errors import LmbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmbench.corpora.options import CorpusOptions
    from lmbench.corpus import Corpus, TrainingText
    from lmbench.model import LanguageModel
    from lmbench.runs.fitted_models import Fit


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
        return loading.read_corpus(name, defaults or NO_OPTIONS, display)


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


def refuse_task(name: str, hint: str = "name it with --tasks") -> None:
    """Refuse the name of a task where a corpus is wanted.

    Args:
        name: The name.
        hint: What to do instead.

    Raises:
        LmbenchError: It is one, and no corpus of text has this name.
    """
    from lmbench.corpora.loading import is_text
    from lmbench.corpora.names import divide_name, is_path
    from lmbench.tasks.loading import known_names

    plain = divide_name(name).name
    if plain != "all" and plain in known_names() and not is_text(plain) and not is_path(plain):
        raise LmbenchError(f"'{plain}' is a task and not a corpus; {hint}")


def refuse_corpus(name: str) -> None:
    """Refuse the name of a corpus where a task is wanted.

    Raises:
        LmbenchError: It is one, and no task has this name.
    """
    from lmbench.corpora.loading import is_text
    from lmbench.corpora.names import divide_name
    from lmbench.tasks.loading import known_names

    plain = divide_name(name).name
    if is_text(plain) and plain.partition(":")[0] not in known_names():
        raise LmbenchError(f"'{plain}' is a corpus and not a task; name it with --corpora")


def require_utf8(text: str, name: str) -> None:
    """Check that the shell passed UTF-8: other bytes arrive as lone surrogates.

    Args:
        text: The text.
        name: What it is, for the message.

    Raises:
        LmbenchError: It has other bytes.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise LmbenchError(f"{name} is not UTF-8 at character {error.start}") from None


@dataclass(frozen=True, slots=True)
class Fitting:
    """How a command fits its model, unless that is pretrained.

    Attributes:
        corpus: The name of the corpus.
        defaults: Options of a user's own text that the name does not give.
        refit: Whether to fit the model even if it is stored.
    """

    corpus: str
    defaults: CorpusOptions
    refit: bool = False


def prepare(model: LanguageModel, spec: str, fitting: Fitting) -> None:
    """Load a model's weights if it is pretrained. Otherwise restore it from the store, or fit it.

    Args:
        model: The model.
        spec: Its spec, for messages and the list of stored models.
        fitting: How it is fitted. The corpus is read only if the model is not pretrained.

    Raises:
        LmbenchError: The weights are missing, or the corpus is unknown or cannot be read.
    """
    text = None if model.traits.pretrained else load_corpus(fitting.corpus, fitting.defaults).training
    prepare_on(model, spec, fitting, text)


def prepare_on(model: LanguageModel, spec: str, fitting: Fitting, text: TrainingText | None) -> None:
    """Prepare a model as `prepare` does, on a text that has been read.

    It gets as many threads as in a run, so that it has the same numbers.

    Args:
        model: The model.
        spec: Its spec.
        fitting: How it is fitted.
        text: The training text; ignored if the model is pretrained.
    """
    from rich.console import Console

    from lmbench.cli.displays import WorkDisplay
    from lmbench.progress import CheckedProgress
    from lmbench.runs.fitted_models import prepare_model

    is_pretrained = model.traits.pretrained
    label = "loading the model" if is_pretrained else f"fitting on {fitting.corpus}"
    with WorkDisplay(Console(stderr=True), label) as display:
        progress = CheckedProgress(display)
        _limit_threads(model)
        fit = None
        if text is not None and not (is_pretrained or fitting.refit):
            fit = _identify_fit(spec, fitting.corpus, text)
        prepared = prepare_model(model, text, fit, progress)
        if prepared is not None and prepared.was_stored:
            progress.notice(f"{spec} was fitted on {prepared.created[:10]} and stored; --refit fits it again")


def _limit_threads(model: LanguageModel) -> None:
    from lmbench.runs.machine import count_threads
    from lmbench.runs.processes import limit_threads

    limit_threads(count_threads(model.traits))


def _identify_fit(spec: str, corpus: str, text: TrainingText) -> Fit:
    from lmbench.identity import fit_key
    from lmbench.registry import resolve
    from lmbench.runs.fitted_models import Fit

    return Fit(fit_key(resolve(spec).identity(), text), spec, corpus)
