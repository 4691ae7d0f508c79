"""``lmbench score``, ``generate`` and ``inspect``: one model and one text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmbench.cli.loading import prepare
from lmbench.cli.options import fitted_on
from lmbench.errors import LmbenchError

if TYPE_CHECKING:
    from lmbench.score import Score


@click.command(
    epilog="""\b
Examples:
  lmbench score kenlm:order=3 my/text.txt --corpus wikitext-2
  echo 'the cat' | lmbench score uniform -"""
)
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@fitted_on
@click.option("--encoding", default="utf-8", show_default=True, help="Of the text.")
def score(model: str, file: Path, corpus: str, encoding: str) -> None:
    """Print each event of a text, with its surprisal in bits (and, of these, the bits for spelling an unknown word)."""
    from lmbench.corpora.files import read_text
    from lmbench.registry import build

    document = read_text(file, encoding)
    built = prepare(build(model), corpus)
    scored = built.score([document])[0].check(document)
    click.echo("start\tend\tbits\tspelling\tevent")
    for line in _surprisals(document, scored):
        click.echo(line)


@click.command(
    epilog="""\b
Examples:
  lmbench generate kenlm --prompt "the cat" --corpus fables-en
  lmbench generate transformer --prompt "狐狸" --corpus fables-zh --temperature 0.8 --num 3
  lmbench generate gpt2 --prompt "我是一个程序员" --top-k 50 --top-p 0.95 --seed 1"""
)
@click.argument("model")
@click.option("--prompt", default="", help="What the text begins with. [default: nothing]")
@click.option("--max-new-tokens", type=click.IntRange(0), default=50, show_default=True, help="Most events to add.")
@click.option("--temperature", type=float, help="0: always the likeliest event. [default: 0, or 1 with the next two]")
@click.option("--top-k", type=int, default=0, metavar="K", help="Draw from the K likeliest events. [default: all]")
@click.option("--top-p", type=float, default=1.0, metavar="P", help="Draw from the likeliest that have P together.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draws.")
@click.option("--num", type=click.IntRange(1), default=1, show_default=True, help="Number of texts.")
@fitted_on
def generate(
    model: str,
    prompt: str,
    max_new_tokens: int,
    temperature: float | None,
    top_k: int,
    top_p: float,
    seed: int,
    num: int,
    corpus: str,
) -> None:
    """Write on from a prompt: the likeliest event each time, or events drawn at random."""
    from lmbench import generation
    from lmbench.printable import printable_lines
    from lmbench.registry import build

    sampler = generation.Sampler(temperature, top_k, top_p, seed)
    if num > 1 and sampler.is_greedy:
        raise LmbenchError(f"without a temperature all {num} texts would be the same; add --temperature 1")
    _encodable(prompt)
    built = prepare(build(model), corpus)
    for number in range(num):
        if num > 1:
            click.echo(f"--- {number + 1} of {num}")
        click.echo(printable_lines(prompt), nl=False)
        for part in generation.generate(built, prompt, max_new_tokens, sampler, number):
            click.echo(printable_lines(part), nl=False)
        click.echo()


@click.command(
    epilog="""\b
Examples:
  lmbench inspect hmm:states=16 --corpus fables-en
  lmbench inspect hmm --save states.png"""
)
@click.argument("model")
@fitted_on
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE.png",
    help="Draw it into a picture, too.",
)
def inspect(model: str, corpus: str, save: Path | None) -> None:
    """Fit a model and show what it learned, where it has something to show."""
    from rich.console import Console

    from lmbench.model import LanguageModel
    from lmbench.registry import build
    from lmbench.report import exhibits

    if save is not None and save.suffix.lower() != ".png":
        raise LmbenchError(f"'{save}' does not end in .png, and pictures are PNG")
    if save is not None and not save.parent.is_dir():
        raise LmbenchError(f"there is no folder '{save.parent}' to save a picture in")
    built = build(model)
    if type(built).exhibits is LanguageModel.exhibits:
        raise LmbenchError(f"{model} has nothing to show of what it learned")
    prepare(built, corpus)
    shown = built.exhibits()
    console = Console()
    for exhibit in shown:
        console.print(exhibits.terminal(exhibit))
    if save is not None:
        from lmbench.report import plots

        save.write_bytes(plots.picture(shown))
        click.echo(f"Written: {save}")


def _encodable(prompt: str) -> None:
    """Raises LmbenchError for what the shell gave that is no UTF-8."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise LmbenchError(f"the prompt is not UTF-8 at character {error.start}") from None


def _surprisals(document: str, scored: Score) -> list[str]:
    from lmbench.metrics import bits

    data = document.encode()
    starts = [0, *scored.ends.tolist()][: len(scored.ends)]
    columns = zip(starts, scored.ends.tolist(), bits(scored.logprobs), bits(scored.spelling), strict=True)
    return [
        f"{start}\t{end}\t{cost:.4f}\t{spelling:.4f}\t{_shown(data[start:end])}"
        for start, end, cost, spelling in columns
    ]


def _shown(event: bytes) -> str:
    """An event's text with everything unprintable escaped; as bytes where it ends inside a character."""
    try:
        return repr(event.decode())
    except UnicodeDecodeError:
        return repr(event)
