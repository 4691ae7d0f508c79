"""All sources by name, and the corpora that they generate from a seed."""

from __future__ import annotations

from itertools import compress

from lmbench.corpora.synthetic.base import SourceOptions, SyntheticSource
from lmbench.corpora.synthetic.grammar import GrammarOptions
from lmbench.corpora.synthetic.hidden_markov import HiddenMarkovOptions
from lmbench.corpora.synthetic.markov import MarkovOptions
from lmbench.corpora.synthetic.recall import RecallOptions
from lmbench.corpora.synthetic.translation import TranslationOptions
from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError
from lmbench.spec import Spec

SOURCES: dict[str, type[SourceOptions]] = {
    "markov": MarkovOptions,
    "hidden-markov": HiddenMarkovOptions,
    "grammar": GrammarOptions,
    "recall": RecallOptions,
    "translation": TranslationOptions,
}
"""The options of each source."""

_Lines = tuple[str, ...]

_MOST_EVENTS = 1 << 28  # of the training split, whose texts are held in memory


def is_source(name: str) -> bool:
    """Return whether a source has this name, with or without options: ``markov``, ``markov:order=3``."""
    return name.partition(":")[0].strip() in SOURCES


def read_options(spec: str) -> SourceOptions:
    """Return the options of a source such as ``markov:order=3``, and draw nothing.

    Raises:
        SpecError: An option has a wrong value.
        UnknownNameError: The source does not have this option.
    """
    parsed = Spec.parse(spec)
    return parsed.options(SOURCES[parsed.name])


def make_source(spec: str) -> SyntheticSource:
    """Return the source of a spec such as ``markov:order=3``. Raises as `read_options` does."""
    return read_options(spec).source()


def generate_corpus(spec: str) -> Corpus:
    """Generate the corpus of a source, one document a line.

    Args:
        spec: The source and its options, as in ``markov:order=3``.

    Raises:
        SpecError: An option has a wrong value.
        UnknownNameError: The source does not have this option.
        CorpusError: The text does not fit into memory.
    """
    parsed, options = Spec.parse(spec), read_options(spec)
    try:
        return _generate(str(parsed), parsed.name, options)
    except MemoryError:
        raise CorpusError(f"{parsed} does not fit into memory; reduce its options, lines first") from None


def _generate(name: str, kind: str, options: SourceOptions) -> Corpus:
    source = options.source()
    if options.lines * source.mean_events > _MOST_EVENTS:
        raise CorpusError(
            f"{name} is too large: its training split would have {options.lines:,} lines of {source.mean_events:,.0f} "
            f"words and line ends, and may have up to {_MOST_EVENTS:,} in all; reduce lines"
        )
    train, valid, test, floor = _draw_splits(source, options)
    if not (valid and test):
        raise CorpusError(
            f"the training split of {name} has all sentences of another split; increase nouns, or reduce lines"
        )
    rate = source.entropy_rate()
    return Corpus(
        name,
        Split(train),
        Split(valid),
        Split(test),
        provenance=",".join(["lines", f"source={kind}", *(f"{key}={value}" for key, value in options)]),
        tokenized=True,
        description=f"synthetic: {source.description}",
        floor=floor,
        floor_note="the source's own log-probability of the test text"
        + (f"; its entropy rate is {rate:.4f} bits per byte" if rate is not None else ""),
    )


def _draw_splits(source: SyntheticSource, options: SourceOptions) -> tuple[_Lines, _Lines, _Lines, tuple[float, ...]]:
    """Return the lines of the training, validation and test splits, and the nats that the source needs for the last."""
    texts: dict[str, list[str]] = {split: [] for split in options.split_lines}
    floor: list[float] = []
    known = frozenset[str]()
    for split, lines in options.split_lines.items():
        for symbols in source.draw_blocks(lines, options.generator(split)):
            drawn = source.texts(symbols)
            new = [text not in known for text in drawn]
            texts[split] += compress(drawn, new)
            floor += compress(source.costs(symbols).tolist(), new) if split == "test" else []
        known = frozenset(texts["train"]) if options.only_new else known
    train, valid, test = (tuple(texts.pop(split)) for split in ("train", "valid", "test"))
    return train, valid, test, tuple(floor)
