"""The command line: ``lmbench run``, ``report``, ``models``, ``corpora``, ``score``, ``generate``, ``export``,
``inspect``, ``check``, ``new-model``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lmbench.corpora.splitting import DOCUMENT_UNITS
from lmbench.errors import LmbenchError, PluginError, UnknownNameError
from lmbench.runs import interrupts

# What a command needs is imported inside it: `lmbench --help` must not wait for torch.
if TYPE_CHECKING:
    from lmbench.corpora.files import TextFormat
    from lmbench.corpus import Corpus
    from lmbench.model import LanguageModel, ModelSpec, Score
    from lmbench.runs.store import RunDirectory
    from lmbench.spec import Options


Command = TypeVar("Command", bound=Callable[..., None])

_SHOWN = "\n\t\u200c\u200d"  # control characters that lay text out or join its letters


class _Commands(click.Group):
    """A group whose unknown commands get the same kind of error as unknown models."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            raise UnknownNameError("command", cmd_name, self.commands)
        return command


def _text_format(command: Command) -> Command:
    """The options that say how the bytes of what a user has are read."""
    for option in reversed(
        (
            click.option(
                "--documents",
                type=click.Choice(DOCUMENT_UNITS),
                help="What one document of a file is. [default: line; of JSON lines, a record]",
            ),
            click.option("--encoding", default="utf-8", show_default=True, help="Of files and of standard input."),
            click.option(
                "--field", metavar="NAME", help="The text's name in JSON lines. [default: text, in files named .jsonl]"
            ),
        )
    ):
        command = option(command)
    return command


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    # read by libgomp when torch is imported: threads that spin while they wait train at an eighth of the speed beside
    # other work (docs/transformer.md)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        cli.main(prog_name="lmbench", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        _fail(error.format_message())
    except LmbenchError as error:
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except BrokenPipeError:  # `lmbench … | head` has read enough
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror}")


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  lmbench run --models all
  lmbench run --models kenlm:order=3,hmm:states=64 --corpora my/text.txt
  lmbench models kenlm""",
)
@click.version_option(package_name="lmbench")
@click.option("--offline", is_flag=True, help="Download nothing: neither corpora nor models.")
def cli(offline: bool) -> None:
    """How many bits does each language model need to spell the same text?"""
    if offline:
        os.environ |= {"LMBENCH_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}  # for the processes of cells, too


@cli.command(
    epilog="""\b
Examples:
  lmbench run --models all                      every model on the embedded corpora
  lmbench run --models kenlm,nltk:order=2 --corpora wikitext-2
  lmbench run --models all --corpora book.txt --documents block
  lmbench run --models all --out results/mine   go on with an interrupted run"""
)
@click.option("--models", required=True, metavar="LIST", help="'all', or comma-separated NAME[:option=value,…].")
@click.option(
    "--corpora",
    default="pydocs,fables-en,fables-zh,markov,hidden-markov,grammar,recall",
    show_default=True,
    metavar="LIST",
    help="Comma-separated names, files, folders, hf:DATASET; '-' is standard input. A source may have options: "
    "markov:order=3,lines=100000.",
)
@_text_format
@click.option("--check/--no-check", default=True, help="Whether models go through the conformance suite first.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of every model that has one.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory; an interrupted run there goes on. [default: results/run-TIME]",
)
def run(
    models: str,
    corpora: str,
    documents: str | None,
    encoding: str,
    field: str | None,
    check: bool,
    seed: int | None,
    out: Path | None,
) -> None:
    """Score models on corpora and write the tables."""
    with interrupts.held():
        from rich.console import Console

        from lmbench.cli.displays import TerminalWatcher
        from lmbench.corpora.files import TextFormat
        from lmbench.runs import runner
        from lmbench.runs.store import RunDirectory

    specs = _specs(models, seed)
    texts = _corpora(corpora, TextFormat(documents, encoding, field))
    path = out or _new_folder(Path("results"))
    try:
        with TerminalWatcher(Console(stderr=True)) as watcher:
            directory = runner.run(specs, texts, path, watcher, check)
    except KeyboardInterrupt:
        if not RunDirectory.is_at(path):
            raise
        kept = len(RunDirectory.open(path).cells())
        click.echo(
            f"Interrupted: {kept} of {len(specs) * len(texts)} cells are kept; repeat it with --out {path} to go on.",
            err=True,
        )
        sys.exit(130)
    _write_report(directory)
    _print_tables(directory)
    cells = directory.cells()
    if any(cell.status == "failed" for cell in cells) or not any(cell.status == "ok" for cell in cells):
        sys.exit(1)


@cli.command(epilog="\b\nExample:\n  lmbench report results/run-20260101-120000")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
def report(directory: Path) -> None:
    """Rebuild the tables and pictures of a run from its files."""
    from lmbench.runs.store import RunDirectory

    opened = RunDirectory.open(directory)
    _write_report(opened)
    _print_tables(opened)


@cli.command(epilog="\b\nExamples:\n  lmbench models\n  lmbench models kenlm")
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the models, or explain one and its options."""
    from lmbench.model import ModelSpec
    from lmbench.registry import model_class, registered, shadowed

    if name is not None:
        model = model_class(ModelSpec(name))
        click.echo(f"{name}: {_docstring(model)}\n")
        for line in _explained_options(model.Options):
            click.echo(line)
        return
    for entry in registered().values():
        try:
            summary = _docstring(entry.load()).splitlines()[0]
        except PluginError as error:
            summary = f"broken: {error}"
        click.echo(f"{entry.name:<14} {summary} [{entry.origin} {entry.version}]")
    for entry in shadowed():
        owner = registered()[entry.name].origin
        click.echo(f"{entry.name:<14} not used: the name is {owner}'s [{entry.origin} {entry.version}]")


