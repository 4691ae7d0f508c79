from dataclasses import replace

import pytest

from lmbench import Split
from lmbench.corpora.anchors import Anchor
from lmbench.corpora.selection import list_parts
from lmbench.errors import CorpusError, SpecError, UnknownNameError
from lmbench.registry import default_models
from lmbench.runs.experiment import Experiment, JointExperiment, adopt_rows
from lmbench.runs.models import BrokenModel, SelectedModel, plugin_version, select_models
from tests.plugins import MODELS, installed
from tests.runs.items import QUESTIONS

TUNABLE = """
from lmbench import ModelOptions, Traits


class Sizes(ModelOptions):
    size: int = 1


class Tunable(Good):
    Options = Sizes
    traits = Traits(grid=(("size", ("1", "2")),))
"""


def specs(text, seeds=()):
    return [str(model.spec) for model in select_models(text, seeds)]


def labels(text, seeds=()):
    return [model.label for model in select_models(text, seeds)]


def test_models_are_selected_in_their_order_and_once():
    assert specs("uniform,kenlm:order=3,uniform,kenlm:order=2") == ["uniform", "kenlm:order=3", "kenlm:order=2"]


def test_a_model_that_is_written_in_two_ways_is_selected_once():
    assert specs("kenlm,kenlm:order=5,kenlm:order=4..5") == ["kenlm", "kenlm:order=4"]


def test_a_label_belongs_to_the_rows_and_not_to_the_model():
    [plain] = select_models("kenlm:order=3")
    [labeled] = select_models("kenlm:order=3,label=mine")
    assert (labeled.label, str(labeled.spec), labeled.written) == ("mine", "kenlm:order=3", "kenlm:order=3,label=mine")
    assert (plain.label, plain.written) == ("kenlm:order=3", "kenlm:order=3")
    assert labeled.identity == plain.identity
    assert labels("kenlm,uniform,kenlm:order=5,label=mine") == ["mine", "uniform"]


def test_a_model_has_one_label():
    with pytest.raises(SpecError, match="'a' and 'b' are labels of the same model; leave one out"):
        labels("kenlm:label=a,kenlm:order=5,label=b")


def test_all_selects_the_default_models():
    defaults = [entry.name for entry in default_models()]
    assert specs("kenlm:order=2,all") == ["kenlm:order=2", *defaults]
    assert specs("all,uniform") == defaults
    with pytest.raises(UnknownNameError, match="unknown model 'kenml'"):
        specs("all,kenml")


def test_a_seed_reaches_the_models_that_have_one_and_gives_none():
    assert specs("uniform,hmm:states=2,hmm:seed=1", [5]) == ["uniform", "hmm:states=2,seed=5", "hmm:seed=1"]


def test_several_seeds_give_several_models_of_those_that_have_one():
    assert specs("uniform,hmm", range(3)) == ["uniform", "hmm:seed=0", "hmm:seed=1", "hmm:seed=2"]
    assert labels("hmm:label=H,uniform:label=U", range(2)) == ["H seed=0", "H seed=1", "U"]
    assert labels("hmm:label=H", [7]) == ["H"]


def test_tuned_models_say_auto_for_what_their_specs_leave_open():
    models = select_models("kenlm,uniform,hmm:label=H,hmm:states=3,kenlm:order=auto", range(2), tune=True)
    assert [str(model.spec) for model in models] == [
        "kenlm:order=auto", "uniform", "hmm:states=auto,seed=0", "hmm:states=auto,seed=1", "hmm:states=3,seed=0",
        "hmm:states=3,seed=1",
    ]  # fmt: skip
    assert [model.label for model in models[:4]] == ["kenlm:order=auto", "uniform", "H seed=0", "H seed=1"]
    assert models[0].options["order"] == "auto"
    assert models[0].untuned == ()


def test_options_that_could_be_tuned_are_recorded():
    experiment = Experiment(select_models("kenlm,hmm:states=3,uniform"), ())
    assert [model.untuned for model in experiment.build_manifest(()).models] == [("order",), (), ()]


def test_a_tuned_plugin_is_found_out_in_its_process(tmp_path):
    module = MODELS + TUNABLE
    with installed(tmp_path, {"tunable": "plugin_module:Tunable"}, module):
        [model] = select_models("tunable", tune=True)
    assert isinstance(model, SelectedModel)
    assert (model.label, model.options) == ("tunable:size=auto", {"size": "auto"})


def test_sweeps_and_seeds_give_their_product():
    assert labels("hmm:states=2..3,label=H", range(2)) == [
        "H states=2 seed=0",
        "H states=2 seed=1",
        "H states=3 seed=0",
        "H states=3 seed=1",
    ]


@pytest.mark.parametrize(
    ("text", "error"), [("kenml", UnknownNameError), ("kenlm:oder=2", UnknownNameError), ("kenlm:order=x", SpecError)]
)
def test_mistakes_in_a_list_of_models_raise(text, error):
    with pytest.raises(error):
        select_models(f"uniform,{text}")


