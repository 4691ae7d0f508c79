from itertools import product

import numpy as np
import pytest
from pydantic import Field

from lmbench import LanguageModel, ModelOptions, ModelSpec, Score, Signature, Split, TrainingText, build
from lmbench.errors import ScoreError, SpecError, UnknownNameError


class Options(ModelOptions):
    positional = "path"
    path: str = "."
    order: int = Field(3, ge=1, le=6)
    fast: bool = False


class Model(LanguageModel):
    Options = Options

    def score(self, documents):
        return []

    def signature(self):
        return Signature(())


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("kenlm", ["kenlm"]),
        ("kenlm:order=3", ["kenlm:order=3"]),
        ("kenlm:order=5,gpt2", ["kenlm:order=5", "gpt2"]),
        ("hmm:states=64,tokenizer=bpe:512,nltk", ["hmm:states=64,tokenizer=bpe:512", "nltk"]),
        ("hf:a/b,stride=256,uniform", ["hf:a/b,stride=256", "uniform"]),
        ("kenlm,order=3", ["kenlm:order=3"]),
        (" a , b ", ["a", "b"]),
    ],
)
def test_lists_of_specs(text, specs):
    assert [str(spec) for spec in ModelSpec.parse_list(text)] == specs


def test_options_are_typed():
    options = build("x:some/path,order=5,fast=true").options
    assert (options.path, options.order, options.fast) == ("some/path", 5, True)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("x:oder=3", UnknownNameError, "unknown option of x 'oder'; did you mean 'order'.*known: fast, order, path"),
        ("x:order=9", SpecError, "option order=9: Input should be less than or equal to 6"),
        ("x:order=three", SpecError, "option order=three: Input should be a valid integer"),
        ("x:order=3,order=4", SpecError, "'order' stands twice"),
        (":order=3", SpecError, "names no model"),
    ],
)
def test_wrong_specs_say_what_is_possible(text, error, message):
    with pytest.raises(error, match=message):
        build(text)


def test_no_model_at_all():
    with pytest.raises(SpecError, match="no model is named"):
        ModelSpec.parse_list(" , ")


def score(ends, logprobs, spelling=None):
    zeros = np.zeros(len(logprobs))
    return Score(np.array(ends), np.array(logprobs, dtype=float), zeros if spelling is None else np.array(spelling))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (score([1, 2], [-1, -1]), "end at byte 2 of a document of 3 bytes"),
        (score([], []), "end at byte 0 of a document of 3 bytes"),
        (score([2, 1, 3], [-1, -1, -1]), "event 1 ends before"),
        (score([1, 3], [-1, float("-inf")]), r"event 1 \('é', byte 1\).* is not finite"),
        (score([1, 3], [-1, float("nan")]), "not finite"),
        (score([1, 3], [0.1, -1]), "above 0"),
        (score([1, 3], [-1, -1], [-2.0, 0]), "spelling cost outside"),
        (score([1, 3], [-1, -1], [0.5, 0]), "spelling cost outside"),
        (score([1, 3], [-1]), "differ"),
    ],
)
def test_scores_that_break_the_contract(given, message):
    with pytest.raises(ScoreError, match=message):
        given.check("aé")


def test_scores_that_keep_it():
    assert score([1, 3], [-1, -1], [0, -0.5]).check("aé")
    assert score([], []).check("")


def test_a_model_without_fit_must_say_that_it_is_pretrained(english):
    with pytest.raises(NotImplementedError, match="does not say that it is pretrained"):
        Model().fit(english)


def test_signatures_read_like_sacrebleus():
    assert str(Signature.of(order=3, tok="words") + Signature.of(seed=0)) == "order:3|tok:words|seed:0"


CONTINUED = ("the cat sat\n", "the car sat\n", "a dog sat\n", "the cat ran\n", "the cow ran\n") * 3


def continued(spec):
    model = build(spec)
    model.fit(TrainingText(Split(CONTINUED), Split(CONTINUED[:2]), tokenized=True))
    return model