@cli.group(
    cls=_Commands,
    invoke_without_command=True,
    epilog="""\b
Examples:
  lmbench corpora
  lmbench corpora show wikitext-2
  lmbench corpora fetch wikitext-2 war-and-peace
  lmbench corpora check my/text.txt""",
)
@click.pass_context
def corpora(context: click.Context) -> None:
    """List the corpora that have a name; a path to a text file or a folder is one too."""
    from lmbench.cli.corpora_listing import listing
    from lmbench.corpora.catalog import EMBEDDED

    if context.invoked_subcommand is None:
        for line in listing({name: make() for name, make in EMBEDDED.items()}):
            click.echo(line)


@corpora.command(epilog="\b\nExample:\n  lmbench corpora show wikitext-2")
@click.argument("name")
@_text_format
def show(name: str, documents: str | None, encoding: str, field: str | None) -> None:
    """Explain a corpus: license, files, splits, and what the literature reports on it."""
    from lmbench.cli.corpora_listing import explained, splits
    from lmbench.corpora.catalog import catalog, read_entry
    from lmbench.corpora.files import TextFormat
    from lmbench.corpora.synthetic.registry import SOURCES, is_source
    from lmbench.spec import Spec

    entry = catalog().get(name)
    if entry is None:
        corpus = _loaded(name, TextFormat(documents, encoding, field))
        lines = [f"{corpus.name}: {corpus.description}\n", f"  read as   {corpus.reading}", *splits(corpus)]
        if is_source(name):
            lines += ["", *_explained_options(SOURCES[Spec.parse(name).name])]
    else:
        lines = list(
            explained(name, entry, read_entry(name, entry) if entry.is_here and entry.holds == "text" else None)
        )
    for line in lines:
        click.echo(line)


@corpora.command(
    "check", epilog="\b\nExamples:\n  lmbench corpora check wikitext-2\n  lmbench corpora check my/text.txt"
)
@click.argument("names", nargs=-1, required=True)
@_text_format
def check_corpora(names: tuple[str, ...], documents: str | None, encoding: str, field: str | None) -> None:
    """Say how much of a test split stands in the training split too: 13-grams, and whole documents."""
    from lmbench.corpora.files import TextFormat
    from lmbench.corpora.overlap import overlap

    for name in names:
        click.echo(f"{name}: {overlap(_loaded(name, TextFormat(documents, encoding, field)))}")


@corpora.command(epilog="\b\nExample:\n  lmbench corpora fetch wikitext-2 war-and-peace")
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Download corpora of the catalog into the user's cache, verified; what is here already is only verified."""
    from rich.console import Console

    from lmbench.cli.displays import DownloadWatcher
    from lmbench.corpora.catalog import entry_named

    entries = {name: entry_named(name) for name in names}
    for name, entry in entries.items():
        with DownloadWatcher(Console(stderr=True)) as watcher:
            places = [entry.fetch(file, watcher.received) for file in entry.files]
        folder = os.path.commonpath([place.parent for place in places])
        click.echo(f"{name}: {len(places)} file{'s' * (len(places) != 1)}, verified, in {folder}")


@cli.command(
    epilog="""\b
Examples:
  lmbench score kenlm:order=3 my/text.txt --corpus wikitext-2
  echo 'the cat' | lmbench score uniform -"""
)
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--corpus",
    default="pydocs",
    show_default=True,
    metavar="NAME",
    help="What a model that is not pretrained is fitted on.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Of the text.")
