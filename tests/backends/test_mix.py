import numpy as np
import pytest

from lmbench import Corpus, ModelSpec, NotFittedError, Split, TrainingText, build
from lmbench.errors import SpecError, UnknownNameError
from lmbench.report.marks import Marks
from tests.running import run


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


def test_the_mixture_by_hand(english):
    mix, kenlm, cache = (
        fitted(spec, english) for spec in ("mix:kenlm:order=2+cache,weight=0.7", "kenlm:order=2", "cache")
    )
    text = "the cat sat zzz\nthe the\n"
    [score], [one], [two] = (model.score([text]) for model in (mix, kenlm, cache))
    expected = 0.7 * np.exp(one.logprobs) + 0.3 * np.exp(two.logprobs)
    np.testing.assert_allclose(np.exp(score.logprobs), expected, rtol=1e-12)
    np.testing.assert_allclose(score.spelling, one.spelling, atol=1e-9)  # both have the same words and letters
    nexts = [model.next_events("the cat").logprobs for model in (mix, kenlm, cache)]
    np.testing.assert_allclose(np.exp(nexts[0]), 0.7 * np.exp(nexts[1]) + 0.3 * np.exp(nexts[2]), rtol=1e-12)


def test_inside_a_word_by_hand(english):
    """log P( cat) minus log P(an event that begins with " c"), each of the weighted sum."""
    mix, *parts = (fitted(spec, english) for spec in ("mix:kenlm:order=2+cache,weight=0.7", "kenlm:order=2", "cache"))
    begins = [np.exp(part.state_after("the").prefix_logprob(b" c")) for part in parts]
    given = np.log(0.7 * begins[0] + 0.3 * begins[1])
    whole = mix.score(["the cat"])[0].logprobs[-1]
    assert 0 < begins[0] < 1
    assert mix.score_continuation("the c", "at") == pytest.approx(whole - given, abs=1e-9)


def test_the_probability_that_a_word_ends_by_hand(english):
    spec = "mix:kenlm:tokenizer=pieces;order=2+cache:tokenizer=pieces,weight=0.7"
    mix, *parts = (fitted(spec, english) for spec in (spec, "kenlm:tokenizer=pieces,order=2", "cache:tokenizer=pieces"))
    ends = [np.exp(part.state_after("the cat").boundary_logprob()) for part in parts]
    assert 0 < ends[0] < 1
    assert np.exp(mix.state_after("the cat").boundary_logprob()) == pytest.approx(0.7 * ends[0] + 0.3 * ends[1])


def test_the_weights_make_the_validation_split_most_likely(english):
    def likelihood(spec):
        return sum(score.logprobs.sum() for score in fitted(spec, english).score(english.valid.documents))

    tuned = likelihood("mix:kenlm:order=2+cache")
    assert tuned >= max(likelihood(f"mix:kenlm:order=2+cache,weight={weight}") for weight in (0.1, 0.5, 0.9)) - 1e-6


def test_semicolons_separate_the_options_of_a_model(english):
    model = fitted("mix:kenlm:order=2;min_count=1+cache:window=4;min_count=1+ngram:min_count=1", english)
    signature = str(model.signature())
    assert "order:2;" in signature
    assert "window=4" in signature
    assert "weights:tuned-on-valid" in signature
    assert model._weights.sum() == pytest.approx(1)
    assert str(ModelSpec.parse("mix:kenlm:order=2;min_count=1+cache")) == "mix:kenlm:order=2;min_count=1+cache"


def test_a_word_that_one_model_does_not_know_is_spelled(english):
    model = fitted("mix:kenlm:order=2;min_count=1+cache:min_count=3", english)
    text = "the saw log zzz\n"
    [score] = model.score([text])
    score.check(text)
    assert (score.spelling < 0).tolist() == [False, True, True, True, False]
    with pytest.raises(NotImplementedError, match="know different words"):
        model.next_events("the")


def test_without_validation_text_the_weights_are_equal(english):
    model = fitted("mix:kenlm+cache", TrainingText(english.train, Split(()), tokenized=True))
    assert model._weights.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("mix:kenlm+cache+ngram,weight=0.5", SpecError, "one weight is given for 3 models"),
        ("mix:kenlm:order=3,min_count=1+cache", UnknownNameError, "write ; between the options of a mixed model"),
        ("mix:kenlm;order=3+cache", SpecError, "write : before the first option of a mixed model"),
        ("mix:kenlm:tokenizer=words+cache:tokenizer=bytes", SpecError, "tokenizer=words and bytes; choose one"),
        ("mix:ngram:smoothing=mle+cache", SpecError, "choose another smoothing"),
        ("mix:kenlm", SpecError, "a mixture needs two or more models"),
        ("mix:kenlm+kache", UnknownNameError, "unknown model 'kache'; did you mean 'cache'"),
        ("mix:kenlm:ordr=3+cache", UnknownNameError, "unknown option of kenlm 'ordr'"),
        ("mix:kenlm+", SpecError, "does not name a model"),
        ("mix:kenlm+cache,weight=2", SpecError, "weight=2: Input should be less than 1"),
        ("mix:mix:kenlm+cache", SpecError, "a mixture cannot contain another"),
    ],
)
def test_invalid_mixtures_are_refused(spec, error, message):
    with pytest.raises(error, match=message):
        build(spec)


def test_all_models_use_the_tokenizer_that_one_names(english):
    assert english.tokenized  # so that a model without a tokenizer option would cut words
    model = fitted("mix:kenlm:order=2;tokenizer=bytes+cache", english)
    assert str(model.signature()).count("tok:bytes") == 2


def test_models_of_other_events_cannot_be_mixed(english):
    with pytest.raises(SpecError, match="cut the text into different events"):
        fitted("mix:kenlm+uniform", english)


def test_a_pretrained_part_marks_the_mixture(tmp_path, english):
    """The table marks the cell, and the signature says it, though the mixture itself is fitted."""
    fitted("kenlm:order=2", english).export(tmp_path / "x.arpa")
    corpus = Corpus("toy", english.train, english.valid, Split(("the cat sat\n",)), provenance="lines", tokenized=True)
    directory = run(f"mix:arpa:{tmp_path}/x.arpa+cache,mix", [corpus], tmp_path / "run")
    mixed, own = directory.cells()
    assert mixed.signature.startswith("weights:pretrained|mix:")
    assert "†" in Marks.of(directory).label(mixed.label, [mixed])
    assert (mixed.pretrained, own.pretrained) == (True, False)
    assert "weights:pretrained" not in own.signature


def test_the_remarks_of_a_part_are_those_of_the_mixture():
    assert build("mix:hmm:budget=9s+hmm:states=2;budget=9s").remarks() == ("time-limited",)


def test_scoring_before_fitting_is_an_error():
    model = build("mix")
    for ask in (lambda: model.score(["a"]), lambda: model.next_events("a"), model.signature):
        with pytest.raises(NotFittedError, match="this Mix is not ready; call prepare first"):
            ask()
