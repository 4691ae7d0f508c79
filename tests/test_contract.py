"""The scoring contract (docs/scoring.md), checked for every model."""

from functools import cache
from itertools import product
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from lmbench import ModelSpec, Split, TrainingText, build
from lmbench.checks import EDGE_TEXTS
from tests.checkpoints import BOS, byte_level, gpt2, save

TOKENIZERS = ("words", "pieces", "bytes", "bpe:300")
TRAINED = (
    "nltk:order=3",
    "nltk:smoothing=witten-bell",
    "nltk:smoothing=lidstone",
    "nltk:smoothing=laplace",
    "kenlm:order=4",
    "kenlm:order=3,min_count=1",
    "kenlm:order=3,prune=0-1,interpolate_unigrams=false",
    "ngram:order=3,smoothing=witten-bell",
    "ngram:order=3,smoothing=kneser-ney",
    "ngram:order=3,smoothing=good-turing",
    "cache",
    "hmm:states=3,iterations=5",
    "transformer:layers=1,width=16,heads=2,context=16,steps=20",
    "transformer:architecture=encoder-decoder,layers=1,width=16,heads=2,context=8,steps=20",
)
SPECS = [
    "uniform",
    "ppm:order=3",
    "ppm:order=3,escape=c",
    "hf",
    "mix:kenlm:order=3+cache:window=9",
    *(f"{spec}{',' if ':' in spec else ':'}tokenizer={tokenizer}" for spec in TRAINED for tokenizer in TOKENIZERS),
]
DISTRIBUTIONS = [*SPECS, *(f"nltk:smoothing=mle,order=1,tokenizer={tokenizer}" for tokenizer in TOKENIZERS)]

LINES = ("a b c\n", "ab ca\nb\n", "abc abc a\n", "c\nba ab\n") * 4
HISTORIES = ("", "a", "a b", "zzz", "ab c", "a b c\n", "a b c\nab ", "c\n\n", "汉 ", "a  ")
ODD = (*EDGE_TEXTS.values(), "a b c", "abc " * 2000 + "\n")


@cache
def fitted(spec):
    if spec == "hf":
        return pretrained()
    model = build(spec)
    model.fit(TrainingText(Split(LINES), Split(LINES[:3]), tokenized=True))
    return model


def pretrained():
    """Load a GPT-2 with small random weights into memory."""
    with TemporaryDirectory() as folder:
        tokenizer = byte_level()
        save(folder, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)
        model = build(ModelSpec("hf", (("path", folder),)))
        model.load()
    return model


def probability(spec, documents):
    return sum(float(np.exp(score.logprobs.sum())) for score in fitted(spec).score(documents))


@pytest.mark.parametrize("spec", SPECS)
def test_lines_of_up_to_four_letters_sum_to_at_most_one(spec):
    """A line with its end is not a prefix of another, so the lines are exclusive."""
    lines = ["".join(letters) + "\n" for length in range(5) for letters in product("abc", repeat=length)]
    assert 0 < probability(spec, lines) <= 1 + 1e-9


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_texts_of_one_length_sum_to_at_most_one(spec, length):
    assert 0 < probability(spec, ["".join(letters) for letters in product("abc", repeat=length)]) <= 1 + 1e-9


@pytest.mark.parametrize("spec", DISTRIBUTIONS)
def test_next_events_sum_to_one(spec):
    for history in HISTORIES:
        assert np.exp(fitted(spec).next_events(history).logprobs).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_next_events_agree_with_the_scores(spec):
    """Every tokenizer has the line end as an event."""
    model = fitted(spec)
    for text in ("", "a b c", "a b c\nab", "zzz zzz"):
        [score] = model.score([text + "\n"])
        nexts = read_events(model, text, score) if spec == "hf" else model.next_events(text)
        end = nexts.names.index("\n")
        assert nexts.logprobs[end] == pytest.approx(score.logprobs[-1], abs=1e-4)


