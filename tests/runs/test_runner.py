import multiprocessing
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lmbench import Split
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.checks import ChangedOption, Outcome
from lmbench.errors import ResultsError
from lmbench.runs.models import select_models
from lmbench.runs.records import Verification
from lmbench.runs.store import RunDirectory
from lmbench.runs.verdicts import keep_verdict, suite_key
from tests.checks.test_quick import QUICK
from tests.plugins import installed
from tests.running import Recorder, run


def test_a_failing_cell_stores_its_error_and_the_others_run(tmp_path, plugins, corpus):
    progress = Recorder()
    cells = run("raises,dies,toolikely,absent,good", [corpus], tmp_path / "run", progress).cells()
    assert [cell.status for cell in cells] == ["failed", "failed", "failed", "unavailable", "ok"]
    assert cells[0].error == "RuntimeError: the scorer broke; see cells/raises-on-toy/log.txt"
    assert "some noise" in (tmp_path / "run/cells/raises-on-toy/log.txt").read_text()
    assert cells[1].error.startswith("the process was killed by signal 9")
    assert (
        cells[2].error
        == "document 0: event 0 ('a', byte 0), log-probability 5.54518, is above 0: that is not a probability"
    )
    assert cells[3].error == "the weights are elsewhere"
    assert cells[4].metrics.bits_per_byte == pytest.approx(8)
    assert progress.events[-2:] == [(5, 5, "good", "toy"), "ok"]
    assert ("fit: counting", 0.5) in progress.messages


def test_a_broken_plugin_fails_its_cells_without_a_process(tmp_path, corpus):
    """A broken plugin cannot be checked; its row says why, and the other models run."""
    progress = Recorder()
    with installed(tmp_path / "plugins", {"bad": "plugin_module:Bad"}, "import not_there"):
        directory = run("bad,uniform", [corpus], tmp_path / "run", progress, check=True)
    bad, uniform = directory.cells()
    assert (bad.status, uniform.status) == ("failed", "ok")
    assert re.match("model 'bad' of lmbench-plugin 1.2 cannot be loaded: ModuleNotFoundError: .*not_there", bad.error)
    assert progress.events == [("check", 1, 1, "uniform"), "failed", (1, 1, "uniform", "toy"), "ok"]
    assert list(directory.verifications()) == ["uniform"]
    assert directory.manifest.models[0].origin == "lmbench-plugin 1.2"


def test_a_plugin_that_cannot_be_built_fails_its_cells(tmp_path, plugins, corpus):
    code = "from lmbench import LanguageModel\nclass Bad(LanguageModel):\n    score = signature = None\n"
    code += "    def __init__(self, options): raise RuntimeError('no GPU')\n"
    with installed(tmp_path / "bad", {"bad": "plugin_module:Bad"}, code, name="bad-plugin"):
        [bad] = run("bad", [corpus], tmp_path / "run").cells()
    assert (bad.status, bad.error) == ("failed", "model 'bad' cannot be built: RuntimeError: no GPU")


def test_a_signature_names_everything_that_the_number_depends_on(tmp_path, plugins, corpus):
    [cell] = run("good", [corpus], tmp_path / "run").cells()
    prints = "|".join(f"{split}:{getattr(corpus, split).fingerprint[:12]}" for split in ("test", "train", "valid"))
    assert cell.signature.startswith(f"own:yes|corpus:toy|{prints}|read:lines|lmbench:")


def test_exhibits_are_stored_with_their_cell(tmp_path, plugins, corpus):
    directory = run("shows,good", [corpus], tmp_path / "run")
    shown, silent = map(directory.exhibits, directory.cells())
    assert [(exhibit.title, exhibit.rows) for exhibit in shown] == [("Bytes", ((256,),))]
    assert silent == ()


def test_peak_memory_is_that_of_the_cell_alone(tmp_path, plugins, corpus):
    """A model that fills 240 MB runs before one that fills nothing, in a parent that has filled as much."""
    ballast = np.ones(40_000_000)
    hungry, good = run("hungry,good", [corpus], tmp_path / "run").cells()
    assert ballast.sum()
    assert 200e6 < hungry.costs.peak_bytes - good.costs.peak_bytes < 300e6
    assert good.costs.peak_bytes < 250e6


