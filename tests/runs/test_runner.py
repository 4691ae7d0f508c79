import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lmbench import Corpus, ModelSpec, Split, build, evaluate
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.errors import CorpusError, ResultsError, ScoreError
from lmbench.runs import runner
from lmbench.runs.store import RunDirectory
from tests.plugins import MODELS, installed


def run(specs, corpora, path, watcher):
    return runner.run(specs, corpora, path, watcher, check=False)


class Recorder:
    """A Watcher that remembers."""

    def __init__(self):
        self.events = []
        self.messages = []

    def checking(self, number, total, model):
        self.events.append(("checking", number, total, model))

    def started(self, number, total, model, corpus):
        self.events.append((number, total, model, corpus))

    def progressed(self, message, share):
        self.messages.append((message, share))

    def finished(self, cell):
        self.events.append(cell.status)


@pytest.fixture
def corpus():
    return Corpus("toy", Split(("a b\n",) * 9), Split(("a b\n",)), Split(("a b\n", "b 中\n")), provenance="lines")


@pytest.fixture
def plugins(tmp_path):
    names = ("Good", "Raises", "Dies", "TooLikely", "Absent", "Hungry", "Shows")
    with installed(tmp_path / "plugins", {name.lower(): f"plugin_module:{name}" for name in names}, MODELS):
        yield


def test_a_failing_cell_keeps_its_error_and_the_others_run(tmp_path, plugins, corpus):
    specs = ModelSpec.parse_list("raises,dies,toolikely,absent,good")
    watcher = Recorder()
    cells = run(specs, [corpus], tmp_path / "run", watcher).cells()
    assert [cell.status for cell in cells] == ["failed", "failed", "failed", "unavailable", "ok"]
    assert cells[0].error.startswith("RuntimeError: the scorer broke; see")
    assert "some noise" in (tmp_path / "run/logs/001-raises.txt").read_text()
    assert cells[1].error.startswith("the process was killed by signal 9")
    assert (
        cells[2].error
        == "document 0: event 0 ('a', byte 0), log-probability 5.54518, is above 0: that is no probability"
    )
    assert cells[3].error == "the weights are elsewhere"
    assert cells[4].metrics.bits_per_byte == pytest.approx(8)
    assert watcher.events[-2:] == [(5, 5, "good", "toy"), "ok"]
    assert ("fit: counting", 0.5) in watcher.messages


def test_a_cell_says_all_that_its_number_depends_on(tmp_path, plugins, corpus):
    [cell] = run([ModelSpec("good")], [corpus], tmp_path / "run", Recorder()).cells()
    prints = "|".join(f"{split}:{getattr(corpus, split).fingerprint[:12]}" for split in ("test", "train", "valid"))
    assert cell.signature.startswith(f"own:yes|corpus:toy|{prints}|read:lines|lmbench:")


def test_what_a_model_shows_is_kept_with_its_cell(tmp_path, plugins, corpus):
    directory = run(ModelSpec.parse_list("shows,good"), [corpus], tmp_path / "run", Recorder())
    shown, silent = map(directory.exhibits, directory.cells())
    assert [(exhibit.title, exhibit.rows) for exhibit in shown] == [("Bytes", ((256,),))]
    assert silent == ()


def test_peak_memory_is_the_cells_own(tmp_path, plugins, corpus):
    """A model that fills 240 MB, before one that fills nothing, in a parent that has filled as much already."""
    import numpy as np

    ballast = np.ones(40_000_000)
    hungry, good = run(ModelSpec.parse_list("hungry,good"), [corpus], tmp_path / "run", Recorder()).cells()
    assert ballast.sum()
    assert 200e6 < hungry.costs.peak_bytes - good.costs.peak_bytes < 300e6
    assert good.costs.peak_bytes < 250e6


def test_a_run_goes_on_where_it_stopped(tmp_path, plugins, corpus):
    specs = ModelSpec.parse_list("good,uniform")
    path = tmp_path / "run"
    run(specs, [corpus], path, Recorder())
    (path / "cells/002-uniform.json").unlink()
    before = (path / "cells/001-good.json").stat().st_mtime_ns
    watcher = Recorder()
    assert len(run(specs, [corpus], path, watcher).cells()) == 2
    assert [event for event in watcher.events if isinstance(event, tuple)] == [(2, 2, "uniform", "toy")]
    assert (path / "cells/001-good.json").stat().st_mtime_ns == before


def test_an_interrupt_keeps_what_is_done_and_ends_the_cells_process(tmp_path, plugins, corpus):
    import multiprocessing

    class Impatient(Recorder):
        def started(self, number, total, model, corpus):
            if number == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ModelSpec.parse_list("good,uniform"), [corpus], tmp_path / "run", Impatient())
    assert [cell.model for cell in RunDirectory.open(tmp_path / "run").cells()] == ["good"]
    assert multiprocessing.active_children() == []


def test_many_documents_are_scored_in_batches_of_a_megabyte():
    documents = ("x" * 300_000 + "\n",) * 9
    corpus = Corpus("big", Split(("a\n",)), Split(("a\n",)), Split(documents), provenance="lines")
    shares = []
    evaluation = evaluate(build("uniform"), corpus, lambda message, share: shares.append(share))
    assert shares == pytest.approx([0, 4 / 9, 8 / 9])
    assert evaluation.counts.events.tolist() == [300_001] * 9


class Lines(Sequence):
    """Documents that take no memory."""

    def __init__(self, number):
        self.number = number

    def __len__(self):
        return self.number

    def __getitem__(self, index):
        return f"a line, the one with the number {range(self.number)[index]}\n"


