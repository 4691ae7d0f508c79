"""The audits in table.md and table.csv."""

import csv
import io

import pytest

from lmbench.checks.audit import Audit
from lmbench.report.audits import summarize_audits
from lmbench.report.csv_files import format_cells
from lmbench.report.markdown import format_markdown
from lmbench.report.ranked_run import RankedRun
from tests.report.cells import CORPUS, broken_cell, cell
from tests.storing import new_directory, store

FIRST = Audit(
    documents=1200,
    prefixes=3,
    positions=40,
    spellings=5,
    largest_difference=1e-9,
    largest_sum_error=4e-12,
    seconds=0.25,
)
SECOND = Audit(documents=34, prefixes=1, positions=2, largest_difference=0.5, failure="document 3: 0.5 nats", seconds=1)


@pytest.fixture
def directory(tmp_path):
    made = new_directory(tmp_path / "run", (CORPUS,))
    store(made, cell("a", audit=FIRST))
    store(made, cell("b", audit=SECOND, doubt="audit failed: document 3: 0.5 nats"))
    store(made, cell("c"))
    store(made, cell("d", pseudo=True))
    store(made, broken_cell("e"))
    return made


SENTENCE = (
    "c: 2 cells audited: 1,234 documents and 4 prefixes scored again; 42 distributions and 5 spellings examined; "
    "largest difference 0.5 nats; largest sum error 4e-12; 1.2 s; failed: b; not audited: c"
)


def test_one_sentence_a_corpus_says_what_was_audited(directory):
    assert summarize_audits(directory) == [SENTENCE]
    assert f"## Audit\n\n- {SENTENCE}\n" in format_markdown(RankedRun.read(directory))


def test_documents_of_a_full_audit_are_counted(tmp_path):
    made = new_directory(tmp_path / "run", (CORPUS,))
    for number in (1, 2):
        store(made, cell(f"m{number}", audit=FIRST.model_copy(update={"rescored": 2000})))
    [sentence] = summarize_audits(made)
    assert "6 prefixes scored again; 4,000 documents scored in another process; 80 distributions" in sentence


def test_csv_has_the_figures_of_each_audit(directory):
    rows = list(csv.DictReader(io.StringIO(format_cells(RankedRun.read(directory)))))
    assert [row["audit_documents"] for row in rows] == ["1200", "34", "", "", ""]
    assert (rows[0]["audit_largest_sum_error"], rows[0]["audit_seconds"]) == ("4e-12", "0.25")
    assert rows[1]["audit_failure"] == "document 3: 0.5 nats"
    assert rows[1]["unverified"] == "audit failed: document 3: 0.5 nats; not checked"


def test_runs_without_an_audit_say_so(tmp_path):
    made = new_directory(tmp_path / "run", (CORPUS,))
    store(made, cell("a"))
    store(made, cell("b"))
    assert "## Audit\n\n- c: not audited: a, b\n" in format_markdown(RankedRun.read(made))
    assert "audit" not in format_cells(RankedRun.read(made))


def test_runs_without_probabilities_have_no_section(tmp_path):
    made = new_directory(tmp_path / "run", (CORPUS,))
    store(made, cell("d", pseudo=True))
    store(made, broken_cell("e"))
    assert summarize_audits(made) == []
    assert "Audit" not in format_markdown(RankedRun.read(made))


def test_models_that_were_not_scored_again_are_named_with_the_reason(tmp_path):
    made = new_directory(tmp_path / "run", (CORPUS,))
    store(made, cell("a", audit=FIRST.model_copy(update={"not_rescored": "it cannot be saved"})))
    store(made, cell("b", audit=FIRST))
    [sentence] = summarize_audits(made)
    assert sentence.endswith("; 0.5 s; not scored again: a: it cannot be saved")
