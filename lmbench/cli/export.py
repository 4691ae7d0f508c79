"""``lmbench export``: write a fitted model in its field's format, completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench import atomic
from lmbench.cli.inputs import prepare
from lmbench.cli.options import fitting_options
from lmbench.cli.output import echo
from lmbench.errors import ResultsError, SpecError

if TYPE_CHECKING:
    from lmbench.cli.inputs import Fitting
    from lmbench.model import Exportable, LanguageModel, ModelSpec


@click.command(
    epilog="""\b
Examples:
  lmbench export kenlm:order=3 model.arpa --corpus wikitext-2
  lmbench run --models kenlm:path=model.arpa --corpora wikitext-2"""
)
@click.argument("model")
@click.argument("path", type=click.Path(path_type=Path))
@fitting_options
def export(model: str, path: Path, fitting: Fitting) -> None:
    """Export a fitted model for other programs.

    N-gram models become ARPA files, and Transformers become folders.
    """
    from lmbench.corpora.loading import refuse_idle_options
    from lmbench.model import ModelSpec
    from lmbench.registry import build

    refuse_idle_options([fitting.corpus], fitting.defaults)
    spec = ModelSpec.parse(model)
    built = build(spec)
    exportable = check_export(built, spec, path)
    prepare(built, model, fitting)
    for written in write_export(exportable, spec, path):
        echo(f"Written: {written}")
    for limit in exportable.export_limits():
        echo(f"Note: {limit}", err=True)


def check_export(model: LanguageModel, spec: ModelSpec, path: Path) -> Exportable:
    """Check, before a model is fitted, that it can be exported.

    Args:
        model: The model.
        spec: Its spec, for messages.
        path: The file or folder to write.

    Returns:
        The model.

    Raises:
        SpecError: The model cannot be exported, or not under these options.
        ResultsError: The path is taken, or its folder does not exist.
    """
    from lmbench.model import Exportable

    if not isinstance(model, Exportable):
        raise SpecError(f"'{spec}' cannot be exported: other programs do not have a format for this kind of model")
    with _naming(spec):
        model.check_exportable()
    atomic.check_free(path)
    if not path.absolute().parent.is_dir():
        raise ResultsError(f"cannot write {path}: the folder '{path.absolute().parent}' does not exist")
    return model


def write_export(model: Exportable, spec: ModelSpec, path: Path) -> list[Path]:
    """Export a fitted model. Nothing appears at `path` before everything is written.

    Args:
        model: The model.
        spec: Its spec, for messages.
        path: The file or folder to write.

    Returns:
        The paths that were written. `path` is the last one; the model may write other files next to it.

    Raises:
        SpecError: The format cannot hold what the model learned.
        ResultsError: A path is taken, or cannot be written.
    """
    with _naming(spec):
        return atomic.write_new(path, model.export)


@contextmanager
def _naming(spec: ModelSpec) -> Iterator[None]:
    """Say in a SpecError which model it is about."""
    try:
        yield
    except SpecError as reason:
        raise SpecError(f"'{spec}' cannot be exported: {reason}") from reason
