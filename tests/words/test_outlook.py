"""Whether words end, against probabilities of texts, and a distribution over words."""

from itertools import product

import numpy as np
import pytest

from lmbench import LanguageModel, NextEvents, Score, Signature, Split, TrainingText, build, load_corpus
from lmbench.errors import LmbenchError
from lmbench.metrics import bits
from lmbench.words.outlook import look_ahead
from lmbench.words.spans import align_words, word_spans

SEPARATORS = (" ", "\t", "\r", "\n")
DOCUMENT = 'The fox saw a grape-vine,  and zxqy.\nIt said\t"sour"!'
LETTERS = "ab "


CHANCES = {"": (0.6, 0.4, 0, 0), " ": (0.3, 0.7, 0, 0), "a": (0.02, 0.03, 0.85, 0.1), "b": (0.4, 0.1, 0.4, 0.1)}


class Markov(LanguageModel):
    """Each letter depends on the one before it. The text ends with 0.1 after a letter, and never after a space."""

    def next_events(self, text):
        with np.errstate(divide="ignore"):
            return NextEvents((*LETTERS, "end"), np.log(CHANCES[text[-1:]]), (b"a", b"b", b" ", b""))

    def score(self, documents):
        return [self._score(document) for document in documents]

    def _score(self, document):
        places = zip(document, ("", *document), strict=False)
        nats = np.log([CHANCES[before][LETTERS.index(letter)] for letter, before in places])
        return Score(np.arange(1, len(document) + 1), nats, np.zeros(len(document)))

    def signature(self):
        return Signature()


def measure(model, document):
    """Return the rows of a document's words, their bits, and what the model expects."""
    [score] = model.score([document])
    rows = align_words(score.ends, word_spans(document))
    return rows, rows.sum(bits(score.logprobs)), look_ahead(model, document, score, rows)


def logprob(model, text):
    [score] = model.score([text])
    return float(score.logprobs.sum())


def fitted(spec):
    text = load_corpus("fables-en")
    model = build(spec)
    model.prepare(TrainingText(Split(text.train.documents[:8]), Split(text.valid.documents[:2])))
    return model


def test_words_that_include_their_end_are_a_distribution():
    """The spaces before words are not: "a" also stands for "ab", and nothing says that the text goes on."""
    leading, trailing = [], []
    for length in range(1, 9):
        for letters in product("ab", repeat=length):
            _, word_bits, outlook = measure(Markov(), f"ba {''.join(letters)}")
            leading.append(2 ** -word_bits[-1])
            trailing.append(2 ** -outlook.correct(word_bits)[-1])

    assert sum(trailing) + 0.1 / 0.95 == pytest.approx(1, abs=1e-4)  # the text may also end; longer words are left out
    assert sum(leading) + 0.1 > 1.2


@pytest.mark.parametrize("spec", ["ppm:order=2", "uniform", "ppm:adaptive=false"])
def test_the_end_of_a_word_of_bytes_is_the_mass_of_all_separators(spec):
    model = fitted(spec)
    rows, word_bits, outlook = measure(model, DOCUMENT)
    prefixes = [DOCUMENT.encode()[:end].decode() for end in rows.spans[:, 1]]
    ended = [np.logaddexp.reduce([logprob(model, text + space) for space in SEPARATORS]) for text in prefixes]

    assert outlook.correct(word_bits) == pytest.approx(bits(np.diff(ended, prepend=0.0)), abs=1e-6)


@pytest.mark.parametrize("spec", ["kenlm:order=3", "hmm:states=4,iterations=2", "cache", "ngram:order=2"])
def test_the_end_of_a_word_of_pieces_is_the_mass_of_pieces_that_begin_with_a_space(spec):
    """Of known pieces and of unknown ones, whose probability is that of a piece without its spelling."""
    model = fitted(spec)
    lexicon = getattr(model._fitted, "ngrams", model._fitted).lexicon
    rows, word_bits, outlook = measure(model, DOCUMENT)
    spaces = np.logaddexp.reduce([lexicon.letter_model.prefix_logprob(space) for space in (b" ", b"\t", b"\r")])
    ended = []
    for end in rows.spans[:, 1]:
        text = DOCUMENT.encode()[:end].decode()
        known = [piece for piece in lexicon.types[2:] if piece[0] in SEPARATORS]
        scores = model.score([text + piece for piece in ("\n", *known, " zxqv")])
        unknown = scores.pop()
        assert unknown.spelling[-1] < 0
        nats = [score.logprobs.sum() for score in scores] + [unknown.logprobs.sum() - unknown.spelling[-1] + spaces]
        ended.append(np.logaddexp.reduce(nats))

    assert outlook.correct(word_bits) == pytest.approx(bits(np.diff(ended, prepend=0.0)), abs=1e-6)


def test_a_word_that_is_an_event_has_ended():
    """Among words that white space separates, the next event always begins with white space, or is it."""
    _, word_bits, outlook = measure(fitted("kenlm:order=3,tokenizer=words"), DOCUMENT)

    assert outlook.ends == pytest.approx(np.zeros(10), abs=1e-6)
    assert outlook.correct(word_bits) == pytest.approx(word_bits, abs=1e-6)


@pytest.mark.parametrize("spec", ["kenlm:order=3", "ppm:order=2", "cache:tokenizer=bytes"])
def test_the_total_changes_by_the_end_of_the_last_word_alone(spec):
    model = fitted(spec)
    _, word_bits, outlook = measure(model, DOCUMENT)
    _, closed_bits, closed = measure(model, DOCUMENT + "\n")

    assert outlook.correct(word_bits).sum() - word_bits.sum() == pytest.approx(outlook.ends[-1])
    assert outlook.ends[-1] > 0
    assert closed.correct(closed_bits).sum() == pytest.approx(closed_bits.sum())


def test_the_entropy_and_the_rank_are_those_of_the_event_that_begins_the_word():
    _, _, outlook = measure(Markov(), "ba bb")

    assert outlook.entropies.tolist() == pytest.approx(
        [-sum(p * np.log2(p) for p in chances if p) for chances in (CHANCES[""], CHANCES["a"])]
    )
    assert outlook.ranks.tolist() == [2, 1]  # "b" at the start, and the space after "a"


def test_words_that_touch_are_not_corrected():
    document = "ab"
    [score] = Markov().score([document])
    rows = align_words(score.ends, np.array([[0, 1], [1, 2]]))

    assert look_ahead(Markov(), document, score, rows).ends.tolist() == [0.0, pytest.approx(-np.log2(0.5))]


def test_a_model_that_does_not_tell_the_texts_of_its_events_is_refused():
    class Silent(Markov):
        def next_events(self, text):
            return NextEvents(tuple("abcd"), np.log(np.full(4, 0.25)))

    with pytest.raises(LmbenchError, match="does not have an event for b'a'"):
        measure(Silent(), "a")
