"""A corpus and a task of the same name are two things to an analysis."""

import shutil
from dataclasses import replace

import pytest

from lmbench import Corpus, Split
from lmbench.api.results import Results
from lmbench.errors import UnknownNameError
from tests.running import run
from tests.runs.items import QUESTIONS, TEXT

CORPUS = Corpus("toy", TEXT.train, TEXT.valid, Split(("the cat sat\n", "a zebra\n")), provenance="lines")


def test_the_cells_of_a_task_are_not_those_of_a_corpus_of_its_name(tmp_path):
    run("uniform,kenlm:order=2", [CORPUS], tmp_path / "run")
    run("ppm", [], tmp_path / "run", tasks=[replace(QUESTIONS, name="toy")])
    results = Results.load(tmp_path / "run", texts=[CORPUS])
    with pytest.raises(UnknownNameError, match="unknown model of this analysis on toy 'ppm'"):
        results.analyze("frequency", models="ppm")
    shutil.rmtree(results.directory.folder(results.directory.manifest.text_rows[0]))
    [note] = results.analyze("frequency").notes
    assert note.startswith("1 of 2 cells of toy are missing or damaged")