@pytest.mark.parametrize("spec", ["kenlm:order=3", "hmm:states=3", "nltk:order=2"])
def test_a_continuation_inside_a_word_is_divided_by_all_words_that_begin_so(spec):
    """Brute force over the vocabulary, and over the letters of what is no word of it."""
    model = continued(spec)
    nexts = model.next_events("the")
    probability = dict(zip(nexts.names, np.exp(nexts.logprobs), strict=True))
    known = ("cat", "car", "cow")
    lexicon = model._fitted.lexicon if spec.startswith("kenlm") else model._lexicon
    unknown = probability["<unk>"] * np.exp(lexicon._letters.prefix_logprob(b"c"))
    begun = sum(probability[word] for word in known) + unknown
    for word in known:
        nats = model.score_continuation("the c", word[1:])
        assert nats == pytest.approx(np.log(probability[word] / begun), abs=1e-5)
    [whole, word] = model.score(["the crab", "the"])
    given = np.log(begun)
    assert model.score_continuation("the c", "rab") == pytest.approx(whole.logprobs[-1] - given, abs=1e-5)


def test_all_rests_of_a_word_share_its_probability():
    model = continued("kenlm:order=2")
    letters = map(chr, range(ord("a"), ord("z") + 1))
    rests = [*letters, *map("".join, product("abcorstw", repeat=2))]
    assert 0.7 < sum(np.exp(model.score_continuation("the c", rest)) for rest in rests) <= 1 + 1e-6


@pytest.mark.parametrize("spec", ["kenlm:order=3", "ppm:order=3", "transformer:steps=20,layers=1,width=16,heads=2"])
def test_a_batch_of_continuations_is_each_alone(spec):
    model = continued(spec)
    pairs = [("the c", "at"), ("the", " cat"), ("", "the"), ("the cat", ""), ("the cat\nth", "e c"), ("我", "是")]
    costs = model.score_continuations(pairs)
    assert costs == pytest.approx([model.score_continuation(*pair) for pair in pairs], abs=1e-5)
    assert costs[3] == 0
    assert max(costs) <= 0
    [whole] = model.score(["the"])
    assert costs[2] == pytest.approx(whole.logprobs.sum(), abs=1e-5)


def test_a_rest_may_change_where_jieba_cuts_the_beginning():
    """\u7814\u7a76\u751f is one word alone; before \u547d it is \u7814\u7a76 and the beginning of \u751f\u547d."""
    pytest.importorskip("jieba", reason="the extra jieba is not installed")
    lines = (
        "\u7814\u7a76\u751f\u547d\n",
        "\u7814\u7a76\u751f\n",
        "\u7814\u7a76\u751f\u7269\n",
        "\u751f\u547d\u7814\u7a76\n",
    ) * 4
    model = build("kenlm:order=2,tokenizer=jieba,min_count=1")
    model.fit(TrainingText(Split(lines), Split(lines[:2])))
    [alone, whole] = model.score(["\u7814\u7a76\u751f", "\u7814\u7a76\u751f\u547d"])
    assert (alone.ends.tolist(), whole.ends.tolist()) == ([9], [6, 12])
    nexts = model.next_events("\u7814\u7a76")
    begun = [p for name, p in zip(nexts.names, np.exp(nexts.logprobs), strict=True) if name.startswith("\u751f")]
    unknown = np.exp(
        nexts.logprobs[nexts.names.index("<unk>")] + model._fitted.lexicon._letters.prefix_logprob("\u751f".encode())
    )
    expected = whole.logprobs[1] - np.log(sum(begun) + unknown)
    assert model.score_continuation("\u7814\u7a76\u751f", "\u547d") == pytest.approx(expected, abs=1e-6)


def test_an_event_without_bytes_is_not_part_of_an_empty_beginning():
    """As the space is that SentencePiece puts before a text."""

    class Spaced(Model):
        def score(self, documents):
            return [Score(np.array([0, len(document)]), np.array([-1.0, -3.0]), np.zeros(2)) for document in documents]

    assert Spaced().score_continuation("", "cd") == -4.0


def test_a_model_without_a_distribution_counts_an_event_across_the_seam_in_full():
    class Lines(Model):
        def score(self, documents):
            return [Score(np.array([len(document)]), np.array([-3.0]), np.zeros(1)) for document in documents]

    assert Lines().score_continuation("ab", "cd") == -3.0
    assert Lines().score_continuation("ab", "") == 0
