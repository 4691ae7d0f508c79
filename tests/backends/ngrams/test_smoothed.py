import numpy as np
import pytest

from lmbench import LmbenchError, ModelSpec, NotFittedError, Split, TrainingText, build
from lmbench.backends.ngrams.smoothed import NgramOptions
from lmbench.cli.export import write_export
from lmbench.errors import SpecError

SMOOTHINGS = NgramOptions.model_fields["smoothing"].annotation.__args__
POSITIVE = [name for name in SMOOTHINGS if name != "mle"]


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


@pytest.mark.parametrize("tokenizer", ["words", "pieces", "bytes"])
@pytest.mark.parametrize("smoothing", POSITIVE)
def test_texts_sum_to_at_most_one_and_distributions_to_one(letters, smoothing, tokenizer):
    model = fitted(f"ngram:order=3,smoothing={smoothing},tokenizer={tokenizer}", letters)
    texts = [a + b + "\n" for a in ("", "a", "b", "c", "z") for b in ("", "a", "b", "c", " ")]
    assert sum(np.exp(score.logprobs.sum()) for score in model.score(sorted(set(texts)))) <= 1 + 1e-9
    for text in ("", "a", "a b", "zzz", "ab zzz", "abc abc\nba", "汉"):
        assert np.exp(model.next_events(text).logprobs).sum() == pytest.approx(1, abs=1e-9)


def test_modified_kneser_ney_is_the_kenlm_models(english):
    own, kenlm = fitted("ngram:smoothing=modified-kneser-ney", english), build("kenlm")
    kenlm.fit(english)
    text = "the cat sat on zzz\n\nthe dog"
    np.testing.assert_allclose(own.score([text])[0].logprobs, kenlm.score([text])[0].logprobs, atol=1e-6)


def test_relative_frequencies_fail_on_unseen_events(english):
    model = fitted("ngram:smoothing=mle,order=2", english)
    assert np.isfinite(model.score(["the cat sat on the mat\n"])[0].logprobs).all()
    text = "mat cat\n"
    with pytest.raises(LmbenchError, match="gives the event no probability"):
        model.score([text])[0].check(text)


def test_jelinek_mercer_is_tuned_on_the_validation_split(english):
    tuned = fitted("ngram:smoothing=jelinek-mercer,order=3", english)
    assert "weights=held-out" in str(tuned.signature())
    other = TrainingText(english.train, Split(("mat mat mat\n",)), tokenized=True)
    text = english.valid.documents[0]
    worse = fitted("ngram:smoothing=jelinek-mercer,order=3", other)
    assert tuned.score([text])[0].logprobs.sum() > worse.score([text])[0].logprobs.sum()


@pytest.mark.parametrize("smoothing", POSITIVE)
def test_an_export_scores_as_the_model_that_wrote_it(tmp_path, english, smoothing):
    model = fitted(f"ngram:order=3,min_count=1,smoothing={smoothing}", english)
    write_export(model, ModelSpec("ngram"), tmp_path / "x.arpa")
    read = build(ModelSpec("arpa", (("path", str(tmp_path / "x.arpa")),)))
    read.load()
    text = "the cat sat on a log\n\nzzz the dog\n"
    [own], [others] = model.score([text]), read.score([text])
    np.testing.assert_allclose(own.logprobs - own.spelling, others.logprobs - others.spelling, atol=2e-6)


def test_relative_frequencies_cannot_be_exported(tmp_path, english):
    with pytest.raises(SpecError, match="'ngram' cannot be exported: smoothing=mle leaves some events without prob"):
        write_export(fitted("ngram:smoothing=mle", english), ModelSpec("ngram"), tmp_path / "x.arpa")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("smoothing=stupid-backoff", "are not probabilities"),
        ("smoothing=katz", "Input should be 'mle', 'laplace'"),
        ("smoothing=absolute,discount=1", "discount=1: Input should be less than 1"),
        (
            "smoothing=witten-bell,gamma=0.5",
            "gamma= does nothing with smoothing=witten-bell; it is an option of lidstone",
        ),
        ("smoothing=kneser-ney,weight=0.5", "weight= does nothing with smoothing=kneser-ney"),
        ("smoothing=modified-kneser-ney,discount=0.5", "it is an option of absolute, kneser-ney"),
        ("smoothing=laplace,uniform=false", "uniform= does nothing with smoothing=laplace"),
        ("order=0", "greater than or equal to 1"),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        build(f"ngram:{options}")


def test_scoring_before_fitting_is_an_error():
    model = build("ngram")
    for ask in (lambda: model.score(["a"]), lambda: model.next_events("a"), model.signature, model.footprint):
        with pytest.raises(NotFittedError, match="this Ngram is not ready; call prepare first"):
            ask()
