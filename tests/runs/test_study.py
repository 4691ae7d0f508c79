import tomllib
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lmbench.printable import printable_lines
from lmbench.runs.study import HEADER, ExperimentTable, Settings, Study
from lmbench.runs.study_file import read_study


def table(models="a", corpora="x", **others):
    return ExperimentTable(models=models, corpora=corpora, **others)


def drawn(draws, models="a"):
    return table(models, train_size="1%", train_draws=draws)


def cells(study):
    """The cells that a study asks for, with all that says how."""
    return {
        (*cell, experiment.audit, experiment.check, experiment.limit)
        for experiment in study.experiments
        for subjects in (experiment.corpora, [f"task {name}" for name in experiment.tasks])
        for cell in product(experiment.models, subjects, experiment.train_parts)
    }


tables = st.builds(
    ExperimentTable,
    models=st.lists(st.sampled_from("abc"), min_size=1, unique=True).map(tuple),
    corpora=st.lists(st.sampled_from("xyz"), min_size=1, unique=True).map(tuple),
    tasks=st.lists(st.sampled_from("tx"), unique=True).map(tuple),
    train_size=st.sampled_from([("1%",), ("1%", "100%"), ("10%",)]),
    train_draws=st.sampled_from([1, 3]),
    audit=st.sampled_from(["none", "full"]),
    limit=st.sampled_from([None, 5]),
)


@given(st.lists(tables, min_size=1, max_size=6))
def test_a_study_that_grows_asks_for_the_cells_of_all_and_no_others(parts):
    whole = Study(experiments=(parts[0],))
    for part in parts[1:]:
        whole = whole.extended(Study(experiments=(part,)))
    assert cells(whole) == cells(Study(experiments=tuple(parts)))
    assert whole.extended(Study(experiments=tuple(parts))) == whole


def test_an_experiment_that_a_study_has_already_changes_nothing():
    """The first table could take it in too."""
    study = Study(experiments=(table("a", "x,y"), table("b", "x,y")))
    assert study.extended(Study(experiments=(table("b", "y,x"),))) == study


@pytest.mark.parametrize(
    ("old", "new", "joined"),
    [
        (table(), table(), [table()]),
        (table("a"), table("b"), [table("a,b")]),
        (table("a", "x"), table("a", "y"), [table("a", "x,y")]),
        (table("a", "x"), table("a,b", "x,y"), [table("a,b", "x,y")]),
        (table("a,b", "x,y"), table("b", "y"), [table("a,b", "x,y")]),
        (table(train_size="1%"), table(train_size="100%"), [table(train_size="1%,100%")]),
        (table("a", "x"), table("b", "y"), [table("a", "x"), table("b", "y")]),
        (table("a", "x"), table("a", "", tasks="t"), [table("a", "x", tasks="t")]),
        (table("a", "x", tasks="t"), table("a", "y", tasks="t,u"), [table("a", "x,y", tasks="t,u")]),
        (table("a", "x"), table("b", "", tasks="t"), [table("a", "x"), table("b", "", tasks="t")]),
        (drawn(1, "a,b"), drawn(3, "a,b"), [drawn(3, "a,b")]),
        (drawn(3, "a,b"), drawn(2), [drawn(3, "a,b")]),
        (drawn(2, "a,b"), drawn(3), [drawn(2, "a,b"), drawn(3)]),
        (table(audit="full"), table("b"), [table(audit="full"), table("b")]),
    ],
)
def test_two_experiments_become_one_only_if_it_is_a_product(old, new, joined):
    study = Study(experiments=(old,)).extended(Study(experiments=(new,)))
    assert study.experiments == tuple(joined)


def test_a_study_that_grows_has_the_settings_of_the_last_command():
    old = Study(experiments=(table(),), settings=Settings(jobs=3))
    assert old.extended(Study(experiments=(table(),), settings=Settings(jobs=2))).settings.jobs == 2


@pytest.mark.parametrize(
    ("draws", "size", "why"), [(2, "100%", "give train-size as well"), (0, "1%", "than or equal to 1")]
)
def test_draws_that_make_no_sense_are_refused(draws, size, why):
    with pytest.raises(ValidationError, match=why):
        table(train_size=size, train_draws=draws)


names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1).map(tuple)
written = st.builds(
    ExperimentTable,
    models=names,
    corpora=names,
    field=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    strip=st.sampled_from([None, False]),
    limit=st.none() | st.integers(1, 9),
)


@given(st.lists(written, min_size=1, max_size=3), st.none() | st.floats(0.1, 1e6))
def test_a_stored_study_is_read_as_the_same(tmp_path_factory, experiments, timeout):
    study = Study(experiments=tuple(experiments), settings=Settings(timeout=timeout, memory_limit="2G", scores=False))
    file = tmp_path_factory.mktemp("study") / "study.toml"
    file.write_text(study.format(), newline="")
    assert read_study(file, {})[0] == study
    assert printable_lines(study.format()) == study.format()


def test_a_stored_study_says_what_is_checked_and_audited_and_not_where_it_is():
    text = Study(experiments=(table(),), settings=Settings(out="here")).format()
    assert text.startswith(HEADER)
    assert tomllib.loads(text) == {"models": ["a"], "corpora": ["x"], "check": True, "audit": "sample"}


def test_tasks_alone_leave_the_embedded_corpora_out():
    assert ExperimentTable(models="a", tasks="t").corpora == ()
    assert ExperimentTable(models="a").corpora[:2] == ("pydocs", "fables-en")
    assert ExperimentTable(models="a", corpora="x", tasks="t").corpora == ("x",)


def test_a_resolved_table_has_the_options_of_tasks_in_their_names():
    asked = ExperimentTable(models="a", tasks="t", shots=2, limit=5, train_on="x")
    assert asked.task_options.arguments == (("limit", "5"), ("shots", "2"), ("train", "x"))
    resolved = asked.resolved(["a"], [], ["t:limit=5,shots=2,train=x"])
    assert (resolved.tasks, resolved.shots, resolved.train_on) == (("t:limit=5,shots=2,train=x",), None, None)


def test_a_resolved_table_does_not_tune_again():
    assert table("kenlm", tune=True).resolved(["kenlm:order=auto"]) == table("kenlm:order=auto")


def test_a_resolved_table_has_no_seeds_and_can_be_stored():
    resolved = table("hmm", "\udcff.txt", seeds=2).resolved(["hmm:seed=0", "hmm:seed=1"])
    assert resolved == table("hmm:seed=0,hmm:seed=1", "?.txt")
    assert table(seed=7).all_seeds == (7,)
    assert table(seeds=2).all_seeds == (0, 1)
    assert table(seeds=[5, 8]).all_seeds == (5, 8)
