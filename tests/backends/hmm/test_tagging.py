import math
from itertools import product

import numpy as np
import pytest

from lmbench.backends.hmm.fitted import TagHits
from lmbench.backends.hmm.model import Hmm
from lmbench.backends.hmm.parameters import Parameters
from lmbench.backends.hmm.tagging import best_paths, count_hits, count_tags, read_tags
from lmbench.corpus import Split, TaggedWord, TrainingText
from lmbench.errors import CorpusError
from tests.backends.hmm.samples import (
    RAIN,
    dishonest_casino,
    fit,
    hmmlearn_model,
    random_lines,
    random_parameters,
    tagged_text,
)


def split(*lines):
    tagged = tuple(tuple(TaggedWord(form, upos, "_") for form, upos in line) for line in lines)
    return Split(
        tuple(" ".join(word.form for word in line) + "\n" for line in tagged), tuple((line,) for line in tagged)
    )


CATS = split((("cats", "NOUN"), ("sleep", "VERB")), (("sleep", "VERB"),))


def ids(*lengths):
    return [np.zeros(length, dtype=np.int32) for length in lengths]


def test_lines_have_their_words_tags_and_the_line_ends():
    assert read_tags(CATS, "upos", ids(3, 2)) == [("NOUN", "VERB", "\n"), ("VERB", "\n")]


@pytest.mark.parametrize(
    ("data", "kind", "lengths", "message"),
    [
        (Split(("a\n",)), "upos", (2,), "supervised=upos needs tagged text"),
        (CATS, "xpos", (3, 2), "the words of this corpus do not have xpos tags"),
        (CATS, "upos", (4, 2), "the tokenizer's events are not the tagged words"),
        (CATS, "upos", (3,), "the tokenizer's events are not the tagged words"),
    ],
)
def test_lines_that_are_not_the_tagged_words_are_errors(data, kind, lengths, message):
    with pytest.raises(CorpusError, match=message):
        read_tags(data, kind, ids(*lengths))


def test_counts_by_hand():
    """Count a line "5 4 1" with the tags 1 2 0, and a line "4 1" with the tags 2 0."""
    counts = count_tags(
        [np.array([5, 4, 1], dtype=np.int32), np.array([4, 1], dtype=np.int32)],
        [np.array([1, 2, 0]), np.array([2, 0])],
        6,
        3,
    )
    assert counts.start.tolist() == [0, 1, 1]
    assert counts.transitions.tolist() == [[0, 0, 0], [0, 0, 1], [2, 0, 0]]
    assert counts.emissions[4].tolist() == [0, 0, 2]
    assert counts.emissions[1].tolist() == [2, 0, 0]
    assert counts.emissions.sum() == 5


def test_only_the_chosen_events_are_compared():
    tags = (
        [np.array([1, 2, 0]), np.array([2, 0])],
        [np.array([1, 1, 0]), np.array([2, 0])],
        [np.array([0, 2, 0]), np.array([1, 0])],
    )
    chosen = np.array([True, True, False, True, False])
    assert count_hits(*tags, chosen) == TagHits(words=3, correct=2, by_most_frequent=1)


def test_hits_add_up():
    assert TagHits(3, 2, 1) + TagHits(10, 9, 8) == TagHits(13, 11, 9)


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


def test_the_rain_is_wikipedias():
    assert best_paths(RAIN, [np.array([0, 1, 2])])[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(("states", "symbols", "sharpness"), [(1, 3, 1.0), (3, 4, 1.0), (7, 50, 0.3), (33, 9, 1.0)])
def test_paths_are_hmmlearns(states, symbols, sharpness):
    parameters = random_parameters(states, symbols, sharpness=sharpness)
    peer = hmmlearn_model(parameters, implementation="log")
    for line in random_lines(symbols, [1, 9, 2, 40, 9, 1, 5]):
        assert best_paths(parameters, [line])[0].tolist() == peer.decode(line[:, None])[1].tolist()


def test_the_path_is_the_best_of_all():
    parameters = random_parameters(3, 4, seed=5)
    for line in random_lines(4, [4, 1, 5]):
        best = max(product(range(3), repeat=len(line)), key=lambda path: joint_logprob(parameters, line, path))
        assert best_paths(parameters, [line])[0].tolist() == list(best)


def joint_logprob(parameters, line, path):
    logprob = math.log(parameters.start[path[0]]) + math.log(parameters.emissions[line[0], path[0]])
    for t in range(1, len(line)):
        logprob += math.log(parameters.transitions[path[t - 1], path[t]])
        logprob += math.log(parameters.emissions[line[t], path[t]])
    return logprob


def test_the_dishonest_casino_is_hmmlearns():
    casino, line, hidden = dishonest_casino()
    [path] = best_paths(casino, [line])
    assert path.tolist() == hmmlearn_model(casino, implementation="log").predict(line[:, None]).tolist()
    assert (path == hidden).mean() > 0.7


def test_equally_likely_states_are_chosen_by_number_and_empty_lines_have_no_states():
    alike = Parameters(np.array([0.5, 0.5]), np.full((2, 2), 0.5), np.full((2, 2), 0.5))
    paths = best_paths(alike, [np.array([0, 1, 0]), np.zeros(0, dtype=int)])
    assert [path.tolist() for path in paths] == [[0, 0, 0], []]