def read_events(model, text, score):
    """Return the events after a text that is read event by event; after its bytes alone, other tokens may end it."""
    state, start = model.state_after(""), 0
    for end in score.ends[:-1]:
        state.advance(state.next_events().spellings.index(text.encode()[start:end]))
        start = end
    return state.next_events()


@pytest.mark.parametrize("spec", SPECS)
def test_no_score_depends_on_later_text(spec):
    """The texts are cut at line ends, which end an event in every tokenizer."""
    model = fitted(spec)
    whole, changed, cut = model.score(["a b c\nab\n" + "c ba\n" * 3, "a b c\nab\nzzz 汉 " * 2, "a b c\nab\n"])
    events = len(cut.logprobs)
    np.testing.assert_allclose(whole.logprobs[:events], cut.logprobs, atol=1e-5)
    np.testing.assert_allclose(changed.logprobs[:events], cut.logprobs, atol=1e-5)


@pytest.mark.parametrize("spec", SPECS)
def test_a_text_costs_as_much_as_its_two_parts(spec):
    """The sum is exact at boundaries that keep the events of the first part; elsewhere, part of an event is given."""
    model, text = fitted(spec), "a b c\nab ca  abc\n zzz \u6c49a\u6c49\n"
    pairs = [(text[:seam], text[seam:]) for seam in range(len(text) + 1)]
    [whole], beginnings = model.score([text]), model.score([beginning for beginning, _ in pairs])
    exact = 0
    for (beginning, rest), first, nats in zip(pairs, beginnings, model.score_continuations(pairs), strict=True):
        before = whole.ends <= len(beginning.encode())
        if spec == "hf" and beginning:  # it conditions on bytes, which more tokens spell than those of the score
            assert first.logprobs.sum() + nats <= whole.logprobs.sum() + 1e-4
            exact += 1
        elif first.ends.tolist() == whole.ends[before].tolist():
            exact += 1
            assert first.logprobs.sum() + nats == pytest.approx(whole.logprobs.sum(), abs=1e-4), (beginning, rest)
        else:
            assert whole.logprobs[~before].sum() - 1e-4 <= nats <= 0, (beginning, rest)
    assert exact >= 5  # the empty text, three line ends, the whole text


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "bpe" not in spec and spec != "hf"])
@pytest.mark.parametrize("beginning", ["a b", "", "zzz z"])
def test_letters_after_a_beginning_sum_to_at_most_one(spec, beginning):
    """Conditional probabilities inside words are probabilities."""
    pairs = [(beginning, "".join(letters)) for letters in product("abc", repeat=2)]
    assert 0 < np.exp(fitted(spec).score_continuations(pairs)).sum() <= 1 + 1e-6


@pytest.mark.parametrize("spec", SPECS)
def test_batches_change_nothing(spec):
    documents = ["a b c\n", "", "abc abc a\nb\n" * 5, "zzz", "c\n"]
    model = fitted(spec)
    together = model.score(documents)
    reordered = model.score(documents[::-1])[::-1]
    for document, first, second in zip(documents, together, reordered, strict=True):
        [alone] = model.score([document])
        np.testing.assert_allclose(alone.logprobs, first.logprobs, atol=1e-5)
        np.testing.assert_allclose(alone.logprobs, second.logprobs, atol=1e-5)


@pytest.mark.parametrize("spec", SPECS)
def test_odd_texts_are_spelled_exactly(spec):
    for document, score in zip(ODD, fitted(spec).score(ODD), strict=True):
        score.check(document)
        line_ends = [offset + 1 for offset, byte in enumerate(document.encode()) if byte == ord("\n")]
        assert [end for end in score.ends.tolist() if document.encode()[end - 1 : end] == b"\n"] == line_ends


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec != "hf"])
def test_fitting_twice_gives_the_same_model(spec):
    again = build(spec)
    again.fit(TrainingText(Split(LINES), Split(LINES[:3]), tokenized=True))
    [first] = fitted(spec).score(["a b c\nab zzz\n"])
    [second] = again.score(["a b c\nab zzz\n"])
    assert first.logprobs.tolist() == second.logprobs.tolist()
    assert str(again.signature()) == str(fitted(spec).signature())