def test_sums_of_many_documents_take_little_memory():
    """A document's row is at most 33 bytes, and nothing else is kept of it."""

    def peak(number):
        corpus = Corpus("many", Split(("a\n",)), Split(("a\n",)), Split(Lines(number)), provenance="lines")
        tracemalloc.start()
        counts = evaluate(build("uniform"), corpus).counts
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken, counts

    (few, _), (many, counts) = peak(30_000), peak(60_000)
    assert counts.events[[0, -1]].tolist() == [len(Lines(60_000)[i]) for i in (0, -1)]
    assert many - few < 40 * 30_000


def test_models_are_checked_before_they_run_and_not_twice(tmp_path, plugins, corpus):
    specs = ModelSpec.parse_list("kenlm:order=2,toolikely,dies,absent")
    watcher = Recorder()
    directory = runner.run(specs, [corpus], tmp_path / "run", watcher)
    assert watcher.events[:3] == [
        ("checking", 1, 4, "kenlm:order=2"),
        ("checking", 2, 4, "toolikely"),
        ("checking", 3, 4, "dies"),
    ]
    doubts = {model: verification.doubt for model, verification in directory.verifications().items()}
    assert doubts["kenlm:order=2"] == ""
    assert doubts["toolikely"].startswith("sums failed: ")
    assert doubts["dies"].startswith("the suite did not end: the process was killed by signal 9")
    assert "absent" not in doubts
    again = Recorder()
    runner.run(specs[:1], [corpus], tmp_path / "other", Recorder())
    runner.run(specs, [corpus], tmp_path / "run", again)
    assert [event for event in again.events if event[0] == "checking"] == [("checking", 4, 4, "absent")]


def test_two_corpora_of_one_name_are_refused(tmp_path, corpus):
    with pytest.raises(CorpusError, match="two corpora have the same name: toy"):
        run([ModelSpec("uniform")], [corpus, corpus], tmp_path / "run", Recorder())
    assert not (tmp_path / "run").exists()


def test_a_run_that_another_one_is_writing_is_left_alone(tmp_path, corpus):
    directory = run([ModelSpec("uniform")], [corpus], tmp_path / "run", Recorder())
    with directory.locked(), pytest.raises(ResultsError, match="another run is writing to"):
        run([ModelSpec("uniform")], [corpus], tmp_path / "run", Recorder())


def test_a_plugins_version_is_in_the_signature_and_decides_whether_a_run_goes_on(tmp_path, plugins, corpus):
    directory = run([ModelSpec("good")], [corpus], tmp_path / "run", Recorder())
    assert directory.cells()[0].signature.endswith("|lmbench-plugin:1.2")
    assert ("lmbench-plugin", "1.2") in directory.manifest.versions
    metadata = tmp_path / "plugins/lmbench_plugin-1.2.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("1.2", "1.3"))
    with pytest.raises(ResultsError, match="holds another run"):
        run([ModelSpec("good")], [corpus], tmp_path / "run", Recorder())


def test_the_manifest_has_every_option(tmp_path, corpus):
    """Those that were not given, too."""
    directory = run([ModelSpec.parse("kenlm:order=2")], [corpus], tmp_path / "run", Recorder())
    [options] = directory.manifest.options
    assert options.keys() == KenlmNgram.Options.model_fields.keys()
    assert (options["order"], options["min_count"], options["engine"]) == (2, 2, "arrays")


@pytest.mark.parametrize("spec", ["kenlm:limit_vocab={}", "mix:kenlm:limit_vocab={}+cache"])
def test_a_run_does_not_go_on_where_a_file_of_an_option_changed(tmp_path, corpus, spec):
    """A file that was not there yet has left no cell."""
    words = tmp_path / "words.txt"
    specs = [ModelSpec.parse(spec.format(words))]
    assert [cell.status for cell in run(specs, [corpus], tmp_path / "run", Recorder()).cells()] == ["unavailable"]
    words.write_text("a b")
    assert [cell.status for cell in run(specs, [corpus], tmp_path / "run", Recorder()).cells()] == ["ok"]
    words.write_text("a")
    with pytest.raises(ResultsError, match="holds another run"):
        run(specs, [corpus], tmp_path / "run", Recorder())


@pytest.mark.parametrize(("empty", "message"), [("test", "nothing to score"), ("train", "nothing to learn from")])
def test_empty_splits(corpus, empty, message):
    with pytest.raises(CorpusError, match=message):
        evaluate(build("uniform"), replace(corpus, **{empty: Split(())}))


def test_models_never_see_the_test_split(corpus):
    assert not hasattr(corpus.training, "test")


def test_a_corpus_on_disk_gives_what_one_in_memory_gives(tmp_path, monkeypatch):
    """Batches, documents' numbers and sums do not depend on where the documents are."""
    from lmbench.corpora.files import read_path
    from lmbench.corpora.on_disk import StoredDocuments

    monkeypatch.setattr("lmbench.runs.runner._BATCH_BYTES", 50)
    (tmp_path / "text.txt").write_text("".join(f"a b c {i}\n" for i in range(200)))
    held = evaluate(build(ModelSpec("kenlm", (("order", "2"),))), read_path(tmp_path / "text.txt"))
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 0)
    corpus = read_path(tmp_path / "text.txt")
    assert isinstance(corpus.test.documents, StoredDocuments)
    stored = evaluate(build(ModelSpec("kenlm", (("order", "2"),))), corpus)
    assert stored.counts.bits.tolist() == held.counts.bits.tolist()
    assert stored.signature == held.signature


def test_the_number_of_a_broken_document_counts_through_all_batches(plugins, corpus, monkeypatch):
    monkeypatch.setattr("lmbench.runs.runner._BATCH_BYTES", 1)
    with pytest.raises(ScoreError, match="document 1: event 0"):
        evaluate(build("toolikely"), replace(corpus, test=Split(("", "b 中\n"))))