def test_a_run_resumes_at_the_missing_cells(tmp_path, plugins, corpus):
    path = tmp_path / "run"
    run("good,uniform", [corpus], path)
    shutil.rmtree(path / "cells/uniform-on-toy")
    before = (path / "cells/good-on-toy/cell.json").stat().st_mtime_ns
    progress = Recorder()
    assert len(run("good,uniform", [corpus], path, progress).cells()) == 2
    assert progress.events == [(1, 1, "uniform", "toy"), "ok"]
    assert (path / "cells/good-on-toy/cell.json").stat().st_mtime_ns == before


def test_an_interrupt_keeps_the_finished_cells_and_ends_the_process(tmp_path, plugins, corpus):
    class Impatient(Recorder):
        def job_started(self, job):
            if job.number == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("good,uniform", [corpus], tmp_path / "run", Impatient())
    assert [cell.model for cell in RunDirectory.open(tmp_path / "run").cells()] == ["good"]
    assert multiprocessing.active_children() == []


def test_cells_with_nothing_to_score_leave_no_process(tmp_path, corpus):
    empty = [replace(corpus, name=name, test=Split(("",))) for name in ("a", "b", "c")]
    cells = run("uniform", empty, tmp_path / "run").cells()
    assert cells[2].error == "the test split of c is empty: there is nothing to score"
    assert multiprocessing.active_children() == []


def test_models_are_checked_before_they_run_and_only_once(tmp_path, plugins, corpus):
    models = "kenlm:order=2,toolikely,dies,absent"
    progress = Recorder()
    directory = run(models, [corpus], tmp_path / "run", progress, check=True)
    assert progress.events[:4] == [("check", n, 4, model) for n, model in enumerate(models.split(","), start=1)]
    doubts = {model: verification.doubt for model, verification in directory.verifications().items()}
    assert doubts["kenlm:order=2"] == ""
    assert doubts["toolikely"].startswith("sums failed: ")
    assert doubts["dies"].startswith("the suite did not end: the process was killed by signal 9")
    assert "absent" not in doubts
    again = Recorder()
    run(models.split(",")[0], [corpus], tmp_path / "other", check=True)
    run(models, [corpus], tmp_path / "run", again, check=True)
    assert [event for event in again.events if event[0] == "check"] == [("check", 1, 1, "absent")]


def test_the_options_that_the_suite_changed_are_stored(tmp_path, corpus):
    with installed(tmp_path / "plugins", {"slow": "plugin_module:Slow"}, QUICK):
        directory = run("slow:steps=7,slow:steps=7,wide=false", [corpus], tmp_path / "run", check=True)
    changed = {model: found.changed for model, found in directory.verifications().items()}
    assert changed == {
        "slow:steps=7": (ChangedOption(name="wide", checked="false", own="true"),),
        "slow:steps=7,wide=false": (),
    }


CHEAPER = (
    QUICK
    + """
class Cheaper(Good):
    class Options(ModelOptions):
        bonus: float = 0.5

    traits = Traits(quick_options=(("bonus", "0"),))

    def score(self, documents):
        return [Score(s.ends, s.logprobs + self.options.bonus, s.spelling) for s in super().score(documents)]

    def next_events(self, text):
        from lmbench import NextEvents

        return NextEvents.of_bytes(np.full(256, -np.log(256)))
"""
)


def test_the_first_cell_checks_a_model_with_its_own_options_if_the_suite_changed_them(tmp_path, corpus):
    """The quick options switch off what makes every event too cheap. Only the checks, and no audit, see the model."""
    corpora = [corpus, replace(corpus, name="again")]
    with installed(tmp_path / "plugins", {"cheaper": "plugin_module:Cheaper"}, CHEAPER):
        run("cheaper,uniform,cheaper:bonus=0", corpora, tmp_path / "run", check=True, audit="none")
        directory = run("cheaper,uniform,cheaper:bonus=0", corpora, tmp_path / "run", check=True, audit="none")
    found = directory.verifications()
    assert [outcome.status for outcome in found["cheaper"].outcomes if outcome.check == "chain-rule"] == ["pass"]
    assert [outcome.status for outcome in found["cheaper"].own_outcomes if outcome.check == "chain-rule"] == ["fail"]
    assert found["cheaper"].doubt.startswith("with its own options, chain-rule failed: after b'' the event b't' is")
    assert [(found[model].doubt, found[model].own_outcomes) for model in ("uniform", "cheaper:bonus=0")] == [
        ("", ())
    ] * 2
    assert {cell.audit for cell in directory.cells()} == {None}