def test_a_broken_plugin_is_selected_with_its_error(tmp_path):
    with installed(tmp_path, {"bad": "plugin_module:Bad"}, "1/0"):
        [model] = select_models("bad:label=B", [1])
    assert isinstance(model, BrokenModel)
    assert "ZeroDivisionError" in str(model.error)
    assert (model.label, model.written) == ("B", "bad:label=B")
    assert plugin_version(model.registered) == (("lmbench-plugin", "1.2"),)


def test_a_plugin_has_the_seeds_that_it_takes(tmp_path):
    code = """
from lmbench import ModelOptions
from lmbench.backends.uniform import Uniform
class Seeded(Uniform):
    class Options(ModelOptions):
        seed: int = 0
"""
    with installed(tmp_path, {"seeded": "plugin_module:Seeded"}, code):
        assert specs("seeded", range(2)) == ["seeded:seed=0", "seeded:seed=1"]


def test_two_corpora_of_one_name_are_refused(corpus):
    with pytest.raises(CorpusError, match="two corpora have the same name: toy"):
        Experiment(select_models("uniform"), (corpus, corpus))


def test_two_models_of_one_label_are_refused(corpus):
    with pytest.raises(SpecError, match="two models have the same label: a"):
        Experiment(select_models("uniform:label=a,ppm:label=a"), (corpus,))
    parts = (
        Experiment(select_models("uniform:label=a"), (corpus,)),
        Experiment(select_models("ppm:label=a"), (replace(corpus, name="other"),)),
    )
    with pytest.raises(SpecError, match="two models have the same label: a"):
        JointExperiment(parts)


def slots(experiment):
    return [cell.row.slot for cell in experiment.plan()]


def test_all_models_run_on_one_corpus_before_the_next(corpus):
    experiment = Experiment(select_models("uniform,kenlm"), (corpus, replace(corpus, name="other")))
    assert slots(experiment) == [
        ("uniform", "toy", ""),
        ("kenlm", "toy", ""),
        ("uniform", "other", ""),
        ("kenlm", "other", ""),
    ]


def test_each_share_of_the_training_text_has_its_cells(corpus):
    long = replace(corpus, train=Split(tuple(f"line {number}\n" for number in range(10))))
    experiment = Experiment(select_models("kenlm"), (long,), train_parts=list_parts((0.2, 1.0)))
    tenth, whole = experiment.plan()
    assert [cell.row.label for cell in (tenth, whole)] == ["kenlm (20% of train)", "kenlm"]
    assert (tenth.subject.train.documents, whole.subject) == (("line 0\n", "line 1\n"), long)
    assert tenth.row.key != whole.row.key
    assert whole.row.key == Experiment(select_models("kenlm"), (long,)).plan()[0].row.key


def test_each_draw_of_a_share_has_its_cells_and_the_first_draw_is_the_beginning(corpus):
    long = replace(corpus, train=Split(tuple(f"line {number}\n" for number in range(10))))
    once, several = (
        Experiment(select_models("kenlm"), (long,), train_parts=list_parts((0.2, 1.0), draws)).plan()
        for draws in (1, 3)
    )
    assert [cell.row.label for cell in several] == [
        "kenlm (20% of train)",
        "kenlm (draw 2 of 20% of train)",
        "kenlm (draw 3 of 20% of train)",
        "kenlm",
    ]
    assert [cell.row for cell in once] == [several[0].row, several[3].row]
    assert len({cell.row.key for cell in several}) == 4


def test_a_pretrained_model_has_one_cell_for_all_shares(corpus, tmp_path):
    model = tmp_path / "model.arpa"
    model.write_text("\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <unk>\n-99 <s>\n-0.3 </s>\n\n\\end\\\n")
    selected = select_models(f"arpa:{model},uniform")
    experiment = Experiment(selected, (corpus,), train_parts=list_parts((0.5, 1.0), 2))
    assert [cell.row.train_size for cell in experiment.plan() if cell.model is selected[0]] == [""]
    assert [cell.row.train_size for cell in experiment.plan() if cell.model is selected[1]] == [
        "50%",
        "draw 2 of 50%",
        "",
    ]


def test_joint_experiments_have_each_cell_once_with_the_strongest_audit(corpus):
    parts = (
        Experiment(select_models("uniform,ppm"), (corpus,), check=False, audit="none"),
        Experiment(select_models("uniform"), (corpus,), check=True, audit="full"),
        Experiment(select_models("uniform"), (replace(corpus, name="other"),), check=False),
    )
    plan = JointExperiment(parts).plan()
    assert [(cell.row.model, cell.subject.name, cell.check, cell.audit) for cell in plan] == [
        ("uniform", "toy", True, "full"),
        ("ppm", "toy", False, "none"),
        ("uniform", "other", False, "sample"),
    ]


def test_joint_experiments_may_not_read_one_text_in_two_ways(corpus):
    models = select_models("uniform")
    same = JointExperiment((Experiment(models, (corpus,)), Experiment(models, (replace(corpus),))))
    assert [record.name for record in same.build_manifest(same.plan()).corpora] == ["toy"]
    other = replace(corpus, test=Split(("another\n",)))
    different = JointExperiment((Experiment(models, (corpus,)), Experiment(models, (other,))))
    with pytest.raises(CorpusError, match="two experiments read toy differently"):
        different.build_manifest(different.plan())


