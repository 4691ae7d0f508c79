"""N-grams whose history is cut: they back off to the last words, and the weights stay the same."""

import itertools

import numpy as np
import pytest

from lmbench import Split, TrainingText, build, load_corpus
from lmbench.errors import SpecError
from lmbench.identity import fit_key
from lmbench.registry import resolve
from tests.backends.ngrams.files import needs_kenlm

TEXT = TrainingText(
    Split(("the cat sat on the mat\nthe dog sat on the cat\n", "a cat on the log\nthe cat sat\n")),
    Split(("the cat sat on a log\n",)),
)
DOCUMENT = "the cat sat on the log\na zebra sat on the cat"
SPECS = ("kenlm:order=4,tokenizer=words", "ngram:order=3", "ngram:order=3,smoothing=modified-kneser-ney")


def fit(spec):
    model = build(spec)
    model.fit(TEXT)
    return model


@pytest.mark.parametrize("history", range(4))
@needs_kenlm
def test_kenlm_agrees_with_the_cut_history(history, tmp_path):
    """KenLM itself reads the whole model, and gets only the last words before each event."""
    import kenlm

    model = fit(f"kenlm:order=4,tokenizer=words,min_count=1,history={history}")
    whole = fit("kenlm:order=4,tokenizer=words,min_count=1")
    whole.export(tmp_path / "x.arpa")
    witness = kenlm.Model(str(tmp_path / "x.arpa"))
    expected = []
    for line in DOCUMENT.split("\n"):
        words = ["<s>", *(word if word != "zebra" else "<unk>" for word in line.split()), "</s>"]
        expected += [
            ask(kenlm, witness, words[max(0, place - history) : place], words[place]) for place in range(1, len(words))
        ]
    [score] = model.score([DOCUMENT])
    known = (score.logprobs - score.spelling) / np.log(10)
    assert known == pytest.approx(expected[:-1], abs=1e-5)  # the last line does not have an end


def ask(kenlm, witness, history, word):
    """Return log10 P(word | history); nothing precedes the history."""
    state, after = kenlm.State(), kenlm.State()
    witness.NullContextWrite(state)
    if history[:1] == ["<s>"]:
        witness.BeginSentenceWrite(state)
        history = history[1:]
    for before in history:
        witness.BaseScore(state, before, after)
        state, after = after, state
    return witness.BaseScore(state, word, after)


@pytest.mark.parametrize("spec", SPECS)
def test_states_have_the_probabilities_of_the_scores(spec):
    for history in (0, 1):
        model = fit(f"{spec},history={history}")
        [score] = model.score([DOCUMENT])
        state = model.state_after("")
        for event, word in enumerate(["the", " cat", " sat", " on"]):
            following = state.next_events()
            assert np.exp(following.logprobs).sum() == pytest.approx(1)
            [found] = state.find_events(word.encode())
            assert following.logprobs[found] == pytest.approx(score.logprobs[event])
            state.advance(found)


@pytest.mark.parametrize("spec", SPECS)
def test_a_history_of_the_whole_order_cuts_nothing(spec):
    whole, longest = fit(spec), fit(f"{spec},history=5")
    assert np.array_equal(whole.score([DOCUMENT])[0].logprobs, longest.score([DOCUMENT])[0].logprobs)
    assert "history" not in dict(whole.signature().parts)
    assert dict(longest.signature().parts)["history"] == "5"


def test_words_before_the_history_do_not_matter():
    model = fit("kenlm:history=1")
    one, other = (model.next_events(text).logprobs for text in ("the cat sat on the", "a dog the"))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, model.next_events("").logprobs)


@pytest.mark.parametrize("spec", SPECS)
def test_one_fit_serves_all_histories(spec, tmp_path):
    fit(f"{spec},history=1").save(tmp_path)
    for suffix in ("", ",history=0", ",history=2"):
        restored = build(spec + suffix)
        restored.restore(tmp_path)
        assert np.array_equal(restored.score([DOCUMENT])[0].logprobs, fit(spec + suffix).score([DOCUMENT])[0].logprobs)


@pytest.mark.parametrize("name", ["kenlm", "ngram"])
def test_the_store_has_one_fit_for_all_histories(name):
    identities = [resolve(f"{name}{suffix}").identity() for suffix in ("", ":history=0", ":history=4")]
    assert len({fit_key(identity, TEXT) for identity in identities}) == 1
    assert all(one != other for one, other in itertools.combinations(identities, 2))


@pytest.mark.parametrize("spec", ["kenlm:history=1", "ngram:history=0"])
def test_an_exported_file_is_cut_as_well(spec, tmp_path):
    model = fit(spec)
    model.export(tmp_path / "x.arpa")
    file = build(f"arpa:{tmp_path / 'x.arpa'}")
    file.load()
    assert file.score([DOCUMENT])[0].logprobs == pytest.approx(model.score([DOCUMENT])[0].logprobs, abs=1e-5)


def test_the_history_of_a_file_can_be_cut(tmp_path):
    fit("kenlm:order=3").export(tmp_path / "x.arpa")
    for spec in ("arpa:", "kenlm:path="):
        file = build(f"{spec}{tmp_path / 'x.arpa'},history=1")
        file.load()
        expected = fit("kenlm:order=3,history=1").score([DOCUMENT])[0].logprobs
        assert file.score([DOCUMENT])[0].logprobs == pytest.approx(expected, abs=1e-5)
        assert dict(file.signature().parts)["history"] == "1"


def test_a_binary_cannot_be_cut(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0")
    with pytest.raises(SpecError, match="is a KenLM binary, whose history cannot be cut; leave out history"):
        build(f"arpa:{tmp_path / 'x.bin'},history=1").load()


def test_kenlm_itself_does_not_cut():
    with pytest.raises(SpecError, match="engine=kenlm looks up all orders; leave it out to use history"):
        build("kenlm:engine=kenlm,history=1")


@pytest.mark.parametrize("source", ["recall:distance=2,words=8,lines=1000", "markov:lines=2000"])
def test_only_the_words_that_the_source_uses_help(source, tmp_path):
    """A word that is recalled from two words back, and a chain of order 2: one word less is not enough.

    The lower orders of Katz's back-off are relative frequencies. Those of Kneser and Ney are not: they are for the
    words that follow rare histories.
    """
    corpus = load_corpus(source)
    model = build("ngram")
    model.fit(corpus.training)
    model.save(tmp_path)
    gains = -np.diff([count_bits(f"ngram:history={history}", corpus, tmp_path) for history in range(5)])
    assert gains.argmax() == 1
    assert gains.max() > 0.5
    assert (gains[2:] < 0.001).all()
    if source.startswith("recall"):
        assert gains[0] < 0.001


def count_bits(spec, corpus, folder):
    """Return the bits per byte of a stored model."""
    model = build(spec)
    model.restore(folder)
    nats = -sum(score.logprobs.sum() for score in model.score(corpus.test.documents))
    return nats / np.log(2) / corpus.test.size
