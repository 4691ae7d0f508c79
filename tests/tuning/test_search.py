"""The search. The witness is one by hand, with the metrics of a run."""

import re
from itertools import pairwise

import numpy as np
import pytest

from lmbench import Corpus, Split, TrainingText, build
from lmbench.corpora.loading import load_corpus
from lmbench.errors import CorpusError, LmbenchError, NotFittedError, UnavailableError
from lmbench.model import Traits, plain_remarks
from lmbench.registry import resolve
from lmbench.runs.evaluation import evaluate
from tests.recording import Recorded
from tests.tuning.toys import TEXTS, fit, search


def measure_by_hand(spec, data):
    """Return the bits per byte of the validation split, as a run computes those of the test split."""
    corpus = Corpus("by hand", data.train, data.valid, data.valid, "", data.tokenized)
    return evaluate(build(spec), corpus).metrics.bits_per_byte


@pytest.mark.parametrize(
    ("family", "option", "rest"),
    [
        ("kenlm", "order", ""),
        ("ngram", "order", ",min_count=1"),
        ("nltk", "order", ",smoothing=lidstone"),
        ("ppm", "order", ",escape=c"),
        ("cache", "decay", ",min_count=1"),
        ("mix", "models", ""),
        ("hmm", "states", ",iterations=2,seed=3"),
    ],
)
def test_the_best_of_all_candidates_is_chosen(english, family, option, rest):
    values = dict(resolve(family).traits.grid)[option]
    by_hand = {value: measure_by_hand(f"{family}:{option}={value}{rest}", english) for value in values}
    best = min(values, key=by_hand.__getitem__)

    tuned = fit(f"{family}:{option}=auto{rest}", english)
    columns, rows = search(tuned)
    assert columns == (option, "bits/byte on valid", "seconds", "result")
    assert [row[0] for row in rows] == list(values)
    assert [row[1] for row in rows] == pytest.approx(list(by_hand.values()), rel=1e-12)
    assert [row[0] for row in rows if row[3] == "chosen"] == [best]

    chosen = fit(f"{family}:{option}={best}{rest}", english)
    for mine, others in zip(tuned.score(TEXTS), chosen.score(TEXTS), strict=True):
        np.testing.assert_array_equal(mine.logprobs, others.logprobs)
    assert str(tuned.signature()).startswith(str(chosen.signature()))
    assert f"tuned-on-valid:{option}={best}|grid:{option}={','.join(values)}" in str(tuned.signature())
    assert plain_remarks(tuned.remarks())[-1] == f"{option}={best} tuned on valid"


def test_the_order_of_a_markov_chain_is_found():
    """Each word of `markov` depends on the two before it."""
    tuned = build("kenlm:order=auto")
    assert f"{evaluate(tuned, load_corpus('markov')).metrics.bits_per_byte:.3f}" == "0.895"
    assert tuned.remarks() == ("order=3 tuned on valid",)


def test_several_options_are_chosen_together_and_the_first_of_equals_wins(toy, english):
    tuned = fit("toy:shape=auto,cost=auto,other=3", english)
    columns, rows = search(tuned)
    assert columns[:2] == ("shape", "cost")
    shapes, costs = ("odd", "flat"), (9, 7, 8, 7)
    assert [row[:3] for row in rows] == [
        (shape, str(cost), pytest.approx(cost + (shape == "odd"))) for shape in shapes for cost in costs
    ]
    assert [row[-1] for row in rows].index("chosen") == 5
    assert tuned.chosen.options.other == 3
    assert tuned.remarks() == ("shape=flat, cost=7 tuned on valid",)
    assert tuned.suspect_histories() == ["7"]
    assert "grid:shape=odd,flat;cost=9,7,8" in str(tuned.signature())


def test_a_search_holds_the_best_model_and_the_one_at_work(toy, english):
    tuned = fit("toy:cost=auto", english)
    assert type(tuned.chosen).most == [2]
    assert list(type(tuned.chosen).alive) == [tuned.chosen]


def test_progress_says_which_candidate_is_at_work(english):
    progress = Recorded()
    fit("kenlm:order=auto", english, progress)
    shares = [share for _, share in progress.messages]
    assert all(first <= second for first, second in pairwise(shares))
    assert shares[-1] == 1
    names = dict.fromkeys(message.partition(":")[0] for message, _ in progress.messages)
    assert list(names) == [f"order={order}" for order in range(1, 7)]


def test_candidates_that_fail_are_left_out(toy, english, monkeypatch):
    model = resolve("toy").model
    monkeypatch.setattr(model, "traits", Traits(grid=(("shape", ("short", "odd", "flat")),)))
    tuned = fit("toy:shape=auto", english)
    _, rows = search(tuned)
    assert [row[1] for row in rows] == [None, pytest.approx(9), pytest.approx(8)]
    assert [row[3] for row in rows] == ["the text is too short for cost 8", "", "chosen"]

    monkeypatch.setattr(model, "traits", Traits(grid=(("cost", ("3", "4")),)))
    with pytest.raises(LmbenchError, match="all candidates failed; cost=3: the text is too short for cost 3"):
        fit("toy:cost=auto,shape=short", english)
    with pytest.raises(UnavailableError, match="the weights are elsewhere"):
        fit("toy:cost=auto,shape=absent", english)


def test_a_model_that_breaks_the_contract_never_wins(english):
    unseen = TrainingText(english.train, Split(("dog the mat zebra\n",)), tokenized=True)
    with pytest.raises(LmbenchError, match="all candidates failed; order=2: document 0: event 0"):
        fit("nltk:order=auto,smoothing=mle", unseen)


def test_a_search_needs_a_validation_split(english):
    for empty in (Split(()), Split(("",))):
        with pytest.raises(CorpusError, match=r"^order=auto needs a validation split; give the option a value$"):
            fit("kenlm:order=auto", TrainingText(english.train, empty))
    with pytest.raises(NotFittedError):
        build("kenlm:order=auto").score(["a"])


def test_mixed_models_are_tuned_and_share_a_tokenizer(english):
    mixed = fit("mix:kenlm:order=auto+cache:tokenizer=bytes", english)
    assert "tok:bytes" in str(mixed.signature())
    assert any(re.fullmatch(r"order=\d tuned on valid", remark) for remark in mixed.remarks())