def test_a_model_that_a_run_knows_keeps_its_label(corpus):
    old = Experiment(select_models("kenlm,uniform"), (corpus,))
    new = Experiment(select_models("kenlm:order=5,ppm"), (corpus,))
    manifest = old.build_manifest(old.plan()).extended(new.build_manifest(new.plan()))
    adopted = adopt_rows(new.plan(), manifest.rows)
    assert [(cell.row.model, cell.model.label) for cell in adopted] == [("kenlm", "kenlm"), ("ppm", "ppm")]
    assert [row.model for row in manifest.rows] == ["kenlm", "uniform", "ppm"]


def test_an_older_run_gains_what_its_corpora_lack(corpus):
    experiment = Experiment(select_models("uniform"), (corpus,))
    manifest = experiment.build_manifest(experiment.plan())
    anchor = Anchor(name="xz", how="xz -9e", bits=8)
    newer = manifest.corpora[0].model_copy(update={"anchors": (anchor,), "note": "It is old.", "description": "other"})
    grown = manifest.extended(manifest.model_copy(update={"corpora": (newer,)}))
    assert grown.corpora == (newer.model_copy(update={"description": manifest.corpora[0].description}),)
    assert grown.extended(manifest) == grown


def test_a_row_whose_model_has_changed_is_replaced_and_its_old_model_gets_a_row(corpus, tmp_path):
    words, others = tmp_path / "words.txt", tmp_path / "others.txt"
    words.write_text("a b")
    old = Experiment(select_models(f"kenlm:limit_vocab={words}"), (corpus,))
    manifest = old.build_manifest(old.plan())
    words.write_text("c d")
    others.write_text("a b")
    new = Experiment(select_models(f"kenlm:limit_vocab={others},kenlm:limit_vocab={words}"), (corpus,))
    grown = manifest.extended(new.build_manifest(new.plan()))
    assert {row.key for row in grown.rows} == {cell.row.key for cell in new.plan()}
    assert adopt_rows(new.plan(), grown.rows) == new.plan()


def test_the_manifest_records_models_and_texts(tmp_path, corpus):
    words = tmp_path / "words.txt"
    words.write_text("a b")
    experiment = Experiment(select_models(f"uniform,kenlm:limit_vocab={words},label=K"), (corpus,))
    manifest = experiment.build_manifest(experiment.plan())
    assert [(model.label, model.spec) for model in manifest.models] == [
        ("uniform", "uniform"),
        ("K", f"kenlm:limit_vocab={words}"),
    ]
    assert manifest.models[1].options["order"] == 5
    assert "sha256:" in str(manifest.models[1].identity)
    [record] = manifest.corpora
    assert (record.name, record.test_documents, record.test_bytes) == ("toy", 2, 10)
    assert record.test_fingerprint == corpus.test.fingerprint
    assert [row.model for row in manifest.rows] == ["uniform", "K"]


@pytest.fixture
def source(corpus):
    return replace(corpus, name="source", floor=tuple(0.0 for _ in corpus.test.documents), floor_note="known")


def rows_of(parts):
    return [(row.model, row.corpus) for row in (cell.row for cell in JointExperiment(parts).plan())]


def test_all_leaves_pretrained_models_out_on_synthetic_sources(corpus, source):
    """They know natural language, which a source does not have. Whoever names one gets it."""
    models = tuple(model for model in select_models("all") if model.label in ("gpt2", "uniform"))
    parts = Experiment(models, (source, corpus)).leave_out_pretrained()
    assert rows_of(parts) == [("gpt2", "toy"), ("uniform", "toy"), ("uniform", "source")]
    named = tuple(model for model in select_models("all,gpt2") if model.label in ("gpt2", "uniform"))
    [whole] = Experiment(named, (source, corpus)).leave_out_pretrained()
    assert ("gpt2", "source") in rows_of((whole,))


def test_nothing_is_divided_without_pretrained_models_or_sources(corpus, source):
    fitted = tuple(model for model in select_models("all") if model.label == "uniform")
    assert len(Experiment(fitted, (source, corpus)).leave_out_pretrained()) == 1
    every = tuple(model for model in select_models("all") if model.label in ("gpt2", "uniform"))
    [natural] = Experiment(every, (corpus,)).leave_out_pretrained()
    assert natural.models == every


def test_each_item_of_a_task_is_asked_once_for_its_digest(monkeypatch):
    asked = []
    requests = type(QUESTIONS).requests

    def count(task, item):
        asked.append(item.id)
        return requests(task, item)

    monkeypatch.setattr(type(QUESTIONS), "requests", count)
    parts, tasks = list_parts((0.5, 1.0)), (replace(QUESTIONS),)
    joint = JointExperiment((Experiment(select_models("uniform,ppm"), (), train_parts=parts, tasks=tasks),))
    [record] = joint.build_manifest(joint.plan()).tasks
    assert asked == [item.id for item in QUESTIONS.items]
    assert record.digest == QUESTIONS.digest
