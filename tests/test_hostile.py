"""One hostile plugin costs its cell and nothing else."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from lmbench import Corpus, Split, build, evaluate
from lmbench.checks import check_model
from lmbench.cli.score import score
from lmbench.errors import LmbenchError
from tests.hostile import HARMLESS, HOSTILE, WRONG_VALUES
from tests.plugins import installed
from tests.running import run

CORPUS = Corpus("toy", Split(("a b\n",) * 9), Split(("a b\n",)), Split(("a b\n", "b 中\n")), provenance="lines")

SOME_WRONG_VALUES = (
    "NoneForScores", "LazyScores", "SubclassOfScore", "Masked", "SignatureOfLists", "RemarksOfNumbers",
    "ExhibitsOfDicts", "UnvalidatedExhibit",
)  # fmt: skip
"""Wrong values that a run must not send from one process to another; it treats the others in the same way."""

IN_A_RUN = [name for name in HOSTILE if name not in WRONG_VALUES or name in SOME_WRONG_VALUES]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Run hostile and all harmless models between two good ones."""
    folder = tmp_path_factory.mktemp("hostile")
    names = ["first", *map(str.lower, [*IN_A_RUN, *HARMLESS]), "last"]
    points = {name.lower(): f"tests.hostile:{name}" for name in [*IN_A_RUN, *HARMLESS]}
    points |= {"first": "tests.hostile:Good", "last": "tests.hostile:Good"}
    before = Path.cwd()
    with installed(folder / "plugins", points, name="lmbench-hostile"):
        directory = run(",".join(names), [CORPUS], folder / "run")
    assert Path.cwd() == before
    return directory


@pytest.fixture(scope="module")
def cells(directory):
    return {cell.model: cell for cell in directory.cells()}


@pytest.mark.parametrize("name", IN_A_RUN)
def test_a_hostile_model_costs_its_cell_and_says_why(cells, name):
    _, error = HOSTILE[name]
    cell = cells[name.lower()]
    assert cell.status == "failed"
    assert re.search(error, cell.error), cell.error
    assert len(cell.error) < 2000
    assert cell.error.isprintable()


@pytest.mark.parametrize("name", ["first", *HARMLESS, "last"])
def test_the_other_cells_run(cells, name):
    cell = cells[name.lower()]
    assert cell.error == ""
    assert cell.metrics.bits_per_byte == pytest.approx(8)


def test_numpy_numbers_are_stored_as_plain_ones(cells):
    assert (cells["numpyfootprint"].costs.parameters, cells["numpyfootprint"].costs.disk_bytes) == (3, 4)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("NoneForScores", "ScoreError: score returned None"),
        ("Complex", "ScoreError: document 0: logprobs has the dtype complex128"),
        ("SignatureOfText", "the signature is 'own:yes', which is not a Signature"),
        ("Exits", "SystemExit: 3"),
        ("CannotSayWhy", "RaisesWhenShownError: its message cannot be read"),
    ],
)
def test_the_suite_says_what_a_hostile_model_does(name, detail):
    outcomes = check_model(HOSTILE[name][0])
    assert detail in " ".join(outcome.detail for outcome in outcomes if outcome.status == "fail")


@pytest.mark.parametrize("name", [*WRONG_VALUES, "ReportsAText", "LateTraits"])
def test_an_evaluation_in_this_process_raises_the_same_errors(name):
    model, error = HOSTILE[name]
    with pytest.raises(LmbenchError, match=error) as raised:
        evaluate(model(), CORPUS)
    assert len(str(raised.value)) < 2000
    assert str(raised.value).isprintable()


def test_one_score_and_continuations_are_checked_like_a_run(tmp_path, monkeypatch):
    with installed(tmp_path / "plugins", {"complex": "tests.hostile:Complex"}):
        with pytest.raises(LmbenchError, match="document 0: logprobs has the dtype complex128"):
            build("complex").score_continuation("a", "b")
        (tmp_path / "text.txt").write_text("a b\n")
        result = CliRunner().invoke(score, ["complex", str(tmp_path / "text.txt"), "--corpus", "fables-en"])
    assert "document 0: logprobs has the dtype complex128" in str(result.exception)
