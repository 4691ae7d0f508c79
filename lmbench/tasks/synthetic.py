"""The task ``translation``: the synthetic language pair, whose right translations are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import get_args

import numpy as np

from lmbench.corpora.synthetic.sources import generate_corpus, make_source
from lmbench.corpora.synthetic.translation import MARK, Flaw, TranslationSource
from lmbench.errors import TaskError
from lmbench.tasks.distractors import shuffle_choices
from lmbench.tasks.task import Item
from lmbench.tasks.translation import Translation

NAME = "translation"
_MOST_ITEMS = 300


def load_translation(spec: str) -> Translation:
    """Return the task of a source such as ``translation:lines=2000``.

    Its items are the first 300 lines of the test split whose sentences are not in the training or the validation split.
    The wrong translations have another word, the order of the source, or an agreement with the wrong noun; one is that
    of another line.

    Raises:
        LmbenchError: An option has a wrong value, or the training split has all sentences of the test split.
    """
    source, corpus = make_source(spec), generate_corpus(spec)
    if not isinstance(source, TranslationSource):
        raise TaskError(f"'{spec}' is not a source of translations")
    seen = set(_sentences(corpus.train.lines)) | set(_sentences(corpus.valid.lines))
    pairs = dict(map(_cut, corpus.test.lines))
    asked = [(sentence, target) for sentence, target in pairs.items() if sentence not in seen][:_MOST_ITEMS]
    if not asked:
        raise TaskError(
            f"{spec}: the training split has all sentences of the test split; increase nouns, or reduce lines"
        )
    targets = sorted(set(pairs.values()))  # the order of a set differs between processes
    return Translation(
        spec,
        tuple(_ask(source, pair, targets, number) for number, pair in enumerate(asked, start=1)),
        corpus.training,
        spec,
        examples=tuple(_example(line, number) for number, line in enumerate(corpus.valid.lines, start=1)),
        description=corpus.description,
        provenance=corpus.provenance,
    )


def _ask(source: TranslationSource, pair: tuple[str, str], targets: Sequence[str], number: int) -> Item:
    sentence, target = pair
    generator = np.random.default_rng(number)
    wrong = [source.mistranslate(sentence, flaw, generator) for flaw in get_args(Flaw)]
    near = sorted(targets, key=lambda other: abs(len(other) - len(target)))[:8]
    wrong.append(str(generator.choice(near)))
    item = Item(str(number), f"{sentence} {MARK}", references=(target,))
    return shuffle_choices(item, [text for text in dict.fromkeys(wrong) if text != target], Random(number))


def _example(line: str, number: int) -> Item:
    sentence, target = _cut(line)
    return Item(f"example-{number}", f"{sentence} {MARK}", references=(target,))


def _sentences(lines: Iterable[str]) -> Iterable[str]:
    return (_cut(line)[0] for line in lines)


def _cut(line: str) -> tuple[str, str]:
    """Return the sentence of a line, and its translation."""
    sentence, _, target = line.partition(f" {MARK} ")
    return sentence, target
