"""Compare the tagging accuracy of lmbench's supervised hidden Markov model and NLTK's tagger on a test split.

    python benchmarks/tagging.py --corpus ud-english-ewt --tags upos

NLTK's tagger is trained by train_supervised with Lidstone's estimate and the same pseudo-count as lmbench's. Its
vocabulary holds every training word, so it learns nothing about unknown words. lmbench treats words that occur once as
unknown, and so learns which tags unknown words have. In the third row (nltk-unk), NLTK's tagger does the same: all
words that do not occur twice in training become one symbol.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from nltk.probability import FreqDist, LidstoneProbDist
from nltk.tag.hmm import HiddenMarkovModelTagger, HiddenMarkovModelTrainer

from lmbench import Split, load_corpus
from lmbench.backends.hmm.model import Hmm
from lmbench.backends.hmm.options import HmmOptions

_PRIOR = 0.01
_RARE = "\n"  # never occurs as a word
Sentences = list[list[tuple[str, str]]]


def main() -> None:
    """Print each tagger's accuracy on all words and on words not seen in training, and its times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="ud-english-ewt", help="tagged corpus")
    parser.add_argument("--tags", choices=("upos", "xpos"), default="upos", help="tag set")
    options = parser.parse_args()
    corpus = load_corpus(options.corpus)
    train, test = _sentences(corpus.train, options.tags), _sentences(corpus.test, options.tags)
    seen = {word for sentence in train for word, _ in sentence}
    print(f"{corpus.name}, {options.tags}: {sum(map(len, test)):,} test words")
    print("            all  unseen  train s  tag s")

    began = time.perf_counter()
    model = Hmm(HmmOptions(supervised=options.tags, prior=_PRIOR))
    model.fit(corpus.training)
    trained = time.perf_counter()
    found = model.tags([" ".join(word for word, _ in sentence) for sentence in test])
    _report("lmbench", test, found, seen, trained - began, time.perf_counter() - trained)

    words = seen | {word for sentence in test for word, _ in sentence}
    _compare("nltk", train, test, words, seen)
    counts = Counter(word for sentence in train for word, _ in sentence)
    twice = {word for word in seen if counts[word] > 1}
    _compare("nltk-unk", train, test, twice, seen)


def _compare(name: str, train: Sentences, test: Sentences, words: set[str], seen: set[str]) -> None:
    """Train NLTK's tagger and report its accuracy; words that are not in `words` become one symbol."""

    def replace_others(sentences: Sentences) -> Sentences:
        return [[(word if word in words else _RARE, tag) for word, tag in sentence] for sentence in sentences]

    began = time.perf_counter()
    peer = _train_nltk(replace_others(train), words | {_RARE} if words < seen else words)
    trained = time.perf_counter()
    found = [tuple(tag for _, tag in peer.tag([word for word, _ in sentence])) for sentence in replace_others(test)]
    _report(name, test, found, seen, trained - began, time.perf_counter() - trained)


def _sentences(split: Split, kind: str) -> Sentences:
    return [[(word.form, getattr(word, kind)) for word in line] for document in split.tagged or () for line in document]


def _train_nltk(train: Sentences, symbols: set[str]) -> HiddenMarkovModelTagger:
    def estimate(counts: FreqDist, bins: int) -> LidstoneProbDist:
        return LidstoneProbDist(counts, _PRIOR, bins)

    states = sorted({tag for sentence in train for _, tag in sentence})
    return HiddenMarkovModelTrainer(states, sorted(symbols)).train_supervised(train, estimator=estimate)


def _report(
    name: str, test: Sentences, found: list[tuple[str, ...]], seen: set[str], train_seconds: float, tag_seconds: float
) -> None:
    pairs = [
        (word, tag == given)
        for sentence, tags in zip(test, found, strict=True)
        for (word, tag), given in zip(sentence, tags, strict=True)
    ]
    unseen = [right for word, right in pairs if word not in seen]
    everywhere = sum(right for _, right in pairs) / len(pairs)
    print(f"{name:<8} {everywhere:>6.2%} {sum(unseen) / len(unseen):>7.2%} {train_seconds:>8.1f} {tag_seconds:>6.1f}")


if __name__ == "__main__":
    main()
