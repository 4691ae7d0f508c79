"""``lmbench generate``: text out of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lmbench.cli.inputs import prepare, require_utf8
from lmbench.cli.options import fitting_options
from lmbench.cli.output import echo, echo_text
from lmbench.errors import LmbenchError

if TYPE_CHECKING:
    from lmbench.cli.inputs import Fitting


@click.command(
    epilog="""\b
Examples:
  lmbench generate kenlm --prompt "the cat" --corpus fables-en
  lmbench generate transformer --prompt "狐狸" --corpus fables-zh --temperature 0.8 --num 3
  lmbench generate gpt2 --prompt "我是一个程序员" --top-k 50 --top-p 0.95 --seed 1"""
)
@click.argument("model")
@click.option("--prompt", default="", help="Text to continue. [default: empty]")
@click.option(
    "--max-new-tokens", type=click.IntRange(0), default=50, show_default=True, help="Maximum number of events to add."
)
@click.option(
    "--temperature",
    type=float,
    help="Sampling temperature; 0 always picks the most likely event. [default: 1 with --top-k or --top-p, else 0]",
)
@click.option("--top-k", type=int, default=0, metavar="K", help="Draw from the K most likely events. [default: all]")
@click.option(
    "--top-p",
    type=float,
    default=1.0,
    metavar="P",
    help="Nucleus sampling: draw from the smallest set of events with total probability P. [default: 1]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed.")
@click.option("--num", type=click.IntRange(1), default=1, show_default=True, help="Number of texts to generate.")
@fitting_options
def generate(
    model: str,
    prompt: str,
    max_new_tokens: int,
    temperature: float | None,
    top_k: int,
    top_p: float,
    seed: int,
    num: int,
    fitting: Fitting,
) -> None:
    """Continue a prompt.

    By default each event is the most likely one. The options below draw events at random instead.
    """
    from lmbench import generation
    from lmbench.corpora.loading import refuse_idle_options
    from lmbench.registry import build

    sampler = generation.Sampler(temperature, top_k, top_p, seed)
    if num > 1 and sampler.is_greedy:
        raise LmbenchError(f"without a temperature all {num} texts would be the same; add --temperature 1")
    require_utf8(prompt, "the prompt")
    refuse_idle_options([fitting.corpus], fitting.defaults)
    built = build(model)
    generation.require_distribution(built)
    prepare(built, model, fitting)
    for number in range(num):
        if num > 1:
            echo(f"--- {number + 1} of {num}")
        echo_text(prompt, end="")
        for part in generation.generate(built, prompt, max_new_tokens, sampler, number):
            echo_text(part, end="")
        echo()