def test_a_resumed_run_makes_up_for_the_checks_in_one_cell_and_keeps_its_audit(tmp_path, corpus):
    corpora = [corpus, replace(corpus, name="again")]
    counts = []
    with installed(tmp_path / "plugins", {"cheaper": "plugin_module:Cheaper"}, CHEAPER):
        for check, audit in ((False, "full"), (False, "full"), (True, "none"), (True, "none")):
            progress = Recorder()
            directory = run("cheaper", corpora, tmp_path / "run", progress, check=check, audit=audit)
            counts.append([event for event in progress.events if isinstance(event[0], int)])
    assert counts[1:] == [[], [(1, 1, "cheaper", "toy")], []]
    assert directory.verifications()["cheaper"].own_outcomes
    assert [cell.audit_kind for cell in directory.cells()] == ["full", "full"]


def test_scores_that_are_no_probabilities_are_not_evaluated_again_for_checks(tmp_path, corpus):
    """The suite refuses such a model, and its cells cannot be checked either."""
    module = CHEAPER.replace("traits = Traits(quick_options", "traits = Traits(normalized=False, quick_options")
    with installed(tmp_path / "plugins", {"cheaper": "plugin_module:Cheaper"}, module):
        directory = run("cheaper", [corpus], tmp_path / "run", check=True)
        progress = Recorder()
        run("cheaper", [corpus], tmp_path / "run", progress, check=True)
    assert directory.verifications()["cheaper"].lacks_own
    assert progress.events == []


HEAVY = (
    QUICK
    + """
class Heavy(Good):
    traits = Traits(checked_in_runs=False)
"""
)


def test_a_run_leaves_slow_checks_out_but_uses_a_stored_verdict(tmp_path, corpus):
    with installed(tmp_path / "plugins", {"heavy": "plugin_module:Heavy"}, HEAVY):
        progress = Recorder()
        directory = run("heavy", [corpus], tmp_path / "run", progress, check=True)
        assert not directory.verifications()
        assert progress.events == [(1, 1, "heavy", "toy"), "ok"]
        assert [cell.audit_kind for cell in directory.cells()] == ["sample"]
        [model] = select_models("heavy")
        verdict = Verification(
            model="heavy",
            key=suite_key(model),
            doubt="",
            outcomes=(Outcome(check="fit", status="pass", detail="", seconds=0.0),),
        )
        keep_verdict(verdict)
        assert run("heavy", [corpus], tmp_path / "run", check=True).verifications() == {"heavy": verdict}


CRASHING = (
    QUICK
    + """
class Crashing(Good):
    class Options(ModelOptions):
        crash: bool = True

    traits = Traits(quick_options=(("crash", "false"),))

    def score(self, documents):
        if self.options.crash and len(documents) > 9:
            os._exit(9)
        return super().score(documents)
"""
)


@pytest.mark.parametrize("audit", ["none", "full"])
def test_a_crash_while_a_model_is_checked_with_its_own_options_ends_these_checks_alone(tmp_path, corpus, audit):
    """The checks score many documents at once, and the audit does not. The second cell does not repeat the crash."""
    corpora = [corpus, replace(corpus, name="again")]
    with installed(tmp_path / "plugins", {"crashing": "plugin_module:Crashing"}, CRASHING):
        directory = run("crashing", corpora, tmp_path / "run", check=True, audit=audit)
    [found] = directory.verifications().values()
    [outcome] = found.own_outcomes
    assert (outcome.check, outcome.status, outcome.crashed) == ("checks", "fail", True)
    assert "the process ended too early, with exit code 9" in outcome.detail
    first, second = directory.cells()
    assert (first.status, second.status, first.doubt, second.doubt) == ("ok", "ok", "", "")
    if audit == "none":
        assert (first.audit, second.audit) == (None, None)
    else:
        assert first.audit.documents > 0
        assert first.audit.not_rescored.startswith("the suite's checks did not end: the process ended too early")
        assert (second.audit.rescored, second.audit.not_rescored) == (2, "")


