"""``lmbench export``: a model as a file or folder in its field's format, written completely or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from lmbench.cli.loading import prepare
from lmbench.cli.options import fitted_on
from lmbench.errors import ResultsError, SpecError
from lmbench.model import Exportable, LanguageModel, ModelSpec


@click.command(
    epilog="""\b
Examples:
  lmbench export kenlm:order=3 model.arpa --corpus wikitext-2
  lmbench run --models kenlm:path=model.arpa,escaped=true --corpora wikitext-2"""
)
@click.argument("model")
@click.argument("path", type=click.Path(path_type=Path))
@fitted_on
def export(model: str, path: Path, corpus: str) -> None:
    """Write a fitted model for other programs: n-grams as an ARPA file, a Transformer as a folder."""
    from lmbench.registry import build

    spec = ModelSpec.parse(model)
    built = build(spec)
    exportable = check_export(built, spec, path)
    prepare(built, corpus)
    for written in write_export(exportable, spec, path):
        click.echo(f"Written: {written}")


def check_export(model: LanguageModel, spec: ModelSpec, path: Path) -> Exportable:
    """Return the model if it can be exported to `path`. Nothing needs to be fitted yet.

    What a model puts beside `path` is checked when it is written.

    Raises:
        SpecError: The model has no export.
        ResultsError: The path is taken, or its folder does not exist.
    """
    if not isinstance(model, Exportable):
        raise SpecError(f"'{spec}' cannot be exported: its field has no format for it")
    try:
        model.check_exportable()
    except SpecError as reason:
        raise SpecError(f"'{spec}' cannot be exported: {reason}") from reason
    _check_free(path)
    if not path.absolute().parent.is_dir():
        raise ResultsError(f"cannot write {path}: there is no folder '{path.absolute().parent}'")
    return model


def write_export(model: Exportable, spec: ModelSpec, path: Path) -> list[Path]:
    """Export a fitted model to `path`, which appears only when everything is complete.

    Returns:
        What was written: first what the model put beside `path`, if anything.

    Raises:
        SpecError: What was learned cannot be written in the format.
        ResultsError: A path is taken.
    """
    with tempfile.TemporaryDirectory(prefix=".lmbench-", dir=path.absolute().parent) as folder:
        unfinished = Path(folder) / path.name
        try:
            model.export(unfinished)
        except SpecError as reason:
            raise SpecError(f"'{spec}' cannot be exported: {reason}") from reason
        parts = sorted(Path(folder).iterdir(), key=lambda part: part == unfinished)
        written = [path.with_name(part.name) for part in parts]
        for place in written:
            _check_free(place)
        for part, place in zip(parts, written, strict=True):
            part.rename(place)
        return written


def _check_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise ResultsError(f"{path} exists already; choose another path or remove it")
