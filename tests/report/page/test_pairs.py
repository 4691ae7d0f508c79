from dataclasses import replace

import numpy as np

from lmbench.analysis.texts import Texts
from lmbench.report.page.pairs import choose_pairs, describe_pairs
from lmbench.report.ranked_run import RankedRun
from tests.analysis.crafted import NOISE, add, model_record, new_run
from tests.report.page.conftest import HOSTILE


def list_pairs(directory):
    results = RankedRun.read(directory)
    [ranking] = results.rankings
    return [
        (ranking.entries[pair.first].label, ranking.entries[pair.second].label)
        for pair in choose_pairs(results, ranking)
    ]


def test_the_best_models_of_two_kinds_are_chosen_and_no_mixture(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "mix", 100 + NOISE)
    for place, name in enumerate(("kenlm", "nltk", "hmm", "uniform")):
        options = {"order": 5} if name in ("kenlm", "nltk") else {}
        add(directory, name, 200 + 10 * place + NOISE, model=model_record(name, options))
    assert list_pairs(directory) == [("kenlm", "hmm")]


def test_the_best_models_without_pretraining_are_a_second_pair(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "smollm2", 90 + NOISE, pretrained=True)
    for place, name in enumerate(("ppm", "hmm")):
        add(directory, name, 200 + 10 * place + NOISE)
    assert list_pairs(directory) == [("smollm2", "ppm"), ("ppm", "hmm")]


def test_models_of_one_kind_are_compared_if_there_are_no_others(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "hmm:states=2", 200 + NOISE, model=model_record("hmm:states=2", {"states": 2}))
    add(directory, "hmm:states=3", 190 - NOISE, model=model_record("hmm:states=3", {"states": 3}))
    assert list_pairs(directory) == [("hmm:states=3", "hmm:states=2")]


def test_a_model_alone_has_no_pair(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "hmm", 200 + NOISE)
    assert list_pairs(directory) == []


def test_words_need_the_text_and_the_events(paired, results):
    [view] = describe_pairs(replace(paired, texts=None)).views
    assert view.text is None
    assert view.note.startswith("lmbench report RUN adds")
    [first, _] = describe_pairs(replace(results, texts=Texts(results.directory.manifest))).views
    assert (first.first, first.second) == ("ppm", "kenlm")
    assert first.text is None
    assert first.note.startswith("Words are not shown: ")


def test_a_pair_is_summarized_with_its_interval(paired):
    [view] = describe_pairs(paired).views
    assert (view.first, view.second, view.corpus) == ("kenlm", "hmm", "c")
    assert view.summary.startswith("Bits per byte of kenlm less those of hmm: −0.")
    assert view.summary.endswith(". kenlm needs fewer bits on 12 documents, and more on 0.")
    assert view.scatter.title == "Documents under kenlm and hmm"


def test_one_document_is_singular(tmp_path):
    directory = new_run(tmp_path / "run")
    add(directory, "kenlm", np.array([100.0]), np.array([50]))
    add(directory, "ppm", np.array([90.0]), np.array([50]))
    [view] = describe_pairs(RankedRun.read(directory)).views
    assert view.summary.endswith(" ppm needs fewer bits on 1 document, and more on 0.")


def test_the_passages_are_where_each_model_loses(paired):
    [view] = describe_pairs(paired).views
    [loss, *_] = view.text.losses
    assert [token.text for token in loss.tokens] == [HOSTILE]
    assert [token.text for token in view.text.gains[0].tokens] == ["hard"]