def test_a_run_that_is_being_written_is_left_alone(tmp_path, corpus):
    directory = run("uniform", [corpus], tmp_path / "run")
    with (
        RunDirectory.growing(directory.path, directory.manifest),
        pytest.raises(ResultsError, match="another run is writing to"),
    ):
        run("uniform", [corpus], tmp_path / "run")


def test_another_version_of_a_plugin_is_evaluated_again(tmp_path, plugins, corpus):
    directory = run("good", [corpus], tmp_path / "run")
    assert directory.cells()[0].signature.endswith("|lmbench-plugin:1.2")
    info = (tmp_path / "plugins/lmbench_plugin-1.2.dist-info").rename(tmp_path / "plugins/lmbench_plugin-1.3.dist-info")
    (info / "METADATA").write_text((info / "METADATA").read_text().replace("1.2", "1.3"))
    [cell] = run("good", [corpus], tmp_path / "run").cells()
    assert cell.signature.endswith("|lmbench-plugin:1.3")


def test_the_manifest_has_every_option(tmp_path, corpus):
    """Options that were not given are included."""
    [model] = run("kenlm:order=2", [corpus], tmp_path / "run").manifest.models
    assert model.options.keys() == KenlmNgram.Options.model_fields.keys()
    assert (model.options["order"], model.options["min_count"], model.options["engine"]) == (2, 2, "arrays")


@pytest.mark.parametrize("spec", ["kenlm:limit_vocab={}", "mix:kenlm:limit_vocab={}+cache"])
def test_a_cell_is_evaluated_again_if_a_file_of_an_option_changed(tmp_path, corpus, spec):
    words = tmp_path / "words.txt"
    found = []
    for text in (None, "a b", "a b", "a"):
        if text is not None:
            words.write_text(text)
        [cell] = run(spec.format(words), [corpus], tmp_path / "run").cells()
        found.append((cell.status, cell.provenance.started, cell.metrics and cell.metrics.bits))
    assert [status for status, *_ in found] == ["unavailable", "ok", "ok", "ok"]
    assert found[1] == found[2]
    assert found[3][2] != found[2][2]


def test_a_run_grows_by_models_and_corpora(tmp_path, plugins, corpus):
    other, path = replace(corpus, name="other"), tmp_path / "run"
    run("good", [corpus], path)
    progress = Recorder()
    directory = run("uniform,good", [other, corpus], path, progress)
    assert [event[2:] for event in progress.events if isinstance(event, tuple)] == [
        ("uniform", "other"),
        ("good", "other"),
        ("uniform", "toy"),
    ]
    assert [cell.row.slot for cell in directory.cells()] == [
        ("good", "toy", ""),
        ("uniform", "other", ""),
        ("good", "other", ""),
        ("uniform", "toy", ""),
    ]


def test_a_corpus_of_the_same_name_must_have_the_same_text(tmp_path, plugins, corpus):
    run("good", [corpus], tmp_path / "run")
    with pytest.raises(ResultsError, match="holds another run: its toy has another text or was read differently"):
        run("good", [replace(corpus, test=Split(("c\n",)))], tmp_path / "run")
    [cell] = RunDirectory.open(tmp_path / "run").cells()
    assert cell.metrics.documents == 2


def test_cells_at_the_same_time_have_the_numbers_of_cells_one_after_the_other(tmp_path, corpus):
    models = "uniform,kenlm:order=2,cache,ppm"
    one = run(models, [corpus], tmp_path / "one").cells()
    two = run(models, [corpus], tmp_path / "two", jobs=2).cells()
    assert [(cell.row, cell.metrics, cell.signature) for cell in one] == [
        (cell.row, cell.metrics, cell.signature) for cell in two
    ]
    assert {cell.costs.company for cell in one} == {0}


def test_a_damaged_cell_is_named_and_evaluated_again(tmp_path, plugins, corpus):
    run("good", [corpus], tmp_path / "run")
    file = tmp_path / "run/cells/good-on-toy/cell.json"
    file.write_text(file.read_text().replace('"bits_per_byte": 8.0', '"bits_per_byte": 0.5'))
    assert RunDirectory.open(tmp_path / "run").cells() == []
    with pytest.warns(UserWarning, match=r"cell.json is damaged: its checksum .*; the cell is evaluated again"):
        [cell] = run("good", [corpus], tmp_path / "run").cells()
    assert cell.metrics.bits_per_byte == 8
