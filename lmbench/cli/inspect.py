"""``lmbench inspect``: what a model learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench import atomic
from lmbench.cli.inputs import prepare, require_utf8
from lmbench.cli.options import fitting_options
from lmbench.cli.output import echo
from lmbench.errors import LmbenchError
from lmbench.printable import show_spelling

if TYPE_CHECKING:
    from lmbench.cli.inputs import Fitting
    from lmbench.exhibit import Exhibit
    from lmbench.model import LanguageModel
    from lmbench.state import NextEvents

_SHOWN_EVENTS = 20


@click.command(
    epilog="""\b
Examples:
  lmbench inspect kenlm:order=3 --corpus fables-en
  lmbench inspect kenlm:order=3 --corpus fables-en --after 'The fox'
  lmbench inspect hmm --save states.png"""
)
@click.argument("model")
@click.option("--after", metavar="TEXT", help="Show instead the most likely events after this text.")
@fitting_options
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE",
    help="Also draw it as a picture: FILE.svg, FILE.png or FILE.pdf.",
)
def inspect(model: str, after: str | None, fitting: Fitting, save: Path | None) -> None:
    """Fit a model and show what it learned.

    N-gram models show discounts and back-off weights, ppm its contexts, hmm its states, and transformer its learning
    curve. Every model that offers a distribution over the next event shows it with --after.
    """
    from rich.console import Console

    from lmbench.corpora.loading import refuse_idle_options
    from lmbench.registry import build
    from lmbench.report import exhibits

    if save is not None:
        _check_picture_path(save)
    refuse_idle_options([fitting.corpus], fitting.defaults)
    built = build(model)
    _require_exhibits(built, model, after)
    prepare(built, model, fitting)
    shown = _list_exhibits(built, model, after)
    console = Console()
    for exhibit in shown:
        console.print(exhibits.terminal(exhibit))
    if save is not None:
        from lmbench.report import plots
        from lmbench.report.pictures import find_format

        atomic.write(save, plots.picture(shown, find_format(save)))
        echo(f"Written: {save}")


def _require_exhibits(model: LanguageModel, spec: str, after: str | None) -> None:
    """Check, before a model is fitted, that it can show what it learned."""
    from lmbench.model import LanguageModel

    if after is not None:
        require_utf8(after, "the text of --after")
    elif type(model).exhibits is LanguageModel.exhibits:
        raise _has_nothing_to_show(spec)


def _has_nothing_to_show(spec: str) -> LmbenchError:
    return LmbenchError(f"{spec} cannot show what it learned; --after TEXT shows the most likely events after a text")


def _list_exhibits(model: LanguageModel, spec: str, after: str | None) -> tuple[Exhibit, ...]:
    from lmbench.exhibit import plain_exhibits

    if after is None:
        if not (shown := plain_exhibits(model.exhibits())):  # as a KenLM binary, which does not list its words
            raise _has_nothing_to_show(spec)
        return shown
    try:
        return (_show_following(model.next_events(after), after),)
    except NotImplementedError as reason:
        raise LmbenchError(f"{spec} does not offer distributions: {reason}") from reason


def _show_following(following: NextEvents, text: str) -> Exhibit:
    """Return the most likely events of a distribution, with their costs."""
    import numpy as np

    from lmbench.exhibit import Exhibit
    from lmbench.metrics import bits

    order = np.argsort(-following.logprobs, kind="stable")[:_SHOWN_EVENTS]
    costs, probs = bits(following.logprobs), np.exp(following.logprobs)
    entropy = float(probs @ np.where(probs > 0, costs, 0.0))
    columns = (costs[order].tolist(), probs[order].tolist(), np.cumsum(probs[order]).tolist())
    return Exhibit(
        title=f"After {text!r}",
        shows=f"the most likely of {len(costs):,} events, without the spelling of unknown words; the entropy is "
        f"{entropy:.2f} bits",
        kind="table",
        columns=("event", "bits", "P", "sum of P"),
        rows=tuple(zip([_name(following, index) for index in order.tolist()], *columns, strict=True)),
    )


def _name(following: NextEvents, index: int) -> str:
    """Return the text that an event adds, in human-readable form: ``␣`` for a space."""
    spelling = following.spellings[index] if following.spellings else None
    if spelling is None:
        return following.names[index]
    return show_spelling(spelling)


def _check_picture_path(path: Path) -> None:
    from lmbench.report.pictures import find_format

    find_format(path)
    if not path.parent.is_dir():
        raise LmbenchError(f"cannot save the picture: the folder '{path.parent}' does not exist")
