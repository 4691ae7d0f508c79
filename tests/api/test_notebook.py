"""A notebook that a kernel executes."""

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

MODEL = """
import numpy as np
import lmbench
from lmbench import LanguageModel, Score, Signature

class Flat(LanguageModel):
    def fit(self, data, progress=None):
        pass

    def score(self, documents):
        sizes = [len(document.encode()) for document in documents]
        return [Score(np.arange(1, n + 1), np.full(n, np.log(1 / 256)), np.zeros(n)) for n in sizes]

    def signature(self):
        return Signature.of(model="flat")
"""
INTERRUPT = """
import os, signal

class Slow(Flat):
    def fit(self, data, progress=None):
        os.kill(os.getpid(), signal.SIGINT)  # what the button of a notebook sends

lmbench.run(["uniform", Slow], "fables-en", check=False)
"""
SOURCES = (
    MODEL,
    "results = lmbench.run([Flat, 'uniform'], 'fables-en', check=False)\nresults",
    "results.plot()",
    INTERRUPT,
)


@pytest.fixture(scope="module")
def cells():
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, SOURCES)))
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
    return notebook.cells


def test_a_class_of_the_notebook_runs_and_its_table_is_shown(cells):
    bar, table = cells[1].outputs
    assert "<progress" in bar.data["text/html"]
    assert "2 of 2 cells" in bar.data["text/html"]
    assert "<td" in table.data["text/html"]
    assert ">Flat ‡" in table.data["text/html"]
    assert "8.00" in table.data["text/plain"]


def test_a_plot_is_shown_once(cells):
    assert [list(output.data) for output in cells[2].outputs] == [["text/plain", "image/svg+xml"]]


def test_an_interrupt_stops_the_run_and_says_what_is_stored(cells):
    *shown, error = cells[3].outputs
    assert error.ename == "KeyboardInterrupt"
    assert any("1 of 2 cells, interrupted" in output.get("data", {}).get("text/html", "") for output in shown)
    assert "1 of 2 cells are stored; resume with out=" in "".join(error.traceback)
