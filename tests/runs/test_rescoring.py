import pytest

from tests.runs.test_cells import run_models


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    models = "honest,remembers,saves,forgetstorestore,cannotsave,restoresanother,cheapatfirst,pseudo,kenlm:order=2"
    models += ",dieswhensaved"
    return run_models(tmp_path_factory.mktemp("cells"), models, audit="full", use_store=False)


@pytest.mark.parametrize("model", ["honest", "saves", "kenlm:order=2"])
def test_an_honest_model_scores_the_same_in_a_fresh_process(cells, model):
    assert (cells[model].doubt, cells[model].audit.failure, cells[model].audit.rescored) == ("", "", 40)
    assert cells[model].audit.documents >= 4


@pytest.mark.parametrize("model", ["remembers", "forgetstorestore"])
def test_other_scores_in_a_fresh_process_mark_the_cell(cells, model):
    cell = cells[model]
    assert cell.status == "ok"
    assert cell.audit.rescored < 40
    assert cell.doubt == f"audit failed: {cell.audit.failure}"
    assert cell.audit.failure.startswith("scored again by a fresh process, in another order: document ")
    assert " bits for spelling), and cost " in cell.audit.failure


@pytest.mark.parametrize(
    ("model", "failure"),
    [
        ("cannotsave", "the model cannot be saved: OSError: no space"),
        ("dieswhensaved", "the model cannot be saved: the process ended too early, with exit code 9"),
    ],
)
def test_a_model_that_cannot_be_saved_after_all_fails_the_audit(cells, model, failure):
    """The audit of the sample was before that, and is kept."""
    assert cells[model].audit.failure == failure
    assert cells[model].audit.documents >= 4
    assert cells[model].audit.rescored == 0


def test_a_restored_model_must_have_its_signature(cells):
    failure = "the signature of the restored model is factor:1.0, and was factor:0.7"
    assert cells["restoresanother"].audit.failure.endswith(failure)


def test_a_model_that_is_fitted_for_a_limited_time_is_not_scored_again(tmp_path):
    """Another fit gives another model, which the signature says."""
    with pytest.warns(UserWarning, match="trainsforatime on lines is not scored again: it cannot be saved, and fitted"):
        cell = run_models(tmp_path, "trainsforatime", audit="full")["trainsforatime"]
    assert (cell.doubt, cell.audit.rescored, cell.audit.documents > 0) == ("", 0, True)
    assert cell.audit.not_rescored.startswith("it cannot be saved, and fitted again its signature is steps:")


def test_a_failed_audit_of_the_sample_is_enough(cells):
    assert "is scored" in cells["cheapatfirst"].audit.failure
    assert cells["cheapatfirst"].audit.rescored == 0


def test_scores_that_are_no_probabilities_are_not_scored_again(cells):
    assert cells["pseudo"].audit is None
