import math
from dataclasses import replace

import numpy as np
import pytest

from lmbench import Corpus, Split, Traits, build, evaluate
from lmbench.backends.uniform import Uniform
from lmbench.errors import CorpusError, ScoreError
from lmbench.metrics import SUMS, Tally, summarize
from tests.recording import Recorded

LN2 = math.log(2)


def test_many_documents_are_scored_in_batches_of_a_million_characters():
    documents = ("x" * 300_000 + "\n",) * 9
    corpus = Corpus("big", Split(("a\n",)), Split(("a\n",)), Split(documents), provenance="lines")
    progress = Recorded()
    evaluation = evaluate(build("uniform"), corpus, progress)
    assert [share for _, share in progress.messages] == pytest.approx([0, 4 / 9, 8 / 9])
    assert evaluation.counts.events.tolist() == [300_001] * 9


def test_counts_can_be_added_without_overflow():
    """250 words and 10 line ends would be 4 in 8 bits."""
    document = ("a " * 24 + "a\n") * 10
    corpus = Corpus("many words", Split(("a\n",)), Split(("a\n",)), Split((document, "a\n")), provenance="lines")
    counts = evaluate(build("uniform"), corpus).counts
    assert (counts.words + counts.line_ends).tolist() == [260, 2]
    assert (counts.line_ends - counts.words).tolist() == [-240, 0]
    for name in Tally.__dataclass_fields__:
        assert getattr(counts, name).dtype == (np.float64 if name in SUMS else np.int64)


def test_an_evaluation_has_the_metrics_of_its_counts(corpus):
    evaluation = evaluate(build("uniform"), replace(corpus, floor=(LN2, LN2)))
    assert evaluation.metrics == summarize(evaluation.counts, (LN2, LN2))
    assert (evaluation.metrics.bits_per_byte, evaluation.metrics.floor) == (pytest.approx(8), pytest.approx(2 / 10))


def test_pseudo_log_likelihoods_are_not_compared_with_the_floor(corpus):
    class Pseudo(Uniform):
        traits = Traits(normalized=False)

    assert evaluate(Pseudo(), replace(corpus, floor=(LN2, LN2))).metrics.floor is None


@pytest.mark.parametrize(("empty", "message"), [("test", "nothing to score"), ("train", "nothing to learn from")])
def test_empty_splits_are_refused(corpus, empty, message):
    with pytest.raises(CorpusError, match=message):
        evaluate(build("uniform"), replace(corpus, **{empty: Split(())}))


def test_models_never_see_the_test_split(corpus):
    assert not hasattr(corpus.training, "test")


def test_a_corpus_on_disk_gives_the_same_numbers_as_one_in_memory(tmp_path, monkeypatch):
    """Batches, the numbers of documents and sums do not depend on where the documents are."""
    from lmbench.corpora.files import read_path
    from lmbench.corpora.on_disk import StoredDocuments

    monkeypatch.setattr("lmbench.runs.evaluation.BATCH_CHARACTERS", 50)
    (tmp_path / "text.txt").write_text("".join(f"a b c {i}\n" for i in range(200)))
    held = evaluate(build("kenlm:order=2"), read_path(tmp_path / "text.txt"))
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 0)
    corpus = read_path(tmp_path / "text.txt")
    assert isinstance(corpus.test.documents, StoredDocuments)
    stored = evaluate(build("kenlm:order=2"), corpus)
    assert stored.counts.bits.tolist() == held.counts.bits.tolist()
    assert stored.signature == held.signature


def test_errors_number_the_documents_of_all_batches(plugins, corpus, monkeypatch):
    monkeypatch.setattr("lmbench.runs.evaluation.BATCH_CHARACTERS", 1)
    with pytest.raises(ScoreError, match="document 1: event 0"):
        evaluate(build("toolikely"), replace(corpus, test=Split(("", "b 中\n"))))


def test_a_data_frame_has_a_row_for_each_document():
    corpus = Corpus("toy", Split(("a b\n",)), Split(()), Split(("a b\n", "中\n")), provenance="lines")
    frame = evaluate(build("uniform"), corpus).per_document()
    assert frame["bytes"].tolist() == [4, 4]
    assert frame["characters"].tolist() == [4, 2]
    assert frame["bits"].tolist() == pytest.approx([32, 32])
    assert frame["bytes"].dtype == "int64"
