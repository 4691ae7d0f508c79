import math

import pytest

from lmbench import Split, TrainingText
from lmbench.backends.hmm.model import Hmm
from lmbench.errors import CorpusError
from tests.backends.hmm.samples import fit, tagged_text


def nltk_tagger(data, gamma):
    """Return NLTK's tagger, trained on the same words, with the line end as a word that has a tag."""
    from nltk.probability import LidstoneProbDist
    from nltk.tag.hmm import HiddenMarkovModelTrainer

    sequences = [
        [*((word.form, word.upos) for word in line), ("\n", "\n")]
        for document in data.train.tagged
        for line in document
    ]
    symbols = [*sorted({word for line in sequences for word, _ in line}), "<unk>"]
    states = sorted({tag for line in sequences for _, tag in line})
    trainer = HiddenMarkovModelTrainer(states, symbols)
    return trainer.train_supervised(sequences, estimator=lambda counts, bins: LidstoneProbDist(counts, gamma, bins))


def test_supervised_models_are_nltks():
    data = tagged_text(valid="")
    model = fit("hmm:supervised=upos,prior=0.1", data)
    peer = nltk_tagger(data, 0.1)
    for words in ("the cat sat", "a saw saw the dog", "mat", "sat sat on on a"):
        line = [*words.split(), "\n"]
        [logprobs] = model._fitted.logprobs(model._fitted.lexicon.lines([words]))
        assert logprobs.sum() / math.log(2) == pytest.approx(peer.log_probability([(word, None) for word in line]))
        assert model.tags([words]) == [tuple(tag for _, tag in peer.tag(line))[:-1]]


def test_supervised_models_show_how_well_they_tag(tmp_path):
    model = fit("hmm:supervised=upos", tagged_text())
    states, transitions, accuracy = model.exhibits()
    assert {row[0] for row in states.rows} == {"ADP", "DET", "NOUN", "VERB", "\n"}
    assert "DET" in transitions.rows[0][0] + transitions.rows[1][0]
    assert [row[:2] for row in accuracy.rows] == [("all words", 11), ("known words", 10), ("unknown words", 1)]
    assert accuracy.rows[1][2] == "90.00%"  # training has not seen one tag of the held-out words
    assert "supervised:upos" in str(model.signature())
    model.save(tmp_path)
    again = Hmm(model.options)
    again.restore(tmp_path)
    assert again.exhibits() == model.exhibits()
    assert again.tags(["the cat"]) == [("DET", "NOUN")]


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ("supervised=xpos", tagged_text(), "the words of this corpus do not have xpos tags"),
        ("supervised=upos,tokenizer=bpe:300", tagged_text(), "choose tokenizer=words"),
        ("supervised=upos", TrainingText(Split(("a\n",)), Split(())), "supervised=upos needs tagged text"),
    ],
)
def test_texts_without_these_tags_are_errors(options, data, message):
    with pytest.raises(CorpusError, match=message):
        fit(f"hmm:{options}", data)
