import pytest

from lmbench.analysis.comparison import compare_runs
from tests.analysis.crafted import NOISE, add, made_on, model_record, new_run
from tests.report.cells import COSTS, text


@pytest.fixture
def changed(tmp_path):
    """Return a function that gives the changes between a row with some fields and one with others."""

    def compare(first, second):
        runs = [new_run(tmp_path / name, text(), text("d")) for name in "xy"]
        for directory, fields in zip(runs, (first, second), strict=True):
            for corpus in ("c", "d"):
                add(directory, "a", 200 + NOISE, corpus=corpus, **fields)
            add(directory, "b", 200 + NOISE)
        rows = (("c", "a"), ("d", "a"))
        found = compare_runs(*runs).changes
        assert all(change.rows == rows for change in found)
        return [(change.kind, change.name, change.before, change.after) for change in found]

    return compare


def record(options=None, **fields):
    return {"model": model_record("a", options, **fields)}


def test_rows_of_the_same_cells_have_no_changes(changed):
    same = record({"order": 5}) | {"provenance": made_on(), "remarks": ("slow",)}
    assert changed(same, same) == []


def test_options(changed):
    assert changed(
        record({"order": 5, "same": True}), record({"order": 3, "same": True, "added": None, "new": "x"})
    ) == [
        ("option", "order", "5", "3"),
        ("option", "new", "", "x"),
    ]


def test_another_model_of_the_same_label(changed):
    assert changed(record(spec="kenlm:order=3"), record(spec="ppm:order=3")) == [("model", "model", "kenlm", "ppm")]


def test_the_contents_of_a_file(changed):
    identities = [{"version": 1, "options": {"path": f"sha256:{digit}"}} for digit in "12"]
    rows = [record({"path": "m.arpa"}, identity=identity) for identity in identities]
    assert changed(*rows) == [("file", "path", "sha256:1", "sha256:2")]


def test_the_algorithm_and_the_sources_of_a_plugin(changed):
    first, second = ({"code": f"plugin:{digit}", "version": digit, "options": {}} for digit in (1, 2))
    assert changed(record(identity=first), record(identity=second, origin="test 2")) == [
        ("algorithm", "version", "1", "2"),
        ("algorithm", "sources", "plugin:1", "plugin:2"),
        ("algorithm", "package", "test 1", "test 2"),
    ]


def test_versions(changed):
    old, new = made_on(numpy="1", torch="2"), made_on(python="3.12", revision="def", numpy="2")
    assert changed({"provenance": old}, {"provenance": new}) == [
        ("version", "numpy", "1", "2"),
        ("version", "torch", "2", ""),
        ("version", "git revision", "abc", "def"),
        ("version", "Python", "3.11", "3.12"),
    ]


def test_remarks_on_the_fit(changed):
    assert changed({"remarks": ("order=4",)}, {"remarks": ("order=3",)}) == [("remark", "fit", "order=4", "order=3")]


def test_machines_count_only_if_the_costs_differ(changed, tmp_path):
    assert changed({"provenance": made_on("Xeon")}, {"provenance": made_on("Epyc")}) == []


def test_machines_of_cells_with_other_costs(changed):
    slow = COSTS.model_copy(update={"score_seconds": 9.0})
    [(kind, _, before, after)] = changed(
        {"provenance": made_on("Xeon")}, {"provenance": made_on("Epyc"), "costs": slow}
    )
    assert (kind, before.split(",")[0], after.split(",")[0]) == ("machine", "Xeon", "Epyc")


def test_seeds(tmp_path):
    runs = [new_run(tmp_path / name) for name in "xy"]
    for directory, seeds in zip(runs, ((0, 1), (0, 2)), strict=True):
        for seed in seeds:
            model = model_record(f"a:seed={seed}", {"seed": seed})
            add(directory, f"a:seed={seed}", 200 + NOISE, model=model)
    [change] = compare_runs(*runs).changes
    assert (change.kind, change.name, change.before, change.after) == ("option", "seed", "0, 1", "0, 2")