def score(model: str, file: Path, corpus: str, encoding: str) -> None:
    """Print each event of a text, with its surprisal in bits (and, of these, the bits for spelling an unknown word)."""
    from lmbench.corpora.files import read_text

    document = read_text(file, encoding)
    built = _ready(model, corpus)
    scored = built.score([document])[0].check(document)
    click.echo("start\tend\tbits\tspelling\tevent")
    for line in _surprisals(document, scored):
        click.echo(line)


@cli.command(
    epilog="""\b
Examples:
  lmbench export kenlm:order=3 model.arpa --corpus wikitext-2
  lmbench run --models kenlm:path=model.arpa,escaped=true --corpora wikitext-2"""
)
@click.argument("model")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    default="pydocs",
    show_default=True,
    metavar="NAME",
    help="What a model that is not pretrained is fitted on.",
)
def export(model: str, path: Path, corpus: str) -> None:
    """Write a fitted model for other programs: n-grams as an ARPA file, a Transformer as a folder."""
    from lmbench.cli import exporting
    from lmbench.model import ModelSpec
    from lmbench.registry import build

    spec = ModelSpec.parse(model)
    built = build(spec)
    exporting.refuse(built, spec, path)
    _prepare(built, corpus)
    for written in exporting.write(built, spec, path):
        click.echo(f"Written: {written}")


@cli.command(
    epilog="""\b
Examples:
  lmbench inspect hmm:states=16 --corpus fables-en
  lmbench inspect hmm --save states.png"""
)
@click.argument("model")
@click.option("--corpus", default="pydocs", show_default=True, metavar="NAME", help="What the model is fitted on.")
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE.png",
    help="Draw it into a picture, too.",
)
def inspect(model: str, corpus: str, save: Path | None) -> None:
    """Fit a model and show what it learned, where it has something to show."""
    from rich.console import Console

    from lmbench.model import LanguageModel, ModelSpec
    from lmbench.registry import build
    from lmbench.report import exhibits

    if save is not None and save.suffix.lower() != ".png":
        raise LmbenchError(f"'{save}' does not end in .png, and pictures are PNG")
    if save is not None and not save.parent.is_dir():
        raise LmbenchError(f"there is no folder '{save.parent}' to save a picture in")
    built = build(ModelSpec.parse(model))
    if type(built).exhibits is LanguageModel.exhibits:
        raise LmbenchError(f"{model} has nothing to show of what it learned")
    _prepare(built, corpus)
    shown = built.exhibits()
    console = Console()
    for exhibit in shown:
        console.print(exhibits.terminal(exhibit))
    if save is not None:
        from lmbench.report import plots

        save.write_bytes(plots.picture(shown))
        click.echo(f"Written: {save}")


@cli.command(
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
@click.option(
    "--corpus",
    default="pydocs",
    show_default=True,
    metavar="NAME",
    help="What a model that is not pretrained is fitted on.",
)
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
    from lmbench import generation as sampling

    sampler = sampling.Sampler(temperature, top_k, top_p, seed)
    if num > 1 and sampler.is_greedy:
        raise LmbenchError(f"without a temperature all {num} texts would be the same; add --temperature 1")
    _encodable(prompt)
    built = _ready(model, corpus)
    for number in range(num):
        if num > 1:
            click.echo(f"--- {number + 1} of {num}")
        click.echo(_printable(prompt), nl=False)
        for part in sampling.generate(built, prompt, max_new_tokens, sampler, number):
            click.echo(_printable(part), nl=False)
        click.echo()


@cli.command(epilog="\b\nExamples:\n  lmbench check kenlm:order=3\n  lmbench check my-model --json")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON.")
def check(model: str, as_json: bool) -> None:
    """Run the conformance suite on a model: are its scores probabilities? Exit code 1 where a check fails."""
    from rich.console import Console

    from lmbench.checks import check_spec, doubt
    from lmbench.model import ModelSpec
    from lmbench.report import tables
    from lmbench.runs.store import Verification

    outcomes = check_spec(ModelSpec.parse(model), _tell_downloads)
    why = doubt(outcomes)
    if as_json:
        click.echo(Verification(model=model, doubt=why, outcomes=outcomes).model_dump_json(indent=1))
    else:
        Console().print(tables.checks(outcomes))
        click.echo(f"{model} is unverified: {why}" if why else f"{model} is verified.")
    if any(outcome.status == "fail" for outcome in outcomes):
        sys.exit(1)


@cli.command(
    "new-model", epilog="\b\nExample:\n  lmbench new-model my-model && cd lmbench-my-model && pip install -e '.[test]'"
)
@click.argument("name")
def new_model(name: str) -> None:
    """Write a small plugin package to start from, in the folder lmbench-NAME."""
    from lmbench.cli.scaffold import write_package

    folder = write_package(name, Path())
    click.echo(f"Written: {folder}. Install it and run its tests: cd {folder} && pip install -e '.[test]' && pytest")


def _ready(name: str, corpus: str) -> LanguageModel:
    """The model that a spec names, with its weights, or else fitted on a corpus. Raises LmbenchError."""
    from lmbench.model import ModelSpec
    from lmbench.registry import build

    model = build(ModelSpec.parse(name))
    _prepare(model, corpus)
    return model


def _prepare(model: LanguageModel, corpus: str) -> None:
    """Get a model's weights, or fit it on a corpus. Raises LmbenchError."""
    from rich.console import Console

    from lmbench.cli.displays import TerminalWatcher

    if model.pretrained:
        model.load(_tell_downloads)
        return
    text = _loaded(corpus).training
    with TerminalWatcher(Console(stderr=True)) as watcher:
        watcher.fitting(corpus)
        model.fit(text, watcher.progressed)


def _tell_downloads(message: str, share: float) -> None:
    from lmbench.model import announced_download

    if line := announced_download(message):
        click.echo(line, err=True)


def _encodable(prompt: str) -> None:
    """Raises LmbenchError for what the shell gave that is no UTF-8."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise LmbenchError(f"the prompt is not UTF-8 at character {error.start}") from None


def _printable(text: str) -> str:
    """A text with the characters escaped that a terminal would obey rather than show."""
    return "".join(map(_printable_character, text))


def _printable_character(character: str) -> str:
    import unicodedata

    shown = character in _SHOWN or not unicodedata.category(character).startswith("C")
    return character if shown else ascii(character)[1:-1]


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


def _new_folder(parent: Path) -> Path:
    """A folder named after the time, which no other run has."""
    name = datetime.now().strftime("run-%Y%m%d-%H%M%S")
    names = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next(parent / name for name in names if not (parent / name).exists())


def _specs(models: str, seed: int | None) -> list[ModelSpec]:
    """The model specs of the command line, each proved to be buildable; those of 'all' prove it in their cells."""
    from lmbench.model import ModelSpec
    from lmbench.registry import without_options

    specs: list[ModelSpec] = []
    for spec in ModelSpec.parse_list(models):
        if str(spec) == "all":
            specs += [ModelSpec(entry.name) for entry in without_options()]
        else:
            _prove(spec)
            specs.append(spec)
    specs = list(dict.fromkeys(specs))
    return specs if seed is None else [_seeded(spec, seed) for spec in specs]


def _prove(spec: ModelSpec) -> None:
    """Raises what a user can mend; a broken plugin is left to its cells, and stops no others."""
    from lmbench.registry import build

    try:
        build(spec)
    except PluginError:
        return


def _seeded(spec: ModelSpec, seed: int) -> ModelSpec:
    from lmbench.registry import model_class

    try:
        options = model_class(spec).Options
    except PluginError:  # its cells will say so
        return spec
    if "seed" not in options.model_fields or "seed" in dict(spec.arguments):
        return spec
    return type(spec)(spec.name, (*spec.arguments, ("seed", str(seed))))


def _corpora(names: str, form: TextFormat) -> list[Corpus]:
    from lmbench.corpora.catalog import corpus_names

    loaded = [_loaded(name, form) for name in corpus_names(names)]
    if not loaded:
        raise LmbenchError("no corpus is named; leave --corpora out for the embedded ones")
    return loaded


def _loaded(name: str, form: TextFormat | None = None) -> Corpus:
    """The corpus of this name; a download shows how it goes on."""
    from rich.console import Console

    from lmbench.cli.displays import DownloadWatcher
    from lmbench.corpora.catalog import load_corpus
    from lmbench.corpora.files import LINES

    with DownloadWatcher(Console(stderr=True)) as watcher:
        return load_corpus(name, form or LINES, watcher.received)


def _write_report(directory: RunDirectory) -> None:
    from lmbench.report import exhibits, tables

    tables.write(directory)
    exhibits.write(directory)


def _print_tables(directory: RunDirectory) -> None:
    from rich.console import Console

    from lmbench.report import tables

    console = Console()
    for table in tables.terminal(directory):
        console.print(table)
    console.print(f"Written: {directory.path}/table.md, table.csv", markup=False, soft_wrap=True)


def _explained_options(options: type[Options]) -> Iterator[str]:
    """One line for each option of a model or of a source."""
    for option, field in options.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default}"
        yield f"  {option:<15} {field.description or ''} ({default})"


def _docstring(model: type) -> str:
    from inspect import getdoc

    return getdoc(model) or model.__name__
